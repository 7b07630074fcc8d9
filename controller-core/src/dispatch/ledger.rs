//! Owns the bookkeeping of one controller: the queue, and the decisions that fill it.
//!
//! It is pure: deltas, requests and results go in with the time, jobs come out.

use std::time::Duration;

use super::decide::{Happened, Routes, Verdict, decide, follow};
use crate::queue::{
    Backoff, Causes, Depth, Freed, Job, Limits, Meanwhile, Moment, Place, Plan, Queue, Shift, Standing,
};

/// What is pending, running and known for each key of one controller.
#[derive(Debug)]
pub(crate) struct Ledger<T> {
    queue: Queue<T>,
    routes: Routes,
    /// No job is handed out any more: the controller stops.
    closed: bool,
    skipped: Skipped,
}

/// Events for which no callback ran, by the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Skipped {
    /// No callback is written for it, or it is about an object that no callback knows.
    pub(crate) unheard: u64,
    /// The option `when` asks for other changes.
    pub(crate) filtered: u64,
    /// The object is paused.
    pub(crate) paused: u64,
}

impl<T: Clone> Ledger<T> {
    pub(crate) fn new(routes: Routes, backoff: Backoff, resync: Option<Duration>, limits: Limits) -> Self {
        Self { queue: Queue::new(backoff, resync, limits), routes, closed: false, skipped: Skipped::default() }
    }

    /// The object was there when the controller started.
    pub(crate) fn found(&mut self, place: Place, object: T, now: Moment) -> Freed {
        self.happened(place, Happened::Found, Shift::Seen(object), Causes::FOUND, now)
    }

    /// The object appeared or changed.
    pub(crate) fn seen(&mut self, place: Place, object: T, now: Moment) -> Freed {
        let cause = self.cause_of_sight(place);
        self.happened(place, Happened::Seen, Shift::Seen(object), cause, now)
    }

    /// The object changed in nothing that the controller asked to be told of.
    pub(crate) fn changed_beside(&mut self, place: Place, object: T, now: Moment) -> Freed {
        let cause = self.cause_of_sight(place);
        self.happened(place, Happened::Noise, Shift::Seen(object), cause, now)
    }

    /// The object says that it is paused, in the version that is told of next. Gives whether that is news.
    pub(crate) fn pause(&mut self, place: Place) -> bool {
        self.queue.pause(place)
    }

    /// The object says that it is not paused, in the version that is told of next. Gives whether that is news: then it
    /// is told of with [`resumed`](Self::resumed).
    pub(crate) fn resume(&mut self, place: Place) -> bool {
        self.queue.depth().paused > 0 && self.queue.resume(place)
    }

    /// The object changed so that it is no longer paused.
    pub(crate) fn resumed(&mut self, place: Place, object: T, now: Moment) -> Freed {
        let cause = self.cause_of_sight(place);
        self.happened(place, Happened::Resumed, Shift::Seen(object), cause, now)
    }

    /// The object is gone; `last` is its last version.
    pub(crate) fn gone(&mut self, place: Place, last: T, now: Moment) -> Freed {
        self.happened(place, Happened::Gone, Shift::Gone(last), Causes::DELETED, now)
    }

    /// A run of the key is asked for.
    pub(crate) fn asked(&mut self, place: Place, causes: Causes, now: Moment) -> Freed {
        self.happened(place, Happened::Asked, Shift::Asked, causes, now)
    }

    /// The next job, unless the controller stops.
    pub(crate) fn take(&mut self, now: Moment) -> Option<Job<T>> {
        if self.closed { None } else { self.queue.take(now) }
    }

