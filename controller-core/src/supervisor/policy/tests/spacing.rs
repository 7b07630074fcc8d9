//! Delays between restarts, and the judgement on signs of life.

use std::time::Duration;

use super::super::*;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn delays_double_up_to_their_cap() {
    let delay = Delay { min: ms(10), max: ms(65) };
    let delays: Vec<_> = [0, 1, 2, 3, 4, 31, 32, u32::MAX].map(|streak| delay.after(streak).as_millis()).to_vec();
    assert_eq!(delays, [10, 20, 40, 65, 65, 65, 65, 65]);
    assert_eq!(Delay { min: Duration::MAX, max: Duration::MAX }.after(7), Duration::MAX);
    assert!(!delay.forgives(ms(65)) && delay.forgives(ms(66)));
}

#[test]
fn a_child_is_deaf_after_its_limit_unless_the_clock_jumped() {
    let check = |last, due, now, expect| assert_eq!(judge(ms(100), ms(last), ms(due), ms(now)), expect);
    check(0, 100, 100, Pulse::Deaf);
    check(1, 100, 100, Pulse::LooksAgain(ms(101)));
    check(0, 100, 200, Pulse::Deaf);
    check(0, 100, 201, Pulse::LooksAgain(ms(301)));
    check(0, 100, 1_000_000, Pulse::LooksAgain(ms(1_000_100)));
    check(500, 600, 90, Pulse::LooksAgain(ms(600)));
}
