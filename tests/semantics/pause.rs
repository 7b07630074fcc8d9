//! The annotation that pauses one object.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PatchParams;
use serde_json::json;

use super::stage::{Answer, Hand, Play, pass, player, quiet_cluster};
use crate::log::Log;

player!(Full(reconcile_delay = "10s") add modify delete reconcile);
player!(Narrow(reconcile_delay = off, when(field("/data"))) add modify);
player!(Other(reconcile_delay = off) modify);

const PAUSED: &str = "controller-rs.dev/paused";

/// Sets the annotation of a config map, or takes it away.
async fn pause(hand: &Hand, name: &str, value: Option<&str>) {
    let patch = Patch::Merge(json!({"metadata": {"annotations": {PAUSED: value}}}));
    hand.maps("default").patch(name, &PatchParams::default(), &patch).await.expect("patched");
}

async fn set(hand: &Hand, name: &str, v: &str) {
    let patch = Patch::Merge(json!({"data": {"v": v}}));
    hand.maps("default").patch(name, &PatchParams::default(), &patch).await.expect("patched");
}

/// An object that is paused from its first version on.
async fn create_paused(hand: &Hand, name: &str) {
    let mut map: ConfigMap = super::stage::map(name, "1");
    map.metadata.annotations = Some([(PAUSED.to_owned(), "true".to_owned())].into());
    hand.maps("default").create(&kube::api::PostParams::default(), &map).await.expect("created");
}

#[track_caller]
fn has(operator: &Running, line: &str) {
    let text = operator.handle().metrics();
    assert!(text.lines().any(|found| found == line), "no line {line} in:\n{text}");
}

#[tokio::test(start_paused = true)]
async fn while_an_object_is_paused_nothing_runs_for_it_and_then_one_run_with_the_newest() {
    let log = Log::listen();
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for name in ["a", "b"] {
        hand.create(name, "1").await;
    }
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Full(play.clone())).spawn();
    operator.settled().await;
    pause(&hand, "a", Some("true")).await;
    set(&hand, "a", "2").await;
    pass(secs(60)).await;
    assert!(operator.handle().enqueue::<Full>(Key::namespaced("default", "a")));
    // Neither ticks nor changes nor the program's own wish run it, and nobody waits for it.
    tokio::time::timeout(secs(30), operator.settled()).await.expect("a paused object is not waited for");
    let ran = play.take();
    assert_eq!(ran.iter().filter(|line| line.contains("default/a")).collect::<Vec<_>>(), ["reconcile default/a 1"]);
    assert!(ran.iter().filter(|line| line.contains("default/b")).count() >= 4, "{ran:?}");
    has(&operator, r#"controller_rs_paused_keys{controller="full"} 1.0"#);
    has(&operator, r#"controller_rs_skipped_total{controller="full",reason="paused"} 3"#);

    pause(&hand, "a", None).await;
    operator.settled().await;
    let ran = play.take();
    assert_eq!(
        ran.iter().filter(|line| line.contains("default/a")).collect::<Vec<_>>(),
        ["modify default/a 2 after 1"]
    );
    has(&operator, r#"controller_rs_paused_keys{controller="full"} 0.0"#);
    // Its ticks come again.
    pass(secs(16)).await;
    assert!(play.take().contains(&"reconcile default/a 2".to_owned()));
    operator.stop().await;
    let told = log.everything();
    for said in ["the object is paused", "the object is no longer paused"] {
        let lines: Vec<&str> = told.lines().filter(|line| line.contains(said)).collect();
        assert_eq!(lines.len(), 1, "{told}");
        assert!(lines[0].contains("controller=\"full\" key=default/a"), "{}", lines[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_names_controllers_and_its_end_counts_whatever_when_asks_for() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let (narrow, other) = (Play::well(), Play::well());
    let operator = Operator::new("test")
        .client(cluster.client())
        .controller(Narrow(narrow.clone()))
        .controller(Other(other.clone()))
        .spawn();
    operator.settled().await;
    hand.create("a", "1").await;
    operator.settled().await;
    assert_eq!((narrow.take(), other.take()), (vec!["add default/a 1".to_owned()], vec![]));
    pause(&hand, "a", Some("someone, narrow")).await;
    set(&hand, "a", "2").await;
    operator.settled().await;
    let (nothing, told) = (narrow.take(), other.take());
    assert_eq!((nothing.len(), told.last().map(|line| &**line)), (0, Some("modify default/a 2 after 1")));
    // It changes so that it names another.
    pause(&hand, "a", Some("other")).await;
    set(&hand, "a", "3").await;
    operator.settled().await;
    assert_eq!(narrow.take().last().map(|line| &**line), Some("modify default/a 3 after 2"));
    assert_eq!(other.take(), [""; 0]);
    // The annotation alone goes: no part that `when` asks for has changed.
    pause(&hand, "a", Some("true")).await;
    operator.settled().await;
    pause(&hand, "a", None).await;
    operator.settled().await;
    assert_eq!(narrow.take(), ["modify default/a 3 after 3"]);
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn objects_that_come_paused_wait_for_their_first_run_and_their_deletes_follow_what_was_heard() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    create_paused(&hand, "found").await;
    create_paused(&hand, "found-and-gone").await;
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Full(play.clone())).spawn();
    operator.settled().await;
    create_paused(&hand, "new").await;
    create_paused(&hand, "new-and-gone").await;
    hand.create("known", "1").await;
    operator.settled().await;
    assert_eq!(play.take(), ["add default/known 1"]);
    has(&operator, r#"controller_rs_paused_keys{controller="full"} 4.0"#);
    pause(&hand, "known", Some("full")).await;
    operator.settled().await;
    for name in ["found-and-gone", "new-and-gone", "known"] {
        hand.delete(name).await;
    }
    operator.settled().await;
    // Nobody heard of the one that came and went; the one found at start may be known from an earlier life.
    assert_eq!(play.take(), ["delete default/found-and-gone 1", "delete default/known 1"]);
    for name in ["found", "new"] {
        pause(&hand, name, None).await;
    }
    operator.settled().await;
    assert_eq!(play.take(), ["reconcile default/found 1", "add default/new 1"]);
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_under_way_ends_as_it_would_and_a_retry_waits_for_the_end_of_the_pause() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::new(|call| match (call.callback, call.attempt) {
        ("add", 1) => Answer::After(secs(5), Err("not yet".into())),
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Full(play.clone())).spawn();
    operator.settled().await;
    hand.create("a", "1").await;
    pass(secs(1)).await;
    pause(&hand, "a", Some("true")).await;
    pass(secs(600)).await;
    assert_eq!(play.take(), ["add default/a 1", "add default/a ends"]);
    has(&operator, r#"controller_rs_retrying_keys{controller="full"} 0.0"#);
    pause(&hand, "a", Some("no longer")).await;
    operator.settled().await;
    assert_eq!(play.take(), ["add default/a 1"]);
    assert_eq!(play.calls().last().map(|(_, call)| call.attempt), Some(2));
    operator.stop().await;
}
