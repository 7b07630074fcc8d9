use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct PodWatcher {
    seen: std::rc::Rc<str>,
    //~ right: seen: std::sync::Arc<str>,
}

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher { //~ mistake
    async fn add(&self, _pod: &Pod, _cx: &Context<Self>) {}

    async fn delete(&self, _pod: &Pod, _cx: &Context<Self>) {}

    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {
        drop(self.seen.clone());
    }
}

fn main() {
    let _ = PodWatcher { seen: "web".into() }.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher { seen: "web".into() }));
}
