use controller_core::prelude::*;

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher { //~ mistake
    pub fn helper(&self) {}
    //~ right: async fn reconcile(&self, _pod: &Value, _cx: &Context<Self>) {}
    //~ right:
    //~ right: pub fn helper(&self) {}
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
