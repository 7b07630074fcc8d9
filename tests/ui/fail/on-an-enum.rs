use controller_core::prelude::*;

#[controller(api_version = "v1", kind = "Pod")]
//~ right:
enum PodWatcher { //~ mistake
    Idle,
}
//~ right: }
//~ right:
//~ right: #[controller(api_version = "v1", kind = "Pod")]
//~ right: impl PodWatcher {
//~ right:     async fn reconcile(&self, _pod: &Value, _cx: &Context<Self>) {}
//~ right: }

fn main() {
    let _ = PodWatcher::Idle.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher::Idle));
}
