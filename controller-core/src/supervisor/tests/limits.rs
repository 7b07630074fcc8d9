//! Intensity, escalation and automatic shutdown.

use super::*;

/// Crashes one child at these times, in milliseconds, and says how often it was started again.
async fn crashes(intensity: u32, period: u64, times: &[u64]) -> (usize, bool) {
    let stage = Stage::new();
    let mut tree = Supervisor::new("tree", Strategy::OneForOne)
        .intensity(intensity, ms(period))
        .child(plain(&stage, "a"))
        .start()
        .await
        .expect("it starts");
    for time in times {
        tokio::time::sleep_until(stage.began + ms(*time)).await;
        stage.cue("a", Cue::Error);
        tokio::task::yield_now().await;
    }
    let ended = tokio::time::timeout(ms(1), tree.exited()).await;
    (stage.seen().matches("+a").count() - 1, ended.is_ok_and(|exit| matches!(exit, Exit::Shutdown)))
}

#[tokio::test(start_paused = true)]
async fn more_restarts_than_the_intensity_within_the_period_are_too_many() {
    assert_eq!(crashes(3, 5_000, &[10, 20, 30]).await, (3, false));
    assert_eq!(crashes(3, 5_000, &[10, 20, 30, 40]).await, (3, true));
    assert_eq!(crashes(0, 5_000, &[10]).await, (0, true));
    assert_eq!(crashes(1, 1_000, &[1_000, 2_000]).await, (1, true), "one that lies back exactly the period counts");
    assert_eq!(crashes(1, 1_000, &[1_000, 2_001, 3_002]).await, (3, false));
    assert_eq!(crashes(2, 1_000, &[0, 600, 1_200, 1_600]).await, (3, true), "the window slides");
}

#[tokio::test(start_paused = true)]
async fn giving_up_stops_the_others_in_reverse_order() {
    let stage = Stage::new();
    let slow = Script { stops_after: ms(10), ..Script::default() };
    let mut tree = Supervisor::new("tree", Strategy::OneForOne)
        .intensity(0, ms(1))
        .child(stage.child("a", slow))
        .child(plain(&stage, "b"))
        .child(stage.child("c", slow))
        .start()
        .await
        .expect("it starts");
    let handle = tree.handle();
    stage.seen();
    stage.cue("b", Cue::Panic);
    assert!(matches!(tree.exited().await, Exit::Shutdown));
    assert_eq!(stage.seen(), "0 b:Panic, 10 -c, 20 -a");
    assert!(matches!(handle.which_children().await, Err(SupervisorError::NotRunning { .. })));
}

