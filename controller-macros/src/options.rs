//! The attribute's options: what each may be, and what was given.
//!
//! Each option is checked by itself here; what depends on the callbacks or on another option is checked in `check`.
//! A known option that is not built yet is refused, never ignored.

use std::path::Path;

use proc_macro2::TokenStream;
use syn::parse::Parser;

use crate::duration;
use crate::entry::{self, Entry, Form, Spanned, Value, ValueKind};
use crate::errors::{Errors, written};
use crate::hint;
use crate::json::Inline;
use crate::kinds;
use crate::message::Message;
use crate::name;
use crate::schema;
use crate::selector;

/// The options, in the order in which the documentation and the messages list them.
pub(crate) const NAMES: [&str; 16] = [
    "api_version",
    "kind",
    "plural",
    "name",
    "namespace",
    "labels",
    "fields",
    "reconcile_delay",
    "on_start",
    "concurrency",
    "timeout",
    "backoff",
    "escalate",
    "schema",
    "supervisor",
    "crate",
];

/// Options whose runtime is not there yet.
const PLANNED: [&str; 6] = ["when", "finalizer", "owns", "watches", "reads", "writes"];

/// The options of `supervisor(..)`.
const SUPERVISOR: [&str; 3] = ["restart", "shutdown", "significant"];

/// Words of other tools for our options.
const FOREIGN: [(&str, &str); 24] = [
    ("panics", "escalate"),
    ("version", "api_version"),
    ("group", "api_version"),
    ("apiversion", "api_version"),
    ("gvk", "kind"),
    ("resource", "kind"),
    ("namespaces", "namespace"),
    ("label_selector", "labels"),
    ("selector", "labels"),
    ("field_selector", "fields"),
    ("resync", "reconcile_delay"),
    ("resync_period", "reconcile_delay"),
    ("interval", "reconcile_delay"),
    ("delay", "reconcile_delay"),
    ("requeue", "reconcile_delay"),
    ("workers", "concurrency"),
    ("parallelism", "concurrency"),
    ("max_concurrent_reconciles", "concurrency"),
    ("retry", "backoff"),
    ("retries", "backoff"),
    ("deadline", "timeout"),
    ("child_spec", "supervisor"),
    ("id", "name"),
    ("path", "crate"),
];

/// What was given for an option.
#[derive(Clone, Debug, Default)]
pub(crate) enum Given<T> {
    #[default]
    Absent,
    /// Given, and already reported.
    Bad,
    Good(T),
}

impl<T> Given<T> {
    pub(crate) fn good(&self) -> Option<&T> {
        match self {
            Given::Good(value) => Some(value),
            Given::Absent | Given::Bad => None,
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Given::Absent)
    }
}

/// A duration, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Off,
    Millis(u64),
}

/// The waits after failures.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    pub(crate) min: Spanned<u64>,
    pub(crate) max: Spanned<u64>,
}

/// How many panics of callbacks in how many milliseconds end the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Escalation {
    pub(crate) panics: u32,
    pub(crate) within: u64,
}

/// The waits of an operator that says nothing about them.
pub(crate) const BACKOFF_MILLIS: (u64, u64) = (5, 60_000);

/// Where the schema comes from.
#[derive(Clone, Debug)]
pub(crate) enum Schema {
    /// The absolute path of a file, which `include_str!` tracks.
    File(Spanned<String>),
    /// JSON in one line.
    Inline(String),
    /// The object's type has one; the span of the word `derive`.
    Derive(proc_macro2::Span),
}

/// How a controller is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    After(u64),
    BrutalKill,
    Infinity,
}

/// Everything the attribute says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) api_version: Given<Spanned<String>>,
    pub(crate) kind: Given<Spanned<String>>,
    pub(crate) plural: Given<Spanned<String>>,
    pub(crate) name: Given<Spanned<String>>,
    /// `None` is `all`.
    pub(crate) namespaces: Given<Spanned<Option<Vec<String>>>>,
    pub(crate) labels: Given<Spanned<String>>,
    pub(crate) fields: Given<Spanned<String>>,
    pub(crate) reconcile_delay: Given<Spanned<Limit>>,
    pub(crate) on_start: Given<Spanned<&'static str>>,
    pub(crate) concurrency: Given<Spanned<u64>>,
    pub(crate) timeout: Given<Spanned<Limit>>,
    pub(crate) backoff: Given<Backoff>,
    pub(crate) escalate: Given<Escalation>,
    pub(crate) schema: Given<Schema>,
    pub(crate) supervisor: Given<()>,
    pub(crate) restart: Given<Spanned<&'static str>>,
    pub(crate) shutdown: Given<Shutdown>,
    pub(crate) significant: Given<Spanned<()>>,
    pub(crate) root: Given<syn::Path>,
}

