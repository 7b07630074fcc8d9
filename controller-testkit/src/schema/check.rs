//! Whether a schema is one that a custom resource definition may have.
//!
//! Two sets of rules meet here. A schema must be *structural*: its shape (types, properties, items) must be stated
//! outside of `allOf`, `anyOf`, `oneOf` and `not`, so that objects can be pruned and defaulted. And it may use only that
//! part of OpenAPI which Kubernetes supports (`supported.rs`). Both are read off the JSON, before the schema is parsed, with the paths and
//! words of `apiextensions-apiserver`. Defaults must fit the schema that they stand in.

use serde_json::{Map, Value};

use super::meta::Malformed;
use super::parse::{flag, list, text};
use super::{MAX_DEPTH, Structural, budget, internal, is_meta_field, pattern, supported};
use crate::field::{Cause, FieldError, Path, type_name};

/// Where a schema stands and what its definition adds to the rules.
pub(crate) struct Root {
    pub(crate) path: Path,
    /// The status is a subresource, so that its schema is also used alone.
    pub(crate) status: bool,
}

/// What is wrong with the schema of a version.
pub(crate) fn check(schema: &Value, root: &Root) -> Vec<FieldError> {
    let path = &root.path;
    let Some(node) = Node::new(schema) else {
        return vec![FieldError::type_invalid(path, schema, "must be an object")];
    };
    let mut errors = Vec::new();
    if !check_keywords(node, path, MAX_DEPTH, &mut errors) {
        return errors;
    }
    if root.status {
        check_root_of_status(node, path, &mut errors);
    }
    if node.flag("nullable") {
        errors.push(FieldError::forbidden(path.child("nullable"), "nullable cannot be true at the root"));
    }
    match unsupported(node) {
        Some(_) => {}
        None => {
            let mut found = Vec::new();
            check_structure(node, Level::Root, path, &mut found);
            check_complete(node, Some(node), path, path, &mut found);
            found.sort_by_key(ToString::to_string);
            if found.is_empty() {
                check_defaults(node, path, Place::Root, &mut found);
            }
            errors.append(&mut found);
        }
    }
    supported::check(node, path, &mut errors);
    if let (Some(text), true) = (unsupported(node), errors.is_empty()) {
        errors.push(FieldError::invalid(path, "", text));
    }
    if errors.is_empty() {
        budget::check(schema, path, &mut errors);
    }
    errors
}

/// A schema as it was written.
#[derive(Clone, Copy)]
pub(super) struct Node<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Node<'a> {
    pub(super) fn new(schema: &'a Value) -> Option<Self> {
        schema.as_object().map(Self)
    }

    pub(super) fn text(self, keyword: &str) -> Option<&'a str> {
        text(self.0, keyword)
    }

    pub(super) fn kind(self) -> &'a str {
        self.text("type").unwrap_or_default()
    }

    pub(super) fn flag(self, keyword: &str) -> bool {
        flag(self.0, keyword)
    }

    /// A keyword's value, unless it is null.
    pub(super) fn value(self, keyword: &str) -> Option<&'a Value> {
        self.0.get(keyword).filter(|value| !value.is_null())
    }

    pub(super) fn child(self, keyword: &str) -> Option<Self> {
        self.0.get(keyword).and_then(Self::new)
    }

    pub(super) fn children(self, keyword: &str) -> impl Iterator<Item = Self> {
        list(self.0, keyword).iter().filter_map(Self::new)
    }

    pub(super) fn named(self, keyword: &str) -> impl Iterator<Item = (&'a str, Self)> {
        self.0
            .get(keyword)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(name, schema)| Some((name.as_str(), Self::new(schema)?)))
    }

    pub(super) fn property(self, name: &str) -> Option<Self> {
        self.named("properties").find(|(found, _)| *found == name).map(|(_, schema)| schema)
    }

    pub(super) fn has_any(self, keyword: &str) -> bool {
        match self.0.get(keyword) {
            Some(Value::Object(fields)) => !fields.is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Bool(set)) => *set,
            Some(Value::Null) | None => false,
            Some(Value::Number(_)) => true,
        }
    }
}

