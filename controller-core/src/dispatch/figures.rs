//! Owns what a look from outside finds of one controller: plain numbers, read at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::counters::Counters;
use super::engine::Engine;
use super::ledger::Skipped;
use super::watchdog::UnderWay;
use crate::cache::Entry;
use crate::key::Key;
use crate::queue::Depth;
use crate::watch::{Health, Subscription, WatchSpec};

/// What there is to measure of one controller.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) counters: Arc<Counters>,
    pub(crate) workers: u16,
    pub(crate) depth: Depth,
    /// Keys that became ready since the start.
    pub(crate) adds: u64,
    /// Keys that were told to wait since the start.
    pub(crate) delays: u64,
    /// Runs that waited because of a limit.
    pub(crate) limited: u64,
    /// How long the key that is ready longest has been so.
    pub(crate) oldest: Duration,
    /// That key.
    pub(crate) oldest_key: Option<Key>,
    /// Keys that are slowed because they rewrite themselves.
    pub(crate) hot: usize,
    /// Events that no callback ran for.
    pub(crate) skipped: Skipped,
    /// The runs under way, the longest first.
    pub(crate) under_way: Vec<UnderWay>,
    pub(crate) watches: Vec<WatchFigures>,
}

/// What there is to measure of one watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatchFigures {
    pub(crate) spec: WatchSpec,
    pub(crate) state: &'static str,
    /// What is in its way.
    pub(crate) why: Option<Arc<str>>,
    /// The time since the last sign of life.
    pub(crate) quiet: Duration,
    pub(crate) objects: usize,
    /// Reports of objects, in lists and events.
    pub(crate) reports: u64,
    /// Those that changed nothing.
    pub(crate) repeated: u64,
    /// Those that could not be read.
    pub(crate) skipped: u64,
    /// Lists that were read again.
    pub(crate) relists: u64,
}

impl Engine {
    /// Says what was done, at the controller's end.
    pub(super) fn sum_up(&self) {
        let counters = &self.counters;
        let state = self.state.lock();
        tracing::debug!(
            controller = self.name(),
            succeeded = counters.succeeded.get(),
            requeued = counters.requeued.get(),
            failed = counters.failed.get(),
            terminal = counters.terminal.get(),
            panics = counters.panics.get(),
            timeouts = counters.timeouts.get(),
            slow = counters.slow.get(),
            invalid = counters.invalid.get(),
            stale = counters.stale.get(),
            queued = state.ledger.adds(),
            delayed = state.ledger.delays(),
            limited = state.ledger.limited(),
            skipped = ?state.ledger.skipped(),
            "the controller ends"
        );
    }

    /// What there is to measure now.
    pub(crate) fn figures(&self) -> Figures {
        let mut under_way: Vec<_> = self.seats.lock().iter().filter_map(|seat| seat.under_way()).collect();
        under_way.sort_by(|a, b| b.takes.cmp(&a.takes).then_with(|| a.key.cmp(&b.key)));
        let (now, instant) = (self.now(), self.scope.clock.instant().into_std());
        let state = self.state.lock();
        let watches = state.subscriptions().map(|(_, subscription)| WatchFigures::of(subscription, instant));
        let (oldest, oldest_key) = match state.ledger.oldest(now) {
            Some((age, object)) => (age, object.map(Entry::key)),
            None => (Duration::ZERO, None),
        };
        Figures {
            name: self.name(),
            counters: Arc::clone(&self.counters),
            workers: self.controller.descriptor().workers(),
            depth: state.ledger.depth(),
            adds: state.ledger.adds(),
            delays: state.ledger.delays(),
            limited: state.ledger.limited(),
            hot: state.rewrites.hot(),
            oldest,
            oldest_key,
            skipped: state.ledger.skipped(),
            under_way,
            watches: watches.collect(),
        }
    }
}

impl Figures {
    /// The time that the runs under way took so far, added up.
    pub(crate) fn unfinished(&self) -> Duration {
        self.under_way.iter().map(|run| run.takes).sum()
    }

    /// That of the run that is under way longest.
    pub(crate) fn longest(&self) -> Duration {
        self.under_way.first().map(|run| run.takes).unwrap_or_default()
    }
}

impl WatchFigures {
    /// Each watch once, in the order of what is watched: several controllers may share one.
    pub(crate) fn each_once<'a>(all: impl Iterator<Item = &'a Self>) -> impl Iterator<Item = &'a Self> {
        all.map(|watch| (&watch.spec, watch)).collect::<BTreeMap<_, _>>().into_values()
    }

    pub(super) fn of(subscription: &Subscription, now: Instant) -> Self {
        let tally = subscription.tally();
        let (state, why) = match subscription.health() {
            Health::Syncing { why, .. } => ("syncing", why),
            Health::Healthy => ("healthy", None),
            Health::Stale { why, .. } => ("stale", Some(why)),
        };
        Self {
            spec: subscription.spec().clone(),
            state,
            why,
            quiet: now.saturating_duration_since(subscription.sign_of_life()),
            objects: subscription.objects(),
            reports: tally.reports.load(Ordering::Relaxed),
            repeated: tally.repeated.load(Ordering::Relaxed),
            skipped: tally.skipped.load(Ordering::Relaxed),
            relists: tally.relists.load(Ordering::Relaxed),
        }
    }
}
