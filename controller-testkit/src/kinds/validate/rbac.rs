//! Roles and their bindings.

use super::at::{At, Faults};
use super::selector::selector;
use crate::field::name;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn role(new: &At<'_>, is_namespaced: bool, f: &mut Faults) {
    new.field("rules").items().iter().for_each(|rule| self::rule(rule, is_namespaced, f));
    let aggregation = new.field("aggregationRule");
    if aggregation.is_set() {
        let selectors = aggregation.field("clusterRoleSelectors");
        if selectors.is_empty() {
            f.required(&selectors, "at least one clusterRoleSelector required if aggregationRule is non-nil");
        }
        for term in selectors.items() {
            let before = f.len();
            selector(&term, f);
            if f.len() > before {
                f.invalid_as(&term, &(), "invalid label selector.");
            }
        }
    }
}

fn rule(rule: &At<'_>, is_namespaced: bool, f: &mut Faults) {
    let (urls, groups, resources) = (rule.field("nonResourceURLs"), rule.field("apiGroups"), rule.field("resources"));
    if !urls.is_empty() {
        if is_namespaced {
            f.invalid(&urls, "namespaced rules cannot apply to non-resource URLs");
        }
        if !groups.is_empty() || !resources.is_empty() || !rule.field("resourceNames").is_empty() {
            f.invalid(&urls, "rules cannot apply to both regular resources and non-resource URLs");
        }
        f.needs(&rule.field("verbs"));
        return;
    }
    if groups.is_empty() {
        f.required(&groups, "resource rules must supply at least one api group");
    }
    if resources.is_empty() {
        f.required(&resources, "resource rules must supply at least one resource");
    }
    f.needs(&rule.field("verbs"));
}

pub(super) fn binding(new: &At<'_>, old: Option<&At<'_>>, is_namespaced: bool, f: &mut Faults) {
    let target = new.field("roleRef");
    f.one_of(&target.field("apiGroup"), &[GROUP]);
    let kinds: &[&str] = if is_namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    f.one_of(&target.field("kind"), kinds);
    if f.needs(&target.field("name")) {
        f.follows(&target.field("name"), name::path_segment);
    }
    new.field("subjects").items().iter().for_each(|subject| self::subject(subject, is_namespaced, f));
    if let Some(old) = old {
        f.unchanged(&target, &old.field("roleRef"));
    }
}

fn subject(subject: &At<'_>, is_namespaced: bool, f: &mut Faults) {
    let (kind, group, name) = (subject.field("kind"), subject.field("apiGroup"), subject.field("name"));
    match kind.text() {
        "ServiceAccount" => {
            f.follows_if_set(&name, name::dns1123_subdomain);
            f.one_of(&group, &[""]);
            if !is_namespaced {
                f.needs(&subject.field("namespace"));
            }
        }
        "User" | "Group" => {
            f.one_of(&group, &[GROUP]);
        }
        other => f.not_supported(&kind, other, &["ServiceAccount", "User", "Group"]),
    }
    f.needs(&name);
}
