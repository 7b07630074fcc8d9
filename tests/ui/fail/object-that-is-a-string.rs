use controller_core::prelude::*;

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher {
    async fn reconcile(&self, _name: &str, _cx: &Context<Self>) {} //~ mistake
    //~ right: async fn reconcile(&self, _pod: &Value, _cx: &Context<Self>) {}
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
