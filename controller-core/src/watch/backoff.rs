//! Owns how long one watch waits before it asks again. Each watch has its own, so that one that is refused holds
//! back no other.

use std::time::Duration;

/// The first wait after a failure, and what the doubling ends at.
const FAILURE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// For what a person has to mend: a kind that is not installed, a permission that is not granted.
const REFUSAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// The failures in a row, and the waits that follow from them.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    rng: fastrand::Rng,
}

impl Backoff {
    pub(super) fn new(rng: fastrand::Rng) -> Self {
        Self { failures: 0, rng }
    }

    /// Something useful came: the next failure is the first.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// After a failure that may pass by itself.
    pub(super) fn failure(&mut self) -> Duration {
        self.next(FAILURE)
    }

    /// After a refusal that somebody has to mend.
    pub(super) fn refusal(&mut self) -> Duration {
        self.next(REFUSAL)
    }

    /// At once the first time: a server that forgot a version has not failed. Then as after a failure.
    pub(super) fn soon(&mut self) -> Duration {
        if self.failures == 0 {
            self.failures = 1;
            return Duration::ZERO;
        }
        self.failure()
    }

    /// Not before the server said, and a little later, so that those it told do not come all at once.
    pub(super) fn not_before(&mut self, asked: Duration) -> Duration {
        let own = self.failure();
        own.max(asked + asked.mul_f64(0.1 * self.rng.f64()))
    }

    /// How long the server is asked to keep a watch open: below its usual limit, and not the same for all.
    pub(super) fn watch_seconds(&mut self) -> u32 {
        self.rng.u32(270..=290)
    }

    /// Between half of the doubled wait and all of it.
    fn next(&mut self, (first, last): (Duration, Duration)) -> Duration {
        let doubled = first.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(last);
        self.failures = self.failures.saturating_add(1);
        doubled.mul_f64(0.5 + 0.5 * self.rng.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(fastrand::Rng::with_seed(7))
    }

    #[test]
    fn waits_double_up_to_their_limit_and_start_again_after_a_success() {
        let mut backoff = backoff();
        let mut limit = Duration::from_millis(100);
        for _ in 0..40 {
            let wait = backoff.failure();
            assert!(wait <= limit && wait >= limit / 2, "{wait:?} of {limit:?}");
            limit = (limit * 2).min(Duration::from_secs(30));
        }
        backoff.succeeded();
        assert!(backoff.failure() <= Duration::from_millis(100));
    }

    #[test]
    fn a_server_that_says_when_is_not_asked_earlier() {
        let mut backoff = backoff();
        for _ in 0..5 {
            let wait = backoff.not_before(Duration::from_secs(40));
            assert!(wait >= Duration::from_secs(40) && wait <= Duration::from_secs(44), "{wait:?}");
        }
    }

    #[test]
    fn the_first_list_after_a_forgotten_version_is_at_once() {
        let mut backoff = backoff();
        assert_eq!(backoff.soon(), Duration::ZERO);
        assert!(backoff.soon() > Duration::ZERO);
    }
}
