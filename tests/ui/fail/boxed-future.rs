use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher {
    fn reconcile<'a>(&'a self, _pod: &Pod, _cx: &Context<Self>) -> std::pin::Pin<Box<dyn Future<Output = Result> + Send + 'a>> { //~ mistake
    //~ right: async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) -> Result {
        Box::pin(async { Ok(()) })
        //~ right: Ok(())
    }
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
