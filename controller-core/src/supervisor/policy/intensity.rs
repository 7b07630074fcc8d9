//! Owns the count of restarts against `intensity` and `period`.

use std::collections::VecDeque;
use std::time::Duration;

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
