//! Random histories of a roster, driven without a runtime, beside the naive model.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::super::*;
use super::histories::any_history;
use super::model::{Cue, Flags, Model, Pid, Plan, Step as Happens};

/// Children whose starts do what their plans say, and who stop at once.
struct Puppets {
    roster: Roster<(Plan, u64), ()>,
    alarms: BTreeSet<(u64, u64)>,
    retries: VecDeque<u64>,
    now: u64,
    over: bool,
    seen: Vec<String>,
}

impl Puppets {
    fn new(flags: Flags) -> Self {
        let rules = Rules {
            children: flags.strategy.map_or(Children::Alike, Children::Listed),
            auto_shutdown: flags.auto,
            intensity: flags.intensity,
            period: Duration::from_millis(flags.period),
        };
        Self {
            roster: Roster::new(rules),
            alarms: BTreeSet::new(),
            retries: VecDeque::new(),
            now: 0,
            over: false,
            seen: Vec::new(),
        }
    }

    fn insert(&mut self, number: u64, plan: Plan) {
        self.roster.insert(number, Arc::from(plan.id.to_string()), terms(&plan), (plan, 0));
    }

    fn time(&self) -> Duration {
        Duration::from_millis(self.now)
    }

    fn say(&mut self, mark: &str, number: u64) {
        let id = self.roster.get(number).map_or(usize::MAX, |entry| entry.child.0.id);
        self.seen.push(format!("{} {mark}{id}", self.now));
    }

    /// Does what is planned, and every retry after it.
    fn proceed(&mut self) {
        loop {
            while let Some(step) = self.roster.next() {
                match step {
                    Step::Stop(number) => self.stop(number),
                    Step::Start(number) => match self.start(number) {
                        Some(true) => {}
                        Some(false) => self.roster.ignored(number),
                        None => self.roster.failed(number),
                    },
                    Step::TryAgain(number) => self.retries.push_back(number),
                    Step::Later(number, wait) => {
                        self.alarms.retain(|(_, other)| *other != number);
                        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                        self.alarms.insert((self.now + wait, number));
                    }
                    Step::End(_) => return self.end(),
                }
            }
            let Some(number) = self.retries.pop_front() else { return };
            self.roster.again(number, self.time());
        }
    }

    /// Whether it runs now; none where its start failed.
    fn start(&mut self, number: u64) -> Option<bool> {
        let (plan, starts) = self.roster.child_mut(number)?;
        *starts += 1;
        let fails = plan.fails.is_some_and(|(from, to)| (from..to).contains(starts));
        let ignores = plan.ignores == Some(*starts);
        self.roster.started(number, ());
        self.say("+", number);
        if fails {
            self.say("!", number);
            return None;
        }
        if ignores {
            self.say("~", number);
            return Some(false);
        }
        self.roster.ready(number, self.time());
        Some(true)
    }

    fn stop(&mut self, number: u64) {
        if self.roster.get(number).is_some_and(|entry| entry.run().is_some()) {
            self.say("-", number);
        }
        self.alarms.retain(|(_, other)| *other != number);
        self.roster.stopped(number);
    }

    fn end(&mut self) {
        for number in self.roster.running() {
            self.stop(number);
        }
        self.over = true;
    }

    fn sleep(&mut self, time: u64) {
        let until = self.now + time;
        while let Some((at, number)) = self.alarms.first().copied().filter(|(at, _)| !self.over && *at <= until) {
            self.alarms.remove(&(at, number));
            self.now = at;
            self.roster.due(number);
            self.proceed();
        }
        self.now = until;
    }

