use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;
use serde::de::DeserializeOwned;

struct Mirror<K>(std::marker::PhantomData<fn() -> K>);

#[controller(api_version = "v1")]
//~ right: #[controller(api_version = "v1", kind = "Pod")]
impl<K: DeserializeOwned + Send + Sync + 'static> Mirror<K> {
    async fn reconcile(&self, _object: &K, _cx: &Context<Self>) {} //~ mistake
}

fn main() {
    let _ = Mirror::<Pod>(std::marker::PhantomData).child_spec();
    drop(controller_core::Operator::new("x").controller(Mirror::<Pod>(std::marker::PhantomData)));
}
