//! What a resource's kind says about its objects: one door to the built-in kinds and to custom definitions.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::meta;
use super::update::{Part, is_namespace};
use crate::catalog::{Resource, Shape};
use crate::crd::{self, establish};
use crate::field::{FieldError, name};

/// Reads a body into the kind's shape: drops what the kind does not know, and answers the paths of what was dropped.
/// The error is that of a value of a wrong type.
pub(crate) fn decode(resource: &Resource, object: &mut Value) -> Result<Vec<String>, String> {
    match &resource.shape {
        Shape::Builtin(_) => {
            drop_nulls(object);
            Ok(Vec::new())
        }
        Shape::Custom(version) => version.decode(object),
    }
}

/// Makes a new object ready to be stored, and answers what is wrong with it.
pub(crate) fn settle_new(
    resource: &Resource,
    object: &mut Value,
    _now: Timestamp,
    warnings: &mut Vec<String>,
) -> Vec<FieldError> {
    if let Shape::Custom(version) = &resource.shape {
        let faults = version.prepare_create(object);
        warnings.extend(crd::finalizer_warnings(object, None));
        return faults;
    }
    if is_definition(resource) {
        crd::fill_defaults(object);
        establish::prepare_create(object);
        warnings.extend(crd::warnings(object, None));
        return crd::check(object, None);
    }
    if resource.has_status() {
        meta::members(object).remove("status");
    }
    if is_namespace(resource) {
        let members = meta::members(object);
        members.insert("spec".into(), json!({"finalizers": ["kubernetes"]}));
        members.insert("status".into(), json!({"phase": "Active"}));
        let name = meta::name(object).to_owned();
        let labels = meta::of(object).entry("labels").or_insert_with(|| json!({}));
        meta::members(labels).insert("kubernetes.io/metadata.name".into(), name.into());
    }
    let name = meta::name(object);
    let wrong = if name.is_empty() {
        Vec::new()
    } else if is_namespace(resource) {
        name::dns1123_label(name)
    } else if resource.plural == "services" && resource.group.is_empty() {
        name::dns1035_label(name)
    } else if resource.group == "rbac.authorization.k8s.io" {
        name::path_segment(name)
    } else {
        name::dns1123_subdomain(name)
    };
    wrong.into_iter().map(|fault| FieldError::invalid("metadata.name", name, fault)).collect()
}

/// Makes a changed object ready to replace the old one, and answers what is wrong with it.
pub(crate) fn settle_changed(
    resource: &Resource,
    part: Part,
    object: &mut Value,
    old: &Value,
    warnings: &mut Vec<String>,
) -> Vec<FieldError> {
    match (&resource.shape, part) {
        (Shape::Custom(version), Part::Status) => version.prepare_status(object, old),
        (Shape::Custom(version), _) => {
            warnings.extend(crd::finalizer_warnings(object, Some(old)));
            version.prepare_update(object, old)
        }
        (Shape::Builtin(_), Part::Status) if is_definition(resource) => {
            establish::prepare_status_update(object, old);
            Vec::new()
        }
        (Shape::Builtin(_), _) if is_definition(resource) => {
            crd::fill_defaults(object);
            establish::prepare_update(object, old);
            warnings.extend(crd::warnings(object, Some(old)));
            crd::check(object, Some(old))
        }
        (Shape::Builtin(_), _) => Vec::new(),
    }
}

/// The object in the version in which it is kept.
pub(crate) fn stored(resource: &Resource, object: Value) -> Value {
    match &resource.shape {
        Shape::Custom(version) => version.encode(object),
        Shape::Builtin(_) => object,
    }
}

/// Whether the kind counts its own generations.
pub(crate) fn counts_generation(resource: &Resource) -> bool {
    matches!(resource.shape, Shape::Custom(_)) || is_definition(resource)
}

/// Whether the kind judges metadata itself.
pub(crate) fn judges_metadata(resource: &Resource) -> bool {
    matches!(resource.shape, Shape::Custom(_))
}

/// The warning that every request of a deprecated version is answered with.
pub(crate) fn deprecation(resource: &Arc<Resource>) -> Option<&str> {
    match &resource.shape {
        Shape::Custom(version) => version.deprecation.as_deref(),
        Shape::Builtin(_) => None,
    }
}

/// Whether the objects are CustomResourceDefinitions.
pub(crate) fn is_definition(resource: &Resource) -> bool {
    resource.group == "apiextensions.k8s.io" && resource.plural == "customresourcedefinitions"
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
