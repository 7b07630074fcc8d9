//! Owns the queue of one controller: what is pending for each key, and what is served next.
//!
//! The state is a value: it has no clock, no task and no chance of its own. It is told what happened to a key
//! together with what `dispatch/decide` makes of it, hands out one job at a time, and is told how each ended.
//!
//! It keeps these promises, whatever it is told: a key is never handed out twice at once; versions of an object
//! are handed out in the order in which they came; a change that comes while a key runs leads to one more run;
//! work that was owed is never forgotten while its object is there.

use std::time::Duration;

use super::backoff::Backoff;
use super::causes::Causes;
use super::gate::{Gate, Limits};
use super::key_state::{Flight, Gone, History, KeyState, Marks, Pace, Place, Standing};
use super::keys::Keys;
use super::moment::Moment;
use super::priority::{Class, Ready, Turn};
use super::wheel::{Peg, Wheel};
use crate::descriptor::Callback;

/// What came in for a key.
#[derive(Debug, Clone)]
pub(crate) enum Shift<T> {
    /// A newer version.
    Seen(T),
    /// The object is gone; this is its last version.
    Gone(T),
    /// Nothing about the object: somebody asks for a run.
    Asked,
}

/// What is to be done about it; `dispatch/decide` chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// This callback is to run.
    Run { callback: Callback, standing: Standing },
    /// An `add` runs: what follows depends on how it ends.
    AfterAdd,
    /// `delete` is to run, and nothing else for this object any more.
    Delete,
    /// No callback runs for this version; whatever runs next is given it.
    Refresh,
    /// The object is paused: no callback runs, and what is there when it is resumed is what the next one is given.
    Keep { standing: Standing },
    /// The object is no longer paused: one run of this callback stands for all that came in.
    Resume { callback: Callback, standing: Standing },
    /// No callback runs; the version counts as seen.
    Note { standing: Standing },
    /// The object is forgotten without a callback.
    Forget,
    /// Nothing is done.
    Ignore,
}

/// One callback to run now.
#[derive(Debug, Clone)]
pub(crate) struct Job<T> {
    pub(crate) place: Place,
    pub(crate) callback: Callback,
    pub(crate) object: T,
    /// The version that a callback last accepted.
    pub(crate) accepted: Option<T>,
    pub(crate) causes: Causes,
    /// Failures in a row before this run.
    pub(crate) failures: u32,
    /// The time that the key stood ready.
    pub(crate) waited: Duration,
}

/// How a run ended, in the queue's terms; `dispatch/decide` chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct After {
    /// The standing of the object, unless it went meanwhile.
    pub(crate) standing: Standing,
    /// Whether the version counts as delivered.
    pub(crate) accepted: bool,
    /// Whether the callback was called at all.
    pub(crate) reached: bool,
    pub(crate) next: Next,
}

/// When the key runs again without anything happening to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// At the resync tick.
    Tick,
    /// This callback after this time, in place of the tick.
    Requeue(Callback, Duration),
    /// Not at all.
    Await,
    /// The same callback again, after the backoff or this time.
    Retry(Option<Duration>),
}

/// What came in while an `add` ran and has yet to be decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Meanwhile {
    pub(crate) changed: bool,
    pub(crate) asked: Causes,
}

/// The key of this slot is no longer needed: the store may give the slot to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use = "the store keeps the slot until it is given back"]
pub(crate) struct Freed(pub(crate) Option<Place>);

/// How much is waiting and under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Depth {
    /// Ready keys by class.
    pub(crate) ready: [usize; 3],
    pub(crate) running: usize,
    /// Keys that wait for a retry.
    pub(crate) retrying: usize,
    /// Keys on hold.
    pub(crate) held: usize,
    /// Keys whose object is paused.
    pub(crate) paused: usize,
}

