//! Owns what one controller counts. The names are those that dashboards for Kubernetes operators know.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

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

/// The buckets of `controller_runtime_reconcile_time_seconds`, as controller-runtime has them.
const RECONCILE_SECONDS: [f64; 40] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5,
    1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0,
];

/// The buckets of the `workqueue_` histograms: from 10 ns to 1,000 s, tenfold.
fn workqueue_seconds() -> impl Iterator<Item = f64> {
    exponential_buckets(1e-8, 10.0, 12)
}

/// A histogram of seconds. With the feature `native-histograms` it has native buckets as well.
fn histogram(buckets: impl IntoIterator<Item = f64>) -> Histogram {
    #[cfg(feature = "native-histograms")]
    {
        use prometheus_client::metrics::histogram::NativeHistogramConfig;
        let hour = std::time::Duration::from_secs(3_600);
        let native = NativeHistogramConfig::new(1.1).max_buckets(100).min_reset_duration(hour);
        Histogram::new_classic_and_native(buckets, native)
    }
    #[cfg(not(feature = "native-histograms"))]
    Histogram::new(buckets)
}

/// What one controller counts. Depths, adds and retries of its queue are read from the queue itself.
#[derive(Debug)]
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
    /// Runs that began although the caches did not show yet what the key's run before wrote.
    pub(crate) stale: Count,
    /// Runs that did not yield for a second.
    pub(crate) blocked: Count,
    /// Objects that were found to be rewritten by their own runs without end.
    pub(crate) hot_loops: Count,
    /// Runs that took more than ten times their callback's median.
    pub(crate) unusual: Count,
    /// `controller_runtime_reconcile_time_seconds`: the callback.
    pub(crate) reconcile_seconds: Histogram,
    /// `workqueue_queue_duration_seconds`: from ready to taken.
    pub(crate) queue_seconds: Histogram,
    /// `workqueue_work_duration_seconds`: from taken to done.
    pub(crate) work_seconds: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            succeeded: Count::default(),
            requeued: Count::default(),
            failed: Count::default(),
            terminal: Count::default(),
            panics: Count::default(),
            timeouts: Count::default(),
            slow: Count::default(),
            invalid: Count::default(),
            stale: Count::default(),
            blocked: Count::default(),
            hot_loops: Count::default(),
            unusual: Count::default(),
            reconcile_seconds: histogram(RECONCILE_SECONDS),
            queue_seconds: histogram(workqueue_seconds()),
            work_seconds: histogram(workqueue_seconds()),
        }
    }
}
