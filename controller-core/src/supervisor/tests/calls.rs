//! The calls at run time, with OTP's answers.

use super::*;
use crate::__private::secs;

async fn tree(stage: &Stage) -> RunningSupervisor {
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .child(plain(stage, "a"))
        .child(plain(stage, "t").restart(Restart::Temporary))
        .child(Supervisor::new("s", Strategy::OneForOne).child(plain(stage, "inner")));
    tree.start().await.expect("it starts")
}

fn said<T>(answer: Result<T, SupervisorError>) -> String {
    answer.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_child_goes_through_its_life_by_calls() {
    let stage = Stage::new();
    let tree = tree(&stage).await;
    let handle = tree.handle();
    assert_eq!(said(handle.start_child(plain(&stage, "b")).await), "ok");
    assert_eq!(said(handle.start_child(plain(&stage, "b")).await), "child b is already started");
    assert_eq!(said(handle.restart_child("b").await), "child b runs: terminate it first");
    assert_eq!(said(handle.delete_child("b").await), "child b runs: terminate it first");
    assert_eq!(said(handle.terminate_child("b").await), "ok");
    assert_eq!(said(handle.terminate_child("b").await), "ok");
    assert_eq!(
        said(handle.start_child(plain(&stage, "b")).await),
        "child b is there and does not run: restart or delete it"
    );
    assert_eq!(said(handle.restart_child("b").await), "ok");
    assert_eq!(said(handle.terminate_child("b").await), "ok");
    assert_eq!(said(handle.delete_child("b").await), "ok");
    assert_eq!(said(handle.delete_child("b").await), "supervisor tree has no child b");
    assert_eq!(said(handle.restart_child("b").await), "supervisor tree has no child b");
    assert_eq!(said(handle.terminate_child("b").await), "supervisor tree has no child b");
    assert_eq!(said(handle.get_childspec("b").await), "supervisor tree has no child b");
    assert_eq!(stage.seen(), "0 +a, 0 +t, 0 +inner, 0 +b, 0 -b, 0 +b, 0 -b");
}

#[tokio::test(start_paused = true)]
async fn children_are_listed_counted_and_described() {
    let stage = Stage::new();
    let tree = tree(&stage).await;
    let handle = tree.handle();
    let count = ChildCount { specs: 3, active: 3, supervisors: 1, workers: 2 };
    assert_eq!(handle.count_children().await.expect("it runs"), count);
    handle.terminate_child("a").await.expect("it is there");
    assert_eq!(handle.count_children().await.expect("it runs"), ChildCount { active: 2, ..count });
    assert_eq!(states(&handle).await, "a Ended 0(shutdown), t Running 0, s Running 0");
    let spec = handle.get_childspec("t").await.expect("it is there");
    assert_eq!((spec.id.as_str(), spec.restart, spec.kind()), ("t", Restart::Temporary, ChildKind::Worker));
    let children = handle.which_children().await.expect("it runs");
    let inner = children.last().and_then(|child| child.supervisor.clone()).expect("s is a supervisor");
    assert_eq!(states(&inner).await, "inner Running 0");
}

#[tokio::test(start_paused = true)]
async fn a_terminated_temporary_child_is_forgotten() {
    let stage = Stage::new();
    let tree = tree(&stage).await;
    assert_eq!(said(tree.handle().terminate_child("t").await), "ok");
    assert_eq!(said(tree.handle().restart_child("t").await), "supervisor tree has no child t");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_fails_to_start_is_not_kept() {
    let stage = Stage::new();
    let tree = tree(&stage).await;
    let failing = stage.child("f", Script { fails_from: Some((1, 2)), ..Script::default() });
    assert_eq!(said(tree.handle().start_child(failing.clone()).await), "child f failed to start: error: no start");
    assert_eq!(said(tree.handle().get_childspec("f").await), "supervisor tree has no child f");
    assert_eq!(said(tree.handle().start_child(failing).await), "ok");
    let significant = plain(&stage, "g").restart(Restart::Transient).significant();
    assert_eq!(
        said(tree.handle().start_child(significant).await),
        "child g is significant, and supervisor tree never shuts down by itself: set its `auto_shutdown`"
    );
}

#[tokio::test(start_paused = true)]
async fn a_child_started_late_is_the_last_in_order() {
    let stage = Stage::new();
    let tree = tree(&stage).await;
    tree.handle().start_child(plain(&stage, "late")).await.expect("it starts");
    stage.seen();
    tree.stop().await;
    assert_eq!(stage.seen(), "0 -late, 0 -inner, 0 -t, 0 -a");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_being_restarted_refuses_what_otp_refuses() {
    let stage = Stage::new();
    // Its second start takes a while and fails, and so does each after it.
    let failing = Script { ready_after: ms(10), fails_from: Some((2, 99)), ..Script::default() };
    let tree = Supervisor::new("tree", Strategy::OneForOne)
        .intensity(99, ms(1_000))
        .child(stage.child("a", failing))
        .start()
        .await
        .expect("it starts");
    let handle = tree.handle();
    stage.cue("a", Cue::Error);
    tokio::task::yield_now().await;
    assert_eq!(said(handle.restart_child("a").await), "child a is being restarted");
    assert_eq!(said(handle.delete_child("a").await), "child a is being restarted");
    assert_eq!(
        said(handle.start_child(plain(&stage, "a")).await),
        "child a is there and does not run: restart or delete it"
    );
    assert_eq!(said(handle.terminate_child("a").await), "ok");
    stage.seen();
    tokio::time::sleep(ms(100)).await;
    assert_eq!(stage.seen(), "", "a terminated child is not tried again");
    assert_eq!(said(handle.restart_child("a").await), "child a failed to start: error: no start");
}

#[tokio::test(start_paused = true)]
async fn a_handle_reaches_the_supervisor_after_its_restart() {
    let stage = Stage::new();
    let inner = Supervisor::new("inner", Strategy::OneForOne).intensity(0, ms(1_000)).child(plain(&stage, "a"));
    let handle = inner.handle();
    assert_eq!(said(handle.which_children().await), "supervisor inner does not run");
    let tree = Supervisor::new("tree", Strategy::OneForOne).child(inner).start().await.expect("it starts");
    handle.start_child(plain(&stage, "b")).await.expect("it starts");
    stage.cue("a", Cue::Error);
    tokio::time::sleep(ms(1)).await;
    // As in OTP, children that were started by a call are not part of the specs of a restarted supervisor.
    assert_eq!(states(&handle).await, "a Running 0");
    tree.stop().await;
    assert_eq!(said(handle.which_children().await), "supervisor inner does not run");
}

#[tokio::test(start_paused = true)]
async fn uptime_is_that_of_the_present_start() {
    let stage = Stage::new();
    let tree = tree(&stage).await;
    let handle = tree.handle();
    let uptimes = async || {
        let children = handle.which_children().await.expect("it runs");
        children.iter().map(|child| child.uptime.map(|up| up.as_secs())).collect::<Vec<_>>()
    };
    tokio::time::sleep(secs(7)).await;
    assert_eq!(uptimes().await, [Some(7), Some(7), Some(7)]);
    handle.terminate_child("a").await.expect("it is there");
    assert_eq!(uptimes().await, [None, Some(7), Some(7)]);
    handle.restart_child("a").await.expect("it starts");
    tokio::time::sleep(secs(2)).await;
    assert_eq!(uptimes().await, [Some(2), Some(9), Some(9)]);
}
