use http::Method;
use serde_json::{Value, json};

use crate::cluster::tests::{Hand, pass};
use crate::{Cluster, Stage, World};

const PODS: &str = "/api/v1/namespaces/default/pods";
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";

/// A cluster in which pods do not end by themselves.
fn cluster() -> Hand {
    let for_ever = "{apiVersion: kwok.x-k8s.io/v1alpha1, kind: Stage, metadata: {name: pod-complete}, \
                    spec: {resourceRef: {kind: Pod}, selector: {matchLabels: {of: nobody}}, next: {}}}";
    let stages = Stage::read(for_ever).expect("a stage");
    Hand(Cluster::builder().world(World::full().stages(stages)).build().client())
}

fn job(spec: Value) -> Value {
    let mut spec = spec;
    let containers = json!([{"name": "main", "image": "busybox", "env": [{"name": "A", "value": "b"}]}]);
    spec["template"] = json!({"spec": {"restartPolicy": "Never", "containers": containers}});
    json!({"metadata": {"name": "sum"}, "spec": spec})
}

/// The pods that work, by their indexes.
async fn working(hand: &Hand) -> Vec<(String, Value)> {
    let list = hand.get(&format!("{PODS}?fieldSelector=status.phase%3DRunning")).await;
    let index = |pod: &Value| pod["metadata"]["labels"][super::INDEX].as_str().unwrap_or_default().to_owned();
    let mut pods: Vec<(String, Value)> =
        list["items"].as_array().into_iter().flatten().map(|pod| (index(pod), pod.clone())).collect();
    pods.sort_by(|(one, _), (other, _)| one.cmp(other));
    pods
}

/// Ends the pods with these indexes with this code.
async fn end(hand: &Hand, ended: &[&str], code: i64) {
    pass(1).await;
    for (index, pod) in working(hand).await {
        if ended.contains(&index.as_str()) {
            let path = format!("{PODS}/{}/status", pod["metadata"]["name"].as_str().expect("a name"));
            let phase = if code == 0 { "Succeeded" } else { "Failed" };
            let terminated = json!({"exitCode": code, "startedAt": null, "finishedAt": null});
            let status = json!({"name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": terminated}});
            let (got, answer) = hand
                .send(Method::PATCH, &path, json!({"status": {"phase": phase, "containerStatuses": [status]}}))
                .await;
            assert_eq!(got, 200, "{answer}");
        }
    }
    pass(1).await;
}

async fn indexes_of(hand: &Hand) -> Vec<String> {
    working(hand).await.into_iter().map(|(index, _)| index).collect()
}

async fn status(hand: &Hand) -> Value {
    hand.get(&format!("{JOBS}/sum")).await["status"].clone()
}

