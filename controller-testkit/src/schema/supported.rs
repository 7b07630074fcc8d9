//! Whether a schema uses only what Kubernetes supports of OpenAPI, and its own extensions as they are meant.

use std::collections::BTreeSet;

use serde_json::Value;

use super::check::Node;
use super::is_meta_field;
use super::parse::{list, texts};
use crate::field::{FieldError, Path};

/// Adds what is wrong with the schema of a version in this respect.
pub(super) fn check(root: Node<'_>, path: &Path, errors: &mut Vec<FieldError>) {
    check_open_api(root, path, Context { root: true, ..Context::default() }, errors);
}

/// What the way to a schema says about it.
#[derive(Clone, Copy, Default)]
struct Context<'a> {
    root: bool,
    inside_meta: bool,
    /// Why no default may stand here.
    no_default: Option<&'a str>,
}

/// The rules on what of OpenAPI may be used.
fn check_open_api(node: Node<'_>, path: &Path, cx: Context<'_>, errors: &mut Vec<FieldError>) {
    check_supported(node, path, cx, errors);
    if node.flag("uniqueItems") {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(FieldError::forbidden(path.child("uniqueItems"), detail));
    }
    let below = Context { root: false, ..cx };
    if let Some(additional) = node.value("additionalProperties") {
        let path = path.child("additionalProperties");
        if node.has_any("properties") && *additional != Value::Bool(true) {
            errors.push(FieldError::forbidden(&path, "additionalProperties and properties are mutual exclusive"));
        }
        if let Some(values) = node.child("additionalProperties") {
            let reason = "inside additionalProperties applying to object metadata";
            let no_default = if cx.inside_meta { Some(reason) } else { cx.no_default };
            check_open_api(values, &path, Context { no_default, ..below }, errors);
        }
    }
    for (name, property) in node.named("properties") {
        let meta = (cx.root || node.flag("x-kubernetes-embedded-resource")) && is_meta_field(name);
        let reason = format!("in top-level {name}");
        let cx = Context {
            inside_meta: cx.inside_meta || meta,
            no_default: if meta && cx.root { Some(&reason) } else { cx.no_default },
            root: false,
        };
        check_open_api(property, &path.child("properties").key(name), cx, errors);
    }
    if let Some(schema) = node.child("not") {
        check_open_api(schema, &path.child("not"), below, errors);
    }
    for keyword in ["allOf", "oneOf", "anyOf"] {
        for (index, schema) in node.children(keyword).enumerate() {
            check_open_api(schema, &path.child(keyword).index(index), below, errors);
        }
    }
    if let Some(items) = node.child("items") {
        check_open_api(items, &path.child("items"), below, errors);
    }
    if node.0.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        let path = path.child("x-kubernetes-preserve-unknown-fields");
        errors.push(FieldError::invalid(path, &false, "must be true or undefined"));
    }
    check_map_type(node, path, errors);
    check_list_type(node, path, errors);
    check_cel(node, path, errors);
}

fn check_supported(node: Node<'_>, path: &Path, cx: Context<'_>, errors: &mut Vec<FieldError>) {
    const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
    let kind = node.kind();
    if !kind.is_empty() && !TYPES.contains(&kind) {
        errors.push(FieldError::not_supported(path.child("type"), kind, TYPES));
    }
    if let (Some(_), Some(reason)) = (node.value("default"), cx.no_default) {
        errors.push(FieldError::forbidden(path.child("default"), format!("must not be set {reason}")));
    }
    for keyword in ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] {
        let set = match keyword {
            "id" | "patternProperties" | "definitions" => node.has_any(keyword),
            _ => node.value(keyword).is_some(),
        };
        if set {
            errors.push(FieldError::forbidden(path.child(keyword), format!("{keyword} is not supported")));
        }
    }
    if kind == "null" {
        let detail = "type cannot be set to null, use nullable as an alternative";
        errors.push(FieldError::forbidden(path.child("type"), detail));
    }
    if !list(node.0, "items").is_empty() {
        let detail = "items must be a schema object and not an array";
        errors.push(FieldError::forbidden(path.child("items"), detail));
    }
    if cx.inside_meta && node.flag("x-kubernetes-embedded-resource") {
        let path = path.child("x-kubernetes-embedded-resource");
        errors.push(FieldError::forbidden(path, "must not be used inside of resource meta"));
    }
}

fn check_map_type(node: Node<'_>, path: &Path, errors: &mut Vec<FieldError>) {
    let Some(map_type) = node.text("x-kubernetes-map-type") else {
        return;
    };
    let detail = "must be object if x-kubernetes-map-type is specified";
    match node.kind() {
        "object" => {}
        "" => errors.push(FieldError::required(path.child("type"), detail)),
        kind => errors.push(FieldError::invalid(path.child("type"), kind, detail)),
    }
    if !matches!(map_type, "atomic" | "granular") {
        let path = path.child("x-kubernetes-map-type");
        errors.push(FieldError::not_supported(path, map_type, ["atomic", "granular"]));
    }
}

