//! The defaults that clients see: what the server fills in when a field is left out.
//!
//! They are found by type, so that a container is the same in a Pod and in a Deployment's template. A default is only
//! put where nothing is, so that filling in twice changes nothing.

use serde_json::{Map, Value, json};

use super::check::TEMPLATES;
use super::{Form, Type, image, normal, quantity};

type Object = Map<String, Value>;

/// Fills in the defaults of a normalized object of a built-in kind.
pub(crate) fn default(ty: &Type, object: &mut Value) {
    let Value::Object(fields) = object else { return };
    before(&ty.name, fields);
    for field in &ty.fields {
        match fields.get_mut(field.name) {
            Some(value) if !value.is_null() => {
                inner(&field.form, value);
                if ty.name.starts_with("io.k8s.api.core.") {
                    round(&field.form, value);
                }
            }
            _ => {
                let declared = field.default.and_then(|default| serde_json::from_str(default).ok());
                if let Some(value) = declared.filter(|value| !field.is_omitted(value)) {
                    fields.insert(field.name.to_owned(), value);
                }
            }
        }
    }
    after(&ty.name, fields);
}

fn inner(form: &Form, value: &mut Value) {
    match (form, value) {
        (Form::Struct(id), value) => default(id.get(), value),
        (Form::List(element), Value::Array(items)) => items.iter_mut().for_each(|item| inner(element, item)),
        (Form::Map(element), Value::Object(entries)) => entries.values_mut().for_each(|value| inner(element, value)),
        _ => {}
    }
}

/// Amounts of resources are told in thousandths at least.
fn round(form: &Form, value: &mut Value) {
    let (Form::Map(element), Value::Object(entries)) = (form, value) else { return };
    if **element != Form::Quantity {
        return;
    }
    for amount in entries.values_mut() {
        if let Some(rounded) = amount.as_str().and_then(quantity::in_thousandths) {
            *amount = rounded.into();
        }
    }
}

/// Puts values where there are none.
fn fill(object: &mut Object, defaults: &[(&str, Value)]) {
    for (name, value) in defaults {
        put(object, name, || value.clone());
    }
}

/// An empty text that is still there, in a normalized object, is meant.
fn put(object: &mut Object, name: &str, value: impl FnOnce() -> Value) {
    if object.get(name).is_none_or(Value::is_null) {
        object.insert(name.to_owned(), value());
    }
}

fn child<'a>(object: &'a mut Object, name: &str) -> Option<&'a mut Object> {
    object.get_mut(name).and_then(Value::as_object_mut)
}

