//! The grammars of texts inside of objects: names of ports and variables, keys, addresses, percentages.

use std::net::IpAddr;

use serde_json::Value;

use super::at::{At, Faults};
use crate::field::name;

/// The name of a port.
pub(super) fn port_name(name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if name.len() > 15 {
        wrong.push("must be no more than 15 characters".to_owned());
    }
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') || name.is_empty() {
        wrong.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !name.contains(|c: char| c.is_ascii_lowercase()) {
        wrong.push("must contain at least one letter (a-z)".to_owned());
    }
    if name.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_owned());
    }
    if name.starts_with('-') || name.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_owned());
    }
    wrong
}

/// An address or a name at which a service is reached from outside, as its status tells it.
pub(super) fn reached(ingress: &At<'_>, f: &mut Faults) {
    let (ip, host) = (ingress.field("ip"), ingress.field("hostname"));
    f.follows_if_set(&ip, self::ip);
    if !host.is_empty() {
        name::dns1123_subdomain(host.text()).into_iter().for_each(|wrong| f.invalid(&host, wrong));
        if host.text().parse::<IpAddr>().is_ok() {
            f.invalid(&host, "must be a DNS name, not an IP address");
        }
    }
}

/// A name of C's kind.
pub(super) fn c_identifier(text: &str) -> Vec<String> {
    let is_good = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match is_good {
        true => Vec::new(),
        false => vec![
            "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric \
             characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is \
             '[A-Za-z_][A-Za-z0-9_]*')"
                .to_owned(),
        ],
    }
}

/// The number or the name of a port.
pub(super) fn port_or_name(at: &At<'_>, f: &mut Faults) {
    match at.value {
        Value::String(_) => f.follows(at, port_name),
        _ => f.port(at),
    }
}

/// A key of a ConfigMap or a Secret.
pub(super) fn config_key(key: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if key.len() > 253 {
        wrong.push("must be no more than 253 characters".to_owned());
    }
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        wrong.push(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
             'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                .to_owned(),
        );
    }
    match key {
        "." | ".." => wrong.push(format!("must not be '{key}'")),
        key if key.starts_with("..") => wrong.push("must not start with '..'".to_owned()),
        _ => {}
    }
    wrong
}

/// The name of an environment variable.
pub(super) fn variable(name: &str) -> Vec<String> {
    if !name.is_empty() && name.chars().all(|c| (' '..='~').contains(&c) && c != '=') {
        return Vec::new();
    }
    vec!["a valid environment variable name must consist only of printable ASCII characters other than '='".to_owned()]
}

/// An address, in its plain form.
pub(super) fn ip(text: &str) -> Vec<String> {
    let bare = |part: &str| part.trim_start_matches('0').to_owned();
    let plain = |part: &str| if bare(part).is_empty() && !part.is_empty() { "0".to_owned() } else { bare(part) };
    let shorter = || text.split('.').map(plain).collect::<Vec<_>>().join(".");
    let wrong = match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => "must not be an IPv4-mapped IPv6 address",
        Ok(_) => return Vec::new(),
        Err(_) if shorter().parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()) => "must not have leading 0s",
        Err(_) => "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
    };
    vec![wrong.to_owned()]
}

/// An address at which something else can be reached, not the machine itself or its link.
pub(super) fn elsewhere(at: &At<'_>, f: &mut Faults) {
    let Ok(ip) = at.text().parse::<IpAddr>() else { return };
    let v6 = |bits: u16, mask: u16| matches!(ip, IpAddr::V6(ip) if ip.segments()[0] & mask == bits);
    let v4 = |first: &[u8]| matches!(ip, IpAddr::V4(ip) if ip.octets().starts_with(first));
    let wrong = match ip {
        _ if ip.is_unspecified() => format!("may not be unspecified ({ip})"),
        _ if ip.is_loopback() => "may not be in the loopback range (127.0.0.0/8, ::1/128)".to_owned(),
        _ if v4(&[169, 254]) || v6(0xfe80, 0xffc0) => {
            "may not be in the link-local range (169.254.0.0/16, fe80::/10)".to_owned()
        }
        _ if v4(&[224, 0, 0]) || v6(0xff02, 0xff0f) => {
            "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".to_owned()
        }
        _ => return,
    };
    f.invalid(at, wrong);
}

/// A network and the length of its prefix; none where the text is no network.
pub(super) fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let (address, length) = (address.parse::<IpAddr>().ok()?, length.parse::<u8>().ok()?);
    let longest = if address.is_ipv4() { 32 } else { 128 };
    (length <= longest).then_some((address, length))
}

pub(super) fn cidr(text: &str) -> Vec<String> {
    match network(text) {
        Some((address, length)) if !is_start(address, length) => {
            vec!["must not have bits set beyond the prefix length".to_owned()]
        }
        Some(_) => Vec::new(),
        None => vec!["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)".to_owned()],
    }
}

/// Whether an address is the first of its network.
fn is_start(address: IpAddr, length: u8) -> bool {
    match address {
        IpAddr::V4(address) => u32::from(address).checked_shl(length.into()).unwrap_or(0) == 0,
        IpAddr::V6(address) => u128::from(address).checked_shl(length.into()).unwrap_or(0) == 0,
    }
}

const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or \
                       '93%', regex used for validation is '[0-9]+%')";

/// The number of percents in a text.
pub(super) fn percent(text: &str) -> Option<u32> {
    let digits = text.strip_suffix('%').filter(|digits| !digits.is_empty())?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().unwrap_or(u32::MAX))
}

/// A number that is not negative, or a percentage.
pub(super) fn count_or_percent(at: &At<'_>, f: &mut Faults) {
    match at.value {
        Value::String(text) if percent(text).is_none() => f.invalid(at, PERCENT),
        Value::String(_) => {}
        _ => f.not_negative(at),
    }
}

/// A percentage may not be more than the whole.
pub(super) fn not_over_whole(at: &At<'_>, f: &mut Faults) {
    if percent(at.text()).is_some_and(|percent| percent > 100) {
        f.invalid(at, "must not be greater than 100%");
    }
}

/// Whether it is 0 or 0 percent.
pub(super) fn is_none(at: &At<'_>) -> bool {
    match at.value {
        Value::String(text) => percent(text).unwrap_or(0) == 0,
        _ => at.number() == 0,
    }
}

/// A path inside of a volume, which may not leave it.
pub(super) fn inner_path(path: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if path.starts_with('/') {
        wrong.push("must be a relative path".to_owned());
    }
    wrong.extend(no_back_steps(path));
    wrong
}

/// A path that does not step back.
pub(super) fn no_back_steps(path: &str) -> Vec<String> {
    match path.split('/').any(|part| part == "..") {
        true => vec!["must not contain '..'".to_owned()],
        false => Vec::new(),
    }
}

/// A path that the user of a volume names; it may not look like the server's own either.
pub(super) fn file_path(path: &str) -> Vec<String> {
    let mut wrong = inner_path(path);
    if wrong.is_empty() && path.starts_with("..") {
        wrong.push("must not start with '..'".to_owned());
    }
    wrong
}

/// A host with a wildcard as its first label.
pub(super) fn wildcard_host(host: &str) -> Vec<String> {
    let is_good =
        host.len() <= 253 && host.strip_prefix("*.").is_some_and(|rest| name::dns1123_subdomain(rest).is_empty());
    if is_good {
        return Vec::new();
    }
    vec![
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of \
         lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. \
         '*.example.com', regex used for validation is \
         '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            .to_owned(),
    ]
}
