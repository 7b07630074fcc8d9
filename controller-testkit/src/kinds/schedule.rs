//! The times at which a CronJob runs: five fields, or a word for them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The names that a field knows for its numbers, from the lowest on.
type Names = &'static [&'static str];

struct Bounds {
    low: u32,
    high: u32,
    names: Names,
}

const MONTHS: Names = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: Names = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Bounds; 5] = [
    Bounds { low: 0, high: 59, names: &[] },
    Bounds { low: 0, high: 23, names: &[] },
    Bounds { low: 1, high: 31, names: &[] },
    Bounds { low: 1, high: 12, names: MONTHS },
    Bounds { low: 0, high: 6, names: DAYS },
];

/// Words, and what they stand for.
const WORDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// When something is to happen, again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// At these minutes, hours, days of the month, months and days of the week.
    Fields([Field; 5]),
    Every(SignedDuration),
}

/// The numbers that one field may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Field {
    /// A bit for each.
    numbers: u64,
    /// It is the same whatever its number.
    is_any: bool,
}

impl Field {
    fn has(self, number: i8) -> bool {
        self.numbers >> number & 1 == 1
    }
}

/// So many days are looked through for the last time before now, or else so many more: not each of the many times that
/// may have been missed.
const LOOKED_THROUGH: [i64; 3] = [1, 32, 366];

/// Whoever finds no time within so many years finds none.
const YEARS: i16 = 5;

impl Schedule {
    /// Reads a schedule; the error says why it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.contains("TZ") {
            return Err("cannot use TZ or CRON_TZ in schedule, use timeZone field instead".to_owned());
        }
        if text.starts_with('@') {
            return word(text);
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() != FIELDS.len() {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", words.len(), words.join(" ")));
        }
        let mut fields = [Field::default(); 5];
        for ((word, bounds), field) in words.iter().zip(&FIELDS).zip(&mut fields) {
            for part in word.split(',').filter(|part| !part.is_empty()) {
                let part = range(part, bounds)?;
                field.numbers |= part.numbers;
                field.is_any |= part.is_any;
            }
        }
        Ok(Self::Fields(fields))
    }

    /// The first time after this one, by the clocks of a zone.
    pub(crate) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let [minutes, hours, days, months, weekdays] = match self {
            Self::Fields(fields) => fields,
            // Whole seconds, as robfig/cron has it.
            Self::Every(wait) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                return whole.checked_add(SignedDuration::from_secs(wait.as_secs().max(1))).ok();
            }
        };
        let minute = |at: Timestamp| Timestamp::from_second(at.as_second() - at.as_second().rem_euclid(60)).ok();
        let mut at = minute(after)?.checked_add(1.minute()).ok()?;
        let last = at.to_zoned(zone.clone()).year().saturating_add(YEARS);
        loop {
            let local = at.to_zoned(zone.clone());
            if local.year() > last {
                return None;
            }
            let of_week = local.weekday().to_sunday_zero_offset();
            let day = match days.is_any || weekdays.is_any {
                true => days.has(local.day()) && weekdays.has(of_week),
                false => days.has(local.day()) || weekdays.has(of_week),
            };
            let start = |date: jiff::civil::Date| date.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
            // To the next time that one of them lets through, the greatest first.
            at = if !months.has(local.month()) {
                start(local.date().first_of_month().checked_add(1.month()).ok()?)?
            } else if !day {
                start(local.date().tomorrow().ok()?)?
            } else if !hours.has(local.hour()) {
                at.checked_add(i64::from(60 - local.minute()).minutes()).ok()?
            } else if !minutes.has(local.minute()) {
                at.checked_add(1.minute()).ok()?
            } else {
                return Some(at);
            };
        }
    }
}

impl Schedule {
    /// The last time that has come since some other.
    pub(crate) fn last(&self, since: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let first = self.next(since, zone).filter(|first| *first <= now)?;
        let second = self.next(first, zone);
        if let (Self::Every(_), Some(second)) = (self, second) {
            let wait = second.duration_since(first).as_secs();
            let times = now.duration_since(first).as_secs() / wait;
            return first.checked_add(SignedDuration::from_secs(times * wait)).ok();
        }
        let within = |span: SignedDuration| {
            let from = now.checked_sub(span).map_or(first, |from| from.max(first));
            let mut last = (from == first).then_some(first);
            let mut at = from;
            while let Some(next) = self.next(at, zone).filter(|next| *next <= now) {
                (last, at) = (Some(next), next);
            }
            last
        };
        let between = second.map_or(SignedDuration::MAX, |second| second.duration_since(first));
        let spans = LOOKED_THROUGH.map(|days| SignedDuration::from_hours(24 * days));
        [between].into_iter().chain(spans).chain([SignedDuration::MAX]).find_map(within)
    }
}

fn word(text: &str) -> Result<Schedule, String> {
    if let Some((_, fields)) = WORDS.iter().find(|(word, _)| *word == text) {
        return Schedule::parse(fields);
    }
    let wait = text.strip_prefix("@every ").ok_or_else(|| format!("unrecognized descriptor: {text}"))?;
    let unreadable = || format!("failed to parse duration {text}: time: invalid duration \"{wait}\"");
    duration(wait).map(Schedule::Every).ok_or_else(unreadable)
}

