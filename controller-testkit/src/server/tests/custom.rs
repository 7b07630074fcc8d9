//! The life of a custom resource, request by request, beside what a kube-apiserver v1.37.2 answered to the same.
//!
//! What differs from run to run (uids, versions, times, managed fields, drawn names, the order of several faults) is
//! left out on both sides.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{JSON, Rig, text};

#[test]
fn a_custom_resource_lives_as_on_a_real_server() {
    let mut rig = Rig::new();
    let mut versions: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (number, line) in include_str!("custom_resources.jsonl").lines().enumerate() {
        let step: Value = serde_json::from_str(line).expect("each line is JSON");
        let body = match step.get("body") {
            Some(body) => with_versions(body, &versions).to_string(),
            None => String::new(),
        };
        let media = step.get("type").and_then(Value::as_str).unwrap_or(JSON);
        let request = format!("{} {}", text(&step["method"]), text(&step["path"]));
        let got = rig.ask(&format!("{request}\ncontent-type: {media}\naccept: {JSON}"), body);
        if let Some(version) = got.body.pointer("/metadata/resourceVersion").and_then(Value::as_str) {
            versions.insert(text(&got.body["metadata"]["name"]).to_owned(), version.to_owned());
        }
        let answer = if got.body.is_null() { json!(got.text) } else { constant(&got.body) };
        let warnings: Vec<String> = got
            .headers
            .get_all("warning")
            .iter()
            .filter_map(|header| serde_json::from_str(header.to_str().ok()?.strip_prefix("299 - ")?).ok())
            .collect();
        let told = json!({ "status": got.code, "answer": answer, "warnings": warnings });
        let observed = json!({
            "status": step["status"],
            "answer": constant(&step["answer"]),
            "warnings": step.get("warnings").unwrap_or(&json!([])),
        });
        if told != observed {
            wrong.push(format!("{number}: {request}\n  expected {observed}\n  answered {told}"));
        }
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// A body with `@rv:NAME` replaced by the resourceVersion that was last seen of that object.
fn with_versions(body: &Value, versions: &BTreeMap<String, String>) -> Value {
    match body {
        Value::String(name) => match name.strip_prefix("@rv:") {
            Some(name) => json!(versions.get(name).map_or("", String::as_str)),
            None => body.clone(),
        },
        Value::Array(items) => items.iter().map(|item| with_versions(item, versions)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), with_versions(value, versions)))
            .collect::<Map<String, Value>>()
            .into(),
        other => other.clone(),
    }
}

/// An answer without what differs from run to run.
fn constant(answer: &Value) -> Value {
    match answer {
        Value::Array(items) => items.iter().map(constant).collect(),
        Value::Object(fields) => {
            let mut fields: Map<String, Value> =
                fields.iter().map(|(name, value)| (name.clone(), constant(value))).collect();
            if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
                for name in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
                    metadata.remove(name);
                }
                metadata.entry("deletionTimestamp").and_modify(|time| *time = json!("@time"));
            }
            fields.entry("lastTransitionTime").and_modify(|time| *time = json!("@time"));
            if let Some(Value::Object(details)) = fields.get_mut("details") {
                details.remove("uid");
                if let Some(Value::Array(causes)) = details.get_mut("causes") {
                    causes.sort_by_key(ToString::to_string);
                    causes.dedup();
                }
            }
            // A message with several faults says no more than the causes do.
            if text(&fields.get("message").cloned().unwrap_or_default()).contains(" is invalid: [") {
                fields.remove("message");
            }
            Value::Object(fields)
        }
        Value::String(drawn) if drawn.starts_with("gen-") => json!("gen-"),
        other => other.clone(),
    }
}
