//! The world as a client sees it: what the cluster's own controllers have done after a while.

use http::Method;
use serde_json::{Value, json};

use crate::cluster::tests::{Hand, pass};
use crate::{Cluster, World};

const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";

fn full() -> Hand {
    Hand(Cluster::new().client())
}

fn template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    })
}

fn workload(kind: &str, api_version: &str, spec: Value) -> Value {
    let mut spec = spec;
    spec["selector"] = json!({"matchLabels": {"app": "web"}});
    spec["template"] = template("nginx:1");
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, "spec": spec})
}

pub(super) fn pod(name: &str) -> Value {
    let spec = template("nginx")["spec"].clone();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

fn map(name: &str, owners: &[&Value]) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|owner| {
            json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "blockOwnerDeletion": true,
            })
        })
        .collect();
    let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    if !owners.is_empty() {
        map["metadata"]["ownerReferences"] = json!(owners);
    }
    map
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = conditions.iter().find(|condition| condition["type"] == kind);
    found.and_then(|condition| condition["status"].as_str()).unwrap_or_default()
}

/// The names of config maps that a test has made.
async fn maps(hand: &Hand) -> Vec<String> {
    hand.names(MAPS).await.into_iter().filter(|name| name != "kube-root-ca.crt").collect()
}

#[tokio::test(start_paused = true)]
async fn a_fresh_cluster_is_furnished() {
    let hand = full();
    assert_eq!(hand.names("/api/v1/namespaces").await, ["default", "kube-node-lease", "kube-public", "kube-system"]);
    let service = hand.get("/api/v1/namespaces/default/services/kubernetes").await;
    assert_eq!(service["spec"]["ports"][0]["port"], 443);
    let ports = &hand.get("/api/v1/namespaces/default/endpoints/kubernetes").await["subsets"][0]["ports"];
    assert_eq!(ports[0]["port"], service["spec"]["ports"][0]["targetPort"]);
    assert_eq!(hand.names("/apis/discovery.k8s.io/v1/endpointslices").await, ["kubernetes"]);
    let addresses = hand.get("/apis/networking.k8s.io/v1/servicecidrs/kubernetes").await;
    assert_eq!((&addresses["spec"]["cidrs"], condition(&addresses, "Ready")), (&json!(["10.96.0.0/12"]), "True"));
    let node = hand.get("/api/v1/nodes/node-1").await;
    assert_eq!(condition(&node, "Ready"), "True");
    assert_eq!(node["spec"]["taints"], Value::Null, "it takes pods");
    let lease = hand.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1").await;
    assert_eq!(lease["metadata"]["ownerReferences"][0]["uid"], node["metadata"]["uid"]);
    let mut critical = pod("critical");
    critical["spec"]["priorityClassName"] = "system-node-critical".into();
    hand.create("/api/v1/namespaces/kube-system/pods", critical).await;
    let critical = hand.get("/api/v1/namespaces/kube-system/pods/critical").await;
    assert_eq!(critical["spec"]["priority"], 2_000_001_000);
    let levels = hand.names("/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations").await;
    assert!(levels.iter().any(|level| level == "leader-election"), "{levels:?}");
    let bare = Hand(Cluster::builder().world(World::none()).build().client());
    assert_eq!(bare.names("/api/v1/nodes").await, [""; 0]);
    assert_eq!(bare.names("/api/v1/services").await, ["kubernetes"]);
}

#[tokio::test(start_paused = true)]
async fn whom_to_trust_is_not_for_clients_to_say() {
    let hand = full();
    let path = format!("{MAPS}/kube-root-ca.crt");
    let first = hand.get(&path).await["data"].clone();
    hand.patch(&path, json!({"data": {"ca.crt": "mine", "more": "too"}})).await;
    pass(1).await;
    assert_eq!(hand.get(&path).await["data"], first);
    hand.delete(&path).await;
    pass(1).await;
    assert_eq!(hand.get(&path).await["data"], first);
}

