#[controller_core::controller(api_version = "v1", kind = "Pod")]
//~ right: struct PodWatcher;
//~ right:
//~ right: #[controller_core::controller(api_version = "v1", kind = "Pod")]
impl [u8] { //~ mistake
//~ right: impl PodWatcher {
    async fn reconcile(&self, _pod: &k8s_openapi::api::core::v1::Pod, _cx: &controller_core::Context<Self>) -> controller_core::Result {
        Ok(())
    }
}

fn main() {}
