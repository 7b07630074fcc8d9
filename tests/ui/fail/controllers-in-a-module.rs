use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

mod watchers {
    use super::*;

    pub struct One;

    #[controller(api_version = "v1", kind = "Pod")]
    impl One {
        fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {} //~ mistake
        //~ right: async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
    }

    pub struct Two;

    #[controller(api_version = "v1", kind = "Pod", concurrency = 50000)] //~ mistake
    //~ right: #[controller(api_version = "v1", kind = "Pod", concurrency = 5000)]
    impl Two {
        async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
    }
}

fn main() {
    let _ = (watchers::One.child_spec(), watchers::Two.child_spec());
    drop(controller_core::Operator::new("x").controller(watchers::One).controller(watchers::Two));
}
