#![deny(warnings)]

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher {
    async fn reconcile(
        &self,
        pod: &Pod, //~ mistake
        //~ right: _pod: &Pod,
        _cx: &Context<Self>,
    ) -> Result {
        let mut size = 3; //~ mistake
        //~ right: let size = 3;
        std::fs::read("a"); //~ mistake
        //~ right: let _ = std::fs::read("a");
        let _ = size;
        Ok(())
    }
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
