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

/// What was changed of them that never changes.
pub(super) fn changes(new: &At<'_>, old: &At<'_>, f: &mut Faults) {
    const FIXED: [(&str, &str); 2] = [(ARMOUR_OF, "AppArmor annotations"), (MIRROR, "mirror pod annotation")];
    let fixed = |name: &str| FIXED.into_iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, what)| what);
    for (name, before) in old.entries() {
        if let Some(what) = fixed(name).filter(|_| new.entry(name).value != before.value) {
            f.forbidden(&new.entry(name), format!("may not remove or update {what}"));
        }
    }
    for (name, after) in new.entries() {
        if let Some(what) = fixed(name).filter(|_| !old.entry(name).is_set()) {
            f.forbidden(&after, format!("may not add {what}"));
        }
    }
}

/// Where an annotation and the field that came after it say different things.
pub(super) fn like_fields(annotations: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    let of_pod = spec.at("securityContext.seccompProfile");
    agree(&annotations.entry(SECCOMP), &of_pod, &of_pod, "seccomp", f);
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let containers: Vec<At<'_>> = lists.iter().flat_map(|list| spec.field(list).items()).collect();
    for container in &containers {
        let own = container.at("securityContext.seccompProfile");
        let key = format!("{SECCOMP_OF}{}", container.field("name").text());
        agree(&annotations.entry(&key), &own, &own, "seccomp", f);
    }
    if spec.at("os.name").text() == "windows" {
        return;
    }
    let of_pod = spec.at("securityContext.appArmorProfile");
    for container in &containers {
        let own = container.at("securityContext.appArmorProfile");
        let key = format!("{ARMOUR_OF}{}", container.field("name").text());
        let profile = if own.is_set() { &own } else { &of_pod };
        agree(&annotations.entry(&key), profile, &own, "apparmor", f);
    }
}

/// The difference is told at a place of its own.
fn agree(annotation: &At<'_>, profile: &At<'_>, at: &At<'_>, what: &str, f: &mut Faults) {
    if !annotation.is_set() || !profile.is_set() {
        return;
    }
    let text = annotation.text();
    let is_like = match profile.field("type").text() {
        "Unconfined" => text == "unconfined",
        "RuntimeDefault" => text == "runtime/default" || what == "seccomp" && text == "docker/default",
        "Localhost" => text.starts_with("localhost/"),
        _ => true,
    };
    let local = profile.field("localhostProfile");
    if !is_like {
        f.forbidden(&at.field("type"), format!("{what} type in annotation and field must match"));
    } else if profile.field("type").text() == "Localhost" && text.strip_prefix("localhost/") != Some(local.text()) {
        f.forbidden(&at.field("localhostProfile"), format!("{what} profile in annotation and field must match"));
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
