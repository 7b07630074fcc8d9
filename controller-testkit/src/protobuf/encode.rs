//! Answers in protobuf: the JSON of an object, written as Go writes the object.
//!
//! What is no pointer in Go is always there, empty or not; lists and maps are there by their elements, in the order of
//! their keys. The kinds that the table does not know, custom ones and Tables, have no such form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::MAGIC;
use super::wire::Writer;
use crate::catalog::split_api_version;
use crate::kinds::{self, Field, Form, Type, Wire};

/// An object, a list or a Status in its envelope; none where its kind has no such form.
pub(crate) fn encode(object: &Value) -> Option<Vec<u8>> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let raw = raw(object, api_version, kind)?;
    let mut out = Writer::after(MAGIC);
    out.message(1, |names| {
        names.bytes(1, api_version.as_bytes());
        names.bytes(2, kind.as_bytes());
    });
    out.bytes(2, &raw);
    // Neither encoded once more nor of another media type.
    out.bytes(3, b"");
    out.bytes(4, b"");
    Some(out.finish())
}

/// An event of a watch, with its length before it.
pub(crate) fn encode_event(kind: &str, object: &Value) -> Option<Vec<u8>> {
    let object = encode(object)?;
    let mut event = Writer::default();
    event.bytes(1, kind.as_bytes());
    event.message(2, |raw| raw.bytes(1, &object));
    let event = event.finish();
    let length = u32::try_from(event.len()).ok()?;
    Some([length.to_be_bytes().as_slice(), &event].concat())
}

/// The message of an object of that kind.
fn raw(object: &Value, api_version: &str, kind: &str) -> Option<Vec<u8>> {
    // Discovery leaves out the version of its own kinds.
    let (group, version) = split_api_version(if api_version.is_empty() { "v1" } else { api_version });
    let mut out = Writer::default();
    let known = if kind == "Status" { kinds::of_kind("", "v1", kind) } else { kinds::of_kind(group, version, kind) };
    if let Some(ty) = known {
        message(&mut out, ty, object);
        return Some(out.finish());
    }
    if (group, kind) == ("meta.k8s.io", "PartialObjectMetadata") {
        partial(&mut out, object);
        return Some(out.finish());
    }
    let of = kind.strip_suffix("List")?;
    let head = kinds::of_kind("", "v1", "ListMeta")?;
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let items = object.get("items").and_then(Value::as_array).into_iter().flatten();
    match (group, of, version) {
        // The first version of this list has its items before its head.
        ("meta.k8s.io", "PartialObjectMetadata", "v1beta1") => {
            items.for_each(|item| out.message(1, |out| partial(out, item)));
            out.message(2, |out| message(out, head, metadata));
        }
        ("meta.k8s.io", "PartialObjectMetadata", _) => {
            out.message(1, |out| message(out, head, metadata));
            items.for_each(|item| out.message(2, |out| partial(out, item)));
        }
        _ => {
            let ty = kinds::of_kind(group, version, of)?;
            out.message(1, |out| message(out, head, metadata));
            items.for_each(|item| out.message(2, |out| message(out, ty, item)));
        }
    }
    Some(out.finish())
}

fn partial(out: &mut Writer, object: &Value) {
    if let Some(ty) = kinds::named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta") {
        out.message(1, |out| message(out, ty, object.get("metadata").unwrap_or(&Value::Null)));
    }
}

/// The fields of a struct.
fn message(out: &mut Writer, ty: &Type, object: &Value) {
    for (number, wire) in &ty.wire {
        match wire {
            // Its fields stand beside the others in JSON.
            Wire::Embedded(inner) => out.message(*number, |out| message(out, inner.get(), object)),
            Wire::Field(at) => {
                if let Some(field) = ty.fields.get(*at) {
                    self::field(out, *number, field, object.get(field.name).unwrap_or(&Value::Null));
                }
            }
        }
    }
}

fn field(out: &mut Writer, number: u32, field: &Field, value: &Value) {
    match (&field.form, value) {
        (Form::List(element), value) => {
            for item in value.as_array().into_iter().flatten() {
                self::value(out, number, element, item);
            }
        }
        (Form::Map(element), value) => {
            for (key, value) in value.as_object().into_iter().flatten() {
                out.message(number, |entry| {
                    entry.bytes(1, key.as_bytes());
                    self::value(entry, 2, element, value);
                });
            }
        }
        // What may be nil in Go and is.
        (
            Form::Bytes | Form::Items(_) | Form::SchemaOrBool | Form::SchemaOrArray | Form::SchemaOrStrings,
            Value::Null,
        ) => {}
        (_, Value::Null) if field.pointer => {}
        (form, value) => self::value(out, number, form, value),
    }
}

/// One value, which is there.
fn value(out: &mut Writer, number: u32, form: &Form, value: &Value) {
    let text = || value.as_str().unwrap_or_default();
    let whole = || value.as_i64().unwrap_or_default();
    match form {
        Form::String => out.bytes(number, text().as_bytes()),
        Form::Bool => out.number(number, i64::from(value.as_bool().unwrap_or_default())),
        Form::Int32 | Form::Int64 => out.number(number, whole()),
        Form::Double => out.double(number, value.as_f64().unwrap_or_default()),
        Form::Bytes => out.bytes(number, &STANDARD.decode(text()).unwrap_or_default()),
        Form::Time | Form::MicroTime => out.message(number, |out| {
            // No time at all is an empty message.
            if let Ok(time) = text().parse::<Timestamp>() {
                out.number(1, time.as_second());
                out.number(2, i64::from(time.subsec_nanosecond()));
            }
        }),
        Form::Duration => out.message(number, |out| out.number(1, super::value::nanoseconds(text()))),
        Form::Quantity => out.message(number, |out| out.bytes(1, text().as_bytes())),
        Form::IntOrString => out.message(number, |out| {
            out.number(1, i64::from(value.is_string()));
            out.number(2, whole());
            out.bytes(3, text().as_bytes());
        }),
        Form::Fields | Form::Raw | Form::Json => out.message(number, |out| {
            if !value.is_null() || matches!(form, Form::Json) {
                out.bytes(1, value.to_string().as_bytes());
            }
        }),
        Form::Struct(id) => out.message(number, |out| message(out, id.get(), value)),
        Form::Items(element) => out.message(number, |out| {
            value.as_array().into_iter().flatten().for_each(|item| self::value(out, 1, element, item));
        }),
        Form::SchemaOrBool => out.message(number, |out| {
            // A schema allows what it says.
            out.number(1, i64::from(value.as_bool().unwrap_or(true)));
            if value.is_object() {
                out.message(2, |out| message(out, kinds::schema_props().get(), value));
            }
        }),
        Form::SchemaOrArray => out.message(number, |out| {
            either(out, value, |out, schema| {
                out.message(2, |out| message(out, kinds::schema_props().get(), schema));
            })
        }),
        Form::SchemaOrStrings => out.message(number, |out| {
            either(out, value, |out, name| out.bytes(2, name.as_str().unwrap_or_default().as_bytes()));
        }),
        // Lists of lists and maps of lists have wrappers in the API's messages, which are forms of their own.
        Form::List(_) | Form::Map(_) => {}
    }
}

/// A schema, or a list of something.
fn either(out: &mut Writer, value: &Value, item: impl Fn(&mut Writer, &Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(|one| item(out, one)),
        schema => out.message(1, |out| message(out, kinds::schema_props().get(), schema)),
    }
}