/// The queue of one controller.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    keys: Keys<T>,
    ready: Ready,
    wheel: Wheel,
    gate: Gate,
    depth: Depth,
    backoff: Backoff,
    resync: Option<Duration>,
    /// Keys that became ready since the start: `workqueue_adds_total`.
    adds: u64,
    /// Keys that were told to wait: `workqueue_retries_total`.
    delays: u64,
}

impl<T: Clone> Queue<T> {
    pub(crate) fn new(backoff: Backoff, resync: Option<Duration>, limits: Limits) -> Self {
        Self {
            keys: Keys::default(),
            ready: Ready::default(),
            wheel: Wheel::default(),
            gate: Gate::new(limits),
            depth: Depth::default(),
            backoff,
            resync,
            adds: 0,
            delays: 0,
        }
    }

    pub(crate) fn depth(&self) -> Depth {
        self.depth
    }

    pub(crate) fn adds(&self) -> u64 {
        self.adds
    }

    pub(crate) fn delays(&self) -> u64 {
        self.delays
    }

    /// Runs that waited because of a limit.
    pub(crate) fn limited(&self) -> u64 {
        self.gate.delayed()
    }

    /// How long the key that is ready longest has been so, and its object. Each ready key is looked at.
    pub(crate) fn oldest(&self, now: Moment) -> Option<(Duration, Option<&T>)> {
        let ready = self.ready.iter().chain(self.gate.parked()).filter_map(|place| self.key(place));
        let oldest = ready.filter(|key| key.ready).min_by_key(|key| key.ready_since)?;
        Some((now.since(oldest.ready_since), oldest.last_seen()))
    }

    pub(crate) fn history(&self, place: Place) -> History {
        self.key(place).map(KeyState::history).unwrap_or_default()
    }

    /// Takes in what happened to a key and what is to be done about it.
    pub(crate) fn apply(&mut self, place: Place, shift: Shift<T>, plan: Plan, causes: Causes, now: Moment) -> Freed {
        let key = self.keys.get_or_new(place);
        let gone = match shift {
            Shift::Seen(object) => {
                key.see(object);
                None
            }
            Shift::Gone(last) => Some(last),
            Shift::Asked => None,
        };
        match plan {
            Plan::Run { callback, standing } => {
                key.standing = standing;
                let owed = key.rare.as_mut().map_or(Causes::NONE, |rare| rare.settle(callback));
                let class = if causes == Causes::FOUND { Class::Start } else { Class::Event };
                key.want(callback, causes.and(owed.without(Causes::RETRY)), class);
                self.hurry_delete(place);
            }
            Plan::Keep { standing } => {
                key.standing = standing;
                // What happened to the object until then is said by its end: an `add` may go well meanwhile.
                key.causes = key.causes.and(causes.without(Causes::MODIFIED.and(Causes::ADDED)));
            }
            Plan::Resume { callback, standing } => {
                key.standing = standing;
                key.resume(callback, causes);
                self.hurry_delete(place);
            }
            Plan::AfterAdd => {
                if let Some(flight) = key.rare().flight.as_mut() {
                    flight.changed |= causes.has(Causes::MODIFIED.and(Causes::ADDED));
                    flight.poked = flight.poked.and(causes.without(Causes::MODIFIED.and(Causes::ADDED)));
                }
            }
            Plan::Delete => {
                let accepted = key.accepted();
                key.leave();
                key.rare().gone.extend(gone.map(|last| Gone { last, accepted }));
                key.want(Callback::Delete, causes, Class::Event);
            }
            Plan::Note { standing } => {
                key.standing = standing;
                key.accept_newest();
            }
            Plan::Forget => {
                key.leave();
                key.forgive();
            }
            Plan::Refresh => {
                if let Some(flight) = key.rare.as_mut().and_then(|rare| rare.flight.as_mut()) {
                    flight.refreshed = true;
                }
            }
            Plan::Ignore => {}
        }
        self.refresh(place, now)
    }

