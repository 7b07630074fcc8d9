//! Subresources, custom resources, tables, and requests that are answered and not stored.

use serde_json::{Value, json};

use super::{Rig, text};
use crate::server::Answer;

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const PODS: &str = "/api/v1/namespaces/default/pods";
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";

fn deployment(name: &str, replicas: u32) -> Value {
    let labels = json!({"app": name});
    json!({
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]},
        }},
    })
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

fn definition() -> Value {
    let schema = json!({
        "type": "object",
        "properties": {
            "spec": {"type": "object", "required": ["size"], "properties": {
                "size": {"type": "integer", "minimum": 1}, "color": {"type": "string", "default": "red"},
            }},
            "status": {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}},
        },
    });
    json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}, "scale": {
                    "specReplicasPath": ".spec.size", "statusReplicasPath": ".status.replicas",
                    "labelSelectorPath": ".status.selector",
                }},
                "selectableFields": [{"jsonPath": ".spec.color"}],
            }],
        },
    })
}

fn widget(name: &str, size: i64) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": size}})
}

fn with_widgets() -> Rig {
    let mut rig = Rig::new();
    rig.post(CRDS, definition()).is(201);
    rig
}

#[test]
fn generations_follow_the_specification() {
    let mut rig = Rig::new();
    let generation = |body: &Value| body["metadata"]["generation"].as_i64();
    let created = rig.post(DEPLOYMENTS, deployment("a", 1)).is(201);
    assert_eq!(generation(&created.body), Some(1));
    let one = format!("{DEPLOYMENTS}/a");
    for (path, patch, expect) in [
        (one.clone(), json!({"metadata": {"labels": {"l": "1"}}}), 1),
        (one.clone(), json!({"metadata": {"annotations": {"l": "1"}}}), 2),
        (one.clone(), json!({"spec": {"replicas": 2}}), 3),
        (one.clone(), json!({"status": {"replicas": 2}}), 3),
        (format!("{one}/status"), json!({"status": {"replicas": 2}, "spec": {"replicas": 9}}), 3),
    ] {
        let got = rig.patch(&path, patch.clone()).is(200);
        assert_eq!(generation(&got.body), Some(expect), "{patch}");
        assert_ne!(got.body["spec"]["replicas"], 9);
    }
    assert_eq!(rig.get(&format!("{one}/status")).body["status"]["replicas"], 2);
    let marked = rig.ask(&format!("DELETE {one}?propagationPolicy=Foreground"), "").is(200);
    assert_eq!(generation(&marked.body), Some(4));
}