fn text<'a>(object: &'a Object, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(object: &'a mut Object, name: &str) -> impl Iterator<Item = &'a mut Object> {
    object.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Defaults that the defaults of inner types build on: what brings new inner objects.
fn before(ty: &str, object: &mut Object) {
    let Some(ty) = ty.strip_prefix("io.k8s.api.") else { return };
    match ty {
        "core.v1.Volume" if object.keys().all(|name| name == "name") => {
            object.insert("emptyDir".into(), json!({}));
        }
        "core.v1.Pod" => {
            if let Some(spec) = child(object, "spec") {
                for name in ["containers", "initContainers"] {
                    list(spec, name).for_each(request_limits);
                }
            }
        }
        _ => {}
    }
}

/// A container that limits a resource and does not say how much it requests requests its limit.
pub(super) fn request_limits(container: &mut Object) {
    let Some(resources) = child(container, "resources") else { return };
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else { return };
    let requests = resources.entry("requests").or_insert_with(|| json!({}));
    if let Value::Object(requests) = requests {
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
    }
}

fn after(ty: &str, object: &mut Object) {
    let known = ["io.k8s.api.", "io.k8s.kube-aggregator.pkg.apis."];
    let Some(ty) = known.iter().find_map(|prefix| ty.strip_prefix(prefix)) else { return };
    match ty.split_once('.') {
        Some(("core", ty)) => core(ty, object),
        Some(("apps", ty)) => apps(ty, object),
        Some(("batch", ty)) => batch(ty, object),
        Some((group, ty)) => other(group, ty, object),
        None => {}
    }
}

fn core(ty: &str, object: &mut Object) {
    match ty {
        "v1.Pod" => {
            if let Some(spec) = child(object, "spec") {
                put(spec, "enableServiceLinks", || true.into());
                // A template only says where its pods will be.
                if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
                    host_ports(spec);
                }
            }
        }
        "v1.Service" => {
            service(object);
            let balances = child(object, "spec").is_some_and(|spec| text(spec, "type") == "LoadBalancer");
            let ingress = child(object, "status").and_then(|status| child(status, "loadBalancer"));
            if let Some(Value::Array(all)) = ingress.filter(|_| balances).and_then(|all| all.get_mut("ingress")) {
                for one in all.iter_mut().filter_map(Value::as_object_mut).filter(|one| one.contains_key("ip")) {
                    put(one, "ipMode", || "VIP".into());
                }
            }
        }
        "v1.NodeSpec" => super::strategy::networks(object),
        "v1.Node" => {
            if let Some(status) = child(object, "status")
                && let Some(capacity) = status.get("capacity").cloned()
            {
                status.entry("allocatable").or_insert(capacity);
            }
        }
        "v1.PodSpec" => {
            fill(
                object,
                &[
                    ("restartPolicy", "Always".into()),
                    ("terminationGracePeriodSeconds", 30.into()),
                    ("dnsPolicy", "ClusterFirst".into()),
                    ("securityContext", json!({})),
                    ("schedulerName", "default-scheduler".into()),
                ],
            );
            // The old name of the field follows the new one.
            match (text(object, "serviceAccountName").to_owned(), text(object, "serviceAccount").to_owned()) {
                (new, _) if !new.is_empty() => drop(object.insert("serviceAccount".into(), new.into())),
                (_, old) if !old.is_empty() => drop(object.insert("serviceAccountName".into(), old.into())),
                _ => {}
            }
        }
        "v1.Container" | "v1.EphemeralContainer" => {
            let policy = image::pull_policy(text(object, "image"));
            fill(
                object,
                &[
                    ("terminationMessagePath", "/dev/termination-log".into()),
                    ("terminationMessagePolicy", "File".into()),
                    ("imagePullPolicy", policy.into()),
                ],
            );
        }
        "v1.ImageVolumeSource" => {
            let policy = image::pull_policy(text(object, "reference"));
            put(object, "pullPolicy", || policy.into());
        }
        "v1.AzureDiskVolumeSource" => {
            fill(object, &[("cachingMode", "ReadWrite".into()), ("kind", "Shared".into())]);
        }
        "v1.PodStatus" => addresses(object),
        "v1.Probe" => fill(
            object,
            &[
                ("timeoutSeconds", 1.into()),
                ("periodSeconds", 10.into()),
                ("successThreshold", 1.into()),
                ("failureThreshold", 3.into()),
            ],
        ),
        "v1.HTTPGetAction" => fill(object, &[("path", "/".into()), ("scheme", "HTTP".into())]),
        "v1.ObjectFieldSelector" => fill(object, &[("apiVersion", "v1".into())]),
        "v1.SecretVolumeSource"
        | "v1.ConfigMapVolumeSource"
        | "v1.DownwardAPIVolumeSource"
        | "v1.ProjectedVolumeSource" => fill(object, &[("defaultMode", 420.into())]),
        "v1.ServiceAccountTokenProjection" => fill(object, &[("expirationSeconds", 3600.into())]),
        "v1.HostPathVolumeSource" => fill(object, &[("type", "".into())]),
        "v1.PersistentVolumeClaimSpec" => fill(object, &[("volumeMode", "Filesystem".into())]),
        "v1.PersistentVolumeClaim" => phase(object, "Pending"),
        "v1.PersistentVolume" => {
            phase(object, "Pending");
            if let Some(spec) = child(object, "spec") {
                let defaults =
                    [("persistentVolumeReclaimPolicy", "Retain".into()), ("volumeMode", "Filesystem".into())];
                fill(spec, &defaults);
            }
        }
        "v1.Secret" => secret(object),
        "v1.EndpointPort" => fill(object, &[("protocol", "TCP".into())]),
        "v1.ReplicationController" => replication_controller(object),
        "v1.LimitRangeItem" => limit_range_item(object),
        _ => {}
    }
}

fn phase(object: &mut Object, phase: &str) {
    if let Some(status) = child(object, "status") {
        put(status, "phase", || phase.into());
    }
}

/// A pod's one address is the first of all that it has.
fn addresses(status: &mut Object) {
    let (one, first) = (text(status, "podIP").to_owned(), status.get("podIPs").and_then(|all| all.get(0)).cloned());
    let first = first.and_then(|first| Some(first.get("ip")?.as_str()?.to_owned()));
    match first {
        Some(first) if one.is_empty() => drop(status.insert("podIP".into(), first.into())),
        first if !one.is_empty() && first.as_ref() != Some(&one) => {
            status.insert("podIPs".into(), json!([{ "ip": one }]));
        }
        _ => {}
    }
}

/// Numbers that are never 0.
fn unless_zero(object: &mut Object, numbers: &[(&str, i64)]) {
    for (name, number) in numbers {
        if object.get(*name).and_then(Value::as_i64).unwrap_or(0) == 0 {
            object.insert((*name).to_owned(), (*number).into());
        }
    }
}

/// In the node's network a container's ports are the node's.
fn host_ports(spec: &mut Object) {
    for name in ["containers", "initContainers"] {
        for port in list(spec, name).flat_map(|container| list(container, "ports")) {
            if let Some(number) = port.get("containerPort").cloned() {
                put(port, "hostPort", || number);
            }
        }
    }
}

fn secret(object: &mut Object) {
    use base64::Engine as _;
    put(object, "type", || "Opaque".into());
    let Some(Value::Object(texts)) = object.remove("stringData") else { return };
    let data = object.entry("data").or_insert_with(|| json!({}));
    if let Value::Object(data) = data {
        for (key, value) in texts {
            let bytes = value.as_str().unwrap_or_default();
            data.insert(key, base64::engine::general_purpose::STANDARD.encode(bytes).into());
        }
    }
}

fn service(object: &mut Object) {
    let Some(spec) = child(object, "spec") else { return };
    fill(spec, &[("sessionAffinity", "None".into()), ("type", "ClusterIP".into())]);
    if text(spec, "sessionAffinity") == "None" {
        spec.remove("sessionAffinityConfig");
    }
    if text(spec, "sessionAffinity") == "ClientIP" {
        put(spec, "sessionAffinityConfig", || json!({ "clientIP": { "timeoutSeconds": 10800 } }));
    }
    for port in list(spec, "ports") {
        let number = port.get("port").cloned().unwrap_or_default();
        let has_target =
            !matches!(port.get("targetPort"), None | Some(Value::Null)) && port.get("targetPort") != Some(&json!(0));
        if !has_target {
            port.insert("targetPort".into(), number);
        }
        put(port, "protocol", || "TCP".into());
    }
    let is_reached = spec.contains_key("externalIPs") && text(spec, "type") == "ClusterIP";
    if is_reached || matches!(text(spec, "type"), "NodePort" | "LoadBalancer") {
        put(spec, "externalTrafficPolicy", || "Cluster".into());
    }
    if text(spec, "type") == "LoadBalancer" {
        put(spec, "allocateLoadBalancerNodePorts", || true.into());
    }
    if text(spec, "type") != "ExternalName" {
        put(spec, "internalTrafficPolicy", || "Cluster".into());
    }
}

/// How fast an autoscaler goes up and down.
fn scaling_rules(behavior: &mut Object) {
    let share = json!({ "type": "Percent", "value": 100, "periodSeconds": 15 });
    let some = json!({ "type": "Pods", "value": 4, "periodSeconds": 15 });
    for (direction, policies) in [("scaleUp", vec![some, share.clone()]), ("scaleDown", vec![share])] {
        put(behavior, direction, || json!({}));
        if let Some(rules) = child(behavior, direction) {
            fill(rules, &[("selectPolicy", "Max".into()), ("policies", policies.into())]);
            if direction == "scaleUp" {
                put(rules, "stabilizationWindowSeconds", || 0.into());
            }
        }
    }
}

fn replication_controller(object: &mut Object) {
    let labels = object.get("spec").and_then(|spec| spec.pointer("/template/metadata/labels")).cloned();
    if let Some(spec) = child(object, "spec") {
        put(spec, "replicas", || 1.into());
        if let Some(labels) = &labels {
            put(spec, "selector", || labels.clone());
        }
    }
    if let (Some(labels), Some(metadata)) = (labels, child(object, "metadata")) {
        put(metadata, "labels", || labels);
    }
}

/// Limits of containers follow from one another: the default from the maximum, the request from the default.
fn limit_range_item(item: &mut Object) {
    if text(item, "type") != "Container" {
        return;
    }
    for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
        let Some(Value::Object(values)) = item.get(from).cloned() else { continue };
        let Value::Object(defaults) = item.entry(to).or_insert_with(|| json!({})) else { continue };
        for (name, value) in values {
            defaults.entry(name).or_insert(value);
        }
    }
}

