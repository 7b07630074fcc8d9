use controller_core::prelude::*;

mod watcher {
    use controller_core::prelude::*;

    #[derive(serde::Deserialize)]
    struct Small {}
    //~ right: pub struct Small {}

    pub struct PodWatcher;

    #[controller(api_version = "v1", kind = "Pod")]
    impl PodWatcher {
        async fn reconcile(&self, _pod: &Small, _cx: &Context<Self>) {} //~ mistake
    }
}

fn main() {
    let _ = watcher::PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(watcher::PodWatcher));
}
