use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct PodWatcher<'a> {
//~ right: struct PodWatcher {
    prefix: &'a str,
    //~ right: prefix: &'static str,
}

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher<'_> { //~ mistake
//~ right: impl PodWatcher {
    async fn reconcile(&self, _pod: &Pod, cx: &Context<Self>) -> Result {
        let _ = format!("{} {}", self.prefix, cx.key());
        Ok(())
    }
}

fn main() {
    let _ = PodWatcher { prefix: "x" }.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher { prefix: "x" }));
}
