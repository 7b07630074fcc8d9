//! A naive supervisor, written from OTP's documentation alone: lists in place of everything, and time that ticks.
//!
//! It shares the words for strategies and rules with the policy, and nothing else.

use super::super::{AutoShutdown, Restart, Strategy};

/// How a child ends by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cue {
    Normal,
    Shutdown,
    Error,
    Panic,
    Killed,
}

/// One child: its rules, and what its starts come to. The first start is 1.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) id: usize,
    pub(crate) restart: Restart,
    pub(crate) significant: bool,
    pub(crate) delay: Option<(u64, u64)>,
    /// The starts from the first to before the second number fail.
    pub(crate) fails: Option<(u64, u64)>,
    /// This start says that there is nothing to run.
    pub(crate) ignores: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Flags {
    /// None is `simple_one_for_one`.
    pub(crate) strategy: Option<Strategy>,
    pub(crate) intensity: u32,
    pub(crate) period: u64,
    pub(crate) auto: AutoShutdown,
}

/// What happens to a supervisor from outside.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Ends(usize, Cue),
    Sleep(u64),
    Start(Plan),
    Terminate(usize),
    Restart(usize),
    Delete(usize),
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Pid {
    Alive,
    Undefined,
    Restarting,
}

pub(crate) struct Kid {
    pub(crate) plan: Plan,
    pub(crate) pid: Pid,
    starts: u64,
    since: u64,
    streak: u32,
    due: Option<u64>,
}

pub(crate) struct Model {
    flags: Flags,
    pub(crate) kids: Vec<Kid>,
    restarts: Vec<u64>,
    now: u64,
    pub(crate) over: bool,
    seen: Vec<String>,
}

impl Model {
    pub(crate) fn new(flags: Flags) -> Self {
        Self { flags, kids: Vec::new(), restarts: Vec::new(), now: 0, over: false, seen: Vec::new() }
    }

    /// One more child of those that the supervisor starts with.
    pub(crate) fn add(&mut self, plan: Plan) {
        self.kids.push(Kid { plan, pid: Pid::Undefined, starts: 0, since: 0, streak: 0, due: None });
        let at = self.kids.len() - 1;
        assert!(self.start(at).is_some(), "the first starts go well");
        self.drop_if_gone(at);
    }

    pub(crate) fn at(&self, id: usize) -> Option<usize> {
        self.kids.iter().position(|kid| kid.plan.id == id)
    }

    pub(crate) fn is_alive(&self, id: usize) -> bool {
        self.at(id).is_some_and(|at| self.kids[at].pid == Pid::Alive)
    }

    /// What was seen since the last call.
    pub(crate) fn seen(&mut self) -> String {
        std::mem::take(&mut self.seen).join(", ")
    }

    /// Time goes by, a millisecond after another.
    pub(crate) fn sleep(&mut self, time: u64) {
        for _ in 0..time {
            self.now += 1;
            for id in
                self.kids.iter().filter(|kid| kid.due == Some(self.now)).map(|kid| kid.plan.id).collect::<Vec<_>>()
            {
                // The one before it may have ended the supervisor, or started it already.
                if let Some(at) = self.at(id).filter(|at| !self.over && self.kids[*at].due.is_some()) {
                    self.kids[at].due = None;
                    self.start_group(at);
                }
            }
        }
    }

    pub(crate) fn end(&mut self) {
        for at in (0..self.kids.len()).rev() {
            self.stop(at);
        }
        self.over = true;
    }

