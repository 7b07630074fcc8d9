//! What the cluster does to an operator, and how the operator comes through it.

use std::num::NonZeroUsize;

use controller_core::prelude::*;
use controller_testkit::{Cluster, Refusal, Requests};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde::Deserialize;
use serde_json::json;

use super::stage::{Hand, Play, pass, player, quiet_cluster};
use crate::log::Log;

player!(Player(reconcile_delay = off) add modify delete reconcile);
player!(Twin(reconcile_delay = off) add modify delete reconcile);
player!(Undiscovered(reconcile_delay = off) add modify delete reconcile);

/// The words of trouble: every message of a watch or of the discovery that is a warning.
const TROUBLE: [&str; 6] =
    ["no API server", "no permission", "the API server", "the server", "skipped", "reads the list"];

struct Scene {
    cluster: Cluster,
    hand: Hand,
    log: Log,
    play: Play,
    operator: Running,
}

impl Scene {
    /// An operator that starts while these faults hold.
    async fn with(prepare: impl FnOnce(&Cluster)) -> Self {
        let cluster = quiet_cluster();
        let hand = Hand::of(&cluster);
        hand.create("old", "1").await;
        prepare(&cluster);
        let log = Log::listen();
        let play = Play::well();
        let operator =
            Operator::new("test").client(cluster.client()).chance(1).controller(Player(play.clone())).spawn();
        Self { cluster, hand, log, play, operator }
    }

    async fn settled(&self, expect: &[&str]) {
        self.operator.settled().await;
        let mut told = self.play.take();
        told.sort();
        assert_eq!(told, expect, "{}", self.log.everything());
    }

    /// One story of changes, whose difference alone counts.
    async fn changes(&self) {
        self.hand.create("brief", "1").await;
        self.hand.delete("brief").await;
        self.hand.create("new", "1").await;
        self.hand.change("old", "2").await;
        self.hand.change("old", "3").await;
    }

    async fn end(self) {
        assert_eq!(self.operator.stop().await, ExitCode::SUCCESS);
    }
}

const CHANGES: [&str; 2] = ["add default/new 1", "modify default/old 3 after 1"];

