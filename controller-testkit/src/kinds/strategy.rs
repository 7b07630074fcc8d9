//! What the server itself puts into objects of a kind when they are created or changed.

use serde_json::{Map, Value, json};

use super::defaults::{default, empty_status};
use super::{Type, normalize};
use crate::catalog::Resource;

/// Makes a new object of a built-in kind ready: its Go form, its defaults, its first status. The metadata has its uid
/// already; addresses and ports of Services are drawn from it, so that one seed gives one cluster.
pub(crate) fn prepare_create(resource: &Resource, ty: &Type, object: &mut Value) {
    normalize(ty, object);
    let has_labels = object.pointer("/metadata/labels").is_some();
    // A node comes with what it has.
    if resource.has_status()
        && resource.kind != "Node"
        && let (Some(status), Value::Object(fields)) = (empty_status(ty), &mut *object)
    {
        fields.insert("status".into(), status);
    }
    default(ty, object);
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => pod(object),
        ("", "Service") => service(object),
        ("batch", "Job") => job(object, has_labels),
        ("", "Node") => member(object, "", "spec").map_or((), networks),
        ("", "PersistentVolumeClaim") => data_source(object),
        // Leaders are not elected by the server, so that nobody may say how.
        ("coordination.k8s.io", "Lease") => {
            if let Some(spec) = member(object, "", "spec") {
                spec.remove("strategy");
                spec.remove("preferredHolder");
            }
        }
        _ => {}
    }
}

/// Makes a changed object of a built-in kind ready, and gives it back what the client left out of what it cannot know.
pub(crate) fn prepare_update(resource: &Resource, ty: &Type, object: &mut Value, old: &Value) {
    normalize(ty, object);
    if (resource.group.as_str(), resource.kind.as_str()) == ("", "Service") {
        keep_addresses(object, old);
    }
    default(ty, object);
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Service") => service(object),
        ("", "Pod") => {
            if let Some(spec) = member(object, "", "spec") {
                for name in ["priority", "preemptionPolicy"] {
                    if let Some(value) = old.pointer(&format!("/spec/{name}")) {
                        spec.entry(name).or_insert_with(|| value.clone());
                    }
                }
                tolerate(spec);
            }
        }
        ("", "Node") => member(object, "", "spec").map_or((), networks),
        ("", "PersistentVolumeClaim") => data_source(object),
        _ => {}
    }
}

/// Writes down since when a new object, or one that replaces `old`, is in the state that it is in.
pub(crate) fn stamp(resource: &Resource, object: &mut Value, old: Option<&Value>, now: &Value) {
    let phase = |object: &Value| object.pointer("/status/phase").cloned();
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "PersistentVolume") if old.is_none_or(|old| phase(old) != phase(object)) => {
            if let Some(status) = member(object, "", "status") {
                status.insert("lastPhaseTransitionTime".into(), now.clone());
            }
        }
        ("", "Pod") if old.is_none() => {
            let gates = object.pointer("/spec/schedulingGates").and_then(Value::as_array);
            let is_gated = gates.is_some_and(|gates| !gates.is_empty());
            if let Some(status) = member(object, "", "status").filter(|_| is_gated) {
                let condition = json!({
                    "type": "PodScheduled", "status": "False", "lastProbeTime": null, "lastTransitionTime": now,
                    "reason": "SchedulingGated", "message": "Scheduling is blocked due to non-empty scheduling gates",
                });
                status.insert("conditions".into(), json!([condition]));
            }
        }
        _ => {}
    }
}

/// The object at a path's member, made if there is none.
fn member<'a>(object: &'a mut Value, parent: &str, name: &str) -> Option<&'a mut Map<String, Value>> {
    let parent = object.pointer_mut(parent)?.as_object_mut()?;
    parent.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

fn pod(object: &mut Value) {
    let class = quality(object);
    if let Some(status) = member(object, "", "status") {
        status.insert("phase".into(), "Pending".into());
        status.insert("qosClass".into(), class.into());
    }
    let Some(spec) = member(object, "", "spec") else { return };
    spec.entry("priority").or_insert_with(|| 0.into());
    spec.entry("preemptionPolicy").or_insert_with(|| "PreemptLowerPriority".into());
    if spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64).is_some_and(|grace| grace < 0) {
        spec.insert("terminationGracePeriodSeconds".into(), 1.into());
    }
    tolerate(spec);
}