fn check_list_type(node: Node<'_>, path: &Path, errors: &mut Vec<FieldError>) {
    let keys = texts(node.0, "x-kubernetes-list-map-keys");
    let path_of_type = path.child("x-kubernetes-list-type");
    let Some(list_type) = node.text("x-kubernetes-list-type") else {
        if !keys.is_empty() {
            let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
            errors.push(FieldError::required(path_of_type, detail));
        }
        return;
    };
    let items = node.child("items");
    let detail = "must be array if x-kubernetes-list-type is specified";
    match node.kind() {
        "array" => {
            if let (Some(items), "set") = (items, list_type) {
                check_set_items(items, &path.child("items"), errors);
            }
        }
        "" => errors.push(FieldError::required(path.child("type"), detail)),
        kind => errors.push(FieldError::invalid(path.child("type"), kind, detail)),
    }
    if !matches!(list_type, "atomic" | "set" | "map") {
        errors.push(FieldError::not_supported(&path_of_type, list_type, ["atomic", "set", "map"]));
    }
    if !keys.is_empty() && list_type != "map" {
        let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
        errors.push(FieldError::invalid(&path_of_type, list_type, detail));
    }
    if list_type == "map" {
        check_list_map(node, &keys, path, errors);
    }
    if let (Some(items), "set" | "map") = (items, list_type) {
        if items.flag("nullable") {
            let detail = format!("cannot be nullable when x-kubernetes-list-type is {list_type}");
            errors.push(FieldError::forbidden(path.child("items").child("nullable"), detail));
        }
        if list_type == "map" {
            check_list_map_keys(items, &keys, &path.child("items"), errors);
        }
    }
}

fn check_set_items(items: Node<'_>, path: &Path, errors: &mut Vec<FieldError>) {
    let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
    let list_type = items.text("x-kubernetes-list-type");
    match items.kind() {
        "array" if list_type.is_some_and(|found| found != "atomic") => {
            errors.push(FieldError::invalid(path.child("x-kubernetes-list-type"), &list_type, detail));
        }
        "object" if items.text("x-kubernetes-map-type") != Some("atomic") => {
            // The real server echoes the list type of the items here, not their map type.
            errors.push(FieldError::invalid(path.child("x-kubernetes-map-type"), &list_type, detail));
        }
        _ => {}
    }
}

fn check_list_map(node: Node<'_>, keys: &[String], path: &Path, errors: &mut Vec<FieldError>) {
    let path_of_keys = path.child("x-kubernetes-list-map-keys");
    if keys.is_empty() {
        let detail = "must not be empty if x-kubernetes-list-type is map";
        errors.push(FieldError::required(&path_of_keys, detail));
    }
    let path = path.child("items");
    let items = match (node.child("items"), node.value("items")) {
        (Some(items), _) => items,
        (None, None) => {
            errors.push(FieldError::required(path, "must have a schema if x-kubernetes-list-type is map"));
            return;
        }
        (None, Some(other)) => {
            let detail = "must only have a single schema if x-kubernetes-list-type is map";
            errors.push(FieldError::invalid(path, other, detail));
            return;
        }
    };
    if items.kind() != "object" {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        errors.push(FieldError::invalid(path.child("type"), items.kind(), detail));
        return;
    }
    let mut seen = BTreeSet::new();
    for key in keys {
        match items.property(key) {
            Some(property) if matches!(property.kind(), "array" | "object") => {
                let path = path.child("properties").key(key).child("type");
                let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                errors.push(FieldError::invalid(path, items.kind(), detail));
            }
            Some(_) => {}
            None => {
                let detail = "entries must all be names of item properties";
                errors.push(FieldError::invalid(&path_of_keys, keys, detail));
            }
        }
        if !seen.insert(key) {
            errors.push(FieldError::invalid(&path_of_keys, keys, "must not contain duplicate entries"));
        }
    }
}

fn check_list_map_keys(items: Node<'_>, keys: &[String], path: &Path, errors: &mut Vec<FieldError>) {
    let required = texts(items.0, "required");
    for key in keys {
        let Some(property) = items.property(key) else { continue };
        let path = path.child("properties").key(key);
        if !required.contains(key) && property.value("default").is_none() {
            let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required \
                          property";
            errors.push(FieldError::required(path.child("default"), detail));
        }
        if property.flag("nullable") {
            let detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            errors.push(FieldError::forbidden(path.child("nullable"), detail));
        }
    }
}

/// The rules on CEL rules that can be told without running CEL.
fn check_cel(node: Node<'_>, path: &Path, errors: &mut Vec<FieldError>) {
    const REASONS: [&str; 4] =
        ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
    let broken = |text: &str| text.contains(['\n', '\r']);
    for (index, rule) in node.children("x-kubernetes-validations").enumerate() {
        let path = path.child("x-kubernetes-validations").index(index);
        let text = rule.text("rule").unwrap_or_default().trim();
        let message = rule.text("message").unwrap_or_default();
        if text.is_empty() {
            errors.push(FieldError::required(path.child("rule"), "rule is not specified"));
        } else if !message.is_empty() && message.trim().is_empty() {
            errors.push(FieldError::invalid(path.child("message"), message, "must be non-empty if specified"));
        } else if broken(message.trim()) {
            errors.push(FieldError::invalid(path.child("message"), message, "must not contain line breaks"));
        } else if broken(text) && message.is_empty() {
            let detail = "message must be specified if rule contains line breaks";
            errors.push(FieldError::required(path.child("message"), detail));
        }
        if rule.text("messageExpression").is_some_and(|text| text.trim().is_empty()) {
            let detail = "messageExpression must be non-empty if specified";
            errors.push(FieldError::required(path.child("messageExpression"), detail));
        }
        if let Some(reason) = rule.text("reason").filter(|reason| !REASONS.contains(reason)) {
            errors.push(FieldError::not_supported(path.child("reason"), reason, REASONS));
        }
    }
}
