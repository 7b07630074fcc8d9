//! The objects that are measured with: seeded, of fixed sizes, with the share of managedFields that real pods have.

use serde_json::{Value, json};

/// A pod of about 8.4 KB as JSON, of which managedFields are about a third.
pub fn pod(number: usize) -> Value {
    let name = format!("web-{number:06}");
    let containers: Vec<Value> = (0..3).map(container).collect();
    let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition);
    let statuses: Vec<Value> = (0..3).map(container_status).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": { "app": "web", "pod-template-hash": "5d4f8c7b9", "tier": "front", "shard": (number % 100).to_string() },
            "annotations": { "bench/at": at(0), "bench/event": "0000000000-firehose", "checksum/config": "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea" },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4f8c7b9", "uid": "4f9c6f5e-0b0a-4d8c-9a57-2f7a7f3a1c11", "controller": true, "blockOwnerDeletion": true }],
            "managedFields": [managed("kube-controller-manager"), managed("kubelet"), managed("scheduler")],
        },
        "spec": {
            "containers": containers,
            "nodeName": format!("node-{}", number % 50),
            "serviceAccountName": "default",
            "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler",
            "terminationGracePeriodSeconds": 30,
            "tolerations": [
                { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 },
                { "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 },
            ],
            "volumes": [{ "name": "kube-api-access", "projected": { "defaultMode": 420, "sources": [{ "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } }] } }],
        },
        "status": {
            "phase": "Running",
            "podIP": "10.244.1.17",
            "podIPs": [{ "ip": "10.244.1.17" }],
            "hostIP": "192.168.1.10",
            "qosClass": "Burstable",
            "startTime": "2026-01-01T00:00:00Z",
            "conditions": conditions,
            "containerStatuses": statuses,
        },
    })
}

/// A time in the fixed width that keeps every version of an object the same size.
pub fn at(nanoseconds: u128) -> String {
    format!("{nanoseconds:020}")
}

fn container(number: usize) -> Value {
    json!({
        "name": format!("container-{number}"),
        "image": "registry.example.com/team/web-frontend:v1.24.7",
        "imagePullPolicy": "IfNotPresent",
        "args": ["--listen=0.0.0.0:8080", "--log-format=json", "--config=/etc/web/config.yaml"],
        "env": [
            { "name": "POD_NAME", "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.name" } } },
            { "name": "LOG_LEVEL", "value": "info" },
        ],
        "ports": [{ "containerPort": 8080 + number, "name": format!("http-{number}"), "protocol": "TCP" }],
        "resources": { "limits": { "cpu": "500m", "memory": "512Mi" }, "requests": { "cpu": "100m", "memory": "128Mi" } },
        "livenessProbe": { "httpGet": { "path": "/healthz", "port": 8080 + number, "scheme": "HTTP" }, "periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3 },
        "volumeMounts": [{ "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "kube-api-access", "readOnly": true }],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    })
}

fn container_status(number: usize) -> Value {
    json!({
        "name": format!("container-{number}"),
        "ready": true,
        "started": true,
        "restartCount": 0,
        "image": "registry.example.com/team/web-frontend:v1.24.7",
        "imageID": "registry.example.com/team/web-frontend@sha256:9b2a7c1de0b3d5c7f4b1e8a6f0c2d4e6f8a0b2c4d6e8f0a1b3c5d7e9f1a3b5c7",
        "containerID": "containerd://0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "lastState": {},
        "state": { "running": { "startedAt": "2026-01-01T00:00:05Z" } },
    })
}

fn condition(kind: &str) -> Value {
    json!({ "type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-01-01T00:00:05Z" })
}

fn managed(manager: &str) -> Value {
    let fields: serde_json::Map<String, Value> = (0..4)
        .map(|number| {
            let inside = json!({
                ".": {}, "f:args": {}, "f:env": { ".": {}, "k:{\"name\":\"POD_NAME\"}": { ".": {}, "f:name": {}, "f:valueFrom": {} } },
                "f:image": {}, "f:name": {}, "f:resources": { ".": {}, "f:limits": {} },
            });
            (format!("k:{{\"name\":\"container-{number}\"}}"), inside)
        })
        .collect();
    json!({
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": { "f:metadata": { "f:labels": { ".": {}, "f:app": {} } }, "f:spec": { "f:containers": fields } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_has_the_size_and_the_share_of_managed_fields_that_the_report_counts_on() {
        let mut pod = pod(1);
        let whole = pod.to_string().len();
        pod["metadata"].as_object_mut().expect("an object").remove("managedFields");
        let share = (whole - pod.to_string().len()) * 100 / whole;
        assert!((8300..=8600).contains(&whole) && (33..=37).contains(&share), "{whole} bytes, {share} %");
    }
}
