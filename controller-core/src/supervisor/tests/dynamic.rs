//! Supervisors whose children come from one template: `simple_one_for_one`.

use super::*;

fn crew(stage: &Stage, rules: fn(ChildSpec) -> ChildSpec) -> DynamicSupervisor<&'static str> {
    let stage = stage.clone();
    DynamicSupervisor::new("crew", move |name: &'static str| rules(plain(&stage, name)))
}

async fn started(stage: &Stage, rules: fn(ChildSpec) -> ChildSpec) -> (DynamicHandle<&'static str>, RunningSupervisor) {
    let crew = crew(stage, rules);
    let handle = crew.handle();
    (handle, crew.start().await.expect("it starts without children"))
}

#[tokio::test(start_paused = true)]
async fn children_are_made_from_their_arguments() {
    let stage = Stage::new();
    let (crew, tree) = started(&stage, |spec| spec).await;
    assert_eq!(states(&tree.handle()).await, "");
    let ann = crew.start_child("ann").await.expect("it starts");
    let bob = crew.start_child("bob").await.expect("it starts");
    let eve = crew.start_child("eve").await.expect("it starts");
    assert_eq!((ann.id(), bob.id(), eve.id()), ("ann#0", "bob#1", "eve#2"));
    assert_eq!(stage.seen(), "0 +ann, 0 +bob, 0 +eve");
    let count = ChildCount { specs: 1, active: 3, supervisors: 0, workers: 3 };
    assert_eq!(crew.count_children().await.expect("it runs"), count);
    assert_eq!(crew.get_childspec(&bob).await.expect("it is there").id, "bob#1");
    crew.terminate_child(&bob).await.expect("it is there");
    assert_eq!(states(&tree.handle()).await, "ann#0 Running 0, eve#2 Running 0");
    tree.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restarted_child_keeps_its_argument_and_its_handle() {
    let stage = Stage::new();
    let (crew, tree) = started(&stage, |spec| spec.restart(Restart::Transient)).await;
    let ann = crew.start_child("ann").await.expect("it starts");
    stage.cue("ann", Cue::Error);
    tokio::time::sleep(ms(1)).await;
    assert_eq!(stage.seen(), "0 +ann, 0 ann:Error, 0 +ann");
    assert_eq!(states(&tree.handle()).await, "ann#0 Running 1(error: asked to fail)");
    assert!(!ann.is_running(), "that run is over");
    crew.terminate_child(&ann).await.expect("it is there");
    assert_eq!(stage.seen(), "1 -ann");
    crew.terminate_child(&ann).await.expect("who is dead can be terminated");
    assert_eq!(states(&tree.handle()).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_ends_for_good_is_forgotten_whatever_its_rule() {
    let rules: [fn(ChildSpec) -> ChildSpec; 2] =
        [|spec| spec.restart(Restart::Transient), |spec| spec.restart(Restart::Temporary)];
    for rules in rules {
        let stage = Stage::new();
        let (crew, tree) = started(&stage, rules).await;
        crew.start_child("ann").await.expect("it starts");
        stage.cue("ann", Cue::Normal);
        tokio::time::sleep(ms(1)).await;
        assert_eq!(states(&tree.handle()).await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_a_template_rules_out_are_refused() {
    let stage = Stage::new();
    let (crew, tree) = started(&stage, |spec| spec).await;
    let ann = crew.start_child("ann").await.expect("it starts");
    let plainly = crew.supervisor();
    let said = |answer: Result<(), SupervisorError>| answer.as_ref().map_or_else(otp, |()| "ok");
    assert_eq!(said(plainly.restart_child("ann").await.map(drop)), "simple_one_for_one");
    assert_eq!(said(plainly.delete_child("ann").await), "simple_one_for_one");
    assert_eq!(said(plainly.terminate_child("ann").await), "simple_one_for_one");
    assert_eq!(said(plainly.start_child(plain(&stage, "bob")).await.map(drop)), "simple_one_for_one");
    assert_eq!(said(plainly.terminate_child(ann.id()).await), "ok", "its printed handle names it");

    let other = Supervisor::new("other", Strategy::OneForOne).start().await.expect("it starts");
    let stranger = other.handle().start_child(plain(&stage, "stranger")).await.expect("it starts");
    assert_eq!(said(crew.terminate_child(&stranger).await), "not_found");
    other.stop().await;
    assert_eq!(said(crew.terminate_child(&stranger).await), "ok");
    tree.stop().await;
    assert_eq!(said(crew.terminate_child(&ann).await), "noproc");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_fails_to_start_is_not_kept() {
    let stage = Stage::new();
    let staged = stage.clone();
    let crew = DynamicSupervisor::new("crew", move |starts: u64| {
        staged.child("a", Script { fails_from: Some((1, starts)), ignores: Some(1), ..Script::default() })
    });
    let handle = crew.handle();
    let tree = crew.start().await.expect("it starts");
    let error = handle.start_child(2).await.expect_err("it fails");
    assert_eq!(error.to_string(), "child a#0 failed to start: error: no start");
    let ignored = handle.start_child(1).await.expect("it has nothing to run");
    assert!(!ignored.is_running());
    assert_eq!(states(&tree.handle()).await, "");
}

#[tokio::test(start_paused = true)]
async fn restarts_of_all_children_are_counted_together() {
    let stage = Stage::new();
    let crew = crew(&stage, |spec| spec).intensity(1, ms(1_000));
    let handle = crew.handle();
    let mut tree = crew.start().await.expect("it starts");
    for name in ["ann", "bob"] {
        handle.start_child(name).await.expect("it starts");
        stage.cue(name, Cue::Error);
        tokio::time::sleep(ms(1)).await;
    }
    assert!(matches!(tree.exited().await, Exit::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn all_children_are_stopped_side_by_side_each_with_its_own_time() {
    let stage = Stage::new();
    let staged = stage.clone();
    let crew = DynamicSupervisor::new("crew", move |(name, takes, shutdown): (&'static str, u64, Shutdown)| {
        staged.child(name, Script { stops_after: ms(takes), ..Script::default() }).shutdown(shutdown)
    });
    let handle = crew.handle();
    let tree = crew.start().await.expect("it starts");
    let mut ends = Vec::new();
    for (name, takes, shutdown) in [
        ("slow", 300, Shutdown::Infinity),
        ("killed", 0, Shutdown::BrutalKill),
        ("quick", 10, Shutdown::After(ms(20))),
        ("late", 90, Shutdown::After(ms(20))),
        ("other", 200, Shutdown::After(ms(250))),
    ] {
        ends.push(handle.start_child((name, takes, shutdown)).await.expect("it starts").monitor());
    }
    stage.seen();
    tree.stop().await;
    assert_eq!(stage.seen(), "10 -quick, 200 -other, 300 -slow");
    assert_eq!(stage.began.elapsed(), ms(300));
    let mut exits = Vec::new();
    for end in ends {
        exits.push(end.await.to_string());
    }
    assert_eq!(exits, ["shutdown", "killed", "shutdown", "killed", "shutdown"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_significant_child_ends_its_supervisor() {
    let stage = Stage::new();
    let crew = crew(&stage, |spec| spec.restart(Restart::Temporary).significant());
    let crew = crew.auto_shutdown(AutoShutdown::AllSignificant);
    let handle = crew.handle();
    let mut tree = crew.start().await.expect("it starts");
    for name in ["ann", "bob"] {
        handle.start_child(name).await.expect("it starts");
    }
    stage.cue("ann", Cue::Normal);
    assert!(tokio::time::timeout(ms(1), tree.exited()).await.is_err());
    stage.cue("bob", Cue::Error);
    assert!(matches!(tree.exited().await, Exit::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn it_is_a_child_like_any_supervisor() {
    let stage = Stage::new();
    let crew = crew(&stage, |spec| spec).intensity(0, ms(1_000));
    let handle = crew.handle();
    let tree = Supervisor::new("tree", Strategy::OneForOne).child(crew).start().await.expect("it starts");
    handle.start_child("ann").await.expect("it starts");
    let info = tree.handle().which_child("crew").await.expect("it is there");
    assert_eq!((info.kind, info.supervisor.expect("it is one").name()), (ChildKind::Supervisor, "crew"));
    stage.cue("ann", Cue::Error);
    tokio::time::sleep(ms(1)).await;
    // It gave up and was restarted: as in OTP, without the children that were started by calls.
    assert_eq!(handle.count_children().await.expect("it runs").active, 0);
    let bob = handle.start_child("bob").await.expect("it starts");
    assert_eq!(bob.id(), "bob#1", "no two children have one number");
    tree.stop().await;
}

#[test]
fn children_that_spin_are_left_behind_together() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().expect("a runtime");
    let release = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let spinning = Arc::clone(&release);
    runtime.block_on(async {
        let crew = DynamicSupervisor::new("crew", move |shutdown: Shutdown| {
            let release = Arc::clone(&spinning);
            ChildSpec::worker("spins", move |cx: ChildContext| {
                let release = Arc::clone(&release);
                async move {
                    cx.ready();
                    cx.stopped().await;
                    while !release.load(std::sync::atomic::Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                }
            })
            .shutdown(shutdown)
        });
        let handle = crew.handle();
        let tree = crew.start().await.expect("it starts");
        let mut ends = Vec::new();
        for shutdown in [Shutdown::After(ms(1)), Shutdown::After(ms(20))] {
            ends.push(handle.start_child(shutdown).await.expect("it starts").monitor());
        }
        tree.stop().await;
        for end in ends {
            assert_eq!(end.await.to_string(), "killed");
        }
        release.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
