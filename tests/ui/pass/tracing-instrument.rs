//! `#[tracing::instrument]` in its forms: it rewrites the body that it stands on.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;
use tracing::instrument;

struct Traced {
    prefix: String,
}

#[controller(api_version = "v1", kind = "Pod")]
impl Traced {
    #[tracing::instrument(skip_all, fields(key = %cx.key(), prefix = self.prefix))]
    async fn add(&self, _pod: &Pod, cx: &Context<Self>) -> Result {
        tracing::debug!(key = %cx.key(), "added");
        Ok(())
    }

    #[instrument(name = "changed", level = "debug", skip(self, pod, cx), err)]
    async fn modify(&self, pod: &Pod, cx: &Context<Self>) -> Result<Action, std::num::ParseIntError> {
        let before = cx.previous().and_then(|before| before.metadata.generation);
        tracing::debug!(?before, now = pod.metadata.generation);
        "5".parse().map(secs).map(Action::Requeue)
    }

    /// Documented, traced and allowed something.
    #[instrument(skip_all, ret)]
    #[allow(clippy::unused_async, reason = "it shows attributes in a row")]
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) -> Action {
        self.size();
        Action::Done
    }

    #[instrument(skip(self))]
    fn size(&self) -> usize {
        self.prefix.len()
    }
}

pub(super) fn main() {
    drop(Operator::new("x").controller(Traced { prefix: "x".into() }));
}
