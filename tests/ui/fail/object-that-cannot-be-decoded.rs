use controller_core::prelude::*;

struct Small;
//~ right: #[derive(serde::Deserialize)]
//~ right: struct Small {}

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher {
    async fn reconcile(&self, _pod: &Small, _cx: &Context<Self>) {} //~ mistake
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
