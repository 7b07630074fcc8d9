use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct Wächter;

#[controller(api_version = "v1", kind = "Pod")]
//~ right: #[controller(api_version = "v1", kind = "Pod", name = "waechter")]
impl Wächter { //~ mistake
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) -> Result {
        Ok(())
    }
}

fn main() {
    let _ = Wächter.child_spec();
    drop(controller_core::Operator::new("x").controller(Wächter));
}
