//! LimitRanges and ResourceQuotas.

use super::at::{At, Faults};
use super::resources;
use crate::field::name;
use crate::kinds::quantity;

pub(super) fn range(new: &At<'_>, f: &mut Faults) {
    let mut seen = Vec::new();
    for limit in new.at("spec.limits").items() {
        let kind = limit.field("type");
        let wrong = name::qualified(kind.text());
        if !wrong.is_empty() {
            wrong.into_iter().for_each(|wrong| f.invalid_as(&kind, kind.text(), wrong));
        } else if !kind.text().contains('/') && !["Pod", "Container", "PersistentVolumeClaim"].contains(&kind.text()) {
            f.invalid(&kind, "must be a standard limit type or fully qualified");
        }
        if seen.contains(&kind.text()) {
            f.duplicate(&kind, kind.text());
        }
        seen.push(kind.text());
        self::limit(&limit, kind.text(), f);
    }
}

fn limit(limit: &At<'_>, kind: &str, f: &mut Faults) {
    let is_pod = kind == "Pod";
    let mut names: Vec<&str> = Vec::new();
    for member in ["max", "min", "default", "defaultRequest"] {
        let bounds = limit.field(member);
        if is_pod && member.starts_with("default") {
            if !bounds.is_empty() {
                f.forbidden(&bounds, "may not be specified when `type` is 'Pod'");
            }
            continue;
        }
        bounds.entries().iter().for_each(|(resource, amount)| limited(resource, amount, kind, f));
        names.extend(bounds.entries().iter().map(|(resource, _)| *resource));
    }
    let has_storage = ["min", "max"].iter().any(|member| limit.field(member).entry("storage").is_set());
    if kind == "PersistentVolumeClaim" && !has_storage {
        let why = "either minimum or maximum storage value is required, but neither was provided";
        f.required(&limit.field("limits"), why);
    }
    let ratios = limit.field("maxLimitRequestRatio");
    ratios.entries().iter().for_each(|(resource, amount)| limited(resource, amount, kind, f));
    names.extend(ratios.entries().iter().map(|(resource, _)| *resource));
    names.sort_unstable();
    names.dedup();
    names.iter().for_each(|resource| bounds(limit, resource, is_pod, f));
}

fn limited(resource: &str, amount: &At<'_>, kind: &str, f: &mut Faults) {
    match kind {
        "Pod" | "Container" => resources::resource_name(resource, amount, f),
        _ => self::resource(resource, amount, f),
    }
}

/// The bounds of one resource fit each other.
fn bounds(limit: &At<'_>, resource: &str, is_pod: bool, f: &mut Faults) {
    let at = |member: &str| limit.field(member).entry(resource);
    let (least, most, ratio) = (at("min"), at("max"), at("maxLimitRequestRatio"));
    let (usual, asked) = (at("default"), at("defaultRequest"));
    let of = |at: &At<'_>, counts: bool| quantity::nanos(at.text()).filter(|_| counts && at.is_set());
    let (low, high, share) = (of(&least, true), of(&most, true), of(&ratio, true));
    let (common, wanted) = (of(&usual, !is_pod), of(&asked, !is_pod));
    let over = |a: Option<i128>, b: Option<i128>| a.zip(b).is_some_and(|(a, b)| a > b);
    if over(low, high) {
        f.invalid(&least, format!("min value {} is greater than max value {}", least.text(), most.text()));
    }
    if over(low, wanted) {
        f.invalid(&asked, format!("min value {} is greater than default request value {}", least.text(), asked.text()));
    }
    if over(wanted, high) {
        f.invalid(&asked, format!("default request value {} is greater than max value {}", asked.text(), most.text()));
    }
    if over(wanted, common) {
        let why =
            format!("default request value {} is greater than default limit value {}", asked.text(), usual.text());
        f.invalid(&asked, why);
    }
    // The value that is shown of a default is the bound that it breaks.
    if over(low, common) {
        let why = format!("min value {} is greater than default value {}", least.text(), usual.text());
        f.invalid(&least.told_as(usual.path.clone()), why);
    }
    if over(common, high) {
        let why = format!("default value {} is greater than max value {}", usual.text(), most.text());
        f.invalid(&most.told_as(usual.path.clone()), why);
    }
    if share.is_some_and(|share| share < 1_000_000_000) {
        f.invalid(&ratio, format!("ratio {} is less than 1", ratio.text()));
    }
    if let (Some(share), Some(low @ 1..), Some(high)) = (share, low, high) {
        #[expect(clippy::cast_precision_loss, reason = "the real server reckons with floats, too")]
        let (share, most) = (share as f64 / 1e9, high as f64 / low as f64);
        if share > most {
            f.invalid(&ratio, format!("ratio {} is greater than max/min = {most:.6}", ratio.text()));
        }
    }
    let is_firm = resource.starts_with("hugepages-") || resource.contains('/') && !resource.contains("kubernetes.io/");
    if let (true, Some(common), Some(wanted)) = (is_firm, common, wanted)
        && common != wanted
    {
        let (common, wanted) = (usual.text(), asked.text());
        f.invalid(&asked, format!("default value {common} must equal to defaultRequest value {wanted} in {resource}"));
    }
}

