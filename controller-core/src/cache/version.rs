//! Owns the order of resourceVersions.
//!
//! They are decimal integers of any length within one resource (KEP-5504). A server that writes something else is
//! still served: such versions are equal or different, and neither is the newer one.

use std::cmp::Ordering;
use std::fmt;

/// The version of an object, or of a list.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ResourceVersion(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    /// Every server of today: a decimal integer that fits.
    Small(u64),
    /// A longer integer, or no integer at all.
    Text(Box<str>),
}

impl ResourceVersion {
    pub(crate) fn new(text: &str) -> Self {
        match text.parse::<u64>() {
            Ok(number) if is_canonical(text) => Self(Form::Small(number)),
            _ => Self(Form::Text(text.into())),
        }
    }

    pub(super) fn of(number: u64) -> Self {
        Self(Form::Small(number))
    }

    /// The number, where it fits.
    pub(super) fn number(&self) -> Option<u64> {
        match self.0 {
            Form::Small(number) => Some(number),
            Form::Text(_) => None,
        }
    }

    /// Whether this one is known to be older than `other`.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Less)
    }
}

/// A canonical integer has one spelling, so equal numbers are equal texts.
fn is_canonical(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

impl PartialOrd for ResourceVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (&self.0, &other.0) {
            (Form::Small(a), Form::Small(b)) => Some(a.cmp(b)),
            (Form::Text(a), Form::Text(b)) if a == b => Some(Ordering::Equal),
            (Form::Text(a), Form::Text(b)) if is_canonical(a) && is_canonical(b) => {
                Some(a.len().cmp(&b.len()).then_with(|| a.cmp(b)))
            }
            // A canonical text that did not become a number is greater than each one that did.
            (Form::Small(_), Form::Text(b)) if is_canonical(b) => Some(Ordering::Less),
            (Form::Text(a), Form::Small(_)) if is_canonical(a) => Some(Ordering::Greater),
            _ => None,
        }
    }
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Small(number) => write!(f, "{number}"),
            Form::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_integers_of_any_length_else_by_equality() {
        use Ordering::{Equal, Greater, Less};
        let check = |a: &str, b: &str, expect: Option<Ordering>| {
            let (a, b) = (ResourceVersion::new(a), ResourceVersion::new(b));
            assert_eq!(a.partial_cmp(&b), expect, "{a} against {b}");
            assert_eq!(b.partial_cmp(&a), expect.map(Ordering::reverse), "{b} against {a}");
            assert_eq!(a == b, expect == Some(Equal), "{a} equals {b}");
        };
        check("9", "10", Some(Less));
        check("10", "10", Some(Equal));
        check("18446744073709551615", "18446744073709551616", Some(Less));
        check("99999999999999999999", "100000000000000000000", Some(Less));
        check("100000000000000000001", "100000000000000000000", Some(Greater));
        check("7", "99999999999999999999", Some(Less));
        check("abc", "abc", Some(Equal));
        check("abc", "abd", None);
        check("007", "7", None);
        check("+7", "7", None);
        check("", "0", None);
    }

    #[test]
    fn a_version_prints_as_it_came() {
        for text in ["0", "42", "18446744073709551616", "007", "+7", "a-b", ""] {
            assert_eq!(ResourceVersion::new(text).to_string(), text);
        }
    }
}
