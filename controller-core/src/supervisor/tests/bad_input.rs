//! Children and callers that break the rules: docs/supervision.md has a line for each.

use super::*;

/// A child that panics after it was asked to stop.
fn panics_in_stop(id: &str) -> ChildSpec {
    ChildSpec::worker(id, |cx: ChildContext| async move {
        cx.ready();
        cx.stopped().await;
        std::panic::resume_unwind(Box::new("in the stop"));
        #[expect(unreachable_code, reason = "it says what the future gives")]
        Exit::Normal
    })
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_stop_is_that_childs_end_and_the_stop_goes_on() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(plain(&stage, "a"))
        .child(panics_in_stop("b"))
        .child(plain(&stage, "c"))
        .start()
        .await
        .expect("it starts");
    let end = tree.handle().which_child("b").await.expect("it is there").handle.expect("it runs").monitor();
    stage.seen();
    assert!(matches!(tree.stop().await, Exit::Shutdown));
    assert_eq!(stage.seen(), "0 -c, 0 -a");
    assert_eq!(end.await.to_string(), "panic: in the stop");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_stop_keeps_no_sibling_from_its_restart() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForAll)
        .child(plain(&stage, "a"))
        .child(panics_in_stop("b"))
        .start()
        .await
        .expect("it starts");
    stage.cue("a", Cue::Error);
    tokio::time::sleep(ms(1)).await;
    assert_eq!(states(&tree.handle()).await, "a Running 1(error: asked to fail), b Running 0(panic: in the stop)");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_start_fails_it_and_is_counted_at_a_restart() {
    let panics = ChildSpec::worker("a", |_cx: ChildContext| -> std::future::Ready<()> {
        std::panic::resume_unwind(Box::new("in the making"))
    });
    let tree = Supervisor::new("tree", Strategy::OneForOne).start().await.expect("it starts");
    let error = tree.handle().start_child(panics).await.expect_err("it does not start");
    assert_eq!(error.to_string(), "child a failed to start: panic: in the making");

    let starts = Arc::new(Mutex::new(0));
    let later = ChildSpec::worker("b", move |cx: ChildContext| {
        let mut starts = starts.lock();
        *starts += 1;
        if *starts > 1 {
            std::panic::resume_unwind(Box::new("in the second making"));
        }
        cx.ready();
        async { Exit::Normal }
    });
    let mut tree = Supervisor::new("tree", Strategy::OneForOne).child(later).start().await.expect("it starts");
    let handle = tree.handle();
    assert!(matches!(tree.exited().await, Exit::Shutdown), "it gives up after three more tries");
    assert!(matches!(handle.count_children().await, Err(SupervisorError::NotRunning { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_is_told_to_stop_while_it_starts_stops_what_it_has_started() {
    let stage = Stage::new();
    let slow = |id, ready, stops| {
        stage.child(id, Script { ready_after: ms(ready), stops_after: ms(stops), ..Script::default() })
    };
    let inner = Supervisor::new("inner", Strategy::OneForOne).child(slow("b", 1, 10)).child(slow("c", 1_000, 0));
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(slow("a", 1, 20))
        .child(inner)
        .child(plain(&stage, "never"))
        .launch(None);
    let mut tree = tree;
    let handle = tree.handle();
    let waits = crate::env::spawn(async move { handle.count_children().await });
    tokio::time::sleep(ms(100)).await;
    assert_eq!(stage.seen(), "0 +a, 1 +b, 2 +c");
    assert!(matches!(tree.stopped().await, End::Stopped));
    // c heard of the stop before it was ready, and is ready and stopped 902 ms later.
    assert_eq!(stage.seen(), "1002 -c, 1012 -b, 1032 -a");
    assert!(matches!(waits.await, crate::env::Ended::Value(Err(SupervisorError::NotRunning { .. }))));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_takes_long_is_named_once_and_then_rarely() {
    let (log, _guard) = log::listen();
    let stage = Stage::new();
    let slow = |seconds| Script { ready_after: Duration::from_secs(seconds), ..Script::default() };
    // The supervisor around it waits as long, and says nothing: it would name no more than the way down.
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(Supervisor::new("inner", Strategy::OneForOne).child(stage.child("slow", slow(700))))
        .child(stage.child("brisk", slow(9)))
        .start()
        .await;
    tree.expect("it starts").stop().await;
    let line = |waits| {
        format!(
            " WARN a child has not said for {waits}s that it is ready, and what comes after it waits: call `cx.ready()` \
             supervisor=\"inner\" child=\"slow\""
        )
    };
    assert_eq!(log.take(), [line(10), line(310), line(610)].join("\n"));
}

#[tokio::test(start_paused = true)]
async fn what_keeps_a_supervisor_from_its_calls_can_be_seen() {
    let stage = Stage::new();
    let slow = Script { ready_after: ms(100), stops_after: ms(50), ..Script::default() };
    let inner = Supervisor::new("inner", Strategy::OneForOne).child(stage.child("slow", slow));
    let mut tree = Supervisor::new("tree", Strategy::OneForOne).child(plain(&stage, "a")).child(inner).launch(None);
    let handle = tree.handle();
    let busy = || {
        let (path, innermost) = handle.errand()?.innermost();
        Some(format!("{:?} {path} for {:?}", innermost.verb, innermost.since.elapsed()))
    };
    tokio::time::sleep(ms(40)).await;
    assert_eq!(busy().as_deref(), Some("Starts inner/slow for 40ms"));
    tokio::time::sleep(ms(70)).await;
    assert_eq!(busy(), None, "it hears calls");
    let waits = crate::env::spawn(async move { tree.stopped().await });
    tokio::time::sleep(ms(20)).await;
    assert_eq!(busy().as_deref(), Some("Stops inner/slow for 20ms"));
    assert!(matches!(waits.await, crate::env::Ended::Value(End::Stopped)));
    assert_eq!(busy(), None, "it is gone");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ahead_forgets_restarts_and_ends_delays_and_nothing_else() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .intensity(1, ms(5_000))
        .child(plain(&stage, "a"))
        .start()
        .await
        .expect("it starts");
    for _ in 0..3 {
        stage.cue("a", Cue::Error);
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(86_400)).await;
    }
    tokio::time::sleep(ms(1)).await;
    assert_eq!(states(&tree.handle()).await, "a Running 3(error: asked to fail)");
}

#[tokio::test(start_paused = true)]
async fn ids_may_be_anything_that_is_no_siblings() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForOne).start().await.expect("it starts");
    let handle = tree.handle();
    for id in ["", " ", "a b#0/../\u{1f980}", "tree"] {
        handle.start_child(plain(&stage, id)).await.expect("it starts");
        assert!(matches!(handle.start_child(plain(&stage, id)).await, Err(SupervisorError::AlreadyStarted { .. })));
        handle.terminate_child(id).await.expect("it is there");
    }
}
