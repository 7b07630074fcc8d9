use controller_core::prelude::*;
use k8s_openapi::api::apps::v1::Deployment;

struct PodWatcher;

#[controller(api_version = "app/v1", kind = "Deployment")] //~ mistake
//~ right: #[controller(api_version = "apps/v1", kind = "Deployment")]
impl PodWatcher {
    async fn reconcile(&self, _deployment: &Deployment, _cx: &Context<Self>) -> Result {
        Ok(())
    }
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