#[test]
fn workloads_are_scaled() {
    let mut rig = Rig::new();
    rig.post(DEPLOYMENTS, deployment("a", 1)).is(201);
    let scale = format!("{DEPLOYMENTS}/a/scale");
    let got = rig.get(&scale).is(200);
    assert_eq!((text(&got.body["kind"]), text(&got.body["apiVersion"])), ("Scale", "autoscaling/v1"));
    assert_eq!(got.body["status"]["selector"], "app=a");
    let patched = rig.patch(&scale, json!({"spec": {"replicas": 3}})).is(200);
    assert_eq!(patched.body["spec"]["replicas"], 3);
    let mut body = patched.body.clone();
    body["spec"]["replicas"] = json!(5);
    let replaced = rig.put(&scale, body.clone()).is(200);
    assert_eq!(replaced.body["spec"]["replicas"], 5);
    rig.put(&scale, body.clone()).is(409);
    body["metadata"] = json!({"name": "a"});
    body["spec"]["replicas"] = json!(-1);
    let refused = rig.put(&scale, body).is(422);
    assert_eq!(
        refused.message(),
        "Scale.autoscaling \"a\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    );
    let whole = rig.get(&format!("{DEPLOYMENTS}/a"));
    assert_eq!((&whole.body["spec"]["replicas"], &whole.body["metadata"]["generation"]), (&json!(5), &json!(3)));
}

#[test]
fn a_scale_has_columns_of_its_own() {
    let mut rig = Rig::new();
    rig.post(DEPLOYMENTS, deployment("a", 2)).is(201);
    let accept = "accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let table = rig.ask(&format!("GET {DEPLOYMENTS}/a/scale\n{accept}"), "").is(200).body;
    let names: Vec<&str> =
        table["columnDefinitions"].as_array().expect("columns").iter().map(|column| text(&column["name"])).collect();
    assert_eq!(names, ["Name", "Desired", "Available", "Age"]);
    assert_eq!(table["rows"][0]["cells"], json!(["a", 2, 0, "0s"]));
}

#[test]
fn autoscalers_have_two_shapes() {
    let mut rig = Rig::new();
    let path = |version: &str| format!("/apis/autoscaling/{version}/namespaces/default/horizontalpodautoscalers");
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"});
    let spec = json!({"scaleTargetRef": target, "maxReplicas": 3, "targetCPUUtilizationPercentage": 50});
    rig.post(&path("v1"), json!({"metadata": {"name": "a"}, "spec": spec})).is(201);
    let metric = json!({"type": "Resource", "resource": {
        "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50},
    }});
    let second = rig.get(&format!("{}/a", path("v2"))).is(200).body;
    assert_eq!(second["spec"]["metrics"], json!([metric]));
    assert_eq!(second["spec"]["targetCPUUtilizationPercentage"], Value::Null);
    let mut metric = metric;
    metric["resource"]["target"]["averageUtilization"] = json!(70);
    rig.patch(&format!("{}/a", path("v2")), json!({"spec": {"metrics": [metric]}})).is(200);
    let first = rig.get(&format!("{}/a", path("v1"))).is(200).body;
    assert_eq!(first["spec"]["targetCPUUtilizationPercentage"], 70);
    assert_eq!(first["spec"]["metrics"], Value::Null);
}

#[test]
fn pods_are_bound_evicted_and_end_in_their_own_time() {
    let mut rig = Rig::new();
    rig.post(PODS, pod("a")).is(201);
    let binding = json!({"metadata": {"name": "a"}, "target": {"kind": "Node", "name": "node-1"}});
    rig.post(&format!("{PODS}/a/binding"), binding.clone()).is(201);
    let again = rig.post(&format!("{PODS}/a/binding"), binding).is(409);
    assert_eq!(
        again.message(),
        "Operation cannot be fulfilled on pods/binding \"a\": pod a is already assigned to node \"node-1\""
    );
    assert_eq!(rig.get("/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1").names(), ["a"]);

    let marked = rig.delete(&format!("{PODS}/a"), json!({"gracePeriodSeconds": 20})).is(200);
    let meta = &marked.body["metadata"];
    assert_eq!(
        (&meta["deletionGracePeriodSeconds"], text(&meta["deletionTimestamp"])),
        (&json!(20), "2026-11-22T10:00:20Z")
    );
    assert_eq!(rig.delete(&format!("{PODS}/a"), json!({})).is(200).rv(), marked.rv());
    rig.delete(&format!("{PODS}/a"), json!({"gracePeriodSeconds": 0})).is(200);
    rig.get(&format!("{PODS}/a")).is(404);

    rig.post(PODS, pod("b")).is(201);
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    rig.post(budgets, json!({"metadata": {"name": "p"}, "spec": {"selector": {"matchLabels": {"app": "b"}}}})).is(201);
    rig.patch(&format!("{PODS}/b/status"), json!({"status": {"phase": "Running"}})).is(200);
    let eviction = json!({"metadata": {"name": "b"}});
    let refused = rig.post(&format!("{PODS}/b/eviction"), eviction.clone()).is(429);
    assert_eq!(refused.body["details"]["causes"][0]["reason"], "DisruptionBudget");
    let counted = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": 1}});
    rig.patch(&format!("{budgets}/p/status"), counted).is(200);
    rig.post(&format!("{PODS}/b/eviction"), eviction).is(201);
    rig.get(&format!("{PODS}/b")).is(404);
    rig.get(&format!("{PODS}/b/log")).is(404);
    rig.post(PODS, pod("c")).is(201);
    rig.get(&format!("{PODS}/c/log")).is(204);
}

#[test]
fn namespaces_go_in_two_steps() {
    let mut rig = Rig::new();
    let other = "/api/v1/namespaces/other";
    let made = rig.get(other);
    assert_eq!(made.body["metadata"]["labels"], json!({"kubernetes.io/metadata.name": "other"}));
    assert_eq!(
        (&made.body["spec"], &made.body["status"]),
        (&json!({"finalizers": ["kubernetes"]}), &json!({"phase": "Active"}))
    );
    let marked = rig.delete(other, json!({})).is(200);
    assert_eq!(marked.body["status"]["phase"], "Terminating");
    assert_eq!(rig.delete(other, json!({})).is(200).rv(), marked.rv());
    let mut finalized = marked.body.clone();
    finalized["spec"]["finalizers"] = json!([]);
    rig.put(&format!("{other}/finalize"), finalized).is(200);
    rig.get(other).is(404);
}

#[test]
fn a_definition_is_served_at_once_and_goes_last() {
    let mut rig = Rig::new();
    rig.get(WIDGETS).is(404);
    let created = rig.post(CRDS, definition()).is(201);
    assert_eq!(created.body["status"]["conditions"], Value::Null);
    assert_eq!(created.body["metadata"]["finalizers"], Value::Null);
    let crd = format!("{CRDS}/widgets.example.com");
    let conditions = rig.get(&crd).body["status"]["conditions"].clone();
    let truths: Vec<(&str, &str)> = conditions
        .as_array()
        .expect("conditions")
        .iter()
        .map(|condition| (text(&condition["type"]), text(&condition["status"])))
        .collect();
    assert_eq!(truths, [("NamesAccepted", "True"), ("Established", "True")]);
    assert!(rig.get("/apis/example.com/v1").is(200).text.contains("\"widgets\""));
    assert!(rig.get("/openapi/v3/apis/example.com/v1").is(200).text.contains("Widget"));
    rig.get("/apis/example.com/v2/widgets").is(404);
    assert_eq!(rig.get("/apis/example.com/v2/widgets").text, "404 page not found\n");
    rig.post(WIDGETS, widget("a", 1)).is(201);
    let marked = rig.delete(&crd, json!({})).is(200);
    assert_eq!(marked.body["metadata"]["finalizers"], json!(["customresourcecleanup.apiextensions.k8s.io"]));
    let refused = rig.post(WIDGETS, widget("b", 1)).is(403);
    assert_eq!(
        refused.message(),
        "widgets.example.com \"b\" is forbidden: create not allowed while custom resource definition is terminating"
    );
    rig.delete(&format!("{WIDGETS}/a"), json!({})).is(200);
    rig.patch(&crd, json!({"metadata": {"finalizers": null}})).is(200);
    assert_eq!(rig.get(WIDGETS).is(404).text, "404 page not found\n");
}

#[test]
fn custom_resources_are_kept_to_their_schema() {
    let mut rig = with_widgets();
    let created = rig.ask(&format!("POST {WIDGETS}"), r#"{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"},"spec":{"size":1,"odd":2},"status":{"replicas":9}}"#);
    let created = created.is(201);
    assert_eq!(created.body["spec"], json!({"size": 1, "color": "red"}));
    assert_eq!((&created.body["status"], &created.body["metadata"]["generation"]), (&Value::Null, &json!(1)));
    assert_eq!(created.headers["warning"], "299 - \"unknown field \\\"spec.odd\\\"\"");
    let one = format!("{WIDGETS}/a");
    let refused = rig.post(WIDGETS, widget("b", 0)).is(422);
    assert_eq!(
        refused.message(),
        "Widget.example.com \"b\" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater than or \
         equal to 1"
    );
    let blind = rig.put(&one, widget("a", 2)).is(422);
    assert_eq!(
        blind.message(),
        "widgets.example.com \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update"
    );
    let rv = rig.server.current_rv();
    let same = rig.patch(&one, json!({"status": {"replicas": 3}})).is(200);
    assert_eq!((same.rv(), rig.server.current_rv()), (rv, rv), "the status is a part of its own");
    let status = rig.patch(&format!("{one}/status"), json!({"status": {"replicas": 3}, "spec": {"size": 7}})).is(200);
    assert_eq!((&status.body["spec"]["size"], &status.body["metadata"]["generation"]), (&json!(1), &json!(1)));
    assert_eq!(status.body["status"]["replicas"], 3);
    let changed = rig.patch(&one, json!({"spec": {"size": 2}})).is(200);
    assert_eq!((&changed.body["metadata"]["generation"], &changed.body["status"]["replicas"]), (&json!(2), &json!(3)));
    let strategic = format!("PATCH {one}\ncontent-type: application/strategic-merge-patch+json");
    assert_eq!(
        rig.ask(&strategic, "{}").is(415).message(),
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, \
         application/merge-patch+json, application/apply-patch+yaml"
    );
    let kind = rig.post(WIDGETS, json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "c"}}));
    assert!((400..=422).contains(&kind.code), "{}", kind.text);
    let list = rig.get(&format!("{WIDGETS}?fieldSelector=spec.color%3Dred")).is(200);
    assert_eq!(list.names(), ["a"]);
    assert_eq!(list.body["items"][0]["kind"], "Widget", "custom items say their kind");
    let unknown = rig.get(&format!("{WIDGETS}?fieldSelector=spec.size%3D1")).is(400);
    assert_eq!(unknown.message(), "field label not supported: spec.size");
    let scale = format!("{one}/scale");
    assert_eq!(rig.get(&scale).is(200).body["spec"]["replicas"], 2);
    rig.patch(&scale, json!({"spec": {"replicas": 4}})).is(200);
    assert_eq!(rig.get(&one).body["spec"]["size"], 4);
    let table = rig.ask(&format!("GET {WIDGETS}\naccept: application/json;as=Table;g=meta.k8s.io;v=v1"), "").is(200);
    assert_eq!((text(&table.body["kind"]), &table.body["rows"][0]["cells"][0]), ("Table", &json!("a")));
}

