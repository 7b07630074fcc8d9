//! The four callbacks of Datapio's controller, on pods: `cargo run --example pod_watcher`.

use controller_core::prelude::*;
use examples::Stage;
use k8s_openapi::api::core::v1::Pod;

/// Logs each callback with the pod it is for.
pub struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod", reconcile_delay = "30s")]
impl PodWatcher {
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

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Unknown")
}

#[tokio::main]
async fn main() -> ExitCode {
    match Stage::with_pods("pod_watcher").await {
        Ok(stage) => stage.operator("pod-watcher").controller(PodWatcher).run().await,
        Err(code) => code,
    }
}
