//! Owns time: the wall clock that users read and the monotonic clock that deadlines use.
//!
//! Both come from tokio's clock, so paused time (`tokio::time::pause`) moves the whole operator.

use jiff::Timestamp;
use tokio::time::Instant;

/// The operator's clock: a wall time that advances with tokio's monotonic time.
///
/// A test on paused time sees both stand still together, and a step of the machine's wall clock while the
/// operator runs never moves a deadline.
///
/// ```
/// use controller_core::env::Clock;
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
/// # runtime.block_on(async {
/// let clock = Clock::starting_at("2026-01-01T00:00:00Z".parse()?);
/// tokio::time::advance(std::time::Duration::from_secs(5)).await;
/// assert_eq!(clock.now().to_string(), "2026-01-01T00:00:05Z");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Clock {
    started: Timestamp,
    origin: Instant,
}

impl Clock {
    /// The machine's wall clock, read once here and carried on by tokio's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this room owns time")]
    pub fn system() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// A clock that shows `started` now: the same run shows the same times.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this room owns time")]
    pub fn starting_at(started: Timestamp) -> Self {
        Self { started, origin: Instant::now() }
    }

    /// The wall time. Past the last time that a timestamp can hold it stays there.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let passed = self.instant().saturating_duration_since(self.origin);
        self.started.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// The monotonic time that deadlines are counted in.
    #[expect(clippy::disallowed_methods, reason = "this room owns time")]
    pub(crate) fn instant(&self) -> Instant {
        Instant::now()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}
