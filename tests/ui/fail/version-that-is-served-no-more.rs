use controller_core::prelude::*;

struct PodWatcher;

#[controller(api_version = "apps/v1beta2", kind = "Deployment")] //~ mistake
//~ right: #[controller(api_version = "apps/v1", kind = "Deployment")]
impl PodWatcher {
    async fn reconcile(&self, _deployment: &Value, _cx: &Context<Self>) -> Result {
        Ok(())
    }
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
