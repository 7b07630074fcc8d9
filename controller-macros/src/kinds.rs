//! The built-in kinds, for messages alone: which group has a kind, its plural, whether it has namespaces.
//!
//! Data, not knowledge: nothing is resolved with it, and a kind that it lacks is not refused unless it is a near miss of
//! one that it has. It holds the kinds of Kubernetes 1.33 to 1.37, and for each the versions that serve it.

use crate::hint;

/// A kind that every API server of a supported version, or of one of them, serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Builtin {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) namespaced: bool,
    /// The minor versions of Kubernetes that serve it, from the first to the last.
    pub(crate) served: (u8, u8),
}

/// The minor versions of Kubernetes that the table knows, which are those that k8s-openapi has features for.
const MINORS: (u8, u8) = (33, 37);

impl Builtin {
    const fn from(mut self, minor: u8) -> Builtin {
        self.served.0 = minor;
        self
    }

    const fn until(mut self, minor: u8) -> Builtin {
        self.served.1 = minor;
        self
    }

    /// The first version that serves it, where there are older ones that do not.
    pub(crate) fn first(&self) -> Option<u8> {
        Some(self.served.0).filter(|minor| *minor > MINORS.0)
    }

    /// The last version that serves it, where there are later ones that do not.
    pub(crate) fn last(&self) -> Option<u8> {
        Some(self.served.1).filter(|minor| *minor < MINORS.1)
    }

    /// The features of k8s-openapi that have it, in words.
    pub(crate) fn features(&self) -> String {
        match (self.first(), self.last()) {
            (Some(first), Some(last)) if first == last => format!("the feature `v1_{first}`"),
            (Some(first), Some(last)) => format!("the features `v1_{first}` to `v1_{last}`"),
            (Some(first), None) => format!("the feature `v1_{first}` or a later one"),
            (None, Some(last)) => format!("the feature `v1_{last}` or an earlier one"),
            (None, None) => String::from("every feature"),
        }
    }
}

/// The built-in kind of that name and version.
pub(crate) fn find(api_version: &str, kind: &str) -> Option<Builtin> {
    BUILTINS.iter().copied().find(|builtin| builtin.api_version == api_version && builtin.kind == kind)
}

/// The kind whose plural, or whose name in another case, was written.
pub(crate) fn respelt(written: &str) -> Option<Builtin> {
    let lower = written.to_lowercase();
    BUILTINS.iter().copied().find(|builtin| builtin.plural == lower || builtin.kind.to_lowercase() == lower)
}

/// The version that has this kind, where the one that was written is of another built-in group, or older than all that
/// serve it. A newer one is believed.
pub(crate) fn elsewhere(api_version: &str, kind: &str) -> Option<Builtin> {
    let group = group(api_version);
    let homes = || BUILTINS.iter().copied().filter(|builtin| builtin.kind == kind);
    let mut at_home = homes().filter(|home| self::group(home.api_version) == group).peekable();
    match at_home.peek().copied() {
        Some(newest) => {
            let written = age(api_version)?;
            at_home.all(|home| age(home.api_version) != Some(written)).then_some(())?;
            (Some(written) < age(newest.api_version)).then_some(newest)
        }
        None => homes().next().filter(|_| is_builtin_group(group)),
    }
}

/// How Kubernetes orders versions: stable ones after betas, betas after alphas.
fn age(api_version: &str) -> Option<(u8, u32, u32)> {
    let version = api_version.rsplit('/').next()?.strip_prefix('v')?;
    let number = |digits: &str| digits.parse::<u32>().ok();
    for (rank, channel) in [(0, "alpha"), (1, "beta")] {
        if let Some((major, minor)) = version.split_once(channel) {
            return Some((rank, number(major)?, number(minor)?));
        }
    }
    Some((2, number(version)?, 0))
}

/// The kind of the same version that was probably meant.
pub(crate) fn near_kind(api_version: &str, kind: &str) -> Option<Builtin> {
    let served = BUILTINS.iter().copied().filter(|builtin| builtin.api_version == api_version);
    let meant = hint::nearest(kind, served.clone().map(|builtin| builtin.kind))?;
    served.clone().find(|builtin| builtin.kind == meant)
}

