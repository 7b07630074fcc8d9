//! Pods and the templates of Pods.

use serde_json::Value;

use super::annotations::{self, of_pod};
use super::at::{At, Faults};
use super::container::{self, Role};
use super::placement;
use super::selector::{self, labels};
use super::texts::ip;
use super::volume;
use crate::field::name;
use crate::kinds::inner;

const POLICIES: [&str; 3] = ["Always", "OnFailure", "Never"];

pub(super) fn pod(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    let notes = new.at("metadata.annotations");
    of_pod(&notes, &spec, f);
    pod_spec(&spec, &[], f);
    if old.is_none() && spec.field("serviceAccountName").text().is_empty() {
        for volume in spec.field("volumes").items() {
            for source in volume.at("projected.sources").items() {
                let token = source.field("serviceAccountToken");
                if token.is_set() {
                    f.forbidden(&token, "must not be specified when serviceAccountName is not set");
                }
            }
        }
    }
    match old {
        Some(old) => {
            annotations::changes(&notes, &old.at("metadata.annotations"), f);
            change(&spec, &old.field("spec"), f);
        }
        None => {
            if spec.field("ephemeralContainers").is_set() {
                f.forbidden(&spec.field("ephemeralContainers"), "cannot be set on create");
            }
            if !spec.field("nodeName").is_empty() && !spec.field("schedulingGates").is_empty() {
                f.forbidden(&spec.field("nodeName"), "cannot be set until all schedulingGates have been cleared");
            }
            annotations::like_fields(&notes, &spec, f);
        }
    }
}

/// A template: its labels and annotations are told without `metadata`.
pub(super) fn template(template: &At<'_>, f: &mut Faults) {
    template_with_claims(template, &[], f);
}

/// A template whose Pods have a volume of each of these claims, too.
pub(super) fn template_with_claims(template: &At<'_>, claims: &[At<'_>], f: &mut Faults) {
    let metadata = template.field("metadata");
    labels(&metadata.field("labels").told_as(template.field("labels").path), f);
    let (notes, spec) =
        (metadata.field("annotations").told_as(template.field("annotations").path), template.field("spec"));
    selector::annotations(&notes, f);
    of_pod(&notes, &spec, f);
    pod_spec(&spec, claims, f);
    annotations::like_fields(&notes, &spec, f);
    let ephemeral = template.at("spec.ephemeralContainers");
    if ephemeral.is_set() {
        f.forbidden(&ephemeral, "ephemeral containers not allowed in pod template");
    }
}

fn pod_spec(spec: &At<'_>, claims: &[At<'_>], f: &mut Faults) {
    let volumes = volume::volumes(&spec.field("volumes"), claims, f);
    claims_of_devices(&spec.field("resourceClaims"), f);
    let containers = spec.field("containers");
    if f.needs(&containers) {
        container::containers(spec, Role::Main, &volumes, f);
    }
    container::containers(spec, Role::Init, &volumes, f);
    f.needs_one_of(&spec.field("restartPolicy"), &POLICIES);
    let dns = spec.field("dnsPolicy");
    f.needs_one_of(&dns, &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]);
    labels(&spec.field("nodeSelector"), f);
    security(&spec.field("securityContext"), f);
    let shared = spec.field("shareProcessNamespace");
    if shared.is_true() && spec.field("hostPID").is_true() {
        f.invalid(&shared, "ShareProcessNamespace and HostPID cannot both be enabled");
    }
    placement::affinity(&spec.field("affinity"), f);
    dns_config(&spec.field("dnsConfig"), dns.text(), f);
    for gate in spec.field("readinessGates").items() {
        f.follows(&gate.field("conditionType"), name::qualified);
    }
    for gate in spec.field("schedulingGates").items() {
        for wrong in name::qualified(gate.field("name").text()) {
            f.invalid_as(&gate, gate.field("name").text(), wrong);
        }
    }
    placement::spread(&spec.field("topologySpreadConstraints"), f);
    names(spec, f);
    spec.field("tolerations").items().iter().for_each(|toleration| placement::toleration(toleration, f));
    for alias in spec.field("hostAliases").items() {
        f.follows(&alias.field("ip"), ip);
        alias.field("hostnames").items().iter().for_each(|host| f.follows(host, name::dns1123_subdomain));
    }
    f.follows_if_set(&spec.field("priorityClassName"), name::dns1123_subdomain);
    f.follows_if_set(&spec.field("runtimeClassName"), name::dns1123_subdomain);
    let preemption = spec.field("preemptionPolicy");
    if preemption.is_set() {
        f.needs_one_of(&preemption, &["PreemptLowerPriority", "Never"]);
    }
    let (os, system) = (spec.field("os"), spec.at("os.name"));
    if os.is_set() && f.needs(&system) {
        f.one_of(&system.told_as(os.path), &["linux", "windows"]);
    }
}