    /// The next job. Until [`done`](Self::done) is told about it, the key is not handed out again.
    pub(crate) fn take(&mut self, now: Moment) -> Option<Job<T>> {
        if let Some(until) = self.gate.is_shut(now) {
            if self.depth.ready != [0; 3] {
                self.gate.wait(until);
            }
            return None;
        }
        let (keys, gate) = (&self.keys, &self.gate);
        let mut parked = Vec::new();
        let found = self.ready.pop(|ticket| {
            let place = ticket.place();
            let counts = keys.get(place).is_some_and(|key| key.ready && key.number == ticket.number);
            match gate.is_shut_for(place, now).filter(|_| counts) {
                Some(until) => {
                    parked.push((place, until));
                    Turn::Park
                }
                None if counts => Turn::Serve,
                None => Turn::Drop,
            }
        });
        for (place, until) in parked {
            self.park(place, until, now);
        }
        let (place, class) = found?;
        self.gate.pass(place, now);
        self.depth.ready[class as usize] -= 1;
        let key = self.key_mut(place)?;
        key.ready = false;
        let callback = key.next()?;
        let from = key.standing;
        let waited = now.since(key.ready_since);
        key.work.remove(callback);
        let (causes, rest) = key.causes.split(callback);
        (key.causes, key.class) = if key.work.is_empty() { (Causes::NONE, Class::Start) } else { (rest, key.class) };
        let delete = callback == Callback::Delete;
        let (object, accepted) = if delete {
            let gone = key.rare().gone.front()?.clone();
            (gone.last, gone.accepted)
        } else {
            (key.object.clone()?, key.accepted())
        };
        if !delete {
            key.marks.clear(Marks::UNHEARD);
            key.standing = match from {
                Standing::New => Standing::Adding,
                Standing::Found => Standing::Known,
                other => other,
            };
        }
        let rare = key.rare();
        let failures = rare.failures;
        rare.flight = Some(Flight {
            callback,
            object: object.clone(),
            causes,
            from,
            stale: false,
            changed: false,
            refreshed: false,
            poked: Causes::NONE,
            arrived: 0,
        });
        self.depth.running += 1;
        Some(Job { place, callback, object, accepted, causes, failures, waited })
    }

    /// The callback that runs for the key, and the standing of its object before.
    pub(crate) fn flight(&self, place: Place) -> Option<(Callback, Standing)> {
        let flight = self.key(place)?.rare.as_ref()?.flight.as_ref()?;
        Some((flight.callback, flight.from))
    }

    /// The newest version, and how many came in since the run that is under way began. None where no run is, or its
    /// object is gone.
    pub(crate) fn arrived(&self, place: Place) -> Option<(&T, u32)> {
        let key = self.key(place)?;
        let flight = key.rare.as_ref()?.flight.as_ref()?;
        let there = !flight.stale && flight.callback != Callback::Delete;
        key.object.as_ref().filter(|_| there).map(|newest| (newest, flight.arrived))
    }

    /// Takes in how a run ended. What came in meanwhile and depends on it is given back to be decided on.
    pub(crate) fn done(
        &mut self,
        place: Place,
        after: After,
        now: Moment,
        rng: &mut fastrand::Rng,
    ) -> (Meanwhile, Freed) {
        let pace = Pace { backoff: self.backoff, resync: self.resync };
        let Some(key) = self.key_mut(place) else { return Default::default() };
        let Some(flight) = key.rare().flight.take() else { return Default::default() };
        let mut meanwhile = Meanwhile::default();
        let mut delayed = false;
        if flight.stale {
            // A run of an object that is gone asks for nothing: its delete is what runs next.
            key.forget_unreached(after.reached, flight.from);
        } else if flight.callback == Callback::Delete {
            delayed = key.after_delete(after.next, flight.causes, now, pace, rng);
        } else {
            // What no callback saw may have been mended by a change that would not have been worth a run.
            let mended = flight.refreshed && !after.reached;
            meanwhile = Meanwhile { changed: flight.changed || mended, asked: flight.poked };
            key.standing = after.standing;
            if !after.reached {
                key.marks.set(Marks::UNHEARD);
            }
            if after.accepted {
                key.accept(flight.object, flight.arrived);
            }
            delayed = key.after_run(after.next, flight.callback, flight.causes, now, pace, rng);
        }
        self.depth.running -= 1;
        self.delays += u64::from(delayed);
        (meanwhile, self.refresh(place, now))
    }