#[tokio::test(start_paused = true)]
async fn a_bare_server_tells_of_itself() {
    let hand = Hand(Cluster::builder().world(World::none()).build().client());
    let mut served: Vec<String> = vec!["v1.".to_owned()];
    for group in hand.get("/apis").await["groups"].as_array().expect("a list of groups") {
        // Who keeps the list does not stand in it.
        let versions = group["versions"].as_array().filter(|_| group["name"] != "apiregistration.k8s.io");
        let name = |version: &Value| Some(format!("{}.{}", version["version"].as_str()?, group["name"].as_str()?));
        served.extend(versions.into_iter().flatten().filter_map(name));
    }
    served.sort();
    assert_eq!(hand.names("/apis/apiregistration.k8s.io/v1/apiservices").await, served);
    let default = "/api/v1/namespaces/default";
    let address = hand.get(&format!("{default}/services/kubernetes")).await["spec"]["clusterIP"].clone();
    assert_eq!(hand.names("/apis/networking.k8s.io/v1/ipaddresses").await, [address.as_str().expect("an address")]);
    assert_eq!(hand.names("/apis/networking.k8s.io/v1/servicecidrs").await, ["kubernetes"]);
    let endpoints =
        hand.get(&format!("{default}/endpoints/kubernetes")).await["subsets"][0]["addresses"][0]["ip"].clone();
    let slice = hand.get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes").await;
    assert_eq!(slice["endpoints"][0]["addresses"], json!([endpoints]));
    let lease = hand.get("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases").await["items"][0].clone();
    let held = format!("{}_", lease["metadata"]["name"].as_str().expect("a name"));
    assert!(lease["spec"]["holderIdentity"].as_str().expect("a holder").starts_with(&held), "{lease}");
    assert_eq!(lease["metadata"]["labels"]["apiserver.kubernetes.io/identity"], "kube-apiserver");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_furnished_and_keeps_its_furniture() {
    let hand = full();
    hand.create("/api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}))
        .await;
    pass(1).await;
    for path in ["/api/v1/namespaces/a/serviceaccounts/default", "/api/v1/namespaces/a/configmaps/kube-root-ca.crt"] {
        assert_eq!(hand.get(path).await["metadata"]["namespace"], "a");
        assert_eq!(hand.delete(path).await, 200);
        pass(1).await;
        assert_eq!(hand.get(path).await["metadata"]["namespace"], "a", "it comes back");
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_goes_once_it_is_empty() {
    let hand = full();
    hand.create("/api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}))
        .await;
    hand.create("/api/v1/namespaces/a/pods", pod("x")).await;
    let mut held = map("held", &[]);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    hand.create("/api/v1/namespaces/a/configmaps", held).await;
    pass(1).await;
    assert_eq!(hand.delete("/api/v1/namespaces/a").await, 200);
    pass(5).await;
    let namespace = hand.get("/api/v1/namespaces/a").await;
    assert_eq!(namespace["status"]["phase"], "Terminating");
    assert_eq!(condition(&namespace, "NamespaceContentRemaining"), "True");
    assert_eq!(condition(&namespace, "NamespaceFinalizersRemaining"), "True");
    assert_eq!(hand.names("/api/v1/namespaces/a/pods").await, [""; 0]);
    let made = hand.send(Method::POST, "/api/v1/namespaces/a/configmaps", map("late", &[])).await;
    assert_eq!(made.0, 403, "{}", made.1);
    hand.patch("/api/v1/namespaces/a/configmaps/held", json!({"metadata": {"finalizers": null}})).await;
    pass(5).await;
    assert_eq!(hand.get("/api/v1/namespaces/a").await["code"], 404);
}

#[tokio::test(start_paused = true)]
async fn dependents_go_with_the_last_of_their_owners() {
    let hand = full();
    let one = hand.create(MAPS, map("one", &[])).await;
    let two = hand.create(MAPS, map("two", &[])).await;
    let child = hand.create(MAPS, map("child", &[&one, &two])).await;
    hand.create(MAPS, map("grandchild", &[&child])).await;
    hand.create(MAPS, map("stranger", &[])).await;
    hand.delete(&format!("{MAPS}/one")).await;
    pass(1).await;
    let child = hand.get(&format!("{MAPS}/child")).await;
    assert_eq!(child["metadata"]["ownerReferences"].as_array().map(Vec::len), Some(1));
    hand.delete(&format!("{MAPS}/two")).await;
    pass(1).await;
    assert_eq!(maps(&hand).await, ["stranger"]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_never_was_counts_as_gone() {
    let hand = full();
    let ghost = json!({"metadata": {"name": "ghost", "uid": "no-such-uid"}});
    hand.create(MAPS, map("child", &[&ghost])).await;
    pass(1).await;
    assert_eq!(maps(&hand).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_in_another_namespace_counts_as_gone() {
    let hand = full();
    let owner = hand.create("/api/v1/namespaces/kube-public/configmaps", map("owner", &[])).await;
    hand.create(MAPS, map("child", &[&owner])).await;
    pass(1).await;
    assert_eq!(maps(&hand).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn foreground_waits_for_those_that_block() {
    let hand = full();
    let owner = hand.create(MAPS, map("owner", &[])).await;
    let mut child = map("child", &[&owner]);
    child["metadata"]["finalizers"] = json!(["example.com/hold"]);
    hand.create(MAPS, child).await;
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"});
    hand.send(Method::DELETE, &format!("{MAPS}/owner"), options).await;
    pass(1).await;
    assert_eq!(maps(&hand).await, ["child", "owner"]);
    assert!(hand.get(&format!("{MAPS}/child")).await["metadata"]["deletionTimestamp"].is_string());
    hand.patch(&format!("{MAPS}/child"), json!({"metadata": {"finalizers": null}})).await;
    pass(1).await;
    assert_eq!(maps(&hand).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn orphans_are_let_go() {
    let hand = full();
    let owner = hand.create(MAPS, map("owner", &[])).await;
    hand.create(MAPS, map("child", &[&owner])).await;
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Orphan"});
    hand.send(Method::DELETE, &format!("{MAPS}/owner"), options).await;
    pass(1).await;
    assert_eq!(maps(&hand).await, ["child"]);
    assert!(hand.get(&format!("{MAPS}/child")).await["metadata"]["ownerReferences"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_pod_lives() {
    let cluster = Cluster::builder().world(World::full().pace(std::time::Duration::from_secs(10))).build();
    let hand = Hand(cluster.client());
    hand.create(PODS, pod("x")).await;
    let path = format!("{PODS}/x");
    let phase = async || {
        let pod = hand.get(&path).await;
        let node = pod["spec"]["nodeName"].is_string();
        (pod["status"]["phase"].as_str().unwrap_or_default().to_owned(), node, condition(&pod, "Ready").to_owned())
    };
    let stage = |phase: &str, node, ready: &str| (phase.to_owned(), node, ready.to_owned());
    assert!(!phase().await.1, "it has no node yet");
    pass(11).await;
    assert!(phase().await.1, "it has a node");
    pass(10).await;
    assert_eq!(phase().await, stage("Pending", true, "False"));
    pass(10).await;
    assert_eq!(phase().await, stage("Running", true, "True"));
    let pod = hand.get(&path).await;
    assert_eq!(pod["status"]["containerStatuses"][0]["ready"], true);
    assert!(pod["status"]["podIP"].is_string());
    hand.delete(&path).await;
    pass(60).await;
    assert_eq!(hand.get(&path).await["code"], 404);
}

/// What the controllers have told of an object: who, why and what.
pub(super) async fn told(hand: &Hand, kind: &str, name: &str) -> Vec<String> {
    let field = format!("involvedObject.kind%3D{kind},involvedObject.name%3D{name}");
    let list = hand.get(&format!("/api/v1/namespaces/default/events?fieldSelector={field}")).await;
    let line = |event: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let by = text(&event["source"]["component"]);
        format!("{} {by} {}: {}", text(&event["type"]), text(&event["reason"]), text(&event["message"]))
    };
    list["items"].as_array().map(|items| items.iter().map(line).collect()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn controllers_tell_what_they_do() {
    let hand = full();
    hand.patch("/api/v1/nodes/node-1", json!({"spec": {"unschedulable": true}})).await;
    let mut two = pod("x");
    two["spec"]["initContainers"] = json!([{"name": "first", "image": "busybox"}]);
    hand.create(PODS, two).await;
    pass(10).await;
    hand.patch("/api/v1/nodes/node-1", json!({"spec": {"unschedulable": null}})).await;
    pass(5).await;
    assert_eq!(
        told(&hand, "Pod", "x").await,
        [
            "Warning default-scheduler FailedScheduling: 0/1 nodes are available: 1 node(s) were unschedulable. \
             preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
            "Normal default-scheduler Scheduled: Successfully assigned default/x to node-1",
            "Normal kubelet Pulled: Container image \"busybox\" already present on machine",
            "Normal kubelet Created: Created container: first",
            "Normal kubelet Started: Started container first",
            "Normal kubelet Pulled: Container image \"nginx\" already present on machine",
            "Normal kubelet Created: Created container: main",
            "Normal kubelet Started: Started container main",
        ]
    );
    hand.delete(&format!("{PODS}/x")).await;
    pass(5).await;
    let last = told(&hand, "Pod", "x").await.pop();
    assert_eq!(last.as_deref(), Some("Normal kubelet Killing: Stopping container main"));
    hand.create(DEPLOYMENTS, workload("Deployment", "apps/v1", json!({"replicas": 2}))).await;
    pass(5).await;
    hand.patch(&format!("{DEPLOYMENTS}/web/scale"), json!({"spec": {"replicas": 1}})).await;
    pass(5).await;
    let set = hand.names(SETS).await.concat();
    let by = "Normal deployment-controller ScalingReplicaSet";
    assert_eq!(
        told(&hand, "Deployment", "web").await,
        [
            format!("{by}: Scaled up replica set {set} from 0 to 2"),
            format!("{by}: Scaled down replica set {set} from 2 to 1"),
        ]
    );
    let of_set = told(&hand, "ReplicaSet", &set).await;
    let reasons: Vec<&str> = of_set.iter().filter_map(|line| line.split([' ', ':']).nth(2)).collect();
    assert_eq!(reasons, ["SuccessfulCreate", "SuccessfulCreate", "SuccessfulDelete"]);
    assert!(of_set[0].contains(&format!("Created pod: {set}-")), "{}", of_set[0]);
    let deployment = hand.get(&format!("{DEPLOYMENTS}/web")).await;
    assert_eq!(deployment["metadata"]["generation"], 2, "the revision's annotation counts as status");
}

#[tokio::test(start_paused = true)]
async fn a_cordoned_node_takes_no_pods() {
    let hand = full();
    hand.patch("/api/v1/nodes/node-1", json!({"spec": {"unschedulable": true}})).await;
    hand.create(PODS, pod("x")).await;
    pass(10).await;
    assert!(hand.get(&format!("{PODS}/x")).await["spec"]["nodeName"].is_null());
    hand.patch("/api/v1/nodes/node-1", json!({"spec": {"unschedulable": null}})).await;
    pass(10).await;
    assert_eq!(condition(&hand.get(&format!("{PODS}/x")).await, "Ready"), "True");
}

#[tokio::test(start_paused = true)]
async fn a_pod_stays_what_a_test_makes_of_it() {
    let hand = full();
    hand.create(PODS, pod("x")).await;
    hand.patch(&format!("{PODS}/x/status"), json!({"status": {"phase": "Failed", "reason": "Evicted"}})).await;
    pass(60).await;
    assert_eq!(hand.get(&format!("{PODS}/x")).await["status"]["phase"], "Failed");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_becomes_available_scales_and_goes() {
    let hand = full();
    hand.create(DEPLOYMENTS, workload("Deployment", "apps/v1", json!({"replicas": 3}))).await;
    pass(5).await;
    let path = format!("{DEPLOYMENTS}/web");
    let deployment = hand.get(&path).await;
    let status = &deployment["status"];
    assert_eq!((&status["readyReplicas"], &status["updatedReplicas"]), (&json!(3), &json!(3)), "{status}");
    assert_eq!(status["observedGeneration"], deployment["metadata"]["generation"]);
    assert_eq!(condition(&deployment, "Available"), "True");
    assert_eq!(condition(&deployment, "Progressing"), "True");
    let set = hand.get(SETS).await["items"][0].clone();
    assert_eq!(set["metadata"]["ownerReferences"][0]["uid"], deployment["metadata"]["uid"]);
    let pods = hand.get(PODS).await;
    let pod = &pods["items"][0];
    assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], set["metadata"]["uid"]);
    assert_eq!(pod["metadata"]["labels"]["pod-template-hash"], set["metadata"]["labels"]["pod-template-hash"]);
    assert!(
        pod["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .starts_with(set["metadata"]["name"].as_str().unwrap_or("?"))
    );
    for replicas in [5, 1, 0] {
        hand.patch(&format!("{path}/scale"), json!({"spec": {"replicas": replicas}})).await;
        pass(5).await;
        assert_eq!(hand.names(PODS).await.len(), replicas, "scaled to {replicas}");
    }
    hand.patch(&path, json!({"spec": {"replicas": 2}})).await;
    pass(5).await;
    hand.delete(&path).await;
    pass(60).await;
    assert_eq!((hand.names(SETS).await.len(), hand.names(PODS).await.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_rolls_and_never_has_too_few() {
    let hand = full();
    let strategy = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    hand.create(DEPLOYMENTS, workload("Deployment", "apps/v1", json!({"replicas": 4, "strategy": strategy}))).await;
    pass(5).await;
    let path = format!("{DEPLOYMENTS}/web");
    hand.patch(&path, json!({"spec": {"template": template("nginx:2")}})).await;
    for _ in 0..200 {
        tokio::time::sleep(std::time::Duration::from_millis(7)).await;
        let pods = hand.get(PODS).await;
        let pods = pods["items"].as_array().cloned().unwrap_or_default();
        let ready = pods.iter().filter(|pod| condition(pod, "Ready") == "True").count();
        assert!(ready >= 4, "{ready} ready");
        let alive = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).count();
        assert!(alive <= 5, "{alive} pods");
    }
    let pods = hand.get(PODS).await;
    let pods = pods["items"].as_array().cloned().unwrap_or_default();
    assert!(pods.iter().all(|pod| pod["spec"]["containers"][0]["image"] == "nginx:2"), "all are new");
    assert_eq!(pods.len(), 4);
    let deployment = hand.get(&path).await;
    assert_eq!(deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
    // Back again: the first ReplicaSet is taken up with a new revision.
    hand.patch(&path, json!({"spec": {"template": template("nginx:1")}})).await;
    pass(10).await;
    assert_eq!(hand.names(SETS).await.len(), 2);
    let deployment = hand.get(&path).await;
    assert_eq!(deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    assert_eq!(deployment["status"]["updatedReplicas"], 4);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_made_anew() {
    let hand = full();
    let spec = json!({"replicas": 2, "strategy": {"type": "Recreate"}});
    hand.create(DEPLOYMENTS, workload("Deployment", "apps/v1", spec)).await;
    pass(5).await;
    hand.patch(&format!("{DEPLOYMENTS}/web"), json!({"spec": {"template": template("nginx:2")}})).await;
    pass(60).await;
    let pods = hand.get(PODS).await;
    let pods = pods["items"].as_array().cloned().unwrap_or_default();
    assert_eq!(pods.iter().filter(|pod| pod["spec"]["containers"][0]["image"] == "nginx:2").count(), 2);
    assert_eq!(pods.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_replicaset_takes_in_and_lets_go() {
    let hand = full();
    let mut stray = pod("stray");
    stray["metadata"]["labels"] = json!({"app": "web"});
    hand.create(PODS, stray).await;
    hand.create(SETS, workload("ReplicaSet", "apps/v1", json!({"replicas": 2}))).await;
    pass(5).await;
    assert_eq!(hand.names(PODS).await.len(), 2);
    assert!(hand.get(&format!("{PODS}/stray")).await["metadata"]["ownerReferences"].is_array());
    hand.patch(&format!("{PODS}/stray"), json!({"metadata": {"labels": {"app": "other"}}})).await;
    pass(5).await;
    assert_eq!(hand.names(PODS).await.len(), 3);
    assert!(hand.get(&format!("{PODS}/stray")).await["metadata"]["ownerReferences"].is_null());
    let set = hand.get(&format!("{SETS}/web")).await;
    assert_eq!((&set["status"]["replicas"], &set["status"]["readyReplicas"]), (&json!(2), &json!(2)));
}

#[tokio::test(start_paused = true)]
async fn a_replication_controller_still_has_its_pods() {
    let hand = full();
    let path = "/api/v1/namespaces/default/replicationcontrollers";
    let mut controller = workload("ReplicationController", "v1", json!({"replicas": 2}));
    controller["spec"]["selector"] = json!({"app": "web"});
    hand.create(path, controller).await;
    pass(5).await;
    let pods = hand.get(PODS).await["items"].as_array().cloned().unwrap_or_default();
    let owner = |pod: &Value| pod["metadata"]["ownerReferences"][0]["kind"].clone();
    assert_eq!(pods.iter().map(owner).collect::<Vec<_>>(), ["ReplicationController"; 2]);
    let made = hand.get(&format!("{path}/web")).await;
    assert_eq!((&made["status"]["replicas"], &made["status"]["readyReplicas"]), (&json!(2), &json!(2)));
    hand.patch(&format!("{path}/web"), json!({"spec": {"replicas": 1}})).await;
    pass(5).await;
    assert_eq!(hand.names(PODS).await.len(), 1);
    // It leaves its pods behind, unless it is asked to take them along.
    hand.delete(&format!("{path}/web")).await;
    pass(5).await;
    let left = hand.get(PODS).await["items"][0].clone();
    assert_eq!(left["metadata"]["ownerReferences"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_statefulset_goes_by_order() {
    let hand = full();
    let sets = "/apis/apps/v1/namespaces/default/statefulsets";
    let spec = json!({"replicas": 3, "serviceName": "web"});
    hand.create(sets, workload("StatefulSet", "apps/v1", spec)).await;
    pass(10).await;
    assert_eq!(hand.names(PODS).await, ["web-0", "web-1", "web-2"]);
    hand.patch(&format!("{sets}/web"), json!({"spec": {"template": template("nginx:2")}})).await;
    pass(120).await;
    let set = hand.get(&format!("{sets}/web")).await;
    assert_eq!(set["status"]["currentRevision"], set["status"]["updateRevision"]);
    assert_eq!(set["status"]["updatedReplicas"], 3);
    assert_eq!(hand.get(&format!("{PODS}/web-0")).await["spec"]["containers"][0]["image"], "nginx:2");
    hand.patch(&format!("{sets}/web/scale"), json!({"spec": {"replicas": 1}})).await;
    pass(120).await;
    assert_eq!(hand.names(PODS).await, ["web-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_daemonset_has_a_pod_on_the_node() {
    let hand = full();
    let sets = "/apis/apps/v1/namespaces/default/daemonsets";
    hand.create(sets, workload("DaemonSet", "apps/v1", json!({}))).await;
    pass(5).await;
    let set = hand.get(&format!("{sets}/web")).await;
    assert_eq!((&set["status"]["desiredNumberScheduled"], &set["status"]["numberReady"]), (&json!(1), &json!(1)));
    hand.patch(&format!("{sets}/web"), json!({"spec": {"template": template("nginx:2")}})).await;
    pass(60).await;
    assert_eq!(hand.get(&format!("{sets}/web")).await["status"]["updatedNumberScheduled"], 1);
    assert_eq!(hand.get(PODS).await["items"][0]["spec"]["containers"][0]["image"], "nginx:2");
}

#[tokio::test(start_paused = true)]
async fn a_job_completes() {
    let hand = full();
    let jobs = "/apis/batch/v1/namespaces/default/jobs";
    let job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "sum"},
        "spec": {
            "completions": 3,
            "parallelism": 2,
            "template": {"spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "main", "image": "busybox"}],
            }},
        },
    });
    hand.create(jobs, job).await;
    pass(10).await;
    let job = hand.get(&format!("{jobs}/sum")).await;
    assert_eq!(condition(&job, "Complete"), "True");
    assert_eq!(job["status"]["succeeded"], 3);
    assert_eq!(hand.names(PODS).await.len(), 3);
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
    hand.send(Method::DELETE, &format!("{jobs}/sum"), options).await;
    pass(60).await;
    assert_eq!(hand.names(PODS).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn events_are_kept_for_an_hour() {
    let hand = full();
    let events = "/api/v1/namespaces/default/events";
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "x"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "x"},
        "reason": "Tested",
        "type": "Normal",
    });
    hand.create(events, event).await;
    pass(3590).await;
    assert_eq!(hand.names(events).await, ["x"]);
    pass(20).await;
    assert_eq!(hand.names(events).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn roles_gather_their_rules() {
    const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    let hand = full();
    let groups = async || {
        let rules = hand.get(&format!("{ROLES}/admin")).await["rules"].to_string();
        ["\"configmaps\"", "acme.example"].map(|word| rules.contains(word))
    };
    assert_eq!(groups().await, [true, false]);
    let rule = json!({"apiGroups": ["acme.example"], "resources": ["widgets"], "verbs": ["get"]});
    // What one may see, the next may too: the rules go from role to role.
    let labels = json!({"rbac.authorization.k8s.io/aggregate-to-view": "true"});
    hand.create(ROLES, json!({"metadata": {"name": "widgets", "labels": labels}, "rules": [rule]})).await;
    pass(1).await;
    assert_eq!(groups().await, [true, true]);
    assert_eq!(hand.delete(&format!("{ROLES}/widgets")).await, 200);
    pass(1).await;
    assert_eq!(groups().await, [true, false]);
    let bare = Hand(Cluster::builder().world(World::none()).build().client());
    assert_eq!(bare.get(&format!("{ROLES}/admin")).await["rules"], Value::Null);
}
