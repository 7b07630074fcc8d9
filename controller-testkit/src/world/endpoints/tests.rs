use serde_json::{Value, json};

use crate::Cluster;
use crate::cluster::tests::{Hand, pass};

const PODS: &str = "/api/v1/namespaces/default/pods";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const LISTS: &str = "/api/v1/namespaces/default/endpoints";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

fn pod(name: &str, port: u16) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"name": "http", "containerPort": port}]}]},
    })
}

fn service(extra: Value) -> Value {
    let mut spec = json!({
        "selector": {"app": "web"},
        "ports": [{"name": "web", "port": 80, "targetPort": "http", "appProtocol": "h2c"}, {"name": "raw", "port": 9}],
    });
    for (name, value) in extra.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    json!({"metadata": {"name": "web", "labels": {"team": "a"}}, "spec": spec})
}

/// The slices of the service, without that of the server's own.
async fn slices(hand: &Hand) -> Vec<Value> {
    let all = hand.get(&format!("{SLICES}?labelSelector=kubernetes.io%2Fservice-name%3Dweb")).await;
    all["items"].as_array().cloned().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_service_leads_to_the_pods_that_it_selects() {
    let hand = Hand(Cluster::new().client());
    hand.create(SERVICES, service(json!({}))).await;
    pass(1).await;
    let empty = slices(&hand).await;
    assert_eq!((empty.len(), &empty[0]["endpoints"], &empty[0]["ports"]), (1, &Value::Null, &Value::Null));
    assert_eq!(hand.get(&format!("{LISTS}/web")).await["subsets"], Value::Null);
    hand.create(PODS, pod("a", 8080)).await;
    pass(1).await;
    let pod = hand.get(&format!("{PODS}/a")).await;
    let (ip, uid) = (&pod["status"]["podIP"], &pod["metadata"]["uid"]);
    let target = json!({"kind": "Pod", "namespace": "default", "name": "a", "uid": uid});
    let list = hand.get(&format!("{LISTS}/web")).await;
    let expect = json!([{
        "addresses": [{"ip": ip, "nodeName": "node-1", "targetRef": target}],
        "ports": [
            {"name": "web", "port": 8080, "protocol": "TCP", "appProtocol": "h2c"},
            {"name": "raw", "port": 9, "protocol": "TCP"},
        ],
    }]);
    assert_eq!(list["subsets"], expect);
    let known = json!({"team": "a", "endpoints.kubernetes.io/managed-by": "endpoint-controller"});
    assert_eq!(list["metadata"]["labels"], known);
    let found = slices(&hand).await;
    assert_eq!(found.len(), 1, "the empty one has gone");
    let slice = &found[0];
    let expect = json!([{
        "addresses": [ip],
        "conditions": {"ready": true, "serving": true, "terminating": false},
        "nodeName": "node-1",
        "targetRef": target,
    }]);
    assert_eq!(slice["endpoints"], expect);
    assert_eq!(slice["ports"], list["subsets"][0]["ports"]);
    assert_eq!(slice["metadata"]["ownerReferences"][0]["kind"], "Service");
    assert_eq!(
        slice["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"],
        "endpointslice-controller.k8s.io"
    );
}

#[tokio::test(start_paused = true)]
async fn endpoints_follow_pods_and_services() {
    let hand = Hand(Cluster::new().client());
    hand.create(SERVICES, service(json!({}))).await;
    for (name, port) in [("a", 8080), ("b", 8080), ("c", 9090)] {
        hand.create(PODS, pod(name, port)).await;
    }
    let none = json!({"metadata": {"name": "d", "labels": {"app": "other"}}, "spec": pod("d", 1)["spec"]});
    hand.create(PODS, none).await;
    pass(1).await;
    let ports = |slice: &Value| slice["ports"][0]["port"].clone();
    let shape = async || {
        let mut shape: Vec<(Value, usize)> = slices(&hand)
            .await
            .iter()
            .map(|slice| (ports(slice), slice["endpoints"].as_array().map_or(0, Vec::len)))
            .collect();
        shape.sort_by_key(|(port, _)| port.as_i64());
        shape
    };
    assert_eq!(shape().await, [(json!(8080), 2), (json!(9090), 1)], "pods with other ports have a slice of their own");
    let subsets = hand.get(&format!("{LISTS}/web")).await["subsets"].clone();
    let raw = subsets.as_array().into_iter().flatten().find(|subset| subset["ports"][0]["name"] == "raw");
    assert_eq!(raw.map(|subset| subset["addresses"].as_array().map(Vec::len)), Some(Some(3)), "{subsets}");
    // Out of sight by its label, and gone.
    hand.patch(&format!("{PODS}/b"), json!({"metadata": {"labels": {"app": "x"}}})).await;
    hand.delete(&format!("{PODS}/c")).await;
    pass(1).await;
    assert_eq!(shape().await, [(json!(8080), 1)]);
    // What a client takes away is made again.
    let name = slices(&hand).await[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    hand.delete(&format!("{SLICES}/{name}")).await;
    hand.delete(&format!("{LISTS}/web")).await;
    pass(1).await;
    assert_eq!(shape().await, [(json!(8080), 1)]);
    assert_eq!(hand.get(&format!("{LISTS}/web")).await["subsets"][0]["addresses"][0]["targetRef"]["name"], "a");
    hand.delete(&format!("{SERVICES}/web")).await;
    pass(1).await;
    assert!(slices(&hand).await.is_empty(), "they go with their owner");
    assert_eq!(hand.names(LISTS).await, ["kubernetes"]);
}

#[tokio::test(start_paused = true)]
async fn pods_that_are_not_ready_are_told_apart() {
    let hand = Hand(Cluster::new().client());
    hand.create(SERVICES, service(json!({"clusterIP": "None", "ports": null}))).await;
    let mut gated = pod("a", 80);
    gated["spec"]["readinessGates"] = json!([{"conditionType": "example.com/open"}]);
    (gated["spec"]["hostname"], gated["spec"]["subdomain"]) = (json!("first"), json!("web"));
    hand.create(PODS, gated).await;
    pass(1).await;
    let list = hand.get(&format!("{LISTS}/web")).await;
    let subset = &list["subsets"][0];
    assert_eq!((&subset["addresses"], &subset["ports"]), (&Value::Null, &Value::Null));
    assert_eq!(subset["notReadyAddresses"][0]["hostname"], "first");
    assert_eq!(list["metadata"]["labels"]["service.kubernetes.io/headless"], "");
    let conditions = async || slices(&hand).await[0]["endpoints"][0]["conditions"].clone();
    assert_eq!(conditions().await, json!({"ready": false, "serving": false, "terminating": false}));
    hand.patch(&format!("{SERVICES}/web"), json!({"spec": {"publishNotReadyAddresses": true}})).await;
    pass(1).await;
    assert_eq!(conditions().await, json!({"ready": true, "serving": false, "terminating": false}));
    let list = hand.get(&format!("{LISTS}/web")).await;
    assert_eq!(list["subsets"][0]["addresses"][0]["targetRef"]["name"], "a");
}
