use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};

use crate::Cluster;
use crate::cluster::tests::{Hand, pass};

const PODS: &str = "/api/v1/namespaces/default/pods";
const EVENTS: &str = "/api/v1/namespaces/default/events";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";

/// A cluster with a webhook of that kind for these resources, and what it was asked.
async fn cluster(kind: &str, resources: &[&str], answer: fn(&Value) -> Value) -> (Hand, Arc<Mutex<Vec<Value>>>) {
    let cluster = Cluster::new();
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = asked.clone();
    cluster.play_host("guard.default.svc", move |request| {
        let mut review: Value = serde_json::from_slice(request.body()).expect("a review");
        let request = review["request"].take();
        seen.lock().expect("nobody panics").push(request.clone());
        async move {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            review["response"] = answer(&request);
            review["response"]["uid"] = request["uid"].clone();
            Response::new(Bytes::from(review.to_string()))
        }
    });
    let hand = Hand(cluster.client());
    let hook = json!({
        "name": "guard.example.com",
        "clientConfig": {"service": {"namespace": "default", "name": "guard"}},
        "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": resources}],
        "sideEffects": "None", "admissionReviewVersions": ["v1"],
    });
    let path = format!("{ADMISSION}/{kind}webhookconfigurations");
    hand.create(&path, json!({"metadata": {"name": "guard"}, "webhooks": [hook]})).await;
    (hand, asked)
}

async fn deploy(hand: &Hand, replicas: u32) {
    let template = json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "nginx"}]},
    });
    let spec = json!({"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    hand.create(DEPLOYMENTS, json!({"metadata": {"name": "web"}, "spec": spec})).await;
}

async fn items(hand: &Hand, path: &str) -> Vec<Value> {
    hand.get(path).await["items"].as_array().cloned().unwrap_or_default()
}

/// The messages of events with that reason.
async fn told(hand: &Hand, reason: &str) -> Vec<String> {
    let events = items(hand, EVENTS).await.into_iter().filter(|event| event["reason"] == reason);
    events.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
}

fn yes(_: &Value) -> Value {
    json!({"allowed": true})
}

fn failure(object: &Value) -> Option<&Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == "ReplicaFailure")
}

#[tokio::test(start_paused = true)]
async fn webhooks_see_what_the_controllers_write() {
    let labelled = |request: &Value| {
        use base64::Engine;
        let patch = json!([{"op": "add", "path": "/metadata/labels/side", "value": "car"}]);
        let patch = base64::engine::general_purpose::STANDARD.encode(patch.to_string());
        match request["operation"] == "CREATE" && request["kind"]["kind"] == "Pod" {
            true => json!({"allowed": true, "patchType": "JSONPatch", "patch": patch}),
            false => json!({"allowed": true}),
        }
    };
    let (hand, asked) = cluster("mutating", &["pods", "pods/binding", "pods/status"], labelled).await;
    deploy(&hand, 3).await;
    pass(30).await;
    let pods = items(&hand, PODS).await;
    assert_eq!(pods.len(), 3);
    for pod in &pods {
        assert_eq!((&pod["metadata"]["labels"]["side"], &pod["status"]["phase"]), (&json!("car"), &json!("Running")));
    }
    assert_eq!(told(&hand, "SuccessfulCreate").await.len(), 3);
    let users = |what: fn(&Value) -> bool| -> Vec<String> {
        let asked = asked.lock().expect("nobody panics");
        let mut users: Vec<String> =
            asked.iter().filter(|one| what(one)).map(|one| one["userInfo"].to_string()).collect();
        users.dedup();
        users
    };
    let groups = |more: &str| format!("\"groups\":[{more}\"system:authenticated\"]");
    let accounts = groups("\"system:serviceaccounts\",\"system:serviceaccounts:kube-system\",");
    let author = format!("{{{accounts},\"username\":\"system:serviceaccount:kube-system:replicaset-controller\"}}");
    assert_eq!(users(|one| one["operation"] == "CREATE" && one["subResource"].is_null()), [author]);
    let scheduler = format!("{{{},\"username\":\"system:kube-scheduler\"}}", groups(""));
    assert_eq!(users(|one| one["subResource"] == "binding"), [scheduler]);
    let node = format!("{{{},\"username\":\"system:node:node-1\"}}", groups("\"system:nodes\","));
    assert_eq!(users(|one| one["subResource"] == "status"), [node]);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_told_and_tried_again() {
    let (hand, asked) = cluster("validating", &["pods"], |request| match request["operation"] == "CREATE" {
        true => json!({"allowed": false, "status": {"message": "not here"}}),
        false => json!({"allowed": true}),
    })
    .await;
    deploy(&hand, 2).await;
    pass(60).await;
    let why = "admission webhook \"guard.example.com\" denied the request: not here";
    assert_eq!(
        told(&hand, "FailedCreate").await,
        [format!("Error creating: {why}")],
        "once, however often it is tried"
    );
    let tries = asked.lock().expect("nobody panics").len();
    assert!((5..30).contains(&tries), "{tries}");
    for path in [SETS, DEPLOYMENTS] {
        let object = &items(&hand, path).await[0];
        let failure = failure(object).unwrap_or_else(|| panic!("{object}"));
        let said = (&failure["status"], &failure["reason"], &failure["message"]);
        assert_eq!(said, (&json!("True"), &json!("FailedCreate"), &json!(why)));
    }
    hand.delete(&format!("{ADMISSION}/validatingwebhookconfigurations/guard")).await;
    pass(120).await;
    assert_eq!(items(&hand, PODS).await.len(), 2);
    for path in [SETS, DEPLOYMENTS] {
        assert_eq!(failure(&items(&hand, path).await[0]), None);
    }
}

/// A policy that lets no pods be made of which that holds.
async fn forbid(hand: &Hand, expression: &str) {
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]});
    let policy = json!({"metadata": {"name": "no-pods"}, "spec": {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": expression, "message": "no pods here"}],
    }});
    hand.create(&format!("{ADMISSION}/validatingadmissionpolicies"), policy).await;
    let spec = json!({"policyName": "no-pods", "validationActions": ["Deny"]});
    let binding = json!({"metadata": {"name": "no-pods"}, "spec": spec});
    hand.create(&format!("{ADMISSION}/validatingadmissionpolicybindings"), binding).await;
}

