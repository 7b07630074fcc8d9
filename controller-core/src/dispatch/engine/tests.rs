//! A scripted controller on paused time: deltas are delivered by hand, and a client that answers everything with
//! an empty object notes the requests.

use std::fmt::Write as _;
use std::pin::pin;

use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::context::Context;
use crate::controller::{Controller, Described};
use crate::descriptor::Descriptor;
use crate::dispatch::Live;
use crate::dispatch::controller::{Broken, serve};
use crate::env::{Chance, Clock, Connections, Task, spawn};
use crate::erased::Shared as _;
use crate::error::{Error, Failure};
use crate::outcome::Action;
use crate::watch::{Delta, Hub, Sink as _};

/// What the controller does in one call.
#[derive(Debug, Clone, Copy)]
enum Act {
    Done,
    Requeue(u64),
    Await,
    Fail,
    Permanent,
    Panic,
    Sleep(u64),
    /// Waits for ever.
    Hang,
    /// Waits until it is cancelled, then answers.
    Polite,
    /// Leaves an event, then panics.
    EventThenPanic,
    EnqueueB,
}

/// Plays a script, and `Done` when it is over.
struct Scripted {
    script: Arc<Mutex<VecDeque<Act>>>,
    log: Arc<Mutex<Vec<String>>>,
    started: Instant,
}

impl Scripted {
    async fn play(&self, callback: &str, obj: &Value, cx: &Context<Self>) -> Result<Action, Failure> {
        let act = self.script.lock().pop_front().unwrap_or(Act::Done);
        let mut line = format!(
            "{callback} {}@{} {:?}",
            cx.key(),
            obj["metadata"]["resourceVersion"].as_str().unwrap_or("?"),
            cx.cause()
        );
        if cx.attempt() > 1 {
            let _ = write!(line, " attempt {}", cx.attempt());
        }
        if let Some(before) = cx.previous() {
            let _ = write!(line, " before {}", before["metadata"]["resourceVersion"].as_str().unwrap_or("?"));
        }
        let _ = write!(line, " {}s", self.started.elapsed().as_secs());
        self.log.lock().push(line);
        match act {
            Act::Done => Ok(Action::Done),
            Act::Requeue(seconds) => Ok(Action::Requeue(Duration::from_secs(seconds))),
            Act::Await => Ok(Action::AwaitChange),
            Act::Fail => Err("it went wrong".into()),
            Act::Permanent => Err(Error::permanent("it will not do").into()),
            Act::Panic => panic!("lost the plot"),
            Act::Sleep(seconds) => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                self.log.lock().push(format!("end {}", cx.key()));
                Ok(Action::Done)
            }
            Act::Hang => std::future::pending().await,
            Act::Polite => {
                cx.cancelled().await;
                self.log.lock().push(format!("cancelled {}", cx.key()));
                Ok(Action::Done)
            }
            Act::EventThenPanic => {
                cx.event(Event::normal("Tried", "it was tried"));
                panic!("lost the plot")
            }
            Act::EnqueueB => {
                cx.enqueue(Key::namespaced("default", "b"));
                Ok(Action::Done)
            }
        }
    }
}

#[expect(refining_impl_trait, reason = "the attribute allows the same")]
impl Controller for Scripted {
    type Object = Value;

    async fn add(&self, obj: &Value, cx: &Context<Self>) -> Result<Action, Failure> {
        self.play("add", obj, cx).await
    }

    async fn modify(&self, obj: &Value, cx: &Context<Self>) -> Result<Action, Failure> {
        self.play("modify", obj, cx).await
    }

    async fn delete(&self, obj: &Value, cx: &Context<Self>) -> Result<Action, Failure> {
        self.play("delete", obj, cx).await
    }

    async fn reconcile(&self, obj: &Value, cx: &Context<Self>) -> Result<Action, Failure> {
        self.play("reconcile", obj, cx).await
    }
}

impl Described for Scripted {
    const DESCRIPTOR: Descriptor = Descriptor::new("scripted", "v1", "Pod")
        .on(Callback::Add)
        .on(Callback::Modify)
        .on(Callback::Delete)
        .on(Callback::Reconcile);
}

struct Bench {
    engine: Arc<Engine>,
    ear: Ear,
    log: Arc<Mutex<Vec<String>>>,
    requests: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    task: Task<Result<(), Broken>>,
}

