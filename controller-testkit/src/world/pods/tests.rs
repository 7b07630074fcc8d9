//! Pods that lack something stay as a real kubelet and a real scheduler leave them, and go on when it comes.

use std::pin::Pin;

use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::cluster::tests::{Hand, pass};
use crate::world::tests::{pod, told};
use crate::{Cluster, World};

const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";

/// Phase, and what each container waits for, says or does.
async fn state(hand: &Hand, name: &str) -> (String, Vec<String>) {
    let pod = hand.get(&format!("{PODS}/{name}")).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let statuses = ["initContainerStatuses", "containerStatuses"].map(|list| pod["status"][list].as_array().cloned());
    let of = |status: Value| match status["state"].as_object().and_then(|state| state.iter().next()) {
        Some((state, waiting)) if state == "waiting" => {
            format!("{} {}", text(&waiting["reason"]), text(&waiting["message"])).trim_end().to_owned()
        }
        Some((state, _)) => state.clone(),
        None => String::new(),
    };
    (text(&pod["status"]["phase"]), statuses.into_iter().flatten().flatten().map(of).collect())
}

fn waits(phase: &str, states: &[&str]) -> (String, Vec<String>) {
    (phase.to_owned(), states.iter().map(|state| (*state).to_owned()).collect())
}

#[tokio::test(start_paused = true)]
async fn a_volume_waits_for_what_it_is_made_of() {
    let hand = Hand(Cluster::new().client());
    let mut it = pod("x");
    let projected = json!([{"configMap": {"name": "one"}}, {"secret": {"name": "two"}}, {"downwardAPI": {}}]);
    it["spec"]["volumes"] = json!([
        {"name": "any", "configMap": {"name": "absent", "optional": true}},
        {"name": "both", "projected": {"sources": projected}},
        {"name": "keys", "secret": {"secretName": "two", "items": [{"key": "k", "path": "k"}]}},
    ]);
    hand.create(PODS, it).await;
    pass(5).await;
    assert_eq!(state(&hand, "x").await, waits("Pending", &["ContainerCreating"]));
    hand.create(MAPS, json!({"metadata": {"name": "one"}})).await;
    pass(5).await;
    hand.create(SECRETS, json!({"metadata": {"name": "two"}})).await;
    pass(5).await;
    assert_eq!(state(&hand, "x").await, waits("Pending", &["ContainerCreating"]));
    hand.patch(&format!("{SECRETS}/two"), json!({"stringData": {"k": "v"}})).await;
    pass(1).await;
    assert_eq!(state(&hand, "x").await, waits("Running", &["running"]));
    let events = told(&hand, "Pod", "x").await;
    let failed: Vec<&str> =
        events.iter().filter_map(|line| line.strip_prefix("Warning kubelet FailedMount: ")).collect();
    assert_eq!(
        failed,
        [
            "MountVolume.SetUp failed for volume \"both\" : [configmap \"one\" not found, secret \"two\" not found]",
            "MountVolume.SetUp failed for volume \"both\" : secret \"two\" not found",
            "MountVolume.SetUp failed for volume \"keys\" : references non-existent secret key: k",
        ],
        "each is told once"
    );
}

