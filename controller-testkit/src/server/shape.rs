//! What a resource's kind says about its objects: one door to the built-in kinds and to custom definitions.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::meta;
use super::update::{Part, is_namespace};
use crate::catalog::{Resource, Shape};
use crate::field::FieldError;

/// Reads a body into the kind's shape: drops what the kind does not know, and answers the paths of what was dropped.
/// The error is that of a value of a wrong type.
pub(crate) fn decode(resource: &Resource, object: &mut Value) -> Result<Vec<String>, String> {
    match &resource.shape {
        Shape::Builtin(_) => {
            drop_nulls(object);
            Ok(Vec::new())
        }
        Shape::Custom(_) => Ok(Vec::new()),
    }
}

/// Fills in what clients may leave out.
pub(crate) fn default(_resource: &Resource, _object: &mut Value) {}

/// What a kind does to a new object before it is checked.
pub(crate) fn prepare_create(resource: &Resource, object: &mut Value, _now: Timestamp) {
    if resource.has_status() {
        meta::members(object).remove("status");
    }
    if is_namespace(resource) {
        let members = meta::members(object);
        members.insert("spec".into(), json!({"finalizers": ["kubernetes"]}));
        members.insert("status".into(), json!({"phase": "Active"}));
    }
}

/// What a kind writes down about an object's name once it is known.
pub(crate) fn name_known(resource: &Resource, object: &mut Value) {
    if is_namespace(resource) {
        let name = meta::name(object).to_owned();
        let labels = meta::of(object).entry("labels").or_insert_with(|| json!({}));
        meta::members(labels).insert("kubernetes.io/metadata.name".into(), name.into());
    }
}

/// What a kind does to a changed object before it is checked.
pub(crate) fn prepare_update(_resource: &Resource, _part: Part, _object: &mut Value, _old: &Value) {}

/// What is wrong with a new object.
pub(crate) fn validate_create(_resource: &Resource, _object: &Value) -> Vec<FieldError> {
    Vec::new()
}

/// What is wrong with a change.
pub(crate) fn validate_update(_resource: &Resource, _part: Part, _object: &Value, _old: &Value) -> Vec<FieldError> {
    Vec::new()
}

/// To the built-in kinds a null is the same as nothing.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
