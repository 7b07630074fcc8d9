//! Owns what the queue knows of one key.

use std::collections::VecDeque;
use std::time::Duration;

use super::backoff::Backoff;
use super::causes::Causes;
use super::moment::Moment;
use super::priority::{Class, Ticket};
use super::state::Next;
use super::wheel::Peg;
use crate::descriptor::Callback;

/// Where a key lives: a slot of one of the controller's stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// Which store: a controller of several namespaces has one for each.
    pub(crate) space: u16,
    /// The slot within it.
    pub(crate) slot: u32,
}

/// How far the callbacks know the object that is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Standing {
    /// There is none.
    #[default]
    Absent,
    /// It was there at start, and its first run has not begun.
    Found,
    /// It appeared, and its `add` has not begun.
    New,
    /// Its `add` has begun and has not yet gone well.
    Adding,
    /// It has been added, or was there at start.
    Known,
}

/// A set of callbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Work(u8);

impl Work {
    pub(crate) const NONE: Self = Self(0);

    /// The order in which pending callbacks of one key are run.
    const ORDER: [Callback; 4] = [Callback::Delete, Callback::Add, Callback::Modify, Callback::Reconcile];

    pub(crate) fn of(callback: Callback) -> Self {
        Self(1 << callback as u8)
    }

    pub(crate) fn has(self, callback: Callback) -> bool {
        self.0 & Self::of(callback).0 != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn insert(&mut self, callback: Callback) {
        self.0 |= Self::of(callback).0;
    }

    pub(crate) fn remove(&mut self, callback: Callback) {
        self.0 &= !Self::of(callback).0;
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(crate) fn first(self) -> Option<Callback> {
        Self::ORDER.into_iter().find(|callback| self.has(*callback))
    }
}

/// What `decide` must know of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct History {
    pub(crate) standing: Standing,
    /// A callback runs for the object that is there now.
    pub(crate) running: bool,
    /// The last run ended before its callback saw the object.
    pub(crate) unheard: bool,
    /// The object says that it is paused.
    pub(crate) paused: bool,
}

/// A run that has begun and not ended.
#[derive(Debug, Clone)]
pub(super) struct Flight<T> {
    pub(super) callback: Callback,
    pub(super) object: T,
    pub(super) causes: Causes,
    /// The standing before the run.
    pub(super) from: Standing,
    /// The object went while the run was under way: its result says nothing about what is there now.
    pub(super) stale: bool,
    /// The object changed while its `add` ran.
    pub(super) changed: bool,
    /// The object changed while the run was under way, in nothing that is worth another.
    pub(super) refreshed: bool,
    /// The key was asked for while its `add` ran.
    pub(super) poked: Causes,
    /// Versions that came in while the run was under way.
    pub(super) arrived: u32,
}

/// One key. What few keys have stands behind a pointer: there is one of these for each object and controller.
#[derive(Debug)]
pub(super) struct KeyState<T> {
    /// The newest version of the object that is there.
    pub(super) object: Option<T>,
    pub(super) rare: Option<Box<Rare<T>>>,
    /// When the resync tick or the requeue is due.
    pub(super) due_at: Moment,
    pub(super) ready_since: Moment,
    pub(super) standing: Standing,
    pub(super) work: Work,
    pub(super) causes: Causes,
    /// The class of the pending work.
    pub(super) class: Class,
    /// Whether the key stands in a line, in which, and the number of its entry there.
    pub(super) ready: bool,
    pub(super) line: Class,
    pub(super) number: u16,
    /// Where its deadline stands in the queue's wheel. It may be early: it is then put right when it comes.
    pub(super) peg: Peg,
    pub(super) marks: Marks,
    /// Whether the object that is there says that it is paused.
    pub(super) paused: bool,
    /// What `due_at` will ask for; none where it is the resync tick.
    pub(super) requeued: Option<Callback>,
    pub(super) requeued_before_tick: bool,
}

/// What is true of a key, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks(u8);

impl Marks {
    /// The key is counted among those that wait for a retry.
    pub(super) const RETRYING: Self = Self(1);
    /// The key is counted among those on hold.
    pub(super) const HELD: Self = Self(1 << 1);
    /// The key is counted among those that are paused.
    pub(super) const PAUSED: Self = Self(1 << 2);
    /// The last run ended before its callback saw the object.
    pub(super) const UNHEARD: Self = Self(1 << 3);
    /// The key has had a resync tick: the first one is spread over the whole period.
    pub(super) const TICKED: Self = Self(1 << 4);
    /// The newest version is the one that a callback last accepted, as of nearly every key at rest.
    const ACCEPTED: Self = Self(1 << 5);

