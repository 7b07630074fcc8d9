//! Whole controllers against the embedded API server, on paused time.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use controller_testkit::{Cluster, Refusal, Requests, World};
use k8s_openapi::api::core::v1::{ConfigMap, Event as CoreEvent, Node};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::context::{Context, Event};
use crate::controller::{Controller, Described};
use crate::controller_ext::shared;
use crate::descriptor::{Callback, Descriptor};
use crate::error::Result;
use crate::operator::{Operator, Running};
use crate::outcome::Action;
use crate::testing::Probe;

type Log = Arc<Mutex<Vec<String>>>;

/// Notes every call as `callback key data`, and does what the object's `do` says.
struct Noter {
    log: Log,
    fails: Mutex<VecDeque<&'static str>>,
}

/// The part of a config map that the tests read.
#[derive(Debug, Default, Deserialize)]
struct Data {
    #[serde(default)]
    data: std::collections::BTreeMap<String, String>,
}

impl Data {
    fn v(&self) -> &str {
        self.data.get("v").map_or("-", String::as_str)
    }
}

impl Noter {
    fn note(&self, callback: &str, obj: &Data, cx: &Context<Self>) -> Result<Action> {
        let before = cx.previous().map(|before| format!(" after {}", before.v())).unwrap_or_default();
        self.log.lock().push(format!("{callback} {} {}{before}", cx.key(), obj.v()));
        match self.fails.lock().pop_front() {
            Some("fail") => Err("not now".into()),
            Some("panic") => panic!("lost the plot"),
            Some("requeue") => Ok(Action::Requeue(Duration::from_secs(1))),
            Some("event") => {
                cx.event(Event::normal("Noted", "it was noted"));
                Ok(Action::Done)
            }
            _ => Ok(Action::Done),
        }
    }
}

#[expect(refining_impl_trait, reason = "the attribute allows the same")]
impl Controller for Noter {
    type Object = Data;

    async fn add(&self, obj: &Data, cx: &Context<Self>) -> Result<Action> {
        self.note("add", obj, cx)
    }

    async fn modify(&self, obj: &Data, cx: &Context<Self>) -> Result<Action> {
        self.note("modify", obj, cx)
    }

    async fn delete(&self, obj: &Data, cx: &Context<Self>) -> Result<Action> {
        self.note("delete", obj, cx)
    }

    async fn reconcile(&self, obj: &Data, cx: &Context<Self>) -> Result<Action> {
        self.note("reconcile", obj, cx)
    }
}

impl Described for Noter {
    const DESCRIPTOR: Descriptor = Descriptor::new("noter", "v1", "ConfigMap")
        .on(Callback::Add)
        .on(Callback::Modify)
        .on(Callback::Delete)
        .on(Callback::Reconcile)
        .no_resync();
}

struct Bench {
    cluster: Cluster,
    log: Log,
    running: Running,
    configs: Api<ConfigMap>,
}

fn config(name: &str, v: &str) -> ConfigMap {
    let object = json!({"metadata": {"name": name}, "data": {"v": v}});
    serde_json::from_value(object).expect("a config map")
}

fn quiet_cluster() -> Cluster {
    Cluster::builder().world(World::none()).build()
}

