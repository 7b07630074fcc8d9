//! What the real server refuses in objects of the built-in kinds, in its words and with its paths.
//!
//! An object comes here normalized and with its defaults; a change comes with the object that it replaces. Each file
//! owns a group of kinds. Metadata and the grammar of names are the server's own rules, and what is of a wrong type or
//! unknown has been refused by [`check`](super::check) before. Kinds that no file names are accepted as they are.
//! `observed.jsonl` holds what a kube-apiserver v1.37.2 answered, and the tests hold these rules to it.

mod at;
mod batch;
mod cluster;
mod config;
mod container;
mod cron;
mod handler;
mod network;
mod node;
mod placement;
mod pod;
mod rbac;
mod records;
mod scaling;
mod selector;
mod service;
mod storage;
mod texts;
mod volume;
mod webhooks;
mod workload;

use serde_json::Value;

pub(super) use self::at::At;
use self::at::Faults;
use super::strategy::quality;
use crate::catalog::Resource;
use crate::field::FieldError;

/// What is wrong with the status of an object that is otherwise as it was.
pub(crate) fn validate_status(resource: &Resource, object: &Value, old: &Value) -> Vec<FieldError> {
    let mut faults = Faults::default();
    let new = At::root(object);
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet") => workload::replicas(&new, &mut faults),
        ("apps", "DaemonSet") => workload::daemons(&new, &mut faults),
        ("batch", "Job") => batch::counts(&new, &At::root(old), &mut faults),
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

/// What is wrong with a new object, or with one that is to replace `old`.
pub(crate) fn validate(resource: &Resource, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut faults = Faults::default();
    let (new, old) = (At::root(object), old.map(At::root));
    let (old, f) = (old.as_ref(), &mut faults);
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => pod::pod(&new, old, f),
        ("", "PodTemplate") => pod::template(&new.field("template"), f),
        ("", "Service") => service::service(&new, old, f),
        ("", "ConfigMap") => config::config_map(&new, old, f),
        ("", "Secret") => config::secret(&new, old, f),
        ("", "ResourceQuota") => config::quota(&new, f),
        ("", "Node") => node::node(&new, old, f),
        ("", "PersistentVolumeClaim") => storage::claim(&new, old, f),
        ("", "Event") if old.is_none() => records::event(&new, f),
        ("events.k8s.io", "Event") => records::new_event(&new, old, f),
        ("apps", "Deployment") => workload::deployment(&new, old, f),
        ("apps", "ReplicaSet") => workload::replica_set(&new, old, f),
        ("apps", "StatefulSet") => workload::stateful_set(&new, old, f),
        ("apps", "DaemonSet") => workload::daemon_set(&new, old, f),
        ("batch", "Job") => batch::job(&new, old, f),
        ("batch", "CronJob") => batch::cron_job(&new, f),
        ("networking.k8s.io", "Ingress") => network::ingress(&new, old, f),
        ("networking.k8s.io", "NetworkPolicy") => network::policy(&new, f),
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => rbac::role(&new, resource.namespaced, f),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            rbac::binding(&new, old, resource.namespaced, f);
        }
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            webhooks::configuration(&new, f);
        }
        ("autoscaling", "HorizontalPodAutoscaler") => scaling::autoscaler(&new, f),
        ("policy", "PodDisruptionBudget") => scaling::budget(&new, f),
        ("scheduling.k8s.io", "PriorityClass") if old.is_none() => cluster::priority_class(&new, f),
        ("scheduling.k8s.io", "PriorityClass") => config::priority_class(&new, old, f),
        ("storage.k8s.io", "StorageClass") if old.is_none() => cluster::storage_class(&new, f),
        ("", "PersistentVolume") if old.is_none() => cluster::volume(&new, f),
        ("", "Endpoints") => cluster::endpoints(&new, f),
        ("discovery.k8s.io", "EndpointSlice") => cluster::slice(&new, f),
        ("node.k8s.io", "RuntimeClass") if old.is_none() => cluster::runtime_class(&new, f),
        ("networking.k8s.io", "IngressClass") if old.is_none() => cluster::ingress_class(&new, f),
        ("certificates.k8s.io", "CertificateSigningRequest") if old.is_none() => config::signing_request(&new, f),
        ("certificates.k8s.io", "ClusterTrustBundle") => config::trust_bundle(&new, f),
        ("coordination.k8s.io", "Lease") => records::lease(&new, f),
        _ => {}
    }
    faults.into_inner()
}
