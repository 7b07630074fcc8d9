//! What the workload controllers share: pods made from a template, selectors, and counting pods.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Clockwork;
use super::hand::{Hand, Kind, Seen, kind};
use super::object;
use super::queue::{Place, Work};

/// A pod from a workload's template, owned by the workload.
pub(super) fn pod(owner: &Value, of: &Kind, labels: &[(&str, &str)]) -> Value {
    let mut metadata = object::map(owner, "/spec/template/metadata");
    metadata.retain(|field, _| matches!(field.as_str(), "labels" | "annotations" | "finalizers"));
    let all = metadata.entry("labels").or_insert_with(|| json!({}));
    for (name, value) in labels {
        all[*name] = json!(value);
    }
    metadata.insert("ownerReferences".into(), object::controlled_by(owner, of.api_version, of.kind));
    json!({"metadata": metadata, "spec": object::map(owner, "/spec/template/spec")})
}

/// The `LabelSelector` of a workload; an old one has labels alone.
fn selector_of(workload: &Value) -> Value {
    let selector = workload.pointer("/spec/selector").unwrap_or(&Value::Null);
    match selector.get("matchLabels").or(selector.get("matchExpressions")) {
        Some(_) => selector.clone(),
        None => json!({"matchLabels": selector}),
    }
}

/// Whether an object's labels match a `LabelSelector`. One that asks for nothing matches nothing here, since a
/// controller must not take everything.
pub(super) fn selects(selector: &Value, object: &Value) -> bool {
    let labels = object::map(object, "/metadata/labels");
    let wanted = object::map(selector, "/matchLabels");
    let expressions = object::items(selector, "/matchExpressions");
    if wanted.is_empty() && expressions.is_empty() {
        return false;
    }
    let holds = |expression: &Value| {
        let found = labels.get(object::text(expression, "/key"));
        let values = object::items(expression, "/values");
        match object::text(expression, "/operator") {
            "In" => found.is_some_and(|found| values.contains(found)),
            "NotIn" => found.is_none_or(|found| !values.contains(found)),
            "Exists" => found.is_some(),
            "DoesNotExist" => found.is_none(),
            _ => false,
        }
    };
    wanted.iter().all(|(name, value)| labels.get(name) == Some(value)) && expressions.iter().all(holds)
}

/// A count or a percentage of a total.
pub(super) fn share(value: Option<&Value>, total: i64, rounding: Rounding) -> Option<i64> {
    match value? {
        Value::String(text) => {
            let percent: i64 = text.strip_suffix('%')?.parse().ok()?;
            let scaled = percent.checked_mul(total)?;
            Some(match rounding {
                Rounding::Up => (scaled + 99).div_euclid(100),
                Rounding::Down => scaled.div_euclid(100),
            })
        }
        other => other.as_i64(),
    }
}

/// Which way a part of one goes.
#[derive(Clone, Copy)]
pub(super) enum Rounding {
    Up,
    Down,
}

/// The number that a workload asks for.
pub(super) fn wanted(workload: &Value) -> i64 {
    object::number(workload, "/spec/replicas").unwrap_or(1).max(0)
}

/// A count as a status has it: none where it is zero.
pub(super) fn count(number: i64) -> Value {
    if number == 0 { Value::Null } else { json!(number) }
}

/// The part of a status that differs from what is stored, if any does.
pub(super) fn difference(object: &Value, status: Map<String, Value>) -> Option<Value> {
    let old = object.get("status").unwrap_or(&Value::Null);
    let changed: Map<String, Value> =
        status.into_iter().filter(|(field, value)| old.get(field).unwrap_or(&Value::Null) != value).collect();
    (!changed.is_empty()).then(|| json!({"status": changed}))
}

/// The pods of a workload, by what counts.
pub(super) struct Pods {
    /// Neither ended nor leaving.
    pub(super) active: Vec<(Place, Seen)>,
    /// On their way out, and not over yet.
    pub(super) leaving: usize,
    pub(super) leaving_ready: i64,
    pub(super) ready: i64,
    pub(super) available: i64,
    /// When a pod that is ready becomes available by having been so for long enough.
    pub(super) next: Option<Timestamp>,
}

impl Clockwork {
    /// The pods that a workload owns.
    pub(super) fn pods_of(&self, workload: &Value, hand: &Hand<'_>) -> Pods {
        let wait = SignedDuration::from_secs(object::number(workload, "/spec/minReadySeconds").unwrap_or(0));
        let mut pods = Pods { active: Vec::new(), leaving: 0, leaving_ready: 0, ready: 0, available: 0, next: None };
        for place in self.index.dependents_in(object::uid(workload), &kind::PODS.table()) {
            let Some(pod) = hand.get(&place) else { continue };
            if object::is_over(&pod) || object::controller(&pod) != Some(object::uid(workload)) {
                continue;
            }
            if object::is_deleting(&pod) {
                pods.leaving += 1;
                pods.leaving_ready += i64::from(object::is_true(&pod, "Ready"));
                continue;
            }
            if object::is_ready(&pod) {
                pods.ready += 1;
                match available_at(&pod, wait).filter(|at| *at > hand.now()) {
                    Some(at) => pods.next = [pods.next, Some(at)].into_iter().flatten().min(),
                    None => pods.available += 1,
                }
            }
            pods.active.push((place, pod));
        }
        pods
    }

