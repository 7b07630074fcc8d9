//! Owns the judgement on a child that is to show signs of life. OTP asks for none.

use std::time::Duration;

/// What is known of a child at the end of its health limit. Times are durations since one fixed moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// It lives: look again at this time.
    LooksAgain(Duration),
    /// It has shown no sign of life for the limit.
    Deaf,
}

/// Judges at `now` a child that showed its last sign at `last`. It was to be looked at when `due`.
///
/// Where the look itself is late by more than the limit, the clock jumped or the process stood still, and the child
/// had no chance to show anything: it gets one more limit.
pub(crate) fn judge(limit: Duration, last: Duration, due: Duration, now: Duration) -> Pulse {
    let next = last.saturating_add(limit);
    if next > now {
        Pulse::LooksAgain(next)
    } else if now.saturating_sub(due) > limit {
        Pulse::LooksAgain(now.saturating_add(limit))
    } else {
        Pulse::Deaf
    }
}
