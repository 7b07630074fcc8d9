//! The formats that Kubernetes checks, as its validator reads them.
//!
//! A format outside of this list says nothing about a value. Dashes in a format's name do not count: `date-time` and
//! `datetime` are one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use regex::Regex;

use super::Type;

/// The formats of texts, without dashes.
const TEXT: &[&str] = &[
    "bsonobjectid",
    "byte",
    "cidr",
    "creditcard",
    "date",
    "datetime",
    "duration",
    "email",
    "hexcolor",
    "hostname",
    "ipv4",
    "ipv6",
    "isbn",
    "isbn10",
    "isbn13",
    "k8slongname",
    "k8sshortname",
    "mac",
    "password",
    "rgbcolor",
    "ssn",
    "uri",
    "uuid",
    "uuid3",
    "uuid4",
    "uuid5",
];

/// Whether a format is one that is checked on values of this type; `None` is a value of any type.
pub(super) fn is_checked(format: &str, kind: Option<Type>) -> bool {
    match kind {
        None | Some(Type::String) => TEXT.contains(&normalized(format).as_str()),
        Some(Type::Integer) => matches!(format, "int32" | "int64"),
        Some(Type::Number) => matches!(format, "float" | "double"),
        Some(Type::Array | Type::Boolean | Type::Object) => false,
    }
}

/// Whether a text has the format; a format that is not checked fits every text.
pub(super) fn fits(format: &str, text: &str) -> bool {
    match normalized(format).as_str() {
        "bsonobjectid" => text.len() == 24 && is_hex(text),
        "byte" => is_base64(text),
        "cidr" => is_cidr(text),
        "creditcard" => is_credit_card(text),
        "date" => is_date(text),
        "datetime" => is_date_time(text),
        "duration" => is_duration(text),
        "email" => is_email(text),
        "hexcolor" => {
            let digits = text.strip_prefix('#').unwrap_or(text);
            matches!(digits.len(), 3 | 6) && is_hex(digits)
        }
        "hostname" => is_hostname(text),
        "ipv4" => text.contains('.') && parse_ip(text).is_some(),
        "ipv6" => text.contains(':') && parse_ip(text).is_some(),
        "isbn" => is_isbn10(text) || is_isbn13(text),
        "isbn10" => is_isbn10(text),
        "isbn13" => is_isbn13(text),
        "k8slongname" => text.len() <= 253 && text.split('.').all(is_short_name),
        "k8sshortname" => text.len() <= 63 && is_short_name(text),
        "mac" => is_mac(text),
        "rgbcolor" => matches(&RGB_COLOR, text),
        "ssn" => matches(&SSN, text),
        "uri" => is_request_uri(text),
        "uuid" => is_uuid(text, None),
        "uuid3" => is_uuid(text, Some('3')),
        "uuid4" => is_uuid(text, Some('4')),
        "uuid5" => is_uuid(text, Some('5')),
        _ => true,
    }
}

fn normalized(format: &str) -> String {
    format.replace('-', "")
}

/// A pattern of this file; one that does not compile fits nothing, and the tests would say so.
type Static = LazyLock<Option<Regex>>;

static RGB_COLOR: Static = LazyLock::new(|| {
    let byte = "(0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])";
    Regex::new(&format!("^rgb\\([ ]*{byte}[ ]*,[ ]*{byte}[ ]*,[ ]*{byte}[ ]*\\)$")).ok()
});
static SSN: Static = LazyLock::new(|| Regex::new("^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$").ok());
static HOSTNAME: Static = LazyLock::new(|| {
    let one = "[a-zA-Z0-9\\p{S}\\p{L}]((-?[a-zA-Z0-9\\p{S}\\p{L}]{0,62})?)";
    let label = "[a-zA-Z0-9\\p{S}\\p{L}](([a-zA-Z0-9\\-\\p{S}\\p{L}]{0,61}[a-zA-Z0-9\\p{S}\\p{L}])?)";
    Regex::new(&format!("^({one}|({label}(\\.)){{1,}}([a-zA-Z\\p{{L}}]){{2,63}})$")).ok()
});
static CREDIT_CARD: Static = LazyLock::new(|| {
    Regex::new(
        "^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|(222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}\
         |6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35[0-9]{3})[0-9]{11}\
         |6[27][0-9]{14})$",
    )
    .ok()
});
static DURATION_PART: Static = LazyLock::new(|| Regex::new("([0-9]+)\\s*([A-Za-zµ]+)").ok());
static TIME: Static =
    LazyLock::new(|| Regex::new("^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$").ok());

fn matches(pattern: &Static, text: &str) -> bool {
    pattern.as_ref().is_some_and(|regex| regex.is_match(text))
}

fn is_hex(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_short_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Groups of four characters, the last one padded; the empty text is none.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !text.is_empty()
        && text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '/')
}

/// A full date of RFC 3339.
fn is_date(text: &str) -> bool {
    let shaped = text.len() == 10
        && text.char_indices().all(|(index, c)| match index {
            4 | 7 => c == '-',
            _ => c.is_ascii_digit(),
        });
    shaped && text.parse::<jiff::civil::Date>().is_ok()
}

