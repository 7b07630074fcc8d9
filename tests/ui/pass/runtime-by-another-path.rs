//! `crate = ..` names the runtime where it is re-exported.

mod facade {
    pub(super) use controller_core as sdk;
}

use facade::sdk::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod", crate = crate::ui::runtime_by_another_path::facade::sdk)]
impl PodWatcher {
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

pub(super) fn main() {
    drop(Operator::new("x").controller(PodWatcher));
}
