//! Fields that the types have and a server does not keep: what they are for is not switched on unless somebody asks for
//! it.
//!
//! A client may send them, and nothing is said; they are gone before anything else is looked at.

/// By package and type. They are those whose gate a kube-apiserver v1.37.2 has off by default.
const OFF: [(&str, &str, &[&str]); 29] = [
    ("batch/v1", "JobSpec", &["scheduling"]),
    ("coordination/v1", "LeaseSpec", &["preferredHolder", "strategy"]),
    ("core/v1", "ClusterTrustBundleProjection", &["user"]),
    ("core/v1", "ConfigMapVolumeSource", &["defaultUser"]),
    ("core/v1", "ContainerStatus", &["stopSignal"]),
    ("core/v1", "DownwardAPIVolumeFile", &["user"]),
    ("core/v1", "DownwardAPIVolumeSource", &["defaultUser"]),
    ("core/v1", "EmptyDirVolumeSource", &["mode"]),
    ("core/v1", "GRPCAction", &["mode"]),
    ("core/v1", "HTTPGetAction", &["protocol"]),
    ("core/v1", "KeyToPath", &["user"]),
    ("core/v1", "Lifecycle", &["stopSignal"]),
    ("core/v1", "NodeSpec", &["podPreemptionPolicy"]),
    ("core/v1", "PodCertificateProjection", &["user"]),
    ("core/v1", "PodSpec", &["evictionResponders", "schedulingGroup"]),
    ("core/v1", "PodStatus", &["nodeAllocatableResourceClaimStatuses", "volumeHealth"]),
    ("core/v1", "ProjectedVolumeSource", &["defaultUser"]),
    ("core/v1", "SecretVolumeSource", &["defaultUser"]),
    ("core/v1", "ServiceAccountTokenProjection", &["user"]),
    ("core/v1", "VolumeMount", &["bindMountOptions"]),
    ("core/v1", "VolumeStatus", &["image"]),
    ("resource/v1", "Device", &["nodeAllocatableResources"]),
    ("resource/v1", "DeviceAttribute", &["bools", "ints", "strings", "versions"]),
    ("resource/v1", "DeviceCounterConsumption", &["compatibilityGroups"]),
    ("resource/v1", "DeviceRequestAllocationResult", &["skipNodeOperations"]),
    ("resource/v1", "DeviceSubRequest", &["derivedAttributes"]),
    ("resource/v1", "ExactDeviceRequest", &["derivedAttributes"]),
    ("resource/v1", "ResourceSliceSpec", &["partitionTypeAttribute", "skipNodeOperations"]),
    ("storage/v1", "CSINodeStatus", &["storageHealth"]),
];

/// Whether a field of a type is one of them.
pub(super) fn is_off(package: &str, ty: &str, field: &str) -> bool {
    OFF.iter().any(|(known, name, fields)| (*known, *name) == (package, ty) && fields.contains(&field))
}
