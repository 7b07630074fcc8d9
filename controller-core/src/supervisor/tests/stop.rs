//! Stopping: in reverse order, one at a time, each with its own time, and children that do not obey.

use super::*;

/// A child that is ready and never stops by itself.
fn deaf(id: &str) -> ChildSpec {
    ChildSpec::worker(id, |cx: ChildContext| async move {
        cx.ready();
        std::future::pending::<()>().await;
    })
}

#[tokio::test(start_paused = true)]
async fn each_child_has_its_own_time_to_stop() {
    let stage = Stage::new();
    let slow = |id, time| stage.child(id, Script { stops_after: ms(time), ..Script::default() });
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(slow("in-time", 10).shutdown(Shutdown::After(ms(20))))
        .child(deaf("deaf").shutdown(Shutdown::After(ms(100))))
        .child(slow("too-slow", 30).shutdown(Shutdown::After(ms(20))))
        .child(slow("killed", 0).shutdown(Shutdown::BrutalKill))
        .child(slow("patient", 3_600_000).shutdown(Shutdown::Infinity))
        .start()
        .await
        .expect("it starts");
    stage.seen();
    tree.stop().await;
    assert_eq!(stage.seen(), "3600000 -patient, 3600130 -in-time");
}

#[tokio::test(start_paused = true)]
async fn how_a_stopped_child_ended_is_told() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(plain(&stage, "obeys"))
        .child(deaf("deaf"))
        .child(plain(&stage, "killed").shutdown(Shutdown::BrutalKill))
        .child(ChildSpec::worker("fails", |cx: ChildContext| async {
            cx.ready();
            cx.stopped().await;
            Err("no farewell".into())
        }))
        .child(Supervisor::new("inner", Strategy::OneForOne))
        .start()
        .await
        .expect("it starts");
    let handle = tree.handle();
    for id in ["obeys", "deaf", "killed", "fails", "inner"] {
        handle.terminate_child(id).await.expect("it is there");
    }
    assert_eq!(
        states(&handle).await,
        "obeys Ended 0(shutdown), deaf Ended 0(killed), killed Ended 0(killed), \
         fails Ended 0(error: no farewell), inner Ended 0(shutdown)"
    );
    assert_eq!(stage.began.elapsed(), ms(5_000), "only the deaf one used its five seconds");
}

#[tokio::test(start_paused = true)]
async fn nested_supervisors_stop_from_the_leaves_up() {
    let stage = Stage::new();
    let slow = |id| stage.child(id, Script { stops_after: ms(10), ..Script::default() });
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(slow("a"))
        .child(Supervisor::new("inner", Strategy::OneForOne).child(slow("b")).child(slow("c")))
        .child(slow("d"))
        .start()
        .await
        .expect("it starts");
    stage.seen();
    assert!(matches!(tree.stop().await, Exit::Shutdown));
    assert_eq!(stage.seen(), "10 -d, 20 -c, 30 -b, 40 -a");
}

/// Panics when it is dropped, unless a panic is under way.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::resume_unwind(Box::new("in the drop"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_childs_drop_is_its_own_end() {
    let held = |id: &str| {
        ChildSpec::worker(id, |cx: ChildContext| async move {
            let _grenade = Grenade;
            cx.ready();
            std::future::pending::<()>().await;
        })
    };
    let first = Arc::new(Mutex::new(Some(Grenade)));
    let returns = ChildSpec::worker("returns", move |cx: ChildContext| {
        let grenade = first.lock().take();
        cx.ready();
        // Its value is there in the second poll; what it holds is dropped after that.
        let mut polls = 0;
        std::future::poll_fn(move |task| {
            polls += 1;
            task.waker().wake_by_ref();
            if grenade.is_some() && polls == 2 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
    });
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(held("aborted").shutdown(Shutdown::BrutalKill))
        .child(returns.restart(Restart::Transient))
        .child(plain(&Stage::new(), "bystander"))
        .start()
        .await
        .expect("it starts");
    let handle = tree.handle();
    handle.terminate_child("aborted").await.expect("it is there");
    assert_eq!(
        states(&handle).await,
        "aborted Ended 0(panic: in the drop), returns Running 1(panic: in the drop), bystander Running 0"
    );
}

#[test]
fn a_child_that_spins_is_left_behind() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime");
    let release = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let spinning = Arc::clone(&release);
    runtime.block_on(async {
        let spins = ChildSpec::worker("spins", move |cx: ChildContext| {
            let release = Arc::clone(&spinning);
            async move {
                cx.ready();
                // Whom it woke waits in the queue of this thread.
                tokio::task::yield_now().await;
                while !release.load(std::sync::atomic::Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            }
        });
        let tree = Supervisor::new("tree", Strategy::OneForOne)
            .child(spins.shutdown(Shutdown::BrutalKill))
            .start()
            .await
            .expect("it starts");
        let handle = tree.handle();
        handle.terminate_child("spins").await.expect("it is there");
        assert_eq!(states(&handle).await, "spins Ended 0(killed)");
        release.store(true, std::sync::atomic::Ordering::Relaxed);
        tree.stop().await;
    });
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_a_restart_is_heard() {
    let stage = Stage::new();
    let starts = Arc::new(Mutex::new(0));
    let sometimes = ChildSpec::worker("sometimes", move |cx: ChildContext| {
        let start = {
            let mut starts = starts.lock();
            *starts += 1;
            *starts
        };
        async move {
            if start > 1 {
                let _held = cx;
                return std::future::pending::<Exit>().await;
            }
            cx.ready();
            tokio::time::sleep(ms(10)).await;
            Exit::Normal
        }
    });
    let mut tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(plain(&stage, "a"))
        .child(sometimes.shutdown(Shutdown::After(ms(7))))
        .start()
        .await
        .expect("it starts");
    tokio::time::sleep(ms(50)).await;
    assert!(matches!(tree.stopped().await, End::Stopped));
    assert_eq!(stage.seen(), "0 +a, 57 -a");
}
