//! A custom resource in two versions of different shapes, between which a webhook converts.

use serde_json::{Value, json};

use super::webhooks::{configure, hook, send, yes};
use super::{Rig, text};
use crate::admission::{Call, Host, Reply};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const V1: &str = "/apis/test.example.com/v1/namespaces/default/places";
const V2: &str = "/apis/test.example.com/v2/namespaces/default/places";

fn definition() -> Value {
    let version = |name: &str, is_stored: bool, spec: Value| {
        json!({
            "name": name, "served": true, "storage": is_stored,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": spec},
            }}},
        })
    };
    json!({
        "metadata": {"name": "places.test.example.com"},
        "spec": {
            "group": "test.example.com", "scope": "Namespaced", "names": {"plural": "places", "kind": "Place"},
            "conversion": {"strategy": "Webhook", "webhook": {
                "clientConfig": {"service": {"namespace": "default", "name": "hook", "path": "/convert"}},
                "conversionReviewVersions": ["v1"],
            }},
            "versions": [
                version("v1", true, json!({"at": {"type": "string"}})),
                version("v2", false, json!({"host": {"type": "string"}, "port": {"type": "integer"}})),
            ],
        },
    })
}

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.post(DEFINITIONS, definition()).is(201);
    rig
}

fn place(version: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": format!("test.example.com/{version}"), "kind": "Place", "metadata": {"name": name}, "spec": spec})
}

/// A webhook that knows both versions.
fn convert(call: &Call) -> Reply {
    assert_eq!(
        call.host,
        Host::Service { namespace: "default".into(), name: "hook".into(), port: 443, path: "/convert".into() }
    );
    let request = &call.review["request"];
    let wanted = text(&request["desiredAPIVersion"]);
    let objects = request["objects"].as_array().expect("objects");
    let converted: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut object = object.clone();
            object["apiVersion"] = wanted.into();
            let spec = &object["spec"];
            object["spec"] = match wanted.ends_with("v2") {
                true => {
                    let (host, port) = text(&spec["at"]).split_once(':').unwrap_or(("", "0"));
                    json!({"host": host, "port": port.parse::<u64>().unwrap_or_default()})
                }
                false => json!({"at": format!("{}:{}", text(&spec["host"]), spec["port"])}),
            };
            object
        })
        .collect();
    Reply::Answer(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
        "response": {"uid": request["uid"], "convertedObjects": converted, "result": {"status": "Success"}},
    }))
}

#[test]
fn what_waits_for_webhooks_is_charged_once() {
    let mut rig = rig();
    let hooks = json!([hook(
        "t.example.com",
        json!({
            "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["places"]}],
        })
    )]);
    configure(&mut rig, "Validating", "t", hooks);
    let quotas = "/api/v1/namespaces/default/resourcequotas";
    let hard = json!({"count/places.test.example.com": "3"});
    rig.post(quotas, json!({"metadata": {"name": "q"}, "spec": {"hard": hard}})).is(201);
    let status = json!({"hard": hard, "used": {"count/places.test.example.com": "0"}});
    rig.patch(&format!("{quotas}/q/status"), json!({"status": status})).is(200);
    let mut calls = 0;
    let mut hear = |call: &Call| {
        calls += 1;
        if text(&call.review["kind"]) == "ConversionReview" { convert(call) } else { yes(call) }
    };
    for (count, name) in [(1, "a"), (2, "b")] {
        let place = place("v2", name, json!({"host": "h", "port": 1}));
        send(&mut rig, "POST", V2, place, &mut hear).is(201);
        let used = rig.get(&format!("{quotas}/q")).body["status"]["used"].take();
        assert_eq!(used, json!({"count/places.test.example.com": count.to_string()}));
    }
    assert!(calls >= 4, "both are asked, of each");
}