    pub(super) fn has(self, mark: Self) -> bool {
        self.0 & mark.0 != 0
    }

    pub(super) fn set(&mut self, mark: Self) {
        self.0 |= mark.0;
    }

    pub(super) fn clear(&mut self, mark: Self) {
        self.0 &= !mark.0;
    }

    /// Brings a count up to date with whether the key belongs to it.
    pub(super) fn count(&mut self, mark: Self, belongs: bool, count: &mut usize) {
        match (self.has(mark), belongs) {
            (false, true) => {
                self.set(mark);
                *count += 1;
            }
            (true, false) => {
                self.clear(mark);
                *count -= 1;
            }
            _ => {}
        }
    }
}

/// An object that is gone.
#[derive(Debug, Clone)]
pub(super) struct Gone<T> {
    pub(super) last: T,
    /// The version that a callback last accepted.
    pub(super) accepted: Option<T>,
}

/// What a key has only while something is going on.
#[derive(Debug)]
pub(super) struct Rare<T> {
    /// The version that a callback last accepted, where it is not the newest.
    accepted: Option<T>,
    pub(super) flight: Option<Flight<T>>,
    /// The objects that callbacks knew and that are gone, oldest first: the `delete` of each is owed.
    pub(super) gone: VecDeque<Gone<T>>,
    /// Failures in a row.
    pub(super) failures: u32,
    /// What is to run again at `retry_at`.
    pub(super) owed: Work,
    pub(super) owed_causes: Causes,
    pub(super) retry_at: Moment,
    /// The key is on hold until this moment, unless it is released before.
    pub(super) held_until: Option<Moment>,
    /// The key is slowed until this moment, unless its object changes from outside before.
    pub(super) slowed_until: Option<Moment>,
    /// The key stepped out of its line until it has a token again.
    pub(super) parked_until: Option<Moment>,
}

/// How fast a queue goes about what nothing happened to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) backoff: Backoff,
    pub(super) resync: Option<Duration>,
}

/// The time to the next resync tick. The first tick of a key falls anywhere within one period around its time, so
/// that objects found together at start do not come back together; later ones keep that distance, but for a tenth.
fn tick(period: Duration, ticked: bool, rng: &mut fastrand::Rng) -> Duration {
    let (least, spread) = if ticked { (0.9, 0.2) } else { (0.5, 1.0) };
    period.mul_f64(least + spread * rng.f64())
}

impl<T> Default for KeyState<T> {
    fn default() -> Self {
        Self {
            object: None,
            rare: None,
            due_at: Moment::NEVER,
            ready_since: Moment::START,
            standing: Standing::Absent,
            work: Work::NONE,
            causes: Causes::NONE,
            class: Class::Start,
            ready: false,
            line: Class::Start,
            number: 0,
            peg: Peg::NONE,
            marks: Marks::default(),
            paused: false,
            requeued: None,
            requeued_before_tick: false,
        }
    }
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self {
            accepted: None,
            flight: None,
            gone: VecDeque::new(),
            failures: 0,
            owed: Work::NONE,
            owed_causes: Causes::NONE,
            retry_at: Moment::NEVER,
            held_until: None,
            slowed_until: None,
            parked_until: None,
        }
    }
}

impl<T> Rare<T> {
    fn is_idle(&self) -> bool {
        let held = self.held_until.or(self.slowed_until).or(self.parked_until).is_some();
        self.accepted.is_none()
            && self.flight.is_none()
            && self.gone.is_empty()
            && self.failures == 0
            && self.owed.is_empty()
            && !held
    }

    fn owe(&mut self, callback: Callback, causes: Causes, at: Moment) {
        self.owed.insert(callback);
        self.owed_causes = self.owed_causes.and(causes);
        self.retry_at = self.retry_at.min(at);
    }

    /// A run that is to begin at once does what was owed for this callback. Gives the causes of what was owed.
    pub(super) fn settle(&mut self, callback: Callback) -> Causes {
        if !self.owed.has(callback) {
            return Causes::NONE;
        }
        self.owed.remove(callback);
        if !self.owed.is_empty() {
            return self.owed_causes;
        }
        self.retry_at = Moment::NEVER;
        std::mem::take(&mut self.owed_causes)
    }
}

