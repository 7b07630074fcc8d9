//! What is wrong with one field of an object, in the words of Kubernetes' own API machinery.
//!
//! Every validation of the server (built-in kinds, custom resource definitions, custom resources) answers a list of
//! [`FieldError`]; the server turns the list into the causes and the message of a `422 Invalid` Status. Clients print
//! these texts and tests compare them, so the wording, the order of the parts and the way in which values are echoed
//! follow `k8s.io/apimachinery/pkg/util/validation/field`. This room knows no schema and no kind.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

pub(crate) mod echo;
pub(crate) mod go;
pub(crate) mod name;

#[cfg(test)]
mod tests;

/// The machine-readable reason of one field's error: `details.causes[].reason` of a Status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Cause {
    Required,
    Invalid,
    Duplicate,
    NotSupported,
    Forbidden,
    TooLong,
    TooMany,
    TypeInvalid,
    NotFound,
}

impl Cause {
    /// The reason as the API spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Cause::Required => "FieldValueRequired",
            Cause::Invalid => "FieldValueInvalid",
            Cause::Duplicate => "FieldValueDuplicate",
            Cause::NotSupported => "FieldValueNotSupported",
            Cause::Forbidden => "FieldValueForbidden",
            Cause::TooLong => "FieldValueTooLong",
            Cause::TooMany => "FieldValueTooMany",
            Cause::TypeInvalid => "FieldValueTypeInvalid",
            Cause::NotFound => "FieldValueNotFound",
        }
    }

    /// The words with which a message of this cause starts.
    fn opening(self) -> &'static str {
        match self {
            Cause::Required => "Required value",
            Cause::Invalid | Cause::TypeInvalid => "Invalid value",
            Cause::Duplicate => "Duplicate value",
            Cause::NotSupported => "Unsupported value",
            Cause::Forbidden => "Forbidden",
            Cause::TooLong => "Too long",
            Cause::TooMany => "Too many",
            Cause::NotFound => "Not found",
        }
    }
}

/// One thing that is wrong with one field: what a Status lists as a cause.
///
/// `message` is the text without the field (`Invalid value: -1: must be positive`), as in a Status' causes;
/// [`Display`](fmt::Display) puts the field before it, as in a Status' message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FieldError {
    pub(crate) cause: Cause,
    pub(crate) field: String,
    pub(crate) message: String,
}

impl FieldError {
    /// A value that is missing, empty or null where it may not be.
    pub(crate) fn required(field: impl fmt::Display, detail: impl AsRef<str>) -> Self {
        Self::without_value(Cause::Required, field, detail)
    }

    /// A value that breaks a rule, which `detail` states.
    pub(crate) fn invalid(
        field: impl fmt::Display,
        value: &(impl Serialize + ?Sized),
        detail: impl AsRef<str>,
    ) -> Self {
        Self::with_value(Cause::Invalid, field, value, detail)
    }

    /// A value of another type than the schema's.
    pub(crate) fn type_invalid(
        field: impl fmt::Display,
        value: &(impl Serialize + ?Sized),
        detail: impl AsRef<str>,
    ) -> Self {
        Self::with_value(Cause::TypeInvalid, field, value, detail)
    }

    /// A value that occurs twice where it may occur once.
    pub(crate) fn duplicate(field: impl fmt::Display, value: &(impl Serialize + ?Sized)) -> Self {
        Self::with_value(Cause::Duplicate, field, value, "")
    }

    /// A name of something that is not there.
    pub(crate) fn not_found(
        field: impl fmt::Display,
        value: &(impl Serialize + ?Sized),
        detail: impl AsRef<str>,
    ) -> Self {
        Self::with_value(Cause::NotFound, field, value, detail)
    }

    /// A value outside of a closed list, which is told to the reader in the order given.
    pub(crate) fn not_supported<S: AsRef<str>>(
        field: impl fmt::Display,
        value: &(impl Serialize + ?Sized),
        supported: impl IntoIterator<Item = S>,
    ) -> Self {
        let quoted: Vec<String> = supported.into_iter().map(|value| echo::quote(value.as_ref())).collect();
        let detail = if quoted.is_empty() { String::new() } else { format!("supported values: {}", quoted.join(", ")) };
        Self::with_value(Cause::NotSupported, field, value, detail)
    }

