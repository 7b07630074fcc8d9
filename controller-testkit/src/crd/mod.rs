//! Custom resource definitions: judging one, establishing it, and what follows from it for its objects.
//!
//! The server hands every definition that is written to [`check`] and [`fill_defaults`], keeps its status with the
//! functions of [`establish`], and serves what [`resources`] makes of it. For every object of a custom resource it then
//! calls, in this order:
//!
//! | when | function | what it does |
//! | --- | --- | --- |
//! | a body was read | [`Version::decode`] | prunes, types the metadata, defaults; answers the unknown fields |
//! | before storing | [`Version::prepare_create`], [`Version::prepare_update`], [`Version::prepare_status`] | keeps status and specification apart, counts the generation, validates |
//! | storing | [`Version::encode`] | turns the object into the stored version |
//! | an object was loaded | [`Version::read`] | turns the stored object into the version asked for |
//! | `/scale` | [`Scale`] | reads and writes the three fields |
//!
//! Everything here is a function of its arguments, times among them; only a [`Converter`] remembers what its webhook has
//! said. Where rules in CEL are not run, [`warnings`] tells the definition's writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::catalog::{Resource, Shape, Storage, Subresource};
use crate::schema::Structural;

mod approval;
mod check;
mod conversion;
pub(crate) mod establish;
mod hash;
mod object;
mod scale;
mod warning;

#[cfg(test)]
mod tests;

pub(crate) use check::check;
pub(crate) use conversion::{Converter, Need};
pub(crate) use establish::fill_defaults;
pub(crate) use scale::Scale;
pub(crate) use warning::{finalizer_warnings, warnings};

/// The verbs of custom resources, in the order in which a real server lists them.
const VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// The finalizer by which a definition waits until its objects are gone.
pub(crate) const CLEANUP_FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// One version of a custom resource, as its definition says it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) namespaced: bool,
    /// The entry of `spec.versions`, from which OpenAPI and printing read the schema and the printer columns.
    pub(crate) spec: Value,
    pub(crate) schema: Arc<Structural>,
    /// Whether the status is written through `/status` alone.
    pub(crate) has_status: bool,
    pub(crate) scale: Option<Scale>,
    /// The JSON paths that field selectors may name, such as `.spec.color`.
    pub(crate) selectable_fields: Vec<String>,
    /// The warning that every request of this version answers with.
    pub(crate) deprecation: Option<String>,
    /// The version in which objects are stored.
    pub(crate) storage: String,
    /// The schemas of all versions, for objects that are stored in another one.
    pub(crate) schemas: Arc<BTreeMap<String, Arc<Structural>>>,
    /// What turns objects of one version into those of another, where that takes more than another name.
    pub(crate) converter: Option<Arc<Converter>>,
}

impl Version {
    /// `stable.example.com/v1`.
    pub(crate) fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }
}

/// What of a definition makes its resources what they are: where it changes, they are others.
pub(crate) fn defined(crd: &Value) -> Value {
    let of = |pointer: &str| crd.pointer(pointer).cloned().unwrap_or_default();
    json!({"spec": of("/spec"), "names": of("/status/acceptedNames")})
}

/// What a definition serves: one resource for each served version.
///
/// What the converter `before` has learnt is kept if the definition's webhook is still the same.
///
/// The names are the accepted ones if there are any, since a conflict may have kept some requested names out.
pub(crate) fn resources(crd: &Value, before: Option<&Arc<Converter>>) -> Vec<Resource> {
    let converter = Converter::of(crd, before);
    let group = text(crd, "/spec/group");
    let names = match crd.pointer("/status/acceptedNames") {
        Some(names) if !text(names, "/plural").is_empty() => names,
        _ => crd.pointer("/spec/names").unwrap_or(&Value::Null),
    };
    let namespaced = text(crd, "/spec/scope") == "Namespaced";
    let storage = storage_version(crd).unwrap_or_default();
    let schemas: BTreeMap<String, Arc<Structural>> = versions(crd)
        .iter()
        .map(|version| {
            let schema = version.pointer("/schema/openAPIV3Schema").unwrap_or(&Value::Null);
            (text(version, "/name").to_owned(), Arc::new(Structural::parse(schema).with_true_metadata()))
        })
        .collect();
    let schemas = Arc::new(schemas);
    let kind = text(names, "/kind");
    let served = versions(crd).iter().filter(|version| version.get("served") == Some(&Value::Bool(true)));
    served
        .map(|spec| {
            let name = text(spec, "/name");
            let version = Version {
                group: group.to_owned(),
                name: name.to_owned(),
                kind: kind.to_owned(),
                namespaced,
                spec: spec.clone(),
                schema: schemas.get(name).cloned().unwrap_or_default(),
                has_status: spec.pointer("/subresources/status").is_some_and(|status| !status.is_null()),
                scale: spec.pointer("/subresources/scale").and_then(Scale::parse),
                selectable_fields: list(spec, "/selectableFields")
                    .iter()
                    .map(|field| text(field, "/jsonPath").to_owned())
                    .collect(),
                deprecation: warning::deprecation(crd, kind, spec),
                storage: storage.to_owned(),
                schemas: Arc::clone(&schemas),
                converter: converter.clone(),
            };
            resource(version, names)
        })
        .collect()
}

fn resource(version: Version, names: &Value) -> Resource {
    let subresource = |name: &str, group: &str, of_version: &str, kind: &str| Subresource {
        name: name.to_owned(),
        group: group.to_owned(),
        version: of_version.to_owned(),
        kind: kind.to_owned(),
        verbs: vec!["get", "patch", "update"],
    };
    let mut subresources = Vec::new();
    if version.has_status {
        subresources.push(subresource("status", &version.group, &version.name, &version.kind));
    }
    if version.scale.is_some() {
        subresources.push(subresource("scale", "autoscaling", "v1", "Scale"));
    }
    let plural = text(names, "/plural").to_owned();
    Resource {
        group: version.group.clone(),
        version: version.name.clone(),
        kind: version.kind.clone(),
        list_kind: text(names, "/listKind").to_owned(),
        singular: text(names, "/singular").to_owned(),
        short_names: texts(names, "/shortNames"),
        categories: texts(names, "/categories"),
        namespaced: version.namespaced,
        verbs: VERBS.to_vec(),
        storage_version_hash: Some(hash::storage_version(&version.group, &version.storage, &version.kind)),
        subresources,
        storage: Storage { group: version.group.clone(), plural: plural.clone() },
        plural,
        manages_generation: true,
        unconditional_update: false,
        create_on_update: false,
        shape: Shape::Custom(Arc::new(version)),
    }
}

fn versions(crd: &Value) -> &[Value] {
    list(crd, "/spec/versions")
}

/// The name of the version in which objects are stored.
pub(crate) fn storage_version(crd: &Value) -> Option<&str> {
    let storage = versions(crd).iter().find(|version| version.get("storage") == Some(&Value::Bool(true)))?;
    storage.get("name")?.as_str()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn texts(value: &Value, pointer: &str) -> Vec<String> {
    list(value, pointer).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The object at a key, which is made one if it is not.
fn object_at<'a>(value: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let entry = &mut value[key];
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    match entry {
        Value::Object(fields) => fields,
        _ => unreachable!("it was just made an object"),
    }
}