fn is_date_time(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut parts = lower.split('t');
    let (Some(date), Some(time)) = (parts.next(), parts.next()) else {
        return false;
    };
    let Some(found) = TIME.as_ref().and_then(|regex| regex.captures(time)) else {
        return false;
    };
    let at_most = |group: usize, max: &str| found.get(group).is_some_and(|part| part.as_str() <= max);
    is_date(date) && at_most(1, "23") && at_most(2, "59") && at_most(3, "59")
}

/// What Go's `time.ParseDuration` reads, or numbers with units in words as Scala has them.
fn is_duration(text: &str) -> bool {
    is_go_duration(text)
        || DURATION_PART.as_ref().is_some_and(|regex| {
            regex.captures_iter(text).any(|part| {
                part.get(2).is_some_and(|unit| {
                    let unit = unit.as_str().to_lowercase();
                    let exact = ["ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk"];
                    let openings = ["nano", "micro", "milli", "sec", "min", "hour", "day", "week"];
                    exact.contains(&unit.as_str()) || openings.iter().any(|opening| unit.starts_with(opening))
                })
            })
        })
}

fn is_go_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let digits = rest.get(..rest.len() - number.len()).unwrap_or_default();
        if digits.matches('.').count() > 1 || !digits.contains(|c: char| c.is_ascii_digit()) {
            return false;
        }
        let after = number.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.');
        let unit = number.get(..number.len() - after.len()).unwrap_or_default();
        if !["ns", "us", "µs", "μs", "ms", "s", "m", "h"].contains(&unit) {
            return false;
        }
        rest = after;
    }
    true
}

/// An address of RFC 5322, with or without a display name.
fn is_email(text: &str) -> bool {
    let text = text.trim();
    let address = match text.strip_suffix('>') {
        Some(named) => match named.rsplit_once('<') {
            Some((_, address)) => address,
            None => return false,
        },
        None => text,
    };
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let atom = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let dotted = |part: &str| part.split('.').all(|atoms| !atoms.is_empty() && atoms.chars().all(atom));
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let literal = domain.starts_with('[') && domain.ends_with(']');
    (quoted || dotted(local)) && (literal || dotted(domain))
}

fn is_hostname(text: &str) -> bool {
    text.len() <= 255 && text.split('.').all(|label| label.len() <= 63) && matches(&HOSTNAME, text)
}

/// An address, where the parts of an IPv4 address may start with zeros.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let plain: String = match text.rsplit_once(':') {
        Some((front, last)) if last.contains('.') => format!("{front}:{}", without_zeros(last)),
        Some(_) => text.to_owned(),
        None => without_zeros(text),
    };
    plain.parse::<Ipv4Addr>().map(IpAddr::V4).or_else(|_| plain.parse::<Ipv6Addr>().map(IpAddr::V6)).ok()
}

fn without_zeros(text: &str) -> String {
    let parts: Vec<&str> = text
        .split('.')
        .map(|part| match part.trim_start_matches('0') {
            "" if !part.is_empty() => "0",
            shorter => shorter,
        })
        .collect();
    parts.join(".")
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let max = match parse_ip(address) {
        Some(IpAddr::V4(_)) => 32,
        Some(IpAddr::V6(_)) => 128,
        None => return false,
    };
    !length.is_empty()
        && length.chars().all(|c| c.is_ascii_digit())
        && length.parse::<u16>().is_ok_and(|length| length <= max)
}

/// Six, eight or twenty bytes in hexadecimal, by colons, dashes or dots.
fn is_mac(text: &str) -> bool {
    let (separator, width) = match (text.contains(':'), text.contains('-')) {
        (true, false) => (':', 2),
        (false, true) => ('-', 2),
        _ => ('.', 4),
    };
    let parts: Vec<&str> = text.split(separator).collect();
    parts.iter().all(|part| part.len() == width && is_hex(part)) && matches!(parts.len() * width, 12 | 16 | 40)
}

/// What Go's `url.ParseRequestURI` takes: an absolute URI or an absolute path.
fn is_request_uri(text: &str) -> bool {
    if text.is_empty() || text.chars().any(|c| c < ' ' || c == '\u{7f}') {
        return false;
    }
    let rest = match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ if text.starts_with('/') => text,
        _ => return false,
    };
    let host = rest.strip_prefix("//").map(|rest| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    });
    has_whole_escapes(rest) && host.is_none_or(is_host)
}

/// A host with an optional port, as far as Go looks at it.
fn is_host(host: &str) -> bool {
    let host = host.rsplit('@').next().unwrap_or_default();
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((_, after)) => ("", after.strip_prefix(':').unwrap_or(after)),
            None => return false,
        },
        None => host.rsplit_once(':').unwrap_or((host, "")),
    };
    port.chars().all(|c| c.is_ascii_digit())
        && !name.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}', '[', ']'])
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn has_whole_escapes(text: &str) -> bool {
    // Go leaves the query as it is.
    let path = text.split('?').next().unwrap_or_default();
    path.split('%').skip(1).all(|after| {
        let digits: String = after.chars().take(2).collect();
        digits.len() == 2 && is_hex(&digits)
    })
}

