//! Quotas in a cluster at work: they are counted, they refuse, and what is gone is given back.

use http::Method;
use serde_json::{Value, json};

use crate::Cluster;
use crate::cluster::tests::{Hand, pass};

const QUOTAS: &str = "/api/v1/namespaces/default/resourcequotas";
const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn pod(name: &str) -> Value {
    let resources = json!({"requests": {"cpu": "300m"}});
    let containers = json!([{"name": "main", "image": "nginx", "resources": resources}]);
    json!({"metadata": {"name": name}, "spec": {"containers": containers, "terminationGracePeriodSeconds": 0}})
}

async fn cluster(hard: Value) -> Hand {
    let hand = Hand(Cluster::new().client());
    hand.create(QUOTAS, json!({"metadata": {"name": "q"}, "spec": {"hard": hard}})).await;
    pass(1).await;
    hand
}

async fn status(hand: &Hand) -> Value {
    hand.get(&format!("{QUOTAS}/q")).await["status"].take()
}

async fn code(hand: &Hand, path: &str, body: Value) -> u16 {
    hand.send(Method::POST, path, body).await.0
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_counted_and_what_goes_is_given_back() {
    let hard = json!({"pods": "2", "requests.cpu": "1", "count/deployments.apps": "1", "example.com/nobody": "1"});
    let hand = cluster(hard.clone()).await;
    let used = json!({"pods": "0", "requests.cpu": "0", "count/deployments.apps": "0"});
    assert_eq!(status(&hand).await, json!({"hard": hard, "used": used}), "nobody counts the last one");
    for name in ["a", "b"] {
        hand.create(PODS, pod(name)).await;
    }
    assert_eq!(code(&hand, PODS, pod("c")).await, 403);
    assert_eq!(status(&hand).await["used"]["requests.cpu"], "600m");
    assert_eq!(hand.delete(&format!("{PODS}/a")).await, 200);
    pass(1).await;
    assert_eq!(status(&hand).await["used"]["pods"], "1");
    hand.create(PODS, pod("c")).await;
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_changes_is_counted_anew() {
    let hand = cluster(json!({"configmaps": "1", "secrets": "5"})).await;
    let others = hand.names(MAPS).await.len();
    assert_eq!(status(&hand).await["used"], json!({"configmaps": others.to_string(), "secrets": "0"}));
    assert_eq!(code(&hand, MAPS, json!({"metadata": {"name": "a"}})).await, 403);
    hand.patch(&format!("{QUOTAS}/q"), json!({"spec": {"hard": {"configmaps": "2", "secrets": null}}})).await;
    pass(1).await;
    let told = status(&hand).await;
    assert_eq!(told, json!({"hard": {"configmaps": "2"}, "used": {"configmaps": others.to_string()}}));
    hand.create(MAPS, json!({"metadata": {"name": "a"}})).await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_has_ended_makes_room() {
    let hand = cluster(json!({"pods": "1", "count/pods": "5"})).await;
    let mut short = pod("a");
    short["spec"]["restartPolicy"] = json!("Never");
    hand.create(PODS, short).await;
    assert_eq!(code(&hand, PODS, pod("b")).await, 403);
    pass(1).await;
    assert_eq!(hand.get(&format!("{PODS}/a")).await["status"]["phase"], "Succeeded");
    assert_eq!(status(&hand).await["used"], json!({"pods": "0", "count/pods": "1"}));
    hand.create(PODS, pod("b")).await;
}

#[tokio::test(start_paused = true)]
async fn a_controller_gets_no_more_pods_than_there_is_room_for() {
    let hand = cluster(json!({"pods": "2"})).await;
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": pod("a")["spec"]});
    let spec = json!({"replicas": 4, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    let set = json!({"metadata": {"name": "web"}, "spec": spec});
    hand.create("/apis/apps/v1/namespaces/default/replicasets", set).await;
    pass(5).await;
    assert_eq!(hand.names(PODS).await.len(), 2);
    let events = hand.get("/api/v1/namespaces/default/events").await.to_string();
    assert!(events.contains("FailedCreate") && events.contains("exceeded quota: q, requested: pods=1"), "{events}");
    hand.patch(&format!("{QUOTAS}/q"), json!({"spec": {"hard": {"pods": "9"}}})).await;
    pass(60).await;
    assert_eq!(hand.names(PODS).await.len(), 4, "it has tried again");
}