#[test]
fn a_table_watch_says_its_columns_once() {
    let mut rig = Rig::new();
    rig.post(PODS, pod("a")).is(201);
    rig.post(PODS, pod("b")).is(201);
    let mut watch = rig.watch(&format!(
        "GET {PODS}?watch=1&allowWatchBookmarks=true\naccept: application/json;as=Table;g=meta.k8s.io;v=v1"
    ));
    let (events, _) = rig.events(&mut watch);
    let columns: Vec<bool> = events.iter().map(|event| event["object"]["columnDefinitions"].is_array()).collect();
    assert_eq!(columns, [true, false, false]);
    assert!(events.iter().all(|event| event["object"]["kind"] == "Table"));
}

#[test]
fn both_kinds_of_events_are_one() {
    let mut rig = Rig::new();
    rig.post(
        "/api/v1/namespaces/default/events",
        json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
            "message": "hello", "reason": "R", "type": "Normal", "source": {"component": "c"}}),
    )
    .is(201);
    let list = rig.get("/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name%3Dp").is(200);
    let event = &list.body["items"][0];
    assert_eq!((text(&event["note"]), text(&event["regarding"]["name"])), ("hello", "p"));
    assert_eq!(text(&event["deprecatedSource"]["component"]), "c");
    let one = rig.get("/apis/events.k8s.io/v1/namespaces/default/events/e").is(200);
    assert_eq!(text(&one.body["apiVersion"]), "events.k8s.io/v1");
    assert_eq!(rig.get("/api/v1/events?fieldSelector=involvedObject.name%3Dp,source%3Dc").names(), ["e"]);
}

