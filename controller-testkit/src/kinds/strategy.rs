//! What the server itself puts into objects of a kind when they are created or changed.

use serde_json::{Map, Value, json};

use super::check::TEMPLATES;
use super::defaults::{default, empty_status};
use super::normal::normalize_kept;
use super::whole::{self, quality};
use super::{Type, allot};
use crate::catalog::Resource;

/// Makes a new object of a built-in kind ready: its Go form, its defaults, its first status. The metadata has its uid
/// already.
pub(crate) fn prepare_create(resource: &Resource, ty: &Type, object: &mut Value) {
    normalize_kept(ty, object);
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
        ("", "Service") => allot::list_address(object),
        ("batch", "Job") => job(object, has_labels),
        ("", "Node") => member(object, "", "spec").map_or((), networks),
        ("", "PersistentVolumeClaim") => data_source(object),
        ("apps", "DaemonSet") => count_templates(object, None),
        ("discovery.k8s.io", "EndpointSlice") => drop_topology(object),
        ("", "ServiceAccount") => name_secrets(object),
        _ => {}
    }
}

/// Makes a changed object of a built-in kind ready, and gives it back what the client left out of what it cannot know.
pub(crate) fn prepare_update(resource: &Resource, ty: &Type, object: &mut Value, old: &Value) {
    normalize_kept(ty, object);
    if (resource.group.as_str(), resource.kind.as_str()) == ("", "Service") {
        allot::keep_addresses(object, old);
    }
    default(ty, object);
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => {
            let class = old.pointer("/status/qosClass").filter(|_| object.pointer("/status/qosClass").is_none());
            if let (Some(class), Some(status)) = (class, member(object, "", "status")) {
                status.insert("qosClass".into(), class.clone());
            }
            if let Some(spec) = member(object, "", "spec") {
                for name in ["priority", "preemptionPolicy"] {
                    if let Some(value) = old.pointer(&format!("/spec/{name}")) {
                        spec.entry(name).or_insert_with(|| value.clone());
                    }
                }
                end_soon(spec);
                tolerate(spec);
            }
        }
        ("", "Node") => member(object, "", "spec").map_or((), networks),
        ("", "PersistentVolumeClaim") => data_source(object),
        ("", "ServiceAccount") => name_secrets(object),
        ("apps", "DaemonSet") => count_templates(object, Some(old)),
        ("certificates.k8s.io", "CertificateSigningRequest") => {
            if let (Some(fields), Some(spec)) = (object.as_object_mut(), old.get("spec")) {
                fields.insert("spec".into(), spec.clone());
            }
        }
        ("discovery.k8s.io", "EndpointSlice") if object.get("endpoints") != old.get("endpoints") => {
            // What is dropped has been a change.
            let before = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
            if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
                metadata.insert("generation".into(), before.wrapping_add(1).into());
            }
            drop_topology(object);
        }
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
        ("resource.k8s.io", "ResourceSlice") => {
            let devices = object.pointer_mut("/spec/devices").and_then(Value::as_array_mut).into_iter().flatten();
            let taints = devices.filter_map(|device| device.get_mut("taints")?.as_array_mut()).flatten();
            for taint in taints.filter_map(Value::as_object_mut) {
                taint.entry("timeAdded").or_insert_with(|| now.clone());
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
pub(super) fn member<'a>(object: &'a mut Value, parent: &str, name: &str) -> Option<&'a mut Map<String, Value>> {
    let parent = object.pointer_mut(parent)?.as_object_mut()?;
    parent.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

fn pod(object: &mut Value) {
    look_for_own(object);
    if let Some(spec) = object.get_mut("spec") {
        whole::fill(spec);
    }
    let class = quality(object);
    if let Some(status) = member(object, "", "status") {
        status.insert("phase".into(), "Pending".into());
        status.insert("qosClass".into(), class.into());
    }
    let Some(spec) = member(object, "", "spec") else { return };
    // Where nobody has admitted it.
    spec.entry("priority").or_insert_with(|| 0.into());
    spec.entry("preemptionPolicy").or_insert_with(|| "PreemptLowerPriority".into());
    tolerate(spec);
    end_soon(spec);
}

/// Who looks for pods with the same values of labels as its own, or with others, looks for these values.
fn look_for_own(pod: &mut Value) {
    let labels = pod.pointer("/metadata/labels").cloned().unwrap_or_default();
    let mut terms: Vec<&mut Value> = Vec::new();
    let Some(Value::Object(spec)) = pod.get_mut("spec") else { return };
    for (name, value) in spec {
        match name.as_str() {
            "topologySpreadConstraints" => terms.extend(value.as_array_mut().into_iter().flatten()),
            "affinity" => {
                let kinds = value.as_object_mut().into_iter().flatten().filter(|(kind, _)| *kind != "nodeAffinity");
                let rules = kinds.filter_map(|(_, rules)| rules.as_object_mut()).flatten();
                let all = rules.filter_map(|(_, terms)| terms.as_array_mut()).flatten();
                terms.extend(all.filter_map(|term| match term.get("podAffinityTerm").is_some() {
                    true => term.get_mut("podAffinityTerm"),
                    false => Some(term),
                }));
            }
            _ => {}
        }
    }
    for term in terms {
        let mut rules = Vec::new();
        for (keys, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
            let keys = term.get(keys).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let found = keys.filter_map(|key| Some((key, labels.get(key)?)));
            rules.extend(found.map(|(key, value)| json!({ "key": key, "operator": operator, "values": [value] })));
        }
        let Some(Value::Object(selector)) = term.get_mut("labelSelector").filter(|_| !rules.is_empty()) else {
            continue;
        };
        if let Value::Array(known) = selector.entry("matchExpressions").or_insert_with(|| json!([])) {
            known.extend(rules);
        }
    }
}

/// Who asks for less than no time gets a second.
fn end_soon(spec: &mut Map<String, Value>) {
    if spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64).is_some_and(|grace| grace < 0) {
        spec.insert("terminationGracePeriodSeconds".into(), 1.into());
    }
}

