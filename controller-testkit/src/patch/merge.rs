//! JSON merge patch: an object's members replace, null removes.

use serde_json::{Map, Value};

/// Applies a patch in place.
pub(crate) fn apply(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(members) = target.as_object_mut() else { return };
    for (key, value) in patch {
        match value {
            Value::Null => {
                members.remove(&key);
            }
            value => apply(members.entry(key).or_insert(Value::Null), value),
        }
    }
}
