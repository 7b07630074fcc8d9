//! What the attribute writes, written by hand: the pod watcher without a macro. `cargo run --example by_hand`.

use controller_core::prelude::*;
use controller_core::{Callback, Controller, Described, Descriptor};
use examples::Stage;
use k8s_openapi::api::core::v1::Pod;

/// Logs each callback with the pod it is for.
pub struct PodWatcher;

#[expect(refining_impl_trait, reason = "an impl may say more than its trait: which answer a callback gives")]
impl Controller for PodWatcher {
    type Object = Pod;

    async fn add(&self, pod: &Pod, cx: &Context<Self>) -> Result {
        tracing::info!(phase = phase(pod), "add {}", cx.key());
        Ok(())
    }

    async fn modify(&self, pod: &Pod, cx: &Context<Self>) -> Result {
        tracing::info!(phase = phase(pod), "modify {}", cx.key());
        Ok(())
    }

    async fn delete(&self, _pod: &Pod, cx: &Context<Self>) -> Result {
        tracing::info!("delete {}", cx.key());
        Ok(())
    }

    async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result<Action> {
        tracing::info!(phase = phase(pod), "reconcile {}", cx.key());
        Ok(Action::Done)
    }
}

impl Described for PodWatcher {
    const DESCRIPTOR: Descriptor = Descriptor::new("pod-watcher", "v1", "Pod")
        .plural("pods")
        .on(Callback::Add)
        .on(Callback::Modify)
        .on(Callback::Delete)
        .on(Callback::Reconcile);
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Unknown")
}

#[tokio::main]
async fn main() -> ExitCode {
    match Stage::with_pods("by_hand").await {
        Ok(stage) => stage.operator("pod-watcher").controller(PodWatcher).run().await,
        Err(code) => code,
    }
}
