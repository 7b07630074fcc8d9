use controller_core::prelude::*;

struct PodWatcher;
//~ right: struct PodWatcher;
//~ right:
//~ right: #[controller(api_version = "v1", kind = "Pod")]
//~ right: impl PodWatcher {
//~ right:     async fn reconcile(&self, _pod: &Value, _cx: &Context<Self>) {}
//~ right: }

#[controller(api_version = "v1", kind = "Pod")]
//~ right:
impl std::fmt::Display for PodWatcher { //~ mistake
//~ right: impl std::fmt::Display for PodWatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("pods")
    }
}

fn main() {
    let _ = PodWatcher.to_string();
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
