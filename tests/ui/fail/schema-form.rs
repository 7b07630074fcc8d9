use controller_core::prelude::*;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Small {}

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod", schema(derive))] //~ mistake
//~ right: #[controller(api_version = "v1", kind = "Pod", schema = derive)]
impl PodWatcher {
    async fn reconcile(&self, _pod: &Small, _cx: &Context<Self>) -> Result {
        Ok(())
    }
}

fn main() {
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
