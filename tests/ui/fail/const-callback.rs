use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher {
    const fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {} //~ mistake
    //~ right: async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
