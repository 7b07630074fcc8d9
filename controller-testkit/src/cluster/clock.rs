//! The cluster's clock: wall time that is derived from a start and tokio's own clock.
//!
//! The only room of the testkit that asks for the time of day. Everything else is handed a timestamp, so a test
//! under tokio's paused time sees a cluster whose time stands still until the test moves it.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Turns tokio's clock into timestamps.
pub(crate) struct Clock {
    started_at: Timestamp,
    /// Taken at the first question rather than when the cluster is built: a cluster may be built before the
    /// runtime that pauses its time.
    origin: OnceLock<Instant>,
}

impl Clock {
    /// A clock that reads `started_at` when it is first asked.
    pub(crate) fn starting_at(started_at: Timestamp) -> Self {
        Clock { started_at, origin: OnceLock::new() }
    }

    /// A clock that shows the machine's time.
    #[expect(clippy::disallowed_methods, reason = "this room owns the testkit's time")]
    pub(crate) fn of_the_machine() -> Self {
        Clock::starting_at(Timestamp::now())
    }

    /// The time that the clock shows first.
    pub(crate) fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = self.origin().elapsed();
        SignedDuration::try_from(elapsed)
            .ok()
            .and_then(|elapsed| self.started_at.checked_add(elapsed).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// The moment on tokio's clock at which [`Clock::now`] has reached `at`, rounded up to a whole millisecond
    /// since tokio's timers fire on those.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        let ahead = at.duration_since(self.started_at);
        let ahead = Duration::try_from(ahead).unwrap_or(Duration::ZERO);
        self.origin() + ahead
    }

    #[expect(clippy::disallowed_methods, reason = "this room owns the testkit's time")]
    fn origin(&self) -> Instant {
        *self.origin.get_or_init(Instant::now)
    }
}
