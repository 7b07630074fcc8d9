use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod", writes(ConfigMap))]
//~ right: #[controller(api_version = "v1", kind = "Pod", writes(ConfigMap, Secret))]
impl PodWatcher {
    async fn reconcile(&self, _pod: &Pod, cx: &Context<Self>) -> Result {
        cx.apply(&ConfigMap::default()).await?;
        cx.apply(&Secret::default()).await?; //~ mistake
        Ok(())
    }
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