    /// Keeps the key from running until then, unless it is released before. What is pending stays so.
    pub(crate) fn hold(&mut self, place: Place, until: Moment, now: Moment) -> Freed {
        self.keys.get_or_new(place).rare().held_until = Some(until);
        self.refresh(place, now)
    }

    /// The key may run again.
    pub(crate) fn release(&mut self, place: Place, now: Moment) -> Freed {
        let Some(rare) = self.key_mut(place).and_then(|key| key.rare.as_mut()) else { return Freed(None) };
        rare.held_until = None;
        self.refresh(place, now)
    }

    /// The object that is there, or the one that is about to be told of, says that it is paused. Gives whether that is
    /// news.
    pub(crate) fn pause(&mut self, place: Place) -> bool {
        !std::mem::replace(&mut self.keys.get_or_new(place).paused, true)
    }

    /// The object says no longer that it is paused. Gives whether it did.
    pub(crate) fn resume(&mut self, place: Place) -> bool {
        self.key_mut(place).is_some_and(|key| std::mem::take(&mut key.paused))
    }

    /// Keeps the key from running until then, unless it is sped up before. A `delete` is not kept.
    pub(crate) fn slow(&mut self, place: Place, until: Moment, now: Moment) -> Freed {
        let Some(key) = self.key_mut(place).filter(|key| key.standing != Standing::Absent) else { return Freed(None) };
        key.rare().slowed_until = Some(until);
        self.refresh(place, now)
    }

    /// The key is slowed no longer.
    pub(crate) fn speed_up(&mut self, place: Place, now: Moment) -> Freed {
        let Some(rare) = self.key_mut(place).and_then(|key| key.rare.as_mut()) else { return Freed(None) };
        rare.slowed_until = None;
        self.refresh(place, now)
    }

    /// Whether a callback is to run for what is there.
    pub(crate) fn is_pending(&self, place: Place) -> bool {
        self.key(place).is_some_and(|key| !key.work.is_empty())
    }

    /// Makes ready what is due. Gives the slots that are no longer needed.
    #[must_use = "the store keeps a slot until it is given back"]
    pub(crate) fn advance(&mut self, now: Moment) -> Vec<Place> {
        self.gate.advance(now);
        let mut freed = Vec::new();
        while let Some(place) = self.wheel.pop(now) {
            let Some(key) = self.key_mut(place) else { continue };
            key.peg = Peg::NONE;
            if key.due_at <= now {
                key.due_at = Moment::NEVER;
                let (callback, cause) = match key.requeued.take() {
                    Some(callback) => (callback, Causes::REQUEUE),
                    None => (Callback::Reconcile, Causes::RESYNC),
                };
                if key.standing != Standing::Absent {
                    key.want(callback, cause, Class::Again);
                }
            }
            let mut back = false;
            if let Some(rare) = key.rare.as_mut() {
                let is_to_come = |until: &Moment| *until > now;
                rare.held_until = rare.held_until.filter(is_to_come);
                rare.slowed_until = rare.slowed_until.filter(is_to_come);
                back = rare.parked_until.is_some_and(|until| until <= now);
                rare.parked_until = rare.parked_until.filter(is_to_come);
            }
            if let Some(rare) = key.rare.as_mut()
                && rare.retry_at <= now
            {
                let (owed, causes) = (std::mem::take(&mut rare.owed), std::mem::take(&mut rare.owed_causes));
                rare.retry_at = Moment::NEVER;
                key.work.merge(owed);
                key.causes = key.causes.and(causes);
                key.class = key.class.min(Class::Again);
            }
            if back {
                let entry = key.ready.then(|| (key.line, key.ticket(place)));
                self.gate.unpark(place);
                if let Some((line, ticket)) = entry {
                    self.ready.back(line, ticket);
                }
            }
            let Freed(place) = self.refresh(place, now);
            freed.extend(place);
        }
        freed
    }

