use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct PodWatcher {
    runs: std::cell::RefCell<u64>,
    //~ right: runs: std::sync::Mutex<u64>,
}

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher { //~ mistake
    async fn add(&self, _pod: &Pod, _cx: &Context<Self>) {}

    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {
        *self.runs.borrow_mut() += 1;
        //~ right: *self.runs.lock().unwrap() += 1;
    }
}

fn main() {
    let _ = PodWatcher { runs: 0.into() }.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher { runs: 0.into() }));
}
