//! Attributes stay where they were written: docs, cfg, lints, and attributes that rewrite a method.

#![deny(warnings, missing_docs, clippy::pedantic)]

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

/// Watches pods.
pub(crate) struct Watcher;

/// Its callbacks.
#[controller(api_version = "v1", kind = "Pod")]
#[cfg(any(unix, windows))]
#[deny(unused_variables)]
#[expect(clippy::unused_self, clippy::unused_async, reason = "they show attributes")]
impl Watcher {
    #![allow(clippy::used_underscore_binding, reason = "it shows an inner attribute")]

    /// Called for each new pod.
    #[cfg(unix)]
    async fn add(&self, pod: &Pod, _cx: &Context<Self>) {
        drop(pod.metadata.name.clone());
    }

    #[cfg(not(unix))]
    async fn add(&self, _pod: &Missing, _cx: &Context<Self>) {}

    #[tracing::instrument(skip_all, fields(key = %cx.key()))]
    async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result {
        #[allow(unused_variables, reason = "it shows that it is moved")]
        let unused = pod.metadata.uid.as_ref();
        Ok(())
    }

    #[expect(unused_variables, reason = "it shows that it is moved")]
    async fn delete(&self, pod: &Pod, _cx: &Context<Self>) {}

    /// A helper.
    #[must_use]
    pub(crate) fn size(&self) -> usize {
        3
    }
}

pub(super) fn main() {
    assert_eq!(Watcher.size(), 3);
    drop(Operator::new("x").controller(Watcher));
}
