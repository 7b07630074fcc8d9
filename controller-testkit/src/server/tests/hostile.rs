//! Requests that nobody means well with: whatever is sent is answered, and what is stored can be read back.

use bytes::Bytes;
use http::Request;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::{Next, Rig};
use crate::server::Answer;
use crate::store::{DEEPEST, Range, is_deeper};

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

const PATHS: [&str; 12] = [
    "/api/v1/namespaces/default/configmaps",
    "/api/v1/namespaces/default/configmaps/a",
    "/api/v1/namespaces/default/pods",
    "/api/v1/namespaces/default/pods/a/status",
    "/api/v1/namespaces/default/pods/a/eviction",
    "/apis/apps/v1/namespaces/default/deployments/a",
    "/apis/apps/v1/namespaces/default/deployments/a/scale",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/example.com/v1/namespaces/default/widgets",
    "/apis/example.com/v1/namespaces/default/widgets/a",
    "/apis/coordination.k8s.io/v1/namespaces/default/leases/a",
    "/api/v1/namespaces/default",
];

const QUERIES: [&str; 12] = [
    "watch=1",
    "limit=1&continue=e30",
    "labelSelector=a%20in%20(b,c),!d",
    "fieldSelector=metadata.name%3Da",
    "fieldManager=m&force=true",
    "fieldValidation=Strict&dryRun=All",
    "resourceVersion=99999999999999999999",
    "resourceVersion=1&resourceVersionMatch=Exact&limit=3",
    "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&watch=1&allowWatchBookmarks=true",
    "propagationPolicy=Foreground&gracePeriodSeconds=-1",
    "pretty=true",
    "timeoutSeconds=-9223372036854775808",
];

const TYPES: [&str; 9] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
    "application/cbor",
    "",
];

fn bodies() -> Vec<String> {
    let container = json!({"name": "c", "image": "i", "ports": [{"containerPort": 80}]});
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}});
    [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": ["x/y"]}, "data": {"k": "v"}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [container]}}),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template},
        }),
        json!({
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                }}}],
            },
        }),
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"deep": [[[{}]]]}}),
        json!([{"op": "add", "path": "/data", "value": {"a": "b"}}, {"op": "copy", "from": "/data", "path": "/data/x"}]),
        json!({"metadata": {"managedFields": [{}]}, "spec": {"containers": [{"$patch": "delete", "name": "c"}]}}),
        json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "x"}, "orphanDependents": true}),
        Value::Null,
    ]
    .iter()
    .map(Value::to_string)
    .collect()
}

/// What is done to the bytes of a body.
#[derive(Clone, Debug)]
enum Harm {
    Flip(Index, u8),
    Cut(Index),
    Drop(Index, Index),
    /// A stretch comes again and again.
    Repeat(Index, Index, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, with)| Harm::Flip(at, with)),
        any::<Index>().prop_map(Harm::Cut),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Harm::Drop(from, to)),
        (any::<Index>(), any::<Index>(), 1..400_usize).prop_map(|(from, to, times)| Harm::Repeat(from, to, times)),
    ]
}

impl Harm {
    fn to(&self, body: &mut Vec<u8>) {
        let range = |one: &Index, other: &Index, length: usize| {
            let (one, other) = (one.index(length + 1), other.index(length + 1));
            one.min(other)..one.max(other)
        };
        match self {
            Harm::Flip(at, with) if !body.is_empty() => {
                let at = at.index(body.len());
                body[at] ^= with;
            }
            Harm::Flip(..) => {}
            Harm::Cut(at) => body.truncate(at.index(body.len() + 1)),
            Harm::Drop(from, to) => drop(body.drain(range(from, to, body.len()))),
            Harm::Repeat(from, to, times) => {
                let range = range(from, to, body.len());
                let again = body[range.clone()].repeat(*times);
                body.splice(range.end..range.end, again);
            }
        }
    }
}

fn request() -> impl Strategy<Value = Request<Bytes>> {
    let query = proptest::option::of(select(&QUERIES[..]));
    let body = (select(bodies()), proptest::collection::vec(harm(), 0..3));
    (select(&METHODS[..]), select(&PATHS[..]), query, select(&TYPES[..]), body).prop_map(
        |(method, path, query, media, (body, harms))| {
            let mut body = body.into_bytes();
            harms.iter().for_each(|harm| harm.to(&mut body));
            let uri = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
            Request::builder()
                .method(method)
                .uri(uri)
                .header("content-type", media)
                .body(body.into())
                .expect("a request")
        },
    )
}

fn ask(rig: &mut Rig, request: Request<Bytes>) {
    let told = format!("{} {}", request.method(), request.uri());
    match rig.hand_in(request) {
        Answer::Whole(response) => {
            let json = response.headers().get("content-type").is_some_and(|media| media == "application/json");
            let body: Option<Value> = serde_json::from_slice(response.body()).ok();
            assert!(!json || body.is_some() || response.body().is_empty(), "{told}: {response:?}");
            if let Some(body) = body.filter(|_| response.status().as_u16() >= 400) {
                assert_eq!(
                    (&body["kind"], &body["code"]),
                    (&json!("Status"), &json!(response.status().as_u16())),
                    "{told}"
                );
            }
        }
        // A webhook that somebody has configured: nobody is there.
        Answer::Call { request, .. } => {
            ask(rig, crate::server::answered(request, crate::admission::Reply::Failed("gone".to_owned())));
        }
        Answer::Watch { mut watch, .. } => {
            let frames = rig.server.watch_frames(&mut watch, u64::MAX, rig.now, 1000);
            assert_ne!(frames.next, Next::More, "{told}");
        }
        Answer::Later { until, .. } => assert!(until > rig.now, "{told}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_answered(requests in proptest::collection::vec(request(), 1..12)) {
        let mut rig = Rig::new();
        for request in requests {
            ask(&mut rig, request);
        }
        let whole = Range { prefix: "", from: "" };
        let store = rig.server.store();
        for (key, object) in store.tables().flat_map(|table| store.scan(table, whole)) {
            // managedFields mirror the object, some levels further down.
            prop_assert!(!is_deeper(&object.value(), DEEPEST + 10), "{}", key);
            let again: Value = serde_json::from_slice(object.text()).expect("JSON");
            prop_assert_eq!(&again, &*object.value());
        }
    }
}