    /// A job ended.
    pub(crate) fn done(&mut self, place: Place, verdict: Verdict, now: Moment, rng: &mut fastrand::Rng) -> Freed {
        let Some((callback, from)) = self.queue.flight(place) else { return Freed(None) };
        let after = follow(verdict, callback, from, &self.routes);
        let (Meanwhile { changed, asked }, mut freed) = self.queue.done(place, after, now, rng);
        if changed {
            freed = self.happened(place, Happened::Seen, Shift::Asked, self.cause_of_sight(place), now);
        }
        if asked != Causes::NONE {
            freed = self.happened(place, Happened::Asked, Shift::Asked, asked, now);
        }
        freed
    }

    /// Makes ready what is due.
    #[must_use = "the store keeps a slot until it is given back"]
    pub(crate) fn advance(&mut self, now: Moment) -> Vec<Place> {
        self.queue.advance(now)
    }

    /// Keeps the key from running until then, unless it is released before.
    pub(crate) fn hold(&mut self, place: Place, until: Moment, now: Moment) -> Freed {
        self.queue.hold(place, until, now)
    }

    /// The key may run again.
    pub(crate) fn release(&mut self, place: Place, now: Moment) -> Freed {
        self.queue.release(place, now)
    }

    /// Whether a callback runs for the key.
    pub(crate) fn is_running(&self, place: Place) -> bool {
        self.queue.flight(place).is_some()
    }

    /// The newest version, and how many came in since the run that is under way began. None where no run is, or its
    /// object is gone.
    pub(crate) fn arrived(&self, place: Place) -> Option<(&T, u32)> {
        self.queue.arrived(place)
    }

    /// Keeps the key from running until then, unless it is sped up before. A `delete` is not kept.
    pub(crate) fn slow(&mut self, place: Place, until: Moment, now: Moment) -> Freed {
        self.queue.slow(place, until, now)
    }

    /// The key is slowed no longer.
    pub(crate) fn speed_up(&mut self, place: Place, now: Moment) -> Freed {
        self.queue.speed_up(place, now)
    }

    /// Whether a callback is to run for what is there.
    pub(crate) fn is_pending(&self, place: Place) -> bool {
        self.queue.is_pending(place)
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.queue.next_deadline().filter(|_| !self.closed)
    }

    /// From now on no job is handed out.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.queue.is_settled()
    }

    /// How much is waiting and under way.
    pub(crate) fn depth(&self) -> Depth {
        self.queue.depth()
    }

    /// Whether a job could be taken now.
    pub(crate) fn has_ready(&self) -> bool {
        !self.closed && self.queue.depth().ready.iter().any(|ready| *ready > 0)
    }

    pub(crate) fn adds(&self) -> u64 {
        self.queue.adds()
    }

    pub(crate) fn delays(&self) -> u64 {
        self.queue.delays()
    }

    /// Runs that waited because of a limit.
    pub(crate) fn limited(&self) -> u64 {
        self.queue.limited()
    }

    /// How long the key that is ready longest has been so, and its object.
    pub(crate) fn oldest(&self, now: Moment) -> Option<(Duration, Option<&T>)> {
        self.queue.oldest(now)
    }

    pub(crate) fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// An object is new until its `add` went well, however often it changes before.
    fn cause_of_sight(&self, place: Place) -> Causes {
        match self.queue.history(place).standing {
            Standing::Absent | Standing::New | Standing::Adding => Causes::ADDED,
            Standing::Found | Standing::Known => Causes::MODIFIED,
        }
    }

    fn happened(&mut self, place: Place, what: Happened, shift: Shift<T>, causes: Causes, now: Moment) -> Freed {
        let plan = decide(what, self.queue.history(place), &self.routes);
        match plan {
            Plan::Note { .. } | Plan::Forget | Plan::Ignore => self.skipped.unheard += 1,
            Plan::Refresh => self.skipped.filtered += 1,
            Plan::Keep { .. } => self.skipped.paused += 1,
            Plan::Run { .. } | Plan::Resume { .. } | Plan::AfterAdd | Plan::Delete => {}
        }
        self.queue.apply(place, shift, plan, causes, now)
    }
}

#[cfg(test)]
mod tests;
