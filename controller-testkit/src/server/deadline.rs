//! How long a request may take, as its `timeout` says it in Go's words. It is read for its mistakes: whoever is in
//! process, or on loopback, is answered before any deadline.

use http::Method;
use http::request::Parts;

use super::query::Query;
use crate::field::echo::quote;
use crate::status::ApiError;

/// Refuses a deadline that can't be read. Watches have none.
pub(super) fn check(head: &Parts) -> Result<(), ApiError> {
    let Some(text) = head.uri.query().filter(|query| query.contains("timeout=")) else { return Ok(()) };
    let query = Query::parse(Some(text));
    let timeout = query.get("timeout").unwrap_or_default();
    if timeout.is_empty() || head.method == Method::GET && query.flag("watch") == Some(true) {
        return Ok(());
    }
    misread(timeout).map_or(Ok(()), |why| {
        Err(ApiError::bad_request(format!("invalid timeout specified in the request URL - time: {why}")))
    })
}

/// Why a text is no duration, as Go's `time.ParseDuration` says it.
fn misread(text: &str) -> Option<String> {
    const UNITS: [(&str, u64); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("\u{b5}s", 1_000),
        ("\u{3bc}s", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let invalid = || Some(format!("invalid duration {}", quote(text)));
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return None;
    }
    if rest.is_empty() {
        return invalid();
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (part, after) = after.strip_prefix('.').map_or(("", after), digits);
        if whole.is_empty() && part.is_empty() {
            return invalid();
        }
        let unit = after.find(|letter: char| letter == '.' || letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        if unit.is_empty() {
            return Some(format!("missing unit in duration {}", quote(text)));
        }
        let Some((_, nanoseconds)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Some(format!("unknown unit {} in duration {}", quote(unit), quote(text)));
        };
        let whole = if whole.is_empty() { Ok(0) } else { whole.parse::<u64>() };
        let sum = whole.ok().and_then(|whole| whole.checked_mul(*nanoseconds)).and_then(|one| total.checked_add(one));
        match sum.filter(|sum| *sum <= 1 << 63) {
            Some(sum) => total = sum,
            None => return invalid(),
        }
        rest = after;
    }
    None
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for good in ["0", "0s", "-1s", "+5m", "1h30m5s", "1500ms", "1.5h", ".5s", "5.s", "2us", "2\u{b5}s"] {
            assert_eq!(misread(good), None, "{good}");
        }
        for (bad, why) in [
            ("", "invalid duration \"\""),
            ("soon", "invalid duration \"soon\""),
            ("-", "invalid duration \"-\""),
            (".s", "invalid duration \".s\""),
            ("5", "missing unit in duration \"5\""),
            ("1h5", "missing unit in duration \"1h5\""),
            ("5d", "unknown unit \"d\" in duration \"5d\""),
            ("99999999999999999999s", "invalid duration \"99999999999999999999s\""),
            ("9999999999s9999999999s", "invalid duration \"9999999999s9999999999s\""),
        ] {
            assert_eq!(misread(bad).as_deref(), Some(why));
        }
    }
}
