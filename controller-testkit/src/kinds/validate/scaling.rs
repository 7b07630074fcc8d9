//! HorizontalPodAutoscalers and PodDisruptionBudgets.

use super::at::{At, Faults};
use super::selector::selector;
use super::texts::{count_or_percent, not_over_whole};
use crate::field::name;
use crate::kinds::quantity;

const TARGET: &str = "must set either a target raw value or a target utilization";

pub(super) fn autoscaler(new: &At<'_>, f: &mut Faults) {
    let spec = new.field("spec");
    let (least, most) = (spec.field("minReplicas"), spec.field("maxReplicas"));
    f.not_negative(&least);
    if most.number() < least.value.as_i64().unwrap_or(1) {
        f.invalid_as(&most, &most.number(), "must be greater than or equal to `minReplicas`");
    }
    reference(&spec.field("scaleTargetRef"), Reference::Scaled, f);
    let metrics = spec.field("metrics");
    metrics.items().iter().for_each(|metric| self::metric(metric, f));
    let can_wake = metrics.items().iter().any(|metric| matches!(metric.field("type").text(), "Object" | "External"));
    if least.is_set() && least.number() == 0 && !can_wake {
        let why = "must specify at least one Object or External metric to support scaling to zero replicas";
        f.forbidden(&metrics, why);
    }
    let percent = spec.field("targetCPUUtilizationPercentage");
    if percent.is_set() && percent.number() < 1 {
        let place = metrics.told_as(metrics.path.index(0)).at("resource.target.averageUtilization").path;
        f.invalid(&percent.told_as(place), "must be greater than 0");
    }
    for direction in ["scaleUp", "scaleDown"] {
        let rules = spec.field("behavior").field(direction);
        if rules.is_set() {
            behavior(&rules, f);
        }
    }
    match most.number() {
        0 => f.required(&most, ""),
        number if number < 0 => f.invalid(&most, "must be greater than or equal to 1"),
        _ => {}
    }
}

/// What a reference points to.
#[derive(PartialEq)]
enum Reference {
    Scaled,
    Described,
}

fn reference(at: &At<'_>, what: Reference, f: &mut Faults) {
    for field in ["kind", "name"] {
        if f.needs(&at.field(field)) {
            f.follows(&at.field(field), name::path_segment);
        }
    }
    let version = at.field("apiVersion");
    match version.text().split('/').count() {
        1 if version.text() != "v1" && what == Reference::Scaled => {
            f.invalid_as(&version, version.text(), "apiVersion must specify API group");
        }
        1 | 2 => {}
        _ => f.invalid(&version, format!("unexpected GroupVersion string: {}", version.text())),
    }
}

fn metric(metric: &At<'_>, f: &mut Faults) {
    let kind = metric.field("type");
    if kind.is_empty() {
        f.required(&kind, "must specify a metric source type");
    }
    // In the order in which they are looked for: of several the first is judged, and all that are not meant are refused.
    let known = ["Object", "External", "Pods", "Resource", "ContainerResource"];
    let field = |kind: &str| kind[..1].to_ascii_lowercase() + &kind[1..];
    let present: Vec<&str> = known.into_iter().filter(|kind| metric.field(&field(kind)).is_set()).collect();
    if let Some(first) = present.first() {
        self::source(first, &metric.field(&field(first)), f);
    }
    if f.one_of(&kind, &["ContainerResource", "External", "Object", "Pods", "Resource"])
        && !present.contains(&kind.text())
    {
        f.required(&metric.field(&field(kind.text())), "must populate information for the given metric source");
    }
    for other in present.iter().filter(|other| present.len() > 1 && **other != kind.text()) {
        f.forbidden(&metric.field(&field(other)), "must populate the given metric source only");
    }
}

