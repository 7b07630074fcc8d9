//! Structural schemas: what a custom resource definition says about its objects.
//!
//! A schema comes in as the `openAPIV3Schema` of a definition. [`check`] judges the schema itself, in Kubernetes' words;
//! [`Structural::parse`] turns a good one into the tree that the other functions walk: [`validate`](Structural::validate)
//! an object, [`prune`](Structural::prune) what the schema does not know, [`fill_defaults`](Structural::fill_defaults) what is
//! missing. Everything here is a pure function of schema and object. No function recurses deeper than the schema goes,
//! and a schema goes at most [`MAX_DEPTH`] deep, so that no object can exhaust the stack.
//!
//! Rules in CEL (`x-kubernetes-validations`) are run by [`judge`](Structural::judge), where the language is built in;
//! elsewhere the definition's writer is warned that they are not.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Number, Value};

mod budget;
mod check;
mod default;
mod format;
mod internal;
mod judge;
mod list;
pub(crate) mod meta;
mod parse;
mod pattern;
mod prune;
mod settled;
mod supported;
mod validate;

#[cfg(test)]
mod tests;

pub(crate) use check::{Root, check};
pub(crate) use internal::internal;
pub(crate) use validate::Target;

/// How many levels a schema may have.
pub(crate) const MAX_DEPTH: usize = 100;

/// One node of a structural schema, with all that is below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Structural {
    pub(crate) kind: Option<Type>,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Value>,
    pub(crate) properties: BTreeMap<String, Structural>,
    pub(crate) additional: Additional,
    pub(crate) items: Option<Box<Structural>>,
    pub(crate) int_or_string: bool,
    pub(crate) preserve_unknown: bool,
    pub(crate) embedded_resource: bool,
    pub(crate) list: ListType,
    /// Server-side apply replaces an object as a whole.
    pub(crate) atomic: bool,
    pub(crate) rules: Rules,
    /// The rules in CEL.
    validations: Vec<Arc<judge::Rule>>,
}

/// The types that OpenAPI v3 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Array,
    Boolean,
    Integer,
    Number,
    Object,
    String,
}

impl Type {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Type::Array => "array",
            Type::Boolean => "boolean",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::Object => "object",
            Type::String => "string",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Type::Array, Type::Boolean, Type::Integer, Type::Number, Type::Object, Type::String]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// What a schema says of the fields that it does not name.
#[derive(Clone, Debug, Default)]
pub(crate) enum Additional {
    /// Nothing: they are pruned.
    #[default]
    Unsaid,
    /// `additionalProperties: true` or `false`.
    Allowed(bool),
    /// A map whose values follow this schema.
    Schema(Box<Structural>),
}

/// How a list's items are told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListType {
    #[default]
    Atomic,
    Set,
    /// By the values of these fields.
    Map(Vec<String>),
}

/// The rules on a value that do not shape it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// The format, if it is one that Kubernetes checks.
    pub(crate) format: Option<String>,
    pub(crate) maximum: Option<Number>,
    pub(crate) exclusive_maximum: bool,
    pub(crate) minimum: Option<Number>,
    pub(crate) exclusive_minimum: bool,
    pub(crate) multiple_of: Option<Number>,
    pub(crate) max_length: Option<i64>,
    pub(crate) min_length: Option<i64>,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) max_items: Option<i64>,
    pub(crate) min_items: Option<i64>,
    pub(crate) max_properties: Option<i64>,
    pub(crate) min_properties: Option<i64>,
    pub(crate) required: Vec<String>,
    pub(crate) allowed: Vec<Value>,
    pub(crate) all_of: Vec<Structural>,
    pub(crate) any_of: Vec<Structural>,
    pub(crate) one_of: Vec<Structural>,
    pub(crate) not: Option<Box<Structural>>,
}

/// A regular expression as it was written and as it is run.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) source: String,
    pub(crate) regex: Regex,
}

impl Structural {
    /// The schema of a field: its own, or that of all additional ones.
    pub(crate) fn field(&self, name: &str) -> Option<&Structural> {
        self.properties.get(name).or(match &self.additional {
            Additional::Schema(schema) => Some(schema),
            Additional::Unsaid | Additional::Allowed(_) => None,
        })
    }

    /// The schema of the value at a path of named fields, if the schema says anything about it.
    pub(crate) fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Structural> {
        path.into_iter().try_fold(self, |node, name| node.field(name))
    }
}

/// Whether the format that a schema names is one that Kubernetes checks on values of the schema's type.
pub(crate) fn knows_format(schema: &Map<String, Value>, format: &str) -> bool {
    let kind = match parse::flag(schema, "x-kubernetes-int-or-string") {
        true => None,
        false => parse::text(schema, "type").and_then(Type::parse),
    };
    format::is_checked(format, kind)
}

/// Whether `name` is one of the fields that every object has and no schema describes.
fn is_meta_field(name: &str) -> bool {
    matches!(name, "apiVersion" | "kind" | "metadata")
}

/// Whether two values are equal as JSON Schema sees it: `1` and `1.0` are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() != b.is_f64() && a.as_f64() == b.as_f64()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => same_fields(a, b),
        (a, b) => a == b,
    }
}

fn same_fields(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
}
