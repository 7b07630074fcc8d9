use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct PodWatcher;

#[controller(
    api_version = "v1",
    kind = "Podd", //~ mistake
    //~ right: kind = "Pod",
    namespace = "Kube_System", //~ mistake
    //~ right: namespace = "kube-system",
    reconcile_delay = "30", //~ mistake
    //~ right: reconcile_delay = "30s",
    colour = "red", //~ mistake
    //~ right:
    supervisor(restart = transiant), //~ mistake
    //~ right: supervisor(restart = transient),
)]
impl PodWatcher {
    fn add(&self, _pod: &Pod, _cx: &Context<Self>) {} //~ mistake
    //~ right: async fn add(&self, _pod: &Pod, _cx: &Context<Self>) {}

    async fn modify(&mut self, _pod: &Pod, _cx: &Context<Self>) {} //~ mistake
    //~ right: async fn modify(&self, _pod: &Pod, _cx: &Context<Self>) {}

    async fn delete(&self, _pod: Pod, _cx: &Context<Self>) {} //~ mistake
    //~ right: async fn delete(&self, _pod: &Pod, _cx: &Context<Self>) {}

    async fn reconcil(&self, _pod: &Pod, _cx: &Context<Self>) {} //~ mistake
    //~ right: async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