/// What a metric is made of.
fn source(kind: &str, source: &At<'_>, f: &mut Faults) {
    let target = source.field("target");
    match kind {
        "Resource" | "ContainerResource" => {
            if source.field("name").is_empty() {
                f.required(&source.field("name"), "must specify a resource name");
            }
            if kind == "ContainerResource" && source.field("container").is_empty() {
                f.required(&source.field("container"), "must specify a container");
            }
            self::target(&target, f);
            let (share, raw) = (target.field("averageUtilization"), target.field("averageValue"));
            match (share.is_set(), raw.is_set()) {
                (false, false) => f.required(&share, TARGET),
                (true, true) => f.forbidden(&raw, "may not set both a target raw value and a target utilization"),
                _ => {}
            }
        }
        other => {
            if other == "Object" {
                reference(&source.field("describedObject"), Reference::Described, f);
            }
            measure(&source.field("metric"), f);
            self::target(&target, f);
            let (value, mean) = (target.field("value"), target.field("averageValue"));
            let missing = match other {
                "Pods" => (!mean.is_set()).then_some("must specify a positive target averageValue"),
                "Object" => {
                    (!value.is_set() && !mean.is_set()).then_some("must set either a target value or averageValue")
                }
                _ => (!value.is_set() && !mean.is_set())
                    .then_some("must set either a target value for metric or a per-pod target"),
            };
            if let Some(missing) = missing {
                f.required(&mean, missing);
            }
            if other == "External" && value.is_set() && mean.is_set() {
                f.forbidden(&value, "may not set both a target value for metric and a per-pod target");
            }
        }
    }
}

fn measure(metric: &At<'_>, f: &mut Faults) {
    if metric.field("name").is_empty() {
        f.required(&metric.field("name"), "must specify a metric name");
    } else {
        f.follows(&metric.field("name"), name::path_segment);
    }
}

fn target(target: &At<'_>, f: &mut Faults) {
    let kind = target.field("type");
    if kind.is_empty() {
        f.required(&kind, "must specify a metric target type");
    }
    if !matches!(kind.text(), "Utilization" | "Value" | "AverageValue") {
        f.invalid_as(&kind, kind.text(), "must be either Utilization, Value, or AverageValue");
    }
    for field in ["value", "averageValue"] {
        let amount = target.field(field);
        if quantity::nanos(amount.text()).is_some_and(|amount| amount <= 0) {
            f.invalid(&amount, "must be positive");
        }
    }
    let share = target.field("averageUtilization");
    if share.is_set() && share.number() < 1 {
        f.invalid(&share, "must be greater than 0");
    }
}

fn behavior(rules: &At<'_>, f: &mut Faults) {
    let window = rules.field("stabilizationWindowSeconds");
    match window.number() {
        ..0 => f.invalid(&window, "must be greater than or equal to zero"),
        3601.. => f.invalid(&window, "must be less than or equal to 3600"),
        _ => {}
    }
    f.one_of_if_set(&rules.field("selectPolicy"), &["Disabled", "Max", "Min"]);
    let policies = rules.field("policies");
    if policies.is_empty() {
        f.required(&policies, "must specify at least one Policy");
    }
    for policy in policies.items() {
        f.one_of(&policy.field("type"), &["Percent", "Pods"]);
        let (value, period) = (policy.field("value"), policy.field("periodSeconds"));
        if value.number() <= 0 {
            f.invalid(&value, "must be greater than zero");
        }
        match period.number() {
            ..=0 => f.invalid(&period, "must be greater than zero"),
            1801.. => f.invalid(&period, "must be less than or equal to 1800"),
            _ => {}
        }
    }
    let tolerance = rules.field("tolerance");
    if quantity::nanos(tolerance.text()).is_some_and(|amount| amount < 0) {
        f.invalid(&tolerance, "must be greater than or equal to 0");
    }
}

pub(super) fn budget(new: &At<'_>, f: &mut Faults) {
    let spec = new.field("spec");
    let (least, most) = (spec.field("minAvailable"), spec.field("maxUnavailable"));
    if least.is_set() && most.is_set() {
        f.invalid(&spec, "minAvailable and maxUnavailable cannot be both set");
    }
    for count in [least, most] {
        count_or_percent(&count, f);
        not_over_whole(&count, f);
    }
    selector(&spec.field("selector"), f);
    f.one_of_if_set(&spec.field("unhealthyPodEvictionPolicy"), &["AlwaysAllow", "IfHealthyBudget"]);
}

/// What a budget's status counts and says.
pub(super) fn budget_status(new: &At<'_>, f: &mut Faults) {
    let status = new.field("status");
    for condition in status.field("conditions").items() {
        super::policy::condition(&condition, f);
    }
    for field in ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] {
        f.not_negative(&status.field(field));
    }
}
