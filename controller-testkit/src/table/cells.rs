//! The cells that need more than a look at one field. The room is long because it is one list of small, unrelated
//! answers, each found by its name.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{age, pods};

/// The computed cell of that name.
pub(super) fn compute(name: &str, object: &Value, all: &[&Value], now: Timestamp) -> Value {
    let text: String = match name {
        "pod-ready" => pods::ready(object),
        "pod-status" => pods::status(object),
        "pod-restarts" => pods::restarts(object, now),
        "pod-ip" => or(string(object, "/status/podIPs/0/ip"), "<none>"),
        "pod-gates" => pods::gates(object),
        "ready-replicas" => {
            format!("{}/{}", integer(object, "/status/readyReplicas"), integer(object, "/spec/replicas"))
        }
        "containers" => containers(object, "/spec/template/spec", "/name"),
        "images" => containers(object, "/spec/template/spec", "/image"),
        "template-containers" => containers(object, "/template/spec", "/name"),
        "template-images" => containers(object, "/template/spec", "/image"),
        "template-labels" => labels(object.pointer("/template/metadata/labels")),
        "cron-containers" => containers(object, "/spec/jobTemplate/spec/template/spec", "/name"),
        "cron-images" => containers(object, "/spec/jobTemplate/spec/template/spec", "/image"),
        "cron-selector" => selector(object.pointer("/spec/jobTemplate/spec/selector")),
        "cron-suspend" => match object.pointer("/spec/suspend") {
            Some(Value::Bool(true)) => "True".into(),
            Some(Value::Bool(false)) => "False".into(),
            _ => "<unset>".into(),
        },
        "selector" => selector(object.pointer("/spec/selector")),
        "map-selector" => labels(object.pointer("/spec/selector")),
        "pod-selector" => selector(object.pointer("/spec/podSelector").or(Some(&Value::Null))),
        "node-selector" => labels(object.pointer("/spec/template/spec/nodeSelector")),
        "job-status" => job_status(object).into(),
        "job-completions" => job_completions(object),
        "job-duration" => job_duration(object, now),
        "phase" if is_deleted(object) => "Terminating".into(),
        "phase" => string(object, "/status/phase").into(),
        "service-ip" => or(string(object, "/spec/clusterIPs/0"), "<none>"),
        "service-external-ip" => service_external_ip(object),
        "service-ports" => or(&service_ports(object), "<none>"),
        "load-balancer" => load_balancer(object),
        "ingress-class-name" => {
            let default = object.pointer("/metadata/annotations/ingressclass.kubernetes.io~1is-default-class");
            named_default(object, default == Some(&json!("true")))
        }
        "ingress-class-parameters" => ingress_class_parameters(object),
        "ingress-hosts" => ingress_hosts(object),
        "ingress-ports" if items(object, "/spec/tls").is_empty() => "80".into(),
        "ingress-ports" => "80, 443".into(),
        "cidrs" => joined(object, "/spec/cidrs", ","),
        "address-parent" => address_parent(object),
        "endpoints" => endpoints(object),
        "slice-ports" => slice_ports(object),
        "slice-endpoints" => slice_endpoints(object),
        "data-count" => return (count(object, "/data") + count(object, "/binaryData")).into(),
        "node-status" => node_status(object),
        "node-roles" => or(&node_roles(object), "<none>"),
        "node-internal-ip" => node_address(object, "InternalIP"),
        "node-external-ip" => node_address(object, "ExternalIP"),
        "node-kernel" => {
            let kernel = or(string(object, "/status/nodeInfo/kernelVersion"), "<unknown>");
            match string(object, "/status/nodeInfo/architecture") {
                "" => kernel,
                architecture => format!("{kernel} ({architecture})"),
            }
        }
        "claim-capacity" if string(object, "/spec/volumeName").is_empty() => String::new(),
        "claim-capacity" => or(string(object, "/status/capacity/storage"), "0"),
        "claim-modes" if string(object, "/spec/volumeName").is_empty() => String::new(),
        "claim-modes" => access_modes(items(object, "/status/accessModes")),
        "volume-modes" => access_modes(items(object, "/spec/accessModes")),
        "volume-claim" if object.pointer("/spec/claimRef").is_some_and(Value::is_object) => {
            format!("{}/{}", string(object, "/spec/claimRef/namespace"), string(object, "/spec/claimRef/name"))
        }
        "volume-claim" => String::new(),
        "storage-class" => match string(object, "/metadata/annotations/volume.beta.kubernetes.io~1storage-class") {
            "" => string(object, "/spec/storageClassName").into(),
            class => class.into(),
        },
        "storage-class-name" => named_default(object, is_default_class(object, all)),
        "event-last" => event_last(object, now),
        "event-first" => event_first(object, now),
        "event-object" => {
            let about = if object.get("regarding").is_some() { "/regarding" } else { "/involvedObject" };
            let kind = string(object, &format!("{about}/kind")).to_lowercase();
            match string(object, &format!("{about}/name")) {
                "" => kind,
                name => format!("{kind}/{name}"),
            }
        }
        "event-source" => event_source(object),
        "event-message" => [string(object, "/message"), string(object, "/note")].concat().trim().to_owned(),
        "event-count" => return event_count(object).into(),
        "scale-target" => {
            format!("{}/{}", string(object, "/spec/scaleTargetRef/kind"), string(object, "/spec/scaleTargetRef/name"))
        }
        "scale-metrics" => scale_metrics(object),
        "role" => format!("{}/{}", string(object, "/roleRef/kind"), string(object, "/roleRef/name")),
        "subject-users" => subjects(object, "User"),
        "subject-groups" => subjects(object, "Group"),
        "subject-accounts" => subjects(object, "ServiceAccount"),
        "quota-requests" => quota(object, false),
        "quota-limits" => quota(object, true),
        "controller" => controller(object),
        "csr-duration" => match object.pointer("/spec/expirationSeconds").and_then(Value::as_i64) {
            Some(seconds) => age::human(seconds),
            None => "<none>".into(),
        },
        "csr-condition" => csr_condition(object),
        "driver-tokens" if object.pointer("/spec/tokenRequests").is_none_or(Value::is_null) => "<unset>".into(),
        "driver-tokens" => {
            let audiences: Vec<&str> =
                items(object, "/spec/tokenRequests").iter().map(|request| string(request, "/audience")).collect();
            audiences.join(",")
        }
        "driver-modes" => or(&joined(object, "/spec/volumeLifecycleModes", ","), "<none>"),
        "param-kind" => match object.pointer("/spec/paramKind").filter(|kind| kind.is_object()) {
            Some(kind) => format!("{}/{}", string(kind, "/apiVersion"), string(kind, "/kind")),
            None => "<unset>".into(),
        },
        "param-ref" => param_ref(object),
        "crd-versions" => crd_versions(object),
        "crd-short-names" => joined(object, "/spec/names/shortNames", ","),
        "crd-established" => return (condition(object, "Established") == Some("True")).into(),
        "apiservice-service" => match object.pointer("/spec/service").filter(|service| service.is_object()) {
            Some(service) => format!("{}/{}", string(service, "/namespace"), string(service, "/name")),
            None => "Local".into(),
        },
        "apiservice-available" => apiservice_available(object),
        "claim-state" => claim_state(object),
        "flow-dangling" => condition(object, "Dangling").unwrap_or("?").into(),
        "health" => match condition(object, "Healthy") {
            Some("True") => "Healthy".into(),
            Some("False") => "Unhealthy".into(),
            _ => "Unknown".into(),
        },
        "health-message" => health(object, "/message"),
        "health-error" => health(object, "/error"),
        "migration-resource" => match string(object, "/spec/resource/group") {
            "" => string(object, "/spec/resource/resource").into(),
            group => format!("{}.{group}", string(object, "/spec/resource/resource")),
        },
        "migration-status" => ["Failed", "Succeeded", "Running"]
            .into_iter()
            .find(|word| condition(object, word) == Some("True"))
            .unwrap_or("Unknown")
            .into(),
        _ => String::new(),
    };
    text.into()
}

