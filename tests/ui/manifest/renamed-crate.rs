// Cargo.toml: sdk = { version = "0.1", package = "controller-core" }
use k8s_openapi::api::core::v1::Pod;
use sdk::prelude::*;

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")] //~ mistake
//~ right: #[controller(crate = ::sdk, api_version = "v1", kind = "Pod")]
impl PodWatcher {
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(sdk::Operator::new("x").controller(PodWatcher));
}
