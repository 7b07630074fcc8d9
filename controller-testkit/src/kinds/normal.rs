//! The JSON that Go would write of an object: what decoding into a struct and encoding it again leaves.
//!
//! Empty fields that Go omits go, fields that Go always writes come (`"resources": {}`, `"containers": null`), and
//! what the struct does not know is dropped. Whether that was a mistake of the client is for the checks to say.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Field, Form, Type, quantity};

/// Rewrites an object as its Go type has it. Values of a wrong type are left for the checks.
pub(crate) fn normalize(ty: &Type, object: &mut Value) {
    rewrite(ty, object, &|_| true);
}

/// The same without what a server does not keep, as it is not switched on.
pub(super) fn normalize_kept(ty: &Type, object: &mut Value) {
    rewrite(ty, object, &|field| !field.off);
}

/// Whether a field is kept.
type Keep<'a> = &'a dyn Fn(&Field) -> bool;

fn rewrite(ty: &Type, object: &mut Value, keep: Keep<'_>) {
    let Value::Object(fields) = object else { return };
    fields.retain(|name, value| {
        let Some(field) = ty.field(name).filter(|field| keep(field)) else { return false };
        if value.is_null() {
            return false;
        }
        let was_empty = is_bare(value);
        inner(&field.form, value, keep);
        // What was there for a field that is not kept goes with it.
        !(field.name == "lifecycle" && is_bare(value) && !was_empty)
    });
    complete(ty, fields);
}

fn is_bare(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

fn inner(form: &Form, value: &mut Value, keep: Keep<'_>) {
    match (form, value) {
        (Form::Struct(id), value @ Value::Object(_)) => rewrite(id.get(), value, keep),
        (Form::List(element) | Form::Items(element), Value::Array(items)) => {
            for item in items {
                match item {
                    Value::Null => *item = zero(element),
                    item => inner(element, item, keep),
                }
            }
        }
        (Form::Map(element), Value::Object(entries)) => {
            for value in entries.values_mut() {
                match value {
                    Value::Null => *value = zero(element),
                    value => inner(element, value, keep),
                }
            }
        }
        (Form::SchemaOrBool | Form::SchemaOrArray | Form::SchemaOrStrings, value @ Value::Object(_)) => {
            rewrite(super::table::schema_props().get(), value, keep);
        }
        (Form::Quantity, value) => {
            let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
            *value = quantity::canonical(&text).unwrap_or(text).into();
        }
        (Form::Time, Value::String(text)) => {
            // Offsets become UTC, and fractions of a second go.
            if let Ok(timestamp) = text.parse::<Timestamp>() {
                *text = timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            }
        }
        (Form::SchemaOrArray | Form::SchemaOrStrings, value) if !value.is_array() => *value = Value::Null,
        (Form::SchemaOrArray, Value::Array(schemas)) => {
            schemas.iter_mut().for_each(|schema| rewrite(super::table::schema_props().get(), schema, keep));
        }
        _ => {}
    }
}

/// Rewrites a normalized object as it is read back from a store that keeps it in protobuf, which has no empty lists.
pub(crate) fn stored(ty: &Type, object: &mut Value) {
    if ty.name.contains(".apiextensions-apiserver.") {
        // Definitions are kept in JSON.
        return;
    }
    if ty.name == "io.k8s.api.batch.v1.Job" {
        // What is read gets defaults.
        super::default(ty, object);
    }
    let Value::Object(fields) = object else { return };
    for field in &ty.fields {
        match fields.get_mut(field.name) {
            Some(value)
                if matches!(field.form, Form::List(_) | Form::Items(_))
                    && value.as_array().is_some_and(Vec::is_empty) =>
            {
                *value = Value::Null;
            }
            Some(value) => stored_inner(&field.form, value),
            None => {}
        }
    }
}

fn stored_inner(form: &Form, value: &mut Value) {
    match (form, value) {
        (Form::Struct(id), value) => stored(id.get(), value),
        (Form::List(element) | Form::Items(element), Value::Array(items)) => {
            items.iter_mut().for_each(|item| stored_inner(element, item));
        }
        (Form::Map(element), Value::Object(entries)) => {
            entries.values_mut().for_each(|value| stored_inner(element, value));
        }
        _ => {}
    }
}

/// Drops the empty fields that Go omits and adds those that it always writes, one level deep.
pub(crate) fn complete(ty: &Type, fields: &mut Map<String, Value>) {
    for field in &ty.fields {
        match fields.get(field.name) {
            Some(value) if field.is_omitted(value) => {
                fields.remove(field.name);
            }
            None if field.is_always_written() => {
                let empty = if field.pointer { Value::Null } else { zero(&field.form) };
                fields.insert(field.name.to_owned(), empty);
            }
            _ => {}
        }
    }
}

impl Field {
    /// Whether Go leaves the field out where it has this value.
    pub(super) fn is_omitted(&self, value: &Value) -> bool {
        if self.pointer && !value.is_null() || self.is_always_written() {
            return false;
        }
        match (&self.form, value) {
            (Form::Struct(_), Value::Object(fields)) => self.omit_zero && fields.is_empty(),
            (Form::Json, _) => false,
            (_, Value::Array(items)) => self.omit_empty && items.is_empty(),
            (_, Value::Object(fields)) => self.omit_empty && fields.is_empty(),
            (_, Value::String(text)) => self.omit_empty && text.is_empty(),
            (_, Value::Bool(flag)) => self.omit_empty && !flag,
            (_, Value::Number(number)) => self.omit_empty && number.as_f64() == Some(0.0),
            (_, Value::Null) => self.omit_empty || self.omit_zero,
        }
    }

    pub(crate) fn is_always_written(&self) -> bool {
        // Go's omitempty does not apply to structs.
        let is_struct = !self.pointer
            && matches!(
                self.form,
                Form::Struct(_) | Form::Time | Form::MicroTime | Form::Quantity | Form::IntOrString | Form::Raw
            );
        !self.omit_zero && (is_struct || !self.omit_empty)
    }
}

/// Go's zero value of a form.
pub(crate) fn zero(form: &Form) -> Value {
    match form {
        Form::String => "".into(),
        Form::Bool => false.into(),
        Form::Int32 | Form::Int64 | Form::Double | Form::IntOrString => 0.into(),
        Form::Duration => "0s".into(),
        Form::Quantity => "0".into(),
        Form::Struct(id) => {
            let mut fields = Map::new();
            complete(id.get(), &mut fields);
            Value::Object(fields)
        }
        _ => Value::Null,
    }
}
