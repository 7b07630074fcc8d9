//! Nothing of the expansion is warned about, whatever its user denies.

#![deny(
    warnings,
    missing_debug_implementations,
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unreachable_pub,
    unused,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications
)]

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};

/// A controller with everything that becomes code.
#[derive(Debug)]
pub(crate) struct Watcher;

#[controller(
    api_version = "v1",
    kind = "Pod",
    plural = "pods",
    namespace = ["a", "b"],
    when(generation),
    cache(compressed),
    on_start = add,
    schema = derive,
    reads(ConfigMap),
    writes(ConfigMap)
)]
impl Watcher {
    /// A callback.
    pub(crate) async fn add(&self, _pod: &Phase, _cx: &Context<Self>) {}

    /// Another.
    async fn reconcile(&self, _pod: &Phase, cx: &Context<Watcher>) -> Result {
        let settings = cx.get::<ConfigMap>("settings")?;
        cx.apply(&*settings.unwrap_or_default()).await?;
        self.helper();
        Ok(())
    }

    /// A helper.
    fn helper(&self) {}
}

/// A projection.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct Phase {}

/// A controller with nothing of it.
#[derive(Debug)]
pub(crate) struct Plain;

#[controller]
impl Plain {
    async fn delete(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

pub(super) fn main() {
    drop(Operator::new("x").controller(Watcher).controller(Plain));
}