/// The claims to devices that a pod's containers may use.
fn claims_of_devices(claims: &At<'_>, f: &mut Faults) {
    let mut known: Vec<&str> = Vec::new();
    for claim in claims.items() {
        let own = claim.field("name");
        if known.contains(&own.text()) {
            f.duplicate(&own, own.text());
        } else if f.needs(&own) {
            f.follows(&own, name::dns1123_label);
            known.push(own.text());
        }
        let sources = ["resourceClaimName", "resourceClaimTemplateName"].map(|source| claim.field(source));
        match sources.iter().filter(|source| source.is_set()).count() {
            0 => f.invalid(&claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
            1 => {}
            _ => {
                let why = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
                f.invalid(&claim, why);
            }
        }
        sources.iter().filter(|source| source.is_set()).for_each(|source| f.follows(source, name::dns1123_subdomain));
    }
}

/// What a pod is called, by whom it is run and where.
fn names(spec: &At<'_>, f: &mut Faults) {
    let host = spec.field("hostnameOverride");
    if host.is_set() {
        for other in ["setHostnameAsFQDN", "hostNetwork"] {
            if spec.field(other).is_true() {
                f.forbidden(&host, format!("may not be specified when {other} is true"));
            }
        }
        if host.text().len() > 64 {
            f.too_long(&host, 64);
        }
        f.follows(&host, name::dns1123_subdomain);
    }
    for field in ["serviceAccountName", "nodeName"] {
        f.follows_if_set(&spec.field(field), name::dns1123_subdomain);
    }
    let deadline = spec.field("activeDeadlineSeconds");
    if deadline.is_set() {
        f.between(&deadline, 1, i64::from(i32::MAX));
    }
    for field in ["hostname", "subdomain"] {
        f.follows_if_set(&spec.field(field), name::dns1123_label);
    }
}

fn dns_config(config: &At<'_>, policy: &str, f: &mut Faults) {
    let servers = config.field("nameservers");
    if policy == "None" {
        if !config.is_set() {
            f.required(config, "must provide `dnsConfig` when `dnsPolicy` is None");
        } else if servers.is_empty() {
            f.required(&servers, "must provide at least one DNS nameserver when `dnsPolicy` is None");
        }
    }
    if servers.items().len() > 3 {
        f.invalid(&servers, "must not have more than 3 nameservers");
    }
    servers.items().iter().for_each(|server| f.follows(server, ip));
    for search in config.field("searches").items() {
        let bare = search.text().strip_suffix('.').unwrap_or(search.text());
        if search.text() != "." {
            let wrong = name::dns1123_subdomain_with_low_lines(bare);
            wrong.into_iter().for_each(|wrong| f.invalid_as(&search, bare, wrong));
        }
    }
    for option in config.field("options").items() {
        if option.field("name").is_empty() {
            f.required(&option, "must not be empty");
        }
    }
}

fn security(context: &At<'_>, f: &mut Faults) {
    for field in ["runAsUser", "runAsGroup", "fsGroup"] {
        container::account(&context.field(field), f);
    }
    context.field("supplementalGroups").items().iter().for_each(|group| container::account(group, f));
    f.one_of_if_set(&context.field("fsGroupChangePolicy"), &["Always", "OnRootMismatch"]);
    container::seccomp(&context.field("seccompProfile"), f);
    for sysctl in context.field("sysctls").items() {
        let name = sysctl.field("name");
        if f.needs(&name) && !is_sysctl(name.text()) {
            let why = "must have at most 253 characters and match regex \
                       ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            f.invalid(&name, why);
        }
    }
}

fn is_sysctl(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(plain) && part.ends_with(plain) && part.chars().all(|c| plain(c) || matches!(c, '-' | '_'))
    };
    name.len() <= 253 && name.split(['.', '/']).all(is_part)
}