fn client(requests: Arc<Mutex<Vec<String>>>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let requests = Arc::clone(&requests);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap_or_default();
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let said = body["message"].as_str().map_or_else(|| body["count"].to_string(), str::to_owned);
            requests.lock().push(format!("{} {} {said}", parts.method, parts.uri.path()));
            Ok::<_, std::convert::Infallible>(Response::new(Body::from(b"{}".to_vec())))
        }
    });
    Client::new(service, "default")
}

impl Bench {
    fn new(script: &[Act], change: impl FnOnce(Descriptor) -> Descriptor) -> Self {
        Self::with_schema(script, change, None)
    }

    fn with_schema(script: &[Act], change: impl FnOnce(Descriptor) -> Descriptor, schema: Option<Value>) -> Self {
        let log = Arc::new(Mutex::default());
        let requests = Arc::new(Mutex::default());
        let client = client(Arc::clone(&requests));
        let clock = Clock::starting_at("2026-01-01T00:00:00Z".parse().expect("a time"));
        let chance = Chance::seeded(1);
        let scripted = Scripted {
            script: Arc::new(Mutex::new(script.iter().copied().collect())),
            log: Arc::clone(&log),
            started: clock.instant(),
        };
        let scope = Scope {
            operator: "bench".into(),
            client: client.clone(),
            url: None,
            clock: clock.clone(),
            chance: chance.clone(),
            hub: Hub::new(Connections::shared(client), clock, chance, None, Vec::new()),
            live: Arc::new(Live::default()),
            namespaces: None,
            watchdog: crate::dispatch::Watchdog::start(),
        };
        let descriptor = change(Scripted::DESCRIPTOR);
        let controller = scripted.erased(descriptor).0;
        let resource = Resource {
            group: String::new(),
            version: "v1".into(),
            api_version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
            namespaced: true,
        };
        let schema = schema.map(|schema| Schema::compile(&schema).expect("a schema"));
        let engine = Engine::new(controller, Arc::new(scope), resource, schema, Filters::default());
        let stop = CancellationToken::new();
        let task = spawn({
            let (engine, stop) = (Arc::clone(&engine), stop.clone());
            async move { serve(&engine, descriptor.workers(), stop.cancelled_owned()).await }
        });
        let ear = Ear::new(Arc::clone(&engine), 0);
        Self { engine, ear, log, requests, stop, task }
    }

    fn entry(slot: u32, version: u32, extra: &Value) -> Entry {
        let name = ["a", "b", "c", "d"][slot as usize];
        let mut object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "resourceVersion": version.to_string()},
        });
        object["spec"] = extra.clone();
        let head = crate::watch::Head {
            namespace: Some("default".into()),
            name: name.into(),
            uid: Some(format!("uid-{name}").into()),
            version: version.to_string().into(),
            generation: None,
            deleting: false,
            says_paused: false,
        };
        let store = crate::cache::Store::new();
        let bytes = object.to_string().into_bytes();
        match store.upsert(&head, crate::cache::Seen::Listed, || crate::cache::Draft::new(&bytes, b"", &[])) {
            crate::cache::Applied::Upsert { entry, .. } => entry,
            other => panic!("a new object in an empty store is {other:?}"),
        }
    }

    fn found(&self, slot: u32, version: u32) {
        let entry = Self::entry(slot, version, &Value::Null);
        self.ear.deliver(Delta::Upsert { slot, entry: &entry, before: None, initial: true });
    }

    fn seen(&self, slot: u32, version: u32) {
        self.seen_with(slot, version, &Value::Null);
    }

    fn seen_with(&self, slot: u32, version: u32, spec: &Value) {
        let entry = Self::entry(slot, version, spec);
        self.ear.deliver(Delta::Upsert { slot, entry: &entry, before: None, initial: false });
    }

    fn gone_with(&self, slot: u32, version: u32, spec: &Value) {
        let entry = Self::entry(slot, version, spec);
        self.ear.deliver(Delta::Remove { slot, entry: &entry });
    }

    fn gone(&self, slot: u32, version: u32) {
        self.gone_with(slot, version, &Value::Null);
    }

    /// Lets this much time pass, and everything happen that belongs to it.
    async fn pass(&self, millis: u64) {
        self.ear.flush();
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    #[track_caller]
    fn check(&self, expect: &[&str]) {
        let log = std::mem::take(&mut *self.log.lock());
        assert_eq!(log, expect);
    }

    #[track_caller]
    fn check_requests(&self, expect: &[&str]) {
        let requests: Vec<String> = std::mem::take(&mut *self.requests.lock());
        assert_eq!(requests, expect);
    }

    async fn end(self) -> Result<(), Broken> {
        self.stop.cancel();
        match self.task.await {
            crate::env::Ended::Value(ended) => ended,
            other => panic!("the controller's task ended with {other:?}"),
        }
    }
}