/// The type that each keyword has in JSON.
const KEYWORDS: &[(&str, &[&str])] = &[
    ("additionalProperties", &["object", "boolean"]),
    ("allOf", &["array"]),
    ("anyOf", &["array"]),
    ("enum", &["array"]),
    ("exclusiveMaximum", &["boolean"]),
    ("exclusiveMinimum", &["boolean"]),
    ("format", &["string"]),
    ("items", &["object", "array"]),
    ("maxItems", &["integer"]),
    ("maxLength", &["integer"]),
    ("maxProperties", &["integer"]),
    ("maximum", &["integer", "number"]),
    ("minItems", &["integer"]),
    ("minLength", &["integer"]),
    ("minProperties", &["integer"]),
    ("minimum", &["integer", "number"]),
    ("multipleOf", &["integer", "number"]),
    ("not", &["object"]),
    ("nullable", &["boolean"]),
    ("oneOf", &["array"]),
    ("pattern", &["string"]),
    ("properties", &["object"]),
    ("required", &["array"]),
    ("type", &["string"]),
    ("uniqueItems", &["boolean"]),
    ("x-kubernetes-embedded-resource", &["boolean"]),
    ("x-kubernetes-int-or-string", &["boolean"]),
    ("x-kubernetes-list-map-keys", &["array"]),
    ("x-kubernetes-list-type", &["string"]),
    ("x-kubernetes-map-type", &["string"]),
    ("x-kubernetes-preserve-unknown-fields", &["boolean"]),
    ("x-kubernetes-validations", &["array"]),
];

/// Whether every keyword has its type and the schema ends in time, so that the other rules can read it.
fn check_keywords(node: Node<'_>, path: &Path, levels: usize, errors: &mut Vec<FieldError>) -> bool {
    let before = errors.len();
    let Some(levels) = levels.checked_sub(1) else {
        let detail = format!("this server takes schemas of at most {MAX_DEPTH} levels");
        errors.push(FieldError::forbidden(path, detail));
        return false;
    };
    for (keyword, types) in KEYWORDS {
        let Some(value) = node.value(keyword) else { continue };
        if !types.contains(&type_name(value)) {
            let detail = format!("must be of type {}", types.join(" or "));
            errors.push(FieldError::type_invalid(path.child(keyword), type_name(value), detail));
        }
    }
    for keyword in ["required", "x-kubernetes-list-map-keys"] {
        for (index, entry) in list(node.0, keyword).iter().enumerate().filter(|(_, entry)| !entry.is_string()) {
            let path = path.child(keyword).index(index);
            errors.push(FieldError::type_invalid(path, type_name(entry), "must be of type string"));
        }
    }
    let properties = node.0.get("properties").and_then(Value::as_object).into_iter().flatten();
    let below = properties
        .map(|(name, schema)| (path.child("properties").key(name), schema))
        .chain(["allOf", "anyOf", "oneOf"].into_iter().flat_map(|keyword| {
            let schemas = list(node.0, keyword).iter().enumerate();
            schemas.map(move |(index, schema)| (path.child(keyword).index(index), schema))
        }))
        .chain(["items", "not", "additionalProperties"].into_iter().filter_map(|keyword| {
            let schema = node.value(keyword).filter(|value| value.is_object())?;
            Some((path.child(keyword), schema))
        }));
    for (path, schema) in below {
        match Node::new(schema) {
            Some(node) => {
                check_keywords(node, &path, levels, errors);
            }
            None => errors.push(FieldError::type_invalid(path, type_name(schema), "must be of type object")),
        }
    }
    errors.len() == before
}

/// The keywords that a root may have although the status' schema is cut out of it, and their names in Go.
const AT_ROOT_OF_STATUS: &[(&str, &str)] = &[
    ("description", "Description"),
    ("type", "Type"),
    ("format", "Format"),
    ("title", "Title"),
    ("maximum", "Maximum"),
    ("exclusiveMaximum", "ExclusiveMaximum"),
    ("minimum", "Minimum"),
    ("exclusiveMinimum", "ExclusiveMinimum"),
    ("maxLength", "MaxLength"),
    ("minLength", "MinLength"),
    ("pattern", "Pattern"),
    ("maxItems", "MaxItems"),
    ("minItems", "MinItems"),
    ("uniqueItems", "UniqueItems"),
    ("multipleOf", "MultipleOf"),
    ("required", "Required"),
    ("items", "Items"),
    ("properties", "Properties"),
    ("externalDocs", "ExternalDocs"),
    ("example", "Example"),
    ("x-kubernetes-preserve-unknown-fields", "XPreserveUnknownFields"),
    ("x-kubernetes-validations", "XValidations"),
];

