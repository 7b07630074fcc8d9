use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Node;

struct PodWatcher;

#[controller(api_version = "v1", kind = "Node", namespace = "default")] //~ mistake
//~ right: #[controller(api_version = "v1", kind = "Node")]
impl PodWatcher {
    async fn reconcile(&self, _node: &Node, _cx: &Context<Self>) -> Result {
        Ok(())
    }
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