#[test]
fn each_version_shows_its_own_shape() {
    let mut rig = rig();
    let made = send(&mut rig, "POST", V2, place("v2", "a", json!({"host": "x", "port": 1})), convert).is(201);
    assert_eq!(made.body["spec"], json!({"host": "x", "port": 1}));
    // Once it is stored, it is known in both.
    let first = rig.get(&format!("{V1}/a")).is(200).body;
    assert_eq!((&first["apiVersion"], &first["spec"]), (&json!("test.example.com/v1"), &json!({"at": "x:1"})));
    let second = rig.get(&format!("{V2}/a")).is(200).body;
    assert_eq!(
        (&second["apiVersion"], &second["spec"]),
        (&json!("test.example.com/v2"), &json!({"host": "x", "port": 1}))
    );
    for member in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
        assert_eq!(first["metadata"][member], second["metadata"][member], "{member}");
    }
    send(&mut rig, "POST", V1, place("v1", "b", json!({"at": "y:2"})), convert).is(201);
    let list = rig.get(V2).is(200).body;
    let specs: Vec<&Value> = list["items"].as_array().into_iter().flatten().map(|item| &item["spec"]).collect();
    assert_eq!(specs, [&json!({"host": "x", "port": 1}), &json!({"host": "y", "port": 2})]);
    // A change through one is seen through the other, and by those who watch it.
    let mut watch =
        rig.watch(&format!("GET {V2}?watch=true&resourceVersion={}", text(&list["metadata"]["resourceVersion"])));
    send(&mut rig, "PATCH", &format!("{V2}/a"), json!({"spec": {"port": 9}}), convert).is(200);
    assert_eq!(rig.get(&format!("{V1}/a")).is(200).body["spec"], json!({"at": "x:9"}));
    send(&mut rig, "PATCH", &format!("{V1}/b"), json!({"spec": {"at": "z:3"}}), convert).is(200);
    let (events, _) = rig.events(&mut watch);
    let seen: Vec<&Value> = events.iter().map(|event| &event["object"]["spec"]).collect();
    assert_eq!(seen, [&json!({"host": "x", "port": 9}), &json!({"host": "z", "port": 3})]);
    // A change of nothing is none, through either.
    let rv = rig.get(&format!("{V1}/a")).rv();
    send(&mut rig, "PATCH", &format!("{V2}/a"), json!({"spec": {"port": 9}}), convert).is(200);
    assert_eq!(rig.get(&format!("{V2}/a")).rv(), rv);
    rig.delete(&format!("{V2}/a"), json!({})).is(200);
    assert_eq!(rig.get(V1).is(200).names(), ["b"]);
}

#[test]
fn what_was_there_before_is_converted_when_it_is_read() {
    let mut rig = Rig::new();
    let mut plain = definition();
    plain["spec"]["conversion"] = json!({"strategy": "None"});
    rig.post(DEFINITIONS, plain).is(201);
    for (name, at) in [("a", "x:1"), ("b", "y:2")] {
        rig.post(V1, place("v1", name, json!({"at": at}))).is(201);
    }
    let path = format!("{DEFINITIONS}/places.test.example.com");
    rig.patch(&path, json!({"spec": {"conversion": definition()["spec"]["conversion"]}})).is(200);
    let mut calls = 0;
    let list = send(&mut rig, "GET", V2, Value::Null, |call| {
        calls += 1;
        convert(call)
    });
    let list = list.is(200).body;
    let specs: Vec<&Value> = list["items"].as_array().into_iter().flatten().map(|item| &item["spec"]).collect();
    assert_eq!(specs, [&json!({"host": "x", "port": 1}), &json!({"host": "y", "port": 2})]);
    assert_eq!(calls, 1, "all of a list are converted at once");
}

#[test]
fn a_conversion_that_fails_is_told() {
    let about = "conversion webhook for test.example.com/v2, Kind=Place";
    let check = |reply: &dyn Fn(&Call) -> Reply, message: &str| {
        let mut rig = rig();
        let got = send(&mut rig, "POST", V2, place("v2", "a", json!({"host": "x", "port": 1})), reply).is(500);
        assert_eq!(got.message(), message);
        rig.get(&format!("{V2}/a")).is(404);
    };
    let edited = |edit: fn(&mut Value)| {
        move |call: &Call| {
            let Reply::Answer(mut answer) = convert(call) else { panic!("it answers") };
            edit(&mut answer["response"]);
            Reply::Answer(answer)
        }
    };
    check(&|_| Reply::Failed("no route".to_owned()), &format!("{about} failed: no route"));
    check(&|_| Reply::Answer(json!({})), &format!("{about} failed: no response provided"));
    let refused = edited(|response| response["result"] = json!({"status": "Failure", "message": "not today"}));
    check(&refused, &format!("{about} failed: not today"));
    check(
        &edited(|response| response["convertedObjects"] = json!([])),
        &format!("{about} returned 0 objects, expected 1"),
    );
    check(
        &edited(|response| response["convertedObjects"][0]["apiVersion"] = "x/v1".into()),
        &format!(
            "{about} returned invalid converted object at index 0: invalid groupVersion (expected test.example.com/v1, \
             received x/v1)"
        ),
    );
    check(
        &edited(|response| response["convertedObjects"][0]["metadata"]["name"] = "b".into()),
        &format!("{about} returned invalid converted object at index 0: must have the same name: b != a"),
    );
}
