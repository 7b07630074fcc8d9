//! What the real server refuses in objects of the built-in kinds, in its words and with its paths.
//!
//! An object comes here normalized and with its defaults; a change comes with the object that it replaces. Each file
//! owns a group of kinds. Metadata and the grammar of names are the server's own rules, and what is of a wrong type or
//! unknown has been refused by [`check`](super::check) before. Kinds that no file names are accepted as they are.
//! `observed.jsonl` holds what a kube-apiserver v1.37.2 answered, and the tests hold these rules to it.

mod address;
mod annotations;
mod at;
mod backing;
mod batch;
mod classes;
mod cluster;
mod config;
mod container;
mod device;
mod flow;
mod handler;
mod limits;
mod network;
mod node;
mod placement;
mod pod;
mod policy;
mod projection;
mod rbac;
mod records;
mod resources;
mod running;
mod scaling;
mod security;
mod selector;
mod service;
mod slice;
mod source;
mod storage;
mod texts;
mod url;
mod volume;
mod webhooks;
mod workload;

use serde_json::Value;

pub(super) use self::at::At;
use self::at::Faults;
use super::whole::quality;
use crate::catalog::{Resource, Shape};
use crate::field::FieldError;

/// An object of a built-in kind, with what is known of its type.
fn typed<'a>(resource: &Resource, object: &'a Value) -> At<'a> {
    match &resource.shape {
        Shape::Builtin(ty) => At::of(ty, object),
        Shape::Custom(_) => At::root(object),
    }
}

/// What is wrong with the status of an object that is otherwise as it was.
pub(crate) fn validate_status(resource: &Resource, object: &Value, old: &Value) -> Vec<FieldError> {
    let mut faults = Faults::default();
    let (new, old, f) = (typed(resource, object), At::root(old), &mut faults);
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet") => workload::replicas(&new, &old, f),
        ("apps", "DaemonSet") => workload::daemons(&new, &old, f),
        ("batch", "Job") => batch::counts(&new, &old, f),
        ("", "ReplicationController") => workload::replicas(&new, &old, f),
        ("", "Pod") => running::status(&new, &old, f),
        ("", "ResourceQuota") => limits::quota_status(&new, f),
        ("", "Node") => node::status(&new, false, f),
        ("", "Service") => service::status(&new, f),
        ("networking.k8s.io", "Ingress") => {
            new.at("status.loadBalancer.ingress").items().iter().for_each(|ingress| texts::reached(ingress, f));
        }
        ("resource.k8s.io", "ResourceClaim") => device::claim_status(&new, f),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => policy::status(&new, f),
        ("policy", "PodDisruptionBudget") => scaling::budget_status(&new, f),
        ("autoscaling", "HorizontalPodAutoscaler") => {
            for field in ["currentReplicas", "desiredReplicas"] {
                f.not_negative(&new.field("status").field(field));
            }
        }
        _ => {}
    }
    faults.into_inner()
}

/// What is wrong with a change of a pod's ephemeral containers: they only ever come.
pub(crate) fn validate_ephemeral(object: &Value, old: &Value) -> Vec<FieldError> {
    let mut faults = Faults::default();
    let list = At::root(object).at("spec.ephemeralContainers");
    for before in At::root(old).at("spec.ephemeralContainers").items() {
        let name = before.field("name").text();
        match list.items().iter().find(|now| now.field("name").text() == name) {
            None => faults.forbidden(&list, format!("existing ephemeral containers {name:?} may not be removed\n")),
            Some(now) if now.value != before.value => {
                faults.forbidden(&list, format!("existing ephemeral containers {name:?} may not be changed\n"));
            }
            Some(_) => {}
        }
    }
    faults.into_inner()
}

/// What is wrong with a change of the resources of a pod's containers: only a node that tells what they have can give
/// them other ones, and how firmly they hold them stays.
pub(crate) fn validate_resize(object: &Value, old: &Value) -> Vec<FieldError> {
    let mut faults = Faults::default();
    let pod = At::root(object);
    let statuses = pod.at("status.containerStatuses");
    let untold = |status: &At<'_>| status.at("state.running").is_set() && !status.field("resources").is_set();
    if statuses.items().iter().any(untold) {
        faults.forbidden(&pod.field("spec"), "Pod running on node without support for resize");
    }
    let class = pod.at("status.qosClass");
    if quality(object) != quality(old) {
        faults.invalid_as(&pod.field("spec"), class.text(), "Pod QOS Class may not change as a result of resizing");
    }
    faults.into_inner()
}

/// What is wrong with the addresses of a Service and their families.
pub(super) fn families_of_service(object: &Value) -> Vec<FieldError> {
    let mut faults = Faults::default();
    service::addresses(&At::root(object).field("spec"), &mut faults);
    faults.into_inner()
}

