//! What clients see of a stored object: the version that they ask for, and the form.
//!
//! The common case copies nothing: the object is shown in the version in which it was written, as shared bytes.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::accept::Form;
use super::write::internal;
use super::{convert, meta};
use crate::catalog::{Resource, Shape};
use crate::status::ApiError;
use crate::store::{Change, Object, frame, write_object};
use crate::table::{self, Header, IncludeObject};

/// How a client wants to see objects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) form: Form,
    pub(crate) include: IncludeObject,
    /// The catalog's generation: an object that was written under another may have got new defaults.
    pub(crate) generation: u64,
}

impl Look {
    pub(crate) fn plain(generation: u64) -> Self {
        Self { form: Form::Object, include: IncludeObject::Metadata, generation }
    }

    /// The object in the resource's version, where that is not how it is stored.
    pub(crate) fn converted(self, resource: &Resource, object: &Object) -> Option<Value> {
        let same = object.is_of_version(&resource.group, &resource.version);
        if same && (object.written_under == self.generation || matches!(resource.shape, Shape::Builtin(_))) {
            return None;
        }
        Some(convert::to_version(resource, &object.value()))
    }

    /// The object as plain JSON in the resource's version.
    pub(crate) fn value(self, resource: &Resource, object: &Object) -> Value {
        self.converted(resource, object).unwrap_or_else(|| Arc::unwrap_or_clone(object.value()))
    }

    /// One object as an answer, or a refusal if the form is for lists.
    pub(crate) fn one(self, resource: &Resource, object: &Object, now: Timestamp) -> Result<Vec<u8>, ApiError> {
        match self.form {
            Form::Object => Ok(match self.converted(resource, object) {
                Some(value) => bytes_of(&value),
                None => {
                    // The line's end follows.
                    let mut json = Vec::with_capacity(object.text().len() + 1);
                    json.extend_from_slice(object.text());
                    json
                }
            }),
            Form::Metadata { list: true, .. } => Err(ApiError::wrong_form(format!(
                "you requested PartialObjectMetadataList, but the requested object is not a list (*{})",
                go_type(resource)
            ))),
            Form::Metadata { version, .. } => Ok(metadata_of(object, version)),
            Form::Table(version) => {
                let value = self.value(resource, object);
                let head = json!({"resourceVersion": meta::text(&value, "resourceVersion")});
                Ok(bytes_of(&self.table(resource, version, &head, &[&value], Header::Columns, now)))
            }
        }
    }

    /// Adds an item to a list.
    pub(crate) fn item(self, out: &mut Vec<u8>, resource: &Resource, object: &Object) {
        if let Form::Metadata { version, .. } = self.form {
            return out.extend_from_slice(&metadata_of(object, version));
        }
        match self.converted(resource, object) {
            None if matches!(resource.shape, Shape::Builtin(_)) => {
                out.push(b'{');
                out.extend_from_slice(object.item());
            }
            None => out.extend_from_slice(object.text()),
            Some(mut value) => {
                if matches!(resource.shape, Shape::Builtin(_)) {
                    let members = meta::members(&mut value);
                    members.remove("kind");
                    members.remove("apiVersion");
                }
                write_object(out, &value);
            }
        }
    }

    /// The scale of an object, which has columns of its own.
    pub(crate) fn scale(self, scale: Value, now: Timestamp) -> Value {
        match self.form {
            Form::Table(version) => self.of_version(table::render_scale(&scale, self.include, now), version),
            Form::Metadata { version, list: false } => metadata(&scale, version),
            Form::Object | Form::Metadata { .. } => scale,
        }
    }

    pub(crate) fn table(
        self,
        resource: &Resource,
        version: &str,
        head: &Value,
        items: &[&Value],
        header: Header,
        now: Timestamp,
    ) -> Value {
        self.of_version(table::render(resource, head, items, self.include, header, now), version)
    }

    /// A table in that version, with what its rows carry of their objects.
    fn of_version(self, mut table: Value, version: &str) -> Value {
        if version == "v1" {
            return table;
        }
        let api_version = Value::String(format!("meta.k8s.io/{version}"));
        if self.include == IncludeObject::Metadata {
            for row in table.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
                row["object"]["apiVersion"] = api_version.clone();
            }
        }
        table["apiVersion"] = api_version;
        table
    }

    /// The line of a watch event; only the first line of a table carries columns.
    pub(crate) fn line(
        self,
        resource: &Resource,
        object: &Object,
        change: Change,
        header: Header,
        now: Timestamp,
    ) -> Bytes {
        match self.form {
            Form::Object => match self.converted(resource, object) {
                Some(value) => frame(change, &bytes_of(&value)),
                None => object.frame(change),
            },
            Form::Metadata { version, .. } => frame(change, &metadata_of(object, version)),
            Form::Table(version) => {
                let value = self.value(resource, object);
                let head = json!({"resourceVersion": meta::text(&value, "resourceVersion")});
                frame(change, &bytes_of(&self.table(resource, version, &head, &[&value], header, now)))
            }
        }
    }

    /// The line of a bookmark.
    pub(crate) fn bookmark(self, resource: &Resource, rv: u64, end_of_initial: bool, now: Timestamp) -> Bytes {
        let mut object = json!({
            "kind": resource.kind, "apiVersion": resource.api_version(),
            "metadata": {"resourceVersion": rv.to_string()},
        });
        if end_of_initial {
            meta::of(&mut object).insert("annotations".into(), json!({"k8s.io/initial-events-end": "true"}));
        }
        let shown = match self.form {
            Form::Object => object,
            Form::Metadata { version, .. } => metadata(&object, version),
            Form::Table(version) => {
                let head = json!({"resourceVersion": rv.to_string()});
                self.table(resource, version, &head, &[&object], Header::Omitted, now)
            }
        };
        line("BOOKMARK", &shown)
    }
}

/// What Go calls the type of an object.
fn go_type(resource: &Resource) -> String {
    match resource.shape {
        Shape::Builtin(_) => format!("{}.{}", internal(resource), resource.kind),
        Shape::Custom(_) => "unstructured.Unstructured".to_owned(),
    }
}

/// The line of an event that is about no stored object.
pub(crate) fn line(kind: &str, object: &Value) -> Bytes {
    let mut line = format!("{{\"type\":\"{kind}\",\"object\":").into_bytes();
    write_object(&mut line, object);
    line.extend_from_slice(b"}\n");
    line.into()
}

pub(crate) fn bytes_of(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write_object(&mut out, value);
    out
}

/// A stored object's metadata alone.
fn metadata_of(object: &Object, version: &str) -> Vec<u8> {
    let head = format!("{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/{version}\",\"metadata\":");
    let mut out = Vec::with_capacity(head.len() + object.metadata().len() + 2);
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(object.metadata());
    out.push(b'}');
    out
}

fn metadata(object: &Value, version: &str) -> Value {
    let mut shown = Map::new();
    shown.insert("kind".into(), "PartialObjectMetadata".into());
    shown.insert("apiVersion".into(), format!("meta.k8s.io/{version}").into());
    shown.insert("metadata".into(), object.get("metadata").cloned().unwrap_or_else(|| json!({})));
    Value::Object(shown)
}