const FIXED: &str = "pod updates may not change fields other than \
                     `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
                     `spec.tolerations` (only additions to existing \
                     tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously \
                     negative)";

/// A Pod's specification hardly changes: images, deadlines and more tolerations.
fn change(new: &At<'_>, old: &At<'_>, f: &mut Faults) {
    for field in ["containers", "initContainers"] {
        if new.field(field).items().len() != old.field(field).items().len() {
            f.forbidden(&new.field(field), "pod updates may not add or remove containers");
            return;
        }
    }
    let (deadline, before) = (new.field("activeDeadlineSeconds"), old.field("activeDeadlineSeconds"));
    if deadline.is_set() {
        f.between(&deadline, 0, i64::from(i32::MAX));
    }
    match (deadline.is_set(), before.is_set()) {
        (true, true) if deadline.number() > before.number() => {
            f.invalid(&deadline, "must be less than or equal to previous value");
        }
        (false, true) => f.invalid(&deadline, "must not update from a positive integer to nil value"),
        _ => {}
    }
    let tolerations = new.field("tolerations");
    let known = old.field("tolerations").items();
    if !known.iter().all(|old| tolerations.items().iter().any(|new| same_but_seconds(new.value, old.value))) {
        f.forbidden(&tolerations, "existing toleration can not be modified except its tolerationSeconds");
    }
    let gates = |spec: &At<'_>| {
        let gates = spec.field("schedulingGates").items();
        gates.iter().map(|gate| gate.field("name").text().to_owned()).collect::<Vec<_>>()
    };
    let (known, gates) = (gates(old), gates(new));
    for (gate, name) in new.field("schedulingGates").items().iter().zip(&gates) {
        if !known.contains(name) {
            let why = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            f.forbidden(&gate.field("name"), why);
        }
    }
    let settled = settled(new.value, old.value, !known.is_empty());
    if settled != *old.value {
        f.forbidden(new, format!("{FIXED}\n{}", inner::change("core.PodSpec", old.value, &settled)));
    }
}

fn same_but_seconds(a: &Value, b: &Value) -> bool {
    ["key", "operator", "value", "effect"].iter().all(|field| a.get(field) == b.get(field))
}

/// The new specification with what may change put back.
fn settled(new: &Value, old: &Value, was_gated: bool) -> Value {
    let mut settled = new.clone();
    let Value::Object(fields) = &mut settled else { return settled };
    let mut put_back = vec!["activeDeadlineSeconds", "tolerations", "schedulingGates"];
    let grace = |spec: &Value| spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64);
    if grace(old).is_some_and(|old| old < 0) && grace(new) == Some(1) {
        put_back.push("terminationGracePeriodSeconds");
    }
    if was_gated {
        put_back.extend(["nodeSelector", "affinity"]);
    }
    for field in put_back {
        match old.get(field) {
            Some(value) => fields.insert(field.to_owned(), value.clone()),
            None => fields.remove(field),
        };
    }
    for field in ["containers", "initContainers"] {
        let old = old.get(field).and_then(Value::as_array).into_iter().flatten();
        let new = fields.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten();
        for (new, old) in new.filter_map(Value::as_object_mut).zip(old) {
            if let Some(image) = old.get("image") {
                new.insert("image".to_owned(), image.clone());
            }
        }
    }
    settled
}
