//! Every form of the public interface that its page shows, as a program writes it.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::sync::{Arc, Mutex};

use controller_core::kube::CustomResource;
use controller_core::prelude::*;
use controller_core::{Callback, Described};
use controller_testkit::Cluster;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::stage::{Hand, Play, pass, player, quiet_cluster};

type Tape = Arc<Mutex<Vec<String>>>;

fn say(tape: &Tape, line: impl Into<String>) {
    tape.lock().expect("nobody panics").push(line.into());
}

fn take(tape: &Tape) -> Vec<String> {
    std::mem::take(&mut *tape.lock().expect("nobody panics"))
}

#[test]
fn the_types_are_what_the_page_says() {
    fn key<T: Clone + Debug + Display>() {}
    fn debug<T: Debug>() {}
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    fn failure<E: Into<Failure>>() {}
    fn child<T: IntoChild>() {}
    key::<Key>();
    debug::<Cause>();
    error::<Error>();
    failure::<Error>();
    failure::<std::io::Error>();
    failure::<anyhow::Error>();
    failure::<String>();
    failure::<&'static str>();
    failure::<Box<dyn std::error::Error + Send + Sync>>();
    failure::<controller_core::kube::Error>();
    child::<Supervisor>();
    child::<ChildSpec>();
    child::<Everything>();
    assert_eq!(Key::namespaced("a", "b").to_string(), "a/b");
    assert_eq!(Key::cluster("b").to_string(), "b");
    let _: [Action; 3] = [Action::Done, Action::Requeue(secs(1)), Action::AwaitChange];
}

/// Every method of a context.
struct Everything {
    tape: Tape,
}

#[controller(api_version = "v1", kind = ConfigMap, reconcile_delay = off)]
impl Everything {
    pub async fn reconcile(&self, map: &ConfigMap, cx: &Context<Everything>) -> Result<Action> {
        let (key, cause, attempt): (&Key, &Cause, u32) = (cx.key(), cx.cause(), cx.attempt());
        let previous: Option<ConfigMap> = cx.previous();
        let _client: Client = cx.client();
        let now: Timestamp = cx.now();
        tokio::select! {
            biased;
            () = cx.cancelled() => {}
            () = std::future::ready(()) => {}
        }
        cx.event(Event::normal("Seen", "it was seen"));
        if key.name() == "a" && *cause != Cause::Manual {
            cx.enqueue(Key::namespaced("default", "b"));
        }
        say(&self.tape, format!("{key} {cause:?} {attempt} {} {}", previous.is_some(), now.as_second() > 0));
        assert_eq!(map.metadata.name.as_deref(), Some(key.name()));
        Ok(Action::Done)
    }
}

