use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

#[controller(api_version = "v1", kind = "Pod")]
//~ right: struct PodWatcher;
//~ right:
//~ right: #[controller(api_version = "v1", kind = "Pod")]
//~ right: impl PodWatcher {
async fn reconcile(_pod: &Pod) {} //~ mistake
//~ right:     async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
//~ right: }

fn main() {
    drop(reconcile(&Pod::default()));
    //~ right: drop(PodWatcher.child_spec());
}
