//! Random histories of a real tree, beside a naive model that was written from OTP's documentation alone.

use super::*;
use proptest::prelude::{Just, ProptestConfig, any, prop, prop_oneof, proptest};
use proptest::strategy::Strategy as Any;

/// The pool of ids that children are started under and calls name.
const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];

#[derive(Debug, Clone)]
enum Step {
    Cue(usize, Cue),
    Sleep(u64),
    Start(Plan),
    Terminate(usize),
    Restart(usize),
    Delete(usize),
}

/// One child: its id, its rules, and which of its starts fail.
#[derive(Debug, Clone)]
struct Plan {
    id: usize,
    restart: Restart,
    significant: bool,
    fails: Option<(u64, u64)>,
}

#[derive(Debug, Clone)]
struct Rules {
    strategy: Strategy,
    intensity: u32,
    period: u64,
    auto: AutoShutdown,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Pid {
    Alive,
    Undefined,
    Restarting,
}

struct Kid {
    plan: Plan,
    pid: Pid,
    starts: u64,
}

/// The supervisor of OTP's documentation, with lists in place of everything.
struct Model {
    rules: Rules,
    kids: Vec<Kid>,
    restarts: Vec<u64>,
    now: u64,
    over: bool,
    seen: Vec<String>,
}

impl Model {
    fn say(&mut self, text: String) {
        self.seen.push(format!("{} {text}", self.now));
    }

    fn at(&self, id: usize) -> Option<usize> {
        self.kids.iter().position(|kid| kid.plan.id == id)
    }

    /// Whether the child is up now.
    fn start(&mut self, at: usize) -> bool {
        let kid = &mut self.kids[at];
        kid.starts += 1;
        let id = IDS[kid.plan.id];
        let fails = kid.plan.fails.is_some_and(|(from, to)| (from..to).contains(&kid.starts));
        kid.pid = if fails { Pid::Undefined } else { Pid::Alive };
        self.say(format!("+{id}"));
        if fails {
            self.say(format!("!{id}"));
        }
        !fails
    }

    fn stop(&mut self, at: usize) {
        if self.kids[at].pid == Pid::Alive {
            self.say(format!("-{}", IDS[self.kids[at].plan.id]));
        }
        self.kids[at].pid = Pid::Undefined;
    }

    fn end(&mut self) {
        for at in (0..self.kids.len()).rev() {
            self.stop(at);
        }
        self.over = true;
    }

    /// "When a child process exits": the restart type says whether it is restarted.
    fn exited(&mut self, at: usize, cue: Cue) {
        let plan = self.kids[at].plan.clone();
        self.say(format!("{}:{cue:?}", IDS[plan.id]));
        self.kids[at].pid = Pid::Undefined;
        let normal = matches!(cue, Cue::Normal | Cue::Shutdown);
        match plan.restart {
            Restart::Permanent => return self.restart(at),
            Restart::Transient if !normal => return self.restart(at),
            Restart::Transient => {}
            Restart::Temporary => {
                self.kids.remove(at);
            }
        }
        let others = self.kids.iter().filter(|kid| kid.plan.significant && kid.pid != Pid::Undefined).count();
        if plan.significant
            && match self.rules.auto {
                AutoShutdown::Never => false,
                AutoShutdown::AnySignificant => true,
                AutoShutdown::AllSignificant => others == 0,
            }
        {
            self.end();
        }
    }

