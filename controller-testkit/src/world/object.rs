//! Reading objects: the few paths that controllers look at, none of which need be there.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The text at a JSON pointer, empty where there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer.
pub(super) fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The array at a JSON pointer, empty where there is none.
pub(super) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The map at a JSON pointer, empty where there is none.
pub(super) fn map(object: &Value, pointer: &str) -> Map<String, Value> {
    object.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default()
}

pub(super) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(super) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

pub(super) fn generation(object: &Value) -> i64 {
    number(object, "/metadata/generation").unwrap_or(0)
}

pub(super) fn is_deleting(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null())
}

pub(super) fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    items(object, "/metadata/finalizers").iter().any(|found| found == finalizer)
}

/// The finalizers without one of them.
pub(super) fn finalizers_but(object: &Value, finalizer: &str) -> Vec<Value> {
    items(object, "/metadata/finalizers").iter().filter(|found| *found != finalizer).cloned().collect()
}

/// The uid of the owner that manages the object.
pub(super) fn controller(object: &Value) -> Option<&str> {
    let owners = items(object, "/metadata/ownerReferences");
    owners.iter().find(|owner| owner["controller"] == true).and_then(|owner| owner["uid"].as_str())
}

/// The owner reference of a controller.
pub(super) fn controlled_by(owner: &Value, api_version: &str, kind: &str) -> Value {
    json!([{
        "apiVersion": api_version,
        "kind": kind,
        "name": name(owner),
        "uid": uid(owner),
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

/// Whether a condition of an object has the status `True`.
pub(super) fn is_true(object: &Value, condition: &str) -> bool {
    items(object, "/status/conditions").iter().any(|found| found["type"] == condition && found["status"] == "True")
}

/// Whether a pod does its work.
pub(super) fn is_ready(pod: &Value) -> bool {
    !is_deleting(pod) && is_true(pod, "Ready")
}

/// Whether a pod has ended.
pub(super) fn is_over(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// A time as objects carry it: whole seconds.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Which fields a condition has besides type, status, reason and message.
#[derive(Clone, Copy)]
pub(super) enum Stamps {
    /// When the status changed.
    Transition,
    /// And when anything of it was last written.
    TransitionAndUpdate,
    /// And when it was last looked at.
    TransitionAndProbe,
}

/// Sets a condition in a list as controllers do: the transition time moves only with the status.
pub(super) fn set_condition(conditions: &mut Vec<Value>, new: Condition<'_>, stamps: Stamps, now: Timestamp) {
    let now = time(now);
    let old = conditions.iter().position(|found| found["type"] == new.kind);
    let mut condition = json!({
        "type": new.kind,
        "status": new.status,
        "lastTransitionTime": now,
    });
    for (field, value) in [("reason", new.reason), ("message", new.message)] {
        if !value.is_empty() {
            condition[field] = json!(value);
        }
    }
    match stamps {
        Stamps::Transition => {}
        Stamps::TransitionAndUpdate => condition["lastUpdateTime"] = json!(now),
        Stamps::TransitionAndProbe => condition["lastProbeTime"] = json!(now),
    }
    match old.and_then(|at| conditions.get_mut(at)) {
        Some(place) => {
            if place["status"] == condition["status"] {
                condition["lastTransitionTime"] = place["lastTransitionTime"].clone();
                let same = |field: &str| place.get(field) == condition.get(field);
                if same("reason") && same("message") {
                    return;
                }
            }
            *place = condition;
        }
        None => conditions.push(condition),
    }
}

/// What a condition says.
pub(super) struct Condition<'a> {
    pub(super) kind: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
}

/// The hash of a pod template, written in the letters that Kubernetes uses in names.
pub(super) fn hash(value: &Value) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash: u32 = 0x811c_9dc5;
    for byte in value.to_string().bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let letter = |digit: u8| LETTERS[usize::from(digit) % LETTERS.len()];
    hash.to_string().bytes().map(|digit| char::from(letter(digit))).collect()
}
