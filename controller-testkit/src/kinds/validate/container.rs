//! Containers: the main ones, those that run before them, and those that are added later.

use super::at::{At, Faults};
use super::projection::{self, Reader};
use super::texts::{self, config_key, no_back_steps, port_name};
use super::volume::{self, Volumes};
use super::{handler, resources, security};
use crate::field::name;

/// The containers that a Pod is for.
pub(super) fn main(spec: &At<'_>, volumes: &Volumes<'_>, f: &mut Faults) {
    let all = spec.field("containers");
    if !f.needs(&all) {
        return;
    }
    let mut names: Vec<&str> = Vec::new();
    for container in all.items() {
        common(&container, spec, volumes, f);
        only(&container.field("name"), &mut names, f);
        hooks(&container, spec, f);
        restarts(&container, f);
    }
    let mut taken = Vec::new();
    all.items().iter().for_each(|container| host_ports(&container.field("ports"), &mut taken, f));
}

/// Those that run before them, one after the other, or beside all that come after.
pub(super) fn init(spec: &At<'_>, volumes: &Volumes<'_>, f: &mut Faults) {
    let all = spec.field("initContainers");
    let main = spec.field("containers").items();
    let mut names: Vec<&str> = main.iter().map(|main| main.field("name").text()).collect();
    for container in all.items() {
        common(&container, spec, volumes, f);
        let (policy, rules) = (container.field("restartPolicy"), container.field("restartPolicyRules"));
        match policy.is_set() {
            true => restarts(&container, f),
            false if !rules.is_empty() => f.required(&policy, RULES),
            false => {}
        }
        if !container.field("name").is_empty() {
            only(&container.field("name"), &mut names, f);
        }
        // They clash with none but their own, and are told as of the first.
        let ports = container.field("ports");
        host_ports(&ports.told_as(all.path.index(0).child("ports")), &mut Vec::new(), f);
        // One that runs beside the main ones may be asked and told as they are.
        if container.field("restartPolicy").text() == "Always" {
            hooks(&container, spec, f);
            continue;
        }
        for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if container.field(field).is_set() {
                f.forbidden(&container.field(field), "may not be set for init containers without restartPolicy=Always");
            }
        }
        for policy in container.field("resizePolicy").items() {
            let way = policy.field("restartPolicy");
            if way.text() == "RestartContainer" {
                f.invalid(&way, "must not be set to 'RestartContainer' for non-sidecar initContainers");
            }
        }
    }
}

/// What an ephemeral container may not have.
const STRANGE: [&str; 9] = [
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
];

/// Those that somebody adds to a Pod that runs.
pub(super) fn ephemeral(spec: &At<'_>, volumes: &Volumes<'_>, f: &mut Faults) {
    const WHY: &str = "cannot be set for an Ephemeral Container";
    let others = || ["containers", "initContainers"].into_iter().flat_map(|list| spec.field(list).items());
    let mut names: Vec<&str> = others().map(|other| other.field("name").text()).collect();
    let targets = names.clone();
    for container in spec.field("ephemeralContainers").items() {
        common(&container, spec, volumes, f);
        bare_image(&container, f);
        only(&container.field("name"), &mut names, f);
        let target = container.field("targetContainerName");
        if !target.is_empty() && !targets.contains(&target.text()) {
            f.not_found(&target, target.text(), "");
        }
        for field in STRANGE.map(|name| container.field(name)).iter().filter(|field| !field.is_empty()) {
            f.forbidden(field, WHY);
        }
        for mount in container.field("volumeMounts").items() {
            for path in ["subPath", "subPathExpr"].map(|name| mount.field(name)) {
                if !path.is_empty() {
                    f.forbidden(&path, WHY);
                }
            }
        }
    }
}

/// What all containers have.
fn common(container: &At<'_>, spec: &At<'_>, volumes: &Volumes<'_>, f: &mut Faults) {
    let own = container.field("name");
    if f.needs(&own) {
        f.follows(&own, name::dns1123_label);
    }
    f.needs(&container.field("image"));
    f.needs_one_of(&container.field("terminationMessagePolicy"), &["File", "FallbackToLogsOnError"]);
    ports(&container.field("ports"), f);
    environment(container, f);
    volume::mounts(container, volumes, f);
    f.needs_one_of(&container.field("imagePullPolicy"), &["Always", "IfNotPresent", "Never"]);
    resources::of_container(&container.field("resources"), spec, f);
    resizes(&container.field("resizePolicy"), spec, f);
    security::of_container(&container.field("securityContext"), spec, f);
}

/// A name that no other container has.
fn only<'a>(name: &At<'a>, names: &mut Vec<&'a str>, f: &mut Faults) {
    match names.contains(&name.text()) {
        true => f.duplicate(name, name.text()),
        false => names.push(name.text()),
    }
}

