//! A custom resource with a schema made from its Rust type, a requeue, and errors that say what to do next.
//! `cargo run --example quota_guard`.

use std::time::Duration;

use controller_core::kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use controller_core::kube::{self, Client, CustomResource, CustomResourceExt};
use controller_core::prelude::*;
use examples::Stage;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How many pods a namespace may have.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, CustomResource)]
#[kube(group = "example.dev", version = "v1", kind = "PodQuota", namespaced, status = "PodQuotaStatus")]
#[serde(rename_all = "camelCase")]
pub struct PodQuotaSpec {
    /// The greatest number of pods.
    #[schemars(range(min = 1))]
    pub max_pods: u32,
}

/// What the guard saw last.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct PodQuotaStatus {
    /// The number of pods.
    pub pods: usize,
}

/// What can go wrong, and what follows from it.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The server could not be asked: try again.
    #[error("listing the pods of {namespace}")]
    List {
        /// Where.
        namespace: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// The status could not be written: try again.
    #[error("writing the status")]
    Status(#[source] kube::Error),
}

/// Warns where a namespace has more pods than its quota says.
pub struct QuotaGuard;

#[controller(api_version = "example.dev/v1", kind = "PodQuota", schema = derive, backoff(min = "100ms", max = "30s"))]
impl QuotaGuard {
    async fn reconcile(&self, quota: &PodQuota, cx: &Context<Self>) -> Result<Action> {
        // A quota without a namespace can't be counted, however often it is tried.
        let namespace = cx.key().namespace().ok_or_else(|| Error::permanent("a quota lives in a namespace"))?;
        let pods: Api<Pod> = Api::namespaced(cx.client(), namespace);
        let list = pods.list_metadata(&ListParams::default()).await;
        let found = list.map_err(|source| GuardError::List { namespace: namespace.into(), source })?.items.len();

        let quotas: Api<PodQuota> = Api::namespaced(cx.client(), namespace);
        if quota.status.as_ref().map(|status| status.pods) != Some(found) {
            let status = json!({ "status": PodQuotaStatus { pods: found } });
            quotas
                .patch_status(cx.key().name(), &PatchParams::default(), &Patch::Merge(status))
                .await
                .map_err(GuardError::Status)?;
        }

        let most = quota.spec.max_pods as usize;
        tracing::info!("reconcile {}: {found} of {most} pods", cx.key());
        if found > most {
            cx.event(Event::warning("QuotaExceeded", format!("{found} pods, and {most} are allowed")));
            return Ok(Action::Requeue(Duration::from_secs(1)));
        }
        Ok(Action::Requeue(Duration::from_secs(5)))
    }
}

/// Installs the kind, gives a namespace a quota of two pods, and then a third pod.
async fn crowd(client: Client) -> Result<(), kube::Error> {
    install(client.clone()).await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let team = object(json!({ "metadata": { "name": "team-a" } }))?;
    namespaces.create(&PostParams::default(), &team).await?;
    let quotas: Api<PodQuota> = Api::namespaced(client.clone(), "team-a");
    quotas.create(&PostParams::default(), &PodQuota::new("small", PodQuotaSpec { max_pods: 2 })).await?;
    let pods: Api<Pod> = Api::namespaced(client, "team-a");
    for number in 1..=3 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let pod = object(json!({
            "metadata": { "name": format!("web-{number}") },
            "spec": { "containers": [{ "name": "web", "image": "nginx" }] },
        }))?;
        pods.create(&PostParams::default(), &pod).await?;
    }
    Ok(())
}

/// Creates the CustomResourceDefinition. The guard waits for it by itself.
async fn install(client: Client) -> Result<(), kube::Error> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    definitions.create(&PostParams::default(), &PodQuota::crd()).await?;
    Ok(())
}

fn object<K: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<K, kube::Error> {
    serde_json::from_value(value).map_err(kube::Error::SerdeError)
}

#[tokio::main]
async fn main() -> ExitCode {
    let stage = match Stage::open("quota_guard").await {
        Ok(stage) => stage,
        Err(code) => return code,
    };
    stage.play(crowd);
    stage.operator("quota-guard").controller(QuotaGuard).run().await
}
