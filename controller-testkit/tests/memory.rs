//! What objects take in memory, told by the process that holds them: a file of its own, since nothing else may run in it.
#![cfg(target_os = "linux")]

use std::time::Duration;

use controller_testkit::{Cluster, World};
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

const PODS: usize = 10_000;

/// A pod as a Deployment makes them, with its owner and its managedFields.
fn pod(number: usize) -> Value {
    let name = format!("web-5d5c7f8b9c-{number:05}");
    let variables: Vec<Value> = (0..12)
        .map(|index| json!({"name": format!("SETTING_{index}"), "value": format!("value-{index}-of-{name}")}))
        .collect();
    let owned: serde_json::Map<String, Value> = (0..12)
        .map(|index| (format!("k:{{\"name\":\"SETTING_{index}\"}}"), json!({".": {}, "f:name": {}, "f:value": {}})))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "default",
            "labels": {"app": "web", "pod-template-hash": "5d5c7f8b9c"},
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d5c7f8b9c", "controller": true,
                "uid": "6a2f6f4e-6c1d-4b0e-9d3f-0d9a6b6f0c11",
            }],
            "managedFields": [{
                "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
                "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}}},
                    "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:env": owned, "f:image": {}}}}},
            }],
        },
        "spec": {
            "containers": [{
                "name": "web", "image": "registry.example.com/team/web:v1.2.3", "env": variables,
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
            }],
            "nodeName": "node-1", "serviceAccountName": "default",
        },
        "status": {"phase": "Running", "podIP": "10.244.1.2"},
    })
}

/// The memory that the process has now, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux tells it");
    let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}

#[tokio::test(start_paused = true)]
async fn pods_take_little_more_than_their_json() {
    let cluster = Cluster::builder().world(World::none()).forget_after(Duration::from_secs(1)).build();
    // The tables, the first trees and the allocator's own are there before.
    (0..300).for_each(|number| cluster.restore(pod(PODS + number)).expect("it is served"));
    let before = resident();
    for number in 0..PODS {
        cluster.restore(pod(number)).expect("it is served");
        // Meanwhile what is old is forgotten.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(cluster.client(), "default");
    let took = resident().saturating_sub(before);
    let page = pods.list(&ListParams::default().limit(100)).await.expect("a page");
    let json: usize = page.items.iter().map(|pod| serde_json::to_vec(pod).expect("JSON").len()).sum();
    let share = took as f64 / (json * PODS / page.items.len()) as f64;
    assert!((0.8..=1.2).contains(&share), "{share:.2} times their JSON");
}
