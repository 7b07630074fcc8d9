//! Containers: the main ones and those that run before them.

use super::at::{At, Faults};
use super::texts::{self, config_key, inner_path, port_name};
use super::volume::{self, Volumes};
use super::{handler, limits};
use crate::field::name;
use crate::kinds::quantity;

/// Which list of a Pod a container stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Main,
    Init,
}

pub(super) fn containers(spec: &At<'_>, role: Role, volumes: &Volumes<'_>, f: &mut Faults) {
    let main = spec.field("containers").items();
    let (list, mut names) = match role {
        Role::Main => (main, Vec::new()),
        Role::Init => {
            (spec.field("initContainers").items(), main.iter().map(|main| main.field("name").text()).collect())
        }
    };
    let mut taken = Vec::new();
    for container in list {
        let own = container.field("name");
        if f.needs(&own) {
            f.follows(&own, name::dns1123_label);
            if names.contains(&own.text()) {
                f.duplicate(&own, own.text());
            }
        }
        names.push(own.text());
        image(&container.field("image"), f);
        f.one_of_if_set(&container.field("terminationMessagePolicy"), &["File", "FallbackToLogsOnError"]);
        let on_host = role == Role::Main && spec.field("hostNetwork").is_true();
        ports(&container.field("ports"), on_host, &mut taken, f);
        environment(&container, f);
        volume::mounts(&container, volumes, f);
        f.one_of_if_set(&container.field("imagePullPolicy"), &["Always", "IfNotPresent", "Never"]);
        resources(&container.field("resources"), spec, f);
        for policy in container.field("resizePolicy").items() {
            let place = |field: &str| policy.field(field).told_as(container.field("resizePolicy").path);
            f.needs_one_of(&place("resourceName"), &["cpu", "memory"]);
            let way = place("restartPolicy");
            f.needs_one_of(&way, &["NotRequired", "RestartContainer"]);
            if spec.field("restartPolicy").text() == "Never" && way.text() != "NotRequired" {
                f.invalid_as(&way, way.text(), "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
            }
        }
        context(&container.field("securityContext"), spec, f);
        hooks(&container, role, spec.field("terminationGracePeriodSeconds").number(), f);
        restarts(&container, f);
        if role == Role::Init {
            // Ports of containers that run one after the other do not clash.
            taken.clear();
        }
    }
}

/// When a container is started again, and what else may follow from how it ended.
fn restarts(container: &At<'_>, f: &mut Faults) {
    let (policy, rules) = (container.field("restartPolicy"), container.field("restartPolicyRules"));
    f.one_of_if_set(&policy, &["Always", "Never", "OnFailure"]);
    if !policy.is_set() && !rules.is_empty() {
        f.required(&policy, "must specify restartPolicy when restart rules are used");
    }
    f.at_most(&rules, 20);
    for rule in rules.items() {
        f.one_of(&rule.field("action"), &["Restart", "RestartAllContainers"]);
        let codes = rule.field("exitCodes");
        match codes.is_set() {
            true => {
                f.one_of(&codes.field("operator"), &["In", "NotIn"]);
                f.at_most(&codes.field("values"), 255);
            }
            false => f.required(&codes, "must be specified"),
        }
    }
}

fn image(image: &At<'_>, f: &mut Faults) {
    if f.needs(image) && image.text().trim() != image.text() {
        f.invalid(image, "must not have leading or trailing whitespace");
    }
}

fn ports<'a>(list: &At<'a>, on_host: bool, taken: &mut Vec<String>, f: &mut Faults) {
    let mut names: Vec<&'a str> = Vec::new();
    for port in list.items() {
        let (name, inner, outer) = (port.field("name"), port.field("containerPort"), port.field("hostPort"));
        if !name.is_empty() {
            let before = f.len();
            f.follows(&name, port_name);
            if f.len() == before && names.contains(&name.text()) {
                f.duplicate(&name, name.text());
            }
            names.push(name.text());
        }
        match inner.number() {
            0 => f.required(&inner, ""),
            _ => f.port(&inner),
        }
        let protocol = port.field("protocol");
        f.needs_one_of(&protocol, &["SCTP", "TCP", "UDP"]);
        if outer.number() != 0 {
            f.port(&outer);
            if on_host && outer.number() != inner.number() {
                f.invalid(&outer, "must match `containerPort` when `hostNetwork` is true");
            }
            let place = format!("{}/{}/{}", protocol.text(), port.field("hostIP").text(), outer.number());
            if taken.contains(&place) {
                f.duplicate(&outer, &place);
            }
            taken.push(place);
        }
    }
}

