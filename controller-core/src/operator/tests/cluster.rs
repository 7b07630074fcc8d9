//! The life of an operator with controllers, against the embedded API server, on paused time.

use std::sync::atomic::{AtomicU32, Ordering};

use controller_testkit::{Cluster, World};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::*;
use crate::{Callback, Cause, Described, Descriptor};

/// Notes what it sees, and takes its time.
pub(super) struct Watcher {
    pub(super) seen: Seen,
    pub(super) value: u32,
    /// How long a callback takes.
    pub(super) takes: Duration,
    /// How often a callback panics first.
    pub(super) panics: AtomicU32,
}

#[expect(refining_impl_trait, reason = "the attribute allows the same")]
impl Controller for Watcher {
    type Object = Value;

    async fn reconcile(&self, _obj: &Value, cx: &Context<Self>) {
        let manual = if *cx.cause() == Cause::Manual { " manual" } else { "" };
        self.seen.lock().push(format!("{} {}{manual}", self.value, cx.key()));
        if self.panics.load(Ordering::SeqCst) > 0 {
            self.panics.fetch_sub(1, Ordering::SeqCst);
            std::panic::resume_unwind(Box::new("asked to"));
        }
        if !self.takes.is_zero() {
            let end = Finish { seen: &self.seen, done: false };
            tokio::time::sleep(self.takes).await;
            end.finish();
        }
    }
}

impl Described for Watcher {
    const DESCRIPTOR: Descriptor =
        Descriptor::new("watcher", "v1", "ConfigMap").plural("configmaps").on(Callback::Reconcile).no_resync();
}

/// Says whether a callback came to its end or was dropped.
struct Finish<'a> {
    seen: &'a Seen,
    done: bool,
}

impl Finish<'_> {
    fn finish(mut self) {
        self.done = true;
    }
}

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.seen.lock().push(if self.done { "ended" } else { "dropped" }.to_owned());
    }
}

pub(super) fn watcher(seen: &Seen, value: u32) -> Watcher {
    Watcher { seen: Arc::clone(seen), value, takes: Duration::ZERO, panics: AtomicU32::new(0) }
}

/// A cluster with a config map in each of these namespaces.
pub(super) async fn cluster(names: &[(&str, &str)]) -> Cluster {
    let cluster = Cluster::builder().world(World::none()).build();
    for (namespace, name) in names {
        create(&cluster, namespace, name).await;
    }
    cluster
}

pub(super) async fn create(cluster: &Cluster, namespace: &str, name: &str) {
    let client = cluster.client();
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
    let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).expect("a namespace");
    // It may be there already.
    let _ = namespaces.create(&PostParams::default(), &object).await;
    let configs: Api<ConfigMap> = Api::namespaced(client, namespace);
    let object = serde_json::from_value(json!({"metadata": {"name": name}})).expect("a config map");
    configs.create(&PostParams::default(), &object).await.expect("it is created");
}

fn take(seen: &Seen) -> String {
    std::mem::take(&mut *seen.lock()).join(", ")
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_callbacks_that_run_within_shutdown() {
    let check = async |shutdown: u64, expect: &str, took: u64| {
        let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
        let slow = Watcher { takes: secs(10), ..watcher(&seen, 1) };
        let spec = slow.child_spec().shutdown(Shutdown::After(secs(shutdown)));
        let running = Operator::new("op").client(cluster.client()).child(spec).spawn();
        tokio::time::sleep(secs(1)).await;
        let began = Clock::system().instant();
        assert_eq!(running.stop().await, ExitCode::SUCCESS);
        assert_eq!(take(&seen), expect);
        assert_eq!(began.elapsed().as_secs(), took);
    };
    check(20, "1 default/a, ended", 9).await;
    check(5, "1 default/a, dropped", 5).await;
}

#[tokio::test(start_paused = true)]
async fn an_escalated_panic_restarts_the_controller_and_those_after_it() {
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    let first = crate::controller_ext::shared(
        Watcher::DESCRIPTOR.escalate(1, secs(60)),
        Watcher { panics: AtomicU32::new(1), ..watcher(&seen, 1) },
    );
    let other = ChildSpec::worker("other", {
        let seen = Arc::clone(&seen);
        move |cx: ChildContext| {
            seen.lock().push("+other".to_owned());
            async {
                cx.ready();
                cx.stopped().await;
            }
        }
    });
    let tree = Supervisor::new("tree", Strategy::RestForOne).child(first).child(other);
    let running = Operator::new("op").client(cluster.client()).supervisor(tree).spawn();
    tokio::time::sleep(secs(60)).await;
    let seen = take(&seen);
    assert!(
        seen == "+other, 1 default/a, +other, 1 default/a" || seen == "+other, 1 default/a, 1 default/a, +other",
        "{seen}"
    );
    let inner = running.tree().which_children().await.expect("it runs").remove(0).supervisor.expect("it is one");
    let restarts: Vec<_> = inner.which_children().await.expect("it runs").iter().map(|child| child.restarts).collect();
    assert_eq!(restarts, [1, 0]);
    assert_eq!(running.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn controller_with_makes_a_fresh_value_for_each_start() {
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    let (starts, told) = (AtomicU32::new(0), Arc::clone(&seen));
    let operator = Operator::new("op").client(cluster.client()).controller_with(move |_cx| {
        let value = starts.fetch_add(1, Ordering::SeqCst) + 1;
        let watcher = watcher(&told, value);
        async move { Ok(watcher) }
    });
    let running = operator.spawn();
    running.settled().await;
    let tree = running.tree();
    tree.terminate_child("watcher").await.expect("it is there");
    tree.restart_child("watcher").await.expect("it starts");
    tokio::time::sleep(secs(1)).await;
    assert_eq!(take(&seen), "1 default/a, 2 default/a");
    assert_eq!(running.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn namespaces_narrow_every_controller_that_watches_all() {
    let check = async |narrowed: Option<&[&str]>, own: &'static [&'static str], expect: &str| {
        let (cluster, seen) = (cluster(&[("a", "x"), ("b", "x"), ("c", "x")]).await, Seen::default());
        let spec = crate::controller_ext::shared(Watcher::DESCRIPTOR.namespaces(own), watcher(&seen, 1));
        let mut operator = Operator::new("op").client(cluster.client()).chance(1).child(spec);
        if let Some(narrowed) = narrowed {
            operator = operator.namespaces(narrowed.iter().copied());
        }
        let running = operator.spawn();
        running.settled().await;
        seen.lock().sort();
        assert_eq!(take(&seen), expect);
        assert_eq!(running.stop().await, ExitCode::SUCCESS);
    };
    check(None, &[], "1 a/x, 1 b/x, 1 c/x").await;
    check(Some(&["a", "c"]), &[], "1 a/x, 1 c/x").await;
    check(Some(&["a"]), &["b"], "1 b/x").await;
}

#[tokio::test(start_paused = true)]
async fn the_program_can_ask_for_a_run() {
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    let operator = Operator::new("op").client(cluster.client()).controller(watcher(&seen, 1));
    let handle = operator.handle();
    let key = Key::namespaced("default", "a");
    assert!(!handle.enqueue::<Watcher>(key.clone()), "it does not run yet");
    let running = operator.spawn();
    running.settled().await;
    assert!(handle.enqueue::<Watcher>(key.clone()));
    assert!(running.handle().enqueue::<Watcher>(Key::namespaced("default", "nobody")));
    running.settled().await;
    assert_eq!(take(&seen), "1 default/a, 1 default/a manual");
    assert_eq!(running.stop().await, ExitCode::SUCCESS);
    assert!(!handle.enqueue::<Watcher>(key), "it runs no more");
}
