//! Clippy has nothing to say either, with its stricter groups: `just clippy` runs it over this file.

#![deny(clippy::all, clippy::pedantic, clippy::cargo, clippy::suspicious)]

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};

/// Counts what it sees.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    seen: std::sync::atomic::AtomicU64,
}

#[controller(
    api_version = "v1",
    kind = "Pod",
    labels = "app=web",
    reconcile_delay = "1m",
    backoff(min = "5ms", max = "1s"),
    rate_limit(runs = 100, per = "1s"),
    schema({ "type": "object" }),
    reads(ConfigMap),
    writes(Secret),
    supervisor(restart = transient, significant)
)]
impl Counter {
    async fn add(&self, pod: &Pod, cx: &Context<Self>) -> Result {
        self.count();
        if pod.metadata.deletion_timestamp.is_none() {
            self.reconcile(pod, cx).await?;
        }
        Ok(())
    }

    async fn reconcile(&self, _pod: &Pod, cx: &Context<Self>) -> Result<Action> {
        if cx.get::<ConfigMap>("settings")?.is_some() {
            cx.delete::<Secret>("old", Preconditions::default()).await?;
        }
        Ok(Action::Requeue(secs(self.count())))
    }

    fn count(&self) -> u64 {
        self.seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
}

pub(super) fn main() {
    drop(Operator::new("x").controller(Counter::default()));
}