    fn happens(&mut self, step: &Happens, next: u64) -> &'static str {
        let find = |roster: &Roster<_, ()>, id: &usize| roster.find(&id.to_string());
        match step {
            Happens::Sleep(time) => self.sleep(*time),
            Happens::Ends(id, cue) => {
                if let Some(number) = find(&self.roster, id)
                    && self.roster.get(number).is_some_and(|entry| entry.run().is_some())
                {
                    self.say("x", number);
                    self.roster.exited(number, matches!(cue, Cue::Normal | Cue::Shutdown), self.time());
                    self.proceed();
                }
            }
            Happens::Start(plan) => {
                if let Err(refusal) = self.roster.may_start(&plan.id.to_string(), terms(plan)) {
                    return atom(refusal);
                }
                self.insert(next, plan.clone());
                match self.start(next) {
                    Some(true) => {}
                    Some(false) => self.roster.ignored(next),
                    None => {
                        self.roster.forget(next);
                        return "failed_to_start_child";
                    }
                }
            }
            Happens::Terminate(id) => match self.roster.may_terminate(&id.to_string()) {
                Ok(number) => self.stop(number),
                // The driver knows children by their handles there, and this one is dead.
                Err(Refusal::SimpleOneForOne) => {}
                Err(refusal) => return atom(refusal),
            },
            Happens::Restart(id) => match self.roster.at_rest(&id.to_string()) {
                Err(refusal) => return atom(refusal),
                Ok(number) => match self.start(number) {
                    Some(true) => {}
                    Some(false) => self.roster.ignored(number),
                    None => {
                        self.roster.stopped(number);
                        return "failed_to_start_child";
                    }
                },
            },
            Happens::Delete(id) => match self.roster.at_rest(&id.to_string()) {
                Err(refusal) => return atom(refusal),
                Ok(number) => self.roster.forget(number),
            },
        }
        "ok"
    }

    fn states(&self) -> Vec<(usize, Pid)> {
        let pid = |state: &State<()>| match state {
            State::Up(()) => Pid::Alive,
            State::Restarting(_) => Pid::Restarting,
            State::Down => Pid::Undefined,
        };
        self.roster.entries().map(|(_, entry)| (entry.child.0.id, pid(entry.state()))).collect()
    }
}

fn terms(plan: &Plan) -> Terms {
    let delay = plan.delay.map(|(min, max)| Delay { min: Duration::from_millis(min), max: Duration::from_millis(max) });
    Terms { restart: plan.restart, significant: plan.significant, delay }
}

fn atom(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotFound => "not_found",
        Refusal::Running => "running",
        Refusal::Restarting => "restarting",
        Refusal::AlreadyStarted => "already_started",
        Refusal::AlreadyPresent => "already_present",
        Refusal::SimpleOneForOne => "simple_one_for_one",
        Refusal::SignificantNever | Refusal::SignificantPermanent => "bad_combination",
    }
}

/// Plays the history on a roster and on the model; both must show the same.
fn compare(flags: Flags, first: Vec<Plan>, steps: &[Happens]) -> Result<(), TestCaseError> {
    let differs =
        |what: &str, step: &dyn std::fmt::Debug, policy: &dyn std::fmt::Debug, model: &dyn std::fmt::Debug| {
            TestCaseError::fail(format!("{what} {step:?}: the policy shows {policy:?}, the model {model:?}"))
        };
    let (mut puppets, mut model) = (Puppets::new(flags), Model::new(flags));
    for (number, plan) in (0..).zip(first) {
        puppets.insert(number, plan.clone());
        model.add(plan);
    }
    puppets.roster.start_all();
    puppets.proceed();
    for (next, step) in (100..).zip(steps) {
        let (said, expect) = (puppets.happens(step, next), model.call(step));
        if said != expect {
            return Err(differs("after", step, &said, &expect));
        }
        let (seen, expect) = (std::mem::take(&mut puppets.seen).join(", "), model.seen());
        if seen != expect || puppets.over != model.over {
            return Err(differs("after", step, &(seen, puppets.over), &(expect, model.over)));
        }
        if model.over {
            return Ok(());
        }
        let expect: Vec<_> = model.kids.iter().map(|kid| (kid.plan.id, kid.pid)).collect();
        if puppets.states() != expect {
            return Err(differs("after", step, &puppets.states(), &expect));
        }
    }
    puppets.end();
    model.end();
    let (seen, expect) = (puppets.seen.join(", "), model.seen());
    if seen == expect { Ok(()) } else { Err(differs("at", &"the end", &seen, &expect)) }
}

/// The first of so many random histories in which the policy and the model differ, shrunk.
pub(crate) fn difference(histories: u32) -> Option<String> {
    let config =
        Config { cases: histories, failure_persistence: None, max_shrink_iters: 1_000_000, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let run = runner.run(&any_history(40), |(flags, first, steps)| compare(flags, first, &steps));
    run.err().map(|error| error.to_string())
}
