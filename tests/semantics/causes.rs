//! Why a run was made, and why none was.

use std::collections::BTreeMap;

use controller_core::prelude::*;

use super::stage::{Answer, Hand, Play, pass, player, quiet_cluster};

player!(Four(name = "four", reconcile_delay = "1h") add modify delete reconcile);
player!(OnlyAdd(name = "only-add") add);
player!(OnGeneration(name = "on-generation", reconcile_delay = off, when(field("/data/v"))) reconcile);

#[tokio::test(start_paused = true)]
async fn every_run_has_its_cause() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("old", "1").await;
    let play = Play::new(|call| match (call.name.as_str(), call.v.as_str(), call.attempt) {
        ("new", "fails", 1) => Answer::Say(Err("not now".into())),
        ("new", "requeues", _) if call.callback == "modify" => Answer::Say(Ok(Action::Requeue(secs(5)))),
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).chance(1).controller(Four(play.clone())).spawn();
    operator.settled().await;
    hand.create("new", "1").await;
    operator.settled().await;
    for v in ["fails", "requeues"] {
        hand.change("new", v).await;
        operator.settled().await;
    }
    assert!(operator.handle().enqueue::<Four>(Key::namespaced("default", "new")));
    operator.settled().await;
    hand.delete("new").await;
    operator.settled().await;
    pass(secs(6_000)).await;
    let calls = play.calls().into_iter().take(9);
    let causes: Vec<_> = calls.map(|(_, call)| (call.callback, call.name, call.cause)).collect();
    let expect: [(&str, &str, Cause); 9] = [
        ("reconcile", "old", Cause::Start),
        ("add", "new", Cause::Added),
        ("modify", "new", Cause::Modified),
        ("modify", "new", Cause::Retry(1)),
        ("modify", "new", Cause::Modified),
        ("reconcile", "new", Cause::Requeue),
        ("reconcile", "new", Cause::Manual),
        ("delete", "new", Cause::Deleted),
        ("reconcile", "old", Cause::Resync),
    ];
    for (found, (callback, name, cause)) in causes.iter().zip(&expect) {
        assert_eq!((found.0, found.1.as_str(), &found.2), (*callback, *name, cause), "{causes:?}");
    }
    assert_eq!(causes.len(), expect.len());
    operator.stop().await;
}

/// The skipped events of a controller, by their reasons.
fn skipped(operator: &Running, controller: &str) -> BTreeMap<String, u64> {
    let metrics = operator.handle().metrics();
    let start = format!("controller_rs_skipped_total{{controller=\"{controller}\",reason=\"");
    let of = |line: &str| {
        let (reason, count) = line.strip_prefix(&start)?.split_once("\"} ")?;
        Some((reason.to_owned(), count.parse().ok()?))
    };
    metrics.lines().filter_map(of).filter(|(_, count)| *count > 0).collect()
}

#[tokio::test(start_paused = true)]
async fn every_event_that_leads_to_no_run_has_its_reason() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let operator = Operator::new("test")
        .client(cluster.client())
        .controller(OnlyAdd(Play::well()))
        .controller(OnGeneration(Play::well()))
        .spawn();
    operator.settled().await;
    hand.create("a", "1").await;
    operator.settled().await;
    // The same data: another version, in nothing that the second one asks for.
    let label = kube::api::Patch::Merge(serde_json::json!({"metadata": {"labels": {"k": "1"}}}));
    hand.maps("default").patch("a", &Default::default(), &label).await.expect("patched");
    operator.settled().await;
    hand.change("a", "2").await;
    operator.settled().await;
    hand.delete("a").await;
    operator.settled().await;
    assert_eq!(skipped(&operator, "only-add"), [("unheard".to_owned(), 3)].into());
    assert_eq!(skipped(&operator, "on-generation"), [("filtered".to_owned(), 1), ("unheard".to_owned(), 1)].into());
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_a_callback_calls_invalid_waits_for_a_change_is_counted_and_told_so() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::new(|call| match call.v.as_str() {
        "odd" => Answer::Say(Err(Error::invalid("/data/v", "must be even").into())),
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Four(play.clone())).spawn();
    operator.settled().await;
    hand.create("a", "odd").await;
    pass(secs(1_000)).await;
    assert_eq!(play.take(), ["add default/a odd"]);
    let metrics = operator.handle().metrics();
    let invalid = r#"controller_rs_invalid_objects_total{controller="four"} 1"#;
    assert!(metrics.lines().any(|line| line == invalid), "{metrics}");
    assert_eq!(hand.events().await, ["Warning Invalid a: /data/v: must be even"]);
    hand.change("a", "even").await;
    operator.settled().await;
    assert_eq!(play.take(), ["add default/a even"]);
    operator.stop().await;
}