/// What a quota may count in whole numbers only.
const COUNTED: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// What it may measure.
const MEASURED: [&str; 10] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

fn is_huge(resource: &str) -> bool {
    resource.starts_with("hugepages-") || resource.starts_with("requests.hugepages-")
}

fn is_counted_or_measured(resource: &str) -> bool {
    is_huge(resource) || COUNTED.contains(&resource) || MEASURED.contains(&resource)
}

/// The name of a resource that Kubernetes knows, or that is somebody's own.
pub(super) fn resource(resource: &str, at: &At<'_>, f: &mut Faults) {
    let wrong = name::qualified(resource);
    if !wrong.is_empty() {
        wrong.into_iter().for_each(|wrong| f.invalid_as(at, resource, wrong));
    } else if !resource.contains('/') && !is_counted_or_measured(resource) && resource != "storage" {
        f.invalid_as(at, resource, "must be a standard resource type or fully qualified");
    }
}

pub(super) fn quota(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    amounts(&spec.field("hard"), f);
    let scopes = spec.field("scopes");
    let given: Vec<&str> = scopes.items().iter().map(At::text).collect();
    given.iter().for_each(|scope| self::scope(scope, &spec, &scopes, &scopes, f));
    conflicts(&given, &scopes, f);
    let selector = spec.field("scopeSelector");
    let terms = selector.field("matchExpressions");
    let mut named = Vec::new();
    for term in terms.items() {
        let member = |name: &str| term.field(name).told_as(terms.field(name).path);
        let (name, operator, values) = (member("scopeName"), member("operator"), member("values"));
        self::scope(name.text(), &spec, &name, &selector.told_as(terms.path.clone()), f);
        let alone = ["BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity"];
        if alone.contains(&name.text()) && operator.text() != "Exists" {
            let why = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, \
                       ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort \
                       or ResourceQuotaScopeCrossNamespacePodAffinity";
            f.invalid(&operator, why);
        }
        match operator.text() {
            "In" | "NotIn" if values.is_empty() => {
                f.required(&values, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                f.invalid(&values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => f.invalid(&operator, "not a valid selector operator"),
        }
        named.push(name.text());
    }
    conflicts(&named, &scopes.told_as(terms.path), f);
    if let Some(old) = old {
        let sorted = |quota: &At<'_>| {
            let mut scopes: Vec<String> =
                quota.at("spec.scopes").items().iter().map(|scope| scope.text().to_owned()).collect();
            scopes.sort_unstable();
            scopes
        };
        if sorted(new) != sorted(old) {
            f.invalid(&scopes, "field is immutable");
        }
    }
}

/// What a quota's status tells is named and measured as its specification is.
pub(super) fn quota_status(new: &At<'_>, f: &mut Faults) {
    amounts(&new.at("status.hard"), f);
    amounts(&new.at("status.used"), f);
}

fn amounts(amounts: &At<'_>, f: &mut Faults) {
    for (name, amount) in amounts.entries() {
        if name.contains('/') {
            name::qualified(name).into_iter().for_each(|wrong| f.invalid_as(&amount, name, wrong));
        } else {
            resource(name, &amount, f);
            if !is_counted_or_measured(name) {
                f.invalid_as(&amount, name, "must be a standard resource for quota");
            }
        }
        match quantity::nanos(amount.text()) {
            Some(..0) => f.invalid(&amount, "must be greater than or equal to 0"),
            Some(nanos) if COUNTED.contains(&name) && nanos % 1_000_000_000 != 0 => {
                f.invalid(&amount, "must be an integer");
            }
            _ => {}
        }
    }
}

/// A scope is known, and the resources are of those that it can tell apart.
fn scope(scope: &str, spec: &At<'_>, named: &At<'_>, whole: &At<'_>, f: &mut Faults) {
    let known = [
        "Terminating",
        "NotTerminating",
        "BestEffort",
        "NotBestEffort",
        "PriorityClass",
        "CrossNamespacePodAffinity",
        "VolumeAttributesClass",
    ];
    if !known.contains(&scope) {
        f.invalid(named, "unsupported scope");
    }
    let computed = ["cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];
    let fits = |resource: &str| match scope {
        "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity" => {
            resource == "pods" || computed.contains(&resource)
        }
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        _ => true,
    };
    for (resource, _) in spec.field("hard").entries() {
        if is_counted_or_measured(resource) && !fits(resource) {
            f.invalid(whole, "unsupported scope applied to resource");
        }
    }
}

fn conflicts(scopes: &[&str], at: &At<'_>, f: &mut Faults) {
    for pair in [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]] {
        if pair.iter().all(|scope| scopes.contains(scope)) {
            f.invalid(at, "conflicting scopes");
        }
    }
}
