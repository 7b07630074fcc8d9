//! Durations as they are written in options: whole numbers, each with a unit, as in `1m30s`.

/// What is wrong with a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not follow the grammar.
    Grammar,
    /// It is longer than a year, which no delay of an operator is meant to be.
    TooLong,
}

/// A year, in milliseconds.
const LONGEST: u64 = 365 * 24 * 3_600_000;

/// The milliseconds of `text`.
pub(crate) fn parse(text: &str) -> Result<u64, Fault> {
    let mut rest = text;
    let mut sum = 0_u64;
    if rest.is_empty() {
        return Err(Fault::Grammar);
    }
    while !rest.is_empty() {
        let (digits, tail) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
        let (unit, tail) = tail.split_at(tail.bytes().take_while(u8::is_ascii_alphabetic).count());
        let unit = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(Fault::Grammar),
        };
        if digits.is_empty() {
            return Err(Fault::Grammar);
        }
        let count: u64 = digits.parse().map_err(|_| Fault::TooLong)?;
        sum = count.checked_mul(unit).and_then(|part| sum.checked_add(part)).ok_or(Fault::TooLong)?;
        rest = tail;
    }
    whole(sum)
}

/// A number of milliseconds, where it is not too long.
pub(crate) fn whole(millis: u64) -> Result<u64, Fault> {
    if millis <= LONGEST { Ok(millis) } else { Err(Fault::TooLong) }
}

/// Milliseconds as their shortest duration, for messages.
pub(crate) fn print(millis: u64) -> String {
    for (unit, name) in [(3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
        if millis >= unit && millis.is_multiple_of(unit) {
            return format!("{}{name}", millis / unit);
        }
    }
    format!("{millis}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, expect| assert_eq!(parse(text), expect, "{text}");
        check("30s", Ok(30_000));
        check("5ms", Ok(5));
        check("1m30s", Ok(90_000));
        check("2h", Ok(7_200_000));
        check("1s500ms", Ok(1_500));
        check("0s", Ok(0));
        check("8760h", Ok(LONGEST));
        check("8760h1ms", Err(Fault::TooLong));
        check("99999999999999999999h", Err(Fault::TooLong));
        check("18446744073709551615h", Err(Fault::TooLong));
        for bad in ["", "s", "30", "1.5s", "30 s", "-1s", "1d", "30S", "1sm", "30sec", "１s", "5m3"] {
            check(bad, Err(Fault::Grammar));
        }
    }

    #[test]
    fn durations_print_in_their_largest_unit() {
        assert_eq!([90_000, 60_000, 7_200_000, 5, 1_000].map(print), ["90s", "1m", "2h", "5ms", "1s"]);
    }
}