fn check_root_of_status(node: Node<'_>, path: &Path, errors: &mut Vec<FieldError>) {
    if !matches!(node.kind(), "" | "object") {
        let detail = "only \"object\" is allowed as the type at the root of the schema if the status subresource is \
                      enabled";
        errors.push(FieldError::invalid(path.child("type"), node.kind(), detail));
        return;
    }
    let allowed = |keyword: &str| AT_ROOT_OF_STATUS.iter().any(|(known, _)| *known == keyword);
    if node.0.keys().any(|keyword| node.has_any(keyword) && !allowed(keyword)) {
        let names: Vec<&str> = AT_ROOT_OF_STATUS.iter().map(|(_, name)| *name).collect();
        let detail = format!(
            "only [{}] fields are allowed at the root of the schema if the status subresource is enabled",
            names.join(" ")
        );
        let schema = internal::internal(Some(&Value::Object(node.0.clone())));
        errors.push(FieldError {
            cause: Cause::Invalid,
            field: path.to_string(),
            message: format!("Invalid value: {schema}: {detail}"),
        });
    }
}

/// The first keyword that no structural schema has.
fn unsupported(node: Node<'_>) -> Option<String> {
    let keyword = ["id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions"]
        .into_iter()
        .find(|keyword| node.has_any(keyword) || (*keyword == "additionalItems" && node.value(keyword).is_some()));
    if let Some(keyword) = keyword {
        let keyword = keyword.trim_start_matches("$s").to_owned();
        let keyword = if keyword == "chema" { "schema".to_owned() } else { keyword };
        return Some(format!("OpenAPIV3Schema '{keyword}' is not supported"));
    }
    if node.value("items").is_some_and(Value::is_array) {
        return Some("OpenAPIV3Schema 'items' must be a schema, but is an array".to_owned());
    }
    let below = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|keyword| node.children(keyword));
    let below =
        below.chain(["items", "not", "additionalProperties"].into_iter().filter_map(|keyword| node.child(keyword)));
    below.chain(node.named("properties").map(|(_, schema)| schema)).find_map(unsupported)
}

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Item,
    Field,
}

/// The rules on the shape itself.
fn check_structure(node: Node<'_>, level: Level, path: &Path, errors: &mut Vec<FieldError>) {
    let kind = node.kind();
    match node.child("items") {
        Some(items) => check_structure(items, Level::Item, &path.child("items"), errors),
        None if kind == "array" => errors.push(FieldError::required(path.child("items"), "must be specified")),
        None => {}
    }
    for (name, property) in node.named("properties") {
        check_structure(property, Level::Field, &path.child("properties").key(name), errors);
    }
    if node.value("additionalProperties").is_some() {
        let path = path.child("additionalProperties");
        if level == Level::Root {
            errors.push(FieldError::forbidden(&path, "must not be used at the root"));
        }
        if let Some(values) = node.child("additionalProperties") {
            check_structure(values, Level::Field, &path, errors);
        }
    }
    let int_or_string = node.flag("x-kubernetes-int-or-string");
    for keyword in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] {
        if int_or_string && node.flag(keyword) {
            let detail = "must be false if x-kubernetes-int-or-string is true";
            errors.push(FieldError::invalid(path.child(keyword), &true, detail));
        }
    }
    let exceptions = Exceptions {
        any_of: is_int_or_string(node),
        first_all_of: node.children("allOf").next().is_some_and(is_int_or_string),
    };
    check_rules(node, exceptions, path, errors);
    check_type(node, level, path, errors);
    let embedded = node.flag("x-kubernetes-embedded-resource");
    if level == Level::Root || embedded {
        for name in ["kind", "apiVersion"] {
            if let Some(kind) = node.property(name).map(Node::kind).filter(|kind| *kind != "string") {
                let path = path.child("properties").key(name).child("type");
                errors.push(FieldError::invalid(path, kind, "must be string"));
            }
        }
    }
    if let Some(metadata) = node.property("metadata") {
        let path = path.child("properties").key("metadata");
        if (level == Level::Root || embedded) && metadata.kind() != "object" {
            errors.push(FieldError::invalid(path.child("type"), metadata.kind(), "must be object"));
        }
        if level == Level::Root && !restricts_names_only(metadata) {
            let detail =
                "must not specify anything other than name and generateName, but metadata is implicitly specified";
            errors.push(FieldError::forbidden(path, detail));
        }
    }
    if embedded && !node.flag("x-kubernetes-preserve-unknown-fields") && !node.has_any("properties") {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                      x-kubernetes-preserve-unknown-fields";
        errors.push(FieldError::required(path.child("properties"), detail));
    }
}

