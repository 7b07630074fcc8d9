//! Owns how many runs may begin in what time: a bucket of tokens that fills up evenly.
//!
//! A bucket is one number, the moment at which it is full again (the generic cell rate algorithm): nothing ticks, and
//! no fraction of a token is lost to rounding.

use std::time::Duration;

use super::moment::Moment;

/// So many runs in so much time, and so many at once from a full bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// The time that one token takes to come back.
    interval: Duration,
    /// What the bucket may be ahead of the time: all of its tokens but one.
    slack: Duration,
}

impl Rate {
    pub(crate) fn new(runs: u32, per: Duration, burst: u32) -> Self {
        let interval = (per / runs.max(1)).max(Duration::from_nanos(1));
        Self { interval, slack: interval.saturating_mul(burst.saturating_sub(1)) }
    }
}

/// The tokens that are left, at some rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    full_at: Moment,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { full_at: Moment::START }
    }
}

impl Bucket {
    /// When there is a token to take: in the past where there is one.
    pub(super) fn free_at(self, rate: Rate) -> Moment {
        Moment::START.after(self.full_at.since(Moment::START).saturating_sub(rate.slack))
    }

    /// Takes a token. Whoever did not wait for one is in debt to those who come after.
    pub(super) fn take(&mut self, rate: Rate, now: Moment) {
        self.full_at = self.full_at.max(now).after(rate.interval);
    }

    /// Whether the bucket says nothing that a new one would not.
    pub(super) fn is_full(self, now: Moment) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::START.after(Duration::from_millis(millis))
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_one_an_interval() {
        let rate = Rate::new(10, Duration::from_secs(1), 3);
        let mut bucket = Bucket::default();
        let mut given = Vec::new();
        for millis in 5_000..5_500 {
            while bucket.free_at(rate) <= at(millis) {
                bucket.take(rate, at(millis));
                given.push(millis);
            }
        }
        assert_eq!(given, [5_000, 5_000, 5_000, 5_100, 5_200, 5_300, 5_400]);
        assert!(!bucket.is_full(at(5_699)) && bucket.is_full(at(5_700)));
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let slow = Rate::new(1, Duration::MAX, u32::MAX);
        let mut bucket = Bucket::default();
        (0..3).for_each(|_| bucket.take(slow, at(u64::MAX)));
        assert!(bucket.free_at(slow) <= at(0), "the slack is longer than any time");
        let fast = Rate::new(u32::MAX, Duration::from_nanos(1), 1);
        bucket = Bucket::default();
        bucket.take(fast, at(1));
        assert!(bucket.free_at(fast) > at(1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// In any span of time no more begin than the burst and what comes back in it, and none is kept back for more.
        #[test]
        fn no_span_of_time_sees_more_than_burst_and_rate(
            runs in 1u32..50,
            per in 1u64..5_000,
            burst in 1u32..20,
            waits in proptest::collection::vec(0u64..300, 1..200),
        ) {
            let rate = Rate::new(runs, Duration::from_millis(per), burst);
            let mut bucket = Bucket::default();
            let mut now = Moment::START;
            let mut given: Vec<Moment> = Vec::new();
            for wait in waits {
                now = now.after(Duration::from_millis(wait));
                let asked = now;
                now = now.max(bucket.free_at(rate));
                bucket.take(rate, now);
                if now > asked {
                    // It had to wait, so some span that ends here saw all that is allowed.
                    let all = |(at, from): (usize, &Moment)| {
                        let allowed = u128::from(burst) + now.since(*from).as_nanos() / rate.interval.as_nanos();
                        (given.len() - at + 1) as u128 == allowed
                    };
                    prop_assert!(given.iter().enumerate().any(all), "it waited for nothing");
                }
                given.push(now);
            }
            for (first, from) in given.iter().enumerate() {
                for (more, until) in given[first..].iter().enumerate() {
                    let allowed = u128::from(burst) + until.since(*from).as_nanos() / rate.interval.as_nanos();
                    prop_assert!((more as u128) < allowed, "{} of {allowed}", more + 1);
                }
            }
        }
    }
}
