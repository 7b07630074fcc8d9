//! Owns the queue's measure of time: nanoseconds since the controller's loop began.
//!
//! A count of eight bytes, since each key holds three of them; the rim turns it into an instant of the clock.

use std::time::Duration;

/// A point in time, counted from the start of the controller's loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// The start of the loop.
    pub(crate) const START: Self = Self(0);
    /// A time that does not come: five centuries on.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) fn since_start(passed: Duration) -> Self {
        Self(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX - 1))
    }

    /// A duration that does not fit ends at the last moment before never.
    pub(crate) fn after(self, wait: Duration) -> Self {
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos).min(u64::MAX - 1))
    }

    /// The time from `earlier` to here; nothing where it is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The nanoseconds since the start.
    pub(super) fn nanos(self) -> u64 {
        self.0
    }

    pub(crate) fn is_never(self) -> bool {
        self == Self::NEVER
    }
}
