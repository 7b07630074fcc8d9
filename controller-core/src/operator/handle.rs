//! Owns triggers from outside: a program asks for runs of keys that no event asked for.

use std::fmt;
use std::sync::Arc;

use crate::admin::{Exposition, Kind};
use crate::controller::Described;
use crate::dispatch::Live;
use crate::key::Key;

/// Reaches the controllers of a running operator from any task, thread or stream. Cheap to clone.
///
/// ```no_run
/// use controller_core::prelude::*;
/// use k8s_openapi::api::core::v1::ConfigMap;
///
/// struct Reloader;
///
/// #[controller(api_version = "v1", kind = "ConfigMap")]
/// impl Reloader {
///     async fn reconcile(&self, config: &ConfigMap, cx: &Context<Self>) {}
/// }
///
/// # async fn example(mut webhooks: tokio::sync::mpsc::Receiver<String>) -> ExitCode {
/// let operator = Operator::new("reloader").controller(Reloader);
/// let handle = operator.handle();
/// tokio::spawn(async move {
///     while let Some(name) = webhooks.recv().await {
///         handle.enqueue::<Reloader>(Key::namespaced("default", name));
///     }
/// });
/// operator.run().await
/// # }
/// ```
#[derive(Clone)]
pub struct OperatorHandle {
    live: Arc<Live>,
}

impl OperatorHandle {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self { live }
    }

    /// Asks the controller `C` for a run of `reconcile` for this key, as a change would, with the cause
    /// [`Manual`](crate::Cause::Manual). False where that controller does not run now.
    ///
    /// A key that is not in the controller's caches is passed over.
    pub fn enqueue<C: Described>(&self, key: Key) -> bool {
        let engine = self.live.named(C::DESCRIPTOR.name());
        if let Some(engine) = &engine {
            engine.enqueue(&key);
        }
        engine.is_some()
    }

    /// Every metric of the operator as OpenMetrics text, for a server of the program's own. `Operator::admin` serves
    /// the same.
    ///
    /// Controllers that do not run now are not in it.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// let operator = Operator::new("pods");
    /// assert!(operator.handle().metrics().ends_with("# EOF\n"));
    /// ```
    #[must_use]
    pub fn metrics(&self) -> String {
        let exposition = Exposition::new(Arc::clone(&self.live));
        exposition.encode(Kind::Text).ok().and_then(|text| String::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for OperatorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorHandle").finish_non_exhaustive()
    }
}
