//! Type and const parameters, where clauses, and an object type that depends on one.

use std::marker::PhantomData;

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use serde::de::DeserializeOwned;

trait Store: Send + Sync + 'static {
    fn put(&self, name: Option<&str>);
}

struct Nowhere;

impl Store for Nowhere {
    fn put(&self, _name: Option<&str>) {}
}

struct Sharded<T, const N: usize>(T);

#[controller(api_version = "v1", kind = "Pod")]
impl<T, const N: usize> Sharded<T, N>
where
    T: Store,
{
    const SHARDS: usize = N;

    async fn reconcile(&self, pod: &Pod, _cx: &Context<Sharded<T, N>>) {
        let _ = Self::SHARDS;
        self.0.put(pod.metadata.name.as_deref());
    }
}

struct Mirror<K>(PhantomData<fn() -> K>);

#[controller(api_version = "v1", kind = "ConfigMap")]
impl<K: DeserializeOwned + Send + Sync + 'static> Mirror<K> {
    async fn reconcile(&self, _object: &K, _cx: &Context<Self>) {}
}

pub(super) fn main() {
    drop(Operator::new("x").controller(Sharded::<_, 3>(Nowhere)).controller(Mirror::<ConfigMap>(PhantomData)));
}