#[tokio::test(start_paused = true)]
async fn a_container_waits_for_its_variables_and_the_others_do_not() {
    let hand = Hand(Cluster::new().client());
    let mut it = pod("x");
    let from = |member: &str, reference: Value| json!({"name": "A", "valueFrom": {member: reference}});
    let with = |name: &str, env: Value| json!({"name": name, "image": "nginx", "env": [env]});
    it["spec"]["containers"] = json!([
        {"name": "plain", "image": "nginx", "envFrom": [{"configMapRef": {"name": "absent", "optional": true}}]},
        with("key", from("configMapKeyRef", json!({"name": "one", "key": "k"}))),
        {"name": "whole", "image": "nginx", "envFrom": [{"secretRef": {"name": "two"}}]},
        with("any", from("secretKeyRef", json!({"name": "absent", "key": "k", "optional": true}))),
    ]);
    hand.create(MAPS, json!({"metadata": {"name": "one"}})).await;
    hand.create(PODS, it).await;
    pass(60).await;
    let no_key = "CreateContainerConfigError couldn't find key k in ConfigMap default/one";
    let no_secret = "CreateContainerConfigError secret \"two\" not found";
    assert_eq!(state(&hand, "x").await, waits("Pending", &["running", no_key, no_secret, "running"]));
    let conditions = hand.get(&format!("{PODS}/x")).await["status"]["conditions"].to_string();
    assert!(conditions.contains("containers with unready status: [key whole]"), "{conditions}");
    hand.patch(&format!("{MAPS}/one"), json!({"data": {"k": "v"}})).await;
    pass(1).await;
    assert_eq!(state(&hand, "x").await, waits("Pending", &["running", "running", no_secret, "running"]));
    hand.create(SECRETS, json!({"metadata": {"name": "two"}})).await;
    pass(1).await;
    assert_eq!(state(&hand, "x").await.0, "Running");
    let events = told(&hand, "Pod", "x").await;
    let failed: Vec<&str> = events.iter().filter_map(|line| line.strip_prefix("Warning kubelet Failed: ")).collect();
    assert_eq!(
        failed,
        ["Error: couldn't find key k in ConfigMap default/one", "Error: secret \"two\" not found"],
        "each is told once"
    );
    assert_eq!(events.iter().filter(|line| line.contains("Started container")).count(), 4, "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn containers_wait_for_those_that_come_first() {
    let hand = Hand(Cluster::new().client());
    let mut it = pod("x");
    let reference = json!([{"configMapRef": {"name": "one"}}]);
    it["spec"]["initContainers"] = json!([
        {"name": "aside", "image": "proxy", "restartPolicy": "Always"},
        {"name": "first", "image": "busybox", "envFrom": reference},
        {"name": "second", "image": "busybox"},
    ]);
    hand.create(PODS, it).await;
    pass(5).await;
    let waiting = "PodInitializing";
    let no_map = "CreateContainerConfigError configmap \"one\" not found";
    assert_eq!(state(&hand, "x").await, waits("Pending", &["running", no_map, waiting, waiting]));
    hand.create(MAPS, json!({"metadata": {"name": "one"}})).await;
    pass(1).await;
    assert_eq!(state(&hand, "x").await, waits("Running", &["running", "terminated", "terminated", "running"]));
}

#[tokio::test(start_paused = true)]
async fn no_node_takes_a_pod_whose_claims_are_not_there() {
    let hand = Hand(Cluster::new().client());
    let class = |name: &str, provisioner: &str, mode: &str| json!({"metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode});
    let classes = "/apis/storage.k8s.io/v1/storageclasses";
    hand.create(classes, class("by-hand", "kubernetes.io/no-provisioner", "WaitForFirstConsumer")).await;
    hand.create(classes, class("soon", "kubernetes.io/no-provisioner", "Immediate")).await;
    let claim = |name: &str, class: &str| {
        let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": class, "resources": {"requests": {"storage": "1Gi"}}});
        json!({"metadata": {"name": name}, "spec": spec})
    };
    hand.create(CLAIMS, claim("late", "by-hand")).await;
    hand.create(CLAIMS, claim("early", "soon")).await;
    for name in ["late", "early", "absent", "made"] {
        let mut it = pod(name);
        it["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": name}}]);
        hand.create(PODS, it).await;
    }
    hand.create(CLAIMS, claim("made", "standard")).await;
    pass(5).await;
    let why = async |name: &str| {
        let conditions = hand.get(&format!("{PODS}/{name}")).await["status"]["conditions"].clone();
        let found = conditions.as_array().into_iter().flatten().find(|found| found["type"] == "PodScheduled").cloned();
        let message = found.unwrap_or_default()["message"].as_str().unwrap_or_default().to_owned();
        message.split(". preemption").next().unwrap_or_default().to_owned()
    };
    let prefix = "0/1 nodes are available";
    assert_eq!(why("late").await, format!("{prefix}: 1 node(s) didn't find available persistent volumes to bind"));
    assert_eq!(why("early").await, format!("{prefix}: pod has unbound immediate PersistentVolumeClaims"));
    assert_eq!(why("absent").await, format!("{prefix}: persistentvolumeclaim \"absent\" not found"));
    assert_eq!(state(&hand, "made").await.0, "Running");
    hand.create(CLAIMS, claim("absent", "standard")).await;
    for class in ["by-hand", "soon"] {
        let spec = json!({
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "hostPath": {"path": "/x"},
        });
        hand.create("/api/v1/persistentvolumes", json!({"metadata": {"name": class}, "spec": spec})).await;
    }
    pass(5).await;
    for name in ["late", "early", "absent"] {
        assert_eq!(state(&hand, name).await.0, "Running", "{name}: {}", why(name).await);
        let claim = hand.get(&format!("{CLAIMS}/{name}")).await;
        assert_eq!(claim["status"]["phase"], "Bound", "{name}");
    }
    assert_eq!(told(&hand, "Pod", "absent").await.iter().filter(|line| line.contains("FailedScheduling")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_test_makes_of_a_container_stays() {
    let hand = Hand(Cluster::new().client());
    hand.create(PODS, pod("x")).await;
    let waiting = json!({"waiting": {"reason": "CreateContainerConfigError", "message": "configmap \"y\" not found"}});
    let containers =
        json!([{"name": "main", "image": "nginx", "imageID": "", "ready": false, "restartCount": 0, "state": waiting}]);
    hand.patch(&format!("{PODS}/x/status"), json!({"status": {"phase": "Pending", "containerStatuses": containers}}))
        .await;
    pass(60).await;
    hand.create(MAPS, json!({"metadata": {"name": "y"}})).await;
    pass(60).await;
    let expected = waits("Pending", &["CreateContainerConfigError configmap \"y\" not found"]);
    assert_eq!(state(&hand, "x").await, expected);
}

#[test]
fn a_pod_that_lacks_something_goes_on_in_the_next_life() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // A cluster ends with the runtime that its tasks are on.
    let live = |life: for<'a> fn(&'a Hand) -> Pin<Box<dyn Future<Output = ()> + 'a>>| {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        runtime.block_on(async {
            let cluster = Cluster::builder().world(World::full()).open(folder.path().join("state"));
            life(&Hand(cluster.expect("a state file of its own").client())).await;
        });
    };
    live(|hand| {
        Box::pin(async {
            let mut it = pod("x");
            it["spec"]["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": "one"}}]);
            hand.create(PODS, it).await;
            pass(5).await;
            assert_eq!(state(hand, "x").await.1, ["CreateContainerConfigError configmap \"one\" not found"]);
        })
    });
    live(|hand| {
        Box::pin(async {
            hand.create(MAPS, json!({"metadata": {"name": "one"}})).await;
            pass(5).await;
            assert_eq!(state(hand, "x").await.0, "Running");
        })
    });
}