fn same(descriptor: Descriptor) -> Descriptor {
    descriptor
}

#[tokio::test(start_paused = true)]
async fn the_four_callbacks_follow_an_object() {
    let bench = Bench::new(&[], same);
    bench.found(0, 1);
    bench.seen(1, 2);
    bench.pass(1).await;
    bench.check(&["add default/b@2 Added 0s", "reconcile default/a@1 Start 0s"]);
    bench.seen(1, 3);
    bench.pass(1).await;
    bench.check(&["modify default/b@3 Modified before 2 0s"]);
    bench.gone(1, 4);
    bench.pass(1).await;
    bench.check(&["delete default/b@4 Deleted 0s"]);
    assert_eq!(bench.engine.counters.succeeded.get(), 4);
    assert!(bench.engine.is_settled());
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_resync_tick_comes_about_once_a_period() {
    let bench = Bench::new(&[], same);
    bench.found(0, 1);
    bench.pass(100_000).await;
    let log = std::mem::take(&mut *bench.log.lock());
    assert!((3..=5).contains(&log.len()), "{log:?}");
    assert!(log[1..].iter().all(|line| line.contains("reconcile default/a@1 Resync")), "{log:?}");
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_retried_with_growing_waits_and_a_panic_is_one_too() {
    let bench = Bench::new(&[Act::Fail, Act::Panic, Act::Fail, Act::Done], same);
    bench.seen(0, 1);
    bench.pass(100).await;
    bench.check(&[
        "add default/a@1 Added 0s",
        "add default/a@1 Retry(1) attempt 2 0s",
        "add default/a@1 Retry(2) attempt 3 0s",
        "add default/a@1 Retry(3) attempt 4 0s",
    ]);
    let counters = &bench.engine.counters;
    assert_eq!((counters.failed.get(), counters.panics.get(), counters.succeeded.get()), (3, 1, 1));
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_waits_for_a_change() {
    let bench = Bench::new(&[Act::Permanent], same);
    bench.found(0, 1);
    bench.pass(600_000).await;
    bench.check(&["reconcile default/a@1 Start 0s"]);
    bench.seen(0, 2);
    bench.pass(1).await;
    bench.check(&["modify default/a@2 Modified before 1 600s"]);
    assert_eq!(bench.engine.counters.terminal.get(), 1);
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_requeue_replaces_the_tick_and_await_change_has_none() {
    let bench = Bench::new(&[Act::Requeue(7), Act::Requeue(100), Act::Await], same);
    bench.found(0, 1);
    bench.pass(900_000).await;
    bench.check(&[
        "reconcile default/a@1 Start 0s",
        "reconcile default/a@1 Requeue 7s",
        "reconcile default/a@1 Requeue 107s",
    ]);
    assert_eq!(bench.engine.counters.requeued.get(), 2);
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_dropped_at_its_timeout_and_retried() {
    let bench = Bench::new(&[Act::Hang, Act::Polite], |d| d.timeout(Duration::from_secs(10)).no_resync());
    bench.found(0, 1);
    bench.pass(60_000).await;
    bench.check(&[
        "reconcile default/a@1 Start 0s",
        "reconcile default/a@1 Retry(1) attempt 2 10s",
        "cancelled default/a",
    ]);
    let counters = &bench.engine.counters;
    assert_eq!((counters.timeouts.get(), counters.slow.get(), counters.succeeded.get()), (1, 2, 1));
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn keys_run_side_by_side_up_to_the_concurrency_and_a_key_never_twice() {
    let script = [Act::Sleep(10); 5];
    let bench = Bench::new(&script, |d| d.concurrency(2));
    (0..3).for_each(|slot| bench.seen(slot, 1));
    bench.pass(1000).await;
    bench.seen(0, 2);
    bench.seen(0, 3);
    bench.pass(1).await;
    bench.check(&["add default/a@1 Added 0s", "add default/b@1 Added 0s"]);
    bench.pass(9_500).await;
    bench.check(&[
        "end default/a",
        "add default/c@1 Added 10s",
        "end default/b",
        "modify default/a@3 Modified before 1 10s",
    ]);
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_worker_runs_one_key_after_another() {
    let bench = Bench::new(&[Act::Sleep(10), Act::Sleep(10)], same);
    (0..2).for_each(|slot| bench.seen(slot, 1));
    bench.pass(15_000).await;
    bench.check(&["add default/a@1 Added 0s", "end default/a", "add default/b@1 Added 10s"]);
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_running_calls_end_and_starts_no_more() {
    let bench = Bench::new(&[Act::Sleep(3), Act::Polite], |d| d.concurrency(2));
    (0..4).for_each(|slot| bench.seen(slot, 1));
    bench.pass(1).await;
    let log = Arc::clone(&bench.log);
    let clock = bench.engine.scope.clock.clone();
    let stopped_at = clock.instant();
    assert!(bench.end().await.is_ok());
    assert_eq!(clock.instant().duration_since(stopped_at).as_millis(), 2999);
    let log = std::mem::take(&mut *log.lock());
    assert_eq!(log, ["add default/a@1 Added 0s", "add default/b@1 Added 0s", "cancelled default/b", "end default/a"]);
}

#[tokio::test(start_paused = true)]
async fn enqueue_runs_another_key() {
    let bench = Bench::new(&[Act::EnqueueB, Act::EnqueueB], |d| d.no_resync());
    bench.found(0, 1);
    bench.pass(1).await;
    // Without a watch no key is found: it is passed over.
    bench.check(&["reconcile default/a@1 Start 0s"]);
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_invalid_object_reaches_no_callback_and_is_told_so_once() {
    let schema = json!({"properties": {"spec": {"properties": {"size": {"type": "integer"}}}}});
    let bench = Bench::with_schema(&[], same, Some(schema));
    bench.seen_with(0, 1, &json!({"size": "big"}));
    bench.pass(100_000).await;
    bench.check(&[]);
    bench.check_requests(&[
        "POST /api/v1/namespaces/default/events the object breaks the schema: /spec/size: the value is not of type \"integer\" (found \"big\") [rule /properties/spec/properties/size/type]",
    ]);
    bench.engine.ask(&Key::namespaced("default", "a"), Causes::MANUAL);
    bench.pass(1).await;
    bench.check_requests(&[]);
    bench.seen_with(0, 2, &json!({"size": 3}));
    bench.pass(1).await;
    bench.check(&["add default/a@2 Added 100s"]);
    assert_eq!(bench.engine.counters.invalid.get(), 1);
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_delete_of_an_invalid_object_gets_the_version_that_was_accepted() {
    let schema = json!({"properties": {"spec": {"properties": {"size": {"type": "integer"}}}}});
    let bench = Bench::with_schema(&[], same, Some(schema));
    bench.seen_with(0, 1, &json!({"size": 3}));
    bench.pass(1).await;
    bench.gone_with(0, 2, &json!({"size": "big"}));
    bench.pass(1).await;
    bench.check(&["add default/a@1 Added 0s", "delete default/a@1 Deleted 0s"]);
    // One that was never valid was never told of.
    bench.seen_with(1, 1, &json!({"size": "big"}));
    bench.pass(1).await;
    bench.gone_with(1, 2, &json!({"size": "big"}));
    bench.pass(1).await;
    bench.check(&[]);
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn events_are_written_after_the_run_even_if_it_panicked_and_counted_up() {
    let bench = Bench::new(&[Act::EventThenPanic, Act::EventThenPanic], same);
    bench.seen(0, 1);
    bench.pass(1000).await;
    bench.check_requests(&[
        "POST /api/v1/namespaces/default/events it was tried",
        "PATCH /api/v1/namespaces/default/events/a.18867251edfa0000 2",
    ]);
    assert!(bench.end().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn panics_end_the_controller_only_where_it_asks_for_that() {
    let bench = Bench::new(&[Act::Panic; 10], |d| d.escalate(3, Duration::from_secs(60)));
    bench.seen(0, 1);
    bench.pass(10_000).await;
    let ended = match pin!(bench.task).await {
        crate::env::Ended::Value(ended) => ended,
        other => panic!("{other:?}"),
    };
    let Err(Broken::Escalated(report)) = ended else { panic!("{ended:?}") };
    assert!(report.starts_with("3 panics of callbacks within 60s; the last: lost the plot"), "{report}");
}
