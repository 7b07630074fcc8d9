//! The forms that each option takes, and the grammars of their values.

use quote::ToTokens as _;
use syn::parse::Parser;

use super::{BACKOFF_MILLIS, Backoff, Escalation, Given, Limit, RateLimit, Shutdown, read, unknown};
use crate::duration;
use crate::entry::{self, Entry, Form, Spanned, Value, ValueKind};
use crate::errors::{Errors, written};
use crate::kinds;
use crate::message::Message;
use crate::name;

/// A grammar's answer for a value that breaks it.
fn hold(
    value: Spanned<String>,
    good: bool,
    errors: &mut Errors,
    message: impl FnOnce(String) -> Message,
) -> Option<Spanned<String>> {
    if good {
        return Some(value);
    }
    let message = message(value.value.clone());
    errors.push(&value, message);
    None
}

pub(super) fn api_version(entry: &Entry, errors: &mut Errors) -> Option<Spanned<String>> {
    let value = entry.value(errors)?.text_or_word("api_version", errors)?;
    let alone = !value.value.contains('/') && !name::is_kubernetes_version(&value.value);
    let group = kinds::version_of(&value.value).filter(|_| alone);
    let good = group.is_none() && name::is_api_version(&value.value);
    hold(value, good, errors, |written| match group {
        Some(meant) => Message::GroupAlone { group: written, meant: meant.into() },
        None => Message::ApiVersionGrammar { written },
    })
}

pub(super) fn kind(entry: &Entry, errors: &mut Errors) -> Option<Spanned<String>> {
    let value = entry.value(errors)?.text_or_word("kind", errors)?;
    let good = name::is_kind(&value.value);
    hold(value, good, errors, |written| {
        let meant = kinds::respelt(&written).map_or_else(|| name::camel(&written), |builtin| builtin.kind.to_owned());
        Message::KindGrammar { written, meant }
    })
}

pub(super) fn plural(entry: &Entry, errors: &mut Errors) -> Option<Spanned<String>> {
    let value = entry.value(errors)?.text("plural", errors)?;
    let good = name::is_dns_label(&value.value);
    hold(value, good, errors, |written| Message::PluralGrammar { written })
}

pub(super) fn controller_name(entry: &Entry, errors: &mut Errors) -> Option<Spanned<String>> {
    let value = entry.value(errors)?.text("name", errors)?;
    let good = name::is_kebab(&value.value);
    hold(value, good, errors, |written| {
        let meant = name::kebab(&written).unwrap_or_else(|| String::from("pod-watcher"));
        Message::NameGrammar { written, meant }
    })
}

