//! Annotations of pods that mean something, from before there were fields for it.

use super::at::{At, Faults};
use super::texts::inner_path;

const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_OF: &str = "container.seccomp.security.alpha.kubernetes.io/";
const ARMOUR_OF: &str = "container.apparmor.security.beta.kubernetes.io/";
const MIRROR: &str = "kubernetes.io/config.mirror";
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// What is wrong with those of a pod, or of a template, with that specification.
pub(super) fn of_pod(annotations: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    let mirror = annotations.entry(MIRROR);
    if mirror.is_set() && spec.field("nodeName").is_empty() {
        f.invalid(&mirror, "must set spec.nodeName if mirror pod annotation is set");
    }
    let cost = annotations.entry(COST);
    if cost.is_set() && !is_cost(cost.text()) {
        f.invalid(&cost, "must be a 32bit integer");
    }
    for (name, at) in annotations.entries() {
        // A real server tells these as members.
        let at = at.told_as(annotations.path.child(name));
        if name == SECCOMP || name.starts_with(SECCOMP_OF) {
            seccomp(&at, f);
        }
    }
    for (name, at) in annotations.entries() {
        let Some(container) = name.strip_prefix(ARMOUR_OF) else { continue };
        let mut lists = ["initContainers", "containers", "ephemeralContainers"].into_iter();
        if !lists.any(|list| spec.field(list).items().iter().any(|known| known.field("name").text() == container)) {
            f.invalid_as(&at, container, "container not found");
        }
        let profile = at.text();
        if !matches!(profile, "" | "runtime/default" | "unconfined") && !profile.starts_with("localhost/") {
            f.invalid(&at, format!("invalid AppArmor profile name: {profile:?}"));
        }
    }
}

fn is_cost(text: &str) -> bool {
    // A number is written in one way.
    text.parse::<i32>().is_ok_and(|cost| cost.to_string() == text)
}

fn seccomp(at: &At<'_>, f: &mut Faults) {
    match (at.text(), at.text().strip_prefix("localhost/")) {
        ("runtime/default" | "docker/default" | "unconfined", _) => {}
        (_, Some(path)) => {
            for wrong in inner_path(path) {
                f.invalid_as(at, path, wrong);
            }
        }
        _ => f.invalid(at, "must be a valid seccomp profile"),
    }
}
