//! Values between JSON and CEL.

use std::sync::Arc;

use kube_cel::cel::objects::{Key, Map};
use kube_cel::cel::{Context, Value as Cel};
use serde_json::{Number, Value};

use super::known;
use crate::schema::{Additional, Structural};

/// A JSON value as its schema types it.
pub(super) fn to_cel(value: &Value, schema: Option<&Structural>, base: &Context<'_>) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(flag) => Cel::Bool(*flag),
        Value::Number(number) => to_number(number, schema),
        Value::String(text) => to_text(text, schema, base),
        Value::Array(items) => {
            let of_items = schema.and_then(|schema| schema.items.as_deref());
            Cel::List(Arc::new(items.iter().map(|item| to_cel(item, of_items, base)).collect()))
        }
        Value::Object(fields) => {
            // A map's keys are data, and so are those of what no schema describes.
            let is_map = schema.is_none_or(|schema| !matches!(schema.additional, Additional::Unsaid));
            let pairs = fields.iter().flat_map(|(name, value)| {
                let of_field = schema.and_then(|schema| schema.field(name));
                let known = is_map || of_field.is_some() || schema.is_none_or(keeps_unknown) || is_meta(name);
                let names = if is_map { [Some(name.clone()), None] } else { names_of(name) };
                let names = names.into_iter().flatten().filter(move |_| known);
                names.map(move |name| (Key::String(Arc::new(name)), to_cel(value, of_field, base)))
            });
            Cel::Map(Map { map: Arc::new(pairs.collect()) })
        }
    }
}

fn keeps_unknown(schema: &Structural) -> bool {
    schema.preserve_unknown
}

fn is_meta(name: &str) -> bool {
    matches!(name, "apiVersion" | "kind" | "metadata")
}

fn to_number(number: &Number, schema: Option<&Structural>) -> Cel {
    let is_float = schema.is_some_and(|schema| schema.kind == Some(crate::schema::Type::Number));
    match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) if !is_float => Cel::Int(whole),
        (None, Some(whole)) if !is_float => Cel::UInt(whole),
        _ => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

fn to_text(text: &str, schema: Option<&Structural>, base: &Context<'_>) -> Cel {
    let plain = || Cel::String(Arc::new(text.to_owned()));
    let format = schema.filter(|schema| !schema.int_or_string).and_then(|schema| schema.rules.format.as_deref());
    let function = match format {
        Some("date-time") => "timestamp",
        Some("date") => return known::convert("timestamp", &format!("{text}T00:00:00Z"), base).unwrap_or_else(plain),
        Some("duration") => "duration",
        Some("byte") => "base64.decode",
        _ => return plain(),
    };
    known::convert(function, text, base).unwrap_or_else(plain)
}

/// Words of the language.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// A field's names as expressions write it: those that are words of the language have two.
fn names_of(name: &str) -> [Option<String>; 2] {
    let plain = RESERVED.contains(&name).then(|| name.to_owned());
    [escaped(name), plain]
}

/// Whether an expression means this field by that name.
pub(super) fn is_name_of(written: &str, name: &str) -> bool {
    names_of(name).iter().flatten().any(|name| name == written)
}

/// A field's name without what the language gives a meaning; none if there is no such name.
fn escaped(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        match c {
            '_' if rest.starts_with("__") => {
                out.push_str("__underscores__");
                rest = &rest[2..];
                continue;
            }
            '.' => out.push_str("__dot__"),
            '-' => out.push_str("__dash__"),
            '/' => out.push_str("__slash__"),
            c if c == '_' || c.is_ascii_alphanumeric() => out.push(c),
            _ => return None,
        }
        rest = &rest[c.len_utf8()..];
    }
    Some(out)
}

/// What an expression came to, as JSON; none if it is no JSON.
pub(super) fn to_json(value: &Cel) -> Option<Value> {
    Some(match value {
        Cel::Null => Value::Null,
        Cel::Bool(flag) => Value::Bool(*flag),
        Cel::Int(whole) => (*whole).into(),
        Cel::UInt(whole) => (*whole).into(),
        Cel::Float(float) => Value::Number(Number::from_f64(*float)?),
        Cel::String(text) => Value::String(text.to_string()),
        Cel::List(items) => Value::Array(items.iter().map(to_json).collect::<Option<_>>()?),
        Cel::Map(map) => {
            let members = map.map.iter().map(|(key, value)| match key {
                Key::String(name) => Some((name.to_string(), to_json(value)?)),
                _ => None,
            });
            Value::Object(members.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}
