//! Deployments, ReplicaSets, StatefulSets and DaemonSets.

use serde_json::Value;

use super::at::{At, Faults};
use super::pod;
use super::selector::{is_everything, picks, selector};
use super::storage::claim_spec;
use super::texts::{count_or_percent, is_none, not_over_whole};
use crate::field::name;

/// What the messages about a kind's selector and template say.
struct Words {
    kind: &'static str,
    /// The kind whose Pods may have no deadline.
    deadline: &'static str,
    /// What is said of a selector that does not parse, after what is wrong with its parts.
    broken: Option<&'static str>,
    /// Whether a missing selector is told as one.
    misses: bool,
}

const DEPLOYMENT: Words =
    Words { kind: "deployment", deadline: "ReplicaSet", broken: Some("invalid label selector"), misses: true };
const STATEFUL_SET: Words = Words { kind: "statefulset", deadline: "StatefulSet", broken: Some(""), misses: true };
const DAEMON_SET: Words = Words { kind: "daemonset", deadline: "DaemonSet", broken: None, misses: false };

pub(super) fn deployment(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    f.not_negative(&spec.field("replicas"));
    template(&spec, &DEPLOYMENT, f);
    strategy(&spec.field("strategy"), f);
    for field in ["minReadySeconds", "revisionHistoryLimit"] {
        f.not_negative(&spec.field(field));
    }
    let deadline = spec.field("progressDeadlineSeconds");
    f.not_negative(&deadline);
    if deadline.is_set() && deadline.number() <= spec.field("minReadySeconds").number() {
        f.invalid(&deadline, "must be greater than minReadySeconds");
    }
    kept_selector(&spec, old, f);
}

fn strategy(strategy: &At<'_>, f: &mut Faults) {
    let rolling = strategy.field("rollingUpdate");
    match strategy.field("type").text() {
        "Recreate" if rolling.is_set() => {
            f.forbidden(&rolling, "may not be specified when strategy `type` is 'Recreate'");
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let (surge, missing) = (rolling.field("maxSurge"), rolling.field("maxUnavailable"));
            count_or_percent(&missing, f);
            count_or_percent(&surge, f);
            let no_surge = surge.value.is_number() && surge.number() == 0 || surge.is_set() && is_none(&surge);
            let is_percent = |at: &At<'_>| at.text().is_empty() || at.text().ends_with('%');
            if no_surge && is_none(&missing) && is_percent(&surge) && is_percent(&missing) {
                f.invalid(&missing, "may not be 0 when `maxSurge` is 0");
            }
            not_over_whole(&missing, f);
        }
        _ => f.unsupported(strategy, &["Recreate", "RollingUpdate"]),
    }
}

pub(super) fn replica_set(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    for field in ["replicas", "minReadySeconds"] {
        f.not_negative(&spec.field(field));
    }
    // The real server words its messages as for the Deployments that own these.
    template(&spec, &DEPLOYMENT, f);
    kept_selector(&spec, old, f);
}

