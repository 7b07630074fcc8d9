//! Starting: in order, each after the one before is ready; and what happens when one does not get there.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_failed_start_stops_what_was_started_in_reverse_order() {
    let stage = Stage::new();
    let slow = Script { stops_after: ms(10), ..Script::default() };
    let failing = Script { ready_after: ms(5), fails_from: Some((1, 2)), ..Script::default() };
    let error = Supervisor::new("tree", Strategy::OneForOne)
        .child(stage.child("a", slow))
        .child(stage.child("b", slow))
        .child(stage.child("c", failing))
        .child(plain(&stage, "d"))
        .start()
        .await
        .expect_err("c does not start");
    assert_eq!(error.to_string(), "child c failed to start: error: no start");
    assert_eq!(stage.seen(), "0 +a, 0 +b, 0 +c, 5 !c, 15 -b, 25 -a");
}

#[tokio::test(start_paused = true)]
async fn every_end_before_ready_is_a_failed_start() {
    let check = async |spec: ChildSpec, expect: &str| {
        let error = Supervisor::new("tree", Strategy::OneForOne).child(spec).start().await.expect_err("it fails");
        assert_eq!(error.to_string(), expect);
    };
    fn ends(exit: Exit) -> ChildSpec {
        ChildSpec::worker("a", move |cx: ChildContext| {
            let exit = exit.clone();
            async move {
                let _held = cx;
                exit
            }
        })
    }
    check(ends(Exit::Normal), "child a failed to start: normal").await;
    check(ends(Exit::Killed), "child a failed to start: killed").await;
    check(ends(Exit::error("no port")), "child a failed to start: error: no port").await;
    let panics = |_cx: ChildContext| -> std::future::Ready<()> { std::panic::resume_unwind(Box::new("in the making")) };
    check(ChildSpec::worker("a", panics), "child a failed to start: panic: in the making").await;
    let panics = async |_cx: ChildContext| -> Exit { std::panic::resume_unwind(Box::new("in the run")) };
    check(ChildSpec::worker("a", panics), "child a failed to start: panic: in the run").await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_deep_in_the_tree_names_the_way_down() {
    let stage = Stage::new();
    let failing = Script { fails_from: Some((1, 2)), ..Script::default() };
    let inner =
        Supervisor::new("inner", Strategy::OneForOne).child(plain(&stage, "b")).child(stage.child("c", failing));
    let error = Supervisor::new("outer", Strategy::OneForOne)
        .child(plain(&stage, "a"))
        .child(inner)
        .start()
        .await
        .expect_err("c does not start");
    assert_eq!(error.to_string(), "child inner failed to start: error: child c failed to start: error: no start");
    assert_eq!(stage.seen(), "0 +a, 0 +b, 0 +c, 0 !c, 0 -b, 0 -a");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_lets_go_of_its_context_counts_as_started() {
    let deaf = ChildSpec::worker("deaf", |_cx: ChildContext| std::future::pending::<()>());
    let quits = ChildSpec::worker("quits", |cx: ChildContext| async move {
        drop(cx);
        tokio::time::sleep(ms(10)).await;
        Err("too late for a failed start".into())
    });
    let tree = Supervisor::new("tree", Strategy::OneForOne).child(deaf).child(quits).start().await.expect("it starts");
    tokio::time::sleep(ms(15)).await;
    assert_eq!(states(&tree.handle()).await, "deaf Running 0, quits Running 1(error: too late for a failed start)");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_never_becomes_ready_can_be_stopped() {
    let stage = Stage::new();
    let never = ChildSpec::worker("never", |cx: ChildContext| async move {
        let _held = cx;
        std::future::pending::<()>().await;
    });
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(plain(&stage, "a"))
        .child(never.shutdown(Shutdown::After(ms(20))))
        .child(plain(&stage, "c"));
    let mut running = tree.launch(None);
    tokio::time::sleep(ms(100)).await;
    assert!(matches!(running.stopped().await, End::Stopped));
    assert_eq!(stage.seen(), "0 +a, 120 -a");
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_fails_at_its_start_counts_again() {
    let failing = |from, to| Script { fails_from: Some((from, to)), ..Script::default() };
    let run = async |script| {
        let stage = Stage::new();
        let mut tree = Supervisor::new("tree", Strategy::OneForOne)
            .child(stage.child("a", script))
            .start()
            .await
            .expect("it starts");
        stage.cue("a", Cue::Error);
        let ended = tokio::time::timeout(ms(1), tree.exited()).await.is_ok();
        (stage.seen(), ended)
    };
    assert_eq!(run(failing(2, 4)).await, ("0 +a, 0 a:Error, 0 +a, 0 !a, 0 +a, 0 !a, 0 +a".to_owned(), false));
    assert_eq!(run(failing(2, 9)).await, ("0 +a, 0 a:Error, 0 +a, 0 !a, 0 +a, 0 !a, 0 +a, 0 !a".to_owned(), true));
}

#[tokio::test(start_paused = true)]
async fn a_group_restart_goes_on_from_the_child_that_failed_to_start() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::RestForOne)
        .child(plain(&stage, "a"))
        .child(plain(&stage, "b"))
        .child(stage.child("c", Script { fails_from: Some((2, 3)), ..Script::default() }))
        .child(plain(&stage, "d"))
        .start()
        .await
        .expect("it starts");
    stage.seen();
    stage.cue("b", Cue::Error);
    tokio::time::sleep(ms(1)).await;
    assert_eq!(stage.seen(), "0 b:Error, 0 -d, 0 -c, 0 +b, 0 +c, 0 !c, 0 +c, 0 +d");
    assert_eq!(
        states(&tree.handle()).await,
        "a Running 0, b Running 1(error: asked to fail), c Running 1(error: no start), d Running 0(shutdown)"
    );
}
