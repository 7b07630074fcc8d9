//! What the real server warns of in objects of the built-in kinds that it takes as they are: values that do nothing, and
//! those that hide others. The texts are its own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::armour;
use super::overlap::overlaps;
use super::quantity;
use super::validate::At;
use crate::catalog::Resource;
use crate::field::{Path, name};

/// Labels of nodes that have other names now.
const OLD_LABELS: [(&str, &str); 8] = [
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    ("failure-domain.beta.kubernetes.io/zone", "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"),
    ("beta.kubernetes.io/instance-type", "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"),
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    ("scheduler.alpha.kubernetes.io/preferAvoidPods", "deprecated since v1.22; use Taints and Tolerations instead"),
    ("node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"),
];

/// Annotations of pods that do nothing any more.
const OLD_ANNOTATIONS: [(&str, &str); 3] = [
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "non-functional in v1.16+; use the \"priorityClassName\" field instead",
    ),
    ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    ("security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
];

/// Volumes that no kubelet mounts any more.
const OLD_VOLUMES: [(&str, &str); 9] = [
    ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

const MOUNTABLE: &str = "kubernetes.io/enforce-mountable-secrets";
const NO_POD: &str = "a null labelSelector results in matching no pod";

/// What is to be said of an object that is created, or that replaces `old`.
pub(crate) fn warnings(resource: &Resource, object: &Value, old: Option<&Value>) -> Vec<String> {
    let new = At::root(object);
    // A kind that runs pods says again only of a template that was changed what it has said before.
    let counts = |object: &Value| object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    let is_moved = old.is_none_or(|old| old.get("spec") != object.get("spec") || counts(old) != counts(object));
    let mut told = Vec::new();
    let names = "metadata.name: this is used in";
    let surprise = "which can result in surprising behavior; a DNS label is recommended";
    let faults = name::dns1123_label(new.at("metadata.name").text());
    if old.is_none() && !faults.is_empty() {
        let faults = format!("{surprise}: [{}]", faults.join(" "));
        match (resource.group.as_str(), resource.kind.as_str()) {
            ("", "Pod") => told.push(format!("{names} the Pod's hostname, {faults}")),
            ("", "ReplicationController") | ("apps", "Deployment" | "ReplicaSet") | ("batch", "Job" | "CronJob") => {
                told.push(format!("{names} Pod names and hostnames, {faults}"));
            }
            _ => {}
        }
    }
    told.extend(match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => pod(&new),
        ("", "PodTemplate") if old.is_none_or(|old| old.get("template") != object.get("template")) => {
            pod(&new.field("template"))
        }
        // Of a changed controller what is said is about the template that it had.
        ("", "ReplicationController") if is_moved => pod(&old.map_or(new.clone(), At::root).at("spec.template")),
        ("apps", "DaemonSet")
            if old.is_some_and(|old| old.pointer("/spec/template") == object.pointer("/spec/template")) =>
        {
            Vec::new()
        }
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet") if is_moved => {
            pod(&new.at("spec.template"))
        }
        ("batch", "Job") if is_moved => pod(&new.at("spec.template")),
        ("batch", "CronJob") if is_moved => pod(&new.at("spec.jobTemplate.spec.template")),
        ("", "Service") => service(&new),
        ("discovery.k8s.io", "EndpointSlice") if old.is_none() && new.field("addressType").text() == "FQDN" => {
            vec!["spec.addressType: FQDN endpoints are deprecated".to_owned()]
        }
        ("", "Node") if !new.at("spec.externalID").is_empty() => {
            vec!["spec.externalID: this field is deprecated, and is unused by Kubernetes".to_owned()]
        }
        ("", "ServiceAccount") => account(object, old),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            unseen(object)
        }
        ("", "ResourceQuota") if old.is_none() => quota(&new),
        ("storage.k8s.io", "CSIDriver") => driver(&new),
        ("networking.k8s.io", "Ingress") if old.is_none() => ingress(&new),
        ("", "PersistentVolumeClaim") => claim(&new),
        ("", "PersistentVolume") => volume(&new),
        _ => Vec::new(),
    });
    if resource.kind == "StatefulSet" && new.at("spec.revisionHistoryLimit").number() < 0 {
        told.push(
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
                .to_owned(),
        );
    }
    told
}

