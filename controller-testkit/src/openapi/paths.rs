//! The operations of a resource: which verbs its paths take, with which parameters and bodies.

use serde_json::{Map, Value, json};

use super::{list_schema_name, reference, schema_name};
use crate::catalog::{Resource, Shape, Subresource};
use crate::kinds;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// The types in which a patch may come. From these `kubectl apply` learns whether it may send a strategic one, which
/// needs a Go type.
const PATCH_TYPES: [&str; 4] = [
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];
const CUSTOM_PATCH_TYPES: &[&str] = PATCH_TYPES.split_at(3).0;

/// Adds the paths of one resource.
pub(super) fn add(paths: &mut Map<String, Value>, resource: &Resource) {
    let root = if resource.group.is_empty() {
        format!("/api/{}", resource.version)
    } else {
        format!("/apis/{}/{}", resource.group, resource.version)
    };
    let everywhere = format!("{root}/{}", resource.plural);
    let collection = if resource.namespaced {
        format!("{root}/namespaces/{{namespace}}/{}", resource.plural)
    } else {
        everywhere.clone()
    };
    let item = format!("{collection}/{{name}}");
    let has = |verb: &str| resource.verbs.contains(&verb);
    let own = Operation::new(resource, &schema_name(resource));
    let list = Operation::new(resource, &list_schema_name(resource));
    let status = Operation::new(resource, &format!("{META}.Status"));

    let mut methods = Map::new();
    if has("list") {
        methods.insert("get".into(), list.read("list", LIST));
    }
    if has("create") {
        methods.insert("post".into(), own.write("post", WRITE));
    }
    if has("deletecollection") {
        methods.insert("delete".into(), status.delete("deletecollection", DELETE_COLLECTION));
    }
    insert(paths, collection, methods, resource, NAMESPACE);
    if has("get") {
        let mut methods = Map::new();
        methods.insert("get".into(), own.read("get", &[]));
        if has("update") {
            methods.insert("put".into(), own.write("put", WRITE));
        }
        if has("patch") {
            methods.insert("patch".into(), own.patch());
        }
        if has("delete") {
            methods.insert("delete".into(), status.delete("delete", DELETE));
        }
        insert(paths, item.clone(), methods, resource, NAME);
    }
    if resource.namespaced && has("list") {
        let mut methods = Map::new();
        methods.insert("get".into(), list.read("list", LIST));
        paths.insert(everywhere, Value::Object(methods));
    }
    for subresource in &resource.subresources {
        let methods = sub_methods(resource, subresource);
        insert(paths, format!("{item}/{}", subresource.name), methods, resource, NAME);
    }
}

fn sub_methods(resource: &Resource, subresource: &Subresource) -> Map<String, Value> {
    let ty = kinds::of_kind(&subresource.group, &subresource.version, &subresource.kind);
    let schema = match ty {
        Some(ty) => ty.name.clone(),
        None => schema_name(resource),
    };
    let mut operation = Operation::new(resource, &schema);
    operation.kind = json!({ "group": subresource.group, "version": subresource.version, "kind": subresource.kind });
    let mut methods = Map::new();
    for verb in &subresource.verbs {
        match *verb {
            "get" => methods.insert("get".into(), operation.read("get", &[])),
            "create" => methods.insert("post".into(), operation.write("post", WRITE)),
            "update" => methods.insert("put".into(), operation.write("put", WRITE)),
            "patch" => methods.insert("patch".into(), operation.patch()),
            _ => None,
        };
    }
    methods
}

/// The parameters that a path itself has.
const NAMESPACE: &[&str] = &["namespace"];
const NAME: &[&str] = &["name", "namespace"];

/// The query parameters of each kind of operation, with their types.
type Parameters = &'static [(&'static str, &'static str)];
const LIST: Parameters = &[
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];
const WRITE: Parameters = &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")];
const PATCH: Parameters =
    &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"), ("force", "boolean")];
const DELETE: Parameters = &[
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
];
const DELETE_COLLECTION: Parameters = &[
    ("continue", "string"),
    ("dryRun", "string"),
    ("fieldSelector", "string"),
    ("gracePeriodSeconds", "integer"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
];

fn insert(
    paths: &mut Map<String, Value>,
    path: String,
    mut methods: Map<String, Value>,
    resource: &Resource,
    parameters: &[&str],
) {
    if methods.is_empty() {
        return;
    }
    let parameters: Vec<Value> = parameters
        .iter()
        .filter(|name| resource.namespaced || **name != "namespace")
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "uniqueItems": true } }))
        .collect();
    methods.insert("parameters".into(), Value::Array(parameters));
    paths.insert(path, Value::Object(methods));
}

/// What the operations on one schema have in common.
struct Operation {
    kind: Value,
    schema: Value,
    patch_types: &'static [&'static str],
}

impl Operation {
    fn new(resource: &Resource, schema: &str) -> Self {
        Operation {
            kind: json!({ "group": resource.group, "version": resource.version, "kind": resource.kind }),
            schema: reference(schema),
            patch_types: if matches!(resource.shape, Shape::Builtin(_)) { &PATCH_TYPES } else { CUSTOM_PATCH_TYPES },
        }
    }

    fn read(&self, action: &str, parameters: Parameters) -> Value {
        self.operation(action, parameters)
    }

    fn write(&self, action: &str, parameters: Parameters) -> Value {
        let mut operation = self.operation(action, parameters);
        operation["requestBody"] = json!({ "content": { "*/*": { "schema": self.schema } }, "required": true });
        operation
    }

    fn patch(&self) -> Value {
        let mut operation = self.operation("patch", PATCH);
        let body = json!({ "schema": reference(&format!("{META}.Patch")) });
        let content: Map<String, Value> =
            self.patch_types.iter().map(|media| ((*media).to_owned(), body.clone())).collect();
        operation["requestBody"] = json!({ "content": content, "required": true });
        operation
    }

    fn delete(&self, action: &str, parameters: Parameters) -> Value {
        let mut operation = self.operation(action, parameters);
        operation["requestBody"] =
            json!({ "content": { "*/*": { "schema": reference(&format!("{META}.DeleteOptions")) } } });
        operation
    }

    fn operation(&self, action: &str, parameters: Parameters) -> Value {
        let parameters: Vec<Value> = parameters
            .iter()
            .map(|(name, kind)| json!({ "name": name, "in": "query", "schema": { "type": kind, "uniqueItems": true } }))
            .collect();
        let body = json!({ "schema": self.schema });
        json!({
            "parameters": parameters,
            "responses": { "200": { "description": "OK", "content": { "application/json": body, "application/yaml": body } } },
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": self.kind,
        })
    }
}