/// Each Pod bears with a node that is away, for a while.
fn tolerate(spec: &mut Map<String, Value>) {
    let tolerations = spec.entry("tolerations").or_insert_with(|| json!([]));
    let Value::Array(tolerations) = tolerations else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let is_tolerated = tolerations.iter().any(|toleration| {
            let text = |name: &str| toleration.get(name).and_then(Value::as_str).unwrap_or_default();
            matches!(text("key"), "") && text("operator") == "Exists" || text("key") == key
        });
        if !is_tolerated {
            let toleration =
                json!({ "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 });
            tolerations.push(toleration);
        }
    }
}

/// The quality of service class: how firmly a Pod's containers hold their processors and memory.
pub(super) fn quality(pod: &Value) -> &'static str {
    let containers: Vec<&Value> = ["/spec/containers", "/spec/initContainers"]
        .iter()
        .filter_map(|path| pod.pointer(path)?.as_array())
        .flatten()
        .collect();
    let amount = |container: &Value, kind: &str, name: &str| {
        let amount = container.get("resources")?.get(kind)?.get(name)?;
        Some(amount.clone()).filter(|amount| *amount != json!("0"))
    };
    let both = ["cpu", "memory"];
    let any = |container: &&Value| {
        both.iter().any(|name| ["limits", "requests"].iter().any(|kind| amount(container, kind, name).is_some()))
    };
    let firm = |container: &&Value| {
        both.iter().all(|name| {
            let limit = amount(container, "limits", name);
            limit.is_some() && limit == amount(container, "requests", name)
        })
    };
    match () {
        () if !containers.iter().any(any) => "BestEffort",
        () if containers.iter().all(firm) => "Guaranteed",
        () => "Burstable",
    }
}

/// Gives a Service its address and its node ports.
fn service(object: &mut Value) {
    let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(spec) = member(object, "", "spec") else { return };
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind == "ExternalName" {
        return;
    }
    let address = match spec.get("clusterIP").and_then(Value::as_str) {
        Some(address) if !address.is_empty() => address.to_owned(),
        _ => {
            let drawn = hash(&uid, 0);
            // 10.96.0.1 is the API server's own.
            format!("10.96.{}.{}", drawn >> 8 & 0xff, drawn % 254 + 1).replace("10.96.0.1", "10.96.255.1")
        }
    };
    spec.entry("clusterIPs").or_insert_with(|| json!([address]));
    spec.insert("clusterIP".into(), address.into());
    // Whoever writes the endpoints of a service without a selector and an address may give it some of either family.
    let free = spec.get("clusterIP").and_then(Value::as_str) == Some("None") && !spec.contains_key("selector");
    spec.entry("ipFamilies").or_insert_with(|| if free { json!(["IPv4", "IPv6"]) } else { json!(["IPv4"]) });
    let policy = if free { "RequireDualStack" } else { "SingleStack" };
    spec.entry("ipFamilyPolicy").or_insert_with(|| policy.into());
    let allocates = spec.get("allocateLoadBalancerNodePorts") != Some(&Value::Bool(false));
    if kind == "NodePort" || kind == "LoadBalancer" && allocates {
        let ports = spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten();
        for (at, port) in ports.filter_map(Value::as_object_mut).enumerate() {
            port.entry("nodePort").or_insert_with(|| (30_000 + hash(&uid, at + 1) % 2768).into());
        }
    }
}