/// Annotations of volumes and claims that have become fields.
fn old_annotations(object: &At<'_>, told: &mut Vec<String>) {
    let annotations = object.at("metadata.annotations");
    let class = annotations.entry("volume.beta.kubernetes.io/storage-class");
    if class.is_set() {
        told.push(format!("{}: deprecated since v1.8; use \"storageClassName\" attribute instead", class.path));
    }
}

fn claim(claim: &At<'_>) -> Vec<String> {
    let mut told = Vec::new();
    old_annotations(claim, &mut told);
    for kind in ["requests", "limits"] {
        fraction(&claim.at("spec.resources").field(kind).entry("storage"), &mut told);
    }
    told
}

fn volume(volume: &At<'_>) -> Vec<String> {
    let mut told = Vec::new();
    old_annotations(volume, &mut told);
    let options = volume.at("metadata.annotations").entry("volume.beta.kubernetes.io/mount-options");
    if options.is_set() {
        told.push(format!("{}: deprecated since v1.31; use \"mountOptions\" attribute instead", options.path));
    }
    if volume.at("spec.persistentVolumeReclaimPolicy").text() == "Recycle" {
        let why = "The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic \
                   provisioning.";
        told.push(format!("spec.persistentVolumeReclaimPolicy: {why}"));
    }
    told
}

fn pod(pod: &At<'_>) -> Vec<String> {
    let mut told = Vec::new();
    let spec = pod.field("spec");
    labels(&spec, &mut told);
    for (name, why) in OLD_ANNOTATIONS {
        let annotation = pod.at("metadata.annotations").entry(name);
        if annotation.is_set() {
            told.push(format!("{}: {why}", annotation.path));
        }
    }
    for volume in spec.field("volumes").items() {
        for (name, why) in OLD_VOLUMES {
            if volume.field(name).is_set() {
                let name = if name == "storageos" { "storageOS" } else { name };
                told.push(format!("{}: {why}", volume.path.child(name)));
            }
        }
    }
    overlaps(&spec.field("volumes"), &mut told);
    repeated(&spec.field("hostAliases"), "ip", &mut told);
    repeated(&spec.field("imagePullSecrets"), "name", &mut told);
    for secret in spec.field("imagePullSecrets").items() {
        let name = secret.field("name");
        if name.text().is_empty() {
            told.push(format!("{}: invalid empty name \"\"", name.path));
        }
    }
    old_seccomp(pod, &spec, "seccomp.security.alpha.kubernetes.io/pod", &mut told);
    let containers: Vec<At<'_>> = ["initContainers", "containers", "ephemeralContainers"]
        .iter()
        .flat_map(|list| spec.field(list).items())
        .collect();
    for name in ["memory", "ephemeral-storage"] {
        fraction(&spec.field("overhead").entry(name), &mut told);
    }
    for container in &containers {
        let name = container.field("name").text();
        old_seccomp(pod, container, &format!("container.seccomp.security.alpha.kubernetes.io/{name}"), &mut told);
        old_armour(pod, container, &mut told);
        amounts(container, &mut told);
        hidden(container, &mut told);
    }
    ports(&containers, &mut told);
    let grace = spec.field("terminationGracePeriodSeconds");
    if grace.number() < 0 {
        told.push(format!("{}: must be >= 0; negative values are invalid and will be treated as 1", grace.path));
    }
    neighbours(&spec.field("affinity"), &mut told);
    told
}

/// A profile that only an annotation names, where there is a field for it.
fn old_seccomp(pod: &At<'_>, of: &At<'_>, key: &str, told: &mut Vec<String>) {
    let annotation = pod.at("metadata.annotations").entry(key);
    if annotation.is_set() && !of.at("securityContext.seccompProfile").is_set() {
        let why = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
        told.push(format!("{}: {why}", annotation.path));
    }
}

