use controller_core::prelude::*;

#[derive(serde::Deserialize)]
struct Small<'a> {
//~ right: struct Small {
    kind: &'a str,
    //~ right: kind: String,
}

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher {
    async fn reconcile(&self, small: &Small<'_>, _cx: &Context<Self>) { //~ mistake
    //~ right: async fn reconcile(&self, small: &Small, _cx: &Context<Self>) {
        let _ = small.kind.len();
    }
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
