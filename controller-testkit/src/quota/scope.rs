//! Which objects a quota means: all of its namespace, or those that are like this and like that.

use serde_json::Value;

use super::measure::{Measure, What};
use super::pod::has_end;
use crate::kinds;

/// Whether an object is within every scope of a quota.
pub(super) fn is_within(quota: &Value, measure: &Measure, object: &Value) -> bool {
    let list = |pointer: &str| quota.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let plain = list("/spec/scopes").all(|scope| is_like(measure, scope.as_str().unwrap_or_default(), None, object));
    plain
        && list("/spec/scopeSelector/matchExpressions").all(|rule| {
            let scope = rule.get("scopeName").and_then(Value::as_str).unwrap_or_default();
            is_like(measure, scope, Some(rule), object)
        })
}

/// Whether an object is as a scope says. What has no such thing is outside.
fn is_like(measure: &Measure, scope: &str, rule: Option<&Value>, object: &Value) -> bool {
    match (measure.what, scope) {
        (What::Pods, "Terminating") => has_end(object),
        (What::Pods, "NotTerminating") => !has_end(object),
        (What::Pods, "BestEffort") => is_best_effort(object),
        (What::Pods, "NotBestEffort") => !is_best_effort(object),
        (What::Pods, "PriorityClass") => is_selected(rule, &texts(object, &["/spec/priorityClassName"])),
        (What::Pods, "CrossNamespacePodAffinity") => looks_beyond(object),
        (What::Claims, "VolumeAttributesClass") => is_selected(rule, &classes(object)),
        _ => false,
    }
}

fn is_best_effort(pod: &Value) -> bool {
    let told = pod.pointer("/status/qosClass").and_then(Value::as_str).filter(|class| !class.is_empty());
    told.unwrap_or_else(|| kinds::quality(pod)) == "BestEffort"
}

fn texts<'a>(object: &'a Value, pointers: &[&str]) -> Vec<&'a str> {
    let texts = pointers.iter().filter_map(|pointer| object.pointer(pointer)?.as_str());
    texts.filter(|text| !text.is_empty()).collect()
}

/// The classes that a claim is of, was of and is to be of.
fn classes(claim: &Value) -> Vec<&str> {
    let places = [
        "/spec/volumeAttributesClassName",
        "/status/currentVolumeAttributesClassName",
        "/status/modifyVolumeStatus/targetVolumeAttributesClassName",
    ];
    texts(claim, &places)
}

/// Whether one of the values is as the rule says; a rule that says nothing asks for any.
fn is_selected(rule: Option<&Value>, values: &[&str]) -> bool {
    let operator = rule.map_or("Exists", |rule| rule.get("operator").and_then(Value::as_str).unwrap_or_default());
    let named = rule.and_then(|rule| rule.get("values")).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_named = |value: &&&str| named.iter().any(|named| named == **value);
    match operator {
        "Exists" => !values.is_empty(),
        "DoesNotExist" => values.is_empty(),
        "In" => values.iter().any(|value| is_named(&value)),
        "NotIn" => values.is_empty() || values.iter().any(|value| !is_named(&value)),
        _ => false,
    }
}

/// Whether a pod wants to be near pods of other namespaces, or far from them.
fn looks_beyond(pod: &Value) -> bool {
    let terms = |kind: &str, list: &str| {
        let terms = pod.pointer(&format!("/spec/affinity/{kind}/{list}")).and_then(Value::as_array);
        terms.map_or(&[][..], Vec::as_slice)
    };
    let is_beyond = |term: &Value| {
        let names = term.get("namespaces").and_then(Value::as_array);
        names.is_some_and(|names| !names.is_empty()) || term.get("namespaceSelector").is_some_and(|all| !all.is_null())
    };
    ["podAffinity", "podAntiAffinity"].iter().any(|kind| {
        let weighted = terms(kind, "preferredDuringSchedulingIgnoredDuringExecution").iter();
        let terms = terms(kind, "requiredDuringSchedulingIgnoredDuringExecution").iter();
        terms.chain(weighted.filter_map(|weighted| weighted.get("podAffinityTerm"))).any(is_beyond)
    })
}