impl<T: Clone> KeyState<T> {
    /// The version that a callback last accepted.
    pub(super) fn accepted(&self) -> Option<T> {
        if self.marks.has(Marks::ACCEPTED) {
            return self.object.clone();
        }
        self.rare.as_ref()?.accepted.clone()
    }
}

impl<T> KeyState<T> {
    pub(super) fn rare(&mut self) -> &mut Rare<T> {
        self.rare.get_or_insert_with(Box::default)
    }

    /// Gives the rare part back once it says nothing.
    pub(super) fn tidy(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| rare.is_idle()) {
            self.rare = None;
        }
    }

    pub(super) fn history(&self) -> History {
        let rare = self.rare.as_ref();
        History {
            standing: self.standing,
            running: rare.and_then(|rare| rare.flight.as_ref()).is_some_and(|flight| !flight.stale),
            unheard: self.marks.has(Marks::UNHEARD),
            paused: self.paused,
        }
    }

    /// The object as it was seen last, also where it is gone.
    pub(super) fn last_seen(&self) -> Option<&T> {
        let gone = || self.rare.as_ref()?.gone.front().map(|gone| &gone.last);
        self.object.as_ref().or_else(gone)
    }

    pub(super) fn is_running(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.flight.is_some())
    }

    /// A new entry for a line; the one before it no longer counts.
    pub(super) fn ticket(&mut self, place: Place) -> Ticket {
        self.number = self.number.wrapping_add(1);
        Ticket::new(place, self.number)
    }

    /// A newer version came in.
    pub(super) fn see(&mut self, object: T) {
        let before = self.object.replace(object);
        if self.marks.has(Marks::ACCEPTED) {
            self.marks.clear(Marks::ACCEPTED);
            self.rare().accepted = before;
        }
        if let Some(flight) = self.rare.as_mut().and_then(|rare| rare.flight.as_mut()) {
            flight.arrived = flight.arrived.saturating_add(1);
        }
    }

    /// A callback accepted the newest version.
    pub(super) fn accept_newest(&mut self) {
        self.marks.set(Marks::ACCEPTED);
        if let Some(rare) = self.rare.as_mut() {
            rare.accepted = None;
        }
    }

    /// A callback accepted the version that it was given, when so many newer ones had come in.
    pub(super) fn accept(&mut self, object: T, arrived: u32) {
        if arrived == 0 {
            self.accept_newest();
        } else {
            self.marks.clear(Marks::ACCEPTED);
            self.rare().accepted = Some(object);
        }
    }

    /// Whether the key is on hold.
    pub(super) fn is_held(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.held_until.or(rare.slowed_until).is_some())
    }

    /// Whether nothing runs, whatever time passes: the object is paused, and no `delete` of one before it is owed.
    pub(super) fn is_still(&self) -> bool {
        self.paused && !self.owes_delete()
    }

    /// One run of `callback` stands for all that came in while the object was paused.
    pub(super) fn resume(&mut self, callback: Callback, causes: Causes) {
        let object = [Callback::Add, Callback::Modify, Callback::Reconcile];
        let mut owed = Causes::NONE;
        for callback in object {
            self.work.remove(callback);
            owed = owed.and(self.rare.as_mut().map_or(Causes::NONE, |rare| rare.settle(callback)));
        }
        self.want(callback, causes.and(owed.without(Causes::RETRY)), Class::Event);
    }

    /// Adds to what is pending.
    pub(super) fn want(&mut self, callback: Callback, causes: Causes, class: Class) {
        self.work.insert(callback);
        self.causes = self.causes.and(causes);
        self.class = self.class.min(class);
    }

    /// The object is no longer there: what was pending for it is dropped, except for the `delete` of one before it.
    pub(super) fn leave(&mut self) {
        let delete_pending = self.work.has(Callback::Delete);
        self.object = None;
        self.marks.clear(Marks::ACCEPTED);
        self.standing = Standing::Absent;
        (self.due_at, self.requeued, self.paused) = (Moment::NEVER, None, false);
        self.marks.clear(Marks::TICKED);
        self.marks.clear(Marks::UNHEARD);
        self.work = if delete_pending { Work::of(Callback::Delete) } else { Work::NONE };
        if !delete_pending {
            (self.causes, self.class) = (Causes::NONE, Class::Start);
        }
        let Some(rare) = self.rare.as_mut() else { return };
        rare.accepted = None;
        rare.slowed_until = None;
        if let Some(flight) = rare.flight.as_mut() {
            flight.stale = flight.callback != Callback::Delete;
        }
        if rare.gone.is_empty() {
            (rare.owed, rare.owed_causes, rare.retry_at) = (Work::NONE, Causes::NONE, Moment::NEVER);
        }
    }

    /// The object went during a run that never got as far as its callback: where no callback has heard of it,
    /// none is told that it went.
    pub(super) fn forget_unreached(&mut self, reached: bool, from: Standing) {
        if !reached && from == Standing::New {
            let rare = self.rare();
            rare.gone.pop_back();
            if rare.gone.is_empty() {
                self.work.remove(Callback::Delete);
            }
        }
    }

    /// What follows from a `delete` that ended. Gives whether the key waits.
    pub(super) fn after_delete(
        &mut self,
        next: Next,
        causes: Causes,
        now: Moment,
        pace: Pace,
        rng: &mut fastrand::Rng,
    ) -> bool {
        let rare = self.rare();
        let (wait, causes) = match next {
            Next::Retry(wait) => {
                rare.failures = rare.failures.saturating_add(1);
                (wait.unwrap_or_else(|| pace.backoff.delay(rare.failures, rng)), causes.and(Causes::RETRY))
            }
            Next::Requeue(_, wait) => {
                rare.failures = 0;
                (wait, Causes::REQUEUE)
            }
            Next::Tick | Next::Await => {
                rare.gone.pop_front();
                rare.failures = 0;
                if !rare.gone.is_empty() {
                    self.want(Callback::Delete, causes, Class::Event);
                }
                return false;
            }
        };
        rare.owe(Callback::Delete, causes, now.after(wait));
        true
    }

    /// What follows from any other callback that ended. Gives whether the key waits.
    pub(super) fn after_run(
        &mut self,
        next: Next,
        callback: Callback,
        causes: Causes,
        now: Moment,
        pace: Pace,
        rng: &mut fastrand::Rng,
    ) -> bool {
        match next {
            Next::Retry(wait) => {
                let again = self.work.has(callback);
                let rare = self.rare();
                rare.failures = rare.failures.saturating_add(1);
                // Where a change during the run already wants the same callback, that run is the retry.
                if !again {
                    let wait = wait.unwrap_or_else(|| pace.backoff.delay(rare.failures, rng));
                    rare.owe(callback, causes.and(Causes::RETRY), now.after(wait));
                }
                return !again;
            }
            Next::Requeue(callback, wait) => {
                self.forgive();
                let at = now.after(wait);
                if self.requeued.is_none() || at < self.due_at {
                    (self.due_at, self.requeued) = (at, Some(callback));
                    self.requeued_before_tick = pace.resync.is_none_or(|period| wait < period);
                }
                return true;
            }
            Next::Tick => {
                self.forgive();
                if self.requeued.is_none() {
                    let ticked = self.marks.has(Marks::TICKED);
                    self.due_at = pace.resync.map_or(Moment::NEVER, |period| now.after(tick(period, ticked, rng)));
                    self.marks.set(Marks::TICKED);
                }
            }
            Next::Await => {
                self.forgive();
                (self.due_at, self.requeued) = (Moment::NEVER, None);
            }
        }
        false
    }

    /// A run that went well ends a row of failures, unless another callback of the key still waits for its retry.
    pub(super) fn forgive(&mut self) {
        if let Some(rare) = self.rare.as_mut()
            && rare.owed.is_empty()
        {
            rare.failures = 0;
        }
    }

    fn owes_delete(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.gone.is_empty())
    }

    /// The callback to run next. While a `delete` is owed nothing else runs: an object that came back waits for it.
    /// A pause keeps back what is for the object that is there.
    pub(super) fn next(&self) -> Option<Callback> {
        let only_delete = self.paused || self.owes_delete();
        self.work.first().filter(|callback| !only_delete || *callback == Callback::Delete)
    }

    /// When the key next wants to be looked at.
    pub(super) fn deadline(&self) -> Moment {
        let Some(rare) = self.rare.as_ref() else { return self.due_at };
        let until = [rare.held_until, rare.slowed_until, rare.parked_until].into_iter().flatten();
        until.fold(rare.retry_at.min(self.due_at), Moment::min)
    }

    /// Nothing is known, pending or under way: the slot can be given back.
    pub(super) fn is_vacant(&self) -> bool {
        self.standing == Standing::Absent && self.rare.is_none() && self.work.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_at_rest_is_small() {
        assert!(size_of::<KeyState<Box<()>>>() <= 48, "{} bytes", size_of::<KeyState<Box<()>>>());
    }
}
