//! Where clauses of every sort, on parameters that the object depends on and on those that it doesn't.

use std::fmt::Debug;
use std::marker::PhantomData;

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use serde::de::DeserializeOwned;

trait Sink<K>: Send + Sync + 'static {
    type Error: std::error::Error + Send + Sync;

    fn put(&self, object: &K) -> Result<(), Self::Error>;
}

struct Nowhere;

impl<K> Sink<K> for Nowhere {
    type Error = std::io::Error;

    fn put(&self, _object: &K) -> Result<(), std::io::Error> {
        Ok(())
    }
}

struct Copy<K, S, F>
where
    S: Sink<K>,
{
    sink: S,
    names: F,
    of: PhantomData<fn() -> K>,
}

#[controller(api_version = "v1", kind = "ConfigMap")]
impl<K, S, F> Copy<K, S, F>
where
    K: DeserializeOwned + Send + Sync + 'static,
    S: Sink<K>,
    S::Error: 'static,
    for<'a> F: Fn(&'a K) -> &'a str + Send + Sync + 'static,
{
    async fn reconcile(&self, object: &K, _cx: &Context<Self>) -> Result<Action, S::Error> {
        let _ = (self.names)(object);
        self.sink.put(object).map(|()| Action::Done)
    }

    fn _helper<T: Debug>(&self, _: T)
    where
        K: Debug,
    {
    }
}

struct Bounded<T: Iterator<Item = u8> + Send + Sync + 'static, const N: usize = 3>([T; N]);

#[controller]
impl<T: Iterator<Item = u8> + Send + Sync + 'static, const N: usize> Bounded<T, N>
where
    [T; N]: Sized,
{
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Bounded<T, N>>) {
        let _ = self.0.len();
    }
}

struct OfOneType<T>(T);

#[controller(name = "of-one-type")]
impl OfOneType<Vec<Option<u8>>> {
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<OfOneType<Vec<Option<u8>>>>) {
        let _ = self.0.len();
    }
}

fn name(map: &ConfigMap) -> &str {
    map.metadata.name.as_deref().unwrap_or_default()
}

pub(super) fn main() {
    let copy = Copy { sink: Nowhere, names: name, of: PhantomData };
    let bounded = Bounded::<_, 1>([b"x".iter().copied()]);
    drop(Operator::new("x").controller(copy).controller(bounded).controller(OfOneType(vec![None])));
}
