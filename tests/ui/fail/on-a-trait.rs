use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

#[controller(api_version = "v1", kind = "Pod")]
//~ right: struct PodWatcher;
//~ right:
//~ right: #[controller(api_version = "v1", kind = "Pod")]
trait PodWatcher { //~ mistake
//~ right: impl PodWatcher {
    fn reconcile(&self, pod: &Pod);
    //~ right: async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
}
//~ right: }

struct Watcher;
//~ right:

impl PodWatcher for Watcher {
//~ right:
    fn reconcile(&self, _pod: &Pod) {}
    //~ right:
}
//~ right:

fn main() {
    Watcher.reconcile(&Pod::default());
    //~ right: drop(PodWatcher.child_spec());
}
