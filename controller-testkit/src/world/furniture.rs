//! What a fresh cluster and a fresh namespace come with.

use serde_json::json;

use super::Reach;
use super::hand::{Hand, kind};
use super::object;

/// The name of the one node.
pub(super) const NODE: &str = "node-1";

/// The address of the one node, on which the API server is said to be.
const ADDRESS: &str = "192.168.0.1";

/// The namespaces of every cluster.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Puts into an empty cluster what the API server and the cluster's own controllers put there.
pub(super) fn furnish(hand: &mut Hand<'_>, reach: Reach) {
    for name in NAMESPACES {
        hand.create(&kind::NAMESPACES, "", &json!({"metadata": {"name": name}}));
        if reach >= Reach::Housekeeping {
            furnish_namespace(name, hand);
        }
    }
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    hand.create(
        &kind::SERVICES,
        "default",
        &json!({
            "metadata": {"name": "kubernetes", "labels": labels},
            "spec": {
                "type": "ClusterIP",
                "clusterIP": "10.96.0.1",
                "clusterIPs": ["10.96.0.1"],
                "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack",
                "internalTrafficPolicy": "Cluster",
                "sessionAffinity": "None",
                "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": 6443}],
            },
        }),
    );
    endpoints(hand);
    service_addresses(hand);
    if reach >= Reach::Workloads {
        node(hand);
    }
}

/// Where the API server says that it is to be found.
fn endpoints(hand: &mut Hand<'_>) {
    hand.create(
        &kind::ENDPOINTS,
        "default",
        &json!({
            "metadata": {"name": "kubernetes", "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
            "subsets": [{
                "addresses": [{"ip": ADDRESS}],
                "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
            }],
        }),
    );
    hand.create(
        &kind::ENDPOINT_SLICES,
        "default",
        &json!({
            "metadata": {"name": "kubernetes", "labels": {"kubernetes.io/service-name": "kubernetes"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": true}}],
            "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
        }),
    );
}

/// Of which addresses services get theirs.
fn service_addresses(hand: &mut Hand<'_>) {
    let body = json!({"metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.96.0.0/12"]}});
    hand.create(&kind::SERVICE_CIDRS, "", &body);
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "", "message": "Kubernetes default Service CIDR is ready",
        "lastTransitionTime": object::time(hand.now()),
    });
    hand.patch_status(&kind::SERVICE_CIDRS.place("", "kubernetes"), &json!({"status": {"conditions": [ready]}}));
}

/// Puts into a namespace what it lacks of the things that every namespace has.
pub(super) fn furnish_namespace(name: &str, hand: &mut Hand<'_>) {
    let place = kind::NAMESPACES.place("", name);
    if hand.get(&place).is_none_or(|namespace| object::is_deleting(&namespace)) {
        return;
    }
    let account = kind::SERVICE_ACCOUNTS.place(name, "default");
    if hand.get(&account).is_none() {
        hand.create(&kind::SERVICE_ACCOUNTS, name, &json!({"metadata": {"name": "default"}}));
    }
    let authority = kind::CONFIG_MAPS.place(name, "kube-root-ca.crt");
    if hand.get(&authority).is_none() {
        let about = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints \
                     such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across \
                     distributions of Kubernetes clusters.";
        hand.create(
            &kind::CONFIG_MAPS,
            name,
            &json!({
                "metadata": {
                    "name": "kube-root-ca.crt",
                    "annotations": {"kubernetes.io/description": about},
                },
                "data": {"ca.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"},
            }),
        );
    }
}

fn node(hand: &mut Hand<'_>) {
    let room = json!({"cpu": "8", "memory": "16Gi", "pods": "1000", "ephemeral-storage": "100Gi"});
    hand.create(
        &kind::NODES,
        "",
        &json!({
            "metadata": {
                "name": NODE,
                "labels": {
                    "kubernetes.io/arch": "amd64",
                    "kubernetes.io/hostname": NODE,
                    "kubernetes.io/os": "linux",
                    "node-role.kubernetes.io/control-plane": "",
                },
            },
            "spec": {"podCIDR": "10.244.0.0/16", "podCIDRs": ["10.244.0.0/16"]},
        }),
    );
    let now = object::time(hand.now());
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    let status = json!({"status": {
        "addresses": [
            {"type": "InternalIP", "address": ADDRESS},
            {"type": "Hostname", "address": NODE},
        ],
        "allocatable": room,
        "capacity": room,
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": "", "machineID": "", "systemUUID": "",
            "containerRuntimeVersion": "testkit://1",
            "kernelVersion": "6.12.0",
            "kubeProxyVersion": "",
            "kubeletVersion": "v1.37.2",
            "operatingSystem": "linux",
            "osImage": "controller-testkit",
        },
    }});
    let place = kind::NODES.place("", NODE);
    hand.patch_status(&place, &status);
    // It was new, and so tainted until it is ready.
    hand.patch(&place, &json!({"spec": {"taints": null}}));
    lease(hand);
}

/// By its lease a node shows that it lives.
fn lease(hand: &mut Hand<'_>) {
    let Some(node) = hand.get(&kind::NODES.place("", NODE)) else { return };
    let mut owners = object::controlled_by(&node, kind::NODES.api_version, kind::NODES.kind);
    for member in ["controller", "blockOwnerDeletion"] {
        owners[0].as_object_mut().and_then(|owner| owner.remove(member));
    }
    let renewed = hand.now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    hand.create(
        &kind::LEASES,
        "kube-node-lease",
        &json!({
            "metadata": {"name": NODE, "ownerReferences": owners},
            "spec": {"holderIdentity": NODE, "leaseDurationSeconds": 40, "renewTime": renewed},
        }),
    );
}
