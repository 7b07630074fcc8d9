use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod", reads(ConfigMap, ConfigMap))] //~ mistake
//~ right: #[controller(api_version = "v1", kind = "Pod", reads(ConfigMap))]
impl PodWatcher {
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) -> Result {
        _cx.get::<ConfigMap>("a")?;
        Ok(())
    }
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
