//! Webhooks that are really called: in process, and over TLS.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};

use crate::cluster::tests::Hand;
use crate::{Cluster, Serve};

const HOOKS: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn hook(client: &Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "t"},
        "webhooks": [{
            "name": "t.example.com", "clientConfig": client,
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
            "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 3,
        }],
    })
}

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

async fn label(request: Request<Bytes>) -> Response<Bytes> {
    assert_eq!(request.uri().path(), "/mutate");
    let mut review: Value = serde_json::from_slice(request.body()).expect("a review");
    let patch = json!([{"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}]);
    review["response"] = json!({
        "uid": review["request"]["uid"], "allowed": true,
        "patchType": "JSONPatch", "patch": STANDARD.encode(patch.to_string()),
    });
    Response::new(review.to_string().into())
}

#[tokio::test(start_paused = true)]
async fn a_service_may_be_played_in_process() {
    let cluster = Cluster::new();
    let hand = Hand(cluster.client());
    let service = json!({"service": {"namespace": "default", "name": "labeller", "path": "/mutate"}});
    hand.create(HOOKS, hook(&service)).await;
    let (code, refused) = hand.send(Method::POST, MAPS, map("a")).await;
    assert_eq!(code, 500);
    assert_eq!(
        refused["message"],
        "Internal error occurred: failed calling webhook \"t.example.com\": failed to call webhook: Post \
         \"https://labeller.default.svc:443/mutate?timeout=3s\": no endpoints available for service \"labeller\""
    );
    cluster.play_host("labeller.default.svc", label);
    let made = hand.create(MAPS, map("a")).await;
    assert_eq!(made["metadata"]["labels"], json!({"seen": "yes"}));
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_in_the_words_of_gos_client() {
    let cluster = Cluster::new();
    let hand = Hand(cluster.client());
    hand.create(HOOKS, hook(&json!({"url": "https://no.example"}))).await;
    let check = async |code: u16, media: &'static str, told: &str| {
        cluster.play_host("no.example", move |request| {
            assert_eq!(request.uri().to_string(), "https://no.example/?timeout=3s");
            let answer = Response::builder().status(code).header("content-type", media);
            std::future::ready(answer.body(Bytes::from_static(b" why\n")).expect("an answer"))
        });
        let (_, refused) = hand.send(Method::POST, MAPS, map("a")).await;
        let message = refused["message"].as_str().unwrap_or_default();
        assert_eq!(message.rsplit_once("failed to call webhook: ").map(|(_, why)| why), Some(told), "{code} {media}");
    };
    check(403, "text/plain", "why").await;
    check(403, "application/json", "unknown").await;
    check(406, "application/json", "the server was unable to respond with a content type that the client supports")
        .await;
    check(409, "text/plain", "the server reported a conflict").await;
    check(422, "text/plain", "the server rejected our request due to an error in our request").await;
    check(500, "text/plain", "an error on the server (\"why\") has prevented the request from succeeding").await;
    check(503, "text/plain", "the server is currently unable to handle the request").await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_webhook_is_not_waited_for() {
    let cluster = Cluster::new();
    let hand = Hand(cluster.client());
    hand.create(HOOKS, hook(&json!({"url": "https://slow.example/"}))).await;
    cluster.play_host("slow.example", async |_| {
        tokio::time::sleep(Duration::from_secs(4)).await;
        Response::new(Bytes::new())
    });
    let start = cluster.now();
    let (code, refused) = hand.send(Method::POST, MAPS, map("a")).await;
    assert_eq!(code, 500);
    assert!(refused["message"].as_str().is_some_and(|why| why.ends_with("context deadline exceeded")), "{refused}");
    assert_eq!(cluster.now().duration_since(start).as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn while_a_webhook_thinks_others_are_served() {
    let cluster = Cluster::new();
    let hand = Hand(cluster.client());
    hand.create(HOOKS, hook(&json!({"url": "https://slow.example/mutate"}))).await;
    cluster.play_host("slow.example", async |request| {
        tokio::time::sleep(Duration::from_secs(2)).await;
        label(request).await
    });
    let (slow, fast) = tokio::join!(hand.create(MAPS, map("a")), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        hand.names(MAPS).await.contains(&"a".to_owned())
    });
    assert!(!fast, "nothing is stored before the webhook has spoken");
    assert_eq!(slow["metadata"]["labels"], json!({"seen": "yes"}));
}

#[tokio::test]
async fn webhooks_are_called_over_tls() {
    // Another API server answers, as every HTTPS server would: what it says shows that it was reached.
    let other = Cluster::new().serve_with(Serve::https()).await.expect("a free port");
    let text = other.kubeconfig().to_owned();
    let authority = text.lines().find_map(|line| line.trim().strip_prefix("certificate-authority-data: "));
    let cluster = Cluster::new();
    let hand = Hand(cluster.client());
    let ask = async |client: Value| {
        hand.delete(&format!("{HOOKS}/t")).await;
        hand.create(HOOKS, hook(&client)).await;
        let (code, refused) = hand.send(Method::POST, MAPS, map("a")).await;
        assert_eq!(code, 500);
        let why = refused["message"].as_str().unwrap_or_default();
        why.rsplit_once("failed to call webhook: ").map(|(_, why)| why.to_owned()).unwrap_or_default()
    };
    let url = format!("{}/nope", other.url());
    let reached = ask(json!({"url": url, "caBundle": authority})).await;
    assert_eq!(reached, "unknown", "the body of a 403 is told where it is a text");
    let doubted = ask(json!({"url": url})).await;
    assert_eq!(
        doubted,
        format!(
            "Post \"{url}?timeout=3s\": tls: failed to verify certificate: x509: certificate signed by unknown authority"
        )
    );
    other.stop().await;
    let gone = ask(json!({"url": url, "caBundle": authority})).await;
    assert!(gone.ends_with("connect: connection refused"), "{gone}");
}

#[test]
fn paths_are_asked_for_as_go_asks() {
    for (url, expect) in [
        ("https://a:1", "https://a:1"),
        ("https://a:1/", "https://a:1/"),
        ("https://a:1//b", "https://a:1/b"),
        ("https://a/b/?c=d//e", "https://a/b?c=d//e"),
        ("https://a/b/./c/../d", "https://a/b/d"),
        ("https://a/../b", "https://a/b"),
    ] {
        assert_eq!(super::tidy(url), expect);
    }
}