#[tokio::test(start_paused = true)]
async fn a_roll_that_gets_nowhere_has_timed_out() {
    let hand = Hand(Cluster::new().client());
    forbid(&hand, "false").await;
    deploy(&hand, 2).await;
    let progress = async || {
        let deployment = hand.get(&format!("{DEPLOYMENTS}/web")).await;
        let conditions = deployment["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.into_iter().find(|condition| condition["type"] == "Progressing").unwrap_or_default();
        ["status", "reason", "message"].map(|field| found[field].as_str().unwrap_or_default().to_owned())
    };
    pass(590).await;
    assert_eq!(progress().await[..2], ["True", "NewReplicaSetCreated"]);
    pass(20).await;
    let set = items(&hand, SETS).await[0]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let timed_out = format!("ReplicaSet \"{set}\" has timed out progressing.");
    assert_eq!(progress().await, ["False", "ProgressDeadlineExceeded", &timed_out]);
    hand.delete(&format!("{ADMISSION}/validatingadmissionpolicies/no-pods")).await;
    pass(1000).await;
    assert_eq!(progress().await[..2], ["True", "NewReplicaSetAvailable"]);
}

#[tokio::test(start_paused = true)]
async fn policies_judge_the_controllers_by_their_accounts() {
    let hand = Hand(Cluster::new().client());
    forbid(&hand, "request.userInfo.username != 'system:serviceaccount:kube-system:job-controller'").await;
    deploy(&hand, 2).await;
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}});
    let job = json!({"metadata": {"name": "sum"}, "spec": {"template": template}});
    hand.create("/apis/batch/v1/namespaces/default/jobs", job).await;
    pass(10).await;
    assert_eq!(items(&hand, PODS).await.len(), 2);
    let [told] = &told(&hand, "FailedCreate").await[..] else { panic!("it is told once") };
    assert!(told.starts_with("Error creating: ") && told.contains("no pods here"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_about_everything_is_told_of_events_too() {
    let (hand, asked) = cluster("validating", &["*/*"], yes).await;
    deploy(&hand, 2).await;
    pass(60).await;
    assert_eq!(items(&hand, PODS).await.iter().filter(|pod| pod["status"]["phase"] == "Running").count(), 2);
    assert_eq!(told(&hand, "SuccessfulCreate").await.len(), 2);
    assert_eq!(told(&hand, "Started").await.len(), 2);
    assert!(asked.lock().expect("nobody panics").iter().any(|one| one["resource"]["resource"] == "events"));
    // What was decided is not written if it is no longer wanted by then.
    let (status, _) = hand.send(Method::DELETE, &format!("{DEPLOYMENTS}/web"), Value::Null).await;
    assert_eq!(status, 200);
    pass(60).await;
    assert_eq!(hand.names(PODS).await, Vec::<String>::new());
}
