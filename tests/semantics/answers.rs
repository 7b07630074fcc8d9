//! What follows from what a callback answers, and when.

use controller_core::prelude::*;

use super::stage::{Answer, Call, Hand, Play, pass, player, quiet_cluster};
use crate::log::Log;

player!(Player(reconcile_delay = off) add modify delete reconcile);
player!(Ticking(reconcile_delay = "100s") reconcile);
player!(NoReconcile(reconcile_delay = off) add delete);
player!(Bounded(reconcile_delay = off, backoff(min = "1s", max = "8s")) reconcile);
player!(Hurried(reconcile_delay = off, timeout = "10s") reconcile);
player!(Jumpy(reconcile_delay = off, escalate(panics = 3, within = "1m")) reconcile);

/// The times, in seconds, at which a callback of the one object is called within `span`.
async fn times<C: controller_core::Described>(
    span: Duration,
    make: impl FnOnce(Play) -> C,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Vec<f64> {
    calls(span, make, script).await.into_iter().map(|(at, _)| at).collect()
}

async fn calls<C: controller_core::Described>(
    span: Duration,
    make: impl FnOnce(Play) -> C,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Vec<(f64, Call)> {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "1").await;
    let play = Play::new(script);
    let operator = Operator::new("test").client(cluster.client()).chance(1).controller(make(play.clone())).spawn();
    pass(span).await;
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    play.calls().into_iter().map(|(at, call)| (at.as_secs_f64(), call)).collect()
}

#[track_caller]
fn close(found: f64, least: f64, most: f64) {
    assert!((least..=most).contains(&found), "{found} is not within {least} and {most}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_retried_with_backoff_that_doubles_from_5_ms_to_60_s() {
    let fails = |_: &Call| Answer::Say(Err("not now".into()));
    let found = calls(secs(300), Player, fails).await;
    let waits: Vec<f64> = found.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    for (nth, wait) in waits.iter().enumerate() {
        let full = (0.005 * 2_f64.powi(i32::try_from(nth).expect("few"))).min(60.0);
        // The jitter may take from a wait, and a timer's tick may add to it.
        close(*wait, full * 0.4, full * 1.5 + 0.003);
    }
    assert!(waits.len() > 12, "{waits:?}");
    assert!(found.iter().zip(1..).all(|((_, call), attempt)| call.attempt == attempt && call.callback == "reconcile"));
    assert_eq!(found[4].1.cause, Cause::Retry(4));
}

#[tokio::test(start_paused = true)]
async fn backoff_has_the_bounds_that_are_asked_for() {
    let waits: Vec<f64> = times(secs(120), Bounded, |_| Answer::Say(Err("not now".into())))
        .await
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    close(waits[0], 0.4, 1.503);
    assert!(waits.iter().all(|wait| *wait <= 12.0) && waits.len() >= 12, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_the_row_of_failures() {
    let found = calls(secs(60), Player, |call| match call.attempt {
        4 => Answer::Say(Ok(Action::Requeue(secs(30)))),
        _ => Answer::Say(Err("not now".into())),
    })
    .await;
    let attempts: Vec<u32> = found.iter().map(|(_, call)| call.attempt).collect();
    assert_eq!(attempts[..6], [1, 2, 3, 4, 1, 2]);
    close(found[4].0 - found[3].0, 29.999, 30.01);
    assert_eq!(found[4].1.cause, Cause::Requeue);
    close(found[5].0 - found[4].0, 0.002, 0.010);
}

#[derive(Debug, thiserror::Error)]
enum Mishap {
    #[error("the disk is full")]
    Disk(#[source] std::io::Error),
    #[error("the order is wrong")]
    Order(#[source] Error),
}

fn disk() -> std::io::Error {
    std::io::Error::other("no space left")
}

/// Calls within ten minutes where each answers this: 1 for an error that is not retried.
async fn tries(answer: impl Fn() -> Result<Action> + Send + Sync + 'static) -> Vec<f64> {
    times(secs(600), Player, move |_| Answer::Say(answer())).await
}

#[tokio::test(start_paused = true)]
async fn the_class_of_an_error_is_that_of_the_outermost_error_in_its_chain() {
    assert!(tries(|| Err(Mishap::Disk(disk()).into())).await.len() > 10);
    assert_eq!(tries(|| Err(Error::permanent(disk()).into())).await.len(), 1);
    assert_eq!(tries(|| Err(Error::invalid("/data/v", "must be even").into())).await.len(), 1);
    assert_eq!(tries(|| Err(Mishap::Order(Error::permanent("no such ware")).into())).await.len(), 1);
    assert!(tries(|| Err(Error::temporary(Error::permanent("x")).into())).await.len() > 10);
    let after = tries(|| Err(Error::temporary(Mishap::Disk(disk())).after(secs(90)).into())).await;
    assert_eq!(after.len(), 7);
    for pair in after.windows(2) {
        close(pair[1] - pair[0], 90.0, 90.01);
    }
    assert_eq!(tries(|| Ok(Err(disk()).permanent()?)).await.len(), 1);
    assert_eq!(tries(|| Ok(Err(disk()).invalid("/spec")?)).await.len(), 1);
    assert_eq!(tries(|| Ok(Err(disk()).retry_after(secs(250))?)).await.len(), 3);
}

fn with_anyhow(class: &str) -> anyhow::Result<Action> {
    use anyhow::Context as _;
    match class {
        "plain" => Err(disk().into()),
        "permanent" => Err(Error::permanent("no such ware").into()),
        "permanent with context" => Err(Error::permanent("no such ware")).context("ordering"),
        "context twice" => Err(Error::permanent("no such ware")).context("ordering").context("buying"),
        "in a source" => Err(Mishap::Order(Error::permanent("no such ware")).into()),
        _ => anyhow::bail!("{class}"),
    }
}

#[tokio::test(start_paused = true)]
async fn anyhow_errors_are_errors_with_their_class() {
    for (class, once) in [
        ("plain", false),
        ("permanent", true),
        ("permanent with context", true),
        ("context twice", true),
        ("in a source", true),
        ("just words", false),
    ] {
        let found = tries(move || Ok(with_anyhow(class)?)).await;
        assert_eq!(found.len() == 1, once, "{class}: {} calls", found.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_waits_for_a_change_even_past_the_tick() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "1").await;
    let play = Play::new(|_| Answer::Say(Err(Error::permanent("never").into())));
    let operator = Operator::new("test").client(cluster.client()).controller(Ticking(play.clone())).spawn();
    pass(secs(1000)).await;
    assert_eq!(play.take(), ["reconcile default/a 1"]);
    hand.change("a", "2").await;
    operator.settled().await;
    assert_eq!(play.take(), ["reconcile default/a 2"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn ticks_come_after_the_end_of_a_run_and_only_where_reconcile_is_written() {
    // Each run takes 50 s, so each but the first comes 150 s after the one before, give or take a tenth.
    let found = times(secs(1000), Ticking, |_| Answer::After(secs(50), Ok(Action::Done))).await;
    close(found[1] - found[0], 100.0, 200.0);
    for pair in found[1..].windows(2) {
        close(pair[1] - pair[0], 140.0, 160.0);
    }
    assert!(found.len() >= 5, "{found:?}");
    assert_eq!(times(secs(1000), Player, |_| Answer::Done).await.len(), 1);
    assert_eq!(times(secs(1000), NoReconcile, |_| Answer::Done).await.len(), 1);
    // A tick says so.
    let found = calls(secs(300), Ticking, |_| Answer::Done).await;
    assert_eq!((&found[0].1.cause, &found[1].1.cause), (&Cause::Start, &Cause::Resync));
}

#[tokio::test(start_paused = true)]
async fn a_requeue_replaces_the_tick_and_await_change_has_none() {
    for (answer, expect) in [(secs(7), 7.0), (secs(400), 400.0)] {
        let found = times(secs(500), Ticking, move |_| Answer::Say(Ok(Action::Requeue(answer)))).await;
        close(found[1] - found[0], expect, expect + 0.01);
    }
    assert_eq!(times(secs(1000), Ticking, |_| Answer::Say(Ok(Action::AwaitChange))).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_requeues_the_earlier_wins() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "20").await;
    let play = Play::new(|call| match (&call.cause, call.v.parse()) {
        (Cause::Requeue, _) | (_, Err(_)) => Answer::Say(Ok(Action::AwaitChange)),
        (_, Ok(wait)) => Answer::Say(Ok(Action::Requeue(secs(wait)))),
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Player(play.clone())).spawn();
    pass(secs(1)).await;
    hand.change("a", "100").await;
    pass(secs(300)).await;
    let at: Vec<f64> = play.calls().into_iter().map(|(at, _)| at.as_secs_f64()).collect();
    assert_eq!(at.len(), 3, "{at:?}");
    close(at[2] - at[0], 20.0, 20.01);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_requeue_without_reconcile_calls_the_callback_that_asked() {
    let found = calls(secs(100), NoReconcile, |call| match call.cause {
        Cause::Requeue => Answer::Done,
        _ => Answer::Say(Ok(Action::Requeue(secs(5)))),
    })
    .await;
    let told: Vec<_> = found.iter().map(|(_, call)| call.callback).collect();
    assert_eq!(told, ["add", "add"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_one_keys_failure_and_is_retried() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for name in ["a", "b", "c", "d"] {
        hand.create(name, "1").await;
    }
    let log = Log::listen();
    let play = Play::new(|call| match (call.name.as_str(), call.attempt) {
        ("b", 1..=3) => Answer::Panic,
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Player(play.clone())).spawn();
    operator.settled().await;
    let mut told = play.take();
    told.sort();
    let b = "reconcile default/b 1";
    assert_eq!(told, ["reconcile default/a 1", b, b, b, b, "reconcile default/c 1", "reconcile default/d 1"]);
    let said = log.take(&["reconcile panicked"]);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("the callback lost the plot") && said[0].contains("key=default/b"), "{said:?}");
    let children = operator.tree().which_children().await.expect("it runs");
    assert_eq!(children[0].restarts, 0);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn panics_restart_a_controller_only_where_it_says_escalate() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "1").await;
    let panics = std::sync::atomic::AtomicU32::new(0);
    let play = Play::new(move |_| match panics.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0..3 => Answer::Panic,
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Jumpy(play.clone())).spawn();
    operator.settled().await;
    pass(secs(1)).await;
    let children = operator.tree().which_children().await.expect("it runs");
    assert_eq!(children[0].restarts, 1);
    let attempts: Vec<_> = play.calls().into_iter().map(|(_, call)| call.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 1]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_call_past_its_timeout_is_dropped_and_retried_and_told_slow_at_half_of_it() {
    let log = Log::listen();
    let found = times(secs(60), Hurried, |call| match call.attempt {
        1 => Answer::Hang,
        _ => Answer::Done,
    })
    .await;
    assert_eq!(found.len(), 2);
    close(found[1] - found[0], 10.0, 10.1);
    let said = log.take(&["the callback is slow", "reconcile did not end"]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[1].contains("timeout of 10s"), "{said:?}");
    // Five minutes unless it is said otherwise.
    let found = times(secs(400), Player, |call| match call.attempt {
        1 => Answer::Hang,
        _ => Answer::Done,
    })
    .await;
    close(found[1] - found[0], 300.0, 300.1);
}

/// Ends in order when its time is up.
struct Polite(std::sync::Mutex<Vec<String>>);

#[controller(api_version = "v1", kind = "ConfigMap", reconcile_delay = off, timeout = "10s")]
impl Polite {
    async fn reconcile(&self, _: &Value, cx: &Context<Self>) -> Result {
        let calm = cx.attempt() > 1;
        if !calm {
            cx.cancelled().await;
        }
        self.0.lock().expect("nobody panics").push(format!("{} {calm}", cx.attempt()));
        if calm { Ok(()) } else { Err("cut short".into()) }
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_waits_for_cancelled_still_answers() {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "1").await;
    let log = Log::listen();
    let operator = Operator::new("test").client(cluster.client()).controller(Polite(Default::default())).spawn();
    operator.settled().await;
    let said = log.take(&["reconcile failed"]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("reconcile failed: cut short"), "{said:?}");
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_logged_with_its_key_its_try_and_the_whole_chain() {
    let log = Log::listen();
    let found = tries(|| Err(Error::temporary(Mishap::Disk(disk())).after(secs(1000)).into())).await;
    assert_eq!(found.len(), 1);
    let said = log.take(&["reconcile failed"]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("reconcile failed: the disk is full: no space left"), "{said:?}");
    assert!(said[0].contains("key=default/a") && said[0].contains("attempt=1"), "{said:?}");
}
