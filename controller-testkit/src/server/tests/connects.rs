//! What leads out of the server: to nodes, pods and the programs beside it, none of which is there.

use serde_json::{Value, json};

use super::{Rig, text};

const PODS: &str = "/api/v1/namespaces/default/pods";

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

#[test]
fn who_leads_a_cluster_is_well() {
    let mut rig = Rig::new();
    let healthy = |rig: &mut Rig| {
        let list = rig.get("/api/v1/componentstatuses").is(200).body;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| text(&item["conditions"][0]["status"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(healthy(&mut rig), ["False", "True", "False"]);
    rig.server.ask_for_accounts();
    assert_eq!(healthy(&mut rig), ["True", "True", "True"]);
}

#[test]
fn what_would_need_a_kubelet_is_named() {
    let mut rig = Rig::new();
    let node =
        json!({"metadata": {"name": "n"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}});
    rig.post("/api/v1/nodes", node).is(201);
    let mut placed = pod("p");
    placed["spec"]["nodeName"] = json!("n");
    rig.post(PODS, placed).is(201);
    let address = json!({"podIP": "10.1.0.1", "podIPs": [{"ip": "10.1.0.1"}]});
    rig.patch(&format!("{PODS}/p/status"), json!({"status": address})).is(200);
    let slice = json!({
        "metadata": {"name": "s-1", "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": "IPv4",
        "endpoints": [{
            "addresses": ["10.1.0.1"],
            "targetRef": {"kind": "Pod", "namespace": "default", "name": "p"},
        }],
        "ports": [{"name": "", "port": 80}],
    });
    rig.post("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", slice).is(201);
    for (path, what) in [
        (format!("{PODS}/p/log"), "the kubelet of the node \"n\""),
        (format!("{PODS}/p/proxy/x"), "what listens at 10.1.0.1"),
        ("/api/v1/namespaces/default/services/s/proxy/x".to_owned(), "what listens at 10.1.0.1"),
        ("/api/v1/nodes/n/proxy/metrics".to_owned(), "the kubelet of the node \"n\""),
    ] {
        let refused = rig.get(&path).is(501);
        let message = format!("{what} is not available on the embedded API server yet");
        assert_eq!(refused.body["message"], message, "{path}");
    }
    let upgrade = format!("POST {PODS}/p/exec?command=ls\nConnection: Upgrade\nUpgrade: SPDY/3.1");
    rig.ask(&upgrade, "").is(501);
}
