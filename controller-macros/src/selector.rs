//! The grammars of label selectors and field selectors, as API servers read them.

use crate::message::Message;
use crate::name::is_dns_subdomain;

/// Checks a label selector: requirements with commas between them.
pub(crate) fn check_labels(selector: &str) -> Result<(), Message> {
    for requirement in split(selector) {
        check_label(requirement.trim())?;
    }
    Ok(())
}

/// Checks a field selector: `path=value`, `path==value` or `path!=value`, with commas between them.
pub(crate) fn check_fields(selector: &str) -> Result<(), Message> {
    for requirement in split_fields(selector) {
        check_field(requirement.trim())?;
    }
    Ok(())
}

/// Whether a text is the key of a label or an annotation.
pub(crate) fn is_key(key: &str) -> bool {
    let fault = || Message::LabelKey { written: key.to_owned() };
    check_key(key, fault).is_ok()
}

fn check_label(requirement: &str) -> Result<(), Message> {
    let fault = || Message::LabelRequirement { written: requirement.to_owned() };
    if let Some(key) = requirement.strip_prefix('!') {
        return check_key(key.trim(), fault);
    }
    if let Some((head, rest)) = requirement.split_once('(') {
        let values = rest.trim_end().strip_suffix(')').ok_or_else(fault)?;
        let mut words = head.split_whitespace();
        let (Some(key), Some("in" | "notin"), None) = (words.next(), words.next(), words.next()) else {
            return Err(fault());
        };
        check_key(key, fault)?;
        return values.split(',').try_for_each(|value| check_value(value.trim(), fault));
    }
    for operator in ["!=", "==", "="] {
        if let Some((key, value)) = requirement.split_once(operator) {
            check_key(key.trim(), fault)?;
            return check_value(value.trim(), fault);
        }
    }
    for operator in ['>', '<'] {
        if let Some((key, value)) = requirement.split_once(operator) {
            check_key(key.trim(), fault)?;
            return if value.trim().parse::<i64>().is_ok() { Ok(()) } else { Err(fault()) };
        }
    }
    check_key(requirement, fault)
}

fn check_key(key: &str, fault: impl Fn() -> Message) -> Result<(), Message> {
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(fault());
    }
    let (domain, name) = key.split_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    if domain.is_none_or(is_dns_subdomain) && is_label_name(name) {
        Ok(())
    } else {
        Err(Message::LabelKey { written: key.to_owned() })
    }
}

fn check_value(value: &str, fault: impl Fn() -> Message) -> Result<(), Message> {
    if value.contains(char::is_whitespace) || value.contains('=') {
        return Err(fault());
    }
    if value.is_empty() || is_label_name(value) {
        Ok(())
    } else {
        Err(Message::LabelValue { written: value.to_owned() })
    }
}

/// At most 63 letters, digits, `-`, `_` and `.`, with a letter or a digit at both ends.
fn is_label_name(text: &str) -> bool {
    let ends = |end: Option<u8>| end.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.bytes().next())
        && ends(text.bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn check_field(requirement: &str) -> Result<(), Message> {
    let fault = || Message::FieldRequirement { written: requirement.to_owned() };
    let at = requirement.find('=').ok_or_else(fault)?;
    let path = requirement[..at].trim_end_matches('!').trim();
    let value = requirement[at + 1..].strip_prefix('=').unwrap_or(&requirement[at + 1..]);
    let is_path = !path.is_empty()
        && path.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/[]'\"".contains(&byte))
        });
    if is_path && !has_bare_operator(value) { Ok(()) } else { Err(fault()) }
}

/// Whether a value holds an `=` that is not written `\=`.
fn has_bare_operator(value: &str) -> bool {
    let mut escaped = false;
    value.chars().any(|c| {
        let bare = c == '=' && !escaped;
        escaped = c == '\\' && !escaped;
        bare
    })
}

/// The parts between commas that stand outside parentheses.
fn split(selector: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    selector
        .split(|c: char| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .collect()
}

/// The parts between commas that are not written `\,`.
fn split_fields(selector: &str) -> Vec<&str> {
    let mut escaped = false;
    selector
        .split(|c: char| {
            let cut = c == ',' && !escaped;
            escaped = c == '\\' && !escaped;
            cut
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_selectors() {
        for good in [
            "app=web",
            "app = web, tier!=db",
            "app==web",
            "app in (web, api),!legacy",
            "example.com/tier notin (a)",
            "app",
            "app=",
            "replicas>3",
        ] {
            assert_eq!(check_labels(good), Ok(()), "{good}");
        }
        let name = |message: Message| message.name();
        for (bad, expect) in [
            ("app in web", "LabelRequirement"),
            ("app in (web", "LabelRequirement"),
            ("app=web,", "LabelRequirement"),
            ("=web", "LabelRequirement"),
            ("app is (web)", "LabelRequirement"),
            ("app=a=b", "LabelRequirement"),
            ("replicas>many", "LabelRequirement"),
            ("a b", "LabelRequirement"),
            ("app=we!b", "LabelValue"),
            ("-app=web", "LabelKey"),
            ("Example.com/app=web", "LabelKey"),
            ("a/b/c=web", "LabelKey"),
        ] {
            assert_eq!(check_labels(bad).map_err(name), Err(expect), "{bad}");
        }
    }

    #[test]
    fn field_selectors() {
        for good in [
            "status.phase=Running",
            "metadata.name==a,spec.nodeName!=",
            r"spec.note=a\,b\=c",
            "involvedObject.kind=Pod",
        ] {
            assert_eq!(check_fields(good), Ok(()), "{good}");
        }
        for bad in ["status.phase", "=Running", "a b=c", "status.phase=a=b", "status..phase=a", "a=b,", "a in (b)"] {
            assert!(check_fields(bad).is_err(), "{bad}");
        }
    }
}
