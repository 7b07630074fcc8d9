use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;
//~ right: use k8s_openapi::api::core::v1::Pod;
//~ right:
//~ right: struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")]
impl String { //~ mistake
//~ right: impl PodWatcher {
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) -> Result {
        Ok(())
    }
}

fn main() {
    let _ = String::new().child_spec();
    //~ right: let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(String::new()));
    //~ right: drop(controller_core::Operator::new("x").controller(PodWatcher));
}
