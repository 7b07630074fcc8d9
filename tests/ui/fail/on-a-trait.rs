use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

#[controller(api_version = "v1", kind = "Pod")]
trait PodWatcher { //~ mistake
    fn reconcile(&self, pod: &Pod);
}

struct Watcher;

impl PodWatcher for Watcher {
    fn reconcile(&self, _pod: &Pod) {}
}

fn main() {
    Watcher.reconcile(&Pod::default());
}