/// The version of a built-in group that was probably meant by one that no API server has: custom groups have a dot.
pub(crate) fn near_group(api_version: &str, kind: Option<&str>) -> Option<&'static str> {
    let group = group(api_version);
    if is_builtin_group(group) {
        return None;
    }
    let of_kind = BUILTINS.iter().filter(|builtin| Some(builtin.kind) == kind && !group.contains('.'));
    let near = hint::nearest(group, BUILTINS.iter().map(|builtin| self::group(builtin.api_version)));
    let of_group = BUILTINS.iter().filter(|builtin| near == Some(self::group(builtin.api_version)));
    of_kind.chain(of_group).next().map(|builtin| builtin.api_version)
}

/// The newest version of a group that was written without one.
pub(crate) fn version_of(group: &str) -> Option<&'static str> {
    BUILTINS.iter().find(|builtin| self::group(builtin.api_version) == group).map(|builtin| builtin.api_version)
}

fn is_builtin_group(group: &str) -> bool {
    BUILTINS.iter().any(|builtin| self::group(builtin.api_version) == group)
}

/// The group of an API version; the core group's name is empty.
fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

const fn namespaced(api_version: &'static str, kind: &'static str, plural: &'static str) -> Builtin {
    Builtin { api_version, kind, plural, namespaced: true, served: MINORS }
}

const fn cluster(api_version: &'static str, kind: &'static str, plural: &'static str) -> Builtin {
    Builtin { api_version, kind, plural, namespaced: false, served: MINORS }
}