fn start(cluster: Cluster, fails: &[&'static str], change: impl FnOnce(Descriptor) -> Descriptor) -> Bench {
    let log = Log::default();
    let noter = Noter { log: Arc::clone(&log), fails: Mutex::new(fails.iter().copied().collect()) };
    let spec = shared(change(Noter::DESCRIPTOR), noter);
    let running = Operator::new("bench").client(cluster.client()).chance(1).child(spec).spawn();
    let configs = Api::namespaced(cluster.steady_client(), "default");
    Bench { cluster, log, running, configs }
}

impl Bench {
    async fn create(&self, name: &str, v: &str) {
        self.configs.create(&PostParams::default(), &config(name, v)).await.expect("it is created");
    }

    async fn change(&self, name: &str, v: &str) {
        self.configs.replace(name, &PostParams::default(), &config(name, v)).await.expect("it is replaced");
    }

    async fn delete(&self, name: &str) {
        self.configs.delete(name, &DeleteParams::default()).await.expect("it is deleted");
    }

    /// Waits until nothing is left to do, and compares the calls up to there.
    async fn check(&self, expect: &[&str]) {
        self.running.settled().await;
        let log = std::mem::take(&mut *self.log.lock());
        assert_eq!(log, expect);
    }

    async fn stop(self) {
        assert_eq!(self.running.stop().await, ExitCode::SUCCESS);
    }
}

fn same(descriptor: Descriptor) -> Descriptor {
    descriptor
}

#[tokio::test(start_paused = true)]
async fn the_callbacks_follow_the_cluster() {
    let cluster = quiet_cluster();
    let configs: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    configs.create(&PostParams::default(), &config("a", "1")).await.expect("it is created");
    let bench = start(cluster, &[], same);
    bench.check(&["reconcile default/a 1"]).await;
    bench.create("b", "1").await;
    bench.check(&["add default/b 1"]).await;
    bench.change("b", "2").await;
    bench.check(&["modify default/b 2 after 1"]).await;
    bench.delete("b").await;
    bench.check(&["delete default/b 2"]).await;
    bench.create("b", "5").await;
    bench.check(&["add default/b 5"]).await;
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failures_panics_and_requeues_are_run_again_until_all_is_well() {
    let bench = start(quiet_cluster(), &["fail", "panic", "requeue"], same);
    bench.create("a", "1").await;
    bench.check(&["add default/a 1", "add default/a 1", "add default/a 1", "reconcile default/a 1"]).await;
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_resync_tick_reconciles() {
    let bench = start(quiet_cluster(), &[], |d| d.reconcile_delay(Duration::from_secs(10)));
    bench.create("a", "1").await;
    bench.check(&["add default/a 1"]).await;
    tokio::time::sleep(Duration::from_secs(16)).await;
    bench.check(&["reconcile default/a 1"]).await;
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_the_server_was_down_is_delivered() {
    let bench = start(quiet_cluster(), &[], same);
    for name in ["a", "b", "c"] {
        bench.create(name, "1").await;
    }
    bench.check(&["add default/a 1", "add default/b 1", "add default/c 1"]).await;
    bench.cluster.faults().down();
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.delete("a").await;
    bench.change("b", "2").await;
    bench.delete("c").await;
    bench.create("c", "9").await;
    bench.create("d", "1").await;
    bench.cluster.faults().forget();
    bench.cluster.faults().up();
    bench.running.settled().await;
    let mut log = std::mem::take(&mut *bench.log.lock());
    let of_c: Vec<String> = log.extract_if(.., |line| line.contains("default/c")).collect();
    assert_eq!(of_c, ["delete default/c 1", "add default/c 9"]);
    log.sort();
    assert_eq!(log, ["add default/d 1", "delete default/a 1", "modify default/b 2 after 1"]);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_relist_in_pages_with_a_cut_on_the_way_delivers_the_difference() {
    let bench = start(quiet_cluster(), &[], same);
    let names: Vec<String> = (0..20).map(|at| format!("c{at:02}")).collect();
    for name in &names {
        bench.create(name, "1").await;
    }
    bench.running.settled().await;
    bench.log.lock().clear();
    let faults = bench.cluster.faults();
    faults.no_streaming_lists();
    faults.page_size(NonZeroUsize::new(3).expect("not zero"));
    faults.on(Requests::list("configmaps").page(3)).answer(Refusal::gone());
    faults.watches_of("configmaps").gone();
    faults.forget();
    bench.delete("c07").await;
    bench.change("c11", "2").await;
    bench.running.settled().await;
    let mut log = std::mem::take(&mut *bench.log.lock());
    log.sort();
    assert_eq!(log, ["delete default/c07 1", "modify default/c11 2 after 1"]);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn several_namespaces_are_several_watches_and_one_queue() {
    let cluster = quiet_cluster();
    let client = cluster.client();
    for namespace in ["red", "blue", "green"] {
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).expect("a namespace");
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
        namespaces.create(&PostParams::default(), &object).await.expect("it is created");
        let configs: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        configs.create(&PostParams::default(), &config("a", namespace)).await.expect("it is created");
    }
    let bench = start(cluster, &[], |d| d.namespaces(&["red", "blue"]));
    bench.running.settled().await;
    let mut log = std::mem::take(&mut *bench.log.lock());
    log.sort();
    assert_eq!(log, ["reconcile blue/a blue", "reconcile red/a red"]);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_breaks_the_schema_gets_a_warning_and_no_callback() {
    let schema = r#"{"properties": {"data": {"properties": {"v": {"pattern": "^[0-9]+$"}}}}}"#;
    let bench = start(quiet_cluster(), &[], |d| d.schema(schema));
    bench.create("a", "one").await;
    bench.check(&[]).await;
    let events: Api<CoreEvent> = Api::namespaced(bench.cluster.client(), "default");
    let events = events.list(&ListParams::default()).await.expect("they are listed").items;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.type_.as_deref(), event.reason.as_deref()), (Some("Warning"), Some("Invalid")));
    assert_eq!(event.involved_object.name.as_deref(), Some("a"));
    let uid = bench.configs.get("a").await.expect("it is there").uid();
    assert_eq!(event.involved_object.uid, uid);
    let message = event.message.as_deref().unwrap_or_default();
    assert!(message.contains("/data/v") && message.contains("/properties/data/properties/v/pattern"), "{message}");
    bench.change("a", "1").await;
    bench.check(&["add default/a 1"]).await;
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_does_not_decode_is_passed_over_until_it_changes() {
    let cluster = quiet_cluster();
    let raw = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&raw);
    let numbers = Numbers { seen };
    let running = Operator::new("bench").client(cluster.client()).controller(numbers).spawn();
    let configs: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    configs.create(&PostParams::default(), &config("a", "one")).await.expect("it is created");
    running.settled().await;
    assert_eq!(*raw.lock(), Vec::<u32>::new());
    configs.replace("a", &PostParams::default(), &config("a", "7")).await.expect("it is replaced");
    running.settled().await;
    assert_eq!(*raw.lock(), [7]);
    assert_eq!(running.stop().await, ExitCode::SUCCESS);
}

struct Numbers {
    seen: Arc<Mutex<Vec<u32>>>,
}

struct Number(u32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        let text = object["data"]["v"].as_str().unwrap_or_default();
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

#[expect(refining_impl_trait, reason = "the attribute allows the same")]
impl Controller for Numbers {
    type Object = Number;

    async fn reconcile(&self, obj: &Number, _: &Context<Self>) {
        self.seen.lock().push(obj.0);
    }
}

impl Described for Numbers {
    const DESCRIPTOR: Descriptor = Descriptor::new("numbers", "v1", "ConfigMap").on(Callback::Reconcile).no_resync();
}

#[tokio::test(start_paused = true)]
async fn a_cluster_scoped_kind_is_watched_as_a_whole_and_its_events_stand_in_default() {
    let cluster = quiet_cluster();
    let nodes: Api<Node> = Api::all(cluster.client());
    let node = serde_json::from_value(json!({"metadata": {"name": "n1"}})).expect("a node");
    nodes.create(&PostParams::default(), &node).await.expect("it is created");
    let log = Log::default();
    let noter = Noter { log: Arc::clone(&log), fails: Mutex::new(["event"].into()) };
    let spec = shared(Noter::DESCRIPTOR.kind("Node"), noter);
    let running = Operator::new("bench").client(cluster.client()).namespaces(["default"]).child(spec).spawn();
    running.settled().await;
    assert_eq!(*log.lock(), ["reconcile n1 -"]);
    let events: Api<CoreEvent> = Api::namespaced(cluster.client(), "default");
    assert_eq!(events.list(&ListParams::default()).await.expect("they are listed").items.len(), 1);
    assert_eq!(running.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_not_there_is_waited_for() {
    let cluster = Cluster::new();
    let log = Log::default();
    let noter = Noter { log: Arc::clone(&log), fails: Mutex::default() };
    let spec = shared(Noter::DESCRIPTOR.api_version("example.com/v1").kind("Widget"), noter);
    let running = Operator::new("bench").client(cluster.client()).chance(1).child(spec).spawn();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            }}}],
        },
    });
    let client = cluster.client();
    let post = |path: &str, body: &Value| {
        let request = http::Request::post(path).header("Content-Type", "application/json");
        request.body(body.to_string().into_bytes()).expect("a request")
    };
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    client.request::<Value>(post(path, &definition)).await.expect("the kind is created");
    let widget =
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "data": {"v": "1"}});
    tokio::time::sleep(Duration::from_secs(1)).await;
    let path = "/apis/example.com/v1/namespaces/default/widgets";
    client.request::<Value>(post(path, &widget)).await.expect("the object is created");
    running.settled().await;
    assert_eq!(*log.lock(), ["reconcile default/w 1"]);
    assert_eq!(running.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_declaration_that_can_not_work_is_a_failed_start() {
    for change in [|d: Descriptor| d.schema(r#"{"type": 7}"#), |d: Descriptor| d.schema("{")] {
        let mut bench = start(quiet_cluster(), &[], change);
        assert_eq!(bench.running.ended().await, ExitCode::from(1));
    }
}

/// Objects come, change and go while requests fail and watches break; gives what was called.
async fn stormy_weather(seed: u64) -> Vec<String> {
    let cluster = quiet_cluster();
    let log = Log::default();
    let fails = (0..200).map(|at| if at % 5 == seed % 5 { "fail" } else { "ok" }).collect();
    let noter = Noter { log: Arc::clone(&log), fails: Mutex::new(fails) };
    let spec = shared(Noter::DESCRIPTOR.concurrency(3).reconcile_delay(Duration::from_secs(7)), noter);
    let running = Operator::new("storm").client(cluster.client()).chance(seed).child(spec).spawn();
    let mut rng = fastrand::Rng::with_seed(seed);
    let configs: Api<ConfigMap> = Api::namespaced(cluster.steady_client(), "default");
    for round in 0..60 {
        let name = format!("c{}", rng.u8(0..6));
        let there = configs.get_opt(&name).await.expect("the steady client works").is_some();
        match (there, rng.u8(0..3)) {
            (false, _) => drop(configs.create(&PostParams::default(), &config(&name, &round.to_string())).await),
            (true, 0) => drop(configs.delete(&name, &DeleteParams::default()).await),
            (true, _) => drop(configs.replace(&name, &PostParams::default(), &config(&name, &round.to_string())).await),
        }
        match rng.u8(0..8) {
            0 => drop(cluster.faults().watches_of("configmaps").cut()),
            1 => cluster.faults().forget(),
            2 => drop(cluster.faults().on(Requests::list("configmaps")).answer(Refusal::status(500))),
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(rng.u64(0..800))).await;
    }
    cluster.faults().clear();
    running.settled().await;
    // The last thing that each object's callbacks were told is what is there.
    let calls = std::mem::take(&mut *log.lock());
    for at in 0..6 {
        let name = format!("c{at}");
        let last = calls.iter().rfind(|call| call.contains(&format!("default/{name} "))).cloned();
        let there = configs.get_opt(&name).await.expect("the steady client works");
        match there.and_then(|config| config.data?.remove("v")) {
            Some(v) => {
                let last = last.expect("it was told");
                assert!(
                    !last.starts_with("delete") && last.contains(&format!("default/{name} {v}")),
                    "{last}, but {v}"
                );
            }
            None => assert!(last.is_none_or(|last| last.starts_with("delete")), "{name} is gone"),
        }
    }
    assert_eq!(running.stop().await, ExitCode::SUCCESS);
    calls
}

#[tokio::test(start_paused = true)]
async fn in_stormy_weather_the_last_word_is_the_truth() {
    for seed in 0..12 {
        stormy_weather(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_probes_tell_what_was_seen_before_what_is_run() {
    let bench = start(quiet_cluster(), &["fail"], same);
    let mut probes = bench.running.probes();
    bench.create("a", "1").await;
    bench.running.settled().await;
    bench.delete("a").await;
    bench.running.settled().await;
    let told: Vec<String> = probes
        .so_far()
        .into_iter()
        .map(|probe| match probe {
            Probe::Seen { key, .. } => format!("seen {key}"),
            Probe::Gone { key, .. } => format!("gone {key}"),
            Probe::Started { key, callback, .. } => format!("{} {key}", callback.name()),
            Probe::Ended { retried, .. } => format!("ended {}", if retried { "badly" } else { "well" }),
        })
        .collect();
    let a = "default/a";
    let expect =
        [format!("seen {a}"), format!("add {a}"), "ended badly".into(), format!("add {a}"), "ended well".into()];
    let rest = [format!("gone {a}"), format!("delete {a}"), "ended well".into()];
    assert_eq!(told, [&expect[..], &rest].concat());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_several_threads_a_key_runs_once_at_a_time_and_nothing_is_lost() {
    let bench = start(quiet_cluster(), &[], |d| d.concurrency(8));
    let mut probes = bench.running.probes();
    for round in 0..5 {
        for at in 0..40 {
            let (name, v) = (format!("c{at}"), round.to_string());
            if round == 0 { bench.create(&name, &v).await } else { bench.change(&name, &v).await }
        }
    }
    bench.running.settled().await;
    let mut running = std::collections::BTreeSet::new();
    for probe in probes.so_far() {
        match probe {
            Probe::Started { key, .. } => assert!(running.insert(key.clone()), "{key} runs twice at once"),
            Probe::Ended { key, .. } => assert!(running.remove(&key), "{key} did not run"),
            _ => {}
        }
    }
    let log = std::mem::take(&mut *bench.log.lock());
    for at in 0..40 {
        let of_key = format!("default/c{at} ");
        let last = log.iter().rfind(|call| call.contains(&of_key)).expect("it was told");
        assert!(last.contains(&format!("{of_key}4")), "{last}");
    }
    bench.stop().await;
}

#[test]
fn one_seed_is_one_run() {
    let run = |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(stormy_weather(seed))
    };
    for seed in 30..33 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
