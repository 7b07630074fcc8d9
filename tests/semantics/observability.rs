//! What an operator shows of itself: `docs/observability.md` names what is checked here.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use controller_core::prelude::*;

use super::stage::{Answer, Data, Hand, Play, pass, player, quiet_cluster};
use crate::log::Log;

player!(Watcher(reconcile_delay = off, concurrency = 3) reconcile);

const DOC: &str = include_str!("../../docs/observability.md");

/// The names of the metrics in an exposition.
fn families(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).map(|(name, _)| name).collect()
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "no line {line} in:\n{text}");
}

#[tokio::test(start_paused = true)]
async fn runs_are_counted_under_the_names_of_controller_runtime() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for name in ["well", "again", "broken", "lost", "panics"] {
        hand.create(name, "1").await;
    }
    let play = Play::new(|call| match (call.name.as_str(), call.attempt) {
        ("again", 1) => Answer::Say(Ok(Action::Requeue(secs(3600)))),
        ("broken", 1) => Answer::Say(Err("once".into())),
        ("lost", _) => Answer::Say(Err(Error::permanent("for good").into())),
        ("panics", 1) => Answer::Panic,
        _ => Answer::After(secs(2), Ok(Action::Done)),
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Watcher(play)).spawn();
    pass(secs(1)).await;
    let busy = operator.handle().metrics();
    has(&busy, r#"controller_runtime_active_workers{controller="watcher"} 3.0"#);
    pass(secs(60)).await;
    let text = operator.handle().metrics();
    for (result, count) in [("success", 3), ("error", 3), ("requeue", 0), ("requeue_after", 1)] {
        has(&text, &format!(r#"controller_runtime_reconcile_total{{controller="watcher",result="{result}"}} {count}"#));
    }
    has(&text, r#"controller_runtime_reconcile_errors_total{controller="watcher"} 3"#);
    has(&text, r#"controller_runtime_terminal_reconcile_errors_total{controller="watcher"} 1"#);
    has(&text, r#"controller_runtime_reconcile_panics_total{controller="watcher"} 1"#);
    has(&text, r#"controller_runtime_max_concurrent_reconciles{controller="watcher"} 3.0"#);
    has(&text, r#"controller_runtime_active_workers{controller="watcher"} 0.0"#);
    has(&text, r#"controller_runtime_reconcile_time_seconds_bucket{le="2.0",controller="watcher"} 7"#);
    has(&text, r#"controller_runtime_reconcile_time_seconds_bucket{le="1.75",controller="watcher"} 4"#);
    has(&text, r#"workqueue_adds_total{name="watcher",controller="watcher"} 7"#);
    has(&text, r#"workqueue_retries_total{name="watcher",controller="watcher"} 3"#);
    has(&text, r#"workqueue_depth{name="watcher",controller="watcher",priority="0"} 0.0"#);
    has(&text, r#"controller_rs_watch_state{watch="configmaps in all namespaces",state="healthy"} 1.0"#);
    has(&text, r#"controller_rs_watch_objects{watch="configmaps in all namespaces"} 5.0"#);
    let asked = |line: &str| line.starts_with(r#"rest_client_requests_total{code="200",method="GET",host=""}"#);
    assert!(text.lines().any(asked), "{text}");
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_metric_is_in_the_documentation_and_nothing_else_is() {
    let cluster = quiet_cluster();
    let operator = Operator::new("test").client(cluster.client()).controller(Watcher(Play::well())).spawn();
    operator.settled().await;
    let text = operator.handle().metrics();
    let rows = DOC.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let documented: BTreeSet<&str> = rows
        .filter(|(_, rest)| ["counter", "gauge", "histogram"].iter().any(|kind| rest.starts_with(kind)))
        .map(|(name, _)| name.strip_suffix("_total").unwrap_or(name))
        .collect();
    assert_eq!(families(&text), documented);
    operator.stop().await;
}

/// Asks the admin port and gives the answer whole.
fn ask(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the admin port listens");
    write!(stream, "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in text");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_port_serves_metrics_until_the_operator_stops() {
    let cluster = quiet_cluster();
    let operator = Operator::new("test")
        .client(cluster.client())
        .admin(([127, 0, 0, 1], 0))
        .controller(Watcher(Play::well()))
        .spawn();
    operator.settled().await;
    let port = operator.admin_address().expect("it listens").port();
    let answer = ask(port, "GET /metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains(r#"controller_runtime_reconcile_total{controller="watcher",result="success"} 0"#),
        "{answer}"
    );
    assert!(answer.ends_with("# EOF\n"), "{answer}");
    assert!(ask(port, "GET /nothing").starts_with("HTTP/1.1 404 "));
    assert!(ask(port, "POST /metrics").starts_with("HTTP/1.1 405 "));
    operator.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the port is closed");
}

#[tokio::test(start_paused = true)]
async fn an_admin_port_that_is_taken_is_a_failed_start() {
    let log = Log::listen();
    let cluster = quiet_cluster();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut operator = Operator::new("test").client(cluster.client()).admin(taken.local_addr().expect("bound")).spawn();
    assert_eq!(operator.ended().await, ExitCode::from(1));
    let told = log.everything();
    assert!(told.contains("choose another address with `.admin(..)`"), "{told}");
}

/// Blocks its thread.
struct Blocker;

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", reconcile_delay = off)]
impl Blocker {
    async fn reconcile(&self, _: &Data, _: &Context<Self>) {
        std::thread::sleep(Duration::from_millis(1_600));
    }
}

/// Counts its runs, and asks for the next one at once.
struct Ticker(Arc<AtomicUsize>);

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", reconcile_delay = off)]
impl Ticker {
    async fn reconcile(&self, _: &Data, _: &Context<Self>) -> Action {
        self.0.fetch_add(1, Ordering::Relaxed);
        Action::Requeue(Duration::from_millis(10))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_callback_blocks_its_thread_other_controllers_go_on() {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "1").await;
    let ticks = Arc::new(AtomicUsize::new(0));
    let operator =
        Operator::new("test").client(cluster.client()).controller(Ticker(ticks.clone())).controller(Blocker).spawn();
    let blocked = r#"controller_rs_blocked_runs_total{controller="blocker"} 1"#;
    let mut before = None;
    // The block is real, and so is the time that it is waited for.
    while !operator.handle().metrics().contains(blocked) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        before.get_or_insert_with(|| ticks.load(Ordering::Relaxed));
    }
    assert!(ticks.load(Ordering::Relaxed) > before.unwrap_or_default() + 5, "the other controller goes on");
    operator.stop().await;
}

#[tokio::test]
async fn a_callback_that_blocks_its_thread_is_named_while_it_does() {
    let log = Log::listen();
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "1").await;
    let operator = Operator::new("test").client(cluster.client()).controller(Blocker).spawn();
    operator.settled().await;
    operator.stop().await;
    let told = log.everything();
    let named = |line: &str| {
        line.starts_with("reconcile has not yielded for 1.") && line.contains("controller=\"blocker\" key=default/a")
    };
    assert!(told.lines().any(named), "{told}");
}
