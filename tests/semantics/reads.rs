//! Reading of other kinds from caches, and writing so that the next run reads it.

use std::sync::Arc;

use controller_core::prelude::*;
use controller_testkit::{Cluster, Refusal, Requests};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::Resource as _;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;

use super::stage::{Data, Hand, Play, map, pass, quiet_cluster};

type Script = Arc<dyn Fn(&Context<Reader>) -> Result<String> + Send + Sync>;

/// Says what its script reads.
#[derive(Clone)]
struct Reader {
    play: Play,
    script: Script,
}

#[controller(
    api_version = "v1",
    kind = "ConfigMap",
    plural = "configmaps",
    labels = "reader",
    reconcile_delay = off,
    reads(Secret, ConfigMap, Namespace)
)]
impl Reader {
    async fn reconcile(&self, _obj: &Data, cx: &Context<Self>) -> Result {
        self.play.say(format!("{} {}", cx.key(), (self.script)(cx)?));
        Ok(())
    }
}

fn reader(script: impl Fn(&Context<Reader>) -> Result<String> + Send + Sync + 'static) -> Reader {
    Reader { play: Play::well(), script: Arc::new(script) }
}

fn secret(name: &str, labels: &[(&str, &str)]) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.name = Some(name.to_owned());
    secret.metadata.labels = Some(labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect());
    secret.type_ = Some(format!("x.io/{}", labels.len()));
    secret
}

fn secrets(cluster: &Cluster, namespace: &str) -> Api<Secret> {
    Api::namespaced(cluster.steady_client(), namespace)
}

async fn primary(cluster: &Cluster, name: &str) -> ConfigMap {
    let mut primary = map(name, "1");
    primary.metadata.labels = Some([("reader".to_owned(), String::new())].into());
    Hand::of(cluster).maps("default").create(&PostParams::default(), &primary).await.expect("created")
}

