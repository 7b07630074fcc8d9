//! OpenAPI: the index of version 3, a document for each group and version, and the one document of version 2.
//!
//! kubectl reads them to check objects before it sends them (types, unknown and required fields), to learn whether the
//! server checks fields itself (`fieldValidation` among the parameters of a POST or PATCH) and to explain kinds. The
//! built-in schemas come from the table of Go types and carry no descriptions; the custom ones come from their
//! definitions. Version 2 is made of version 3; both are written in protobuf too.

pub(crate) mod gnostic;
mod paths;
mod roots;
mod schemas;
mod swagger;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub(crate) use self::swagger::{swagger, swagger_hash};
use crate::catalog::{Catalog, Resource, Shape, api_version};

/// `GET /openapi/v3`: the documents and the hash of each.
pub(crate) fn index(catalog: &Catalog) -> Value {
    let mut entries = Map::new();
    for path in roots::paths(catalog) {
        let hash = root_hash(catalog, &path).unwrap_or_default();
        entries.insert(path.clone(), json!({ "serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}") }));
    }
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

/// The hash of a document that is about no version; they are the same in every cluster.
pub(crate) fn root_hash(catalog: &Catalog, path: &str) -> Option<String> {
    if !roots::is_one(catalog, path) {
        return None;
    }
    let mut hasher = Fnv::default();
    hasher.write(env!("CARGO_PKG_VERSION"));
    hasher.write(path);
    Some(hasher.finish())
}

/// `GET /openapi/v3/apis/GROUP` and what else is about no version; `None` where there is none.
pub(crate) fn root(catalog: &Catalog, path: &str) -> Option<Value> {
    roots::document(catalog, path)
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
    let is_builtin = is_builtin(catalog, group);
    if is_builtin {
        roots::add_version(&mut paths, &mut schemas, group, version);
    }
    let mut components = Map::from_iter([("schemas".to_owned(), schemas.finish().into())]);
    let info = match is_builtin {
        true => {
            components.insert("securitySchemes".into(), security());
            info()
        }
        false => json!({ "title": "Kubernetes CRD Swagger", "version": "v0.1.0" }),
    };
    Some(json!({ "openapi": "3.0.0", "info": info, "paths": paths, "components": components }))
}

/// What all documents of Kubernetes' own groups say of themselves.
fn info() -> Value {
    json!({ "title": "Kubernetes", "version": "1.37" })
}

fn security() -> Value {
    let token = json!({
        "type": "apiKey", "description": "Bearer Token authentication", "name": "authorization", "in": "header",
    });
    json!({ "BearerToken": token })
}

/// Whether a group is one of Kubernetes' own.
fn is_builtin(catalog: &Catalog, group: &str) -> bool {
    let versions = catalog.group(group).into_iter().flat_map(|found| found.versions.iter());
    let mut resources = versions.flat_map(|version| catalog.resources(group, version));
    resources.any(|resource| matches!(resource.shape, Shape::Builtin(_)))
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
