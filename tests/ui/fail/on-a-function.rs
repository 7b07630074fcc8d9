use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

#[controller(api_version = "v1", kind = "Pod")]
async fn reconcile(_pod: &Pod) {} //~ mistake

fn main() {
    drop(reconcile(&Pod::default()));
}