    /// A value that would be fine elsewhere, but not here or not now.
    pub(crate) fn forbidden(field: impl fmt::Display, detail: impl AsRef<str>) -> Self {
        Self::without_value(Cause::Forbidden, field, detail)
    }

    /// A text that is too long. The text itself is left out of the message.
    pub(crate) fn too_long(field: impl fmt::Display, max: i64) -> Self {
        let unit = if max == 1 { "byte" } else { "bytes" };
        Self::without_value(Cause::TooLong, field, format!("may not be more than {max} {unit}"))
    }

    /// A list or map with more entries than `max`.
    pub(crate) fn too_many(field: impl fmt::Display, actual: usize, max: i64) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        Self::with_value(Cause::TooMany, field, &actual, format!("must have at most {max} {unit}"))
    }

    /// The field was changed although it may never change.
    pub(crate) fn immutable(field: impl fmt::Display, value: &(impl Serialize + ?Sized)) -> Self {
        Self::invalid(field, value, "field is immutable")
    }

    /// A value that breaks a rule, as it is shown to whoever wrote it.
    pub(crate) fn invalid_shown(field: impl fmt::Display, shown: &str, detail: impl AsRef<str>) -> Self {
        Self::new(Cause::Invalid, field, format!("{}: {shown}", Cause::Invalid.opening()), detail.as_ref())
    }

    /// A fault of that cause with a value as it is to be shown.
    pub(crate) fn shown(cause: Cause, field: impl fmt::Display, shown: &str, detail: impl AsRef<str>) -> Self {
        Self::new(cause, field, format!("{}: {shown}", cause.opening()), detail.as_ref())
    }

    /// A fault of that cause with a value too large to be shown.
    pub(crate) fn unshown(cause: Cause, field: impl fmt::Display, detail: impl AsRef<str>) -> Self {
        Self::without_value(cause, field, detail)
    }

    /// An error that shows no value.
    pub(crate) fn without_value(cause: Cause, field: impl fmt::Display, detail: impl AsRef<str>) -> Self {
        Self::new(cause, field, cause.opening().to_owned(), detail.as_ref())
    }

    fn with_value(
        cause: Cause,
        field: impl fmt::Display,
        value: &(impl Serialize + ?Sized),
        detail: impl AsRef<str>,
    ) -> Self {
        let shown =
            serde_json::to_value(value).map_or_else(|_| "<unprintable>".to_owned(), |value| echo::value(&value));
        Self::new(cause, field, format!("{}: {shown}", cause.opening()), detail.as_ref())
    }

    fn new(cause: Cause, field: impl fmt::Display, mut message: String, detail: &str) -> Self {
        if !detail.is_empty() {
            message.push_str(": ");
            message.push_str(detail);
        }
        Self { cause, field: field.to_string(), message }
    }
}

impl FieldError {
    /// As the details of a Status have it.
    pub(crate) fn to_cause(&self) -> Value {
        json!({"reason": self.cause.as_str(), "message": self.message, "field": self.field})
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// All errors in one line: a single one as it is, several as `[a, b]`, the same text only once.
///
/// This is what follows `is invalid: ` in the message of a `422 Invalid`.
pub(crate) fn aggregate(errors: &[FieldError]) -> String {
    let mut texts: Vec<String> = Vec::with_capacity(errors.len());
    for error in errors {
        let text = error.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [single] => single.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// The place of a field: `spec.containers[0].name`, `metadata.labels[app]`.
///
/// The empty path is the object itself, which Kubernetes prints as `<nil>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(String);

impl Path {
    /// The path of a field of the object itself.
    pub(crate) fn new(field: impl Into<String>) -> Self {
        Self(field.into())
    }

    /// The path of the object itself.
    pub(crate) fn root() -> Self {
        Self::default()
    }

    /// A named field of the value at this path.
    pub(crate) fn child(&self, field: impl AsRef<str>) -> Self {
        if self.0.is_empty() {
            return Self(field.as_ref().to_owned());
        }
        Self(format!("{}.{}", self.0, field.as_ref()))
    }

    /// An entry of the map at this path.
    pub(crate) fn key(&self, key: impl AsRef<str>) -> Self {
        Self(format!("{}[{}]", self.0, key.as_ref()))
    }

    /// An item of the list at this path.
    pub(crate) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "<nil>" } else { &self.0 })
    }
}

/// The JSON type of a value, as messages name it.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Go's name for the kind of a value.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
