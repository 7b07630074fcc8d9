//! A value with its place, and the list of what is wrong: what every rule reads and writes.

use serde::Serialize;
use serde_json::Value;

use crate::field::{Cause, FieldError, Path, echo};
use crate::kinds::Type;
use crate::kinds::inner::{self, Known};

static NOTHING: Value = Value::Null;

/// A value and where it stands in the object. What is not there is null.
#[derive(Clone)]
pub(in crate::kinds) struct At<'a> {
    pub(in crate::kinds) value: &'a Value,
    pub(in crate::kinds) path: Path,
    known: Known,
}

impl<'a> At<'a> {
    pub(in crate::kinds) fn root(value: &'a Value) -> Self {
        At { value, path: Path::root(), known: Known::Nothing }
    }

    /// An object of a type, whose parts are shown as the real server's messages show them.
    pub(super) fn of(ty: &'static Type, value: &'a Value) -> Self {
        At { value, path: Path::root(), known: Known::Type(ty) }
    }

    pub(in crate::kinds) fn field(&self, name: &str) -> At<'a> {
        At {
            value: self.value.get(name).unwrap_or(&NOTHING),
            path: self.path.child(name),
            known: self.known.field(name),
        }
    }

    /// The value behind several fields.
    pub(in crate::kinds) fn at(&self, names: &str) -> At<'a> {
        names.split('.').fold(self.clone(), |at, name| at.field(name))
    }

    /// The same value at another place: some messages of the real server name a place that is not quite the value's.
    pub(in crate::kinds) fn told_as(&self, path: Path) -> At<'a> {
        At { value: self.value, path, known: self.known }
    }

    /// Another value at the same place.
    pub(super) fn with<'b>(&self, value: &'b Value) -> At<'b> {
        At { value, path: self.path.clone(), known: self.known }
    }

    /// An entry of a map.
    pub(in crate::kinds) fn entry(&self, key: &str) -> At<'a> {
        At { value: self.value.get(key).unwrap_or(&NOTHING), path: self.path.key(key), known: self.known.element() }
    }

    /// The items of a list; none where there is no list.
    pub(in crate::kinds) fn items(&self) -> Vec<At<'a>> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        let known = self.known.element();
        items.map(|(index, value)| At { value, path: self.path.index(index), known }).collect()
    }

    /// The entries of a map by their keys; none where there is no map.
    pub(in crate::kinds) fn entries(&self) -> Vec<(&'a str, At<'a>)> {
        let entries = self.value.as_object().into_iter().flatten();
        let known = self.known.element();
        entries.map(|(key, value)| (key.as_str(), At { value, path: self.path.key(key), known })).collect()
    }

    /// The value as a message of the real server shows it.
    fn shown(&self) -> String {
        inner::shown(self.known, self.value)
    }

    /// The value as clients know it, its fields in their own order.
    pub(super) fn of_client(&self) -> String {
        inner::of_client(self.known, self.value)
    }

    pub(in crate::kinds) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// Whether there is nothing in it: no value, an empty text, list or map.
    pub(in crate::kinds) fn is_empty(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        }
    }

    pub(in crate::kinds) fn is_true(&self) -> bool {
        self.value == &Value::Bool(true)
    }

    /// The text, empty where there is none.
    pub(in crate::kinds) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// The number, 0 where there is none.
    pub(in crate::kinds) fn number(&self) -> i64 {
        self.value.as_i64().unwrap_or(0)
    }
}

/// What is wrong, in the order in which it was found.
#[derive(Default)]
pub(super) struct Faults(Vec<FieldError>);

