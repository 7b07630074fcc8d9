//! Owns what one controller counts. The names are those that dashboards for Kubernetes operators know.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one controller counts. Depths, adds and retries of its queue are read from the queue itself.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// `controller_runtime_reconcile_total{result="success"}`
    pub(crate) succeeded: Count,
    /// `controller_runtime_reconcile_total{result="requeue_after"}`
    pub(crate) requeued: Count,
    /// `controller_runtime_reconcile_total{result="error"}` and `controller_runtime_reconcile_errors_total`
    pub(crate) failed: Count,
    /// `controller_runtime_terminal_reconcile_errors_total`
    pub(crate) terminal: Count,
    /// `controller_runtime_reconcile_panics_total`
    pub(crate) panics: Count,
    /// `controller_runtime_reconcile_timeouts_total`
    pub(crate) timeouts: Count,
    /// Runs past half of their timeout.
    pub(crate) slow: Count,
    /// Runs whose object broke the schema, did not decode, or was called invalid by a callback.
    pub(crate) invalid: Count,
}
