//! Strategy by restart rule by exit: who is started again, in which order, at which time.

use super::*;

const EXITS: [Cue; 5] = [Cue::Normal, Cue::Shutdown, Cue::Error, Cue::Panic, Cue::Killed];

/// Which exits restart a child, in the order of [`EXITS`].
const RESTARTED: [(Restart, [bool; 5]); 3] = [
    (Restart::Permanent, [true, true, true, true, true]),
    (Restart::Transient, [false, false, true, true, true]),
    (Restart::Temporary, [false, false, false, false, false]),
];

/// What a restart of `b` does 100 ms after the start. Children take 1, 2, 3 ms to be ready and 10, 20, 30 to stop.
const RESTARTS: [(Strategy, &str); 3] = [
    (Strategy::OneForOne, "106 +b"),
    (Strategy::OneForAll, "136 -c, 146 -a, 146 +a, 147 +b, 149 +c"),
    (Strategy::RestForOne, "136 -c, 136 +b, 138 +c"),
];

#[tokio::test(start_paused = true)]
async fn every_combination_restarts_whom_otp_restarts() {
    for (strategy, transcript) in RESTARTS {
        for (rule, restarted) in RESTARTED {
            for (exit, restarts) in EXITS.into_iter().zip(restarted) {
                check(strategy, rule, exit, restarts.then_some(transcript)).await;
            }
        }
    }
}

async fn check(strategy: Strategy, rule: Restart, exit: Cue, restart: Option<&str>) {
    let stage = Stage::new();
    let child = |id, step: u64| {
        stage.child(id, Script { ready_after: ms(step), stops_after: ms(10 * step), ..Script::default() })
    };
    let tree = Supervisor::new("tree", strategy)
        .child(child("a", 1))
        .child(child("b", 2).restart(rule))
        .child(child("c", 3))
        .start()
        .await
        .expect("it starts");
    assert_eq!(stage.seen(), "0 +a, 1 +b, 3 +c");
    after(ms(100), async { stage.cue("b", exit) }).await;
    tokio::time::sleep(ms(100)).await;
    let what = format!("{strategy:?} {rule} {exit:?}");
    let happened = stage.seen();
    let rest = happened.strip_prefix(&format!("106 b:{exit:?}")).expect("b ended").trim_start_matches(", ");
    assert_eq!(rest, restart.unwrap_or(""), "{what}");

    let count = tree.handle().count_children().await.expect("it runs");
    let expect = match (restart, rule) {
        (Some(_), _) => (3, 3),
        (None, Restart::Temporary) => (2, 2),
        (None, _) => (3, 2),
    };
    assert_eq!((count.specs, count.active), expect, "{what}");

    tree.stop().await;
    let stops = if restart.is_some() { "236 -c, 256 -b, 266 -a" } else { "236 -c, 246 -a" };
    assert_eq!(stage.seen(), stops, "{what}");
}

#[tokio::test(start_paused = true)]
async fn siblings_that_ended_start_again_with_the_group_and_temporary_ones_are_forgotten() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForAll)
        .child(plain(&stage, "permanent"))
        .child(plain(&stage, "transient").restart(Restart::Transient))
        .child(plain(&stage, "temporary").restart(Restart::Temporary))
        .child(plain(&stage, "terminated"))
        .start()
        .await
        .expect("it starts");
    let handle = tree.handle();
    stage.cue("transient", Cue::Normal);
    handle.terminate_child("terminated").await.expect("it is there");
    stage.seen();
    stage.cue("permanent", Cue::Error);
    tokio::time::sleep(ms(1)).await;
    assert_eq!(stage.seen(), "0 permanent:Error, 0 -temporary, 0 +permanent, 0 +transient, 0 +terminated");
    assert_eq!(
        states(&handle).await,
        "permanent Running 1(error: asked to fail), transient Running 0(normal), terminated Running 0(shutdown)"
    );
}

#[tokio::test(start_paused = true)]
async fn two_children_that_end_at_once_are_restarted_in_the_order_of_their_ends() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(plain(&stage, "a"))
        .child(plain(&stage, "b"))
        .start()
        .await
        .expect("it starts");
    stage.seen();
    stage.cue("b", Cue::Panic);
    stage.cue("a", Cue::Error);
    tokio::time::sleep(ms(1)).await;
    assert_eq!(stage.seen(), "0 b:Panic, 0 a:Error, 0 +b, 0 +a");
    assert_eq!(states(&tree.handle()).await, "a Running 1(error: asked to fail), b Running 1(panic: asked to panic)");
}

#[tokio::test(start_paused = true)]
async fn an_end_during_a_group_restart_is_not_counted_twice() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForAll)
        .intensity(1, ms(5_000))
        .child(plain(&stage, "a"))
        .child(plain(&stage, "b"))
        .child(stage.child("c", Script { stops_after: ms(10), ..Script::default() }))
        .start()
        .await
        .expect("it starts");
    stage.seen();
    stage.cue("a", Cue::Error);
    after(ms(5), async { stage.cue("b", Cue::Error) }).await;
    tokio::time::sleep(ms(100)).await;
    assert_eq!(stage.seen(), "0 a:Error, 5 b:Error, 10 -c, 10 +a, 10 +b, 10 +c");
    assert_eq!(tree.handle().count_children().await.expect("it runs").active, 3);
}
