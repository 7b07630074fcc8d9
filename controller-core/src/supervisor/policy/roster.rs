//! Owns the children of a supervisor as OTP's rules see them, and plans what is done about each end, failed start and
//! call.
//!
//! It does nothing itself. Whoever drives it takes one [`Step`] after another, does it, and says what came of it. `C` is
//! what the driver keeps of a child, `R` what it keeps of a run of it; no rule looks at either.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::{AutoShutdown, Count, Delay, Intensity, Restart, Strategy};

/// The rules of one supervisor: OTP's supervisor flags.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) children: Children,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) intensity: u32,
    pub(crate) period: Duration,
}

/// Where the children come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Children {
    /// Each has a spec of its own.
    Listed(Strategy),
    /// All are made from one template: OTP's `simple_one_for_one`.
    Alike,
}

/// The rules of one child.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) restart: Restart,
    pub(crate) significant: bool,
    pub(crate) delay: Option<Delay>,
}

/// One child.
#[derive(Debug)]
pub(crate) struct Entry<C, R> {
    pub(crate) id: Arc<str>,
    pub(crate) child: C,
    restart: Restart,
    significant: bool,
    /// Where its restarts are delayed.
    spacing: Option<Box<Spacing>>,
    state: State<R>,
    up_since: Duration,
}

/// The restarts of a child that are delayed.
#[derive(Debug)]
struct Spacing {
    delay: Delay,
    /// How often it was restarted without having been well in between.
    streak: u32,
}

/// Whether a child runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State<R> {
    Up(R),
    Restarting(Waits),
    Down,
}

/// What a child that is being restarted waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Its start failed: the supervisor hears what else there is before it tries again.
    ItsTurn,
    /// Its delay.
    ItsDelay,
}

/// What the driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Stops this child by its `shutdown`; then [`Roster::stopped`].
    Stop(u64),
    /// Starts this child; then [`Roster::started`] and [`Roster::ready`], or [`Roster::ignored`], or [`Roster::failed`].
    Start(u64),
    /// Hears whatever has come meanwhile; then [`Roster::again`].
    TryAgain(u64),
    /// The same, after this long; then [`Roster::due`].
    Later(u64, Duration),
    /// Stops all children and ends.
    End(Ending),
}

/// Why a supervisor ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// This child did not start when the supervisor did.
    FailedToStart(u64),
    /// This child's restart was one too many.
    GaveUp(u64),
    /// A significant child ended.
    AutoShutdown,
}

/// What follows from the end of a child, besides what is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterExit {
    /// It is restarted, and that is the so-many-th restart within the period.
    Restarts(usize),
    /// That would be the so-many-th restart, which is too many.
    TooMany(usize),
    /// It stays ended, and its spec is kept.
    Kept,
    /// It stays ended, and its spec is forgotten.
    Forgotten,
}

/// Why a call is refused, under OTP's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotFound,
    Running,
    Restarting,
    AlreadyStarted,
    AlreadyPresent,
    SimpleOneForOne,
    SignificantNever,
    SignificantPermanent,
}

/// How many steps a plan has room for at rest.
const SHORT_PLAN: usize = 16;

#[derive(Debug)]
pub(crate) struct Roster<C, R> {
    rules: Rules,
    intensity: Intensity,
    /// By number, which is the order of starting.
    children: BTreeMap<u64, Box<Entry<C, R>>>,
    numbers: BTreeMap<Arc<str>, u64>,
    plan: VecDeque<Step>,
    /// Whether the supervisor itself has started: until then a start that fails is its own failure.
    started: bool,
}

impl<C, R> Entry<C, R> {
    pub(crate) fn state(&self) -> &State<R> {
        &self.state
    }

    pub(crate) fn run(&self) -> Option<&R> {
        match &self.state {
            State::Up(run) => Some(run),
            State::Restarting(_) | State::Down => None,
        }
    }

    pub(crate) fn up_since(&self) -> Duration {
        self.up_since
    }

    fn is_up(&self) -> bool {
        self.run().is_some()
    }

    fn is_temporary(&self) -> bool {
        self.restart == Restart::Temporary
    }
}

/// What OTP checks of a child's rules, in its order.
pub(crate) fn check(terms: Terms, auto_shutdown: AutoShutdown) -> Result<(), Refusal> {
    match (terms.significant, terms.restart, auto_shutdown) {
        (true, _, AutoShutdown::Never) => Err(Refusal::SignificantNever),
        (true, Restart::Permanent, _) => Err(Refusal::SignificantPermanent),
        _ => Ok(()),
    }
}

