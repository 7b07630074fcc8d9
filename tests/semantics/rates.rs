//! `rate_limit` and `key_rate_limit`: how many runs begin in what time.

use controller_core::prelude::*;

use super::stage::{Answer, Hand, Play, pass, player, quiet_cluster};

player!(Slow(reconcile_delay = off, concurrency = 4, rate_limit(runs = 2, per = "1s", burst = 3)) reconcile);
player!(Even(reconcile_delay = off, key_rate_limit(runs = 1, per = "10s")) modify reconcile delete);
player!(Both(reconcile_delay = off, key_rate_limit(runs = 1, per = "1s"), backoff("4s", "4s")) reconcile);

/// When each line was said, in tenths of a second.
fn tenths(play: &Play) -> Vec<(u128, String)> {
    play.timed().into_iter().map(|(at, line)| ((at.as_millis() + 50) / 100, line)).collect()
}

#[track_caller]
fn has(operator: &Running, line: &str) {
    let text = operator.handle().metrics();
    assert!(text.lines().any(|found| found == line), "no line {line} in:\n{text}");
}

#[tokio::test(start_paused = true)]
async fn a_controllers_runs_begin_at_its_rate_in_their_order_and_those_that_wait_are_shown() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        hand.create(name, "1").await;
    }
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Slow(play.clone())).spawn();
    pass(millis(800)).await;
    has(&operator, r#"workqueue_depth{name="slow",controller="slow",priority="-100"} 3.0"#);
    has(&operator, r#"controller_rs_oldest_ready_seconds{controller="slow"} 0.8"#);
    pass(secs(10)).await;
    let began = tenths(&play);
    let expect = [(0, "a"), (0, "b"), (0, "c"), (5, "d"), (10, "e"), (15, "f"), (20, "g")];
    assert_eq!(began, expect.map(|(at, name)| (at, format!("reconcile default/{name} 1"))));
    has(&operator, r#"controller_rs_rate_limited_runs_total{controller="slow"} 4"#);
    has(&operator, r#"controller_rs_oldest_ready_seconds{controller="slow"} 0.0"#);
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_objects_own_limit_holds_up_no_other_object_and_deletes_count_too() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("busy", "1").await;
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Even(play.clone())).spawn();
    pass(secs(1)).await;
    hand.change("busy", "2").await;
    hand.create("calm", "1").await;
    pass(secs(1)).await;
    hand.change("busy", "3").await;
    pass(secs(10)).await;
    hand.delete("busy").await;
    pass(secs(60)).await;
    let expect = [
        (0, "reconcile default/busy 1"),
        (10, "reconcile default/calm 1"),
        (100, "modify default/busy 3 after 1"),
        (200, "delete default/busy 3"),
    ];
    assert_eq!(tenths(&play), expect.map(|(at, line)| (at, line.to_owned())));
    has(&operator, r#"controller_rs_rate_limited_runs_total{controller="even"} 2"#);
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn of_a_retrys_wait_and_a_limit_the_later_counts() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "1").await;
    let play =
        Play::new(|call| if call.v == "1" && call.attempt < 3 { Answer::Say(Err("no".into())) } else { Answer::Done });
    let operator = Operator::new("test").client(cluster.client()).controller(Both(play.clone())).spawn();
    pass(secs(20)).await;
    // The waits of retries are between 2 and 4 seconds, so the limit of a second says nothing.
    let began = tenths(&play);
    assert_eq!(began.len(), 3, "{began:?}");
    assert!(began.windows(2).all(|pair| (20..=41).contains(&(pair[1].0 - pair[0].0))), "{began:?}");
    has(&operator, r#"controller_rs_rate_limited_runs_total{controller="both"} 0"#);
    // Changes come faster than the limit lets them through.
    for v in ["2", "3", "4"] {
        hand.change("a", v).await;
        pass(millis(300)).await;
    }
    pass(secs(20)).await;
    let began = tenths(&play);
    assert_eq!(
        began.iter().map(|(_, line)| &**line).collect::<Vec<_>>(),
        ["reconcile default/a 2", "reconcile default/a 4"]
    );
    assert_eq!(began[1].0 - began[0].0, 10);
    operator.stop().await;
}
