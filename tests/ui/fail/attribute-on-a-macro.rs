use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

pub struct PodWatcher;

macro_rules! watcher {
    () => {
        impl PodWatcher {
        //~ right: #[controller(api_version = "v1", kind = "Pod")]
        //~ right: impl PodWatcher {
            pub async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
        }
    };
}

#[controller(api_version = "v1", kind = "Pod")] //~ mistake
//~ right:
watcher! {}

fn main() {
    drop(PodWatcher);
}