pub(super) fn namespaces(entry: &Entry, errors: &mut Errors) -> Option<Spanned<Option<Vec<String>>>> {
    let value = entry.value(errors)?;
    let tokens = value.tokens.clone();
    if value.is_word("all") {
        return Some(Spanned { value: None, tokens });
    }
    let items = match &value.kind {
        ValueKind::List(items) if !items.is_empty() => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    let mut names: Vec<String> = Vec::new();
    let mut whole = true;
    for item in items {
        if matches!(&item.kind, ValueKind::Text(text) if text == "*") {
            let (option, forms) = (String::from("namespace"), String::from("`namespace = all`"));
            errors.push(&item.tokens, Message::WrongValue { option, written: written(&item.tokens), forms });
            whole = false;
            continue;
        }
        let name = item.text("namespace", errors).and_then(|item| {
            let good = name::is_dns_label(&item.value);
            hold(item, good, errors, |written| Message::NamespaceGrammar { written })
        });
        match name {
            None => whole = false,
            Some(name) if names.contains(&name.value) => {
                errors.push(&name, Message::NamespaceTwice { written: name.value.clone() });
                whole = false;
            }
            Some(name) => names.push(name.value),
        }
    }
    whole.then_some(Spanned { value: Some(names), tokens })
}

pub(super) fn selector_text(
    entry: &Entry,
    check: impl FnOnce(&str) -> Result<(), Message>,
    errors: &mut Errors,
) -> Option<Spanned<String>> {
    let value = entry.value(errors)?.text(&entry.key.to_string(), errors)?;
    match check(&value.value) {
        Ok(()) => Some(value),
        Err(message) => {
            errors.push(&value, message);
            None
        }
    }
}

pub(super) fn limit(entry: &Entry, errors: &mut Errors) -> Option<Spanned<Limit>> {
    let value = entry.value(errors)?;
    if value.is_word("off") {
        return Some(Spanned { value: Limit::Off, tokens: value.tokens.clone() });
    }
    let option = entry.key.to_string();
    let millis = value.duration(&option, &format!("`{option} = off`"), errors)?;
    Some(Spanned { value: Limit::Millis(millis.value), tokens: millis.tokens })
}

pub(super) fn concurrency(entry: &Entry, errors: &mut Errors) -> Option<Spanned<u64>> {
    let value = entry.value(errors)?;
    let message = match &value.kind {
        ValueKind::Int(count @ 1..=10_000) => return Some(Spanned { value: *count, tokens: value.tokens.clone() }),
        ValueKind::Text(text) if text.parse::<u64>().is_ok() => {
            Message::QuotedNumber { option: "concurrency".into(), written: text.clone() }
        }
        _ => Message::ConcurrencyRange { written: format!("`{}`", written(&value.tokens)) },
    };
    errors.push(&value.tokens, message);
    None
}

/// `backoff("5ms", "60s")`, or either of them by its name.
pub(super) fn backoff(entry: &Entry, errors: &mut Errors) -> Option<Backoff> {
    let list = entry.list(errors)?;
    let parts = entry::cut(list.stream());
    let named = parts.iter().any(|(part, _)| part.iter().any(|token| token.to_string() == "="));
    let (mut min, mut max) = (Given::Absent, Given::Absent);
    if named {
        for entry in entry::parse(list.stream(), entry::example(&entry.key.to_string()), errors)? {
            let duration = |entry: &Entry, errors: &mut Errors| {
                entry.value(errors)?.duration("backoff", "a wait from `1ms`", errors)
            };
            match entry.key.to_string().as_str() {
                "min" => read(&mut min, &entry, errors, duration),
                "max" => read(&mut max, &entry, errors, duration),
                _ => unknown(&entry, &["min", "max"], errors),
            }
        }
    } else if let [(first, _), (second, _)] = parts.as_slice() {
        for (place, part) in [(&mut min, first), (&mut max, second)] {
            let duration = Value::alone(part).duration("backoff", "a wait from `1ms`", errors);
            *place = duration.map_or(Given::Bad, Given::Good);
        }
    } else {
        let example = String::from("backoff(\"5ms\", \"60s\")");
        let message = Message::WrongValue {
            option: "backoff".into(),
            written: written(list),
            forms: format!("the first wait and the longest, as in `{example}`"),
        };
        errors.push(list, message);
        return None;
    }
    let default = |millis| Spanned { value: millis, tokens: list.stream() };
    let unwritten = match (&min, &max) {
        (Given::Good(_), Given::Absent) => Some(("min", "longer than the longest wait", "max", BACKOFF_MILLIS.1)),
        (Given::Absent, Given::Good(_)) => Some(("max", "shorter than the first wait", "min", BACKOFF_MILLIS.0)),
        _ => None,
    };
    let min = match min {
        Given::Good(min) => min,
        Given::Absent => default(BACKOFF_MILLIS.0),
        Given::Bad => return None,
    };
    let max = match max {
        Given::Good(max) => max,
        Given::Absent => default(BACKOFF_MILLIS.1),
        Given::Bad => return None,
    };
    if min.value > max.value {
        let (first, longest) = (duration::print(min.value), duration::print(max.value));
        let message = match unwritten {
            None => Message::BackoffOrder { min: first, max: longest },
            Some((given, relation, other, default)) => Message::BackoffDefault {
                given: given.into(),
                written: if given == "min" { first } else { longest },
                relation: relation.into(),
                other: other.into(),
                default: duration::print(default),
            },
        };
        errors.push(list, message);
        return None;
    }
    Some(Backoff { min, max })
}

/// `escalate(panics = 3, within = "1m")`
pub(super) fn escalate(entry: &Entry, errors: &mut Errors) -> Option<Escalation> {
    let list = entry.list(errors)?;
    let (mut panics, mut within) = (Given::Absent, Given::Absent);
    let entries = entry::parse(list.stream(), entry::example(&entry.key.to_string()), errors)?;
    let are_known = entries.iter().all(|entry| entry.key == "panics" || entry.key == "within");
    for entry in entries {
        match entry.key.to_string().as_str() {
            "panics" => read(&mut panics, &entry, errors, count),
            "within" => read(&mut within, &entry, errors, |entry, errors| {
                entry.value(errors)?.duration("within", "a time from `1ms`", errors)
            }),
            _ => unknown(&entry, &["panics", "within"], errors),
        }
    }
    if are_known && (panics.is_absent() || within.is_absent()) {
        errors.push(list, Message::HalfEscalation {});
    }
    Some(Escalation { panics: *panics.good()?, within: within.good()?.value })
}

/// `rate_limit(runs = 10, per = "1s", burst = 20)`; without a burst as many as `runs` may begin at once.
pub(super) fn rate_limit(entry: &Entry, errors: &mut Errors) -> Option<Spanned<RateLimit>> {
    const NAMES: [&str; 3] = ["runs", "per", "burst"];
    let list = entry.list(errors)?;
    let (mut runs, mut per, mut burst) = (Given::Absent, Given::Absent, Given::Absent);
    let entries = entry::parse(list.stream(), entry::example(&entry.key.to_string()), errors)?;
    let are_known = entries.iter().all(|entry| NAMES.iter().any(|name| entry.key == name));
    for entry in entries {
        match entry.key.to_string().as_str() {
            "runs" => read(&mut runs, &entry, errors, count),
            "per" => read(&mut per, &entry, errors, |entry, errors| {
                entry.value(errors)?.duration("per", "a time from `1ms`", errors)
            }),
            "burst" => read(&mut burst, &entry, errors, count),
            _ => unknown(&entry, &NAMES, errors),
        }
    }
    if are_known && (runs.is_absent() || per.is_absent()) {
        errors.push(list, Message::HalfRateLimit { option: entry.key.to_string() });
    }
    let (runs, per) = (*runs.good()?, per.good()?.value);
    let burst = if burst.is_absent() { runs } else { *burst.good()? };
    Some(Spanned { value: RateLimit { runs, per, burst }, tokens: entry.key.to_token_stream() })
}

/// A number from 1.
fn count(entry: &Entry, errors: &mut Errors) -> Option<u32> {
    let value = entry.value(errors)?;
    let option = entry.key.to_string();
    let message = match &value.kind {
        ValueKind::Int(count) if *count > 0 && u32::try_from(*count).is_ok() => return u32::try_from(*count).ok(),
        ValueKind::Text(text) if text.parse::<u32>().is_ok() => Message::QuotedNumber { option, written: text.clone() },
        _ => {
            let forms = format!("a whole number from 1, as in `{option} = 3`");
            Message::WrongValue { option, written: written(&value.tokens), forms }
        }
    };
    errors.push(&value.tokens, message);
    None
}

pub(super) fn shutdown(entry: &Entry, errors: &mut Errors) -> Option<Shutdown> {
    let value = entry.value(errors)?;
    match &value.kind {
        ValueKind::Word(word) | ValueKind::Text(word) if !word.starts_with(|c: char| c.is_ascii_digit()) => {
            if word.is_empty() {
                value.text("shutdown", errors)?;
            }
            let word =
                value.one_of_or("shutdown", &["brutal_kill", "infinity"], ", and durations as `\"5s\"`", errors)?;
            Some(if word.value == "infinity" { Shutdown::Infinity } else { Shutdown::BrutalKill })
        }
        _ => value.duration("shutdown", "`shutdown = brutal_kill`", errors).map(|millis| Shutdown::After(millis.value)),
    }
}

/// A word that says everything by itself.
pub(super) fn word(entry: &Entry, example: &str, errors: &mut Errors) -> Option<Spanned<()>> {
    if matches!(entry.form, Form::Bare) {
        return Some(Spanned { value: (), tokens: proc_macro2::TokenTree::from(entry.key.clone()).into() });
    }
    errors.push(&entry.key, Message::WantsNothing { option: entry.key.to_string(), example: example.into() });
    None
}

pub(super) fn root(entry: &Entry, errors: &mut Errors) -> Option<syn::Path> {
    let value = entry.value(errors)?;
    let path = syn::Path::parse_mod_style.parse2(value.tokens.clone()).ok().filter(|path| {
        let first = path.segments.first().map(|segment| segment.ident.to_string());
        path.leading_colon.is_some() || matches!(first.as_deref(), Some("crate" | "$crate"))
    });
    if path.is_none() {
        errors.push(&value.tokens, Message::CratePath { written: written(&value.tokens) });
    }
    path
}
