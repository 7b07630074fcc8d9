//! The grammars of label selectors and field selectors, as API servers read them, and whether an object can match.

use std::collections::BTreeMap;

use crate::message::Message;
use crate::name::is_dns_subdomain;

/// What a requirement asks of a label or a field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked<'a> {
    OneOf(Vec<&'a str>),
    NoneOf(Vec<&'a str>),
    Present,
    Absent,
}

/// Everything that a selector asks of one label or field.
#[derive(Debug, Default)]
struct Wish<'a>(Vec<Asked<'a>>);

impl Wish<'_> {
    /// Whether some value, or none, does.
    fn can_be_met(&self) -> bool {
        let Wish(asked) = self;
        let present = asked.iter().any(|asked| matches!(asked, Asked::OneOf(_) | Asked::Present));
        if asked.contains(&Asked::Absent) {
            return !present;
        }
        let mut lists = asked.iter().filter_map(|asked| match asked {
            Asked::OneOf(values) => Some(values),
            _ => None,
        });
        let meets = |value: &&str| {
            asked.iter().all(|asked| match asked {
                Asked::OneOf(values) => values.contains(value),
                Asked::NoneOf(values) => !values.contains(value),
                Asked::Present | Asked::Absent => true,
            })
        };
        lists.next().is_none_or(|values| values.iter().any(meets))
    }
}

/// The first label or field of which too much is asked.
fn contradiction<'a>(asked: impl IntoIterator<Item = (&'a str, Asked<'a>)>) -> Option<&'a str> {
    let mut wishes: BTreeMap<&str, Wish<'_>> = BTreeMap::new();
    for (key, asked) in asked {
        let wish = wishes.entry(key).or_default();
        wish.0.push(asked);
        if !wish.can_be_met() {
            return Some(key);
        }
    }
    None
}

/// Checks a label selector: requirements with commas between them.
pub(crate) fn check_labels(selector: &str) -> Result<(), Message> {
    let asked = split(selector).into_iter().map(|requirement| check_label(requirement.trim()));
    match contradiction(asked.collect::<Result<Vec<_>, _>>()?) {
        Some(key) => Err(Message::LabelsContradict { key: key.to_owned() }),
        None => Ok(()),
    }
}

/// Checks a field selector: `path=value`, `path==value` or `path!=value`, with commas between them.
pub(crate) fn check_fields(selector: &str) -> Result<(), Message> {
    match contradiction(fields(selector)?) {
        Some(path) => Err(Message::FieldsContradict { path: path.to_owned() }),
        None => Ok(()),
    }
}

/// The namespace that a field selector asks for.
pub(crate) fn namespace(selector: &str) -> Option<&str> {
    fields(selector).ok()?.into_iter().find_map(|(path, asked)| match asked {
        Asked::OneOf(values) if path == "metadata.namespace" => values.first().copied(),
        _ => None,
    })
}

fn fields(selector: &str) -> Result<Vec<(&str, Asked<'_>)>, Message> {
    split_fields(selector).into_iter().map(|requirement| check_field(requirement.trim())).collect()
}

/// Whether a text is the key of a label or an annotation.
pub(crate) fn is_key(key: &str) -> bool {
    let fault = || Message::LabelKey { written: key.to_owned() };
    check_key(key, fault).is_ok()
}

fn check_label(requirement: &str) -> Result<(&str, Asked<'_>), Message> {
    let fault = || Message::LabelRequirement { written: requirement.to_owned() };
    if let Some(key) = requirement.strip_prefix('!') {
        check_key(key.trim(), fault)?;
        return Ok((key.trim(), Asked::Absent));
    }
    if let Some((head, rest)) = requirement.split_once('(') {
        let values = rest.trim_end().strip_suffix(')').ok_or_else(fault)?;
        let mut words = head.split_whitespace();
        let (Some(key), Some(operator @ ("in" | "notin")), None) = (words.next(), words.next(), words.next()) else {
            return Err(fault());
        };
        check_key(key, fault)?;
        let values: Vec<&str> = values.split(',').map(str::trim).collect();
        values.iter().try_for_each(|value| check_value(value, fault))?;
        return Ok((key, if operator == "in" { Asked::OneOf(values) } else { Asked::NoneOf(values) }));
    }
    for operator in ["!=", "==", "="] {
        if let Some((key, value)) = requirement.split_once(operator) {
            check_key(key.trim(), fault)?;
            check_value(value.trim(), fault)?;
            let values = vec![value.trim()];
            return Ok((key.trim(), if operator == "!=" { Asked::NoneOf(values) } else { Asked::OneOf(values) }));
        }
    }
    for operator in ['>', '<'] {
        if let Some((key, value)) = requirement.split_once(operator) {
            check_key(key.trim(), fault)?;
            return if value.trim().parse::<i64>().is_ok() { Ok((key.trim(), Asked::Present)) } else { Err(fault()) };
        }
    }
    check_key(requirement, fault)?;
    Ok((requirement, Asked::Present))
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

fn check_field(requirement: &str) -> Result<(&str, Asked<'_>), Message> {
    let fault = || Message::FieldRequirement { written: requirement.to_owned() };
    let at = requirement.find('=').ok_or_else(fault)?;
    let (path, is_not) = match requirement[..at].strip_suffix('!') {
        Some(path) => (path.trim(), true),
        None => (requirement[..at].trim(), false),
    };
    let value = requirement[at + 1..].strip_prefix('=').unwrap_or(&requirement[at + 1..]);
    let is_path = !path.is_empty()
        && path.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/[]'\"".contains(&byte))
        });
    if !is_path || has_bare_operator(value) {
        return Err(fault());
    }
    let values = vec![value.trim()];
    Ok((path, if is_not { Asked::NoneOf(values) } else { Asked::OneOf(values) }))
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
            "app=web,app=web,app",
            "app in (web, api),app!=web",
            "app!=web,!app",
            "app notin (web),app notin (api)",
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
            ("app=web,app=api", "LabelsContradict"),
            ("app,tier=db,!app", "LabelsContradict"),
            ("app=web,!app", "LabelsContradict"),
            ("app in (web, api),app notin (api),app!=web", "LabelsContradict"),
            ("replicas>3,!replicas", "LabelsContradict"),
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
            "metadata.name!=a,metadata.name!=b",
        ] {
            assert_eq!(check_fields(good), Ok(()), "{good}");
        }
        for bad in ["status.phase", "=Running", "a b=c", "status.phase=a=b", "status..phase=a", "a=b,", "a in (b)"] {
            assert!(check_fields(bad).is_err(), "{bad}");
        }
        let told = check_fields("metadata.name=a,status.phase=Running,metadata.name=b").map_err(|told| told.name());
        assert_eq!(told, Err("FieldsContradict"));
        assert_eq!(namespace("status.phase=Running,metadata.namespace=a"), Some("a"));
        assert_eq!(namespace("metadata.namespace!=a"), None);
    }
}
