//! What a definition's writer, and the users of a deprecated version, are warned of.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{text, texts, versions};
use crate::catalog::compare_versions;
use crate::field::{echo, name};

/// The texts of the Warning headers with which a definition's write is answered; none for what `old` had already.
pub(crate) fn warnings(crd: &Value, old: Option<&Value>) -> Vec<String> {
    let before: BTreeSet<String> = old.into_iter().flat_map(all).collect();
    let mut told = before;
    all(crd).into_iter().filter(|warning| told.insert(warning.clone())).collect()
}

fn all(crd: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut later = BTreeSet::new();
    for version in versions(crd) {
        let Some(schema) = version.pointer("/schema/openAPIV3Schema") else {
            continue;
        };
        let mut has_cel = false;
        visit(schema, &mut |node| {
            let format = node.get("format").and_then(Value::as_str).unwrap_or_default();
            if !format.is_empty() && !crate::schema::knows_format(node, format) {
                warnings.push(format!("unrecognized format {}", echo::quote(format)));
            }
            let items = node.get("items").and_then(|items| items.get("type")).and_then(Value::as_str);
            if let (Some("set"), Some(of @ ("object" | "array"))) =
                (node.get("x-kubernetes-list-type").and_then(Value::as_str), items)
            {
                later.insert(format!(
                    "x-kubernetes-list-type: set for items of type {} is not supported by server-side apply or CEL \
                     validation rules",
                    echo::quote(of)
                ));
            }
            has_cel |= node.get("x-kubernetes-validations").and_then(Value::as_array).is_some_and(|r| !r.is_empty());
        });
        if has_cel && !crate::cel::IS_THERE {
            later.insert(format!(
                "this server does not evaluate the x-kubernetes-validations of version {}: objects that break them \
                 are accepted",
                echo::quote(text(version, "/name"))
            ));
        }
    }
    warnings.extend(later);
    warnings
}

/// Every schema below one, itself included.
fn visit(schema: &Value, look: &mut impl FnMut(&Map<String, Value>)) {
    let Value::Object(node) = schema else {
        return;
    };
    look(node);
    for keyword in ["items", "not", "additionalProperties"] {
        if let Some(below) = node.get(keyword) {
            visit(below, look);
        }
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for below in node.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            visit(below, look);
        }
    }
    for below in node.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::values) {
        visit(below, look);
    }
}

/// The texts of the Warning headers for the finalizers that an object gained and whose names may clash with others'.
pub(crate) fn finalizer_warnings(object: &Value, old: Option<&Value>) -> Vec<String> {
    let finalizers =
        |object: &Value| -> BTreeSet<String> { texts(object, "/metadata/finalizers").into_iter().collect() };
    let before = old.map(finalizers).unwrap_or_default();
    let mut warnings = Vec::new();
    for finalizer in finalizers(object).difference(&before) {
        let mut warn = |text: &str| warnings.push(format!("metadata.finalizers: {}: {text}", echo::quote(finalizer)));
        name::qualified(finalizer).iter().for_each(|wrong| warn(wrong));
        if finalizer.contains('/') || matches!(finalizer.as_str(), "orphan" | "foregroundDeletion" | "kubernetes") {
            continue;
        }
        let path = if finalizer.contains('.') { " including a path (/)" } else { "" };
        warn(&format!(
            "prefer a domain-qualified finalizer name{path} to avoid accidental conflicts with other finalizer writers"
        ));
    }
    warnings
}

/// The warning of a deprecated version: its own text, or the usual one, which names the best version that is newer.
pub(super) fn deprecation(crd: &Value, kind: &str, version: &Value) -> Option<String> {
    if version.get("deprecated") != Some(&Value::Bool(true)) {
        return None;
    }
    let own = text(version, "/deprecationWarning");
    if !own.is_empty() {
        return Some(own.to_owned());
    }
    let (group, name) = (text(crd, "/spec/group"), text(version, "/name"));
    let flag = |version: &Value, field: &str| version.get(field) == Some(&Value::Bool(true));
    let better = versions(crd)
        .iter()
        .filter(|other| flag(other, "served") && !flag(other, "deprecated"))
        .map(|other| text(other, "/name"))
        .filter(|other| compare_versions(other, name).is_lt())
        .min_by(|one, other| compare_versions(one, other));
    let instead = better.map_or_else(String::new, |better| format!("; use {group}/{better} {kind}"));
    Some(format!("{group}/{name} {kind} is deprecated{instead}"))
}