fn apps(ty: &str, object: &mut Object) {
    if ty == "v1.DaemonSet"
        && let Some(metadata) = child(object, "metadata")
        && let Value::Object(annotations) = metadata.entry("annotations").or_insert_with(|| json!({}))
    {
        // How many there were is counted elsewhere.
        put(annotations, TEMPLATES, || "0".into());
    }
    let Some(spec) = child(object, "spec") else { return };
    let strategy = |spec: &mut Object, name: &str, rolling: Value| {
        let strategy = spec.entry(name).or_insert_with(|| json!({}));
        let Value::Object(strategy) = strategy else { return };
        put(strategy, "type", || "RollingUpdate".into());
        if text(strategy, "type") != "RollingUpdate" {
            return;
        }
        put(strategy, "rollingUpdate", || json!({}));
        if let (Some(update), Value::Object(rolling)) = (child(strategy, "rollingUpdate"), rolling) {
            for (name, value) in rolling {
                put(update, &name, || value);
            }
        }
    };
    match ty {
        "v1.Deployment" => {
            strategy(spec, "strategy", json!({ "maxUnavailable": "25%", "maxSurge": "25%" }));
            let defaults =
                [("replicas", 1.into()), ("revisionHistoryLimit", 10.into()), ("progressDeadlineSeconds", 600.into())];
            fill(spec, &defaults);
        }
        "v1.ReplicaSet" => fill(spec, &[("replicas", 1.into())]),
        "v1.StatefulSet" => {
            strategy(spec, "updateStrategy", json!({ "partition": 0, "maxUnavailable": 1 }));
            fill(
                spec,
                &[
                    ("replicas", 1.into()),
                    ("revisionHistoryLimit", 10.into()),
                    ("podManagementPolicy", "OrderedReady".into()),
                    ("persistentVolumeClaimRetentionPolicy", json!({})),
                ],
            );
            if let Some(policy) = child(spec, "persistentVolumeClaimRetentionPolicy") {
                fill(policy, &[("whenDeleted", "Retain".into()), ("whenScaled", "Retain".into())]);
            }
            for claim in list(spec, "volumeClaimTemplates") {
                // Whatever they say of themselves, that is what they are.
                claim.insert("apiVersion".into(), "v1".into());
                claim.insert("kind".into(), "PersistentVolumeClaim".into());
            }
        }
        "v1.DaemonSet" => {
            strategy(spec, "updateStrategy", json!({ "maxUnavailable": 1, "maxSurge": 0 }));
            fill(spec, &[("revisionHistoryLimit", 10.into())]);
        }
        _ => {}
    }
}

