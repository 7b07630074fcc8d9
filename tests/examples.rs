//! Each example does what its first line says, on paused time and without sockets.

use std::time::Duration;

use controller_core::Described;
use controller_core::prelude::*;
use controller_testkit::Cluster;
use k8s_openapi::api::core::v1::{ConfigMap, Event as CoreEvent, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, CustomResourceExt};
use serde_json::{Value, json};

use crate::log::Log;

#[path = "../examples/by_hand.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod by_hand;
#[path = "../examples/config_reloader.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod config_reloader;
#[path = "../examples/pod_watcher.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod pod_watcher;
#[path = "../examples/quota_guard.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod quota_guard;
#[path = "../examples/supervised.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod supervised;

fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("the test writes valid objects")
}

fn pod(name: &str) -> Pod {
    object(json!({ "metadata": { "name": name }, "spec": { "containers": [{ "name": "web", "image": "nginx" }] } }))
}

fn bare() -> Cluster {
    Cluster::builder().world(controller_testkit::World::none()).build()
}

fn namespaced<K>(client: Client) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(client, "default")
}

/// What a pod watcher logs while a pod is there at start, another appears, changes and goes.
async fn a_pods_life<C: Described>(controller: C) -> Vec<Vec<String>> {
    let log = Log::listen();
    let cluster = bare();
    let pods: Api<Pod> = namespaced(cluster.client());
    pods.create(&PostParams::default(), &pod("old")).await.expect("created");
    let operator = Operator::new("test").client(cluster.client()).controller(controller).spawn();
    let mut seen = Vec::new();
    let words = ["add ", "modify ", "delete ", "reconcile "];

    operator.settled().await;
    seen.push(log.take(&words));
    pods.create(&PostParams::default(), &pod("web-1")).await.expect("created");
    operator.settled().await;
    seen.push(log.take(&words));
    let label = json!({ "metadata": { "labels": { "tier": "front" } } });
    pods.patch("web-1", &PatchParams::default(), &Patch::Merge(label)).await.expect("patched");
    operator.settled().await;
    seen.push(log.take(&words));
    pods.delete("web-1", &DeleteParams::default().grace_period(0)).await.expect("deleted");
    operator.settled().await;
    seen.push(log.take(&words));
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    seen.iter().map(|lines| lines.iter().map(|line| first_two_words(line)).collect()).collect()
}

fn first_two_words(line: &str) -> String {
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn pod_watcher_logs_each_callback_with_its_key() {
    let expect = [["reconcile default/old"], ["add default/web-1"], ["modify default/web-1"], ["delete default/web-1"]];
    assert_eq!(a_pods_life(pod_watcher::PodWatcher).await, expect);
}

#[tokio::test(start_paused = true)]
async fn by_hand_is_the_same_in_at_most_twenty_lines_more() {
    assert_eq!(a_pods_life(by_hand::PodWatcher).await, a_pods_life(pod_watcher::PodWatcher).await);
    let lines = |text: &str| text.lines().count();
    let more = lines(include_str!("../examples/by_hand.rs")) - lines(include_str!("../examples/pod_watcher.rs"));
    assert!(more <= 20, "by hand it is {more} lines more");
}

#[tokio::test(start_paused = true)]
async fn config_reloader_tells_what_changed_and_leaves_an_event() {
    let log = Log::listen();
    let cluster = bare();
    let maps: Api<ConfigMap> = namespaced(cluster.client());
    let operator = Operator::new("test").client(cluster.client()).controller(config_reloader::ConfigReloader).spawn();
    let map = json!({
        "metadata": { "name": "settings", "labels": { "reload": "true" } },
        "data": { "level": "info", "old": "x" },
    });
    maps.create(&PostParams::default(), &object(map)).await.expect("created");
    operator.settled().await;
    let patch = json!({ "data": { "level": "debug", "old": null, "new": "y" } });
    maps.patch("settings", &PatchParams::default(), &Patch::Merge(patch)).await.expect("patched");
    operator.settled().await;
    let expect = [
        "add default/settings: 2 settings",
        "modify default/settings: level went from info to debug",
        "modify default/settings: new is new: y",
        "modify default/settings: old is gone, it was x",
    ];
    assert_eq!(log.take(&["add ", "modify "]), expect);
    let events: Api<CoreEvent> = namespaced(cluster.client());
    let events = events.list(&ListParams::default().fields("involvedObject.name=settings")).await.expect("listed");
    let mut notes: Vec<_> = events.items.into_iter().filter_map(|event| event.message).collect();
    notes.sort();
    assert_eq!(notes, ["level went from info to debug", "new is new: y", "old is gone, it was x"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn quota_guard_waits_for_its_kind_then_counts_and_warns() {
    let cluster = bare();
    let client = cluster.client();
    let operator = Operator::new("test").client(client.clone()).controller(quota_guard::QuotaGuard).spawn();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let definitions = Api::all(client.clone());
    definitions.create(&PostParams::default(), &quota_guard::PodQuota::crd()).await.expect("the kind is installed");
    let quotas: Api<quota_guard::PodQuota> = namespaced(client.clone());
    let spec = quota_guard::PodQuotaSpec { max_pods: 1 };
    let quota = quota_guard::PodQuota::new("small", spec);
    tokio::time::sleep(Duration::from_secs(1)).await;
    quotas.create(&PostParams::default(), &quota).await.expect("created");
    let pods: Api<Pod> = namespaced(client.clone());
    for name in ["web-1", "web-2"] {
        pods.create(&PostParams::default(), &pod(name)).await.expect("created");
    }
    tokio::time::sleep(Duration::from_secs(90)).await;
    let quota = quotas.get("small").await.expect("it is there");
    assert_eq!(quota.status.map(|status| status.pods), Some(2));
    let events: Api<CoreEvent> = namespaced(client);
    let events = events.list(&ListParams::default()).await.expect("listed");
    assert!(events.items.iter().any(|event| event.reason.as_deref() == Some("QuotaExceeded")), "{events:?}");
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn supervised_revives_the_stock_and_starts_shipping_again_with_it() {
    let log = Log::listen();
    let cluster = bare();
    let pods: Api<Pod> = namespaced(cluster.client());
    pods.create(&PostParams::default(), &pod("parcel")).await.expect("created");
    let operator = Operator::new("test").client(cluster.client()).supervisor(supervised::warehouse()).spawn();
    operator.settled().await;
    let maps: Api<ConfigMap> = namespaced(cluster.client());
    maps.create(&PostParams::default(), &object(json!({ "metadata": { "name": "crash" } }))).await.expect("created");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let everything = log.everything();
    let mut lines = log.take(&["shipping: ", "stock: "]);
    // Both start again, in order; whose first list is there first is nobody's promise.
    lines[1..].sort();
    let expect =
        ["shipping: reconcile default/parcel", "shipping: reconcile default/parcel", "stock: reconcile default/crash"];
    assert_eq!(lines, expect, "{everything}");
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}