const SOURCES: [&str; 5] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];

fn environment(container: &At<'_>, f: &mut Faults) {
    for variable in container.field("env").items() {
        if f.needs(&variable.field("name")) {
            f.follows(&variable.field("name"), texts::variable);
        }
        let source = variable.field("valueFrom");
        if source.is_set() {
            value_source(&source, !variable.field("value").is_empty(), f);
        }
    }
    let all = container.field("envFrom");
    for source in all.items() {
        f.follows_if_set(&source.field("prefix"), texts::variable);
        let given: Vec<At<'_>> = ["configMapRef", "secretRef"].map(|kind| source.field(kind)).into();
        match given.iter().filter(|kind| kind.is_set()).count() {
            0 => f.invalid_as(&all, "", "must specify one of: `configMapRef` or `secretRef`"),
            2 => f.invalid_as(&all, "", "may not have more than one field specified at a time"),
            _ => {}
        }
        for kind in given.iter().filter(|kind| kind.is_set()) {
            if f.needs(&kind.field("name")) {
                f.follows(&kind.field("name"), name::dns1123_subdomain);
            }
        }
    }
}

fn value_source(source: &At<'_>, has_value: bool, f: &mut Faults) {
    let field = source.field("fieldRef");
    if field.is_set() {
        volume::pod_field(&field, volume::Reader::Variable, f);
    }
    let resource = source.field("resourceFieldRef");
    if resource.is_set() {
        volume::resource_field(&resource, f);
    }
    for kind in ["configMapKeyRef", "secretKeyRef"] {
        let reference = source.field(kind);
        if reference.is_set() {
            f.follows(&reference.field("name"), name::dns1123_subdomain);
            if f.needs(&reference.field("key")) {
                f.follows(&reference.field("key"), config_key);
            }
        }
    }
    match SOURCES.iter().filter(|kind| source.field(kind).is_set()).count() {
        0 => f.invalid_as(
            source,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        ),
        _ if has_value => f.invalid_as(source, "", "may not be specified when `value` is not empty"),
        1 => {}
        _ => f.invalid_as(source, "", "may not have more than one field specified at a time"),
    }
}

/// Whether Kubernetes itself knows a resource of containers.
fn is_standard(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory" | "ephemeral-storage") || resource.starts_with("hugepages-")
}

fn is_native(resource: &str) -> bool {
    !resource.contains('/') || resource.split('/').next().is_some_and(|prefix| prefix.ends_with("kubernetes.io"))
}

