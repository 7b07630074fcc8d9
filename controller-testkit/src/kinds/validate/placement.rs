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
        node_term(&preferred.field("preference"), f);
    }
}

/// Which nodes: those that any of its terms picks.
pub(super) fn node_selector(selector: &At<'_>, f: &mut Faults) {
    let terms = selector.field("nodeSelectorTerms");
    if terms.is_empty() {
        f.required(&terms, "must have at least one node selector term");
    }
    terms.items().iter().for_each(|term| node_term(term, f));
}

fn weight(weight: &At<'_>, f: &mut Faults) {
    if !(1..=100).contains(&weight.number()) {
        f.invalid_as(weight, &weight.number(), "must be in the range 1-100");
    }
}

fn node_term(term: &At<'_>, f: &mut Faults) {
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
    }
}

fn pod_term(term: &At<'_>, f: &mut Faults) {
    selector(&term.field("labelSelector"), f);
    selector(&term.field("namespaceSelector"), f);
    for namespace in term.field("namespaces").items() {
        f.follows(&namespace, name::dns1123_label);
    }
    let key = term.field("topologyKey");
    if key.is_empty() {
        f.required(&key, "can not be empty");
    }
    f.follows(&key, name::qualified);
}

pub(super) fn spread(constraints: &At<'_>, f: &mut Faults) {
    let mut seen = Vec::new();
    for constraint in constraints.items() {
        let (skew, key) = (constraint.field("maxSkew"), constraint.field("topologyKey"));
        let otherwise = constraint.field("whenUnsatisfiable");
        if skew.number() <= 0 {
            f.invalid_as(&skew, &skew.number(), "must be greater than zero");
        }
        if key.is_empty() {
            f.required(&key, "can not be empty");
        } else {
            f.follows(&key, name::qualified);
        }
        f.one_of(&otherwise, &["DoNotSchedule", "ScheduleAnyway"]);
        let pair = (key.text(), otherwise.text());
        if let Some(first) = seen.iter().position(|known| *known == pair) {
            let place = constraints.path.index(first).child("{topologyKey, whenUnsatisfiable}");
            f.duplicate(&constraint.told_as(place), &format!("{{{}, {}}}", pair.0, pair.1));
        }
        seen.push(pair);
        selector(&constraint.field("labelSelector"), f);
        let domains = constraint.field("minDomains");
        if domains.is_set() && domains.number() <= 0 {
            f.invalid(&domains, "must be greater than zero");
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            f.one_of_if_set(&constraint.field(policy), &["Honor", "Ignore"]);
        }
    }
}