impl Options {
    /// Reads the options of `#[controller(tokens)]`.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Options {
        let mut options = Options::default();
        for entry in entry::parse(tokens, errors).unwrap_or_default() {
            options.take(&entry, errors);
        }
        options
    }

    fn take(&mut self, entry: &Entry, errors: &mut Errors) {
        match entry.key.to_string().as_str() {
            "api_version" => read(&mut self.api_version, entry, errors, api_version),
            "kind" => read(&mut self.kind, entry, errors, kind),
            "plural" => read(&mut self.plural, entry, errors, plural),
            "name" => read(&mut self.name, entry, errors, controller_name),
            "namespace" => read(&mut self.namespaces, entry, errors, namespaces),
            "labels" => read(&mut self.labels, entry, errors, |entry, errors| {
                selector_text(entry, selector::check_labels, errors)
            }),
            "fields" => read(&mut self.fields, entry, errors, |entry, errors| {
                selector_text(entry, selector::check_fields, errors)
            }),
            "reconcile_delay" => read(&mut self.reconcile_delay, entry, errors, limit),
            "on_start" => read(&mut self.on_start, entry, errors, |entry, errors| {
                entry.value(errors)?.one_of("on_start", &["reconcile", "add", "skip"], errors)
            }),
            "concurrency" => read(&mut self.concurrency, entry, errors, concurrency),
            "timeout" => read(&mut self.timeout, entry, errors, limit),
            "backoff" => read(&mut self.backoff, entry, errors, backoff),
            "escalate" => read(&mut self.escalate, entry, errors, escalate),
            "schema" => read(&mut self.schema, entry, errors, schema),
            "supervisor" => self.take_supervisor(entry, errors),
            "crate" => read(&mut self.root, entry, errors, root),
            key if PLANNED.contains(&key) => errors.push(&entry.key, Message::OptionNotYet { option: key.into() }),
            key if SUPERVISOR.contains(&key) => {
                let inner = match &entry.form {
                    Form::Value(value) => format!("{key} = {}", written(&value.tokens)),
                    Form::Bare | Form::List(_) => key.to_owned(),
                };
                let place = format!("supervisor({inner})");
                errors.push(&entry.key, Message::MisplacedOption { written: key.into(), place });
            }
            _ => unknown(entry, &NAMES, errors),
        }
    }

    fn take_supervisor(&mut self, entry: &Entry, errors: &mut Errors) {
        if !self.supervisor.is_absent() {
            errors.push(&entry.key, Message::OptionTwice { option: "supervisor".into() });
            return;
        }
        self.supervisor = Given::Bad;
        let Some(list) = entry.list(errors) else { return };
        let Some(entries) = entry::parse(list.stream(), errors) else { return };
        self.supervisor = Given::Good(());
        for entry in &entries {
            match entry.key.to_string().as_str() {
                "restart" => read(&mut self.restart, entry, errors, |entry, errors| {
                    entry.value(errors)?.one_of("restart", &["permanent", "transient", "temporary"], errors)
                }),
                "shutdown" => read(&mut self.shutdown, entry, errors, shutdown),
                "significant" => read(&mut self.significant, entry, errors, significant),
                _ => unknown(entry, &SUPERVISOR, errors),
            }
        }
    }
}

/// Reads one option into its place, once.
fn read<T>(
    place: &mut Given<T>,
    entry: &Entry,
    errors: &mut Errors,
    parse: impl FnOnce(&Entry, &mut Errors) -> Option<T>,
) {
    if place.is_absent() {
        *place = parse(entry, errors).map_or(Given::Bad, Given::Good);
    } else {
        errors.push(&entry.key, Message::OptionTwice { option: entry.key.to_string() });
    }
}

