//! How an operator stops.

use controller_core::prelude::*;

use crate::log::Log;

use super::stage::{Answer, Data, Hand, Play, pass, player, quiet_cluster};

player!(Slow(reconcile_delay = off, concurrency = 100, supervisor(shutdown = "20s")) reconcile);
player!(Killed(reconcile_delay = off, supervisor(shutdown = brutal_kill)) reconcile);
player!(Patient(reconcile_delay = off, supervisor(shutdown = infinity)) reconcile);
player!(Loaded(reconcile_delay = off, concurrency = 1000, timeout = off, supervisor(shutdown = "20s")) reconcile);
player!(Before(name = "before", reconcile_delay = off) reconcile);
player!(After(name = "after", reconcile_delay = off) reconcile);

#[tokio::test(start_paused = true)]
async fn a_stop_lets_a_hundred_running_callbacks_end_and_starts_no_more() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for nth in 0..150 {
        hand.create(&format!("k{nth}"), "1").await;
    }
    let play = Play::new(|_| Answer::After(secs(10), Ok(Action::Done)));
    let operator = Operator::new("test").client(cluster.client()).controller(Slow(play.clone())).spawn();
    pass(secs(5)).await;
    let began = tokio::time::Instant::now();
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    assert_eq!(began.elapsed().as_secs(), 5);
    let told = play.take();
    assert_eq!(told.iter().filter(|line| line.ends_with("ends")).count(), 100);
    assert_eq!(told.len(), 200);
    pass(secs(100)).await;
    assert_eq!(play.take(), [""; 0]);
    assert_eq!(cluster.faults().open_watches(), 0);
}

/// The number in `k0017`.
fn number(name: &str) -> u32 {
    name.trim_start_matches('k').parse().expect("a key of this test")
}

#[tokio::test(start_paused = true)]
async fn a_stop_under_load_ends_what_ends_in_time_aborts_and_names_the_rest_and_loses_nothing() {
    let log = Log::listen();
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let all: Vec<String> = (0..1_200).map(|nth| format!("k{nth:04}")).collect();
    for name in &all {
        hand.create(name, "1").await;
    }
    // Of the thousand that run, every other one ends ten seconds after the stop, and the others never.
    let ends = |name: &str| number(name).is_multiple_of(2);
    let play = Play::new(move |call| match ends(&call.name) {
        true => Answer::After(secs(15), Ok(Action::Done)),
        false => Answer::Hang,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Loaded(play.clone())).spawn();
    pass(secs(5)).await;
    let began = tokio::time::Instant::now();
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    let took = began.elapsed();
    assert!(secs(20) <= took && took < secs(21), "the controller's `shutdown` is all that a stop may take: {took:?}");

    let told = play.take();
    let mut begun: Vec<_> =
        told.iter().filter_map(|line| line.strip_prefix("reconcile default/")?.strip_suffix(" 1")).collect();
    let mut ended: Vec<_> =
        told.iter().filter_map(|line| line.strip_prefix("reconcile default/")?.strip_suffix(" ends")).collect();
    assert_eq!((begun.len(), ended.len()), (1_000, 500));
    let mut aborted: Vec<String> = log
        .take(&["reconcile was aborted", "500 callbacks were aborted"])
        .iter()
        .map(|line| line.split("key=default/").nth(1).unwrap_or(line).split(' ').next().unwrap_or_default().to_owned())
        .collect();
    let sum = aborted.pop().expect("the sum comes last");
    assert_eq!(sum, "500");
    begun.retain(|name| !ends(name));
    begun.sort_unstable();
    ended.sort_unstable();
    aborted.sort_unstable();
    assert_eq!(aborted, begun, "each that was aborted is named");

    // A restart sees again what was aborted, and what was queued behind it.
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Loaded(play.clone())).spawn();
    operator.settled().await;
    let mut seen: Vec<_> = play.calls().into_iter().map(|(_, call)| call.name).collect();
    let mut all = all;
    seen.sort_unstable();
    all.sort_unstable();
    assert_eq!(seen, all);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    assert_eq!(log.take(&["reconcile was aborted"]), [""; 0]);
}

/// Works for an hour, unless it is told that the operator stops.
struct Polite(Play);

