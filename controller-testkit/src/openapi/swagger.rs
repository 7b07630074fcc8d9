//! OpenAPI v2: one document for all that is served, made of those of version 3.
//!
//! It says less than they do, as the real one does: no defaults, nothing that is nullable, none of the ways to combine
//! schemas. kubectl asks for it where a kind is in no document of version 3, and older clients know nothing else.

use serde_json::{Map, Value, json};

use super::document_path;
use crate::catalog::Catalog;

/// `GET /openapi/v2`.
pub(crate) fn swagger(catalog: &Catalog) -> Value {
    let (mut paths, mut definitions) = (Map::new(), Map::new());
    for group in catalog.groups() {
        for version in &group.versions {
            let Some(mut document) = super::document(catalog, &group.name, version) else { continue };
            for (path, item) in taken(document.pointer_mut("/paths")) {
                paths.insert(path, path_item(item));
            }
            for (name, schema) in taken(document.pointer_mut("/components/schemas")) {
                definitions.insert(name, self::schema(schema));
            }
        }
    }
    json!({
        "swagger": "2.0",
        "info": super::info(),
        "paths": paths,
        "definitions": definitions,
    })
}

/// The hash by which clients keep it.
pub(crate) fn swagger_hash(catalog: &Catalog) -> String {
    let mut hasher = super::Fnv::default();
    for group in catalog.groups() {
        for version in &group.versions {
            hasher.write(&document_path(&group.name, version));
            hasher.write(&super::hash(catalog, &group.name, version).unwrap_or_default());
        }
    }
    hasher.finish()
}

fn taken(value: Option<&mut Value>) -> Map<String, Value> {
    match value.map(Value::take) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn path_item(mut item: Value) -> Value {
    for (name, part) in item.as_object_mut().into_iter().flatten() {
        *part = match name.as_str() {
            "parameters" => parameters(part.take()).into(),
            _ => operation(part.take()),
        };
    }
    item
}

fn operation(mut operation: Value) -> Value {
    let mut parameters = parameters(operation["parameters"].take());
    let mut body = operation["requestBody"].take();
    let content = taken(body.get_mut("content"));
    let consumes: Vec<&String> = content.keys().collect();
    operation["consumes"] = if consumes.is_empty() { json!(["*/*"]) } else { json!(consumes) };
    if let Some(first) = content.values().next() {
        let mut parameter = json!({ "in": "body", "name": "body", "schema": schema(first["schema"].clone()) });
        if body["required"] == true {
            parameter["required"] = true.into();
        }
        parameters.insert(0, parameter);
    }
    let mut produces: Vec<String> = Vec::new();
    for answer in operation["responses"].as_object_mut().into_iter().flat_map(|answers| answers.values_mut()) {
        let content = taken(answer.get_mut("content"));
        if let Some(first) = content.values().next() {
            answer["schema"] = schema(first["schema"].clone());
        }
        if !content.is_empty() {
            produces = content.into_iter().map(|(media, _)| media).collect();
        }
        answer.as_object_mut().and_then(|answer| answer.remove("content"));
    }
    if parameters.is_empty() {
        operation.as_object_mut().and_then(|operation| operation.remove("parameters"));
    } else {
        operation["parameters"] = parameters.into();
    }
    operation["schemes"] = json!(["https"]);
    operation["produces"] = json!(produces);
    operation.as_object_mut().and_then(|operation| operation.remove("requestBody"));
    operation
}

/// A parameter's type stands in the parameter itself.
fn parameters(parameters: Value) -> Vec<Value> {
    let Value::Array(mut parameters) = parameters else { return Vec::new() };
    for parameter in &mut parameters {
        let schema = taken(parameter.get_mut("schema"));
        if let Some(members) = parameter.as_object_mut() {
            members.remove("schema");
            members.extend(schema);
        }
    }
    parameters
}

fn schema(schema: Value) -> Value {
    let Value::Object(mut fields) = schema else { return schema };
    let one_of = fields.get("oneOf").is_some();
    if let Some(Value::Array(all)) = fields.remove("allOf")
        && let [Value::Object(one)] = all.as_slice()
        && let Some(target) = one.get("$ref")
    {
        // It was wrapped for what stands beside it, of which a description alone is kept.
        fields.retain(|name, _| name == "description" || name.starts_with("x-kubernetes-"));
        fields.insert("$ref".to_owned(), target.clone());
    }
    if let Some(Value::String(target)) = fields.get_mut("$ref") {
        *target = target.replace("#/components/schemas/", "#/definitions/");
    }
    for name in ["default", "oneOf", "anyOf", "not"] {
        fields.remove(name);
    }
    if one_of {
        // A quantity, or a number or a text.
        fields.insert("type".to_owned(), "string".into());
    }
    if fields.contains_key("x-kubernetes-preserve-unknown-fields")
        && let Some(kinds) = fields.get("x-kubernetes-group-version-kind")
    {
        // Of a whole object nothing is told then.
        return json!({ "type": "object", "x-kubernetes-group-version-kind": kinds });
    }
    narrow(&mut fields);
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(|inner| *inner = self::schema(inner.take()));
    }
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(name) {
            *inner = self::schema(inner.take());
        }
    }
    Value::Object(fields)
}

/// Leaves out what kubectl would take for more than it says: of what may be null, or have fields that nobody knows, the
/// type and what is in it.
fn narrow(fields: &mut Map<String, Value>) {
    let is_set = |fields: &Map<String, Value>, name: &str| fields.get(name) == Some(&Value::Bool(true));
    let is_free = is_set(fields, "x-kubernetes-preserve-unknown-fields");
    if is_free || is_set(fields, "nullable") {
        fields.remove("items");
        fields.remove("properties");
    }
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    let has_no_items = kind == "array" && !fields.contains_key("items");
    if has_no_items || is_set(fields, "nullable") || is_free && kind == "object" {
        fields.remove("type");
    }
    fields.remove("nullable");
    let is_embedded = is_free && is_set(fields, "x-kubernetes-embedded-resource");
    let properties = fields.get("properties").and_then(Value::as_object);
    let may_be_null = |name: &Value| {
        let property = name.as_str().and_then(|name| properties?.get(name)?.as_object());
        property.is_some_and(|property| is_set(property, "nullable"))
    };
    let may_lack = |name: &Value| may_be_null(name) || is_embedded && (name == "kind" || name == "apiVersion");
    let Some(Value::Array(required)) = fields.get("required") else { return };
    let kept: Vec<Value> = required.iter().filter(|name| !may_lack(name)).cloned().collect();
    match kept.is_empty() {
        true => drop(fields.remove("required")),
        false => drop(fields.insert("required".into(), kept.into())),
    }
}