/// What is wrong with a new object, or with one that is to replace `old`.
pub(crate) fn validate(resource: &Resource, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut faults = Faults::default();
    let (new, old) = (typed(resource, object), old.map(|old| typed(resource, old)));
    let (old, f) = (old.as_ref(), &mut faults);
    match resource.group.as_str() {
        "" => of_core(&resource.kind, &new, old, f),
        "apps" | "batch" | "autoscaling" | "policy" => of_workloads(&resource.kind, &new, old, f),
        _ => of_others(resource, &new, old, f),
    }
    faults.into_inner()
}

fn of_core(kind: &str, new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    match kind {
        "Pod" => pod::pod(new, old, f),
        "PodTemplate" => pod::template(&new.field("template"), f),
        "ReplicationController" => workload::controller(new, f),
        "Service" => service::service(new, old, f),
        "ConfigMap" => config::config_map(new, old, f),
        "Secret" => config::secret(new, old, f),
        "LimitRange" => limits::range(new, f),
        "ResourceQuota" => limits::quota(new, old, f),
        "Node" => node::node(new, old, f),
        "PersistentVolumeClaim" => storage::claim(new, old, f),
        "PersistentVolume" => source::volume(new, old, f),
        "Event" if old.is_none() => records::event(new, f),
        "Endpoints" => address::endpoints(new, f),
        _ => {}
    }
}

fn of_workloads(kind: &str, new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    match kind {
        "Deployment" => workload::deployment(new, old, f),
        "ReplicaSet" => workload::replica_set(new, old, f),
        "StatefulSet" => workload::stateful_set(new, old, f),
        "DaemonSet" => workload::daemon_set(new, old, f),
        "ControllerRevision" => cluster::revision(new, old, f),
        "Job" => batch::job(new, old, f),
        "CronJob" => batch::cron_job(new, old, f),
        "HorizontalPodAutoscaler" => scaling::autoscaler(new, f),
        "PodDisruptionBudget" => scaling::budget(new, f),
        _ => {}
    }
}

fn of_others(resource: &Resource, new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("events.k8s.io", "Event") => records::new_event(new, old, f),
        ("networking.k8s.io", "Ingress") => network::ingress(new, old, f),
        ("networking.k8s.io", "IngressClass") => cluster::ingress_class(new, old, f),
        ("networking.k8s.io", "NetworkPolicy") => network::policy(new, f),
        ("networking.k8s.io", "IPAddress") => address::address(new, old, f),
        ("networking.k8s.io", "ServiceCIDR") => address::networks(new, f),
        ("discovery.k8s.io", "EndpointSlice") => address::slice(new, old, f),
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => rbac::role(new, resource.namespaced, f),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            rbac::binding(new, old, resource.namespaced, f);
        }
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            webhooks::configuration(new, f);
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => policy::validating(new, f),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicy") => policy::mutating(new, f),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => policy::binding(new, true, f),
        ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding") => policy::binding(new, false, f),
        ("apiregistration.k8s.io", "APIService") => cluster::api_service(new, f),
        ("scheduling.k8s.io", "PriorityClass") if old.is_none() => cluster::priority_class(new, f),
        ("scheduling.k8s.io", "PriorityClass") => config::priority_class(new, old, f),
        ("storage.k8s.io", "StorageClass") => classes::storage_class(new, old, f),
        ("storage.k8s.io", "VolumeAttributesClass") => classes::attributes_class(new, old, f),
        ("storage.k8s.io", "CSIDriver") => classes::driver(new, old, f),
        ("storage.k8s.io", "CSINode") => classes::node(new, old, f),
        ("storage.k8s.io", "VolumeAttachment") => classes::attachment(new, old, f),
        ("storage.k8s.io", "CSIStorageCapacity") => classes::capacity(new, old, f),
        ("node.k8s.io", "RuntimeClass") => cluster::runtime_class(new, old, f),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema") => flow::schema(new, f),
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration") => flow::level(new, f),
        ("resource.k8s.io", "DeviceClass") => device::class(new, f),
        ("resource.k8s.io", "ResourceClaim") => device::claim(new, old, f),
        ("resource.k8s.io", "ResourceClaimTemplate") => device::template(new, old, f),
        ("resource.k8s.io", "ResourceSlice") => slice::slice(new, old, f),
        ("certificates.k8s.io", "CertificateSigningRequest") if old.is_none() => config::signing_request(new, f),
        ("certificates.k8s.io", "ClusterTrustBundle") => config::trust_bundle(new, f),
        ("coordination.k8s.io", "Lease") => records::lease(new, f),
        _ => {}
    }
}
