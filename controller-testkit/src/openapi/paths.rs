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

/// The types of an answer: protobuf and streams come last, for they are not of every kind and every verb.
const FORMS: [&str; 5] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
];

/// Adds the paths of one resource.
pub(super) fn add(paths: &mut Map<String, Value>, resource: &Resource) {
    let root = if resource.group.is_empty() {
        format!("/api/{}", resource.version)
    } else {
        format!("/apis/{}/{}", resource.group, resource.version)
    };
    let everywhere = format!("{root}/{}", resource.plural);
    let (collection, item) = match resource.namespaced {
        true => {
            let collection = format!("{root}/namespaces/{{namespace}}/{}", resource.plural);
            (Place::new(collection.clone(), NAMESPACE), Place::new(format!("{collection}/{{name}}"), NAMED))
        }
        false => (Place::new(everywhere.clone(), &[]), Place::new(format!("{everywhere}/{{name}}"), NAME)),
    };
    let has = |verb: &str| resource.verbs.contains(&verb);
    let speaker = Speaker::new(resource);
    let own = schema_name(resource);

    let mut methods = collection;
    if has("list") {
        methods.add("get", speaker.list(&speaker.name("list", "", "")));
    }
    if has("create") {
        methods.add("post", speaker.write("post", &own, &speaker.name("create", "", "")));
    }
    if has("deletecollection") {
        methods.add("delete", speaker.delete_collection(&speaker.name("delete", "Collection", "")));
    }
    methods.put(paths);
    if has("get") {
        let mut methods = item.clone();
        methods.add("get", speaker.get(&own, &speaker.name("read", "", "")));
        if has("update") {
            methods.add("put", speaker.write("put", &own, &speaker.name("replace", "", "")));
        }
        if has("patch") {
            methods.add("patch", speaker.patch(&own, &speaker.name("patch", "", "")));
        }
        if has("delete") {
            methods.add("delete", speaker.delete(&speaker.name("delete", "", "")));
        }
        methods.put(paths);
    }
    if resource.namespaced && has("list") {
        let mut methods = Place::new(everywhere, &[]);
        methods.add("get", speaker.list(&format!("list{}{}ForAllNamespaces", speaker.version, resource.kind)));
        methods.put(paths);
    }
    for subresource in &resource.subresources {
        let place = Place::new(format!("{}/{}", item.path, subresource.name), item.named);
        add_sub(paths, place, resource, subresource);
    }
}

fn add_sub(paths: &mut Map<String, Value>, mut methods: Place, resource: &Resource, subresource: &Subresource) {
    let ty = kinds::of_kind(&subresource.group, &subresource.version, &subresource.kind);
    let schema = match ty {
        Some(ty) => ty.name.clone(),
        None => schema_name(resource),
    };
    let mut speaker = Speaker::new(resource);
    if speaker.is_builtin {
        speaker.kind = json!({ "group": subresource.group, "version": subresource.version, "kind": subresource.kind });
    }
    let named = |verb: &str| speaker.name(verb, "", &capitalized(&subresource.name));
    for verb in &subresource.verbs {
        match *verb {
            "get" => methods.add("get", speaker.get(&schema, &named("read"))),
            "create" => methods.add("post", speaker.write("post", &schema, &named("create"))),
            "update" => methods.add("put", speaker.write("put", &schema, &named("replace"))),
            "patch" => methods.add("patch", speaker.patch(&schema, &named("patch"))),
            _ => {}
        }
    }
    methods.put(paths);
}

/// A group in the names of operations: `rbac.authorization.k8s.io` is `RbacAuthorization`.
pub(super) fn group_words(group: &str) -> String {
    let group = if group.is_empty() { "core" } else { group.strip_suffix(".k8s.io").unwrap_or(group) };
    group.split(['.', '-']).map(capitalized).collect()
}

pub(super) fn capitalized(word: &str) -> String {
    word.char_indices().map(|(at, letter)| if at == 0 { letter.to_ascii_uppercase() } else { letter }).collect()
}

pub(super) fn uncapitalized(word: &str) -> String {
    word.char_indices().map(|(at, letter)| if at == 0 { letter.to_ascii_lowercase() } else { letter }).collect()
}