#[test]
fn an_administrator_may_do_everything() {
    let mut rig = Rig::new();
    let review = rig
        .post(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            json!({"spec": {"resourceAttributes": {"verb": "get"}}}),
        )
        .is(201);
    assert_eq!(
        (&review.body["status"]["allowed"], text(&review.body["kind"])),
        (&json!(true), "SelfSubjectAccessReview")
    );
    let who = rig.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json!({})).is(201);
    assert!(who.body["status"]["userInfo"]["username"].is_string());
    rig.post("/api/v1/namespaces/default/serviceaccounts", json!({"metadata": {"name": "sa"}})).is(201);
    let token = rig
        .post("/api/v1/namespaces/default/serviceaccounts/sa/token", json!({"spec": {"expirationSeconds": 7200}}))
        .is(201);
    assert_eq!(text(&token.body["status"]["token"]).split('.').count(), 3);
    assert_eq!(text(&token.body["status"]["expirationTimestamp"]), "2026-11-22T12:00:00Z");
}

#[test]
fn a_lease_is_made_by_a_put() {
    let mut rig = Rig::new();
    let lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
    rig.put(lease, json!({"metadata": {"name": "l"}})).is(201);
    rig.put(lease, json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "x"}})).is(422);
}

#[test]
fn the_document_of_version_2_comes_as_the_client_likes_it() {
    let mut rig = Rig::new();
    let mut check = |accept: &str, code: u16, media: &str| {
        let Answer::Whole(answer) = rig.send(&format!("GET /openapi/v2\naccept: {accept}"), "") else {
            panic!("{accept}: it is not whole")
        };
        let told = answer.headers().get("content-type").map_or("", |media| media.to_str().expect("text"));
        assert_eq!((answer.status().as_u16(), told), (code, media));
        answer
    };
    let json = "application/json";
    let go = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let protobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    let whole = check(json, 200, json);
    assert!(whole.body().starts_with(b"{"), "it is JSON");
    check("*/*", 200, json);
    check(go, 200, protobuf);
    check(&format!("{protobuf}, {json};q=0.5"), 200, protobuf);
    check("application/yaml", 406, "");
    let tag = whole.headers()["etag"].to_str().expect("text").to_owned();
    rig.ask(&format!("GET /openapi/v2\nif-none-match: {tag}"), "").is(304);
}

#[test]
fn documents_are_served_in_the_clients_form() {
    let mut rig = Rig::new();
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let api = rig.ask(&format!("GET /api\naccept: {accept}"), "").is(200);
    assert_eq!(text(&api.body["kind"]), "APIGroupDiscoveryList");
    let tag = api.headers["etag"].to_str().expect("text").to_owned();
    rig.ask(&format!("GET /api\naccept: {accept}\nif-none-match: {tag}"), "").is(304);
    let index = rig.get("/openapi/v3").is(200);
    let place = text(&index.body["paths"]["api/v1"]["serverRelativeURL"]).to_owned();
    rig.get(&place).is(200);
    let moved = rig.get("/openapi/v3/api/v1?hash=old").is(301);
    assert_eq!(moved.headers["location"].to_str().expect("text"), place);
    assert!(rig.get("/").is(200).text.contains("/apis/apps/v1"));
}