fn unknown(entry: &Entry, names: &[&'static str], errors: &mut Errors) {
    let (written, list) = (entry.key.to_string(), hint::list(names));
    let foreign = FOREIGN.iter().find(|(word, _)| *word == written.to_lowercase()).map(|(_, meant)| *meant);
    let foreign = foreign.filter(|meant| names.contains(meant));
    let planned = PLANNED.iter().copied().filter(|_| names == NAMES);
    let message = match foreign.or_else(|| hint::nearest(&written, names.iter().copied().chain(planned))) {
        Some(meant) => Message::MisspeltOption { written, meant: meant.into(), list },
        None => Message::UnknownOption { written, list },
    };
    errors.push(&entry.key, message);
}

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

fn api_version(entry: &Entry, errors: &mut Errors) -> Option<Spanned<String>> {
    let value = entry.value(errors)?.text_or_word("api_version", errors)?;
    let alone = !value.value.contains('/') && !name::is_kubernetes_version(&value.value);
    let group = kinds::version_of(&value.value).filter(|_| alone);
    let good = group.is_none() && name::is_api_version(&value.value);
    hold(value, good, errors, |written| match group {
        Some(meant) => Message::GroupAlone { group: written, meant: meant.into() },
        None => Message::ApiVersionGrammar { written },
    })
}

fn kind(entry: &Entry, errors: &mut Errors) -> Option<Spanned<String>> {
    let value = entry.value(errors)?.text_or_word("kind", errors)?;
    let good = name::is_kind(&value.value);
    hold(value, good, errors, |written| {
        let meant = kinds::respelt(&written).map_or_else(|| name::camel(&written), |builtin| builtin.kind.to_owned());
        Message::KindGrammar { written, meant }
    })
}

fn plural(entry: &Entry, errors: &mut Errors) -> Option<Spanned<String>> {
    let value = entry.value(errors)?.text("plural", errors)?;
    let good = name::is_dns_label(&value.value);
    hold(value, good, errors, |written| Message::PluralGrammar { written })
}

fn controller_name(entry: &Entry, errors: &mut Errors) -> Option<Spanned<String>> {
    let value = entry.value(errors)?.text("name", errors)?;
    let good = name::is_kebab(&value.value);
    hold(value, good, errors, |written| {
        let meant = name::kebab(&written).unwrap_or_else(|| String::from("pod-watcher"));
        Message::NameGrammar { written, meant }
    })
}

fn namespaces(entry: &Entry, errors: &mut Errors) -> Option<Spanned<Option<Vec<String>>>> {
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

fn selector_text(
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

fn limit(entry: &Entry, errors: &mut Errors) -> Option<Spanned<Limit>> {
    let value = entry.value(errors)?;
    if value.is_word("off") {
        return Some(Spanned { value: Limit::Off, tokens: value.tokens.clone() });
    }
    let option = entry.key.to_string();
    let millis = value.duration(&option, &format!("`{option} = off`"), errors)?;
    Some(Spanned { value: Limit::Millis(millis.value), tokens: millis.tokens })
}

fn concurrency(entry: &Entry, errors: &mut Errors) -> Option<Spanned<u64>> {
    let value = entry.value(errors)?;
    let message = match &value.kind {
        ValueKind::Int(count @ 1..=1024) => return Some(Spanned { value: *count, tokens: value.tokens.clone() }),
        ValueKind::Text(text) if text.parse::<u64>().is_ok() => {
            Message::QuotedNumber { option: "concurrency".into(), written: text.clone() }
        }
        _ => Message::ConcurrencyRange { written: format!("`{}`", written(&value.tokens)) },
    };
    errors.push(&value.tokens, message);
    None
}

/// `backoff("5ms", "60s")`, or either of them by its name.
fn backoff(entry: &Entry, errors: &mut Errors) -> Option<Backoff> {
    let list = entry.list(errors)?;
    let parts = entry::cut(list.stream());
    let named = parts.iter().any(|(part, _)| part.iter().any(|token| token.to_string() == "="));
    let (mut min, mut max) = (Given::Absent, Given::Absent);
    if named {
        for entry in entry::parse(list.stream(), errors)? {
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
        let message = Message::BackoffOrder { min: duration::print(min.value), max: duration::print(max.value) };
        errors.push(list, message);
        return None;
    }
    Some(Backoff { min, max })
}

/// `escalate(panics = 3, within = "1m")`
fn escalate(entry: &Entry, errors: &mut Errors) -> Option<Escalation> {
    let list = entry.list(errors)?;
    let (mut panics, mut within) = (Given::Absent, Given::Absent);
    let entries = entry::parse(list.stream(), errors)?;
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

fn schema(entry: &Entry, errors: &mut Errors) -> Option<Schema> {
    let value = match &entry.form {
        Form::Value(value) => value,
        Form::Bare => {
            entry.value(errors)?;
            return None;
        }
        Form::List(_) => {
            let list = entry.list(errors)?;
            let is_object = matches!(
                list.stream().into_iter().next(),
                Some(proc_macro2::TokenTree::Group(group)) if group.delimiter() == proc_macro2::Delimiter::Brace
            );
            if !is_object {
                errors.push(list, Message::SchemaForm { written: written(list) });
                return None;
            }
            let inline = Inline::parse(list.stream(), list.span(), errors)?;
            let faults = schema::check(&inline.value);
            for fault in &faults {
                let mut culprit = proc_macro2::Literal::string("");
                culprit.set_span(inline.span(&fault.pointer));
                errors.push(culprit, fault.message());
            }
            return faults.is_empty().then(|| Schema::Inline(inline.value.to_string()));
        }
    };
    if let ValueKind::Text(path) = &value.kind
        && !path.trim().is_empty()
    {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        let path = Path::new(&folder).join(path);
        return schema_file(&path, value, errors);
    }
    if value.is_word("derive") {
        return Some(Schema::Derive(entry::span_of(&value.tokens)));
    }
    errors.push(&value.tokens, Message::SchemaForm { written: written(&value.tokens) });
    None
}

fn schema_file(path: &Path, value: &Value, errors: &mut Errors) -> Option<Schema> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let cause = match error.kind() {
                std::io::ErrorKind::NotFound => String::from("it does not exist"),
                std::io::ErrorKind::InvalidData => String::from("it is not UTF-8"),
                _ => error.to_string(),
            };
            let path = path.display().to_string();
            errors.push(&value.tokens, Message::SchemaUnreadable { path, cause });
            return None;
        }
    };
    let document: serde_json::Value = match serde_json::from_str(&text) {
        Ok(document) => document,
        Err(error) => {
            errors.push(&value.tokens, Message::SchemaSyntax { cause: error.to_string() });
            return None;
        }
    };
    let faults = schema::check(&document);
    for fault in &faults {
        errors.push(&value.tokens, fault.message());
    }
    let path = path.to_str()?.to_owned();
    faults.is_empty().then(|| Schema::File(Spanned { value: path, tokens: value.tokens.clone() }))
}

fn shutdown(entry: &Entry, errors: &mut Errors) -> Option<Shutdown> {
    let value = entry.value(errors)?;
    match &value.kind {
        ValueKind::Word(word) | ValueKind::Text(word) if !word.starts_with(|c: char| c.is_ascii_digit()) => {
            if word.is_empty() {
                value.text("shutdown", errors)?;
            }
            let word = value.one_of("shutdown", &["brutal_kill", "infinity"], errors)?;
            Some(if word.value == "infinity" { Shutdown::Infinity } else { Shutdown::BrutalKill })
        }
        _ => value.duration("shutdown", "`shutdown = brutal_kill`", errors).map(|millis| Shutdown::After(millis.value)),
    }
}

fn significant(entry: &Entry, errors: &mut Errors) -> Option<Spanned<()>> {
    if matches!(entry.form, Form::Bare) {
        return Some(Spanned { value: (), tokens: proc_macro2::TokenTree::from(entry.key.clone()).into() });
    }
    errors.push(&entry.key, Message::WantsNothing { option: entry.key.to_string() });
    None
}

fn root(entry: &Entry, errors: &mut Errors) -> Option<syn::Path> {
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

#[cfg(test)]
mod tests;