#[tokio::test(start_paused = true)]
async fn what_is_refused_at_start_is_said_once_and_waited_for() {
    for (code, words) in [
        (403, ["no permission to list and watch configmaps", "GET /api/v1/configmaps", "grant list and watch"]),
        (401, ["the API server does not know who asks", "GET /api/v1/configmaps", "renew the credentials"]),
        (404, ["the API server has no kind ConfigMap in v1", "GET /api/v1/configmaps", "install its CRD"]),
        (429, ["the API server is busy", "GET /api/v1/configmaps", "asked again"]),
        (500, ["the API server refused", "GET /api/v1/configmaps", "asked again"]),
        (503, ["the API server is busy", "GET /api/v1/configmaps", "asked again"]),
    ] {
        let scene = Scene::with(|cluster| {
            cluster.faults().on(Requests::of("configmaps")).always().answer(Refusal::status(code));
        })
        .await;
        pass(secs(600)).await;
        let said = scene.log.take(&TROUBLE);
        assert_eq!(said.len(), 1, "{code}: {said:?}");
        assert!(words.iter().all(|word| said[0].contains(word)), "{code}: {said:?}");
        scene.cluster.faults().clear();
        scene.settled(&["reconcile default/old 1"]).await;
        assert_eq!(scene.log.take(&["follows"]).len(), 1);
        scene.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_on_the_way_is_said_once_and_nothing_is_lost() {
    for code in [401, 403, 429, 500, 503] {
        let scene = Scene::with(|_| ()).await;
        scene.settled(&["reconcile default/old 1"]).await;
        scene.log.take(&TROUBLE);
        scene.cluster.faults().on(Requests::of("configmaps")).always().answer(Refusal::status(code));
        scene.cluster.faults().watches().cut();
        scene.changes().await;
        pass(secs(300)).await;
        let said = scene.log.take(&TROUBLE);
        assert_eq!(said.len(), 1, "{code}: {said:?}");
        assert_eq!(scene.play.take(), [""; 0]);
        scene.cluster.faults().clear();
        scene.settled(&CHANGES).await;
        scene.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_away_is_said_once_and_nothing_is_lost() {
    for forgets in [false, true] {
        let scene = Scene::with(|_| ()).await;
        scene.settled(&["reconcile default/old 1"]).await;
        scene.cluster.faults().down();
        scene.changes().await;
        pass(secs(600)).await;
        let said = scene.log.take(&TROUBLE);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("GET /api/v1/configmaps") && said[0].contains("kubeconfig"), "{said:?}");
        if forgets {
            scene.cluster.faults().forget();
        }
        scene.cluster.faults().up();
        scene.settled(&CHANGES).await;
        scene.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn however_a_watch_breaks_the_difference_is_delivered() {
    type Break = fn(&Cluster);
    let breaks: [(&str, Break); 10] = [
        ("cut", |c| drop(c.faults().watches().cut())),
        ("ended", |c| drop(c.faults().watches().end())),
        ("410 in the stream", |c| drop(c.faults().watches().gone())),
        ("410 as a status", |c| {
            c.faults().on(Requests::watch("configmaps")).times(1).answer(Refusal::gone());
            c.faults().watches().cut();
        }),
        ("forgotten", |c| {
            c.faults().watches().cut();
            c.faults().forget();
        }),
        ("silence", |c| drop(c.faults().watches().silence())),
        ("no JSON", |c| drop(c.faults().watches().say("{\"type\":\"MODIFIED\",\"object\":\n"))),
        ("an unknown event", |c| {
            drop(c.faults().watches().say("{\"type\":\"SHINY\",\"object\":{\"kind\":\"ConfigMap\"}}\n"));
        }),
        ("an error event", |c| {
            drop(c.faults().watches().refuse(Refusal::status(500).message("etcdserver: request timed out")));
        }),
        ("a hanging answer", |c| {
            c.faults().on(Requests::of("configmaps")).times(2).hang();
            c.faults().watches().cut();
        }),
    ];
    for (name, broken) in breaks {
        for page in [None, NonZeroUsize::new(1)] {
            let scene = Scene::with(|cluster| {
                if let Some(page) = page {
                    cluster.faults().no_streaming_lists();
                    cluster.faults().page_size(page);
                }
            })
            .await;
            scene.settled(&["reconcile default/old 1"]).await;
            broken(&scene.cluster);
            scene.changes().await;
            // Silence is noticed by a deadline alone.
            pass(secs(900)).await;
            scene.cluster.faults().clear();
            scene.operator.settled().await;
            let mut told = scene.play.take();
            told.sort();
            // One whose watch goes on is told of each step.
            let last: Vec<_> = told.iter().filter(|line| !line.contains("brief") && !line.contains(" 2 ")).collect();
            let ends = last.iter().any(|line| line.starts_with("modify default/old 3"));
            assert!(ends && last[0] == "add default/new 1" && last.len() == 2, "{name} {page:?}: {told:?}");
            scene.end().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_watch_serves_every_controller_that_declares_the_same() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "1").await;
    let (one, two) = (Play::well(), Play::new(|_| super::stage::Answer::Panic));
    let operator = Operator::new("test")
        .client(cluster.client())
        .controller(Player(one.clone()))
        .controller(Twin(two.clone()))
        .spawn();
    pass(secs(10)).await;
    assert_eq!(cluster.faults().open_watches(), 1);
    hand.change("a", "2").await;
    pass(secs(1)).await;
    // One that fails for ever is not in the other's way.
    assert_eq!(one.take(), ["reconcile default/a 1", "modify default/a 2 after 1"]);
    assert!(two.take().len() > 5);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    assert_eq!(cluster.faults().open_watches(), 0);
}

/// A kind that comes with a definition, known by its name alone.
struct Wares(Play);

#[derive(Deserialize)]
struct Ware {
    spec: WareSpec,
}

#[derive(Deserialize)]
struct WareSpec {
    size: u8,
}

impl Wares {
    fn note(&self, callback: &str, ware: &Ware, key: &Key) {
        self.0.say(format!("{callback} {key} {}", ware.spec.size));
    }
}

#[controller(api_version = "shop.example.com/v1", kind = "Ware", reconcile_delay = off)]
impl Wares {
    async fn add(&self, ware: &Ware, cx: &Context<Self>) {
        self.note("add", ware, cx.key());
    }

    async fn modify(&self, ware: &Ware, cx: &Context<Self>) {
        self.note("modify", ware, cx.key());
    }

    async fn delete(&self, ware: &Ware, cx: &Context<Self>) {
        self.note("delete", ware, cx.key());
    }

    async fn reconcile(&self, ware: &Ware, cx: &Context<Self>) {
        self.note("reconcile", ware, cx.key());
    }
}

fn definition() -> CustomResourceDefinition {
    let definition = json!({
        "metadata": {"name": "wares.shop.example.com"},
        "spec": {
            "group": "shop.example.com",
            "scope": "Namespaced",
            "names": {"plural": "wares", "singular": "ware", "kind": "Ware", "listKind": "WareList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            }}}],
        },
    });
    serde_json::from_value(definition).expect("a definition")
}

fn ware(name: &str, size: &Value) -> DynamicObject {
    let ware = json!({
        "apiVersion": "shop.example.com/v1", "kind": "Ware", "metadata": {"name": name}, "spec": {"size": size},
    });
    serde_json::from_value(ware).expect("an object")
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_comes_goes_and_comes_again_is_followed() {
    let cluster = Cluster::new();
    let hand = cluster.steady_client();
    let definitions: Api<CustomResourceDefinition> = Api::all(hand.clone());
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("shop.example.com", "v1", "Ware"));
    let wares: Api<DynamicObject> = Api::namespaced_with(hand, "default", &resource);
    let log = Log::listen();
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Wares(play.clone())).spawn();
    pass(secs(300)).await;
    let said = log.take(&TROUBLE);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("no kind Ware in shop.example.com/v1"), "{said:?}");

    definitions.create(&PostParams::default(), &definition()).await.expect("created");
    pass(secs(60)).await;
    wares.create(&PostParams::default(), &ware("a", &json!(1))).await.expect("created");
    operator.settled().await;
    let told = play.take();
    assert!(told == ["add default/a 1"] || told == ["reconcile default/a 1"], "{told:?}");

    definitions.delete("wares.shop.example.com", &DeleteParams::default()).await.expect("deleted");
    pass(secs(300)).await;
    assert_eq!(play.take(), ["delete default/a 1"], "{}", log.everything());
    let said = log.take(&TROUBLE);
    assert_eq!(said.len(), 1, "{said:?}");

    definitions.create(&PostParams::default(), &definition()).await.expect("created");
    pass(secs(60)).await;
    wares.create(&PostParams::default(), &ware("a", &json!(2))).await.expect("created");
    operator.settled().await;
    assert_eq!(play.take(), ["add default/a 2"], "{}", log.everything());
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_does_not_decode_reaches_no_callback_until_it_changes() {
    let cluster = Cluster::new();
    let hand = cluster.steady_client();
    let definitions: Api<CustomResourceDefinition> = Api::all(hand.clone());
    definitions.create(&PostParams::default(), &definition()).await.expect("created");
    pass(secs(10)).await;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("shop.example.com", "v1", "Ware"));
    let wares: Api<DynamicObject> = Api::namespaced_with(hand, "default", &resource);
    let log = Log::listen();
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Wares(play.clone())).spawn();
    operator.settled().await;
    wares.create(&PostParams::default(), &ware("bad", &json!(1000))).await.expect("created");
    wares.create(&PostParams::default(), &ware("good", &json!(1))).await.expect("created");
    operator.settled().await;
    assert_eq!(play.take(), ["add default/good 1"]);
    let said = log.take(&["the object does not decode"]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("key=default/bad") && said[0].contains("/spec/size"), "{said:?}");
    wares.delete("bad", &DeleteParams::default()).await.expect("deleted");
    wares.create(&PostParams::default(), &ware("bad", &json!(2))).await.expect("created");
    operator.settled().await;
    assert_eq!(play.take(), ["add default/bad 2"], "no callback heard of the first");
    let events = Hand::of(&cluster).events().await;
    assert!(events.iter().any(|event| event.starts_with("Warning Invalid bad: ")), "{events:?}");
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

player!(Strict(reconcile_delay = off, schema({
    "properties": {"data": {"properties": {"v": {"maxLength": 3}}}}
})) add modify delete reconcile);

#[tokio::test(start_paused = true)]
async fn an_invalid_object_reaches_no_callback_gets_an_event_and_is_tried_again_when_it_changes() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("found", "much too long").await;
    let log = Log::listen();
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Strict(play.clone())).spawn();
    hand.create("new", "much too long").await;
    operator.settled().await;
    assert_eq!(play.take(), [""; 0]);
    let said = log.take(&["the object breaks the schema"]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|line| line.contains("/data/v") && line.contains("maxLength")), "{said:?}");
    let events = hand.events().await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events.iter().all(|event| event.starts_with("Warning Invalid") && event.contains("/data/v")), "{events:?}");
    hand.change("found", "ok").await;
    hand.change("new", "ok").await;
    operator.settled().await;
    let mut told = play.take();
    told.sort();
    assert_eq!(told.len(), 2, "{told:?}");
    hand.change("found", "much too long").await;
    operator.settled().await;
    hand.delete("found").await;
    operator.settled().await;
    // What was added is not left behind.
    assert_eq!(play.take(), ["delete default/found ok"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

/// A cluster-scoped kind.
struct Spaces(Play);

#[controller(api_version = "v1", kind = "Namespace", reconcile_delay = off)]
impl Spaces {
    async fn add(&self, obj: &Namespace, cx: &Context<Self>) {
        assert_eq!(obj.metadata.name.as_deref(), Some(cx.key().name()));
        assert_eq!(cx.key().namespace(), None);
        cx.event(Event::normal("Welcome", "a new namespace"));
        self.0.say(format!("add {}", cx.key()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_scoped_kind_is_watched_whole_also_where_the_operator_is_narrowed() {
    for narrowed in [false, true] {
        let cluster = quiet_cluster();
        let hand = Hand::of(&cluster);
        let play = Play::well();
        let mut operator = Operator::new("test").client(cluster.client());
        if narrowed {
            operator = operator.namespaces(["default"]);
        }
        let operator = operator.controller(Spaces(play.clone())).spawn();
        operator.settled().await;
        play.take();
        hand.namespace("blue").await;
        operator.settled().await;
        assert_eq!(play.take(), ["add blue"]);
        assert!(hand.events().await.contains(&"Normal Welcome blue: a new namespace".to_owned()));
        assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_can_be_narrowed_to_namespaces() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.namespace("a").await;
    hand.namespace("b").await;
    let play = Play::well();
    let operator = Operator::new("test")
        .client(cluster.client())
        .namespaces(["a", "b"])
        .controller(Undiscovered(play.clone()))
        .spawn();
    operator.settled().await;
    for namespace in ["a", "b", "default"] {
        let maps: Api<ConfigMap> = hand.maps(namespace);
        maps.create(&PostParams::default(), &super::stage::map("x", "1")).await.expect("created");
    }
    operator.settled().await;
    let mut told = play.take();
    told.sort();
    assert_eq!(told, ["add a/x 1", "add b/x 1"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}
