//! What belongs to the whole cluster: classes, servers behind this one, and revisions.

use super::at::{At, Faults};
use super::selector::labels;
use super::{placement, resources};
use crate::field::name;

/// The highest priority that a class of a user's own may have.
const HIGHEST: i64 = 1_000_000_000;

pub(super) fn priority_class(new: &At<'_>, f: &mut Faults) {
    let (class, value) = (new.at("metadata.name"), new.field("value"));
    if class.text().starts_with("system-") {
        let why = "priority class names with 'system-' prefix are reserved for system use only. error:";
        let known = [("system-node-critical", 2_000_001_000_i64), ("system-cluster-critical", 2_000_000_000)];
        let what = match known.iter().find(|(name, _)| *name == class.text()) {
            Some((name, amount)) => format!("value of {name} PriorityClass must be {amount}"),
            None => format!("{} is not a known system priority class", class.text()),
        };
        f.forbidden(&class, format!("{why} {what}"));
    } else if value.number() > HIGHEST {
        f.forbidden(&value, format!("maximum allowed value of a user defined priority is {HIGHEST}"));
    }
    f.needs_one_of(&new.field("preemptionPolicy"), &["PreemptLowerPriority", "Never"]);
}

pub(super) fn runtime_class(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let handler = new.field("handler");
    if f.needs(&handler) {
        for wrong in name::dns1123_label(handler.text()) {
            // The rule is one of the newer ones, which count bytes.
            f.invalid_as(&handler, handler.text(), wrong.replace("63 characters", "63 bytes"));
        }
    }
    let overhead = new.field("overhead");
    // The real server reads what a pod takes as the limits of a container.
    resources::overhead(&overhead.field("podFixed").told_as(overhead.path), f);
    let scheduling = new.field("scheduling");
    labels(&scheduling.field("nodeSelector"), f);
    let mut seen = Vec::new();
    for toleration in scheduling.field("tolerations").items() {
        placement::toleration(&toleration, f);
        if seen.contains(&toleration.value) {
            f.again(&toleration);
        }
        seen.push(toleration.value);
    }
    if let Some(old) = old {
        f.fixed(&handler, &old.field("handler"));
    }
}

/// A path behind a domain, and no longer than it may be.
fn domain_path(at: &At<'_>, longest: usize, f: &mut Faults) {
    let (domain, path) = at.text().split_once('/').unwrap_or_default();
    if domain.is_empty() || path.is_empty() {
        f.invalid(at, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    } else {
        name::dns1123_subdomain(domain).into_iter().for_each(|wrong| f.invalid_as(at, domain, wrong));
    }
    if at.text().len() > longest {
        f.too_long(at, i64::try_from(longest).unwrap_or(i64::MAX));
    }
}

pub(super) fn ingress_class(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let controller = new.at("spec.controller");
    if let Some(old) = old {
        f.unchanged(&controller, &old.at("spec.controller"));
    } else if f.needs(&controller) {
        domain_path(&controller, 250, f);
    }
    let target = new.at("spec.parameters");
    if !target.is_set() {
        return;
    }
    f.follows_if_set(&target.field("apiGroup"), name::dns1123_subdomain);
    for member in ["kind", "name"] {
        let at = target.field(member);
        if f.needs(&at) {
            f.follows(&at, name::path_segment);
        }
    }
    let (scope, space) = (target.field("scope"), target.field("namespace"));
    f.needs_one_of(&scope, &["Cluster", "Namespace"]);
    match (scope.text(), space.is_set()) {
        ("Namespace", false) => f.required(&space, "`parameters.scope` is set to 'Namespace'"),
        ("Namespace", true) => f.follows(&space, name::dns1123_label),
        ("Cluster", true) => f.forbidden(&space, "`parameters.scope` is set to 'Cluster'"),
        _ => {}
    }
}

/// A server that stands behind this one, or a version that is this one's own.
pub(super) fn api_service(new: &At<'_>, f: &mut Faults) {
    let (spec, own) = (new.field("spec"), new.at("metadata.name"));
    let (group, version) = (spec.field("group"), spec.field("version"));
    let wanted = format!("{}.{}", version.text(), group.text());
    if own.text() != wanted {
        f.invalid(&own, format!("must be `spec.version+\".\"+spec.group`: {wanted:?}"));
    }
    f.follows_if_set(&group, name::dns1123_subdomain);
    f.follows(&version, name::dns1035_label);
    for (member, most) in [("groupPriorityMinimum", 20_000), ("versionPriority", 1_000)] {
        let number = spec.field(member);
        if !(1..=most).contains(&number.number()) {
            f.invalid_as(&number, &number.number(), format!("must be positive and less than {most}"));
        }
    }
    let (service, unchecked) = (spec.field("service"), spec.field("insecureSkipTLSVerify"));
    let has_bundle = !spec.field("caBundle").is_empty();
    if !service.is_set() {
        if has_bundle {
            f.unshown(&spec.field("caBundle"), "local APIServices may not have a caBundle");
        }
        if unchecked.is_true() {
            f.invalid(&unchecked, "local APIServices may not have insecureSkipTLSVerify");
        }
        return;
    }
    f.needs(&service.field("namespace"));
    f.needs(&service.field("name"));
    let port = service.field("port");
    if port.is_set() && !(1..=65535).contains(&port.number()) {
        f.invalid(&port, "port is not valid: must be between 1 and 65535, inclusive");
    }
    if unchecked.is_true() && has_bundle {
        f.invalid(&unchecked, "may not be true if caBundle is present");
    }
}

pub(super) fn revision(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let data = new.field("data");
    match data.value {
        _ if old.is_some() => {}
        serde_json::Value::Null => f.required(&data, "data is mandatory"),
        serde_json::Value::Object(_) => {}
        _ => f.required(&data, "data must be a valid JSON object"),
    }
    f.not_negative(&new.field("revision"));
    if let Some(old) = old {
        f.unchanged(&data, &old.field("data"));
    }
}
