use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

#[controller(api_version = "v1", kind = "Pod")]
//~ right:
struct PodWatcher; //~ mistake
//~ right: struct PodWatcher;
//~ right:
//~ right: #[controller(api_version = "v1", kind = "Pod")]

impl PodWatcher {
    pub async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
    //~ right: async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