fn check_type(node: Node<'_>, level: Level, path: &Path, errors: &mut Vec<FieldError>) {
    let kind = node.kind();
    let embedded = node.flag("x-kubernetes-embedded-resource");
    let path_of_type = path.child("type");
    if embedded && kind != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(match kind {
            "" => FieldError::required(&path_of_type, detail),
            kind => FieldError::invalid(&path_of_type, kind, detail),
        });
    } else if kind.is_empty()
        && !node.flag("x-kubernetes-int-or-string")
        && !node.flag("x-kubernetes-preserve-unknown-fields")
    {
        let detail = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        errors.push(FieldError::required(&path_of_type, detail));
    }
    if embedded && node.value("additionalProperties").is_some() {
        let detail = "must not be used if x-kubernetes-embedded-resource is set";
        errors.push(FieldError::forbidden(path.child("additionalProperties"), detail));
    }
    if level == Level::Root && !matches!(kind, "" | "object") {
        errors.push(FieldError::invalid(&path_of_type, kind, "must be object at the root"));
    }
}

/// `anyOf: [{type: integer}, {type: string}]`, which may stand beside `x-kubernetes-int-or-string`.
fn is_int_or_string(node: Node<'_>) -> bool {
    let of_type = |schema: &Value, kind: &str| {
        schema.as_object().is_some_and(|fields| fields.len() == 1 && text(fields, "type") == Some(kind))
    };
    matches!(list(node.0, "anyOf"), [one, other] if of_type(one, "integer") && of_type(other, "string"))
}

/// The metadata at the root may say something about `name` and `generateName`, and nothing else.
fn restricts_names_only(metadata: Node<'_>) -> bool {
    let names = metadata.named("properties").all(|(name, _)| matches!(name, "name" | "generateName"));
    names
        && metadata
            .0
            .keys()
            .all(|keyword| matches!(keyword.as_str(), "type" | "properties" | "default") || !metadata.has_any(keyword))
}

/// Which alternatives may name types although no alternative may.
#[derive(Clone, Copy, Default)]
struct Exceptions {
    any_of: bool,
    first_all_of: bool,
}

/// The rules on the rules of a value.
fn check_rules(node: Node<'_>, exceptions: Exceptions, path: &Path, errors: &mut Vec<FieldError>) {
    if !exceptions.any_of {
        for (index, schema) in node.children("anyOf").enumerate() {
            check_nested(schema, Exceptions::default(), &path.child("anyOf").index(index), errors);
        }
    }
    for (index, schema) in node.children("allOf").enumerate() {
        let inner = Exceptions { any_of: exceptions.first_all_of && index == 0, first_all_of: false };
        check_nested(schema, inner, &path.child("allOf").index(index), errors);
    }
    for (index, schema) in node.children("oneOf").enumerate() {
        check_nested(schema, Exceptions::default(), &path.child("oneOf").index(index), errors);
    }
    if let Some(schema) = node.child("not") {
        check_nested(schema, Exceptions::default(), &path.child("not"), errors);
    }
    if let Some(pattern) = node.text("pattern")
        && let Err(error) = pattern::compile(pattern)
    {
        let detail = if error.starts_with("error parsing") {
            format!("must be a valid regular expression, but isn't: {error}")
        } else {
            format!("is a regular expression that a cluster may take, but {error}")
        };
        errors.push(FieldError::invalid(path.child("pattern"), pattern, detail));
    }
}

