use controller_core::prelude::*;
use k8s_openapi::api::storage::v1alpha1::VolumeAttributesClass; //~ mistake
//~ right: use k8s_openapi::api::storage::v1::VolumeAttributesClass;

struct PodWatcher;

#[controller(
    api_version = "storage.k8s.io/v1alpha1",
    //~ right: api_version = "storage.k8s.io/v1",
    kind = "VolumeAttributesClass", //~ hint
)]
impl PodWatcher {
    async fn reconcile(&self, _class: &VolumeAttributesClass, _cx: &Context<Self>) -> Result {
        Ok(())
    }
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