#[tokio::test(start_paused = true)]
async fn objects_are_read_by_name_in_the_namespace_of_the_run() {
    let cluster = quiet_cluster();
    Hand::of(&cluster).namespace("other").await;
    for namespace in ["default", "other"] {
        let labels = if namespace == "other" { &[("a", "b")][..] } else { &[] };
        secrets(&cluster, namespace).create(&PostParams::default(), &secret("s", labels)).await.expect("created");
    }
    primary(&cluster, "a").await;
    let reader = reader(|cx| {
        let kind = |secret: Option<Arc<Secret>>| secret.and_then(|secret| secret.type_.clone()).unwrap_or_default();
        let namespaces = cx.get::<Namespace>("other")?.is_some();
        Ok(format!("{} {} {} {namespaces}", kind(cx.get("s")?), kind(cx.get_in("other", "s")?), kind(cx.get("t")?)))
    });
    let operator = Operator::new("test").client(cluster.client()).controller(reader.clone()).spawn();
    operator.settled().await;
    assert_eq!(reader.play.take(), ["default/a x.io/0 x.io/1  true"]);
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn lists_are_narrowed_by_labels_owner_namespace_and_any_field() {
    let cluster = quiet_cluster();
    let owner = primary(&cluster, "a").await;
    let api = secrets(&cluster, "default");
    for (name, labels) in [("one", &[("app", "web")][..]), ("two", &[("app", "web"), ("tier", "db")]), ("three", &[])] {
        let mut secret = secret(name, labels);
        if name == "two" {
            secret.metadata.owner_references = Some(vec![owner.owner_ref(&()).expect("it is in the cluster")]);
        }
        api.create(&PostParams::default(), &secret).await.expect("created");
    }
    let reader = reader(|cx| {
        let names = |list: Result<Vec<Key>, Error>| -> Result<String> {
            Ok(list?.iter().map(|key| key.name().to_owned()).collect::<Vec<_>>().join("+"))
        };
        let mut all = cx.list::<Secret>().to_vec()?;
        all.retain(|secret| secret.metadata.resource_version.is_some());
        Ok([
            all.len().to_string(),
            names(cx.list::<Secret>().labels("app=web").keys())?,
            names(cx.list::<Secret>().labels("app=web,!tier").keys())?,
            names(cx.list::<Secret>().owned().keys())?,
            names(cx.list::<Secret>().by_index("/type", "x.io/0").keys())?,
            names(cx.list::<Secret>().in_namespace("kube-system").keys())?,
            cx.list::<Secret>().labels("a b").keys().is_err().to_string(),
        ]
        .join(" "))
    });
    let operator = Operator::new("test").client(cluster.client()).controller(reader.clone()).spawn();
    operator.settled().await;
    assert_eq!(reader.play.take(), ["default/a 3 one+two one two three  true"]);
    api.delete("one", &DeleteParams::default()).await.expect("deleted");
    operator.settled().await;
    operator.handle().enqueue::<Reader>(Key::namespaced("default", "a"));
    operator.settled().await;
    assert_eq!(reader.play.take(), ["default/a 2 two  two three  true"]);
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_run_begins_before_each_declared_cache_is_complete() {
    let cluster = quiet_cluster();
    secrets(&cluster, "default").create(&PostParams::default(), &secret("s", &[])).await.expect("created");
    primary(&cluster, "a").await;
    cluster.faults().on(Requests::of("secrets")).times(4).answer(Refusal::status(503));
    let reader = reader(|cx| Ok(cx.get::<Secret>("s")?.is_some().to_string()));
    let operator = Operator::new("test").client(cluster.client()).controller(reader.clone()).spawn();
    operator.settled().await;
    assert_eq!(reader.play.take(), ["default/a true"]);
    operator.stop().await;
}

/// Counts in another object, from what the cache shows of it.
struct Counter {
    play: Play,
    runs: u32,
}

#[controller(
    api_version = "v1",
    kind = "ConfigMap",
    plural = "configmaps",
    labels = "reader",
    reconcile_delay = off,
    reads(Secret),
    writes(Secret)
)]
impl Counter {
    async fn reconcile(&self, _obj: &Data, cx: &Context<Self>) -> Result<Action> {
        let seen = cx.get::<Secret>("count")?;
        let count = |secret: &Secret| -> u32 {
            let label = secret.metadata.labels.as_ref().and_then(|labels| labels.get("count"));
            label.and_then(|label| label.parse().ok()).unwrap_or_default()
        };
        self.play.say(format!("{:?}", seen.as_deref().map(count)));
        let next = seen.as_deref().map_or(1, |secret| count(secret) + 1);
        if next > self.runs {
            if let Some(uid) = seen.and_then(|secret| secret.metadata.uid.clone()) {
                cx.delete::<Secret>("count", Preconditions { uid: Some(uid), ..Preconditions::default() }).await?;
                return Ok(Action::Requeue(millis(1)));
            }
            return Ok(Action::Done);
        }
        if seen.is_none() {
            if cx.key().name() == "done" {
                return Ok(Action::Done);
            }
            let created = cx.create(&secret("count", &[("count", "1")])).await?;
            self.play.say(format!("created in {}", created.metadata.namespace.unwrap_or_default()));
        } else {
            let patch = Patch::Merge(json!({"metadata": {"labels": {"count": next.to_string()}}}));
            cx.patch::<Secret>("count", &patch).await?;
        }
        Ok(Action::Requeue(millis(1)))
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_run_wrote_the_next_run_of_the_key_reads() {
    let cluster = quiet_cluster();
    primary(&cluster, "a").await;
    // Each event of a secret comes late.
    cluster.faults().watches_of("secrets").delay(millis(700));
    let play = Play::well();
    let counter = Counter { play: play.clone(), runs: 3 };
    let operator = Operator::new("test").client(cluster.client()).controller(counter).spawn();
    pass(secs(5)).await;
    let said = play.take();
    assert_eq!(&said[..6], ["None", "created in default", "Some(1)", "Some(2)", "Some(3)", "None"], "{said:?}");
    operator.stop().await;
}
