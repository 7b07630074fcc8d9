//! Owns how long a failed key waits: doubling from a smallest wait up to a largest, with jitter.

use std::time::Duration;

/// The bounds between which a key's wait doubles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new((min, max): (Duration, Duration)) -> Self {
        Self { min, max: max.max(min) }
    }

    /// The wait after the `failures`th failure in a row: between half of the doubled wait and all of it, so that
    /// keys that failed together do not come back together.
    pub(crate) fn delay(self, failures: u32, rng: &mut fastrand::Rng) -> Duration {
        let doubled = 1u32.checked_shl(failures.saturating_sub(1)).and_then(|factor| self.min.checked_mul(factor));
        let whole = doubled.map_or(self.max, |wait| wait.min(self.max));
        let half = whole / 2;
        half + half.mul_f64(rng.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(failures: u32, between: (u64, u64)) {
        let backoff = Backoff::new((Duration::from_millis(5), Duration::from_secs(60)));
        for seed in 0..50 {
            let delay = backoff.delay(failures, &mut fastrand::Rng::with_seed(seed)).as_micros();
            assert!((u128::from(between.0)..=u128::from(between.1)).contains(&delay), "{delay} µs after {failures}");
        }
    }

    #[test]
    fn it_doubles_from_five_milliseconds_to_the_cap() {
        check(1, (2_500, 5_000));
        check(2, (5_000, 10_000));
        check(3, (10_000, 20_000));
        check(10, (1_280_000, 2_560_000));
        check(14, (20_480_000, 40_960_000));
        check(15, (30_000_000, 60_000_000));
        check(33, (30_000_000, 60_000_000));
        check(u32::MAX, (30_000_000, 60_000_000));
    }

    #[test]
    fn the_largest_wait_is_never_below_the_smallest() {
        let backoff = Backoff::new((Duration::from_secs(2), Duration::from_secs(1)));
        assert!(backoff.delay(9, &mut fastrand::Rng::with_seed(1)) >= Duration::from_secs(1));
    }
}