/// What becomes of a container when it gets more of something, or less.
fn resizes(policies: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    let mut seen: Vec<&str> = Vec::new();
    for policy in policies.items() {
        let place = |field: &str| policy.field(field).told_as(policies.path.clone());
        let (resource, way) = (place("resourceName"), place("restartPolicy"));
        if seen.contains(&resource.text()) {
            f.duplicate(&policy, resource.text());
        }
        seen.push(resource.text());
        f.needs_one_of(&resource, &["cpu", "memory"]);
        f.needs_one_of(&way, &["NotRequired", "RestartContainer"]);
        if spec.field("restartPolicy").text() == "Never" && way.text() != "NotRequired" {
            f.invalid_as(&way, way.text(), "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
        }
    }
}

/// An image without space around it, which a template may have and a Pod may not.
pub(super) fn bare_image(container: &At<'_>, f: &mut Faults) {
    let image = container.field("image");
    if image.text().trim() != image.text() {
        f.invalid(&image, "must not have leading or trailing whitespace");
    }
}

const RULES: &str = "must specify restartPolicy when restart rules are used";

/// When a container is started again, and what else may follow from how it ended.
fn restarts(container: &At<'_>, f: &mut Faults) {
    let (policy, rules) = (container.field("restartPolicy"), container.field("restartPolicyRules"));
    f.one_of_if_set(&policy, &["Always", "Never", "OnFailure"]);
    if !policy.is_set() && !rules.is_empty() {
        f.required(&policy, RULES);
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

fn ports<'a>(list: &At<'a>, f: &mut Faults) {
    let mut names: Vec<&'a str> = Vec::new();
    for port in list.items() {
        let (name, inner, outer) = (port.field("name"), port.field("containerPort"), port.field("hostPort"));
        if !name.is_empty() {
            let before = f.len();
            f.follows(&name, port_name);
            if f.len() == before {
                only(&name, &mut names, f);
            }
        }
        match inner.number() {
            0 => f.required(&inner, ""),
            _ => f.port(&inner),
        }
        if outer.number() != 0 {
            f.port(&outer);
        }
        f.needs_one_of(&port.field("protocol"), &["SCTP", "TCP", "UDP"]);
    }
}

/// Ports of the node, which one container has.
fn host_ports(list: &At<'_>, taken: &mut Vec<String>, f: &mut Faults) {
    for port in list.items() {
        let (protocol, ip, outer) = (port.field("protocol"), port.field("hostIP"), port.field("hostPort"));
        if outer.number() == 0 {
            continue;
        }
        let place = format!("{}/{}/{}", protocol.text(), ip.text(), outer.number());
        match taken.contains(&place) {
            true => f.duplicate(&outer, &place),
            false => taken.push(place),
        }
    }
}

/// In the node's network a container's ports are the node's; a template need not say so.
pub(super) fn ports_of_node(spec: &At<'_>, must_say: bool, f: &mut Faults) {
    if !spec.field("hostNetwork").is_true() {
        return;
    }
    for port in spec.field("containers").items().iter().flat_map(|container| container.field("ports").items()) {
        let (inner, outer) = (port.field("containerPort"), port.field("hostPort"));
        if outer.number() != inner.number() && (must_say || outer.number() != 0) {
            f.invalid_as(&outer, &outer.number(), "must match `containerPort` when `hostNetwork` is true");
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
        for kind in given.iter().filter(|kind| kind.is_set()) {
            if f.needs(&kind.field("name")) {
                f.follows(&kind.field("name"), name::dns1123_subdomain);
            }
        }
        match given.iter().filter(|kind| kind.is_set()).count() {
            0 => f.invalid_as(&all, "", "must specify one of: `configMapRef` or `secretRef`"),
            2 => f.invalid_as(&all, "", "may not have more than one field specified at a time"),
            _ => {}
        }
    }
}

fn value_source(source: &At<'_>, has_value: bool, f: &mut Faults) {
    let field = source.field("fieldRef");
    if field.is_set() {
        projection::pod_field(&field, Reader::Variable, f);
    }
    let resource = source.field("resourceFieldRef");
    if resource.is_set() {
        projection::resource_field(&resource, Reader::Variable, f);
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
    let file = source.field("fileKeyRef");
    if file.is_set() {
        let (key, volume, path) = (file.field("key"), file.field("volumeName"), file.field("path"));
        for (field, grammar) in [(&key, texts::variable as fn(&str) -> Vec<String>), (&volume, name::dns1123_label)] {
            if f.needs(field) {
                f.follows(field, grammar);
            }
        }
        if f.needs(&path) {
            f.follows(&path, no_back_steps);
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

/// Files that variables are read from are in volumes that start empty.
pub(super) fn files_of_variables(spec: &At<'_>, f: &mut Faults) {
    let volumes = spec.field("volumes").items();
    for variable in security::containers(spec).flat_map(|container| container.field("env").items()) {
        let file = variable.at("valueFrom.fileKeyRef");
        if !file.is_set() {
            continue;
        }
        let name = file.field("volumeName");
        match volumes.iter().rfind(|volume| volume.field("name").text() == name.text()) {
            None => f.not_found(&name, name.text(), ""),
            Some(volume) if !volume.field("emptyDir").is_set() => {
                f.invalid_as(&name, name.text(), "referenced volume must be of type emptyDir");
            }
            Some(_) => {}
        }
    }
}

fn hooks(container: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    let grace = spec.field("terminationGracePeriodSeconds").number();
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