    /// "If more than MaxR number of restarts occur in the last MaxT seconds, the supervisor terminates all the child
    /// processes and then itself."
    fn restart(&mut self, at: usize) {
        self.restarts.push(self.now);
        let recent = self.restarts.iter().filter(|time| self.now - **time <= self.rules.period).count();
        if recent > self.rules.intensity as usize {
            return self.end();
        }
        let failed = self.kids[at].plan.id;
        let from = if self.rules.strategy == Strategy::OneForAll { 0 } else { at };
        let to = if self.rules.strategy == Strategy::OneForOne { at + 1 } else { self.kids.len() };
        for at in (from..to).rev() {
            self.stop(at);
            if self.kids[at].plan.restart == Restart::Temporary {
                self.kids.remove(at);
            }
        }
        let mut at = from;
        while at < self.kids.len() && (self.rules.strategy != Strategy::OneForOne || self.kids[at].plan.id == failed) {
            if !self.start(at) {
                self.kids[at].pid = Pid::Restarting;
                return self.restart(at);
            }
            at += 1;
        }
    }

    fn call(&mut self, step: &Step) -> String {
        let ok = "ok".to_owned();
        match step {
            Step::Cue(..) | Step::Sleep(_) => ok,
            Step::Start(plan) => {
                let id = IDS[plan.id];
                if let Some(at) = self.at(plan.id) {
                    return match self.kids[at].pid {
                        Pid::Alive => format!("child {id} is already started"),
                        _ => format!("child {id} is there and does not run: restart or delete it"),
                    };
                }
                self.kids.push(Kid { plan: plan.clone(), pid: Pid::Undefined, starts: 0 });
                if self.start(self.kids.len() - 1) {
                    return ok;
                }
                self.kids.pop();
                format!("child {id} failed to start: error: no start")
            }
            Step::Terminate(id) => match self.at(*id) {
                None => format!("supervisor tree has no child {}", IDS[*id]),
                Some(at) => {
                    self.stop(at);
                    if self.kids[at].plan.restart == Restart::Temporary {
                        self.kids.remove(at);
                    }
                    ok
                }
            },
            Step::Restart(id) => match self.at(*id) {
                None => format!("supervisor tree has no child {}", IDS[*id]),
                Some(at) if self.kids[at].pid == Pid::Alive => {
                    format!("child {} runs: terminate it first", IDS[*id])
                }
                Some(at) if self.start(at) => ok,
                Some(_) => format!("child {} failed to start: error: no start", IDS[*id]),
            },
            Step::Delete(id) => match self.at(*id) {
                None => format!("supervisor tree has no child {}", IDS[*id]),
                Some(at) if self.kids[at].pid == Pid::Alive => {
                    format!("child {} runs: terminate it first", IDS[*id])
                }
                Some(at) => {
                    self.kids.remove(at);
                    ok
                }
            },
        }
    }
}

fn spec(stage: &Stage, plan: &Plan) -> ChildSpec {
    let script = Script { fails_from: plan.fails, ..Script::default() };
    let spec = stage.child(IDS[plan.id], script).restart(plan.restart);
    if plan.significant { spec.significant() } else { spec }
}

/// Plays the history on a tree and on the model; both must show the same.
async fn compare(rules: Rules, first: Vec<Plan>, steps: Vec<Step>) {
    let stage = Stage::new();
    let mut tree =
        Supervisor::new("tree", rules.strategy).intensity(rules.intensity, ms(rules.period)).auto_shutdown(rules.auto);
    let mut model = Model { rules, kids: Vec::new(), restarts: Vec::new(), now: 0, over: false, seen: Vec::new() };
    for plan in &first {
        tree = tree.child(spec(&stage, plan));
        model.kids.push(Kid { plan: plan.clone(), pid: Pid::Undefined, starts: 0 });
        assert!(model.start(model.kids.len() - 1), "the first starts go well");
    }
    let tree = tree.start().await.expect("it starts");
    let handle = tree.handle();
    for step in steps {
        let answer = match &step {
            Step::Cue(id, cue) => {
                if let Some(at) = model.at(*id).filter(|at| model.kids[*at].pid == Pid::Alive) {
                    stage.cue(IDS[*id], *cue);
                    model.exited(at, *cue);
                }
                Ok(())
            }
            Step::Sleep(time) => {
                tokio::time::sleep(ms(*time)).await;
                model.now += time;
                Ok(())
            }
            Step::Start(plan) => handle.start_child(spec(&stage, plan)).await,
            Step::Terminate(id) => handle.terminate_child(IDS[*id]).await,
            Step::Restart(id) => handle.restart_child(IDS[*id]).await,
            Step::Delete(id) => handle.delete_child(IDS[*id]).await,
        };
        assert_eq!(answer.map_or_else(|error| error.to_string(), |()| "ok".to_owned()), model.call(&step), "{step:?}");
        // Paused time moves only when nothing is left to do.
        tokio::time::sleep(ms(1)).await;
        assert_eq!(stage.seen(), std::mem::take(&mut model.seen).join(", "), "{step:?}");
        model.now += 1;
        if model.over {
            assert!(matches!(handle.which_children().await, Err(SupervisorError::NotRunning { .. })), "{step:?}");
            return;
        }
        let children = handle.which_children().await.expect("it runs");
        let states = children.iter().map(|child| (child.id.as_str(), child.state == ChildState::Running));
        let expect = model.kids.iter().map(|kid| (IDS[kid.plan.id], kid.pid == Pid::Alive));
        assert_eq!(states.collect::<Vec<_>>(), expect.collect::<Vec<_>>(), "{step:?}");
    }
    tree.stop().await;
    model.end();
    assert_eq!(stage.seen(), model.seen.join(", "), "at the stop");
}

fn any_plan(id: impl Any<Value = usize>, auto: AutoShutdown, first_ok: bool) -> impl Any<Value = Plan> {
    let restart = prop_oneof![Just(Restart::Permanent), Just(Restart::Transient), Just(Restart::Temporary)];
    let fails = prop::option::weighted(0.4, (1..4_u64, 1..3_u64));
    (id, restart, any::<bool>(), fails).prop_map(move |(id, restart, significant, fails)| Plan {
        id,
        restart,
        significant: significant && restart != Restart::Permanent && auto != AutoShutdown::Never,
        fails: fails.map(|(from, more)| (from.max(if first_ok { 2 } else { 1 }), from + more + 1)),
    })
}

fn any_step(auto: AutoShutdown) -> impl Any<Value = Step> {
    let id = || 0..IDS.len();
    let cue = prop::sample::select(vec![Cue::Normal, Cue::Shutdown, Cue::Error, Cue::Panic, Cue::Killed]);
    prop_oneof![
        6 => (id(), cue).prop_map(|(id, cue)| Step::Cue(id, cue)),
        2 => (0..40_u64).prop_map(Step::Sleep),
        2 => any_plan(id(), auto, false).prop_map(Step::Start),
        1 => id().prop_map(Step::Terminate),
        1 => id().prop_map(Step::Restart),
        1 => id().prop_map(Step::Delete),
    ]
}

fn any_history() -> impl Any<Value = (Rules, Vec<Plan>, Vec<Step>)> {
    let strategy = prop_oneof![Just(Strategy::OneForOne), Just(Strategy::OneForAll), Just(Strategy::RestForOne)];
    let auto = prop_oneof![
        2 => Just(AutoShutdown::Never),
        1 => Just(AutoShutdown::AnySignificant),
        1 => Just(AutoShutdown::AllSignificant)
    ];
    let rules = (strategy, 0..6_u32, 1..60_u64, auto);
    let rules = rules.prop_map(|(strategy, intensity, period, auto)| Rules { strategy, intensity, period, auto });
    rules.prop_flat_map(|rules| {
        let auto = rules.auto;
        let first = (any_plan(Just(0), auto, true), any_plan(Just(1), auto, true), any_plan(Just(2), auto, true));
        let first = first.prop_map(|(a, b, c)| vec![a, b, c]);
        (Just(rules), first, prop::collection::vec(any_step(auto), 0..40))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_does_what_the_documentation_says((rules, first, steps) in any_history()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(compare(rules, first, steps));
    }
}