pub(super) fn stateful_set(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    let order = spec.field("podManagementPolicy");
    match order.text() {
        "OrderedReady" | "Parallel" => {}
        "" => f.required(&order, ""),
        _ => f.invalid(&order, "must be 'OrderedReady' or 'Parallel'"),
    }
    let strategy = spec.field("updateStrategy");
    let rolling = strategy.field("rollingUpdate");
    match strategy.field("type").text() {
        "OnDelete" if rolling.is_set() => f.invalid(&rolling, "only allowed for updateStrategy 'RollingUpdate'"),
        "OnDelete" => {}
        "RollingUpdate" => {
            f.not_negative(&rolling.field("partition"));
            let missing = rolling.field("maxUnavailable");
            count_or_percent(&missing, f);
            not_over_whole(&missing, f);
            if missing.is_set() && is_none(&missing) {
                f.invalid(&missing, "cannot be 0");
            }
        }
        _ => f.invalid(&strategy, "must be 'RollingUpdate' or 'OnDelete'"),
    }
    let retention = spec.field("persistentVolumeClaimRetentionPolicy");
    for field in ["whenDeleted", "whenScaled"] {
        f.one_of_if_set(&retention.field(field), &["Retain", "Delete"]);
    }
    let claims = spec.field("volumeClaimTemplates");
    if old.is_none() {
        claims.items().iter().for_each(|claim| claim_spec(&claim.field("spec"), f));
    }
    for field in ["replicas", "minReadySeconds"] {
        f.not_negative(&spec.field(field));
    }
    f.not_negative(&spec.at("ordinals.start"));
    if old.is_none() {
        f.follows_if_set(&spec.field("serviceName"), name::dns1123_label);
    }
    template(&spec, &STATEFUL_SET, f);
    if let Some(old) = old.map(|old| old.field("spec")) {
        for field in ["selector", "serviceName", "podManagementPolicy"] {
            f.unchanged(&spec.field(field), &old.field(field));
        }
        // What a template says of its kind is not kept.
        let bare = |claims: &At<'_>| -> Vec<Value> {
            let mut claims = claims.value.as_array().cloned().unwrap_or_default();
            let members = claims.iter_mut().filter_map(Value::as_object_mut);
            members.for_each(|claim| claim.retain(|member, _| !matches!(member.as_str(), "apiVersion" | "kind")));
            claims
        };
        if bare(&claims) != bare(&old.field("volumeClaimTemplates")) {
            f.invalid(&claims, "field is immutable");
        }
    }
}

pub(super) fn daemon_set(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    kept_selector(&spec, old, f);
    template(&spec, &DAEMON_SET, f);
    for field in ["minReadySeconds", "revisionHistoryLimit"] {
        f.not_negative(&spec.field(field));
    }
    let strategy = spec.field("updateStrategy");
    match strategy.field("type").text() {
        "OnDelete" => {}
        "RollingUpdate" => {
            let (surge, missing) = (strategy.at("rollingUpdate.maxSurge"), strategy.at("rollingUpdate.maxUnavailable"));
            count_or_percent(&missing, f);
            count_or_percent(&surge, f);
            not_over_whole(&missing, f);
            not_over_whole(&surge, f);
            match (is_none(&missing), is_none(&surge)) {
                (true, true) => f.required(&missing, "cannot be 0 when maxSurge is 0"),
                (false, false) => f.invalid(&surge, "may not be set when maxUnavailable is non-zero"),
                _ => {}
            }
        }
        _ => f.unsupported(&strategy, &["RollingUpdate", "OnDelete"]),
    }
}

pub(super) fn controller(new: &At<'_>, f: &mut Faults) {
    let spec = new.field("spec");
    for field in ["minReadySeconds", "replicas"] {
        f.not_negative(&spec.field(field));
    }
    let (own, template) = (spec.field("selector"), spec.field("template"));
    f.needs(&own);
    if !template.is_set() {
        return f.required(&template, "");
    }
    let labels = template.at("metadata.labels");
    let is_picked = own.entries().iter().all(|(key, value)| labels.value.get(key) == Some(value.value));
    if !own.is_empty() && !is_picked {
        f.invalid(&labels, "`selector` does not match template `labels`");
    }
    pod::template(&template, f);
    let policy = template.at("spec.restartPolicy");
    if policy.text() != "Always" {
        f.not_supported(&policy, policy.text(), &["Always"]);
    }
    let deadline = template.at("spec.activeDeadlineSeconds");
    if deadline.is_set() {
        f.forbidden(&deadline, "activeDeadlineSeconds in ReplicationController is not Supported");
    }
}