fn batch(ty: &str, object: &mut Object) {
    if ty == "v1.PodFailurePolicyOnPodConditionsPattern" && text(object, "status").is_empty() {
        object.insert("status".into(), "True".into());
    }
    let Some(spec) = child(object, "spec") else { return };
    match ty {
        "v1.Job" => {
            let labels = spec.get("template").and_then(|template| template.pointer("/metadata/labels")).cloned();
            if !spec.contains_key("completions") && !spec.contains_key("parallelism") {
                spec.insert("completions".into(), 1.into());
            }
            fill(
                spec,
                &[
                    ("parallelism", 1.into()),
                    ("completionMode", "NonIndexed".into()),
                    ("suspend", false.into()),
                    ("manualSelector", false.into()),
                ],
            );
            // With a limit for each index there is none for the whole but a very large one.
            let limit = if spec.contains_key("backoffLimitPerIndex") { i64::from(i32::MAX) } else { 6 };
            put(spec, "backoffLimit", || limit.into());
            let replacement = if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
            put(spec, "podReplacementPolicy", || replacement.into());
            // The Job itself takes its template's labels where it has none of its own.
            if let (Some(labels), Some(metadata)) = (labels, child(object, "metadata")) {
                put(metadata, "labels", || labels);
            }
        }
        "v1.CronJob" => fill(
            spec,
            &[
                ("concurrencyPolicy", "Allow".into()),
                ("suspend", false.into()),
                ("successfulJobsHistoryLimit", 3.into()),
                ("failedJobsHistoryLimit", 1.into()),
            ],
        ),
        _ => {}
    }
}

