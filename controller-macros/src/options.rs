//! The attribute's options: what each may be, and what was given.
//!
//! Each option is checked by itself here; what depends on the callbacks or on another option is checked in `check`.
//! A known option that is not built yet is refused, never ignored.

mod form;
mod parts;
mod schema_source;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use syn::Type;

use crate::callback;
use crate::entry::{self, Entry, Form, Spanned};
use crate::errors::{Errors, written};
use crate::hint;
use crate::message::Message;
use crate::selector;

/// The options, in the order in which the documentation and the messages list them.
pub(crate) const NAMES: [&str; 22] = [
    "api_version",
    "kind",
    "plural",
    "name",
    "namespace",
    "labels",
    "fields",
    "when",
    "cache",
    "reconcile_delay",
    "on_start",
    "concurrency",
    "timeout",
    "backoff",
    "escalate",
    "rate_limit",
    "key_rate_limit",
    "schema",
    "reads",
    "writes",
    "supervisor",
    "crate",
];

/// Options whose runtime is not there yet.
const PLANNED: [&str; 3] = ["finalizer", "owns", "watches"];

/// The options of `supervisor(..)`.
const SUPERVISOR: [&str; 3] = ["restart", "shutdown", "significant"];

/// Words of other tools for our options.
const FOREIGN: [(&str, &str); 34] = [
    ("managed_fields", "cache"),
    ("metadata", "cache"),
    ("predicate", "when"),
    ("predicates", "when"),
    ("filter", "when"),
    ("panics", "escalate"),
    ("throttle", "rate_limit"),
    ("rate_limiter", "rate_limit"),
    ("qps", "rate_limit"),
    ("burst", "rate_limit"),
    ("debounce", "key_rate_limit"),
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

/// How many runs may begin in how many milliseconds, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) runs: u32,
    pub(crate) per: u64,
    pub(crate) burst: u32,
}

/// The waits of an operator that says nothing about them.
pub(crate) const BACKOFF_MILLIS: (u64, u64) = (5, 60_000);

/// A part of the object whose change is worth a run.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Generation,
    Label(Spanned<String>),
    Annotation(Spanned<String>),
    Field(Spanned<String>),
}

/// What is kept of the objects, and how: each word where it stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cache {
    pub(crate) metadata: Given<Spanned<()>>,
    pub(crate) managed_fields: Given<Spanned<()>>,
    pub(crate) compressed: Given<Spanned<()>>,
}

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
    pub(crate) when: Given<Spanned<Vec<Part>>>,
    pub(crate) cache: Given<Cache>,
    pub(crate) reconcile_delay: Given<Spanned<Limit>>,
    pub(crate) on_start: Given<Spanned<&'static str>>,
    pub(crate) concurrency: Given<Spanned<u64>>,
    pub(crate) timeout: Given<Spanned<Limit>>,
    pub(crate) backoff: Given<Backoff>,
    pub(crate) escalate: Given<Escalation>,
    pub(crate) rate_limit: Given<Spanned<RateLimit>>,
    pub(crate) key_rate_limit: Given<Spanned<RateLimit>>,
    pub(crate) schema: Given<Schema>,
    pub(crate) reads: Given<Vec<Type>>,
    pub(crate) writes: Given<Vec<Type>>,
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
        for entry in entry::parse(tokens, entry::example("kind"), errors).unwrap_or_default() {
            options.take(&entry, errors);
        }
        options
    }

    fn take(&mut self, entry: &Entry, errors: &mut Errors) {
        match entry.key.to_string().as_str() {
            "api_version" => read(&mut self.api_version, entry, errors, form::api_version),
            "kind" => read(&mut self.kind, entry, errors, form::kind),
            "plural" => read(&mut self.plural, entry, errors, form::plural),
            "name" => read(&mut self.name, entry, errors, form::controller_name),
            "namespace" => read(&mut self.namespaces, entry, errors, form::namespaces),
            "labels" => read(&mut self.labels, entry, errors, |entry, errors| {
                form::selector_text(entry, selector::check_labels, errors)
            }),
            "fields" => read(&mut self.fields, entry, errors, |entry, errors| {
                form::selector_text(entry, selector::check_fields, errors)
            }),
            "when" => read(&mut self.when, entry, errors, parts::when),
            "cache" => read(&mut self.cache, entry, errors, parts::cache),
            "reconcile_delay" => read(&mut self.reconcile_delay, entry, errors, form::limit),
            "on_start" => read(&mut self.on_start, entry, errors, |entry, errors| {
                entry.value(errors)?.one_of("on_start", &["reconcile", "add", "skip"], errors)
            }),
            "concurrency" => read(&mut self.concurrency, entry, errors, form::concurrency),
            "timeout" => read(&mut self.timeout, entry, errors, form::limit),
            "backoff" => read(&mut self.backoff, entry, errors, form::backoff),
            "escalate" => read(&mut self.escalate, entry, errors, form::escalate),
            "rate_limit" => read(&mut self.rate_limit, entry, errors, form::rate_limit),
            "key_rate_limit" => read(&mut self.key_rate_limit, entry, errors, form::rate_limit),
            "schema" => read(&mut self.schema, entry, errors, schema_source::schema),
            "reads" => read(&mut self.reads, entry, errors, parts::kinds),
            "writes" => read(&mut self.writes, entry, errors, parts::kinds),
            "supervisor" => self.take_supervisor(entry, errors),
            "crate" => read(&mut self.root, entry, errors, form::root),
            key if PLANNED.contains(&key) => errors.push(&entry.key, Message::OptionNotYet { option: key.into() }),
            key if callback::PLANNED.contains(&key) => {
                errors.push(&entry.key, Message::OptionNotYet { option: key.into() });
            }
            key if callback::CALLBACKS.iter().any(|(name, _)| *name == key) => {
                errors.push(&entry.key, Message::CallbackAsOption { name: key.into() });
            }
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
        let Some(entries) = entry::parse(list.stream(), entry::example("supervisor"), errors) else { return };
        self.supervisor = Given::Good(());
        for entry in &entries {
            match entry.key.to_string().as_str() {
                "restart" => read(&mut self.restart, entry, errors, |entry, errors| {
                    entry.value(errors)?.one_of("restart", &["permanent", "transient", "temporary"], errors)
                }),
                "shutdown" => read(&mut self.shutdown, entry, errors, form::shutdown),
                "significant" => read(&mut self.significant, entry, errors, |entry, errors| {
                    form::word(entry, "supervisor(restart = transient, significant)", errors)
                }),
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
        Some(meant) if PLANNED.contains(&meant) => Message::PlannedOption { written, meant: meant.into() },
        Some(meant) => Message::MisspeltOption { written, meant: meant.into(), list },
        None => Message::UnknownOption { written, list },
    };
    errors.push(&entry.key, message);
}