/// Thirty-two hexadecimal digits with or without dashes at the usual places, of one version if it is said.
fn is_uuid(text: &str, version: Option<char>) -> bool {
    let mut rest = text;
    let mut parts = Vec::with_capacity(5);
    for (index, width) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
        let (Some(part), Some(after)) = (rest.get(..width), rest.get(width..)) else {
            return false;
        };
        parts.push(part);
        rest = after;
    }
    let variant = |part: &str| part.starts_with(['8', '9', 'a', 'b', 'A', 'B']);
    rest.is_empty()
        && parts.iter().all(|part| is_hex(part))
        && version.is_none_or(|version| {
            parts.get(2).is_some_and(|part| part.starts_with(version))
                && (version == '3' || parts.get(3).is_some_and(|part| variant(part)))
        })
}

fn digits_without_separators(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ' ' | '-')).collect()
}

fn is_isbn10(text: &str) -> bool {
    let digits = digits_without_separators(text);
    if digits.len() != 10 {
        return false;
    }
    let mut sum = 0;
    for (index, c) in (1..).zip(digits.chars()) {
        match c.to_digit(10) {
            Some(digit) => sum += index * digit,
            None if index == 10 && c == 'X' => sum += 100,
            None => return false,
        }
    }
    sum % 11 == 0
}

fn is_isbn13(text: &str) -> bool {
    let digits = digits_without_separators(text);
    if digits.len() != 13 {
        return false;
    }
    let mut sum = 0;
    for (index, c) in digits.chars().enumerate() {
        let Some(digit) = c.to_digit(10) else {
            return false;
        };
        sum += digit * if index % 2 == 0 { 1 } else { 3 };
    }
    sum % 10 == 0
}

fn is_credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if !matches(&CREDIT_CARD, &digits) {
        return false;
    }
    let mut sum = 0;
    for (index, digit) in digits.chars().rev().filter_map(|c| c.to_digit(10)).enumerate() {
        let doubled = if index % 2 == 1 { digit * 2 } else { digit };
        sum += if doubled > 9 { doubled - 9 } else { doubled };
    }
    sum % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn formats_take_what_kubernetes_takes() {
        for (format, good, bad) in [
            ("date", "2024-02-29", "2023-02-29"),
            ("date", "0001-01-01", "2024-1-1"),
            ("date-time", "2024-02-29T23:59:59Z", "2024-02-29 23:59:59Z"),
            ("datetime", "2024-02-29t01:02:03.5+01:00", "2024-02-29T24:00:00Z"),
            ("duration", "1h30m", "one hour"),
            ("duration", "22 ns", "5"),
            ("duration", "3 weeks", ""),
            ("byte", "aGVsbG8=", "aGVsbG8"),
            ("email", "a.b@example.com", "a.b"),
            ("email", "A B <a@b.c>", "a@b..c"),
            ("hostname", "web-1.example.com", "web_1.example.com"),
            ("hostname", "localhost", "-web"),
            ("ipv4", "192.168.010.1", "192.168.1"),
            ("ipv6", "::ffff:1.2.3.4", "1.2.3.4"),
            ("ipv6", "fe80::1", "fe80::1::2"),
            ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
            ("cidr", "fe80::/128", "fe80::"),
            ("mac", "01:23:45:67:89:ab", "01:23:45:67:89"),
            ("mac", "0123.4567.89ab", "0123.4567"),
            ("uri", "https://example.com/a?b=%zz", "example.com"),
            ("uri", "/a/b", "https://exa mple.com"),
            ("uri", "mailto:a@b.c", "http://a/%zz"),
            ("uuid", "123E4567-e89b-12d3-a456-426614174000", "123e4567"),
            ("uuid", "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g"),
            ("uuid4", "123e4567-e89b-42d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
            ("isbn", "978-0321751041", "978-0321751042"),
            ("isbn10", "0321751043", "0321751044"),
            ("isbn13", "978-0321751041", "0321751043"),
            ("creditcard", "4111-1111-1111-1111", "4111-1111-1111-1112"),
            ("ssn", "111-22-3333", "111-22-333"),
            ("hexcolor", "#ffFFff", "#ffff"),
            ("rgbcolor", "rgb(0, 255,1)", "rgb(0,256,1)"),
            ("bsonobjectid", "507f1f77bcf86cd799439011", "507f1f77"),
            ("k8s-short-name", "a-b", "a.b"),
            ("k8s-long-name", "a-b.c", "A.b"),
        ] {
            assert!(fits(format, good), "{good:?} should be a {format}");
            assert!(!fits(format, bad), "{bad:?} should be no {format}");
        }
        assert!(fits("something-else", "anything"));
        assert!(fits("password", ""));
    }
}
