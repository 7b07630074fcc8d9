//! Owns what is said of a watch's health.

use std::sync::Arc;
use std::time::Instant;

/// How far a watch can be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// The first list is not complete.
    Syncing {
        /// When the watch began.
        since: Instant,
        /// What it waits for, where something is in its way.
        why: Option<Arc<str>>,
    },
    /// It follows the cluster.
    Healthy,
    /// It was complete once, and does not follow the cluster now.
    Stale {
        /// The last sign of life.
        since: Instant,
        /// What is in its way.
        why: Arc<str>,
    },
}
