//! A cluster by its in-process client: what all of its rooms do together, under paused time.

use std::time::Duration;

use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::Cluster;
use crate::World;

/// A client's hand for tests: JSON in, status and JSON out.
pub(crate) struct Hand(pub(crate) kube::Client);

impl Hand {
    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let content_type = match method {
            Method::PATCH => "application/merge-patch+json",
            _ => "application/json",
        };
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder().method(method).uri(path).header("Content-Type", content_type);
        let request = request.body(kube::client::Body::from(body)).expect("a request");
        let response = self.0.send(request).await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a whole body").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, Value::Null).await.1
    }

    pub(crate) async fn create(&self, path: &str, body: Value) -> Value {
        let (status, made) = self.send(Method::POST, path, body).await;
        assert_eq!(status, 201, "{made}");
        made
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Value {
        let (status, made) = self.send(Method::PATCH, path, body).await;
        assert_eq!(status, 200, "{made}");
        made
    }

    pub(crate) async fn delete(&self, path: &str) -> u16 {
        self.send(Method::DELETE, path, Value::Null).await.0
    }

    /// The names of a list's items.
    pub(crate) async fn names(&self, path: &str) -> Vec<String> {
        let list = self.get(path).await;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Lets everything happen that is due within a while.
pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

const PODS: &str = "/api/v1/namespaces/default/pods";

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "nginx"}]},
    })
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_start_give_the_same_cluster() {
    let run = async |seed| {
        let start = "2026-01-02T03:04:05Z".parse().expect("a time");
        let cluster = Cluster::builder().seed(seed).started_at(start).build();
        let hand = Hand(cluster.client());
        let template = json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "nginx"}]},
        });
        let deployment = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template},
        });
        hand.create("/apis/apps/v1/namespaces/default/deployments", deployment).await;
        pass(2).await;
        hand.get("/api/v1/pods").await.to_string()
    };
    let first = run(7).await;
    assert!(first.contains("2026-01-02T03:04:05Z"), "{first}");
    assert_eq!(first, run(7).await);
    assert_ne!(first, run(8).await);
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_tokios() {
    let start = "2026-01-02T03:04:05Z".parse().expect("a time");
    let cluster = Cluster::builder().started_at(start).world(World::none()).build();
    let hand = Hand(cluster.client());
    hand.get("/version").await;
    pass(60).await;
    let made = hand.create(PODS, pod("a")).await;
    assert_eq!(made["metadata"]["creationTimestamp"], "2026-01-02T03:05:05Z");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_ends_with_its_last_handle() {
    let cluster = Cluster::new();
    let hub = std::sync::Arc::downgrade(&cluster.hub);
    let client = cluster.client();
    drop(cluster);
    assert_eq!(Hand(client).get(&format!("{PODS}/none")).await["code"], 404);
    pass(1).await;
    assert!(hub.upgrade().is_none());
}
