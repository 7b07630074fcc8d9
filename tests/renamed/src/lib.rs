//! An operator as others write theirs: edition 2021, the runtime under another name in Cargo.toml, no warning of rustc's
//! or of clippy's stricter groups.

use sdk::prelude::*;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

/// What the pod counter looks at. Controllers of other crates may, too.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Phase {
    /// Where the pod stands.
    pub status: Status,
}

/// The part of a status that is of interest.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Status {
    /// `Running`, `Succeeded` and the like.
    pub phase: Option<String>,
}

/// Counts pods by their phases.
#[derive(Debug, Default)]
pub struct PodCounter {
    running: std::sync::atomic::AtomicU64,
}

#[sdk::controller(
    crate = ::sdk,
    api_version = "v1",
    kind = "Pod",
    when(field("/status/phase")),
    cache(compressed),
    schema = derive,
    reads(ConfigMap),
    writes(Secret)
)]
impl PodCounter {
    #[tracing::instrument(skip_all)]
    async fn reconcile(&self, pod: &Phase, cx: &Context<Self>) -> Result<Action> {
        if pod.status.phase.as_deref() == Some("Running") {
            self.count();
        }
        if cx.get::<ConfigMap>("settings")?.is_none() {
            cx.delete::<Secret>("settings", Preconditions::default()).await?;
        }
        Ok(Action::Requeue(secs(60)))
    }

    fn count(&self) {
        self.running.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

mod facade {
    pub(crate) use sdk as runtime;
}

/// Finds the runtime where it is re-exported.
#[derive(Debug)]
pub struct Reexported;

#[facade::runtime::controller(crate = crate::facade::runtime)]
impl Reexported {
    #[allow(clippy::unused_async)]
    async fn add(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

/// The operator of both.
pub fn operator() -> Operator {
    Operator::new("renamed").controller(PodCounter::default()).controller(Reexported)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controllers_of_a_renamed_runtime_are_controllers() {
        let object = serde_json::json!({ "status": { "phase": 3 } });
        assert!(PodCounter::validate_resource(&object).is_err());
        assert_eq!(Reexported.child_spec().kind(), sdk::ChildKind::Worker);
        drop(operator());
    }
}