/// A duration as Go writes it: `1h30m`.
fn duration(text: &str) -> Option<SignedDuration> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number: f64 = rest[..rest.len() - after.len()].parse().ok()?;
        let (unit, left) = UNITS.iter().find_map(|(name, unit)| Some((unit, after.strip_prefix(name)?)))?;
        seconds += number * unit;
        rest = left;
    }
    SignedDuration::try_from_secs_f64(seconds).ok().filter(|_| !text.is_empty())
}

fn range(part: &str, bounds: &Bounds) -> Result<Field, String> {
    let (span, step) = match part.split('/').collect::<Vec<_>>().as_slice() {
        [span] => (*span, None),
        [span, step] => (*span, Some(*step)),
        _ => return Err(format!("too many slashes: {part}")),
    };
    let (low, high) = match span.split('-').collect::<Vec<_>>().as_slice() {
        ["*" | "?", ..] => (bounds.low, bounds.high),
        [single] => {
            let single = value(single, bounds)?;
            (single, if step.is_some() { bounds.high } else { single })
        }
        [low, high] => (value(low, bounds)?, value(high, bounds)?),
        _ => return Err(format!("too many hyphens: {part}")),
    };
    let is_whole = matches!(span.split('-').next(), Some("*" | "?"));
    let step = step.map_or(Ok(1), number)?;
    if low < bounds.low {
        return Err(format!("beginning of range ({low}) below minimum ({}): {part}", bounds.low));
    }
    if high > bounds.high {
        return Err(format!("end of range ({high}) above maximum ({}): {part}", bounds.high));
    }
    if low > high {
        return Err(format!("beginning of range ({low}) beyond end of range ({high}): {part}"));
    }
    match step {
        0 => Err(format!("step of range should be a positive number: {part}")),
        _ => {
            let numbers = (low..=high).step_by(step as usize).fold(0, |numbers, number| numbers | 1 << number);
            Ok(Field { numbers, is_any: is_whole && step == 1 })
        }
    }
}

fn value(text: &str, bounds: &Bounds) -> Result<u32, String> {
    let named = bounds.names.iter().zip(bounds.low..).find(|(name, _)| name.eq_ignore_ascii_case(text));
    match named {
        Some((_, number)) => Ok(number),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u32, String> {
    let fault = || format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax");
    text.parse::<u32>().map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(schedule: &str, zone: &str, after: &str) -> Vec<String> {
        let schedule = Schedule::parse(schedule).expect("a schedule");
        let zone = TimeZone::get(zone).expect("a zone");
        let mut at: Timestamp = after.parse().expect("a moment");
        let mut next = || {
            at = schedule.next(at, &zone)?;
            Some(at.to_string())
        };
        std::iter::from_fn(&mut next).take(3).collect()
    }

    #[test]
    fn the_next_times_are_those_of_the_fields() {
        let check = |schedule, after, expect: &[&str]| assert_eq!(times(schedule, "UTC", after), expect, "{schedule}");
        let now = "2026-02-27T09:59:30Z";
        check("* * * * *", now, &["2026-02-27T10:00:00Z", "2026-02-27T10:01:00Z", "2026-02-27T10:02:00Z"]);
        check("*/20 8-9 * * *", now, &["2026-02-28T08:00:00Z", "2026-02-28T08:20:00Z", "2026-02-28T08:40:00Z"]);
        check("0 0 29 feb ?", now, &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z", "2036-02-29T00:00:00Z"]);
        check("0 0 31 2 *", now, &[]);
        // The days of the month and of the week: either, where both are named.
        check("0 12 1 * mon", now, &["2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z", "2026-03-09T12:00:00Z"]);
        check("0 12 */2 * mon", now, &["2026-02-27T12:00:00Z", "2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z"]);
        check("@monthly", now, &["2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z"]);
        check("@every 1m30s", now, &["2026-02-27T10:01:00Z", "2026-02-27T10:02:30Z", "2026-02-27T10:04:00Z"]);
    }

    #[test]
    fn clocks_that_are_changed_leave_out_an_hour_or_have_it_twice() {
        let check = |after, expect: &[&str]| assert_eq!(times("30 2 * * *", "Europe/Berlin", after), expect);
        check("2026-03-28T00:00:00Z", &["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"]);
        check("2026-10-25T00:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn the_last_time_is_found_however_many_were_missed() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a moment");
        let check = |schedule: &str, since, now, expect: Option<&str>| {
            let schedule = Schedule::parse(schedule).expect("a schedule");
            assert_eq!(schedule.last(at(since), at(now), &TimeZone::UTC), expect.map(at));
        };
        let now = "2026-02-27T09:59:30Z";
        check("* * * * *", "1970-01-01T00:00:00Z", now, Some("2026-02-27T09:59:00Z"));
        check("0 0 29 2 *", "2020-01-01T00:00:00Z", now, Some("2024-02-29T00:00:00Z"));
        check("0,1 0 1 1 *", "2020-01-01T00:00:00Z", now, Some("2026-01-01T00:01:00Z"));
        check("0 10 * * *", "2026-02-26T10:00:00Z", now, None);
        check("@every 7s", "2026-02-27T09:59:00Z", now, Some("2026-02-27T09:59:28Z"));
    }
}
