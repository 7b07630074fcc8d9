//! Handles of children: who runs, and why they ended.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_monitor_tells_why_a_child_ended() {
    for (cue, expect) in [
        (Cue::Normal, "normal"),
        (Cue::Shutdown, "shutdown"),
        (Cue::Error, "error: asked to fail"),
        (Cue::Panic, "panic: asked to panic"),
        (Cue::Killed, "killed"),
    ] {
        let stage = Stage::new();
        let tree = Supervisor::new("tree", Strategy::OneForOne).start().await.expect("it starts");
        let child = tree.handle().start_child(plain(&stage, "a")).await.expect("it starts");
        let (first, second) = (child.monitor(), child.monitor());
        assert!(child.is_running());
        stage.cue("a", cue);
        assert_eq!((first.await.to_string().as_str(), second.await.to_string().as_str()), (expect, expect));
        assert!(!child.is_running());
        assert_eq!(child.monitor().await.to_string(), expect, "also afterwards");
        let next = tree.handle().which_child("a").await.expect("it is there").handle.expect("it was restarted");
        assert!(next.is_running());
    }
}

#[tokio::test(start_paused = true)]
async fn a_monitor_hears_of_a_stop_and_of_a_dropped_tree() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(plain(&stage, "stopped"))
        .child(plain(&stage, "killed").shutdown(Shutdown::BrutalKill))
        .child(plain(&stage, "dropped"))
        .start()
        .await
        .expect("it starts");
    let handle = tree.handle();
    let child = async |id: &str| handle.which_child(id).await.expect("it is there").handle.expect("it runs");
    let (stopped, killed) = (child("stopped").await.monitor(), child("killed").await.monitor());
    let dropped = child("dropped").await.monitor();
    handle.terminate_child("stopped").await.expect("it is there");
    handle.terminate_child("killed").await.expect("it is there");
    assert_eq!((stopped.await.to_string(), killed.await.to_string()), ("shutdown".to_owned(), "killed".to_owned()));
    drop(tree);
    assert_eq!(dropped.await.to_string(), "killed");
}

#[tokio::test(start_paused = true)]
async fn a_start_and_a_restart_by_call_give_the_new_run() {
    let stage = Stage::new();
    let tree = Supervisor::new("tree", Strategy::OneForOne).start().await.expect("it starts");
    let handle = tree.handle();
    let first = handle.start_child(plain(&stage, "a")).await.expect("it starts");
    handle.terminate_child("a").await.expect("it is there");
    let second = handle.restart_child("a").await.expect("it starts");
    assert_eq!((first.is_running(), second.is_running()), (false, true));
    tokio::time::sleep(ms(30)).await;
    let info = handle.which_child("a").await.expect("it is there");
    assert_eq!((info.uptime, info.restarts), (Some(ms(30)), 0));
    handle.terminate_child("a").await.expect("it is there");
    let info = handle.which_child("a").await.expect("its spec is kept");
    assert!(info.uptime.is_none() && info.handle.is_none());
    assert!(matches!(handle.which_child("b").await, Err(SupervisorError::NotFound { .. })));
}
