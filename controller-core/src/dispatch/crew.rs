//! Owns how a controller's workers and its loop hear that there is something to do.
//!
//! What there is to do stands in the ledger, which is changed under the engine's lock; here is what is said of each
//! change, under the same lock. It has no lock and no time of its own, so that its tests can play every schedule.

use std::future::Future;

use tokio::sync::Notify;

use super::ledger::Ledger;
use crate::queue::{Job, Moment};

/// Those who wait.
#[derive(Debug, Default)]
pub(super) struct Crew {
    /// Workers wait here for jobs.
    work: Notify,
    /// The controller's loop waits here.
    alarm: Notify,
}

/// What a worker finds.
#[derive(Debug)]
pub(super) enum Take<J> {
    Job(J),
    Nothing,
    /// There will be no more.
    Closed,
}

impl Crew {
    /// One worker: runs jobs until there will be no more.
    pub(super) async fn work<J, F: Future<Output = ()>>(&self, take: impl Fn() -> Take<J>, run: impl Fn(J) -> F) {
        loop {
            // Where there is a job already, nothing has to be waited for.
            let mut found = take();
            if matches!(found, Take::Nothing) {
                let waiting = self.work.notified();
                tokio::pin!(waiting);
                // Waiting starts before this look, so that what comes in between is not missed.
                waiting.as_mut().enable();
                found = take();
                if matches!(found, Take::Nothing) {
                    waiting.await;
                    continue;
                }
            }
            // One who is busy no longer waits: a notice would reach it in place of one who is free.
            match found {
                Take::Job(job) => run(job).await,
                Take::Nothing => {}
                Take::Closed => return,
            }
        }
    }

    /// The next job, where jobs may begin. `armed` is the deadline that the loop sleeps for.
    pub(super) fn take<T: Clone>(
        &self,
        ledger: &mut Ledger<T>,
        may_begin: bool,
        now: Moment,
        armed: Moment,
    ) -> Take<Job<T>> {
        if ledger.is_closed() {
            return Take::Closed;
        }
        if !may_begin {
            return Take::Nothing;
        }
        let Some(job) = ledger.take(now) else {
            self.keep_time(ledger, armed);
            return Take::Nothing;
        };
        // One notice may stand for several jobs: each worker that finds one passes it on.
        if ledger.has_ready() {
            self.work.notify_one();
        }
        Take::Job(job)
    }

    /// The ledger has changed: those who wait are woken.
    pub(super) fn changed<T: Clone>(&self, ledger: &Ledger<T>, may_begin: bool, armed: Moment) {
        if ledger.has_ready() && may_begin {
            self.work.notify_one();
        }
        self.keep_time(ledger, armed);
    }

    /// Wakes the loop where a deadline is earlier than the one that it sleeps for.
    fn keep_time<T: Clone>(&self, ledger: &Ledger<T>, armed: Moment) {
        if ledger.next_deadline().is_some_and(|deadline| deadline < armed) {
            self.alarm();
        }
    }

    /// The loop is to look again.
    pub(super) fn alarm(&self) {
        self.alarm.notify_one();
    }

    /// Waits until the loop is to look again.
    pub(super) async fn alarmed(&self) {
        self.alarm.notified().await;
    }

    /// The ledger is closed: the workers may go.
    pub(super) fn close(&self) {
        self.work.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
