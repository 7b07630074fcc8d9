//! Owns the time between the end of a child and its restart, where its spec asks for one. OTP has none.

use std::time::Duration;

/// A delay that doubles from restart to restart, up to a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delay {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

impl Delay {
    /// The delay after so many restarts in a row.
    pub(crate) fn after(self, streak: u32) -> Duration {
        let doubled = 1_u32.checked_shl(streak).map_or(self.max, |times| self.min.saturating_mul(times));
        doubled.min(self.max)
    }

    /// Whether a child that ran for so long begins a new row: it was well for longer than the longest delay.
    pub(crate) fn forgives(self, uptime: Duration) -> bool {
        uptime > self.max
    }
}