/// Stable versions come before the others of their group.
#[rustfmt::skip]
const BUILTINS: &[Builtin] = &[
    namespaced("v1", "Binding", "bindings"),
    cluster("v1", "ComponentStatus", "componentstatuses"),
    namespaced("v1", "ConfigMap", "configmaps"),
    namespaced("v1", "Endpoints", "endpoints"),
    namespaced("v1", "Event", "events"),
    namespaced("v1", "LimitRange", "limitranges"),
    cluster("v1", "Namespace", "namespaces"),
    cluster("v1", "Node", "nodes"),
    cluster("v1", "PersistentVolume", "persistentvolumes"),
    namespaced("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    namespaced("v1", "Pod", "pods"),
    namespaced("v1", "PodTemplate", "podtemplates"),
    namespaced("v1", "ReplicationController", "replicationcontrollers"),
    namespaced("v1", "ResourceQuota", "resourcequotas"),
    namespaced("v1", "Secret", "secrets"),
    namespaced("v1", "Service", "services"),
    namespaced("v1", "ServiceAccount", "serviceaccounts"),
    cluster("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies").from(36),
    cluster("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings").from(36),
    cluster("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
    cluster("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
    cluster("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
    cluster("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
    cluster("admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies").from(34),
    cluster("admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings").from(34),
    cluster("admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies").until(33),
    cluster("admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings").until(33),
    cluster("admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
    cluster("admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
    cluster("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"),
    cluster("apiregistration.k8s.io/v1", "APIService", "apiservices"),
    namespaced("apps/v1", "ControllerRevision", "controllerrevisions"),
    namespaced("apps/v1", "DaemonSet", "daemonsets"),
    namespaced("apps/v1", "Deployment", "deployments"),
    namespaced("apps/v1", "ReplicaSet", "replicasets"),
    namespaced("apps/v1", "StatefulSet", "statefulsets"),
    cluster("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews"),
    cluster("authentication.k8s.io/v1", "TokenReview", "tokenreviews"),
    namespaced("authorization.k8s.io/v1", "LocalSubjectAccessReview", "localsubjectaccessreviews"),
    cluster("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
    cluster("authorization.k8s.io/v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews"),
    cluster("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews"),
    namespaced("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    namespaced("autoscaling/v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    namespaced("batch/v1", "CronJob", "cronjobs"),
    namespaced("batch/v1", "Job", "jobs"),
    cluster("certificates.k8s.io/v1", "CertificateSigningRequest", "certificatesigningrequests"),
    cluster("certificates.k8s.io/v1", "ClusterTrustBundle", "clustertrustbundles").from(37),
    namespaced("certificates.k8s.io/v1", "PodCertificateRequest", "podcertificaterequests").from(37),
    cluster("certificates.k8s.io/v1beta1", "ClusterTrustBundle", "clustertrustbundles"),
    namespaced("certificates.k8s.io/v1beta1", "PodCertificateRequest", "podcertificaterequests").from(35),
    cluster("certificates.k8s.io/v1alpha1", "ClusterTrustBundle", "clustertrustbundles").until(36),
    namespaced("certificates.k8s.io/v1alpha1", "PodCertificateRequest", "podcertificaterequests").from(34).until(34),
    namespaced("coordination.k8s.io/v1", "Lease", "leases"),
    namespaced("coordination.k8s.io/v1beta1", "LeaseCandidate", "leasecandidates"),
    namespaced("coordination.k8s.io/v1alpha2", "LeaseCandidate", "leasecandidates"),
    namespaced("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
    namespaced("events.k8s.io/v1", "Event", "events"),
    cluster("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "flowschemas"),
    cluster("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", "prioritylevelconfigurations"),
    cluster("internal.apiserver.k8s.io/v1alpha1", "StorageVersion", "storageversions"),
    namespaced("lifecycle.k8s.io/v1alpha1", "Eviction", "evictions").from(37),
    namespaced("lifecycle.k8s.io/v1alpha1", "EvictionRequest", "evictionrequests").from(37),
    cluster("networking.k8s.io/v1", "IPAddress", "ipaddresses"),
    namespaced("networking.k8s.io/v1", "Ingress", "ingresses"),
    cluster("networking.k8s.io/v1", "IngressClass", "ingressclasses"),
    namespaced("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    cluster("networking.k8s.io/v1", "ServiceCIDR", "servicecidrs"),
    cluster("networking.k8s.io/v1beta1", "IPAddress", "ipaddresses").until(36),
    cluster("networking.k8s.io/v1beta1", "ServiceCIDR", "servicecidrs").until(36),
    cluster("node.k8s.io/v1", "RuntimeClass", "runtimeclasses"),
    namespaced("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    cluster("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles"),
    cluster("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings"),
    namespaced("rbac.authorization.k8s.io/v1", "Role", "roles"),
    namespaced("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    cluster("resource.k8s.io/v1", "DeviceClass", "deviceclasses").from(34),
    cluster("resource.k8s.io/v1", "DeviceTaintRule", "devicetaintrules").from(37),
    namespaced("resource.k8s.io/v1", "ResourceClaim", "resourceclaims").from(34),
    namespaced("resource.k8s.io/v1", "ResourceClaimTemplate", "resourceclaimtemplates").from(34),
    cluster("resource.k8s.io/v1", "ResourceSlice", "resourceslices").from(34),
    cluster("resource.k8s.io/v1beta1", "DeviceClass", "deviceclasses"),
    cluster("resource.k8s.io/v1beta2", "DeviceClass", "deviceclasses"),
    cluster("resource.k8s.io/v1beta2", "DeviceTaintRule", "devicetaintrules").from(36),
    namespaced("resource.k8s.io/v1beta1", "ResourceClaim", "resourceclaims"),
    namespaced("resource.k8s.io/v1beta2", "ResourceClaim", "resourceclaims"),
    namespaced("resource.k8s.io/v1beta1", "ResourceClaimTemplate", "resourceclaimtemplates"),
    namespaced("resource.k8s.io/v1beta2", "ResourceClaimTemplate", "resourceclaimtemplates"),
    cluster("resource.k8s.io/v1beta1", "ResourceSlice", "resourceslices"),
    cluster("resource.k8s.io/v1beta2", "ResourceSlice", "resourceslices"),
    cluster("resource.k8s.io/v1alpha3", "DeviceClass", "deviceclasses").until(33),
    cluster("resource.k8s.io/v1alpha3", "DeviceTaintRule", "devicetaintrules"),
    namespaced("resource.k8s.io/v1alpha3", "ResourceClaim", "resourceclaims").until(33),
    namespaced("resource.k8s.io/v1alpha3", "ResourceClaimTemplate", "resourceclaimtemplates").until(33),
    cluster("resource.k8s.io/v1alpha3", "ResourcePoolStatusRequest", "resourcepoolstatusrequests").from(36),
    cluster("resource.k8s.io/v1alpha3", "ResourceSlice", "resourceslices").until(33),
    cluster("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses"),
    namespaced("scheduling.k8s.io/v1beta1", "PodGroup", "podgroups").from(37),
    namespaced("scheduling.k8s.io/v1beta1", "Workload", "workloads").from(37),
    namespaced("scheduling.k8s.io/v1alpha3", "CompositePodGroup", "compositepodgroups").from(37),
    namespaced("scheduling.k8s.io/v1alpha2", "PodGroup", "podgroups").from(36).until(36),
    namespaced("scheduling.k8s.io/v1alpha3", "PodGroup", "podgroups").from(37),
    namespaced("scheduling.k8s.io/v1alpha1", "Workload", "workloads").from(35).until(35),
    namespaced("scheduling.k8s.io/v1alpha2", "Workload", "workloads").from(36).until(36),
    namespaced("scheduling.k8s.io/v1alpha3", "Workload", "workloads").from(37),
    cluster("storage.k8s.io/v1", "CSIDriver", "csidrivers"),
    cluster("storage.k8s.io/v1", "CSINode", "csinodes"),
    namespaced("storage.k8s.io/v1", "CSIStorageCapacity", "csistoragecapacities"),
    cluster("storage.k8s.io/v1", "StorageClass", "storageclasses"),
    cluster("storage.k8s.io/v1", "VolumeAttachment", "volumeattachments"),
    cluster("storage.k8s.io/v1", "VolumeAttributesClass", "volumeattributesclasses").from(34),
    cluster("storage.k8s.io/v1beta1", "VolumeAttributesClass", "volumeattributesclasses").until(36),
    cluster("storage.k8s.io/v1alpha1", "VolumeAttributesClass", "volumeattributesclasses").until(34),
    cluster("storagemigration.k8s.io/v1", "StorageVersionMigration", "storageversionmigrations").from(37),
    cluster("storagemigration.k8s.io/v1beta1", "StorageVersionMigration", "storageversionmigrations").from(35),
    cluster("storagemigration.k8s.io/v1alpha1", "StorageVersionMigration", "storageversionmigrations").until(34),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_what_was_meant() {
        assert_eq!(find("v1", "Pod").map(|found| (found.plural, found.namespaced)), Some(("pods", true)));
        assert_eq!(find("v1", "Node").map(|found| found.namespaced), Some(false));
        assert_eq!(respelt("deployments").map(|found| found.kind), Some("Deployment"));
        assert_eq!(respelt("configmap").map(|found| found.kind), Some("ConfigMap"));
        assert_eq!(elsewhere("v1", "Deployment").map(|found| found.api_version), Some("apps/v1"));
        assert_eq!(elsewhere("apps/v9", "Deployment"), None, "a later version of the right group");
        assert_eq!(elsewhere("apps/v1beta2", "Deployment").map(|found| found.api_version), Some("apps/v1"));
        assert_eq!(
            elsewhere("autoscaling/v2beta2", "HorizontalPodAutoscaler").map(|found| found.api_version),
            Some("autoscaling/v2")
        );
        assert_eq!(elsewhere("resource.k8s.io/v1beta1", "DeviceClass"), None, "an older version that is served");
        assert_eq!(elsewhere("apps/odd", "Deployment"), None, "no version of Kubernetes' own");
        assert_eq!(elsewhere("example.com/v1", "Deployment"), None, "a custom kind of the same name");
        assert_eq!(near_kind("v1", "Podd").map(|found| found.kind), Some("Pod"));
        assert_eq!(near_kind("example.com/v1", "Podd"), None);
        assert_eq!(near_group("app/v1", None), Some("apps/v1"));
        assert_eq!(near_group("core/v1", Some("Pod")), Some("v1"));
        assert_eq!(near_group("example.com/v1", Some("Pod")), None);
        assert_eq!(version_of("networking.k8s.io"), Some("networking.k8s.io/v1"));
    }

    #[test]
    fn kinds_know_the_features_that_have_them() {
        let check = |api_version: &str, kind: &str, expect: &str| {
            assert_eq!(find(api_version, kind).expect("a kind of the table").features(), expect);
        };
        check("v1", "Pod", "every feature");
        check("resource.k8s.io/v1", "DeviceClass", "the feature `v1_34` or a later one");
        check("storage.k8s.io/v1alpha1", "VolumeAttributesClass", "the feature `v1_34` or an earlier one");
        check("scheduling.k8s.io/v1alpha1", "Workload", "the feature `v1_35`");
    }

    #[test]
    fn each_kind_stands_once_and_its_newest_version_first() {
        for (at, builtin) in BUILTINS.iter().enumerate() {
            let (same, of_kind): (Vec<&Builtin>, Vec<&Builtin>) = BUILTINS[..at]
                .iter()
                .filter(|other| other.kind == builtin.kind && group(other.api_version) == group(builtin.api_version))
                .partition(|other| other.api_version == builtin.api_version);
            assert!(same.is_empty(), "{builtin:?} stands twice");
            assert!(builtin.served.0 <= builtin.served.1, "{builtin:?}");
            let stable = |builtin: &Builtin| age(builtin.api_version).map(|age| age.0);
            assert!(of_kind.iter().all(|newer| stable(newer) >= stable(builtin)), "{builtin:?} stands too late");
        }
    }
}
