//! The controllers whose expansions `docs/expansion.md` shows, word for word.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher {
    async fn add(&self, pod: &Pod, cx: &Context<Self>) -> Result {
        self.log("add", cx);
        self.reconcile(pod, cx).await?;
        Ok(())
    }

    async fn modify(&self, pod: &Pod, cx: &Context<Self>) -> Result<Action> {
        self.log("modify", cx);
        self.reconcile(pod, cx).await
    }

    async fn delete(&self, _pod: &Pod, cx: &Context<Self>) {
        self.log("delete", cx);
    }

    async fn reconcile(&self, _pod: &Pod, cx: &Context<Self>) -> Result<Action> {
        self.log("reconcile", cx);
        Ok(Action::Requeue(secs(60)))
    }

    fn log(&self, what: &str, cx: &Context<Self>) {
        tracing::info!("{what} {}", cx.key());
    }
}

#[derive(Deserialize)]
struct Phase {
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    phase: Option<String>,
}

struct Janitor;

#[controller(
    api_version = "v1",
    kind = "Pod",
    name = "janitor",
    namespace = ["ci", "preview"],
    labels = "app=build",
    when(field("/status/phase")),
    reconcile_delay = "5m",
    concurrency = 8,
    timeout = "1m30s",
    backoff("1s", "10m"),
    rate_limit(runs = 10, per = "1s"),
    supervisor(restart = transient, shutdown = "30s", significant)
)]
impl Janitor {
    /// Takes away what has run to its end.
    #[cfg(unix)]
    async fn reconcile(&self, pod: &Phase, cx: &Context<Self>) -> Result {
        if pod.status.phase.as_deref() == Some("Succeeded") {
            tracing::info!("{} is done", cx.key());
        }
        Ok(())
    }
}

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "App", namespaced)]
struct AppSpec {
    settings: String,
}

struct Apps;

#[controller(schema = derive, reads(ConfigMap), writes(ConfigMap, Secret))]
impl Apps {
    async fn reconcile(&self, app: &App, cx: &Context<Self>) -> Result<Action, Error> {
        if let Some(settings) = cx.get::<ConfigMap>(&app.spec.settings)? {
            cx.apply(&*settings).await?;
        }
        Ok(Action::AwaitChange)
    }
}

pub(super) fn main() {
    drop(Operator::new("x").controller(PodWatcher).controller(Janitor).controller(Apps));
}
