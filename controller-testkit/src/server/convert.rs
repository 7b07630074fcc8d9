//! The same object in another version of its resource.
//!
//! A custom resource's definition knows its own versions. Of the built-in kinds two have shapes that clients use side
//! by side: events, and autoscalers, whose first version knows no metric but the CPU's utilization.

use serde_json::{Value, json};

use super::meta;
use crate::apply::{self, Node, View};
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
    if resource.kind == "HorizontalPodAutoscaler" && stored != wanted {
        convert_autoscaler(&mut shown, resource.version == "v1");
    }
    if let Shape::Builtin(ty) = &resource.shape
        && stored != wanted
    {
        kinds::normalize(ty, &mut shown);
    }
    meta::members(&mut shown).insert("apiVersion".into(), wanted.into());
    shown
}

/// How the versions of a resource see each other's objects: of the built-in kinds only those of autoscalers differ.
pub(super) fn view(resource: &Resource) -> View {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler_as,
        _ => apply::same_paths,
    }
}

fn autoscaler_as(version: &str, object: &Value) -> Option<(Node<'static>, Value)> {
    let short = version.strip_prefix("autoscaling/")?;
    let ty = kinds::of_kind("autoscaling", short, "HorizontalPodAutoscaler")?;
    let mut shown = object.clone();
    if object.get("apiVersion").and_then(Value::as_str) != Some(version) {
        convert_autoscaler(&mut shown, short == "v1");
        kinds::normalize(ty, &mut shown);
    }
    Some((Node::Struct(ty), shown))
}

/// Where the first version of an autoscaler keeps the CPU's utilization, and where the second keeps its metrics.
const UTILIZATION: [(&str, &str, &str, &str); 2] = [
    ("spec", "targetCPUUtilizationPercentage", "metrics", "target"),
    ("status", "currentCPUUtilizationPercentage", "currentMetrics", "current"),
];

fn convert_autoscaler(object: &mut Value, to_first: bool) {
    for (part, percentage, metrics, side) in UTILIZATION {
        let Some(part) = object.get_mut(part).and_then(Value::as_object_mut) else { continue };
        if to_first {
            let all = part.remove(metrics);
            let of_cpu = |metric: &&Value| metric["type"] == "Resource" && metric["resource"]["name"] == "cpu";
            let cpu = all.as_ref().and_then(Value::as_array).and_then(|all| all.iter().find(of_cpu));
            if let Some(value) = cpu.and_then(|metric| metric["resource"][side].get("averageUtilization")) {
                part.insert(percentage.to_owned(), value.clone());
            }
        } else if let Some(value) = part.remove(percentage) {
            let mut resource = json!({"name": "cpu"});
            resource[side] = json!({"averageUtilization": value});
            if side == "target" {
                resource[side]["type"] = "Utilization".into();
            }
            part.insert(metrics.to_owned(), json!([{"type": "Resource", "resource": resource}]));
        }
    }
}