impl Faults {
    pub(super) fn into_inner(self) -> Vec<FieldError> {
        self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn required(&mut self, at: &At<'_>, detail: &str) {
        self.0.push(FieldError::required(&at.path, detail));
    }

    /// A text, list or map that may not be empty. Answers whether something is there.
    pub(super) fn needs(&mut self, at: &At<'_>) -> bool {
        if at.is_empty() {
            self.required(at, "");
        }
        !at.is_empty()
    }

    /// A value that breaks a rule.
    pub(super) fn invalid(&mut self, at: &At<'_>, detail: impl AsRef<str>) {
        self.shown(Cause::Invalid, at, &at.shown(), detail);
    }

    /// A fault with a value as it is to be shown.
    pub(super) fn shown(&mut self, cause: Cause, at: &At<'_>, shown: &str, detail: impl AsRef<str>) {
        self.0.push(FieldError::shown(cause, &at.path, shown, detail));
    }

    /// A value that breaks a rule and is too large to be shown.
    pub(super) fn unshown(&mut self, at: &At<'_>, detail: &str) {
        self.0.push(FieldError::unshown(Cause::Invalid, &at.path, detail));
    }

    /// A rule that is broken by something else than the value at that place.
    pub(super) fn invalid_as(&mut self, at: &At<'_>, shown: &(impl Serialize + ?Sized), detail: impl AsRef<str>) {
        self.0.push(FieldError::invalid(&at.path, shown, detail));
    }

    pub(super) fn forbidden(&mut self, at: &At<'_>, detail: impl AsRef<str>) {
        self.0.push(FieldError::forbidden(&at.path, detail));
    }

    pub(super) fn duplicate(&mut self, at: &At<'_>, shown: &(impl Serialize + ?Sized)) {
        self.0.push(FieldError::duplicate(&at.path, shown));
    }

    pub(super) fn duplicate_because(&mut self, at: &At<'_>, detail: &str) {
        self.0.push(FieldError::shown(Cause::Duplicate, &at.path, &at.shown(), detail));
    }

    pub(super) fn not_found(&mut self, at: &At<'_>, shown: &str, detail: &str) {
        self.0.push(FieldError::not_found(&at.path, shown, detail));
    }

    pub(super) fn not_supported(&mut self, at: &At<'_>, shown: &(impl Serialize + ?Sized), known: &[&str]) {
        self.0.push(FieldError::not_supported(&at.path, shown, known));
    }

    /// A value that is none of a closed list.
    pub(super) fn unsupported(&mut self, at: &At<'_>, known: &[&str]) {
        let quoted: Vec<String> = known.iter().map(|known| echo::quote(known)).collect();
        self.shown(Cause::NotSupported, at, &at.shown(), format!("supported values: {}", quoted.join(", ")));
    }

    /// A value that occurs twice.
    pub(super) fn again(&mut self, at: &At<'_>) {
        self.shown(Cause::Duplicate, at, &at.shown(), "");
    }

    /// A value that never changes, as the newer of the real server's rules tell it.
    pub(super) fn fixed(&mut self, new: &At<'_>, old: &At<'_>) {
        if new.value != old.value {
            self.shown(Cause::Invalid, new, "null", "field is immutable");
        }
    }

    /// Too many items in a list.
    pub(super) fn at_most(&mut self, list: &At<'_>, max: usize) -> bool {
        let count = list.items().len();
        if count > max {
            self.0.push(FieldError::too_many(&list.path, count, i64::try_from(max).unwrap_or(i64::MAX)));
        }
        count <= max
    }

    pub(super) fn too_long(&mut self, at: &At<'_>, max: i64) {
        self.0.push(FieldError::too_long(&at.path, max));
    }

    /// A text of a closed list. An absent one is as wrong as an unknown one.
    pub(super) fn one_of(&mut self, at: &At<'_>, known: &[&str]) -> bool {
        let fits = known.contains(&at.text());
        if !fits {
            self.not_supported(at, at.text(), known);
        }
        fits
    }

    /// A text of a closed list, if there is one.
    pub(super) fn one_of_if_set(&mut self, at: &At<'_>, known: &[&str]) {
        if at.is_set() {
            self.one_of(at, known);
        }
    }

    /// A text of a closed list that is missed where it is absent.
    pub(super) fn needs_one_of(&mut self, at: &At<'_>, known: &[&str]) -> bool {
        self.needs(at) && self.one_of(at, known)
    }

    /// A text that follows a grammar, which answers what is wrong.
    pub(super) fn follows(&mut self, at: &At<'_>, grammar: fn(&str) -> Vec<String>) {
        for wrong in grammar(at.text()) {
            self.invalid_as(at, at.text(), wrong);
        }
    }

    /// A text that follows a grammar, if there is one.
    pub(super) fn follows_if_set(&mut self, at: &At<'_>, grammar: fn(&str) -> Vec<String>) {
        if !at.is_empty() {
            self.follows(at, grammar);
        }
    }

    /// A number that is not negative, if there is one.
    pub(super) fn not_negative(&mut self, at: &At<'_>) {
        if at.number() < 0 {
            self.invalid(at, "must be greater than or equal to 0");
        }
    }

    /// A number within bounds; an absent one counts as 0.
    pub(super) fn between(&mut self, at: &At<'_>, low: i64, high: i64) {
        if !(low..=high).contains(&at.number()) {
            self.invalid_as(at, &at.number(), format!("must be between {low} and {high}, inclusive"));
        }
    }

    /// A network port.
    pub(super) fn port(&mut self, at: &At<'_>) {
        self.between(at, 1, 65535);
    }

    /// A field that never changes.
    pub(super) fn unchanged(&mut self, new: &At<'_>, old: &At<'_>) {
        if new.value != old.value {
            self.invalid(new, "field is immutable");
        }
    }
}