    /// Gives a workload the objects of a kind that its selector matches and that nobody manages, and lets those go
    /// that it matches no more.
    pub(super) fn claim(&mut self, workload: &Value, of: &Kind, table: &Kind, place: &Place, hand: &mut Hand<'_>) {
        let selector = &selector_of(workload);
        let uid = object::uid(workload);
        for stray in self.index.strays(&table.table(), place.namespace().unwrap_or_default()) {
            let Some(object) = hand.get(&stray) else { continue };
            if object::is_deleting(&object) || object::controller(&object).is_some() || !selects(selector, &object) {
                continue;
            }
            let mut owners = object::items(&object, "/metadata/ownerReferences").to_vec();
            owners.extend(object::items(&object::controlled_by(workload, of.api_version, of.kind), "").to_vec());
            hand.patch(&stray, &json!({"metadata": {"uid": object::uid(&object), "ownerReferences": owners}}));
        }
        for owned in self.index.dependents_in(uid, &table.table()) {
            let Some(object) = hand.get(&owned) else { continue };
            let ours = object::controller(&object) == Some(uid);
            if !ours || object::is_deleting(&object) || selects(selector, &object) {
                continue;
            }
            let owners = object::items(&object, "/metadata/ownerReferences");
            let kept: Vec<&Value> = owners.iter().filter(|owner| owner["uid"] != uid).collect();
            let kept = if kept.is_empty() { Value::Null } else { json!(kept) };
            hand.patch(&owned, &json!({"metadata": {"uid": object::uid(&object), "ownerReferences": kept}}));
        }
    }

    /// Looks again when a pod becomes available.
    pub(super) fn look_again(&mut self, work: Work, at: Option<Timestamp>) {
        if let Some(at) = at {
            self.queue.add(work, at);
        }
    }
}

fn available_at(pod: &Value, wait: SignedDuration) -> Option<Timestamp> {
    if wait.is_zero() {
        return None;
    }
    let conditions = object::items(pod, "/status/conditions");
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
    let since: Timestamp = ready["lastTransitionTime"].as_str()?.parse().ok()?;
    since.checked_add(wait).ok()
}

/// How gladly a pod is given up when there are too many: less is sooner.
pub(super) fn worth(pod: &Value) -> (bool, bool, bool, std::cmp::Reverse<String>) {
    (
        !object::text(pod, "/spec/nodeName").is_empty(),
        object::text(pod, "/status/phase") == "Running",
        object::is_ready(pod),
        // The youngest first.
        std::cmp::Reverse(object::text(pod, "/metadata/creationTimestamp").to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_as_rollouts_need_them() {
        let check = |value: Value, total, up, down| {
            assert_eq!(share(Some(&value), total, Rounding::Up), up, "{value} of {total}");
            assert_eq!(share(Some(&value), total, Rounding::Down), down, "{value} of {total}");
        };
        check(json!("25%"), 3, Some(1), Some(0));
        check(json!("25%"), 8, Some(2), Some(2));
        check(json!("100%"), 3, Some(3), Some(3));
        check(json!(2), 10, Some(2), Some(2));
        check(json!("x"), 10, None, None);
        check(json!("9223372036854775807%"), 10, None, None);
    }

    #[test]
    fn selectors_need_every_part_to_hold() {
        let check = |selector: Value, labels: Value, expect: bool| {
            let object = json!({"metadata": {"labels": labels}});
            assert_eq!(selects(&selector, &object), expect, "{selector} on {object}");
        };
        check(json!({}), json!({"a": "b"}), false);
        check(json!({"matchLabels": {"a": "b"}}), json!({"a": "b", "c": "d"}), true);
        check(json!({"matchLabels": {"a": "b"}}), json!({"a": "c"}), false);
        let expressions = |operator: &str, values: Value| json!({"matchExpressions": [{"key": "a", "operator": operator, "values": values}]});
        check(expressions("In", json!(["b"])), json!({"a": "b"}), true);
        check(expressions("NotIn", json!(["b"])), json!({}), true);
        check(expressions("Exists", json!([])), json!({}), false);
        check(expressions("DoesNotExist", json!([])), json!({}), true);
        check(expressions("Near", json!([])), json!({}), false);
    }
}