/// The text at a JSON pointer, or the empty one.
pub(super) fn string<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at a JSON pointer, or 0.
pub(super) fn integer(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// The list at a JSON pointer, or the empty one.
pub(super) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The status of a condition: `True`, `False` or `Unknown`.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    let conditions = items(object, "/status/conditions").iter().chain(items(object, "/conditions"));
    conditions.into_iter().find(|condition| string(condition, "/type") == kind).map(|found| string(found, "/status"))
}

fn or(text: &str, absent: &str) -> String {
    if text.is_empty() { absent } else { text }.to_owned()
}

fn count(object: &Value, pointer: &str) -> usize {
    object.pointer(pointer).and_then(Value::as_object).map_or(0, serde_json::Map::len)
}

fn joined(object: &Value, pointer: &str, separator: &str) -> String {
    let words: Vec<&str> = items(object, pointer).iter().filter_map(Value::as_str).collect();
    words.join(separator)
}

fn is_deleted(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string)
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn containers(object: &Value, spec: &str, field: &str) -> String {
    let words: Vec<&str> =
        items(object, &format!("{spec}/containers")).iter().map(|container| string(container, field)).collect();
    words.join(",")
}

/// `a=1,b=2`, or `<none>`.
fn labels(map: Option<&Value>) -> String {
    let pairs: Vec<String> = map
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    or(&pairs.join(","), "<none>")
}

