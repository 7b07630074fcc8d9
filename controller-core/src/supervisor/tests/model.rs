//! Random histories of a real tree, beside the naive model that was written from OTP's documentation.

use proptest::prelude::{ProptestConfig, proptest};

use super::super::policy::tests::histories::any_history;
use super::super::policy::tests::model::{Flags, Model, Pid, Plan, Step};
use super::*;

/// A supervisor of either kind, and handles of all children that were ever started.
enum Supervises {
    Listed(SupervisorHandle),
    Alike(DynamicHandle<Plan>, Vec<Option<ChildHandle>>),
}

fn spec(stage: &Stage, plan: &Plan) -> ChildSpec {
    let script = Script { fails_from: plan.fails, ignores: plan.ignores, ..Script::default() };
    let mut spec = stage.child(&plan.id.to_string(), script).restart(plan.restart);
    spec.significant = plan.significant;
    spec.restart_delay = plan.delay.map(|(min, max)| (ms(min), ms(max)));
    spec
}

impl Supervises {
    fn handle(&self) -> SupervisorHandle {
        match self {
            Self::Listed(handle) => handle.clone(),
            Self::Alike(handle, _) => handle.supervisor(),
        }
    }

    async fn call(&mut self, stage: &Stage, step: &Step) -> Result<(), SupervisorError> {
        match (self, step) {
            (_, Step::Ends(..) | Step::Sleep(_)) => Ok(()),
            (Self::Listed(handle), Step::Start(plan)) => handle.start_child(spec(stage, plan)).await.map(drop),
            (Self::Alike(handle, started), Step::Start(plan)) => {
                let child = handle.start_child(plan.clone()).await;
                if plan.id != usize::MAX {
                    started.push(child.as_ref().ok().cloned());
                }
                child.map(drop)
            }
            (Self::Listed(handle), Step::Terminate(id)) => handle.terminate_child(id.to_string()).await,
            (Self::Alike(handle, started), Step::Terminate(id)) => match started.get(*id).cloned().flatten() {
                Some(child) => handle.terminate_child(&child).await,
                None => Ok(()),
            },
            (supervises, Step::Restart(id)) => supervises.handle().restart_child(id.to_string()).await.map(drop),
            (supervises, Step::Delete(id)) => supervises.handle().delete_child(id.to_string()).await,
        }
    }
}

/// The stage names the cue that a child ended by, the model says only that it ended.
fn marked(seen: &str) -> String {
    let mark = |line: &str| match line.split_once(':').and_then(|(line, _)| line.split_once(' ')) {
        Some((at, id)) => format!("{at} x{id}"),
        None => line.to_owned(),
    };
    seen.split(", ").map(mark).collect::<Vec<_>>().join(", ")
}

/// Plays the history on a tree and on the model; both must show the same.
async fn compare(flags: Flags, first: Vec<Plan>, steps: Vec<Step>) {
    let stage = Stage::new();
    let mut model = Model::new(flags);
    let (mut supervises, tree) = match flags.strategy {
        Some(strategy) => {
            let mut tree = Supervisor::new("tree", strategy);
            for plan in first {
                tree = tree.child(spec(&stage, &plan));
                model.add(plan);
            }
            let tree = tree.intensity(flags.intensity, ms(flags.period)).auto_shutdown(flags.auto);
            (Supervises::Listed(tree.handle()), tree.start().await)
        }
        None => {
            let staged = stage.clone();
            let tree = DynamicSupervisor::new("tree", move |plan: Plan| spec(&staged, &plan));
            let tree = tree.intensity(flags.intensity, ms(flags.period)).auto_shutdown(flags.auto);
            (Supervises::Alike(tree.handle(), Vec::new()), tree.start().await)
        }
    };
    let tree = tree.expect("it starts");
    let handle = tree.handle();
    for step in steps {
        if let Step::Ends(id, cue) = &step
            && model.is_alive(*id)
        {
            stage.cue(&id.to_string(), *cue);
        }
        let answer = supervises.call(&stage, &step).await;
        let said = answer.as_ref().map_or_else(otp, |()| "ok");
        assert_eq!(said, model.call(&step), "{step:?}");
        if let Step::Sleep(time) = &step {
            tokio::time::sleep(ms(*time)).await;
        }
        // Paused time moves only when nothing is left to do. What is due at the time it moves to comes next.
        tokio::time::sleep(ms(1)).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        model.sleep(1);
        assert_eq!(marked(&stage.seen()), model.seen(), "{step:?}");
        if model.over {
            assert!(matches!(handle.which_children().await, Err(SupervisorError::NotRunning { .. })), "{step:?}");
            return;
        }
        let children = handle.which_children().await.expect("it runs");
        let pid = |state| match state {
            ChildState::Running => Pid::Alive,
            ChildState::Restarting => Pid::Restarting,
            ChildState::Ended => Pid::Undefined,
        };
        let states =
            children.iter().map(|child| (child.id.split('#').next().unwrap_or_default().to_owned(), pid(child.state)));
        let expect = model.kids.iter().map(|kid| (kid.plan.id.to_string(), kid.pid));
        assert_eq!(states.collect::<Vec<_>>(), expect.collect::<Vec<_>>(), "{step:?}");
    }
    tree.stop().await;
    model.end();
    let sorted = |seen: String| {
        let mut stops: Vec<_> = seen.split(", ").map(str::to_owned).collect();
        // Children that are alike stop side by side.
        if flags.strategy.is_none() {
            stops.sort();
        }
        stops
    };
    assert_eq!(sorted(stage.seen()), sorted(model.seen()), "at the stop");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_does_what_the_documentation_says((flags, first, steps) in any_history(40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(compare(flags, first, steps));
    }
}
