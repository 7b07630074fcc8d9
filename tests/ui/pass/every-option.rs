//! Every option in each of its forms.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Secret};

struct Quoted;

#[controller(
    api_version = "v1",
    kind = "Pod",
    plural = "pods",
    name = "every-option",
    namespace = ["a", "b"],
    labels = "app in (web, api), tier != db, !legacy",
    fields = "status.phase=Running,spec.nodeName!=node-1",
    when(generation, label("app"), annotation("example.com/size"), field("/spec/nodeName")),
    cache(managed_fields, compressed),
    reconcile_delay = "1m30s",
    on_start = "add",
    concurrency = 10_000,
    timeout = "5m",
    backoff("5ms", "60s"),
    escalate(panics = 3, within = "1m"),
    rate_limit(runs = 10, per = "1s", burst = 20),
    key_rate_limit(runs = 1, per = "1m"),
    schema = "ui/schemas/pod.json",
    reads(ConfigMap, Secret, Pod, PartialObjectMeta<Node>),
    writes(ConfigMap, k8s_openapi::api::core::v1::Service),
    supervisor(restart = "transient", shutdown = "5s", significant),
    crate = ::controller_core,
)]
impl Quoted {
    async fn add(&self, _pod: &Pod, _cx: &Context<Self>) {}

    async fn reconcile(&self, _pod: &Pod, cx: &Context<Self>) -> Result {
        let (settings, secrets) = (cx.get::<ConfigMap>("settings")?, cx.list::<Secret>().owned().to_vec()?);
        if settings.is_none() && secrets.is_empty() && cx.get_in::<Pod>("a", "b")?.is_none() {
            let nodes = cx.list::<PartialObjectMeta<Node>>().keys()?;
            tracing::debug!(?nodes);
            cx.apply(&ConfigMap::default()).await?;
            cx.patch::<ConfigMap>("a", &Patch::Merge(serde_json::json!({}))).await?;
            cx.delete::<k8s_openapi::api::core::v1::Service>("a", Preconditions::default()).await?;
        }
        Ok(())
    }
}

struct Bare;

#[controller(
    api_version = v1,
    kind = Pod,
    namespace = all,
    reconcile_delay = off,
    on_start = skip,
    timeout = off,
    backoff(min = 10, max = "2m"),
    schema({ "type": "object", "properties": { "metadata": { "pattern": r"^\w+$" } } }),
    supervisor(restart = temporary, shutdown = brutal_kill),
)]
impl Bare {
    async fn modify(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

struct Numbers;

#[controller(
    namespace = "kube-system",
    reconcile_delay = 250,
    on_start = reconcile,
    timeout = 1500,
    supervisor(shutdown = 5000)
)]
impl Numbers {
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

struct Patient;

#[controller(supervisor(shutdown = infinity, restart = permanent), backoff(max = "1h"), namespace = "all")]
impl Patient {
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

pub(super) fn main() {
    let operator = Operator::new("x").controller(Quoted).controller(Bare).controller(Numbers).controller(Patient);
    drop(operator);
}