#[controller(api_version = "v1", kind = "ConfigMap", reconcile_delay = off, concurrency = 2)]
impl Polite {
    async fn reconcile(&self, _: &Data, cx: &Context<Self>) -> Result {
        self.0.say(format!("{} begins", cx.key()));
        tokio::select! {
            biased;
            () = cx.cancelled() => self.0.say(format!("{} is told", cx.key())),
            () = tokio::time::sleep(secs(3_600)) => {}
        }
        pass(secs(1)).await;
        self.0.say(format!("{} ends", cx.key()));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_told_to_running_callbacks_which_may_end_in_their_own_way() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for name in ["a", "b", "c"] {
        hand.create(name, "1").await;
    }
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Polite(play.clone())).spawn();
    pass(secs(5)).await;
    assert_eq!(play.take(), ["default/a begins", "default/b begins"]);
    let began = tokio::time::Instant::now();
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    assert_eq!(began.elapsed().as_secs(), 1);
    assert_eq!(play.take(), ["default/a is told", "default/b is told", "default/a ends", "default/b ends"]);
}

/// How long a stop takes where a callback hangs.
async fn stop_of<C: controller_core::Described>(make: impl FnOnce(Play) -> C, script: fn() -> Answer) -> Duration {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "1").await;
    let play = Play::new(move |_| script());
    let operator = Operator::new("test").client(cluster.client()).controller(make(play)).spawn();
    pass(secs(5)).await;
    let began = tokio::time::Instant::now();
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn shutdown_is_how_long_a_running_callback_is_waited_for() {
    assert_eq!(stop_of(Slow, || Answer::Hang).await.as_secs(), 20);
    assert_eq!(stop_of(Before, || Answer::Hang).await.as_secs(), 5);
    assert_eq!(stop_of(Killed, || Answer::Hang).await.as_secs(), 0);
    assert_eq!(stop_of(Patient, || Answer::After(secs(100), Ok(Action::Done))).await.as_secs(), 95);
}

#[tokio::test(start_paused = true)]
async fn controllers_stop_one_after_another_in_reverse() {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "1").await;
    let play = Play::new(|_| Answer::After(secs(7), Ok(Action::Done)));
    let operator = Operator::new("test")
        .client(cluster.client())
        .controller(Before(play.clone()))
        .controller(After(play.clone()))
        .spawn();
    pass(secs(4)).await;
    let began = tokio::time::Instant::now();
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    // Both calls end three seconds later, side by side: the second stop has nothing to wait for.
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_is_dropped_stops_at_once() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "1").await;
    let play = Play::new(|_| Answer::After(secs(10), Ok(Action::Done)));
    let operator = Operator::new("test").client(cluster.client()).controller(Slow(play.clone())).spawn();
    pass(secs(5)).await;
    drop(operator);
    hand.create("b", "1").await;
    pass(secs(100)).await;
    assert_eq!(play.take(), ["reconcile default/a 1"]);
    assert_eq!(cluster.faults().open_watches(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_where_the_server_is_away_or_the_kind_is_missing() {
    let cluster = quiet_cluster();
    cluster.faults().down();
    let operator = Operator::new("test").client(cluster.client()).controller(Before(Play::well())).spawn();
    pass(secs(100)).await;
    let began = tokio::time::Instant::now();
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    assert!(began.elapsed() < millis(100));
}

player!(Written(
    name = "written",
    reconcile_delay = off,
    supervisor(restart = transient, shutdown = "30s", significant)
) reconcile);

#[test]
fn a_controllers_spec_is_its_defaults_then_its_attribute_then_what_is_edited_by_hand() {
    let shown = |spec: &ChildSpec| (spec.id.clone(), spec.restart, spec.shutdown, spec.significant);
    let of = |id: &str, restart, shutdown, significant| (id.to_owned(), restart, shutdown, significant);
    let by_default = Before(Play::well()).child_spec();
    assert_eq!(shown(&by_default), of("before", Restart::Permanent, Shutdown::After(secs(5)), false));
    let written = Written(Play::well()).child_spec();
    assert_eq!(shown(&written), of("written", Restart::Transient, Shutdown::After(secs(30)), true));
    let mut edited = written.id("edited").restart(Restart::Temporary).shutdown(Shutdown::Infinity);
    edited.significant = false;
    edited.health = Some(secs(60));
    assert_eq!(shown(&edited), of("edited", Restart::Temporary, Shutdown::Infinity, false));
}

#[tokio::test(start_paused = true)]
async fn a_controller_with_a_health_limit_shows_its_own_signs_of_life() {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "1").await;
    let play = Play::new(|_| Answer::Hang);
    let spec = Before(play.clone()).child_spec().health(secs(1));
    let operator = Operator::new("test").client(cluster.client()).child(spec).spawn();
    pass(secs(100)).await;
    let child = operator.tree().which_child("before").await.expect("it runs");
    assert_eq!((child.restarts, child.uptime > Some(secs(99))), (0, true));
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}