/// The counts of a status: none is negative, and none of a part is more than the whole.
pub(super) fn replicas(new: &At<'_>, old: &At<'_>, f: &mut Faults) {
    let status = new.field("status");
    let (counts, parts, ready_word): (&[&str], &[&str], _) = match new.field("kind").text() {
        "Deployment" => (
            &[
                "observedGeneration",
                "replicas",
                "updatedReplicas",
                "readyReplicas",
                "availableReplicas",
                "unavailableReplicas",
                "terminatingReplicas",
                "collisionCount",
            ],
            &["updatedReplicas", "readyReplicas", "availableReplicas"],
            "readyReplicas",
        ),
        "StatefulSet" => (
            &[
                "replicas",
                "readyReplicas",
                "currentReplicas",
                "updatedReplicas",
                "availableReplicas",
                "observedGeneration",
                "collisionCount",
            ],
            &["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"],
            "status.readyReplicas",
        ),
        _ => (
            &[
                "replicas",
                "fullyLabeledReplicas",
                "readyReplicas",
                "availableReplicas",
                "observedGeneration",
                "terminatingReplicas",
            ],
            &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
            "readyReplicas",
        ),
    };
    counts.iter().for_each(|count| f.not_negative(&status.field(count)));
    let whole = status.field("replicas").number();
    for part in parts.iter().map(|part| status.field(part)) {
        if part.number() > whole {
            f.invalid_as(&part, &part.number(), "cannot be greater than status.replicas");
        }
    }
    let (ready, available) = (status.field("readyReplicas"), status.field("availableReplicas"));
    if available.number() > ready.number() {
        f.invalid_as(&available, &available.number(), format!("cannot be greater than {ready_word}"));
    }
    collisions(&status, old, f);
}

/// Collisions stay counted.
fn collisions(status: &At<'_>, old: &At<'_>, f: &mut Faults) {
    let (count, before) = (status.field("collisionCount"), old.at("status.collisionCount"));
    if before.is_set() && count.number() < before.number() {
        f.invalid_as(&count, &count.number(), "cannot be decremented");
    }
}

/// The counts of a DaemonSet's status.
pub(super) fn daemons(new: &At<'_>, old: &At<'_>, f: &mut Faults) {
    let status = new.field("status");
    for field in [
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ] {
        f.not_negative(&status.field(field));
    }
    collisions(&status, old, f);
}

fn kept_selector(spec: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    if let Some(old) = old {
        f.unchanged(&spec.field("selector"), &old.at("spec.selector"));
    }
}

/// A template without the names that its pods do not get from it.
fn without_names(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(Value::Object(spec)) = template.get_mut("spec") {
        spec.retain(|member, _| !matches!(member.as_str(), "hostname" | "subdomain"));
    }
    template
}

/// The selector and the template that it has to pick.
fn template(spec: &At<'_>, words: &Words, f: &mut Faults) {
    let own = spec.field("selector");
    let before = f.len();
    if !own.is_set() {
        if words.misses {
            f.required(&own, "");
        }
    } else {
        selector(&own, f);
        if is_everything(&own) {
            f.invalid(&own, format!("empty selector is invalid for {}", words.kind));
        }
    }
    let is_broken = own.is_set() && !is_everything(&own) && f.len() > before;
    if let (true, Some(why)) = (is_broken, words.broken) {
        f.invalid(&own, why);
    }
    let (template, claims) = (spec.field("template"), spec.field("volumeClaimTemplates").items());
    let labels = template.at("metadata.labels");
    if !is_broken && !picks(&own, &labels) {
        f.invalid(&labels, "`selector` does not match template `labels`");
    }
    match words.kind {
        "statefulset" => pod::template_with_claims(&template.with(&without_names(template.value)), &claims, f),
        _ => pod::template_with_claims(&template, &claims, f),
    }
    let policy = template.at("spec.restartPolicy");
    if policy.text() != "Always" {
        f.not_supported(&policy, policy.text(), &["Always"]);
    }
    let deadline = template.at("spec.activeDeadlineSeconds");
    if deadline.is_set() {
        f.forbidden(&deadline, format!("activeDeadlineSeconds in {} is not Supported", words.deadline));
    }
}
