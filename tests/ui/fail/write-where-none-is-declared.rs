use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")]
//~ right: #[controller(api_version = "v1", kind = "Pod", writes(ConfigMap))]
impl PodWatcher {
    async fn reconcile(&self, _pod: &Pod, cx: &Context<Self>) -> Result {
        cx.apply(&ConfigMap::default()).await?; //~ mistake
        Ok(())
    }
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
