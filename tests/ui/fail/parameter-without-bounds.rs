use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct PodWatcher<T>(T);

#[controller(api_version = "v1", kind = "Pod")]
impl<T> PodWatcher<T> { //~ mistake
//~ right: impl<T: Send + Sync + 'static> PodWatcher<T> {
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {
        let _ = &self.0;
    }
}

fn main() {
    let _ = PodWatcher(5).child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher(5)));
}