/// The restart rule: permanent always, transient after an abnormal end, temporary never.
fn restarts(restart: Restart, normal: bool) -> bool {
    match restart {
        Restart::Permanent => true,
        Restart::Transient => !normal,
        Restart::Temporary => false,
    }
}

impl<C, R> Roster<C, R> {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            intensity: Intensity::new(rules.intensity, rules.period),
            children: BTreeMap::new(),
            numbers: BTreeMap::new(),
            plan: VecDeque::new(),
            started: false,
        }
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// One more child, which does not run yet. Numbers grow.
    pub(crate) fn insert(&mut self, number: u64, id: Arc<str>, terms: Terms, child: C) {
        self.numbers.insert(Arc::clone(&id), number);
        let Terms { restart, significant, delay } = terms;
        let spacing = delay.map(|delay| Box::new(Spacing { delay, streak: 0 }));
        let entry = Entry { id, child, restart, significant, spacing, state: State::Down, up_since: Duration::ZERO };
        self.children.insert(number, Box::new(entry));
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Entry<C, R>> {
        self.children.get(&number).map(Box::as_ref)
    }

    pub(crate) fn child_mut(&mut self, number: u64) -> Option<&mut C> {
        self.children.get_mut(&number).map(|entry| &mut entry.child)
    }

    pub(crate) fn find(&self, id: &str) -> Option<u64> {
        self.numbers.get(id).copied()
    }

    /// In the order of starting.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, &Entry<C, R>)> {
        self.children.iter().map(|(number, entry)| (*number, &**entry))
    }

    /// Those that run, in the order of stopping.
    pub(crate) fn running(&self) -> Vec<u64> {
        self.children.iter().rev().filter(|(_, entry)| entry.is_up()).map(|(number, _)| *number).collect()
    }

    /// Plans the start of all children, in order.
    pub(crate) fn start_all(&mut self) {
        self.plan.extend(self.children.keys().map(|number| Step::Start(*number)));
    }

    pub(crate) fn next(&mut self) -> Option<Step> {
        let step = self.plan.pop_front();
        if step.is_none() {
            self.started = true;
            // The plan of a large tree's start is as large as the tree, and few are as long again.
            self.plan.shrink_to(SHORT_PLAN);
        }
        step
    }

    /// A child runs, and is to say that it is ready.
    pub(crate) fn started(&mut self, number: u64, run: R) {
        if let Some(entry) = self.children.get_mut(&number) {
            entry.state = State::Up(run);
        }
    }

    /// A child that was started said so.
    pub(crate) fn ready(&mut self, number: u64, now: Duration) {
        if let Some(entry) = self.children.get_mut(&number) {
            entry.up_since = now;
        }
    }

    /// A child was stopped. A temporary one is forgotten, and so is one of many alike.
    pub(crate) fn stopped(&mut self, number: u64) {
        let Some(entry) = self.children.get_mut(&number) else { return };
        entry.state = State::Down;
        if entry.is_temporary() || self.rules.children == Children::Alike {
            self.forget(number);
        }
    }

    /// A child's start said that there is nothing to run.
    pub(crate) fn ignored(&mut self, number: u64) {
        self.stopped(number);
    }

    /// A planned start failed. What was planned after it waits for the next try.
    pub(crate) fn failed(&mut self, number: u64) {
        self.plan.clear();
        let Some(entry) = self.children.get_mut(&number) else { return };
        if self.started {
            entry.state = State::Restarting(Waits::ItsTurn);
            self.plan.push_back(Step::TryAgain(number));
        } else {
            entry.state = State::Down;
            self.plan.push_back(Step::End(Ending::FailedToStart(number)));
        }
    }

    /// A child that ran has ended by itself.
    pub(crate) fn exited(&mut self, number: u64, normal: bool, now: Duration) -> Option<AfterExit> {
        let entry = self.children.get_mut(&number).filter(|entry| entry.is_up())?;
        entry.state = State::Down;
        let uptime = now.saturating_sub(entry.up_since);
        if let Some(spacing) = entry.spacing.as_mut().filter(|spacing| spacing.delay.forgives(uptime)) {
            spacing.streak = 0;
        }
        let (restart, significant) = (entry.restart, entry.significant);
        if restarts(restart, normal) {
            return Some(self.restart(number, now));
        }
        let forgotten = restart == Restart::Temporary || self.rules.children == Children::Alike;
        if forgotten {
            self.forget(number);
        }
        if significant && self.shuts_down() {
            self.plan.push_back(Step::End(Ending::AutoShutdown));
        }
        Some(if forgotten { AfterExit::Forgotten } else { AfterExit::Kept })
    }

    /// The turn of a child whose start failed. Each try is a restart.
    pub(crate) fn again(&mut self, number: u64, now: Duration) -> Option<AfterExit> {
        let waits = matches!(self.children.get(&number)?.state, State::Restarting(Waits::ItsTurn));
        waits.then(|| self.restart(number, now))
    }

    /// The delay of a child is over. Its restart was counted when it ended.
    pub(crate) fn due(&mut self, number: u64) {
        if self.children.get(&number).is_some_and(|entry| matches!(entry.state, State::Restarting(Waits::ItsDelay))) {
            self.stop_group(number);
            self.start_group(number);
        }
    }

    /// Whether `start_child` may add a child.
    pub(crate) fn may_start(&self, id: &str, terms: Terms) -> Result<(), Refusal> {
        check(terms, self.rules.auto_shutdown)?;
        match self.find(id).and_then(|number| self.get(number)).map(Entry::state) {
            None => Ok(()),
            Some(State::Up(_)) => Err(Refusal::AlreadyStarted),
            Some(State::Restarting(_) | State::Down) => Err(Refusal::AlreadyPresent),
        }
    }

    /// The child that `terminate_child` stops.
    pub(crate) fn may_terminate(&self, id: &str) -> Result<u64, Refusal> {
        self.find(id).ok_or(match self.rules.children {
            Children::Listed(_) => Refusal::NotFound,
            Children::Alike => Refusal::SimpleOneForOne,
        })
    }

    /// The child that `restart_child` starts and `delete_child` forgets.
    pub(crate) fn at_rest(&self, id: &str) -> Result<u64, Refusal> {
        if self.rules.children == Children::Alike {
            return Err(Refusal::SimpleOneForOne);
        }
        let number = self.find(id).ok_or(Refusal::NotFound)?;
        match self.get(number).map(Entry::state) {
            None => Err(Refusal::NotFound),
            Some(State::Up(_)) => Err(Refusal::Running),
            Some(State::Restarting(_)) => Err(Refusal::Restarting),
            Some(State::Down) => Ok(number),
        }
    }

    pub(crate) fn forget(&mut self, number: u64) {
        if let Some(entry) = self.children.remove(&number) {
            self.numbers.remove(&entry.id);
        }
    }

    /// Counts a restart and plans it, with the siblings that the strategy takes along.
    fn restart(&mut self, number: u64, now: Duration) -> AfterExit {
        let count = self.intensity.add(now);
        let Some(entry) = self.children.get_mut(&number) else { return AfterExit::Forgotten };
        let count = match count {
            Count::Within(count) => count,
            Count::Exceeded(count) => {
                entry.state = State::Down;
                self.plan.push_back(Step::End(Ending::GaveUp(number)));
                return AfterExit::TooMany(count);
            }
        };
        let Some(spacing) = &mut entry.spacing else {
            self.stop_group(number);
            self.start_group(number);
            return AfterExit::Restarts(count);
        };
        let wait = spacing.delay.after(spacing.streak);
        spacing.streak = spacing.streak.saturating_add(1);
        entry.state = State::Restarting(Waits::ItsDelay);
        self.stop_group(number);
        self.plan.push_back(Step::Later(number, wait));
        AfterExit::Restarts(count)
    }

    /// The children that a restart of this one takes along.
    fn group(&self, failed: u64) -> RangeInclusive<u64> {
        match self.rules.children {
            Children::Alike | Children::Listed(Strategy::OneForOne) => failed..=failed,
            Children::Listed(Strategy::OneForAll) => 0..=u64::MAX,
            Children::Listed(Strategy::RestForOne) => failed..=u64::MAX,
        }
    }

    /// From the last to the first. A sibling that is being restarted is started with the others instead.
    fn stop_group(&mut self, failed: u64) {
        for (number, entry) in self.children.range_mut(self.group(failed)).rev() {
            match entry.state {
                State::Up(_) => self.plan.push_back(Step::Stop(*number)),
                State::Restarting(_) if *number != failed => entry.state = State::Down,
                State::Restarting(_) | State::Down => {}
            }
        }
    }

    /// From the first to the last, those that had ended before too. Temporary ones are forgotten by then.
    fn start_group(&mut self, failed: u64) {
        let group = self.children.range(self.group(failed)).filter(|(_, entry)| !entry.is_temporary());
        self.plan.extend(group.map(|(number, _)| Step::Start(*number)));
    }

    /// Whether the end of a significant child, which is not restarted, ends the supervisor.
    fn shuts_down(&self) -> bool {
        // One that is being restarted has not ended for good.
        let alive = |entry: &Entry<C, R>| !matches!(entry.state, State::Down);
        match self.rules.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !self.children.values().any(|entry| entry.significant && alive(entry)),
        }
    }
}
