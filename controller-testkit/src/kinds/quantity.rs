//! Quantities in the one spelling that the API answers: `1000m` is `1`, `1024Mi` is `1Gi`, `0.5` is `500m`.

use std::cmp::Ordering;
use std::fmt;

/// Suffixes of the decimal system from the smallest, each a thousand times the one before; the first is 10⁻⁹.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/// Suffixes of the binary system, each 1024 times the one before.
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

const NANO: i128 = 1_000_000_000;

/// The canonical spelling; `None` where the text is none or too large to say.
pub(super) fn canonical(text: &str) -> Option<String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    if let Some(power) = BINARY.iter().position(|known| *known == suffix).filter(|power| *power > 0) {
        let nano = nano(number)?.checked_mul(1024_i128.checked_pow(u32::try_from(power).ok()?)?)?;
        return in_binary(nano);
    }
    let power = DECIMAL.iter().position(|known| *known == suffix)?;
    let nano = nano(number)?;
    let value = match power.checked_sub(3) {
        Some(up) => nano.checked_mul(1000_i128.checked_pow(u32::try_from(up).ok()?)?)?,
        None => {
            let down = 1000_i128.checked_pow(u32::try_from(3 - power).ok()?)?;
            nano.checked_add(down - 1)?.div_euclid(down)
        }
    };
    Some(in_decimal(value))
}

/// So many billionths with a suffix of the binary system. Fractions of a byte do not exist; they are rounded up.
fn in_binary(nano: i128) -> Option<String> {
    let mut value = round_up(nano)?;
    let mut power = 0;
    while value != 0 && value % 1024 == 0 && power + 1 < BINARY.len() {
        value /= 1024;
        power += 1;
    }
    Some(format!("{value}{}", BINARY[power]))
}

/// So many billionths with a suffix of the decimal system.
fn in_decimal(mut value: i128) -> String {
    if value == 0 {
        return "0".to_owned();
    }
    let mut power = 0;
    while value % 1000 == 0 && power + 1 < DECIMAL.len() {
        value /= 1000;
        power += 1;
    }
    format!("{value}{}", DECIMAL[power])
}

/// The amount in billionths, rounded up; `None` where the text is no quantity or too large to say.
pub(crate) fn nanos(text: &str) -> Option<i128> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    if number.is_empty() {
        return None;
    }
    let nano = nano(number)?;
    if let Some(power) = BINARY.iter().position(|known| *known == suffix) {
        return nano.checked_mul(1024_i128.checked_pow(u32::try_from(power).ok()?)?);
    }
    let power = i32::try_from(DECIMAL.iter().position(|known| *known == suffix)?).ok()? - 3;
    let factor = 1000_i128.checked_pow(power.unsigned_abs())?;
    match power {
        0.. => nano.checked_mul(factor),
        _ => Some(nano.checked_add(factor - 1)?.div_euclid(factor)),
    }
}

/// An amount of less than thousandths, rounded up to them; none where there is nothing to round.
pub(super) fn in_thousandths(text: &str) -> Option<String> {
    const MILLI: i128 = NANO / 1000;
    let nanos = nanos(text)?;
    if nanos % MILLI == 0 {
        return None;
    }
    canonical(&format!("{}m", nanos.checked_add(MILLI - 1)?.div_euclid(MILLI)))
}

/// A decimal number in billionths, rounded up.
fn nano(number: &str) -> Option<i128> {
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let (kept, rest) = fraction.split_at(fraction.len().min(9));
    let kept: i128 = format!("{kept:0<9}").parse().ok()?;
    let rest = i128::from(rest.bytes().any(|byte| byte != b'0'));
    let value = whole.checked_mul(NANO)?.checked_add(kept)?.checked_add(rest)?;
    Some(if negative { -value } else { value })
}

fn round_up(nano: i128) -> Option<i128> {
    Some(nano.checked_add(NANO - 1)?.div_euclid(NANO))
}

/// A quantity to reckon with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Amount {
    nanos: i128,
    /// Whether it is written with the suffixes of the binary system.
    is_binary: bool,
}

/// The amount that a text says.
pub(crate) fn amount(text: &str) -> Option<Amount> {
    Some(Amount { nanos: nanos(text)?, is_binary: text.ends_with('i') })
}

impl Amount {
    /// So many whole ones.
    pub(crate) fn of(count: i64) -> Self {
        Amount { nanos: i128::from(count) * NANO, is_binary: false }
    }

    pub(crate) fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Both together, written as the first one that is something.
    pub(super) fn plus(self, other: Self) -> Self {
        let is_binary = if self.is_zero() { other.is_binary } else { self.is_binary };
        Amount { nanos: self.nanos.saturating_add(other.nanos), is_binary }
    }

    /// What it is more than the other one, if it is more.
    pub(crate) fn beyond(self, other: Self) -> Option<Self> {
        let nanos = self.nanos.saturating_sub(other.nanos);
        (nanos > 0).then_some(Amount { nanos, ..self })
    }

    /// In whole ones, rounded up.
    pub(crate) fn rounded(self) -> Self {
        Amount { nanos: self.whole().saturating_mul(NANO), ..self }
    }

    /// How often the other one is in it.
    pub(super) fn share_of(self, other: Self) -> f64 {
        self.thousandths() as f64 / other.thousandths() as f64
    }

    /// Whether that is more or less than `bound`.
    pub(super) fn compare_share_of(self, other: Self, bound: Self) -> Ordering {
        let (share, bound) = (self.share_of(other) * 1000.0, bound.thousandths() as f64);
        share.total_cmp(&bound)
    }

    /// In whole ones, rounded up.
    pub(crate) fn whole(self) -> i128 {
        self.nanos.saturating_add(NANO - 1).div_euclid(NANO)
    }

    /// In thousandths, rounded up.
    pub(crate) fn thousandths(self) -> i128 {
        self.nanos.saturating_add(999_999).div_euclid(1_000_000)
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Amount {}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_binary = self.is_binary.then(|| in_binary(self.nanos)).flatten();
        f.write_str(&in_binary.unwrap_or_else(|| in_decimal(self.nanos)))
    }
}
