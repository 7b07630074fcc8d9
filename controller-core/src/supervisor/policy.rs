//! Owns what a supervisor decides: pure functions of the rules, the children and the time.
//!
//! The rules are those of OTP's `supervisor`, whose documentation names them:
//! <https://www.erlang.org/doc/apps/stdlib/supervisor.html>. `tree` does what is decided here.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::rule::Restart;

/// Which children are started again when one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// Only the one that ended.
    #[default]
    OneForOne,
    /// All of them: the others are stopped first, in reverse order.
    OneForAll,
    /// The one that ended and those that were started after it.
    RestForOne,
}

/// Whether a supervisor ends when significant children end by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// It does not. Significant children are refused.
    #[default]
    Never,
    /// It ends with the first of them.
    AnySignificant,
    /// It ends with the last of them.
    AllSignificant,
}

/// What follows from the end of a child, before the intensity is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterExit {
    /// It counts as a restart.
    Restart,
    /// It stays ended, and its spec is kept.
    Keep,
    /// It stays ended, and its spec is forgotten.
    Forget,
}

/// The restart rule. `normal` is the end with [`Normal`](super::Exit::Normal) or [`Shutdown`](super::Exit::Shutdown).
pub(crate) fn after_exit(restart: Restart, normal: bool) -> AfterExit {
    match (restart, normal) {
        (Restart::Permanent, _) | (Restart::Transient, false) => AfterExit::Restart,
        (Restart::Transient, true) => AfterExit::Keep,
        (Restart::Temporary, _) => AfterExit::Forget,
    }
}

/// The children that a restart of the child `failed` takes along. Children are numbered in start order.
///
/// They are stopped from the last to the first and started from the first to the last; temporary ones are
/// stopped and forgotten.
pub(crate) fn restarted(strategy: Strategy, failed: u64) -> RangeInclusive<u64> {
    match strategy {
        Strategy::OneForOne => failed..=failed,
        Strategy::OneForAll => 0..=u64::MAX,
        Strategy::RestForOne => failed..=u64::MAX,
    }
}

/// Whether the end of a child for good ends its supervisor.
///
/// `others` says for each other significant child whether it is alive; one that is being restarted is.
pub(crate) fn shuts_down(rule: AutoShutdown, significant: bool, others: impl IntoIterator<Item = bool>) -> bool {
    significant
        && match rule {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => !others.into_iter().any(|alive| alive),
        }
}

/// Counts restarts against the intensity. Times are durations since any fixed moment.
#[derive(Debug, Clone)]
pub(crate) struct Intensity {
    limit: usize,
    period: Duration,
    recent: VecDeque<Duration>,
}

/// The answer to one more restart, with the count of those within the period, this one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Within(usize),
    Exceeded(usize),
}

impl Intensity {
    pub(crate) fn new(limit: u32, period: Duration) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), period, recent: VecDeque::new() }
    }

    /// Counts one more restart. A restart that lies back exactly the period still counts, as in OTP.
    pub(crate) fn add(&mut self, now: Duration) -> Count {
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|at| now.saturating_sub(*at) > self.period) {
            self.recent.pop_front();
        }
        let count = self.recent.len();
        if count > self.limit { Count::Exceeded(count) } else { Count::Within(count) }
    }
}

#[cfg(test)]
mod tests;