fn other(group: &str, ty: &str, object: &mut Object) {
    const RBAC: &str = "rbac.authorization.k8s.io";
    match (group, ty) {
        ("autoscaling", "v1.HorizontalPodAutoscaler") => {
            if let Some(spec) = child(object, "spec") {
                fill(spec, &[("minReplicas", 1.into()), ("targetCPUUtilizationPercentage", 80.into())]);
            }
        }
        ("autoscaling", "v2.HorizontalPodAutoscaler") => {
            if let Some(spec) = child(object, "spec") {
                put(spec, "minReplicas", || 1.into());
                let cpu = json!([{
                    "type": "Resource",
                    "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } },
                }]);
                put(spec, "metrics", || cpu);
                if let Some(behavior) = child(spec, "behavior") {
                    scaling_rules(behavior);
                }
            }
        }
        // It is written where it is empty, too.
        ("rbac", "v1.RoleRef") if text(object, "apiGroup").is_empty() => {
            object.insert("apiGroup".into(), RBAC.into());
        }
        ("rbac", "v1.Subject") if matches!(text(object, "kind"), "User" | "Group") => {
            put(object, "apiGroup", || RBAC.into());
        }
        ("networking", "v1.NetworkPolicyPort") => put(object, "protocol", || "TCP".into()),
        ("networking", "v1.NetworkPolicySpec") => {
            let has_egress = object.get("egress").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
            let types = if has_egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
            put(object, "policyTypes", || types);
        }
        ("networking", "v1.IngressClassParametersReference") => put(object, "scope", || "Cluster".into()),
        ("discovery", "v1.EndpointPort") => {
            put(object, "name", || "".into());
            put(object, "protocol", || "TCP".into());
        }
        ("storage", "v1.StorageClass") => {
            fill(object, &[("reclaimPolicy", "Delete".into()), ("volumeBindingMode", "Immediate".into())]);
        }
        ("storage", "v1.CSIDriverSpec") => fill(
            object,
            &[
                ("attachRequired", true.into()),
                ("podInfoOnMount", false.into()),
                ("storageCapacity", false.into()),
                ("fsGroupPolicy", "ReadWriteOnceWithFSType".into()),
                ("volumeLifecycleModes", json!(["Persistent"])),
                ("requiresRepublish", false.into()),
                ("seLinuxMount", false.into()),
                ("preventPodSchedulingIfMissing", false.into()),
            ],
        ),
        ("scheduling", "v1.PriorityClass") => put(object, "preemptionPolicy", || "PreemptLowerPriority".into()),
        ("admissionregistration", "v1.ServiceReference") => put(object, "port", || 443.into()),
        ("admissionregistration", "v1.RuleWithOperations" | "v1.Rule" | "v1.NamedRuleWithOperations") => {
            put(object, "scope", || "*".into())
        }
        ("admissionregistration", "v1.ValidatingAdmissionPolicySpec" | "v1.MutatingAdmissionPolicySpec") => {
            put(object, "failurePolicy", || "Fail".into());
        }
        ("admissionregistration", "v1.MatchResources") => fill(
            object,
            &[("matchPolicy", "Equivalent".into()), ("namespaceSelector", json!({})), ("objectSelector", json!({}))],
        ),
        ("resource", "v1.ExactDeviceRequest" | "v1.DeviceSubRequest") => {
            put(object, "allocationMode", || "ExactCount".into());
            if text(object, "allocationMode") == "ExactCount" {
                put(object, "count", || 1.into());
            }
        }
        ("admissionregistration", "v1.ValidatingWebhook" | "v1.MutatingWebhook") => {
            fill(
                object,
                &[
                    ("failurePolicy", "Fail".into()),
                    ("matchPolicy", "Equivalent".into()),
                    ("namespaceSelector", json!({})),
                    ("objectSelector", json!({})),
                    ("timeoutSeconds", 10.into()),
                ],
            );
            if ty == "v1.MutatingWebhook" {
                put(object, "reinvocationPolicy", || "Never".into());
            }
        }
        ("flowcontrol", "v1.FlowSchemaSpec") => unless_zero(object, &[("matchingPrecedence", 1000)]),
        ("flowcontrol", "v1.QueuingConfiguration") => {
            unless_zero(object, &[("queues", 64), ("handSize", 8), ("queueLengthLimit", 50)]);
        }
        ("apiregistration", "v1.ServiceReference") => put(object, "port", || 443.into()),
        ("flowcontrol", "v1.ExemptPriorityLevelConfiguration") => {
            fill(object, &[("nominalConcurrencyShares", 0.into()), ("lendablePercent", 0.into())]);
        }
        ("flowcontrol", "v1.LimitedPriorityLevelConfiguration") => {
            fill(object, &[("nominalConcurrencyShares", 30.into()), ("lendablePercent", 0.into())]);
        }
        _ => {}
    }
}

/// The status of a new object: what Go writes of an empty one.
pub(super) fn empty_status(ty: &Type) -> Option<Value> {
    ty.field("status").filter(|field| !field.pointer).map(|field| normal::zero(&field.form))
}
