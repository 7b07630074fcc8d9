//! Stages as a user writes them, and what they make of objects.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::tests::{Hand, pass};
use crate::{Cluster, Stage, World};

const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

/// A stage of that name for a kind, with what follows below `spec`.
fn stage(name: &str, kind: &str, spec: &str) -> String {
    let head = format!("apiVersion: kwok.x-k8s.io/v1alpha1\nkind: Stage\nmetadata: {{name: {name}}}\nspec:\n");
    let spec: String = spec.lines().map(|line| format!("  {}\n", line.trim_start_matches("            "))).collect();
    format!("{head}  resourceRef: {kind}\n{spec}---\n")
}

fn cluster(world: World, stages: &str) -> (Cluster, Hand) {
    let stages = Stage::read(stages).expect("stages");
    let cluster = Cluster::builder().world(world.stages(stages)).build();
    let hand = Hand(cluster.client());
    (cluster, hand)
}

fn pod(name: &str, more: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": more});
    pod["spec"]["containers"] = json!([{"name": "main", "image": "busybox"}]);
    pod
}

async fn phase(hand: &Hand, name: &str) -> Value {
    hand.get(&format!("{PODS}/{name}")).await["status"]["phase"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_not_started_again_comes_to_an_end() {
    let hand = Hand(Cluster::new().client());
    for (policy, end) in [("Never", "Succeeded"), ("OnFailure", "Succeeded"), ("Always", "Running")] {
        let name = policy.to_lowercase();
        hand.create(PODS, pod(&name, json!({"restartPolicy": policy}))).await;
        pass(1).await;
        let ended = hand.get(&format!("{PODS}/{name}")).await;
        assert_eq!(ended["status"]["phase"], end, "{policy}");
        let state = &ended["status"]["containerStatuses"][0]["state"];
        assert_eq!(state["terminated"]["exitCode"] == 0, end == "Succeeded", "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_comes_after_its_delay_and_before_the_worlds_own() {
    let crash = r#"
            selector:
              matchLabels: {crash: "yes"}
              matchExpressions:
              - {key: .status.phase, operator: In, values: [Running]}
              - {key: '.status.conditions[?(@.type=="Ready")].status', operator: In, values: ["True"]}
            delay: {durationMilliseconds: 5000}
            next:
              event: {type: Warning, reason: Crashed, message: It was told to.}
              statusTemplate: |
                phase: Failed
                reason: Crashed
    "#;
    let (_cluster, hand) = cluster(World::full(), &stage("crash", "{apiGroup: v1, kind: Pod}", crash));
    let mut doomed = pod("doomed", json!({"restartPolicy": "Never"}));
    doomed["metadata"]["labels"] = json!({"crash": "yes"});
    hand.create(PODS, doomed).await;
    hand.create(PODS, pod("other", json!({}))).await;
    pass(4).await;
    assert_eq!(phase(&hand, "doomed").await, "Running", "its own stage is waited for");
    pass(3).await;
    let doomed = hand.get(&format!("{PODS}/doomed")).await;
    assert_eq!((&doomed["status"]["phase"], &doomed["status"]["reason"]), (&json!("Failed"), &json!("Crashed")));
    assert_eq!(phase(&hand, "other").await, "Running");
    let events = hand.get("/api/v1/namespaces/default/events?fieldSelector=reason%3DCrashed").await;
    let event = &events["items"][0];
    assert_eq!((&event["type"], &event["message"]), (&json!("Warning"), &json!("It was told to.")));
    assert_eq!(event["involvedObject"]["uid"], doomed["metadata"]["uid"]);
}

#[tokio::test(start_paused = true)]
async fn a_stage_of_the_same_name_takes_the_place_of_the_worlds_own() {
    let never = "\n            selector: {matchLabels: {no: body}}\n            next: {}";
    let stages = stage("pod-complete", "{kind: Pod}", never)
        + &stage(
            "deployment",
            "{apiGroup: apps/v1, kind: Deployment}",
            r#"
            delay: {durationMilliseconds: 0}
            next:
              statusTemplate: |
                observedGeneration: {{ .metadata.generation }}
                replicas: {{ .spec.replicas }}
                readyReplicas: {{ .spec.replicas }}
                conditions:
                - {type: Available, status: "True", reason: Told, message: {{ .metadata.name | Quote }} }
            "#,
        );
    let (cluster, hand) = cluster(World::full(), &stages);
    hand.create(PODS, pod("worker", json!({"restartPolicy": "Never"}))).await;
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod("", json!({}))["spec"]},
        },
    });
    hand.create(DEPLOYMENTS, deployment).await;
    pass(5).await;
    assert_eq!(phase(&hand, "worker").await, "Running");
    let status = hand.get(&format!("{DEPLOYMENTS}/web")).await["status"].clone();
    assert_eq!((&status["readyReplicas"], &status["observedGeneration"]), (&json!(3), &json!(1)), "{status}");
    assert_eq!(status["conditions"][0]["message"], "web");
    assert_eq!(hand.names(PODS).await, ["worker"]);
    // Nothing more to change, so nothing more is written, though the stage fits as before.
    let settled = cluster.resource_version();
    pass(600).await;
    assert_eq!(cluster.resource_version(), settled);
}