/// The same of AppArmor's, in templates: a pod's own have become fields before.
fn old_armour(pod: &At<'_>, container: &At<'_>, told: &mut Vec<String>) {
    let key = format!("{}{}", armour::PREFIX, container.field("name").text());
    let annotation = pod.at("metadata.annotations").entry(&key);
    let is_template = pod.path != Path::root();
    if !is_template || !annotation.is_set() || container.at("securityContext.appArmorProfile").is_set() {
        return;
    }
    let of_pod = pod.at("spec.securityContext.appArmorProfile");
    if !of_pod.is_set() || armour::profile(annotation.text()).as_ref() != Some(of_pod.value) {
        told.push(format!("{}: {}", annotation.path, armour::DEPRECATED));
    }
}

/// Where a pod asks for the company of pods and names none.
fn neighbours(affinity: &At<'_>, told: &mut Vec<String>) {
    for side in ["podAffinity", "podAntiAffinity"] {
        let side = affinity.field(side);
        let required = side.field("requiredDuringSchedulingIgnoredDuringExecution").items();
        let preferred = side.field("preferredDuringSchedulingIgnoredDuringExecution").items();
        for term in required.into_iter().chain(preferred.iter().map(|one| one.field("podAffinityTerm"))) {
            let selector = term.field("labelSelector");
            if !selector.is_set() {
                told.push(format!("{}: {NO_POD}", selector.path));
            }
        }
    }
}

/// Where a pod asks for nodes by labels, and for pods by none.
fn labels(spec: &At<'_>, told: &mut Vec<String>) {
    let old = |label: &str| OLD_LABELS.iter().find(|(known, _)| *known == label).map(|(_, why)| *why);
    for (label, entry) in spec.field("nodeSelector").entries() {
        told.extend(old(label).map(|why| format!("{}: {why}", entry.path)));
    }
    let affinity = spec.at("affinity.nodeAffinity");
    let required = affinity.at("requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms").items();
    let preferred = affinity.field("preferredDuringSchedulingIgnoredDuringExecution").items();
    for term in required.into_iter().chain(preferred.iter().map(|one| one.field("preference"))) {
        let is_preferred = term.path.to_string().ends_with(".preference");
        for rule in term.field("matchExpressions").items() {
            let key = rule.field("key");
            told.extend(old(key.text()).map(|why| format!("{}: {} is {why}", key.path, key.text())));
            // Where it is required, it is refused.
            for value in rule.field("values").items().iter().filter(|_| is_preferred) {
                let wrong = name::label_value(value.text()).into_iter();
                told.extend(wrong.map(|wrong| format!("{}: {} is invalid, {wrong}", value.path, value.text())));
            }
        }
    }
    for spread in spec.field("topologySpreadConstraints").items() {
        let (key, selector) = (spread.field("topologyKey"), spread.field("labelSelector"));
        told.extend(old(key.text()).map(|why| format!("{}: {} is {why}", key.path, key.text())));
        if !selector.is_set() {
            told.push(format!("{}: {NO_POD}", selector.path));
        }
    }
}

/// Items with a value that another one before them has.
fn repeated(list: &At<'_>, member: &str, told: &mut Vec<String>) {
    let mut seen: Vec<&str> = Vec::new();
    for item in list.items() {
        let value = item.field(member);
        match seen.contains(&value.text()) {
            true => told.push(format!("{}: duplicate {member} {:?}", value.path, value.text())),
            false => seen.push(value.text()),
        }
    }
}

/// A fraction of a byte.
fn fraction(amount: &At<'_>, told: &mut Vec<String>) {
    if ["m", "u", "n"].iter().any(|small| amount.text().ends_with(small)) {
        let why = format!("fractional byte value {:?} is invalid, must be an integer", amount.text());
        told.push(format!("{}: {why}", amount.path));
    }
}

fn amounts(container: &At<'_>, told: &mut Vec<String>) {
    for name in ["memory", "ephemeral-storage"] {
        for kind in ["limits", "requests"] {
            fraction(&container.field("resources").field(kind).entry(name), told);
        }
    }
}