/// FNV-1a: one uid always draws the same.
fn hash(uid: &str, salt: usize) -> u32 {
    uid.bytes()
        .chain(salt.to_le_bytes())
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A Service that changes its type loses what only the old type has, unless the client changed that too.
fn drop_what_another_type_needs(object: &mut Value, old: &Value) {
    let Some(spec) = member(object, "", "spec") else { return };
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or("ClusterIP").to_owned();
    let addresses = ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"];
    let balanced = ["allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"];
    let mut strange: Vec<&str> = Vec::new();
    if kind == "ExternalName" {
        strange.extend(addresses);
    }
    if kind != "LoadBalancer" {
        strange.extend(balanced);
    }
    let has_nodes = matches!(kind.as_str(), "NodePort" | "LoadBalancer");
    if !has_nodes && spec.get("externalIPs").is_none() {
        strange.push("externalTrafficPolicy");
    }
    for name in strange {
        if spec.get(name) == old.pointer(&format!("/spec/{name}")) {
            spec.remove(name);
        }
    }
    if has_nodes {
        return;
    }
    let old_ports = old.pointer("/spec/ports").and_then(Value::as_array);
    let known: Vec<&Value> = old_ports.into_iter().flatten().filter_map(|port| port.get("nodePort")).collect();
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten();
    for port in ports.filter_map(Value::as_object_mut) {
        if port.get("nodePort").is_some_and(|number| known.contains(&number)) {
            port.remove("nodePort");
        }
    }
}

/// A client that replaces a Service need not repeat what the server gave it.
fn keep_addresses(object: &mut Value, old: &Value) {
    let kind =
        |service: &Value| service.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP").to_owned();
    drop_what_another_type_needs(object, old);
    if kind(object) == "ExternalName" || kind(old) == "ExternalName" {
        return;
    }
    let needs_ports = kind(object) != "ClusterIP";
    let Some(spec) = member(object, "", "spec") else { return };
    for name in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if let Some(value) = old.pointer(&format!("/spec/{name}")) {
            spec.entry(name).or_insert_with(|| value.clone());
        }
    }
    // The list follows the single address, where only that was changed.
    let is_moved = |name: &str| spec.get(name) != old.pointer(&format!("/spec/{name}"));
    if is_moved("clusterIP") && !is_moved("clusterIPs") {
        spec.insert("clusterIPs".into(), json!([spec.get("clusterIP")]));
    }
    let old_ports = old.pointer("/spec/ports").and_then(Value::as_array);
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten();
    for port in ports.filter_map(Value::as_object_mut).filter(|_| needs_ports) {
        let same = |old: &&Value| {
            old.get("port") == port.get("port")
                && old.get("protocol").is_none_or(|protocol| port.get("protocol").is_none_or(|own| own == protocol))
        };
        let number = old_ports.into_iter().flatten().find(same).and_then(|old| old.get("nodePort")).cloned();
        if let Some(number) = number {
            port.entry("nodePort").or_insert(number);
        }
    }
}

/// The first network of a node stands in a field of its own too.
pub(super) fn networks(spec: &mut Map<String, Value>) {
    let first = spec.get("podCIDRs").and_then(|all| all.get(0)).cloned();
    match (spec.get("podCIDR").cloned(), first) {
        (Some(single), first) if first.as_ref() != Some(&single) => {
            spec.insert("podCIDRs".into(), json!([single]));
        }
        (None, Some(first)) => drop(spec.insert("podCIDR".into(), first)),
        _ => {}
    }
}

/// A claim names its source in two fields, and drops one that no claim can be made of.
fn data_source(claim: &mut Value) {
    let Some(Value::Object(spec)) = claim.get_mut("spec") else { return };
    let is_known = |source: &Value| {
        let text = |name: &str| source.get(name).and_then(Value::as_str).unwrap_or_default();
        matches!(
            (text("apiGroup"), text("kind")),
            ("", "PersistentVolumeClaim") | ("snapshot.storage.k8s.io", "VolumeSnapshot")
        )
    };
    if spec.get("dataSource").is_some_and(|source| !is_known(source)) {
        spec.remove("dataSource");
    }
    match (spec.get("dataSource").cloned(), spec.get("dataSourceRef").cloned()) {
        (Some(source), None) => drop(spec.insert("dataSourceRef".into(), source)),
        (None, Some(source)) if is_known(&source) && source.get("namespace").is_none() => {
            spec.insert("dataSource".into(), source);
        }
        _ => {}
    }
}

/// Gives a Job the selector by which it knows its own Pods, unless it brings one. What it marks its Pods with it has too,
/// unless it was given labels of its own.
fn job(object: &mut Value, has_labels: bool) {
    if object.pointer("/spec/manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (uid, name) = (text("/metadata/uid"), text("/metadata/name"));
    let labels = [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ];
    for parent in ["/spec/template/metadata", "/metadata"] {
        if parent == "/metadata" && has_labels {
            continue;
        }
        if let Some(own) = member(object, parent, "labels") {
            for (label, value) in labels {
                own.insert(label.into(), value.as_str().into());
            }
        }
    }
    if let Some(selector) = member(object, "/spec", "selector") {
        let own = selector.entry("matchLabels").or_insert_with(|| json!({}));
        if let Value::Object(own) = own {
            own.insert("batch.kubernetes.io/controller-uid".into(), uid.into());
        }
    }
}