#[tokio::test(start_paused = true)]
async fn a_bare_server_plays_stages_of_custom_resources() {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let version = json!({
        "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    });
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "versions": [version],
            "names": {"plural": "widgets", "kind": "Widget"},
        },
    });
    let stages = stage(
        "widget-ready",
        "{apiGroup: example.com, kind: Widget}",
        r#"
            selector:
              matchAnnotations: {example.com/play: "true"}
              matchExpressions:
              - {key: .status.phase, operator: DoesNotExist}
            next:
              statusTemplate: |
                phase: Ready
                since: {{ Now | Quote }}
                size: {{ .spec.size }}
                missing: {{ .spec.missing }}
        "#,
    );
    let (_cluster, hand) = cluster(World::none().pace(Duration::from_secs(2)), &stages);
    hand.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition).await;
    let widgets = "/apis/example.com/v1/namespaces/default/widgets";
    for (name, play) in [("played", "true"), ("left", "false")] {
        let metadata = json!({"name": name, "annotations": {"example.com/play": play}});
        let widget =
            json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata, "spec": {"size": 4}});
        hand.create(widgets, widget).await;
    }
    pass(1).await;
    assert_eq!(hand.get(&format!("{widgets}/played")).await["status"], Value::Null, "a pace has not gone by");
    pass(2).await;
    let played = hand.get(&format!("{widgets}/played")).await;
    let status = &played["status"];
    assert_eq!((&status["phase"], &status["size"]), (&json!("Ready"), &json!(4)), "{status}");
    assert!(status["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{status}");
    assert_eq!(hand.get(&format!("{widgets}/left")).await["status"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn stages_hold_objects_and_let_them_go() {
    let hold = r#"
            selector:
              matchExpressions:
              - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
              - {key: ".metadata.annotations['example.com/life']", operator: In, values: [short]}
            delay: {durationMilliseconds: 1000}
            next:
              finalizers: {add: [{value: example.com/hold}]}
              delete: true
    "#;
    let free = r#"
            selector:
              matchExpressions:
              - {key: .metadata.deletionTimestamp, operator: Exists}
            delay: {durationMilliseconds: 3000}
            next:
              finalizers: {remove: [{value: example.com/hold}]}
    "#;
    let map = "{apiGroup: v1, kind: ConfigMap}";
    let (_cluster, hand) = cluster(World::full(), &(stage("hold", map, hold) + &stage("free", map, free)));
    for (name, life) in [("one", "short"), ("two", "long")] {
        let metadata = json!({"name": name, "annotations": {"example.com/life": life}});
        hand.create(MAPS, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})).await;
    }
    pass(2).await;
    let held = hand.get(&format!("{MAPS}/one")).await;
    assert!(held["metadata"]["deletionTimestamp"].is_string(), "{held}");
    assert_eq!(held["metadata"]["finalizers"], json!(["example.com/hold"]));
    pass(4).await;
    assert_eq!(hand.get(&format!("{MAPS}/one")).await["code"], 404);
    assert_eq!(hand.get(&format!("{MAPS}/two")).await["metadata"]["finalizers"], Value::Null);
}

#[track_caller]
fn refused(stage: &str, why: &str) {
    let fault = Stage::read(stage).expect_err(why).to_string();
    assert!(fault.contains(why), "{fault}");
}

#[test]
fn what_no_stage_can_have_is_refused_by_name() {
    refused("a: [", "stages: ");
    refused(&stage("x", "{kind: Pod}", "next: {}").replace("Stage", "Node"), "stage `x`: `Node` of");
    refused(&stage("x", "{kind: Pod}", "weight: 3\nnext: {}"), "unknown field `weight`");
    refused(
        &stage("x", "{kind: Pod}", "delay: {jitterDurationMilliseconds: 3}\nnext: {}"),
        "jitterDurationMilliseconds",
    );
    let expression = |text: &str| format!("selector:\n  matchExpressions:\n  - {text}\nnext: {{}}");
    refused(&stage("x", "{kind: Pod}", &expression("{key: '.a[', operator: Exists}")), "stage `x`: `.a[` is no path");
    refused(&stage("x", "{kind: Pod}", &expression("{key: .a, operator: Like}")), "Like");
    let template = |text: &str| stage("x", "{kind: Pod}", &format!("next:\n  statusTemplate: |\n    {text}"));
    refused(&template("a: {{ range .b }}"), "stage `x`: `range .b` is neither a path nor Now");
    refused(&template("a: {{ .b | Upper }}"), "`Upper` is no function here");
    refused(&template("a: {{ .b"), "a `{{` has no `}}`");
    refused(&template("- a"), "the status is no object");
    refused(&template("a: ["), "the status is no YAML");
}