#[tokio::test(start_paused = true)]
async fn a_context_has_its_methods_in_an_operator() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "1").await;
    hand.create("b", "1").await;
    let tape = Tape::default();
    let operator = Operator::new("x")
        .client(cluster.client())
        .chance(7_u64)
        .clock(controller_core::env::Clock::system())
        .controller(Everything { tape: Arc::clone(&tape) });
    let handle = operator.handle();
    assert!(!handle.enqueue::<Everything>(Key::namespaced("default", "b")), "it does not run yet");
    let operator = operator.spawn();
    operator.settled().await;
    let told = take(&tape);
    assert!(told.contains(&"default/a Start 1 false true".to_owned()), "{told:?}");
    assert!(told.len() == 2 || told.contains(&"default/b Manual 1 false true".to_owned()), "{told:?}");
    assert!(handle.enqueue::<Everything>(Key::namespaced("default", "b")));
    operator.settled().await;
    assert_eq!(take(&tape), ["default/b Manual 1 false true"]);
    assert!(hand.events().await.contains(&"Normal Seen b: it was seen".to_owned()));
    let code: ExitCode = operator.stop().await;
    assert_eq!(code, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_callback_is_called_by_hand() {
    let cluster = quiet_cluster();
    let tape = Tape::default();
    let controller = Everything { tape: Arc::clone(&tape) };
    let obj = super::stage::map("a", "1");
    let key = Key::namespaced("default", "a");
    let cx = Context::<Everything>::test(key).with(&obj).client(cluster.client());
    let answer = controller.reconcile(&obj, &cx).await;
    assert_eq!(answer.ok(), Some(Action::Done));
    assert_eq!((cx.events().len(), cx.enqueued()), (1, vec![Key::namespaced("default", "b")]));
    assert_eq!(cx.call(controller, Callback::Reconcile).await.ok(), Some(Action::Done));
}

/// Callbacks that call each other, with every form of answer.
struct Chain(Tape);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Odd(String);

impl From<serde_json::Error> for Odd {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

#[controller(api_version = "v1", kind = "ConfigMap", reconcile_delay = off)]
impl Chain {
    async fn add(&self, map: &ConfigMap, cx: &Context<Self>) -> Result<(), Odd> {
        say(&self.0, "add");
        let _: Value = serde_json::from_str("{}")?;
        self.reconcile(map, cx).await.map_err(|error| Odd(error.to_string()))
    }

    async fn modify(&self, map: &ConfigMap, cx: &Context<Self>) -> Action {
        say(&self.0, "modify");
        if self.add(map, cx).await.is_ok() { Action::AwaitChange } else { Action::Requeue(secs(1)) }
    }

    async fn delete(&self, _: &ConfigMap, _: &Context<Self>) {
        self.note("delete");
    }

    async fn reconcile(&self, _: &ConfigMap, _: &Context<Self>) -> anyhow::Result<()> {
        self.note("reconcile");
        anyhow::Ok(())
    }

    fn note(&self, line: &str) {
        say(&self.0, line);
    }
}

#[tokio::test(start_paused = true)]
async fn callbacks_may_call_each_other() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let tape = Tape::default();
    let operator = Operator::new("x").client(cluster.client()).controller(Chain(Arc::clone(&tape))).spawn();
    operator.settled().await;
    hand.create("a", "1").await;
    operator.settled().await;
    hand.change("a", "2").await;
    operator.settled().await;
    hand.delete("a").await;
    operator.settled().await;
    assert_eq!(take(&tape), ["add", "reconcile", "modify", "add", "reconcile", "delete"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

/// A custom resource from a type, with its schema.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Widget", namespaced, status = "WidgetStatus")]
struct WidgetSpec {
    size: u8,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
struct WidgetStatus {
    ready: bool,
}

struct Widgets(Tape);

#[controller(schema = derive, reconcile_delay = off)]
impl Widgets {
    async fn add(&self, widget: &Widget, cx: &Context<Self>) -> Result {
        say(&self.0, format!("typed {} {}", cx.key(), widget.spec.size));
        let written = cx.run(Operation::get::<Widget>(cx.key())).await?;
        assert_eq!(written["spec"]["size"], json!(widget.spec.size));
        Ok(())
    }

    async fn reconcile(&self, widget: &Widget, cx: &Context<Self>) -> Result {
        self.add(widget, cx).await
    }
}

struct Loose(Tape);

#[controller(api_version = "example.com/v1", kind = "Widget", plural = "widgets", reconcile_delay = off)]
impl Loose {
    async fn reconcile(&self, widget: &Value, cx: &Context<Self>) {
        say(&self.0, format!("value {} {}", cx.key(), widget["spec"]["size"]));
    }
}

#[derive(Deserialize)]
struct OnlySize {
    spec: Size,
}

#[derive(Deserialize)]
struct Size {
    size: u32,
}

struct Projected(Tape);

#[controller(api_version = "example.com/v1", kind = "Widget", reconcile_delay = off)]
impl Projected {
    async fn reconcile(&self, widget: &OnlySize, cx: &Context<Self>) {
        say(&self.0, format!("projection {} {}", cx.key(), widget.spec.size));
    }
}

#[tokio::test(start_paused = true)]
async fn objects_may_be_of_every_type() {
    use controller_core::kube::api::{Api, PostParams};
    use controller_core::kube::core::CustomResourceExt;
    let cluster = Cluster::new();
    let hand = cluster.steady_client();
    Api::all(hand.clone()).create(&PostParams::default(), &Widget::crd()).await.expect("created");
    pass(secs(10)).await;
    let tape = Tape::default();
    let operator = Operator::new("x")
        .client(cluster.client())
        .controller(Widgets(Arc::clone(&tape)))
        .controller(Loose(Arc::clone(&tape)))
        .controller(Projected(Arc::clone(&tape)))
        .spawn();
    operator.settled().await;
    let widgets: Api<Widget> = Api::namespaced(hand, "default");
    widgets.create(&PostParams::default(), &Widget::new("w", WidgetSpec { size: 3 })).await.expect("created");
    operator.settled().await;
    let mut told = take(&tape);
    told.sort();
    assert_eq!(told, ["projection default/w 3", "typed default/w 3", "value default/w 3"]);
    assert_eq!(cluster.faults().open_watches(), 1, "they share one watch");
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

/// Datapio's functions.
struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod", schema({
    "type": "object", "required": ["spec"],
    "properties": {"spec": {"required": ["containers"], "properties": {"priority": {"minimum": 1}}}}
}))]
impl PodWatcher {
    async fn add(&self, _: &Pod, _: &Context<Self>) -> Result {
        Ok(())
    }
}

#[test]
fn schema_validate_resource_and_with_resource() {
    let schema: Option<Value> = PodWatcher::schema();
    assert_eq!(schema.expect("it has one")["required"], json!(["spec"]));
    assert!(Chain::schema().is_none());
    let derived = Widgets::schema().expect("from the type");
    assert!(derived["properties"]["spec"].is_object(), "{derived}");

    let good = json!({"spec": {"containers": []}});
    let bad = json!({"spec": {"containers": [], "priority": 0}});
    assert!(PodWatcher::validate_resource(&good).is_ok());
    let error = PodWatcher::validate_resource(&bad).expect_err("the priority is too small");
    assert!(error.to_string().contains("/spec/priority"), "{error}");
    assert!(error.to_string().contains("minimum"), "{error}");
    assert!(PodWatcher::validate_resource(&json!("no object")).is_err());
    let typed: Pod = serde_json::from_value(json!({"spec": {"containers": []}})).expect("a pod");
    assert!(PodWatcher::validate_resource(&typed).is_ok());
    assert!(PodWatcher::validate_resource(&Pod::default()).is_err());
    assert!(Chain::validate_resource(&json!(7)).is_ok(), "no schema, no fault");
    assert!(Widgets::validate_resource(&Widget::new("w", WidgetSpec { size: 3 })).is_ok());
    assert!(Widgets::validate_resource(&json!({"spec": {"size": 1000}})).is_err());

    let answer: Result<u32, Error> = PodWatcher::with_resource(&good, |_| Ok::<_, Error>(7));
    assert_eq!(answer.expect("it is valid"), 7);
    let mut called = false;
    let answer = PodWatcher::with_resource(&bad, |_| {
        called = true;
        Ok::<_, Error>(7)
    });
    assert!(answer.is_err() && !called, "an invalid object is not given to it");
    let answer = PodWatcher::with_resource(&good, |_| Err::<(), _>("no"));
    assert_eq!(answer.expect_err("it says no").to_string(), "no");
    let answer = PodWatcher::with_resource(&good, |_| -> Result<()> { panic!("lost the plot") });
    assert!(answer.expect_err("it panicked").to_string().contains("lost the plot"));
}

player!(Alone() reconcile);

/// One controller with rules of its own.
struct Solo(Play);

#[controller(api_version = "v1", kind = "ConfigMap", supervisor(restart = transient, shutdown = "7s", significant))]
impl Solo {
    async fn reconcile(&self, obj: &super::stage::Data, cx: &Context<Self>) -> Result<Action> {
        self.0.call("reconcile", obj, cx).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_controller_starts_on_its_own_with_options() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.namespace("blue").await;
    hand.create("a", "1").await;
    hand.maps("blue").create(&Default::default(), &super::stage::map("b", "1")).await.expect("created");
    let play = Play::well();
    let options = StartOptions {
        client: Some(cluster.client()),
        namespace: Some("blue".to_owned()),
        reconcile_delay: Some(secs(100)),
    };
    let running: Running = Alone(play.clone()).start_with(options);
    running.settled().await;
    assert_eq!(play.take(), ["reconcile blue/b 1"]);
    pass(secs(1000)).await;
    let ticks = play.take().len();
    assert!((8..=12).contains(&ticks), "{ticks}");
    assert_eq!(running.stop().await, ExitCode::SUCCESS);
}

#[test]
fn a_child_spec_carries_the_options_and_can_be_edited() {
    let spec: ChildSpec = Solo(Play::well()).child_spec();
    assert_eq!((spec.id.as_str(), spec.restart, spec.shutdown), ("solo", Restart::Transient, Shutdown::After(secs(7))));
    assert!(spec.significant && spec.kind() == ChildKind::Worker);
    let spec = spec.id("other").restart(Restart::Temporary).shutdown(Shutdown::BrutalKill).significant();
    assert_eq!((spec.id.as_str(), spec.restart, spec.shutdown), ("other", Restart::Temporary, Shutdown::BrutalKill));
    let spec = Chain(Tape::default()).child_spec();
    assert_eq!((spec.restart, spec.shutdown), (Restart::Permanent, Shutdown::After(secs(5))));
}

struct Fresh {
    value: u32,
    tape: Tape,
}

#[controller(api_version = "v1", kind = "ConfigMap", escalate(panics = 1, within = "1m"), reconcile_delay = off)]
impl Fresh {
    async fn reconcile(&self, _: &Value, _: &Context<Self>) {
        say(&self.tape, format!("value {}", self.value));
        assert!(self.value >= 3, "not yet");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tree_of_everything_that_can_be_a_child() {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "1").await;
    let tape = Tape::default();
    let made = Arc::new(Mutex::new(0));
    let of_worker = Arc::clone(&tape);
    let inner = Supervisor::new("inner", Strategy::OneForAll)
        .intensity(3, secs(5))
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(Everything { tape: Arc::default() });
    let operator = Operator::new("tree")
        .client(cluster.client())
        .child(ChildSpec::worker("plain", |cx: ChildContext| async {
            cx.ready();
            cx.stopped().await;
            Ok(())
        }))
        .child(
            ChildSpec::worker("told", move |cx: ChildContext| {
                let tape = Arc::clone(&of_worker);
                async move {
                    cx.ready();
                    cx.stopped().await;
                    say(&tape, "told stops");
                }
            })
            .restart(Restart::Transient),
        )
        .supervisor(
            Supervisor::new("outer", Strategy::RestForOne).child(inner).child(Chain(Arc::default()).child_spec()),
        )
        .controller_with({
            let tape = Arc::clone(&tape);
            move |cx| {
                let (made, tape) = (Arc::clone(&made), Arc::clone(&tape));
                async move {
                    assert_eq!(cx.id(), "fresh");
                    let mut made = made.lock().expect("nobody panics");
                    *made += 1;
                    Fresh { value: *made, tape }
                }
            }
        })
        .spawn();
    operator.settled().await;
    pass(secs(10)).await;
    assert_eq!(take(&tape), ["value 1", "value 2", "value 3"]);
    let children = operator.tree().which_children().await.expect("it runs");
    let ids: Vec<&str> = children.iter().map(|child| child.id.as_str()).collect();
    assert_eq!(ids, ["plain", "told", "outer", "fresh"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    assert_eq!(take(&tape), ["told stops"]);
}

/// Datapio's operations.
struct Operations(Tape);

#[controller(api_version = "v1", kind = "ConfigMap", labels = "app=test", reconcile_delay = off)]
impl Operations {
    async fn add(&self, _: &Value, cx: &Context<Self>) -> Result {
        let twin = Key::namespaced("default", "twin");
        let mut map = super::stage::map("twin", "1");
        map.metadata.namespace = Some("default".to_owned());
        let answers = cx
            .run_all([
                Operation::create(&map),
                Operation::create(&map),
                Operation::get::<ConfigMap>(&twin),
                Operation::raw("GET", "/version", None),
                Operation::delete::<ConfigMap>(&twin),
                Operation::get::<ConfigMap>(&twin),
            ])
            .await;
        for answer in &answers {
            say(&self.0, if answer.is_ok() { "ok" } else { "refused" });
        }
        let error = cx.run(Operation::get::<ConfigMap>(&twin)).await.expect_err("it is gone");
        say(&self.0, error.to_string());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn operations_run_in_order_with_one_result_each() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let tape = Tape::default();
    let operator = Operator::new("x").client(cluster.client()).controller(Operations(Arc::clone(&tape))).spawn();
    operator.settled().await;
    let mut map = super::stage::map("a", "1");
    map.metadata.labels = Some(BTreeMap::from([("app".to_owned(), "test".to_owned())]));
    hand.maps("default").create(&Default::default(), &map).await.expect("created");
    operator.settled().await;
    let told = take(&tape);
    assert_eq!(told[..6], ["ok", "refused", "ok", "ok", "ok", "refused"]);
    assert!(told[6].contains("get ConfigMap default/twin"), "{told:?}");
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

player!(TwinA(name = "same") reconcile);
player!(TwinB(name = "same") reconcile);

#[tokio::test(start_paused = true)]
async fn an_operator_that_can_not_start_ends_with_1() {
    let cluster = quiet_cluster();
    let log = crate::log::Log::listen();
    let mut operator = Operator::new("x")
        .client(cluster.client())
        .controller(TwinA(Play::well()))
        .controller(TwinB(Play::well()))
        .spawn();
    assert_eq!(operator.ended().await, ExitCode::from(1));
    assert_eq!(log.take(&["the operator does not start"]).len(), 1);
    // A name is the descriptor's.
    assert_eq!(TwinA::DESCRIPTOR.name(), TwinB::DESCRIPTOR.name());
    // As in OTP, nothing can be significant where the supervisor does not ask for it.
    let mut operator = Operator::new("x").client(cluster.client()).controller(Solo(Play::well())).spawn();
    assert_eq!(operator.ended().await, ExitCode::from(1));
    assert_eq!(log.take(&["the operator does not start"]).len(), 1);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "operator x has ended, so it can't settle")]
async fn an_operator_that_has_ended_does_not_settle() {
    let cluster = quiet_cluster();
    let twins = Operator::new("x").client(cluster.client()).controller(TwinA(Play::well()));
    twins.controller(TwinB(Play::well())).spawn().settled().await;
}
