//! Owns the deadlines of a supervisor: delayed restarts and health limits. A tree that asks for neither has none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// The delay before a restart is over.
    Restart,
    /// The child is to be looked at; it was to be at this time.
    Health(Duration),
}

/// At most one deadline for each child, by the time since the supervisor started.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    order: BTreeSet<(Duration, u64)>,
    of: BTreeMap<u64, (Duration, Alarm)>,
}

impl Alarms {
    pub(super) fn set(&mut self, child: u64, alarm: Alarm, at: Duration) {
        self.cancel(child);
        self.order.insert((at, child));
        self.of.insert(child, (at, alarm));
    }

    pub(super) fn cancel(&mut self, child: u64) {
        if let Some((at, _)) = self.of.remove(&child) {
            self.order.remove(&(at, child));
        }
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The first deadline that has come.
    pub(super) fn rings(&mut self, now: Duration) -> Option<(u64, Alarm)> {
        let (_, child) = *self.order.first().filter(|(at, _)| *at <= now)?;
        let (at, alarm) = self.of.remove(&child)?;
        self.order.remove(&(at, child));
        Some((child, alarm))
    }
}
