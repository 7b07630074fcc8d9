//! Where a Pod may run: tolerations, affinity and spreading.

use super::at::{At, Faults};
use super::selector::selector;
use crate::field::name;

pub(super) fn affinity(affinity: &At<'_>, f: &mut Faults) {
    node_affinity(&affinity.field("nodeAffinity"), f);
    for kind in ["podAffinity", "podAntiAffinity"] {
        let rules = affinity.field(kind);
        let required = rules.field("requiredDuringSchedulingIgnoredDuringExecution");
        required.items().iter().for_each(|term| pod_term(term, f));
        for preferred in rules.field("preferredDuringSchedulingIgnoredDuringExecution").items() {
            weight(&preferred.field("weight"), f);
            pod_term(&preferred.field("podAffinityTerm"), f);
        }
    }
}

pub(super) fn toleration(toleration: &At<'_>, f: &mut Faults) {
    let (key, operator) = (toleration.field("key"), toleration.field("operator"));
    let (value, effect) = (toleration.field("value"), toleration.field("effect"));
    f.follows_if_set(&key, name::qualified);
    if key.is_empty() && operator.text() != "Exists" {
        let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        f.invalid_as(&operator, operator.text(), why);
    }
    if toleration.field("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
        f.invalid_as(&effect, effect.text(), "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    match operator.text() {
        "" | "Equal" => f.follows(&value.told_as(operator.path), name::label_value),
        "Exists" if !value.is_empty() => {
            f.invalid(&value.told_as(operator.path), "value must be empty when `operator` is 'Exists'");
        }
        "Exists" => {}
        // They are known, but not switched on.
        "Gt" | "Lt" => f.not_supported(&operator, operator.text(), &["Equal", "Exists", "Lt", "Gt"]),
        _ => {
            f.one_of(&operator, &["Equal", "Exists"]);
        }
    }
    if !effect.is_empty() {
        f.one_of(&effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
    }
}

fn node_affinity(affinity: &At<'_>, f: &mut Faults) {
    let required = affinity.field("requiredDuringSchedulingIgnoredDuringExecution");
    if required.is_set() {
        node_selector(&required, f);
    }
    for preferred in affinity.field("preferredDuringSchedulingIgnoredDuringExecution").items() {
        weight(&preferred.field("weight"), f);
        node_term(&preferred.field("preference"), Firm::Preferred, f);
    }
}

/// Which nodes: those that any of its terms picks.
pub(super) fn node_selector(selector: &At<'_>, f: &mut Faults) {
    let terms = selector.field("nodeSelectorTerms");
    if terms.is_empty() {
        f.required(&terms, "must have at least one node selector term");
    }
    terms.items().iter().for_each(|term| node_term(term, Firm::Required, f));
}

/// How much depends on a term.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Firm {
    Required,
    /// Values that no label can have are let pass.
    Preferred,
}

fn weight(weight: &At<'_>, f: &mut Faults) {
    if !(1..=100).contains(&weight.number()) {
        f.invalid_as(weight, &weight.number(), "must be in the range 1-100");
    }
}

fn node_term(term: &At<'_>, firm: Firm, f: &mut Faults) {
    for rule in term.field("matchExpressions").items() {
        let (operator, values) = (rule.field("operator"), rule.field("values"));
        match operator.text() {
            "In" | "NotIn" if values.is_empty() => {
                f.required(&values, "must be specified when `operator` is 'In' or 'NotIn'");
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                f.forbidden(&values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
            }
            "Gt" | "Lt" if values.items().len() != 1 => {
                f.required(&values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
            other => f.invalid_as(&operator, other, "not a valid selector operator"),
        }
        f.follows(&rule.field("key"), name::qualified);
        if firm == Firm::Required {
            values.items().iter().for_each(|value| f.follows(value, name::label_value));
        }
    }
    for rule in term.field("matchFields").items() {
        let (key, operator, values) = (rule.field("key"), rule.field("operator"), rule.field("values"));
        match operator.text() {
            "In" | "NotIn" if values.items().len() == 1 => {}
            "In" | "NotIn" => {
                let why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                f.required(&values, why);
            }
            other => f.invalid_as(&operator, other, "not a valid selector operator"),
        }
        match key.text() {
            "metadata.name" => values.items().iter().for_each(|value| f.follows(value, name::dns1123_subdomain)),
            other => f.invalid_as(&key, other, "not a valid field selector key"),
        }
    }
}

fn pod_term(term: &At<'_>, f: &mut Faults) {
    selector(&term.field("labelSelector"), f);
    selector(&term.field("namespaceSelector"), f);
    for namespace in term.field("namespaces").items() {
        f.follows(&namespace.told_as(term.field("namespace").path), name::dns1123_label);
    }
    label_keys(term, f);
    let key = term.field("topologyKey");
    if key.is_empty() {
        f.required(&key, "can not be empty");
    }
    f.follows(&key, name::qualified);
}

/// Labels whose values pods have in common with those that they look for, or have not.
fn label_keys(term: &At<'_>, f: &mut Faults) {
    let selector = term.field("labelSelector");
    let (same, other) = (term.field("matchLabelKeys"), term.field("mismatchLabelKeys"));
    for keys in [&same, &other].into_iter().filter(|keys| !keys.is_empty()) {
        match selector.is_set() {
            true => keys.items().iter().for_each(|key| f.follows(key, name::qualified)),
            false => f.forbidden(keys, "must not be specified when labelSelector is not set"),
        }
    }
    // They have been put into the selector; what is there twice was there before.
    let mut known: Vec<&str> = selector.field("matchLabels").entries().iter().map(|(key, _)| *key).collect();
    for rule in selector.field("matchExpressions").items() {
        let key = rule.field("key").text();
        let at = same.items().iter().rposition(|same| same.text() == key);
        if let Some(at) = at.filter(|_| known.contains(&key)) {
            f.invalid_as(&term.told_as(term.path.index(at)), key, "exists in both matchLabelKeys and labelSelector");
        }
        known.push(key);
    }
    for key in same.items() {
        if other.items().iter().any(|other| other.text() == key.text()) {
            f.invalid_as(&key, key.text(), "exists in both matchLabelKeys and mismatchLabelKeys");
        }
    }
}

pub(super) fn spread(constraints: &At<'_>, f: &mut Faults) {
    let pair = |constraint: &At<'_>| {
        let text = |field: &str| constraint.field(field).text().to_owned();
        (text("topologyKey"), text("whenUnsatisfiable"))
    };
    let pairs: Vec<_> = constraints.items().iter().map(pair).collect();
    for (at, constraint) in constraints.items().iter().enumerate() {
        let (skew, key) = (constraint.field("maxSkew"), constraint.field("topologyKey"));
        let otherwise = constraint.field("whenUnsatisfiable");
        if skew.number() <= 0 {
            f.invalid_as(&skew, &skew.number(), "must be greater than zero");
        }
        if key.is_empty() {
            f.required(&key, "can not be empty");
        }
        f.one_of(&otherwise, &["DoNotSchedule", "ScheduleAnyway"]);
        if pairs[at + 1..].contains(&pairs[at]) {
            let place = constraint.path.child("{topologyKey, whenUnsatisfiable}");
            f.duplicate(&constraint.told_as(place), &format!("{{{}, {}}}", pairs[at].0, pairs[at].1));
        }
        let domains = constraint.field("minDomains");
        if domains.is_set() {
            if domains.number() <= 0 {
                f.invalid(&domains, "must be greater than zero");
            }
            if otherwise.text() != "DoNotSchedule" {
                let text = otherwise.text();
                let why = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {text}");
                f.invalid(&domains, why);
            }
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            f.one_of_if_set(&constraint.field(policy), &["Honor", "Ignore"]);
        }
        label_keys(constraint, f);
        selector(&constraint.field("labelSelector"), f);
    }
}