/// A schema below `allOf`, `anyOf`, `oneOf` or `not`, which may not shape the value.
fn check_nested(node: Node<'_>, exceptions: Exceptions, path: &Path, errors: &mut Vec<FieldError>) {
    check_rules(node, exceptions, path, errors);
    if let Some(items) = node.child("items") {
        check_nested(items, Exceptions::default(), &path.child("items"), errors);
    }
    for (name, property) in node.named("properties") {
        check_nested(property, Exceptions::default(), &path.child("properties").key(name), errors);
    }
    let allows = node.value("additionalProperties").is_some_and(|value| *value != Value::Bool(false));
    let forbidden = [
        ("type", node.has_any("type"), "must be empty to be structural"),
        ("additionalProperties", allows, "must be undefined to be structural"),
        ("default", node.value("default").is_some(), "must be undefined to be structural"),
        ("title", node.has_any("title"), "must be empty to be structural"),
        ("description", node.has_any("description"), "must be empty to be structural"),
    ];
    let keyword = |name: &'static str, detail: &'static str| (name, node.has_any(name), detail);
    let forbidden = forbidden.into_iter().chain([
        keyword("nullable", "must be false to be structural"),
        keyword("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
        keyword("x-kubernetes-embedded-resource", "must be false to be structural"),
        keyword("x-kubernetes-int-or-string", "must be false to be structural"),
        keyword("x-kubernetes-list-map-keys", "must be empty to be structural"),
        keyword("x-kubernetes-list-type", "must be undefined to be structural"),
        keyword("x-kubernetes-map-type", "must be undefined to be structural"),
        keyword("x-kubernetes-validations", "must be empty to be structural"),
    ]);
    for (name, _, detail) in forbidden.filter(|(_, set, _)| *set) {
        errors.push(FieldError::forbidden(path.child(name), detail));
    }
    if node.property("metadata").is_some() {
        let path = path.child("properties").key("metadata");
        errors.push(FieldError::forbidden(path, "must not be specified in a nested context"));
    }
}

/// Whether all that alternatives speak of is also there outside of them.
fn check_complete(
    rules: Node<'_>,
    shape: Option<Node<'_>>,
    path_of_shape: &Path,
    path: &Path,
    errors: &mut Vec<FieldError>,
) {
    let Some(shape) = shape else {
        errors.push(FieldError::required(path_of_shape, format!("because it is defined in {path}")));
        return;
    };
    if let Some(schema) = rules.child("not") {
        check_complete_nested(schema, Some(shape), path_of_shape, &path.child("not"), errors);
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for (index, schema) in rules.children(keyword).enumerate() {
            check_complete_nested(schema, Some(shape), path_of_shape, &path.child(keyword).index(index), errors);
        }
    }
}

fn check_complete_nested(
    rules: Node<'_>,
    shape: Option<Node<'_>>,
    path_of_shape: &Path,
    path: &Path,
    errors: &mut Vec<FieldError>,
) {
    check_complete(rules, shape, path_of_shape, path, errors);
    let Some(shape) = shape else { return };
    if let Some(items) = rules.child("items") {
        check_complete_nested(items, shape.child("items"), &path_of_shape.child("items"), &path.child("items"), errors);
    }
    for (name, property) in rules.named("properties") {
        let path_of_shape = path_of_shape.child("properties").key(name);
        let path = path.child("properties").key(name);
        check_complete_nested(property, shape.property(name), &path_of_shape, &path, errors);
    }
}

/// Where a schema stands as far as the metadata of objects is concerned.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Inside,
    /// Within `apiVersion`, `kind` or `metadata` of an object.
    Meta,
}

/// Whether the defaults fit the schemas that they stand in.
fn check_defaults(node: Node<'_>, path: &Path, place: Place, errors: &mut Vec<FieldError>) {
    let embedded = place == Place::Root || node.flag("x-kubernetes-embedded-resource");
    let place = if embedded { Place::Inside } else { place };
    if let Some(default) = node.value("default") {
        let path = path.child("default");
        let mut schema = Structural::parse(&Value::Object(node.0.clone()));
        schema.embedded_resource = embedded;
        let mut pruned = default.clone();
        if place != Place::Meta && !schema.prune_part(&mut pruned).is_empty() {
            errors.push(FieldError::invalid(&path, default, "must not have unknown fields"));
        }
        let mut typed = default.clone();
        let mut found = match schema.coerce_embedded(&mut typed, Malformed::Refuse) {
            Ok(_) => Vec::new(),
            Err(error) => vec![FieldError { field: format!("{path}.{}", error.field), ..error }],
        };
        if found.is_empty() {
            schema.validate_below(&typed, &path, &mut found);
        }
        if found.is_empty() {
            found = schema.validate_at(default, &path);
        }
        errors.append(&mut found);
    }
    if let Some(items) = node.child("items") {
        check_defaults(items, &path.child("items"), place, errors);
    }
    for (name, property) in node.named("properties") {
        let place = if embedded && is_meta_field(name) { Place::Meta } else { place };
        check_defaults(property, &path.child("properties").key(name), place, errors);
    }
}