/// The last condition, and why it is so.
fn last(status: &Value) -> [&str; 3] {
    let last = status["conditions"].as_array().and_then(|all| all.last()).unwrap_or(&Value::Null);
    ["type", "reason", "message"].map(|field| last[field].as_str().unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn each_index_has_a_pod_of_its_own() {
    let hand = cluster();
    hand.create(JOBS, job(json!({"completionMode": "Indexed", "completions": 5, "parallelism": 3}))).await;
    pass(1).await;
    let pods = working(&hand).await;
    assert_eq!(indexes_of(&hand).await, ["0", "1", "2"]);
    let pod = &pods[1].1;
    assert!(pod["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("sum-1-")), "{pod}");
    assert_eq!(pod["metadata"]["annotations"][super::INDEX], "1");
    assert_eq!(pod["spec"]["hostname"], "sum-1");
    let variable = &pod["spec"]["containers"][0]["env"][1];
    assert_eq!(variable["name"], "JOB_COMPLETION_INDEX");
    let path = "metadata.labels['batch.kubernetes.io/job-completion-index']";
    assert_eq!(variable["valueFrom"]["fieldRef"]["fieldPath"], path);
    end(&hand, &["0", "2"], 0).await;
    assert_eq!(status(&hand).await["completedIndexes"], "0,2");
    // What has ended stays counted.
    for pod in hand.names(&format!("{PODS}?fieldSelector=status.phase%3DSucceeded")).await {
        hand.delete(&format!("{PODS}/{pod}")).await;
    }
    end(&hand, &["1"], 1).await;
    assert_eq!(indexes_of(&hand).await, ["1", "3", "4"], "what fails is tried again");
    end(&hand, &["1", "3", "4"], 0).await;
    let ended = status(&hand).await;
    assert_eq!(
        (&ended["completedIndexes"], &ended["succeeded"], &ended["failed"]),
        (&json!("0-4"), &json!(5), &json!(1))
    );
    assert_eq!(last(&ended), ["Complete", "CompletionsReached", "Reached expected number of succeeded pods"]);
}

#[tokio::test(start_paused = true)]
async fn an_index_may_fail_for_itself() {
    let hand = cluster();
    let spec = json!({"completionMode": "Indexed", "completions": 3, "parallelism": 3, "backoffLimitPerIndex": 1});
    hand.create(JOBS, job(spec)).await;
    end(&hand, &["1"], 1).await;
    let again = working(&hand).await;
    assert_eq!(again[1].1["metadata"]["annotations"][super::FAILURES], "1");
    end(&hand, &["1"], 1).await;
    assert_eq!(indexes_of(&hand).await, ["0", "2"]);
    assert_eq!(status(&hand).await["failedIndexes"], "1");
    end(&hand, &["0", "2"], 0).await;
    let ended = status(&hand).await;
    assert_eq!(last(&ended), ["Failed", "FailedIndexes", "Job has failed indexes"]);
    assert_eq!((&ended["completedIndexes"], &ended["failedIndexes"]), (&json!("0,2"), &json!("1")));
}

#[tokio::test(start_paused = true)]
async fn policies_say_what_failures_and_successes_mean() {
    let exit = |action: &str, code: i64| json!({"action": action, "onExitCodes": {"operator": "In", "values": [code], "containerName": "main"}});
    let rules = json!({"rules": [exit("Ignore", 3), exit("FailJob", 42)]});
    let hand = cluster();
    let spec = json!({"completionMode": "Indexed", "completions": 3, "parallelism": 3, "backoffLimit": 0, "podFailurePolicy": rules});
    hand.create(JOBS, job(spec)).await;
    end(&hand, &["0"], 3).await;
    assert_eq!((indexes_of(&hand).await.len(), &status(&hand).await["failed"]), (3, &Value::Null));
    end(&hand, &["1"], 42).await;
    let ended = status(&hand).await;
    let [kind, reason, message] = last(&ended);
    assert_eq!((kind, reason), ("Failed", "PodFailurePolicy"));
    assert!(message.starts_with("Container main for pod default/sum-1-"), "{message}");
    assert!(message.ends_with(" failed with exit code 42 matching FailJob rule at index 1"), "{message}");
    assert!(working(&hand).await.is_empty(), "the others have been stopped");

    let hand = cluster();
    let policy = json!({"rules": [{"succeededIndexes": "0,2-3", "succeededCount": 2}]});
    let spec = json!({"completionMode": "Indexed", "completions": 4, "parallelism": 4, "successPolicy": policy});
    hand.create(JOBS, job(spec)).await;
    end(&hand, &["1", "3"], 0).await;
    assert_eq!(last(&status(&hand).await)[0], "");
    end(&hand, &["2"], 0).await;
    let ended = status(&hand).await;
    assert_eq!(last(&ended), ["Complete", "SuccessPolicy", "Matched rules at index 0"]);
    assert!(working(&hand).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_keeps_to_its_numbers() {
    let hand = cluster();
    let path = format!("{JOBS}/sum");
    hand.create(JOBS, job(json!({"parallelism": 4, "activeDeadlineSeconds": 100}))).await;
    pass(1).await;
    assert_eq!(status(&hand).await["active"], 4);
    hand.patch(&path, json!({"spec": {"parallelism": 1}})).await;
    pass(60).await;
    assert_eq!((working(&hand).await.len(), &status(&hand).await["active"]), (1, &json!(1)));
    hand.patch(&path, json!({"spec": {"suspend": true}})).await;
    pass(60).await;
    assert_eq!(last(&status(&hand).await), ["Suspended", "JobSuspended", "Job suspended"]);
    assert!(working(&hand).await.is_empty());
    hand.patch(&path, json!({"spec": {"suspend": false}})).await;
    pass(90).await;
    assert_eq!((last(&status(&hand).await)[1], working(&hand).await.len()), ("JobResumed", 1), "its time begins anew");
    pass(60).await;
    let ended = status(&hand).await;
    assert_eq!(last(&ended), ["Failed", "DeadlineExceeded", "Job was active longer than specified deadline"]);
    let events = hand.get("/api/v1/namespaces/default/events").await;
    let told = events["items"].as_array().into_iter().flatten().any(|event| event["reason"] == "DeadlineExceeded");
    assert!(told, "{events}");
}

#[tokio::test(start_paused = true)]
async fn who_manages_a_job_otherwise_has_it_alone() {
    let hand = cluster();
    hand.create(JOBS, job(json!({"managedBy": "example.com/other"}))).await;
    pass(5).await;
    assert_eq!((working(&hand).await.len(), status(&hand).await), (0, json!({})));
}