fn resources(resources: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    let (limits, requests) = (resources.field("limits"), resources.field("requests"));
    let (mut huge, mut plain) = (false, false);
    for (resource, amount) in limits.entries().into_iter().chain(requests.entries()) {
        huge |= resource.starts_with("hugepages-");
        plain |= matches!(resource, "cpu" | "memory");
        resource_name(resource, &amount, f);
        match quantity::nanos(amount.text()) {
            Some(..0) => f.invalid(&amount, "must be greater than or equal to 0"),
            Some(nanos) if !is_standard(resource) && resource.contains('/') && nanos % 1_000_000_000 != 0 => {
                f.invalid(&amount, "must be an integer");
            }
            _ => {}
        }
    }
    for (resource, request) in requests.entries() {
        let limit = limits.field(resource);
        let may_exceed = matches!(resource, "cpu" | "memory" | "ephemeral-storage") || is_native(resource);
        match (quantity::nanos(request.text()), quantity::nanos(limit.text())) {
            (Some(asked), Some(most)) if (!may_exceed || resource.starts_with("hugepages-")) && asked != most => {
                f.invalid_as(
                    &requests,
                    request.text(),
                    format!("must be equal to {resource} limit of {}", limit.text()),
                );
            }
            (Some(asked), Some(most)) if asked > most => {
                let why = format!("must be less than or equal to {resource} limit of {}", limit.text());
                f.invalid_as(&requests, request.text(), why);
            }
            (Some(_), None) if !may_exceed => {
                f.required(&limits, "Limit must be set for non overcommitable resources");
            }
            _ => {}
        }
    }
    if huge && !plain {
        f.forbidden(resources, "HugePages require cpu or memory");
    }
    let claims = spec.field("resourceClaims").items();
    for claim in resources.field("claims").items() {
        let name = claim.field("name").text();
        if !claims.iter().any(|known| known.field("name").text() == name) {
            let known = if claims.is_empty() { " which is empty" } else { "" };
            f.not_found(&claim, name, &format!("must be one of the names in pod.spec.resourceClaims{known}"));
        }
    }
}

/// The name of a resource that a container may ask for.
pub(super) fn resource_name(resource: &str, at: &At<'_>, f: &mut Faults) {
    limits::resource(resource, at, f);
    if !resource.contains('/') && !is_standard(resource) {
        f.invalid_as(at, resource, "must be a standard resource for containers");
    }
}

/// The number of a user or a group.
pub(super) fn account(id: &At<'_>, f: &mut Faults) {
    if id.is_set() {
        f.between(id, 0, i64::from(i32::MAX));
    }
}

pub(super) fn seccomp(profile: &At<'_>, f: &mut Faults) {
    if !profile.is_set() {
        return;
    }
    let (kind, local) = (profile.field("type"), profile.field("localhostProfile"));
    match kind.text() {
        "" => f.required(&kind, "type is required when seccompProfile is set"),
        "Localhost" if !local.is_set() => f.required(&local, "must be set when seccomp type is Localhost"),
        "Localhost" => f.follows(&local, inner_path),
        "RuntimeDefault" | "Unconfined" if local.is_set() => {
            f.invalid(&profile.told_as(local.path), "can only be set when seccomp type is Localhost");
        }
        "RuntimeDefault" | "Unconfined" => {}
        _ => {
            f.one_of(&kind, &["Localhost", "RuntimeDefault", "Unconfined"]);
        }
    }
}

fn context(context: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    account(&context.field("runAsUser"), f);
    account(&context.field("runAsGroup"), f);
    seccomp(&context.field("seccompProfile"), f);
    let mount = context.field("procMount");
    f.one_of_if_set(&mount, &["Default", "Unmasked"]);
    let has_own_users = spec.field("hostUsers").value == &serde_json::Value::Bool(false);
    if mount.text() == "Unmasked" && !has_own_users {
        f.invalid(&mount, "`hostUsers` must be false to use `Unmasked`");
    }
    let may_gain = context.field("allowPrivilegeEscalation");
    if may_gain.value == &serde_json::Value::Bool(false) && context.field("privileged").is_true() {
        f.invalid(context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    }
}

fn hooks(container: &At<'_>, role: Role, grace: i64, f: &mut Faults) {
    // A container that runs beside the main ones may be asked and told as they are.
    let stays = role == Role::Main || container.field("restartPolicy").text() == "Always";
    if !stays {
        for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if container.field(field).is_set() {
                f.forbidden(&container.field(field), "may not be set for init containers without restartPolicy=Always");
            }
        }
        return;
    }
    for moment in ["postStart", "preStop"] {
        let hook = container.field("lifecycle").field(moment);
        if hook.is_set() {
            handler::handler(&hook, grace, f);
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let at = container.field(probe);
        if at.is_set() {
            handler::probe(&at, probe, f);
        }
    }
}