    /// The next time at which [`advance`](Self::advance) has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.wheel.first().into_iter().chain(self.gate.deadline()).min()
    }

    /// Whether nothing is ready, running or waiting for a retry, and no requeue comes before the next resync. What is
    /// paused is not waited for.
    pub(crate) fn is_settled(&self) -> bool {
        let Depth { ready, running, retrying, held, paused: _ } = self.depth;
        let idle = ready.iter().sum::<usize>() + running + retrying + held == 0;
        let rests = |key: &KeyState<T>| key.requeued.is_none() || !key.requeued_before_tick || key.is_still();
        idle && self.keys.iter().all(rests)
    }

    /// The key had its turn and no token: it steps out of its line until it has one.
    fn park(&mut self, place: Place, until: Moment, now: Moment) {
        if !self.gate.park(place) {
            return;
        }
        if let Some(key) = self.key_mut(place) {
            key.rare().parked_until = Some(until);
        }
        let Freed(_) = self.refresh(place, now);
    }

    /// An event on an object whose predecessor's `delete` waits for a retry ends that wait.
    fn hurry_delete(&mut self, place: Place) {
        let Some(key) = self.key_mut(place) else { return };
        if let Some(rare) = key.rare.as_mut()
            && !rare.gone.is_empty()
            && rare.owed.has(Callback::Delete)
        {
            let causes = rare.settle(Callback::Delete).without(Causes::RETRY);
            key.want(Callback::Delete, causes, Class::Event);
        }
    }

    /// Brings the lines, the deadlines and the counts up to date with a key that changed.
    fn refresh(&mut self, place: Place, now: Moment) -> Freed {
        let Some(key) = self.keys.get_mut(place) else { return Freed(None) };
        key.tidy();
        let wanted = key.next().is_some() && !key.is_running() && !key.is_held();
        if wanted && !key.ready {
            (key.ready, key.line, key.ready_since) = (true, key.class, now);
            self.depth.ready[key.line as usize] += 1;
            self.adds += 1;
            self.ready.push(key.line, key.ticket(place));
        } else if wanted && key.class < key.line {
            self.depth.ready[key.line as usize] -= 1;
            key.line = key.class;
            self.depth.ready[key.line as usize] += 1;
            self.ready.push(key.line, key.ticket(place));
        } else if !wanted && key.ready {
            key.ready = false;
            self.depth.ready[key.line as usize] -= 1;
        }
        let still = key.is_still();
        let retrying = !still && key.rare.as_ref().is_some_and(|rare| !rare.owed.is_empty());
        let held = !still && key.is_held();
        key.marks.count(Marks::RETRYING, retrying, &mut self.depth.retrying);
        key.marks.count(Marks::HELD, held, &mut self.depth.held);
        key.marks.count(Marks::PAUSED, key.paused, &mut self.depth.paused);
        let vacant = key.is_vacant();
        let deadline = if vacant { Moment::NEVER } else { key.deadline() };
        // A deadline that moved on stays in the wheel and is put right when it comes: so a busy key costs nothing here.
        if vacant || deadline < self.wheel.at(key.peg) {
            self.wheel.remove(key.peg);
            key.peg = if deadline.is_never() { Peg::NONE } else { self.wheel.insert(deadline, place) };
        }
        if vacant {
            // Old entries may still stand in the lines when another object comes to the slot.
            *key = KeyState { number: key.number, ..KeyState::default() };
            self.gate.forget(place);
        }
        Freed(vacant.then_some(place))
    }

    fn key(&self, place: Place) -> Option<&KeyState<T>> {
        self.keys.get(place)
    }

    fn key_mut(&mut self, place: Place) -> Option<&mut KeyState<T>> {
        self.keys.get_mut(place)
    }
}

#[cfg(test)]
mod tests;