/// Each Pod bears with a node that is away, for a while.
pub(crate) fn tolerate(spec: &mut Map<String, Value>) {
    let tolerations = spec.entry("tolerations").or_insert_with(|| json!([]));
    let Value::Array(tolerations) = tolerations else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let is_tolerated = tolerations.iter().any(|toleration| {
            let text = |name: &str| toleration.get(name).and_then(Value::as_str).unwrap_or_default();
            matches!(text("effect"), "" | "NoExecute") && (text("key").is_empty() || text("key") == key)
        });
        if !is_tolerated {
            let toleration =
                json!({ "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 });
            tolerations.push(toleration);
        }
    }
}

/// The first network of a node stands in a field of its own too.
pub(super) fn networks(spec: &mut Map<String, Value>) {
    // It is configured by itself only.
    spec.remove("configSource");
    let first = spec.get("podCIDRs").and_then(|all| all.get(0)).cloned();
    match (spec.get("podCIDR").cloned(), first) {
        (Some(single), first) if first.as_ref() != Some(&single) => {
            spec.insert("podCIDRs".into(), json!([single]));
        }
        (None, Some(first)) => drop(spec.insert("podCIDR".into(), first)),
        _ => {}
    }
}

/// A daemon set counts its templates, which the first version of its kind said in a field. A new one may have had some.
fn count_templates(set: &mut Value, old: Option<&Value>) {
    let template = |set: &Value| set.pointer("/spec/template").cloned();
    let counted = |set: &Value| {
        let count = set.pointer("/metadata/annotations")?.get(TEMPLATES)?.as_str()?;
        count.parse::<i64>().ok()
    };
    let count = match old {
        None => counted(set).unwrap_or(1).max(1),
        Some(old) if template(set) == template(old) => counted(old).unwrap_or(0),
        Some(old) => counted(old).unwrap_or(0).wrapping_add(1),
    };
    if let Some(annotations) = member(set, "/metadata", "annotations") {
        annotations.insert(TEMPLATES.into(), count.to_string().into());
    }
}

/// An account's secrets are known by their names alone.
fn name_secrets(account: &mut Value) {
    let secrets = account.get_mut("secrets").and_then(Value::as_array_mut).into_iter().flatten();
    secrets.filter_map(Value::as_object_mut).for_each(|secret| secret.retain(|member, _| member == "name"));
}

/// Where an endpoint is was written so before the present version.
fn drop_topology(slice: &mut Value) {
    let endpoints = slice.get_mut("endpoints").and_then(Value::as_array_mut).into_iter().flatten();
    for endpoint in endpoints.filter_map(Value::as_object_mut) {
        endpoint.remove("deprecatedTopology");
    }
}

/// A claim names its source in two fields, and drops one that no claim can be made of.
fn data_source(claim: &mut Value) {
    // It is not switched on; the templates of stateful sets have it all the same.
    if let Some(Value::Object(status)) = claim.get_mut("status") {
        status.remove("healthStatus");
    }
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
    // Sources in other namespaces are not switched on.
    let space = |source: &Value| source.get("namespace").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if spec.get("dataSourceRef").is_some_and(space) {
        spec.remove("dataSourceRef");
    }
    match (spec.get("dataSource").cloned(), spec.get("dataSourceRef").cloned()) {
        (Some(source), None) => drop(spec.insert("dataSourceRef".into(), source)),
        (None, Some(source)) if source.get("namespace").is_none() => {
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
    // Where the template has none, the Job gets them when it is read back.
    let shares = !has_labels && object.pointer("/spec/template/metadata/labels").is_some();
    for parent in ["/spec/template/metadata", "/metadata"] {
        if parent == "/metadata" && !shares {
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