/// A label selector in its short grammar: `app=web,tier in (a,b),!old`.
fn selector(selector: Option<&Value>) -> String {
    let Some(selector) = selector else { return "<none>".to_owned() };
    let equal = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let mut parts: Vec<(&str, String)> =
        equal.map(|(key, value)| (key.as_str(), format!("{key}={}", value.as_str().unwrap_or_default()))).collect();
    for expression in items(selector, "/matchExpressions") {
        let key = string(expression, "/key");
        let mut values: Vec<&str> = items(expression, "/values").iter().filter_map(Value::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        let part = match string(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return "<error>".to_owned(),
        };
        parts.push((key, part));
    }
    parts.sort_by_key(|(key, _)| *key);
    let words: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
    or(&words.join(","), "<none>")
}

fn job_status(job: &Value) -> &'static str {
    let is = |kind: &str| condition(job, kind) == Some("True");
    match () {
        () if is("Complete") => "Complete",
        () if is("Failed") => "Failed",
        () if is_deleted(job) => "Terminating",
        () if is("Suspended") => "Suspended",
        () if is("FailureTarget") => "FailureTarget",
        () if is("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn job_completions(job: &Value) -> String {
    let succeeded = integer(job, "/status/succeeded");
    match job.pointer("/spec/completions").and_then(Value::as_i64) {
        Some(completions) => format!("{succeeded}/{completions}"),
        None => match integer(job, "/spec/parallelism") {
            parallelism if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
            _ => format!("{succeeded}/1"),
        },
    }
}

fn job_duration(job: &Value, now: Timestamp) -> String {
    let start = string(job, "/status/startTime");
    if start.is_empty() {
        return String::new();
    }
    let end = string(job, "/status/completionTime").parse().unwrap_or(now);
    age::since(Some(start), end, "")
}

fn service_external_ip(service: &Value) -> String {
    let external = joined(service, "/spec/externalIPs", ",");
    match string(service, "/spec/type") {
        "ClusterIP" | "NodePort" => or(&external, "<none>"),
        "LoadBalancer" => {
            let balancer = load_balancer(service);
            let words: Vec<&str> =
                [balancer.as_str(), external.as_str()].into_iter().filter(|word| !word.is_empty()).collect();
            or(&words.join(","), "<pending>")
        }
        "ExternalName" => string(service, "/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

fn load_balancer(object: &Value) -> String {
    let addresses: BTreeSet<&str> = items(object, "/status/loadBalancer/ingress")
        .iter()
        .map(|ingress| match string(ingress, "/ip") {
            "" => string(ingress, "/hostname"),
            ip => ip,
        })
        .filter(|address| !address.is_empty())
        .collect();
    addresses.into_iter().collect::<Vec<_>>().join(",")
}

fn service_ports(service: &Value) -> String {
    let ports: Vec<String> = items(service, "/spec/ports")
        .iter()
        .map(|port| {
            let (number, protocol) = (integer(port, "/port"), string(port, "/protocol"));
            match integer(port, "/nodePort") {
                0 => format!("{number}/{protocol}"),
                node_port => format!("{number}:{node_port}/{protocol}"),
            }
        })
        .collect();
    ports.join(",")
}

fn named_default(object: &Value, is_default: bool) -> String {
    let name = string(object, "/metadata/name");
    if is_default { format!("{name} (default)") } else { name.to_owned() }
}

/// The youngest of the classes that are marked as the default is the one that counts; the first name among equals.
fn is_default_class(object: &Value, all: &[&Value]) -> bool {
    let marked = |class: &Value| {
        ["storageclass.kubernetes.io~1is-default-class", "storageclass.beta.kubernetes.io~1is-default-class"]
            .iter()
            .any(|name| string(class, &format!("/metadata/annotations/{name}")) == "true")
    };
    let age = |class: &Value| string(class, "/metadata/creationTimestamp").to_owned();
    let name = |class: &Value| string(class, "/metadata/name").to_owned();
    let default = all
        .iter()
        .filter(|class| marked(class))
        .max_by(|one, other| age(one).cmp(&age(other)).then_with(|| name(other).cmp(&name(one))));
    // A table of one object does not know the others, so it marks none.
    all.len() > 1 && default.is_some_and(|default| name(default) == name(object))
}

fn ingress_class_parameters(class: &Value) -> String {
    let Some(parameters) = class.pointer("/spec/parameters").filter(|value| value.is_object()) else {
        return "<none>".to_owned();
    };
    let (kind, name) = (string(parameters, "/kind"), string(parameters, "/name"));
    match parameters.get("apiGroup").and_then(Value::as_str) {
        Some(group) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

fn ingress_hosts(ingress: &Value) -> String {
    let rules = items(ingress, "/spec/rules");
    let hosts: Vec<&str> = rules.iter().map(|rule| string(rule, "/host")).filter(|host| !host.is_empty()).collect();
    match hosts.get(..3) {
        _ if hosts.is_empty() => "*".to_owned(),
        Some(first) if rules.len() > 3 => format!("{} + {} more...", first.join(","), rules.len() - 3),
        _ => hosts.join(","),
    }
}

fn address_parent(address: &Value) -> String {
    let parts =
        ["/resource", "/group", "/namespace", "/name"].map(|part| string(address, &format!("/spec/parentRef{part}")));
    let [resource, group, namespace, name] = parts;
    let resource = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    let words: Vec<&str> = [resource.as_str(), namespace, name].into_iter().filter(|word| !word.is_empty()).collect();
    words.join("/")
}

/// The first three of a list, and how many more there are.
fn first_three(words: Vec<String>) -> String {
    match words.get(..3) {
        _ if words.is_empty() => "<none>".to_owned(),
        Some(first) if words.len() > 3 => format!("{} + {} more...", first.join(","), words.len() - 3),
        _ => words.join(","),
    }
}

fn endpoints(object: &Value) -> String {
    let mut words = Vec::new();
    for subset in items(object, "/subsets") {
        let addresses = items(subset, "/addresses").iter().map(|address| string(address, "/ip"));
        let ports = items(subset, "/ports");
        if ports.is_empty() {
            words.extend(addresses.map(str::to_owned));
            continue;
        }
        for port in ports {
            words.extend(addresses.clone().map(|ip| join_port(ip, integer(port, "/port"))));
        }
    }
    first_three(words)
}

/// An address with a port: IPv6 addresses need brackets.
fn join_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

fn slice_ports(slice: &Value) -> String {
    let ports = items(slice, "/ports");
    if ports.is_empty() {
        return "<unset>".to_owned();
    }
    let words = ports
        .iter()
        .map(|port| match (port.get("port").and_then(Value::as_i64), string(port, "/name")) {
            (Some(number), _) => number.to_string(),
            (None, "") => "*".to_owned(),
            (None, name) => name.to_owned(),
        })
        .collect();
    first_three(words)
}

fn slice_endpoints(slice: &Value) -> String {
    let endpoints = items(slice, "/endpoints");
    if endpoints.is_empty() {
        return "<unset>".to_owned();
    }
    let addresses = endpoints.iter().flat_map(|endpoint| items(endpoint, "/addresses"));
    first_three(addresses.filter_map(Value::as_str).map(str::to_owned).collect())
}

fn node_status(node: &Value) -> String {
    let ready = match condition(node, "Ready") {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    match node.pointer("/spec/unschedulable") {
        Some(Value::Bool(true)) => format!("{ready},SchedulingDisabled"),
        _ => ready.to_owned(),
    }
}

fn node_roles(node: &Value) -> String {
    let labels = node.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    let roles: BTreeSet<&str> = labels
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None if key == "kubernetes.io/role" => value.as_str(),
            None => None,
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.into_iter().collect::<Vec<_>>().join(",")
}

fn node_address(node: &Value, kind: &str) -> String {
    let address = items(node, "/status/addresses").iter().find(|address| string(address, "/type") == kind);
    address.map_or("<none>", |address| string(address, "/address")).to_owned()
}

/// `RWO,ROX`, each mode once, in the order in which the API lists them.
fn access_modes(modes: &[Value]) -> String {
    const SHORT: [(&str, &str); 4] =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let words: Vec<&str> = SHORT
        .iter()
        .filter(|(mode, _)| modes.iter().any(|listed| listed.as_str() == Some(mode)))
        .map(|(_, short)| *short)
        .collect();
    words.join(",")
}

fn timestamp<'a>(object: &'a Value, pointers: &[&str]) -> Option<&'a str> {
    pointers.iter().map(|pointer| string(object, pointer)).find(|text| !text.is_empty())
}

fn event_first(event: &Value, now: Timestamp) -> String {
    let first = timestamp(event, &["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime"]);
    age::since(first, now, "<unknown>")
}

fn event_last(event: &Value, now: Timestamp) -> String {
    match timestamp(event, &["/series/lastObservedTime", "/lastTimestamp", "/deprecatedLastTimestamp"]) {
        Some(last) => age::since(Some(last), now, "<unknown>"),
        None => event_first(event, now),
    }
}

fn event_count(event: &Value) -> i64 {
    let counts = ["/series/count", "/count", "/deprecatedCount"].map(|pointer| integer(event, pointer));
    counts.into_iter().find(|count| *count != 0).unwrap_or(1)
}

fn event_source(event: &Value) -> String {
    let first = |pointers: [&str; 3]| timestamp(event, &pointers).unwrap_or_default();
    let component = first(["/source/component", "/deprecatedSource/component", "/reportingController"]);
    let component = or(component, string(event, "/reportingComponent"));
    match first(["/source/host", "/deprecatedSource/host", "/reportingInstance"]) {
        "" => component,
        host => format!("{component}, {host}"),
    }
}

fn scale_metrics(autoscaler: &Value) -> String {
    if autoscaler.pointer("/spec/metrics").is_none() {
        // autoscaling/v1 knows one metric only.
        let Some(target) = autoscaler.pointer("/spec/targetCPUUtilizationPercentage") else {
            return "<none>".to_owned();
        };
        let current = autoscaler.pointer("/status/currentCPUUtilizationPercentage");
        let current = current.map_or("<unknown>".to_owned(), |value| format!("{value}%"));
        return format!("cpu: {current}/{target}%");
    }
    let metrics = items(autoscaler, "/spec/metrics");
    let currents = items(autoscaler, "/status/currentMetrics");
    let words: Vec<String> = metrics
        .iter()
        .enumerate()
        .map(|(at, metric)| scale_metric(metric, currents.get(at).unwrap_or(&Value::Null)))
        .collect();
    match words.get(..2) {
        _ if words.is_empty() => "<none>".to_owned(),
        Some(first) if words.len() > 2 => format!("{} + {} more...", first.join(", "), words.len() - 2),
        _ => words.join(", "),
    }
}

fn scale_metric(metric: &Value, current: &Value) -> String {
    let field = match string(metric, "/type") {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let target = |name: &str| metric.pointer(&format!("/{field}/target/{name}")).map(scalar);
    let now = |name: &str| current.pointer(&format!("/{field}/current/{name}")).map(scalar);
    let unknown = || "<unknown>".to_owned();
    let average = target("averageValue").map(|target| (now("averageValue").unwrap_or_else(unknown), target));
    if field.to_lowercase().ends_with("resource") {
        let name = string(metric, &format!("/{field}/name"));
        return match average {
            Some((current, target)) => format!("{name}: {current}/{target}"),
            None => {
                let percent = |value: String| format!("{value}%");
                let current = now("averageUtilization").map_or_else(unknown, percent);
                let target = target("averageUtilization").map_or("<auto>".to_owned(), percent);
                format!("{name}: {current}/{target}")
            }
        };
    }
    match average {
        Some((current, target)) if field == "pods" => format!("{current}/{target}"),
        Some((current, target)) => format!("{current}/{target} (avg)"),
        None => format!("{}/{}", now("value").unwrap_or_else(unknown), target("value").unwrap_or_default()),
    }
}

fn subjects(binding: &Value, kind: &str) -> String {
    let names: Vec<String> = items(binding, "/subjects")
        .iter()
        .filter(|subject| string(subject, "/kind") == kind)
        .map(|subject| match (kind, string(subject, "/namespace")) {
            ("ServiceAccount", namespace) if !namespace.is_empty() => {
                format!("{namespace}/{}", string(subject, "/name"))
            }
            _ => string(subject, "/name").to_owned(),
        })
        .collect();
    names.join(", ")
}

fn quota(quota: &Value, limits: bool) -> String {
    let hard = quota.pointer("/status/hard").and_then(Value::as_object).into_iter().flatten();
    let words: Vec<String> = hard
        .filter(|(name, _)| name.starts_with("limits.") == limits)
        .map(|(name, hard)| {
            let used = quota.pointer("/status/used").and_then(|used| used.get(name));
            format!("{name}: {}/{}", used.map_or("0".to_owned(), scalar), scalar(hard))
        })
        .collect();
    words.join(", ")
}

fn controller(object: &Value) -> String {
    let owners = items(object, "/metadata/ownerReferences");
    let Some(owner) = owners.iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true))) else {
        return "<none>".to_owned();
    };
    let kind = string(owner, "/kind").to_lowercase();
    match string(owner, "/apiVersion").split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{}", string(owner, "/name")),
        None => format!("{kind}/{}", string(owner, "/name")),
    }
}

fn csr_condition(csr: &Value) -> String {
    let has = |kind: &str| condition(csr, kind).is_some();
    let mut text = match () {
        () if has("Denied") => "Denied",
        () if has("Approved") => "Approved",
        () => "Pending",
    }
    .to_owned();
    if has("Failed") {
        text.push_str(",Failed");
    }
    if !string(csr, "/status/certificate").is_empty() {
        text.push_str(",Issued");
    }
    text
}

fn param_ref(binding: &Value) -> String {
    let Some(reference) = binding.pointer("/spec/paramRef").filter(|reference| reference.is_object()) else {
        return "<unset>".to_owned();
    };
    let namespace = string(reference, "/namespace");
    let name = match string(reference, "/name") {
        "" => reference.get("selector").map_or(String::new(), |selector| self::selector(Some(selector))),
        name => name.to_owned(),
    };
    if namespace.is_empty() { name } else { format!("{namespace}/{name}") }
}

fn crd_versions(crd: &Value) -> String {
    let is = |version: &Value, fact: &str| version.get(fact) == Some(&Value::Bool(true));
    let mut words: Vec<String> = items(crd, "/spec/versions")
        .iter()
        .filter(|version| is(version, "served"))
        .map(|version| match (string(version, "/name"), is(version, "storage")) {
            (name, true) => format!("{name}(storage)"),
            (name, false) => name.to_owned(),
        })
        .collect();
    words.sort_unstable();
    words.join(",")
}

fn apiservice_available(service: &Value) -> String {
    let available = items(service, "/status/conditions").iter().find(|entry| string(entry, "/type") == "Available");
    match available {
        None => "Unknown".to_owned(),
        Some(entry) if string(entry, "/status") == "True" => "True".to_owned(),
        Some(entry) => format!("{} ({})", string(entry, "/status"), string(entry, "/reason")),
    }
}

fn claim_state(claim: &Value) -> String {
    let has = |pointer: &str| claim.pointer(pointer).is_some_and(Value::is_object);
    let mut states = Vec::new();
    if is_deleted(claim) {
        states.push("deleted");
    }
    if !has("/status/allocation") {
        if !is_deleted(claim) {
            states.push("pending");
        }
    } else {
        states.push("allocated");
        states.push(if items(claim, "/status/reservedFor").is_empty() { "" } else { "reserved" });
    }
    states.retain(|state| !state.is_empty());
    states.join(",")
}

fn health(status: &Value, field: &str) -> String {
    let healthy = items(status, "/conditions").iter().find(|condition| string(condition, "/type") == "Healthy");
    healthy.map_or(String::new(), |condition| string(condition, field).to_owned())
}
