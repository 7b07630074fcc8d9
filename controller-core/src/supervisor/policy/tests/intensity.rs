//! The count of restarts.

use super::super::*;
use std::time::Duration;

#[test]
fn restarts_expire() {
    let check = |limit, period, times: &[u64], expect: Count| {
        let mut intensity = Intensity::new(limit, Duration::from_millis(period));
        let counts = times.iter().map(|time| intensity.add(Duration::from_millis(*time)));
        assert_eq!(counts.last(), Some(expect), "{limit} in {period}: {times:?}");
    };
    check(3, 5_000, &[0, 1, 2], Count::Within(3));
    check(3, 5_000, &[0, 1, 2, 3], Count::Exceeded(4));
    check(3, 5_000, &[0, 1, 2, 5_000], Count::Exceeded(4));
    check(3, 5_000, &[0, 1, 2, 5_001], Count::Within(3));
    check(0, 1, &[0], Count::Exceeded(1));
    check(1, 1, &[0, 2, 4, 6], Count::Within(1));
    check(u32::MAX, 1, &[0, 0, 0], Count::Within(3));
}

#[test]
fn a_clock_that_steps_back_forgets_nothing() {
    let mut intensity = Intensity::new(1, Duration::from_secs(1));
    assert_eq!(intensity.add(Duration::from_secs(10)), Count::Within(1));
    assert_eq!(intensity.add(Duration::from_secs(3)), Count::Exceeded(2));
}
