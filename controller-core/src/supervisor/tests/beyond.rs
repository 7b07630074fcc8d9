//! What OTP has not, and a spec may ask for: delays between restarts, a health limit, and reports of blocked threads.

use super::*;

#[tokio::test(start_paused = true)]
async fn restarts_wait_longer_from_time_to_time() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .intensity(99, ms(1_000))
        .child(plain(&stage, "a").restart_delay(ms(10), ms(40)))
        .start()
        .await
        .expect("it starts");
    for wait in [10, 20, 40, 40] {
        stage.cue("a", Cue::Error);
        tokio::time::sleep(ms(wait - 1)).await;
        assert_eq!(tree.handle().which_child("a").await.expect("it is there").state, ChildState::Restarting);
        tokio::time::sleep(ms(2)).await;
        assert_eq!(tree.handle().which_child("a").await.expect("it is there").state, ChildState::Running);
    }
    // One that was well for longer than the longest delay begins anew.
    tokio::time::sleep(ms(41)).await;
    stage.seen();
    stage.cue("a", Cue::Error);
    tokio::time::sleep(ms(20)).await;
    assert_eq!(stage.seen(), "155 a:Error, 165 +a");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_restart_takes_its_siblings_along() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::RestForOne)
        .child(plain(&stage, "a"))
        .child(plain(&stage, "b").restart_delay(ms(10), ms(10)))
        .child(plain(&stage, "c"))
        .start()
        .await
        .expect("it starts");
    stage.seen();
    stage.cue("b", Cue::Error);
    tokio::time::sleep(ms(50)).await;
    assert_eq!(stage.seen(), "0 b:Error, 0 -c, 10 +b, 10 +c");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn calls_and_a_stop_are_heard_during_a_delay() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(plain(&stage, "a").restart_delay(ms(1_000), ms(1_000)))
        .start()
        .await
        .expect("it starts");
    let handle = tree.handle();
    stage.cue("a", Cue::Error);
    tokio::time::sleep(ms(1)).await;
    assert!(matches!(handle.restart_child("a").await, Err(SupervisorError::Restarting { .. })));
    assert!(matches!(handle.delete_child("a").await, Err(SupervisorError::Restarting { .. })));
    handle.terminate_child("a").await.expect("it is there");
    tokio::time::sleep(ms(5_000)).await;
    assert_eq!(stage.seen(), "0 +a, 0 a:Error", "a terminated child is not restarted");
    handle.restart_child("a").await.expect("it starts");
    stage.cue("a", Cue::Error);
    tokio::time::sleep(ms(1)).await;
    let before = stage.began.elapsed();
    tree.stop().await;
    assert_eq!(stage.began.elapsed(), before, "a stop waits for no delay");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_restart_is_counted_when_the_child_ends() {
    let stage = Stage::new();
    let mut tree = Supervisor::new("tree", Strategy::OneForOne)
        .intensity(1, ms(1_000))
        .child(plain(&stage, "a").restart_delay(ms(10), ms(10)))
        .start()
        .await
        .expect("it starts");
    stage.cue("a", Cue::Error);
    tokio::time::sleep(ms(50)).await;
    stage.cue("a", Cue::Error);
    assert!(matches!(tree.exited().await, Exit::Shutdown));
    assert_eq!(stage.seen(), "0 +a, 0 a:Error, 10 +a, 50 a:Error");
}

/// A child that shows a sign of life so often, and after so many turns none.
fn living(stage: &Stage, every: u64, turns: u64) -> ChildSpec {
    let stage = stage.clone();
    ChildSpec::worker("a", move |cx: ChildContext| {
        let stage = stage.clone();
        async move {
            stage.say("+a");
            cx.ready();
            for _ in 0..turns {
                tokio::time::sleep(ms(every)).await;
                cx.alive();
            }
            std::future::pending::<()>().await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_live_but_deaf_is_restarted() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(living(&stage, 90, 10).health(ms(100)))
        .start()
        .await
        .expect("it starts");
    tokio::time::sleep(ms(999)).await;
    assert_eq!(states(&tree.handle()).await, "a Running 0");
    tokio::time::sleep(ms(10)).await;
    assert_eq!(states(&tree.handle()).await, "a Running 1(killed)");
    assert_eq!(stage.seen(), "0 +a, 1000 +a");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_deaf_child_ends_abnormally_for_its_restart_rule() {
    for (rule, expect) in [
        (Restart::Permanent, "a Running 1(killed)"),
        (Restart::Transient, "a Running 1(killed)"),
        (Restart::Temporary, ""),
    ] {
        let stage = Stage::new();
        let child = living(&stage, 1, 0).health(ms(100)).restart(rule);
        let tree = Supervisor::new("tree", Strategy::OneForOne).child(child).start().await.expect("it starts");
        tokio::time::sleep(ms(150)).await;
        assert_eq!(states(&tree.handle()).await, expect, "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_shows_its_own_signs_of_life() {
    let stage = Stage::new();
    let inner = Supervisor::new("inner", Strategy::OneForOne).child(plain(&stage, "a"));
    let inner = ChildSpec::supervisor(inner).health(ms(100));
    let tree = Supervisor::new("tree", Strategy::OneForOne).child(inner).start().await.expect("it starts");
    tokio::time::sleep(ms(10_000)).await;
    assert_eq!(states(&tree.handle()).await, "inner Running 0");
    assert_eq!(stage.seen(), "0 +a");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_child_is_deaf_because_the_clock_jumped() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(living(&stage, 50, 10_000).health(ms(100)))
        .child(plain(&stage, "b").restart_delay(ms(1_000), ms(1_000)))
        .start()
        .await
        .expect("it starts");
    stage.cue("b", Cue::Error);
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(86_400)).await;
    tokio::time::sleep(ms(500)).await;
    assert_eq!(states(&tree.handle()).await, "a Running 0, b Running 1(error: asked to fail)");
}

#[test]
fn a_child_that_blocks_its_thread_is_reported() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime");
    let release = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let blocked = Arc::clone(&release);
    runtime.block_on(async {
        let blocks = ChildSpec::worker("blocks", move |cx: ChildContext| {
            let release = Arc::clone(&blocked);
            async move {
                cx.ready();
                // Whom it woke waits in the queue of this thread.
                tokio::task::yield_now().await;
                while !release.load(std::sync::atomic::Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                cx.stopped().await;
            }
        });
        let tree = Supervisor::new("tree", Strategy::OneForOne)
            .child(blocks.blocked_after(ms(1)))
            .child(plain(&Stage::new(), "awaits").blocked_after(Duration::from_secs(600)))
            .start()
            .await
            .expect("it starts");
        let found = async |id: &str| tree.handle().which_child(id).await.expect("it is there").blocked;
        while found("blocks").await == 0 {
            tokio::task::yield_now().await;
        }
        release.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!((found("blocks").await, found("awaits").await), (1, 0), "one poll is told of once");
        tree.stop().await;
    });
}
