//! Owns what a look from outside finds of one controller: plain numbers, read at one moment.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::counters::Counters;
use super::ledger::Skipped;
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
    /// Keys that are slowed because they rewrite themselves.
    pub(crate) hot: usize,
    /// Events that no callback ran for.
    pub(crate) skipped: Skipped,
    /// The time that the runs under way took so far, added up.
    pub(crate) unfinished: Duration,
    /// That of the run that is under way longest.
    pub(crate) longest: Duration,
    pub(crate) watches: Vec<WatchFigures>,
}

/// What there is to measure of one watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatchFigures {
    pub(crate) spec: WatchSpec,
    pub(crate) state: &'static str,
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

impl WatchFigures {
    pub(super) fn of(subscription: &Subscription) -> Self {
        let tally = subscription.tally();
        Self {
            spec: subscription.spec().clone(),
            state: match subscription.health() {
                Health::Syncing { .. } => "syncing",
                Health::Healthy => "healthy",
                Health::Stale { .. } => "stale",
            },
            objects: subscription.objects(),
            reports: tally.reports.load(Ordering::Relaxed),
            repeated: tally.repeated.load(Ordering::Relaxed),
            skipped: tally.skipped.load(Ordering::Relaxed),
            relists: tally.relists.load(Ordering::Relaxed),
        }
    }
}
