//! Pods and the templates of Pods.

use serde_json::Value;

use super::annotations::{self, of_pod};
use super::at::{At, Faults};
use super::selector::{self, labels};
use super::texts::ip;
use super::{container, placement, resources, security, volume};
use crate::field::name;
use crate::kinds::inner;

const POLICIES: [&str; 3] = ["Always", "OnFailure", "Never"];

/// What a specification stands in.
#[derive(Clone, Copy)]
enum Within<'a> {
    /// A Pod of this name.
    Pod(&'a str),
    /// A template, whose Pods have a volume of each of these claims too.
    Template(&'a [At<'a>]),
}

pub(super) fn pod(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    let notes = new.at("metadata.annotations");
    of_pod(&notes, &spec, f);
    pod_spec(&spec, Within::Pod(new.at("metadata.name").text()), f);
    if spec.field("serviceAccountName").text().is_empty() {
        for source in spec.field("volumes").items().iter().flat_map(|volume| volume.at("projected.sources").items()) {
            let token = source.field("serviceAccountToken");
            if token.is_set() {
                f.forbidden(&token, "must not be specified when serviceAccountName is not set");
            }
        }
    }
    for list in ["containers", "initContainers"] {
        spec.field(list).items().iter().for_each(|container| container::bare_image(container, f));
    }
    if let Some(old) = old {
        annotations::changes(&notes, &old.at("metadata.annotations"), f);
        return change(&spec, &old.field("spec"), f);
    }
    let (ephemeral, node) = (spec.field("ephemeralContainers"), spec.field("nodeName"));
    if !ephemeral.is_empty() {
        f.forbidden(&ephemeral, "cannot be set on create");
    }
    if !node.is_empty() && !spec.field("schedulingGates").is_empty() {
        f.forbidden(&node, "cannot be set until all schedulingGates have been cleared");
    }
    annotations::like_fields(&notes, &spec, f);
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
    pod_spec(&spec, Within::Template(claims), f);
    annotations::like_fields(&notes, &spec, f);
    let ephemeral = template.at("spec.ephemeralContainers");
    if !ephemeral.is_empty() {
        f.forbidden(&ephemeral, "ephemeral containers not allowed in pod template");
    }
}

fn pod_spec(spec: &At<'_>, within: Within<'_>, f: &mut Faults) {
    let (pod, claims, is_pod) = match within {
        Within::Pod(name) => (name, [].as_slice(), true),
        Within::Template(claims) => ("", claims, false),
    };
    let volumes = volume::volumes(&spec.field("volumes"), claims, pod, f);
    claims_of_devices(&spec.field("resourceClaims"), f);
    container::main(spec, &volumes, f);
    container::init(spec, &volumes, f);
    container::ephemeral(spec, &volumes, f);
    resources::of_pod(spec, f);
    container::ports_of_node(spec, is_pod, f);
    f.needs_one_of(&spec.field("restartPolicy"), &POLICIES);
    let dns = spec.field("dnsPolicy");
    f.needs_one_of(&dns, &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]);
    labels(&spec.field("nodeSelector"), f);
    security::of_pod(spec, f);
    let shared = spec.field("shareProcessNamespace");
    if shared.is_true() && spec.field("hostPID").is_true() {
        f.invalid(&shared, "ShareProcessNamespace and HostPID cannot both be enabled");
    }
    placement::affinity(&spec.field("affinity"), f);
    dns_config(&spec.field("dnsConfig"), dns.text(), f);
    for gate in spec.field("readinessGates").items() {
        f.follows(&gate.field("conditionType"), name::qualified);
    }
    let mut gates: Vec<&str> = Vec::new();
    for gate in spec.field("schedulingGates").items() {
        let name = gate.field("name").text();
        name::qualified(name).into_iter().for_each(|wrong| f.invalid_as(&gate, name, wrong));
        if gates.contains(&name) {
            f.duplicate(&gate, name);
        }
        gates.push(name);
    }
    placement::spread(&spec.field("topologySpreadConstraints"), f);
    security::host_processes(spec, f);
    security::own_users(spec, f);
    names(spec, f);
    spec.field("tolerations").items().iter().for_each(|toleration| placement::toleration(toleration, f));
    for alias in spec.field("hostAliases").items() {
        f.follows(&alias.field("ip"), ip);
        alias.field("hostnames").items().iter().for_each(|host| f.follows(host, name::dns1123_subdomain));
    }
    f.follows_if_set(&spec.field("priorityClassName"), name::dns1123_subdomain);
    let runtime = spec.field("runtimeClassName");
    if runtime.is_set() {
        f.follows(&runtime, name::dns1123_subdomain);
    }
    let preemption = spec.field("preemptionPolicy");
    if preemption.is_set() {
        f.needs_one_of(&preemption, &["PreemptLowerPriority", "Never"]);
    }
    resources::overhead(&spec.field("overhead"), f);
    security::system(spec, f);
    container::files_of_variables(spec, f);
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
