//! URLs as Go's `net/url` reads them: why one can't be read, in its words.
//!
//! Only what a webhook's URL can have is looked at; what is opaque or relative is left to others.

/// Why Go can't read it, if it can't.
pub(super) fn fault(text: &str) -> Option<String> {
    let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
    whole(rest).or_else(|| escapes(fragment, Place::Other))
}

fn whole(text: &str) -> Option<String> {
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Some("net/url: invalid control character in URL".to_owned());
    }
    if text.starts_with(':') {
        return Some("missing protocol scheme".to_owned());
    }
    let (_, rest) = text.split_once("://")?;
    let rest = rest.split('?').next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    self::host(host).or_else(|| escapes(user, Place::Other)).or_else(|| escapes(path, Place::Other))
}

fn host(host: &str) -> Option<String> {
    let Some(literal) = host.strip_prefix('[') else {
        if let Some((_, port)) = host.split_once(':')
            && let Some(fault) = port_fault(port)
        {
            return Some(fault);
        }
        return escapes(host, Place::Host);
    };
    let Some((address, port)) = literal.rsplit_once(']') else { return Some("missing ']' in host".to_owned()) };
    match port.strip_prefix(':') {
        Some(port) => port_fault(port),
        None if port.is_empty() => None,
        None => Some(format!("invalid port {port:?} after host")),
    }
    .or_else(|| match address.split_once("%25") {
        Some((address, zone)) => escapes(address, Place::Host).or_else(|| escapes(zone, Place::Zone)),
        None => escapes(address, Place::Host),
    })
}

fn port_fault(port: &str) -> Option<String> {
    (!port.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| format!("invalid port {:?} after host", format!(":{port}")))
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Host,
    /// Of an address in version 6.
    Zone,
    Other,
}

/// Whether every `%` begins an escape that may stand there, and, in a host, nothing stands plain that may not.
fn escapes(text: &str, place: Place) -> Option<String> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%' {
            let end = (at + 3).min(bytes.len());
            let escape = String::from_utf8_lossy(&bytes[at..end]);
            let code = escape.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            // In a host only what is no ASCII is written so.
            let may_stand = match (place, code) {
                (_, None) => false,
                (Place::Other, _) => true,
                (Place::Host, Some(code)) => code >= 0x80 || &*escape == "%25",
                (Place::Zone, Some(code)) => &*escape == "%25" || code == b' ' || !is_kept_from_hosts(code),
            };
            if !may_stand {
                return Some(format!("invalid URL escape {escape:?}"));
            }
            at = end;
            continue;
        }
        if place != Place::Other && byte.is_ascii() && is_kept_from_hosts(*byte) {
            return Some(format!("invalid character {:?} in host name", char::from(*byte).to_string()));
        }
        at += 1;
    }
    None
}

fn is_kept_from_hosts(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && !b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a kube-apiserver v1.37.2 answered to each.
    #[test]
    fn urls_are_read_as_go_reads_them() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(fault(text).as_deref(), expect, "{text}");
        check("https://a/x%20y", None);
        check("https://a/ x", None);
        check("https://a/x?y=%zz", None);
        check("https://a%20b/x", Some(r#"invalid URL escape "%20""#));
        check("https://a/%zz", Some(r#"invalid URL escape "%zz""#));
        check("https://a%zz/x", Some(r#"invalid URL escape "%zz""#));
        check("https://u%zz@a/x", Some(r#"invalid URL escape "%zz""#));
        check("https://a/x%", Some(r#"invalid URL escape "%""#));
        check("https://[::1/x", Some("missing ']' in host"));
        check("https://a:b/x", Some(r#"invalid port ":b" after host"#));
        check("https://a b/x", Some(r#"invalid character " " in host name"#));
        check("://a", Some("missing protocol scheme"));
    }
}