/// Variables that replace one of the same name and do not build on it.
fn hidden(container: &At<'_>, told: &mut Vec<String>) {
    let mut seen: Vec<&str> = Vec::new();
    for variable in container.field("env").items() {
        let name = variable.field("name").text();
        if !seen.contains(&name) {
            seen.push(name);
            continue;
        }
        let reference = format!("$({name})");
        let value = variable.field("value").text();
        if variable.field("valueFrom").is_set() || value == reference || !value.contains(&reference) {
            let why = format!("hides previous definition of {name:?}, which may be dropped when using apply");
            told.push(format!("{}: {why}", variable.path));
        }
    }
}

/// Ports that several containers, or one of them twice, have.
fn ports(containers: &[At<'_>], told: &mut Vec<String>) {
    let mut known: BTreeMap<(i64, &str), Vec<At<'_>>> = BTreeMap::new();
    for port in containers.iter().flat_map(|container| container.field("ports").items()) {
        let (ip, host) = (port.field("hostIP"), port.field("hostPort"));
        if !ip.is_empty() && host.number() == 0 {
            let go = ["Name", "HostPort", "ContainerPort", "Protocol", "HostIP"].map(|name| {
                let field = port.field(&(name[..1].to_lowercase() + &name[1..]));
                match name.ends_with("Port") {
                    true => format!("{name}:{}", field.number()),
                    false => format!("{name}:{}", field.text()),
                }
            });
            told.push(format!("{}: hostIP set without hostPort: {{{}}}", port.path, go.join(" ")));
        }
        let others = known.entry((port.field("containerPort").number(), port.field("protocol").text())).or_default();
        for other in others.iter() {
            let of_host = |port: &At<'_>| (port.field("hostIP").text().to_owned(), port.field("hostPort").number());
            let ((ip, host), (other_ip, other_host)) = (of_host(&port), of_host(other));
            let how = if (&ip, host) == (&other_ip, other_host) {
                "duplicate"
            } else if host == 0 || other_host == 0 {
                "overlapping"
            } else if host == other_host && ip.is_empty() != other_ip.is_empty() {
                "dangerously ambiguous"
            } else {
                continue;
            };
            told.push(format!("{}: {how} port definition with {}", port.path, other.path));
        }
        others.push(port);
    }
    let mut named: BTreeMap<&str, At<'_>> = BTreeMap::new();
    for port in containers.iter().flat_map(|container| container.field("ports").items()) {
        let name = port.field("name").text();
        match named.get(name) {
            _ if name.is_empty() => {}
            Some(other) => {
                let (port, other) = (&port.path, &other.path);
                told.push(format!(
                    "{port}: duplicate port name {name:?} with {other}, services and probes that select ports by name \
                     will use {other}"
                ));
            }
            None => drop(named.insert(name, port)),
        }
    }
}

fn service(service: &At<'_>) -> Vec<String> {
    let mut told = Vec::new();
    let spec = service.field("spec");
    let (kind, outer) = (spec.field("type").text(), !spec.field("externalIPs").is_empty());
    let is_headless = kind == "ClusterIP" && spec.field("clusterIP").text() == "None";
    if service.at("metadata.annotations").field("service.kubernetes.io/topology-aware-hints").is_set() {
        told.push(
            "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use \
             service.kubernetes.io/topology-mode instead"
                .to_owned(),
        );
    }
    let mut tell = |holds: bool, why: &str| told.extend(holds.then(|| why.to_owned()));
    if is_headless {
        tell(!spec.field("loadBalancerIP").is_empty(), "spec.loadBalancerIP is ignored for headless services");
        tell(outer, "spec.externalIPs is ignored for headless services");
        let sticks = spec.field("sessionAffinity").text() != "None";
        tell(sticks, "spec.SessionAffinity is ignored for headless services");
    }
    let is_name = kind == "ExternalName";
    let deprecated = "spec.externalIPs is deprecated and may no longer be implemented in some clusters";
    tell(outer && !is_headless && !is_name, deprecated);
    tell(is_name && outer, "spec.externalIPs is ignored when spec.type is \"ExternalName\"");
    let named = !spec.field("externalName").is_empty();
    tell(!is_name && named, "spec.externalName is ignored when spec.type is not \"ExternalName\"");
    let close = spec.field("trafficDistribution").text() == "PreferClose";
    tell(close, "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"");
    told
}

/// Rules of webhooks for what no webhook is asked about.
fn unseen(configuration: &Value) -> Vec<String> {
    let list = |of: &Value, member: &str| of.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut told = Vec::new();
    for (hook, webhook) in list(configuration, "webhooks").iter().enumerate() {
        for (at, rule) in list(webhook, "rules").iter().enumerate() {
            let (groups, resources) = (list(rule, "apiGroups"), list(rule, "resources"));
            if groups.iter().chain(&resources).any(|one| one == "*") {
                continue;
            }
            let named = groups.iter().flat_map(|group| resources.iter().map(move |resource| (group, resource)));
            let mut seen = Vec::new();
            for (group, resource) in named.filter_map(|(group, resource)| Some((group.as_str()?, resource.as_str()?))) {
                if is_unseen(group, resource) && !seen.contains(&(group, resource)) {
                    seen.push((group, resource));
                    told.push(format!(
                        "webhooks[{hook}].rules[{at}]: {resource}.{group} is excluded from admission webhooks; this \
                         rule will have no effect"
                    ));
                }
            }
        }
    }
    told
}

/// Whether this only answers who somebody is, or what somebody may do.
fn is_unseen(group: &str, resource: &str) -> bool {
    match group {
        "authentication.k8s.io" => matches!(resource, "selfsubjectreviews" | "tokenreviews"),
        "authorization.k8s.io" => matches!(
            resource,
            "localsubjectaccessreviews"
                | "selfsubjectaccessreviews"
                | "selfsubjectrulesreviews"
                | "subjectaccessreviews"
        ),
        _ => false,
    }
}

/// An annotation that somebody begins to use.
fn account(new: &Value, old: Option<&Value>) -> Vec<String> {
    let has = |object: &Value| object.pointer("/metadata/annotations").is_some_and(|all| all.get(MOUNTABLE).is_some());
    let why = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets";
    let is_new = has(new) && !old.is_some_and(has);
    is_new.then(|| format!("metadata.annotations[{MOUNTABLE}]: {why}")).into_iter().collect()
}

/// Where more may be asked for than there may be.
fn quota(quota: &At<'_>) -> Vec<String> {
    let hard = quota.at("spec.hard");
    let amount = |name: &str| Some(hard.entry(name)).filter(At::is_set);
    let mut told = Vec::new();
    for resource in ["cpu", "memory", "storage", "ephemeral-storage"] {
        let (asked, most) = (format!("requests.{resource}"), format!("limits.{resource}"));
        let bare = amount(resource).filter(|_| matches!(resource, "cpu" | "memory"));
        let (name, request) = match amount(&asked) {
            Some(request) => (asked.as_str(), Some(request)),
            None => (resource, bare),
        };
        if let (Some(request), Some(limit)) = (request, amount(&most))
            && quantity::nanos(request.text()) > quantity::nanos(limit.text())
        {
            let (request, limit) = (request.text(), limit.text());
            told.push(format!("ResourceQuota {name} ({request}) should be less than {most} ({limit})"));
        }
    }
    told
}

fn driver(driver: &At<'_>) -> Vec<String> {
    let spec = driver.field("spec");
    if spec.field("tokenRequests").is_empty() || spec.field("serviceAccountTokenInSecrets").is_set() {
        return Vec::new();
    }
    let why = "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent \
               possible logging of tokens in volume attributes";
    vec![why.to_owned()]
}

fn ingress(ingress: &At<'_>) -> Vec<String> {
    const CLASS: &str = "kubernetes.io/ingress.class";
    let is_set = ingress.at("metadata.annotations").field(CLASS).is_set();
    let why = format!("annotation \"{CLASS}\" is deprecated, please use 'spec.ingressClassName' instead");
    is_set.then_some(why).into_iter().collect()
}
