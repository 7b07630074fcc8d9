//! The same object in another version of its resource.
//!
//! A custom resource's definition knows its own versions. Of the built-in kinds only events have two shapes that
//! clients use side by side, since both are kept in one store.

use serde_json::Value;

use super::meta;
use crate::catalog::{Resource, Shape};
use crate::kinds;

/// Names of an event's members in `v1` and in `events.k8s.io/v1`.
const EVENT: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// The object as the resource's version shows it.
pub(crate) fn to_version(resource: &Resource, object: &Value) -> Value {
    if let Shape::Custom(version) = &resource.shape {
        return version.read(object).into_owned();
    }
    let mut shown = object.clone();
    let stored = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let wanted = resource.api_version();
    if resource.kind == "Event" && resource.storage.plural == "events" && stored != wanted {
        let members = meta::members(&mut shown);
        for (core, other) in EVENT {
            let (from, to) = if resource.group.is_empty() { (other, core) } else { (core, other) };
            if let Some(value) = members.remove(from) {
                members.insert(to.to_owned(), value);
            }
        }
    }
    if let Shape::Builtin(ty) = &resource.shape
        && stored != wanted
    {
        kinds::normalize(ty, &mut shown);
    }
    meta::members(&mut shown).insert("apiVersion".into(), wanted.into());
    shown
}