/// The parameters that a path itself has.
const NAME: &[&str] = &["name"];
const NAMESPACE: &[&str] = &["namespace"];
const NAMED: &[&str] = &["name", "namespace"];

/// The query parameters of each kind of operation, with their types.
type Parameters = &'static [(&'static str, &'static str)];
const LIST: Parameters = &[
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("pretty", "string"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("shardSelector", "string"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
];
const READ: Parameters = &[("pretty", "string")];
const CUSTOM_READ: Parameters = &[("pretty", "string"), ("resourceVersion", "string")];
const WRITE: Parameters =
    &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"), ("pretty", "string")];
const PATCH: Parameters = &[
    ("dryRun", "string"),
    ("fieldManager", "string"),
    ("fieldValidation", "string"),
    ("force", "boolean"),
    ("pretty", "string"),
];
const DELETE: Parameters = &[
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("ignoreStoreReadErrorWithClusterBreakingPotential", "boolean"),
    ("orphanDependents", "boolean"),
    ("pretty", "string"),
    ("propagationPolicy", "string"),
];
const DELETE_COLLECTION: Parameters = &[
    ("continue", "string"),
    ("dryRun", "string"),
    ("fieldSelector", "string"),
    ("gracePeriodSeconds", "integer"),
    ("ignoreStoreReadErrorWithClusterBreakingPotential", "boolean"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("orphanDependents", "boolean"),
    ("pretty", "string"),
    ("propagationPolicy", "string"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("shardSelector", "string"),
    ("timeoutSeconds", "integer"),
];

/// One path, and the operations on it as far as they are known.
#[derive(Clone)]
struct Place {
    path: String,
    named: &'static [&'static str],
    methods: Vec<(&'static str, Parameters, Value)>,
}

impl Place {
    fn new(path: String, named: &'static [&'static str]) -> Self {
        Place { path, named, methods: Vec::new() }
    }

    fn add(&mut self, method: &'static str, (parameters, operation): (Parameters, Value)) {
        self.methods.push((method, parameters, operation));
    }

    /// What all operations take stands with the path.
    fn put(self, paths: &mut Map<String, Value>) {
        let Some((_, first, _)) = self.methods.first() else { return };
        let shared = |parameter: &(&str, &str)| self.methods.iter().all(|(_, taken, _)| taken.contains(parameter));
        let common: Vec<(&str, &str)> = first.iter().filter(|parameter| shared(parameter)).copied().collect();
        let mut members = Map::new();
        for (method, parameters, mut operation) in self.methods {
            let own: Vec<Value> =
                parameters.iter().filter(|parameter| !common.contains(parameter)).map(in_query).collect();
            if !own.is_empty() {
                operation["parameters"] = own.into();
            }
            members.insert(method.to_owned(), operation);
        }
        let of_path = self.named.iter().map(|name| {
            let schema = json!({ "type": "string", "uniqueItems": true });
            (*name, json!({ "name": name, "in": "path", "required": true, "schema": schema }))
        });
        let mut common: Vec<(&str, Value)> =
            common.iter().map(|parameter| (parameter.0, in_query(parameter))).chain(of_path).collect();
        common.sort_by_key(|(name, _)| *name);
        if !common.is_empty() {
            members.insert("parameters".into(), common.into_iter().map(|(_, parameter)| parameter).collect());
        }
        paths.insert(self.path, Value::Object(members));
    }
}

fn in_query((name, kind): &(&str, &str)) -> Value {
    json!({ "name": name, "in": "query", "schema": { "type": kind, "uniqueItems": true } })
}

/// What the operations on one resource have in common.
struct Speaker<'a> {
    resource: &'a Resource,
    kind: Value,
    is_builtin: bool,
    /// The group and version in the names of operations: `CoreV1`.
    version: String,
}

impl<'a> Speaker<'a> {
    fn new(resource: &'a Resource) -> Self {
        Speaker {
            resource,
            kind: json!({ "group": resource.group, "version": resource.version, "kind": resource.kind }),
            is_builtin: matches!(resource.shape, Shape::Builtin(_)),
            version: format!("{}{}", group_words(&resource.group), capitalized(&resource.version)),
        }
    }

    /// The name of an operation: `deleteCoreV1CollectionNamespacedPod`.
    fn name(&self, verb: &str, of: &str, part: &str) -> String {
        let scope = if self.resource.namespaced { "Namespaced" } else { "" };
        format!("{verb}{}{of}{scope}{}{part}", self.version, self.resource.kind)
    }

    fn list(&self, name: &str) -> (Parameters, Value) {
        let mut operation = self.operation("list", name);
        operation["responses"]["200"] = self.answer("OK", &list_schema_name(self.resource), self.forms().1);
        (LIST, operation)
    }

    fn get(&self, schema: &str, name: &str) -> (Parameters, Value) {
        let mut operation = self.operation("get", name);
        operation["responses"]["200"] = self.answer("OK", schema, self.forms().0);
        (if self.is_builtin { READ } else { CUSTOM_READ }, operation)
    }

    fn write(&self, action: &str, schema: &str, name: &str) -> (Parameters, Value) {
        let mut operation = self.operation(action, name);
        operation["requestBody"] = json!({ "content": self.body(schema), "required": true });
        for (code, said) in [("200", "OK"), ("201", "Created"), ("202", "Accepted")] {
            if action == "post" || code != "202" {
                operation["responses"][code] = self.answer(said, schema, self.forms().0);
            }
        }
        (WRITE, operation)
    }

    fn patch(&self, schema: &str, name: &str) -> (Parameters, Value) {
        let mut operation = self.operation("patch", name);
        let types = if self.is_builtin { &PATCH_TYPES } else { CUSTOM_PATCH_TYPES };
        let body = json!({ "schema": reference(&format!("{META}.Patch")) });
        let content: Map<String, Value> = types.iter().map(|media| ((*media).to_owned(), body.clone())).collect();
        operation["requestBody"] = json!({ "content": content, "required": true });
        operation["responses"]["200"] = self.answer("OK", schema, self.forms().0);
        if self.is_builtin {
            operation["responses"]["201"] = self.answer("Created", schema, self.forms().0);
        }
        (PATCH, operation)
    }

    fn delete(&self, name: &str) -> (Parameters, Value) {
        let mut operation = self.operation("delete", name);
        let status = format!("{META}.Status");
        operation["requestBody"] = json!({ "content": self.body(&format!("{META}.DeleteOptions")) });
        operation["responses"]["200"] = self.answer("OK", &status, self.forms().0);
        operation["responses"]["202"] = self.answer("Accepted", &status, self.forms().0);
        (DELETE, operation)
    }

    fn delete_collection(&self, name: &str) -> (Parameters, Value) {
        let mut operation = self.operation("deletecollection", name);
        if self.is_builtin {
            operation["requestBody"] = json!({ "content": self.body(&format!("{META}.DeleteOptions")) });
        }
        operation["responses"]["200"] = self.answer("OK", &format!("{META}.Status"), self.forms().0);
        (if self.is_builtin { DELETE_COLLECTION } else { LIST }, operation)
    }

    /// The types of an object, and those of a list.
    fn forms(&self) -> (&'static [&'static str], &'static [&'static str]) {
        if self.is_builtin { (&FORMS[..3], &FORMS) } else { (&FORMS[..2], &FORMS[..2]) }
    }

    fn body(&self, schema: &str) -> Map<String, Value> {
        let forms = if self.is_builtin { &["*/*"][..] } else { &FORMS[..2] };
        let body = json!({ "schema": reference(schema) });
        forms.iter().map(|form| ((*form).to_owned(), body.clone())).collect()
    }

    fn answer(&self, said: &str, schema: &str, forms: &[&str]) -> Value {
        let body = json!({ "schema": reference(schema) });
        let content: Map<String, Value> = forms.iter().map(|form| ((*form).to_owned(), body.clone())).collect();
        json!({ "description": said, "content": content })
    }

    fn operation(&self, action: &str, name: &str) -> Value {
        let tag = format!("{}_{}", uncapitalized(&group_words(&self.resource.group)), self.resource.version);
        json!({
            "tags": [tag],
            "operationId": name,
            "responses": { "401": { "description": "Unauthorized" } },
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": self.kind,
        })
    }
}