    /// The answer to a call, by the atom that OTP has for it.
    pub(crate) fn call(&mut self, step: &Step) -> &'static str {
        let simple = self.flags.strategy.is_none();
        match step {
            Step::Sleep(time) => {
                self.sleep(*time);
                "ok"
            }
            Step::Ends(id, cue) => {
                if let Some(at) = self.at(*id).filter(|at| self.kids[*at].pid == Pid::Alive) {
                    self.exited(at, *cue);
                }
                "ok"
            }
            Step::Start(plan) => self.start_child(plan.clone()),
            Step::Terminate(id) => match self.at(*id) {
                // Who is dead already needs no supervisor to be terminated by.
                None if simple => "ok",
                None => "not_found",
                Some(at) => {
                    self.stop(at);
                    self.drop_if_gone(at);
                    "ok"
                }
            },
            Step::Restart(_) | Step::Delete(_) if simple => "simple_one_for_one",
            Step::Restart(id) => match self.at(*id) {
                None => "not_found",
                Some(at) => match self.kids[at].pid {
                    Pid::Alive => "running",
                    Pid::Restarting => "restarting",
                    Pid::Undefined => self.start(at).map_or("failed_to_start_child", |()| "ok"),
                },
            },
            Step::Delete(id) => match self.at(*id) {
                None => "not_found",
                Some(at) => match self.kids[at].pid {
                    Pid::Alive => "running",
                    Pid::Restarting => "restarting",
                    Pid::Undefined => {
                        self.kids.remove(at);
                        "ok"
                    }
                },
            },
        }
    }

    fn start_child(&mut self, plan: Plan) -> &'static str {
        if plan.significant && (self.flags.auto == AutoShutdown::Never || plan.restart == Restart::Permanent) {
            return "bad_combination";
        }
        match self.at(plan.id).map(|at| self.kids[at].pid) {
            Some(Pid::Alive) => return "already_started",
            Some(_) => return "already_present",
            None => {}
        }
        self.kids.push(Kid { plan, pid: Pid::Undefined, starts: 0, since: 0, streak: 0, due: None });
        let at = self.kids.len() - 1;
        if self.start(at).is_none() {
            self.kids.pop();
            return "failed_to_start_child";
        }
        self.drop_if_gone(at);
        "ok"
    }

    fn say(&mut self, mark: &str, id: usize) {
        self.seen.push(format!("{} {mark}{id}", self.now));
    }

    /// None where the start fails.
    fn start(&mut self, at: usize) -> Option<()> {
        let kid = &mut self.kids[at];
        kid.starts += 1;
        kid.since = self.now;
        kid.due = None;
        let (id, start) = (kid.plan.id, kid.starts);
        let fails = kid.plan.fails.is_some_and(|(from, to)| from <= start && start < to);
        let ignores = kid.plan.ignores == Some(start);
        kid.pid = if fails || ignores { Pid::Undefined } else { Pid::Alive };
        self.say("+", id);
        if fails {
            self.say("!", id);
            return None;
        }
        if ignores {
            self.say("~", id);
        }
        Some(())
    }

    fn stop(&mut self, at: usize) {
        if self.kids[at].pid == Pid::Alive {
            self.say("-", self.kids[at].plan.id);
        }
        self.kids[at].pid = Pid::Undefined;
        self.kids[at].due = None;
    }

    /// "If the child is temporary, the child specification is deleted as soon as the process terminates"; and under
    /// `simple_one_for_one` only processes are kept.
    fn drop_if_gone(&mut self, at: usize) {
        let keeps_none = self.flags.strategy.is_none() || self.kids[at].plan.restart == Restart::Temporary;
        if keeps_none && self.kids[at].pid == Pid::Undefined {
            self.kids.remove(at);
        }
    }

    /// "restart defines when a terminated child process must be restarted".
    fn exited(&mut self, at: usize, cue: Cue) {
        let plan = self.kids[at].plan.clone();
        self.say("x", plan.id);
        self.kids[at].pid = Pid::Undefined;
        if plan.delay.is_some_and(|(_, max)| self.now - self.kids[at].since > max) {
            self.kids[at].streak = 0;
        }
        let abnormal = !matches!(cue, Cue::Normal | Cue::Shutdown);
        if plan.restart == Restart::Permanent || (plan.restart == Restart::Transient && abnormal) {
            return self.restart(at);
        }
        self.drop_if_gone(at);
        let others = self.kids.iter().filter(|kid| kid.plan.significant && kid.pid != Pid::Undefined).count();
        let ends = match self.flags.auto {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => others == 0,
        };
        if plan.significant && ends {
            self.end();
        }
    }

    /// "If more than MaxR number of restarts occur in the last MaxT seconds, the supervisor terminates all the child
    /// processes and then itself."
    fn restart(&mut self, at: usize) {
        self.restarts.push(self.now);
        let recent = self.restarts.iter().filter(|time| self.now - **time <= self.flags.period).count();
        if recent > self.flags.intensity as usize {
            self.kids[at].pid = Pid::Undefined;
            return self.end();
        }
        let Some((min, max)) = self.kids[at].plan.delay else { return self.start_group(at) };
        let wait = (0..self.kids[at].streak).fold(min, |wait, _| (wait * 2).min(max)).min(max);
        let id = self.kids[at].plan.id;
        self.kids[at].streak += 1;
        self.stop_group(at);
        let at = self.at(id).expect("who is restarted is not temporary");
        self.kids[at].pid = Pid::Restarting;
        self.kids[at].due = Some(self.now + wait);
    }

    fn from(&self, at: usize) -> usize {
        if self.flags.strategy == Some(Strategy::OneForAll) { 0 } else { at }
    }

    fn to(&self, at: usize) -> usize {
        let alone = matches!(self.flags.strategy, None | Some(Strategy::OneForOne));
        if alone { at + 1 } else { self.kids.len() }
    }

    fn stop_group(&mut self, at: usize) {
        for other in (self.from(at)..self.to(at)).rev() {
            self.stop(other);
            if self.kids[other].plan.restart == Restart::Temporary {
                self.kids.remove(other);
            }
        }
    }

    fn start_group(&mut self, at: usize) {
        let id = self.kids[at].plan.id;
        self.stop_group(at);
        let at = self.at(id).expect("who is restarted is not temporary");
        let mut next = self.from(at);
        while next < self.to(at) {
            if self.start(next).is_none() {
                self.kids[next].pid = Pid::Restarting;
                return self.restart(next);
            }
            next += 1;
        }
        if self.flags.strategy.is_none() {
            self.drop_if_gone(at);
        }
    }
}
