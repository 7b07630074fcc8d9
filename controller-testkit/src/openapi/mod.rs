//! OpenAPI: the index of version 3, a document for each group and version, and the one document of version 2.
//!
//! kubectl reads them to check objects before it sends them (types, unknown and required fields), to learn whether the
//! server checks fields itself (`fieldValidation` among the parameters of a POST or PATCH) and to explain kinds. The
//! built-in schemas come from the table of Go types and carry no descriptions; the custom ones come from their
//! definitions. Version 2 is made of version 3; it alone is written in protobuf too.

mod gnostic;
mod paths;
mod schemas;
mod swagger;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub(crate) use self::gnostic::encoded;
pub(crate) use self::swagger::{swagger, swagger_hash};
use crate::catalog::{Catalog, Resource, Shape, api_version};

/// `GET /openapi/v3`: the documents and the hash of each.
pub(crate) fn index(catalog: &Catalog) -> Value {
    let mut entries = Map::new();
    for group in catalog.groups() {
        for version in &group.versions {
            let path = document_path(&group.name, version);
            let hash = hash(catalog, &group.name, version).unwrap_or_default();
            entries.insert(path.clone(), json!({ "serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}") }));
        }
    }
    json!({ "paths": entries })
}

/// The hash by which clients keep a document: it changes when, and only when, the document does.
pub(crate) fn hash(catalog: &Catalog, group: &str, version: &str) -> Option<String> {
    if !catalog.serves(group, version) {
        return None;
    }
    let mut hasher = Fnv::default();
    hasher.write(env!("CARGO_PKG_VERSION"));
    for resource in catalog.resources(group, version) {
        hasher.write(&api_version(group, version));
        hasher.write(&resource.plural);
        hasher.write(&resource.kind);
        hasher.write(&resource.list_kind);
        hasher.write(if resource.namespaced { "namespaced" } else { "cluster" });
        for subresource in &resource.subresources {
            hasher.write(&subresource.name);
        }
        if let Shape::Custom(custom) = &resource.shape {
            hasher.write(&custom.spec.to_string());
        }
    }
    Some(hasher.finish())
}

/// `GET /openapi/v3/apis/GROUP/VERSION`; `None` where the version is not served.
pub(crate) fn document(catalog: &Catalog, group: &str, version: &str) -> Option<Value> {
    if !catalog.serves(group, version) {
        return None;
    }
    let mut paths = Map::new();
    let mut schemas = schemas::Schemas::default();
    for resource in catalog.resources(group, version) {
        schemas.add_resource(resource);
        paths::add(&mut paths, resource);
    }
    Some(json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": "v1.37.2" },
        "paths": paths,
        "components": { "schemas": schemas.finish() },
    }))
}

fn document_path(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// The name of a resource's schema: the Go type's, or the reversed group before version and kind.
fn schema_name(resource: &Resource) -> String {
    match &resource.shape {
        Shape::Builtin(ty) => ty.name.clone(),
        Shape::Custom(_) => {
            let labels: Vec<&str> = resource.group.split('.').rev().collect();
            format!("{}.{}.{}", labels.join("."), resource.version, resource.kind)
        }
    }
}

fn list_schema_name(resource: &Resource) -> String {
    let name = schema_name(resource);
    let prefix = name.strip_suffix(&resource.kind).unwrap_or_default();
    format!("{prefix}{}", resource.list_kind)
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A pair of FNV-1a hashes: stable between runs and versions of Rust, which clients' caches on disk rely on.
struct Fnv([u64; 2]);

impl Default for Fnv {
    fn default() -> Self {
        Fnv([0xcbf2_9ce4_8422_2325, 0x8422_2325_cbf2_9ce4])
    }
}

impl Fnv {
    fn write(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            for lane in &mut self.0 {
                *lane = (*lane ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
    }

    fn finish(&self) -> String {
        format!("{:016X}{:016X}", self.0[0], self.0[1])
    }
}
