//! How long ago something was, in few letters.

use jiff::Timestamp;

/// The time since a timestamp as a table prints it: `5s`, `3m20s`, `2d`; `absent` where there is none.
pub(super) fn since(timestamp: Option<&str>, now: Timestamp, absent: &str) -> String {
    match timestamp.map(str::parse::<Timestamp>) {
        None => absent.to_owned(),
        Some(Err(_)) => "<invalid>".to_owned(),
        Some(Ok(then)) => human(now.duration_since(then).as_secs()),
    }
}

/// A duration in seconds, with fewer units the longer it is.
pub(super) fn human(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let two = |unit: i64, name: &str, lesser: i64, lesser_name: &str| match (seconds / unit, seconds % unit / lesser) {
        (whole, 0) => format!("{whole}{name}"),
        (whole, rest) => format!("{whole}{name}{rest}{lesser_name}"),
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if seconds < 10 * MINUTE => two(MINUTE, "m", 1, "s"),
        _ if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        _ if seconds < 8 * HOUR => two(HOUR, "h", MINUTE, "m"),
        _ if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        _ if seconds < 8 * DAY => two(DAY, "d", HOUR, "h"),
        _ if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        _ if seconds < 8 * YEAR => two(YEAR, "y", DAY, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}