/// A crash of the innermost child under two supervisors, of which the inner one may restart nothing.
async fn escalates(inner: Restart, outer_intensity: u32) -> String {
    let stage = Stage::new();
    let bottom = Supervisor::new("bottom", Strategy::OneForOne).intensity(0, ms(1_000)).child(plain(&stage, "leaf"));
    let middle = Supervisor::new("middle", Strategy::OneForAll)
        .intensity(0, ms(1_000))
        .child(plain(&stage, "twig"))
        .child(bottom);
    let mut tree = Supervisor::new("top", Strategy::OneForOne)
        .intensity(outer_intensity, ms(1_000))
        .child(plain(&stage, "trunk"))
        .child(ChildSpec::supervisor(middle).restart(inner))
        .start()
        .await
        .expect("it starts");
    assert_eq!(stage.seen(), "0 +trunk, 0 +twig, 0 +leaf");
    stage.cue("leaf", Cue::Error);
    let ended = tokio::time::timeout(ms(1), tree.exited()).await.is_ok();
    format!("{}; {}", stage.seen(), if ended { "ended" } else { "runs" })
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_gives_up_is_a_child_that_ended_with_shutdown() {
    // bottom gives up, and so does middle, whose budget is spent by it; top restarts middle.
    assert_eq!(escalates(Restart::Permanent, 1).await, "0 leaf:Error, 0 -twig, 0 +twig, 0 +leaf; runs");
    assert_eq!(escalates(Restart::Permanent, 0).await, "0 leaf:Error, 0 -twig, 0 -trunk; ended");
    // Shutdown is a normal end: only a permanent supervisor is revived.
    assert_eq!(escalates(Restart::Transient, 1).await, "0 leaf:Error, 0 -twig; runs");
    assert_eq!(escalates(Restart::Temporary, 1).await, "0 leaf:Error, 0 -twig; runs");
}

/// Ends the significant children `s` and `t` by `ends`; `u` is not significant.
async fn auto(rule: AutoShutdown, ends: &[(&str, Cue)]) -> bool {
    let stage = Stage::new();
    let significant = |id| plain(&stage, id).restart(Restart::Transient).significant();
    let mut tree = Supervisor::new("tree", Strategy::OneForOne)
        .auto_shutdown(rule)
        .child(significant("s"))
        .child(significant("t"))
        .child(plain(&stage, "u").restart(Restart::Temporary))
        .start()
        .await
        .expect("it starts");
    for (id, cue) in ends {
        stage.cue(id, *cue);
        tokio::time::sleep(ms(1)).await;
    }
    tokio::time::timeout(ms(1), tree.exited()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn significant_children_that_end_for_good_end_their_supervisor() {
    use AutoShutdown::{AllSignificant, AnySignificant};
    assert!(auto(AnySignificant, &[("s", Cue::Normal)]).await);
    assert!(!auto(AnySignificant, &[("u", Cue::Normal)]).await);
    assert!(!auto(AnySignificant, &[("s", Cue::Error)]).await, "a restarted child did not end");
    assert!(!auto(AllSignificant, &[("s", Cue::Normal)]).await);
    assert!(auto(AllSignificant, &[("s", Cue::Normal), ("t", Cue::Shutdown)]).await);
    assert!(!auto(AllSignificant, &[("s", Cue::Normal), ("t", Cue::Panic)]).await);
}

#[tokio::test(start_paused = true)]
async fn a_significant_child_stopped_by_the_supervisor_does_not_end_it() {
    let stage = Stage::new();
    let mut tree = Supervisor::new("tree", Strategy::OneForOne)
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(plain(&stage, "s").restart(Restart::Transient).significant())
        .start()
        .await
        .expect("it starts");
    tree.handle().terminate_child("s").await.expect("it is there");
    assert!(tokio::time::timeout(ms(10), tree.exited()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn specs_that_break_a_rule_are_refused_at_start() {
    let stage = Stage::new();
    let tree = |auto| Supervisor::new("tree", Strategy::OneForOne).auto_shutdown(auto);
    let check = async |tree: Supervisor, expect: &str| {
        assert_eq!(tree.start().await.expect_err("it is refused").to_string(), expect);
    };
    check(
        tree(AutoShutdown::AnySignificant).child(plain(&stage, "a").significant()),
        "child a is significant and permanent: significant needs `restart` transient or temporary",
    )
    .await;
    check(
        tree(AutoShutdown::Never).child(plain(&stage, "a").restart(Restart::Temporary).significant()),
        "child a is significant, and supervisor tree never shuts down by itself: set its `auto_shutdown`",
    )
    .await;
    check(
        tree(AutoShutdown::Never).child(plain(&stage, "a")).child(plain(&stage, "a")),
        "supervisor tree has two children with the id a: give one of them another with `.id(..)`",
    )
    .await;
    check(
        tree(AutoShutdown::Never).intensity(1, Duration::ZERO),
        "supervisor tree counts restarts over a period of zero: give `intensity` a longer one",
    )
    .await;
    check(
        tree(AutoShutdown::Never).child(tree(AutoShutdown::AllSignificant).child(plain(&stage, "a").significant())),
        "child tree failed to start: error: child a is significant and permanent: significant needs `restart` transient or temporary",
    )
    .await;
    check(
        tree(AutoShutdown::Never).child(plain(&stage, "a").restart_delay(ms(2), ms(1))),
        "child a is restarted after at least 2ms and at most 1ms: give `restart_delay` the shorter one first",
    )
    .await;
    check(
        tree(AutoShutdown::Never).child(plain(&stage, "a").health(Duration::ZERO)),
        "child a has a limit of zero: give `health` a longer one",
    )
    .await;
    assert_eq!(stage.seen(), "");
}
