//! Admission webhooks, as a kube-apiserver v1.37.2 asks and heeds them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use serde_json::{Value, json};

use super::{Got, JSON, MERGE, Rig, text};
use crate::admission::{Call, Host, Reply};
use crate::server::{Answer, Watch, answered};

const HOOKS: &str = "/apis/admissionregistration.k8s.io/v1";
pub(super) const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// Sends a request, and answers the calls that it waits for.
pub(super) fn send(rig: &mut Rig, method: &str, path: &str, body: Value, hook: impl FnMut(&Call) -> Reply) -> Got {
    match play(rig, method, path, body, hook) {
        Answer::Whole(response) => Got::new(response),
        other => panic!("{other:?}"),
    }
}

pub(super) fn watch(rig: &mut Rig, path: &str, hook: impl FnMut(&Call) -> Reply) -> Watch {
    match play(rig, "GET", path, Value::Null, hook) {
        Answer::Watch { watch, .. } => watch,
        other => panic!("{other:?}"),
    }
}

fn play(rig: &mut Rig, method: &str, path: &str, body: Value, mut hook: impl FnMut(&Call) -> Reply) -> Answer {
    let media = if method == "PATCH" { MERGE } else { JSON };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder().method(method).uri(path).header("content-type", media).body(body.into());
    let mut request = request.expect("a request");
    for _ in 0..20 {
        match rig.hand_in(request) {
            Answer::Call { call, request: waiting } => request = answered(waiting, hook(&call)),
            other => return other,
        }
    }
    panic!("it goes on calling");
}

pub(super) fn configure(rig: &mut Rig, kind: &str, name: &str, hooks: Value) {
    let path = format!("{HOOKS}/{}webhookconfigurations", kind.to_lowercase());
    rig.post(&path, json!({"metadata": {"name": name}, "webhooks": hooks})).is(201);
}

pub(super) fn hook(name: &str, more: Value) -> Value {
    let mut hook = json!({
        "name": name,
        "clientConfig": {"url": format!("https://127.0.0.1:1/{name}")},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
        "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 2,
    });
    for (member, value) in more.as_object().into_iter().flatten() {
        hook[member] = value.clone();
    }
    hook
}

pub(super) fn answer(call: &Call, response: Value) -> Reply {
    let mut whole = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    if whole["response"]["uid"].is_null() {
        whole["response"]["uid"] = call.review["request"]["uid"].clone();
    }
    Reply::Answer(whole)
}

pub(super) fn yes(call: &Call) -> Reply {
    answer(call, json!({"allowed": true}))
}

pub(super) fn patch(call: &Call, patch: Value) -> Reply {
    let patch = STANDARD.encode(patch.to_string());
    answer(call, json!({"allowed": true, "patchType": "JSONPatch", "patch": patch}))
}

pub(super) fn map(name: &str) -> Value {
    json!({"metadata": {"name": name}, "data": {"b": "c"}})
}

/// What waits for a webhook draws its uid when it is stored, and what is stored meanwhile draws another.
#[test]
fn objects_that_have_waited_have_uids_of_their_own() {
    let mut rig = Rig::new();
    configure(&mut rig, "Mutating", "t", json!([hook("t.example.com", json!({}))]));
    let mut uids = Vec::new();
    for name in ["a", "b", "c"] {
        let made = send(&mut rig, "POST", MAPS, map(name), yes).is(201);
        uids.push(text(&made.body["metadata"]["uid"]).to_owned());
        for secret in 0..4 {
            let secret = json!({"metadata": {"name": format!("{name}-{secret}")}});
            let made = rig.post("/api/v1/namespaces/default/secrets", secret).is(201);
            uids.push(text(&made.body["metadata"]["uid"]).to_owned());
        }
    }
    let count = uids.len();
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), count);
}

#[test]
fn a_webhook_is_told_what_happens() {
    let mut rig = Rig::new();
    configure(&mut rig, "Validating", "t", json!([hook("t.example.com", json!({}))]));
    let mut seen = Vec::new();
    let mut see = |call: &Call| {
        seen.push(call.clone());
        yes(call)
    };
    send(&mut rig, "POST", MAPS, map("m"), &mut see).is(201);
    send(&mut rig, "PATCH", &format!("{MAPS}/m"), json!({"data": {"b": "d"}}), &mut see).is(200);
    send(&mut rig, "DELETE", &format!("{MAPS}/m?dryRun=All"), Value::Null, &mut see).is(200);
    let told: Vec<String> = seen
        .iter()
        .map(|call| {
            let request = &call.review["request"];
            let data = |object: &Value| object["data"]["b"].as_str().unwrap_or("-").to_owned();
            let (new, old) = (data(&request["object"]), data(&request["oldObject"]));
            format!("{} {} {old}->{new} {}", text(&request["operation"]), text(&request["name"]), request["dryRun"])
        })
        .collect();
    assert_eq!(told, ["CREATE m -->c false", "UPDATE m c->d false", "DELETE m d->- true"]);
    assert_eq!(seen[0].host, Host::Url("https://127.0.0.1:1/t.example.com".to_owned()));
    assert_eq!(seen[0].seconds, 2);
    let mut request = seen[0].review["request"].clone();
    for member in ["uid", "object"] {
        request.as_object_mut().and_then(|request| request.remove(member));
    }
    assert_eq!(
        request,
        json!({
            "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "resource": {"group": "", "version": "v1", "resource": "configmaps"},
            "requestKind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "requestResource": {"group": "", "version": "v1", "resource": "configmaps"},
            "name": "m", "namespace": "default", "operation": "CREATE",
            "userInfo": {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]},
            "oldObject": null, "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        })
    );
    // What is told is what is stored: the name that was drawn, the uid, and the time.
    let mut told = Value::Null;
    let drawn = send(&mut rig, "POST", MAPS, json!({"metadata": {"generateName": "x-"}}), |call| {
        told = call.review["request"]["object"].clone();
        yes(call)
    });
    let drawn = drawn.is(201).body;
    assert_eq!(
        (&told["metadata"]["name"], &told["metadata"]["uid"]),
        (&drawn["metadata"]["name"], &drawn["metadata"]["uid"])
    );
}

#[test]
fn a_webhook_has_its_say() {
    let failed = |why: &str| format!("Internal error occurred: failed calling webhook \"t.example.com\": {why}");
    let check = |kind: &str, reply: &dyn Fn(&Call) -> Reply, code: u16, message: &str| {
        let mut rig = Rig::new();
        configure(&mut rig, kind, "t", json!([hook("t.example.com", json!({}))]));
        let got = send(&mut rig, "POST", MAPS, map("m"), reply).is(code);
        if code > 201 {
            assert_eq!(got.message(), message);
            rig.get(&format!("{MAPS}/m")).is(404);
        }
        got
    };
    let deny = |status: Value| move |call: &Call| answer(call, json!({"allowed": false, "status": status}));
    let denied = "admission webhook \"t.example.com\" denied the request";
    check("Validating", &yes, 201, "");
    check("Validating", &|call| answer(call, json!({"allowed": false})), 400, &format!("{denied} without explanation"));
    check("Validating", &deny(json!({"message": "no way"})), 400, &format!("{denied}: no way"));
    let no = deny(json!({"message": "no way", "code": 403, "reason": "Forbidden"}));
    let got = check("Mutating", &no, 403, &format!("{denied}: no way"));
    assert_eq!(got.body["reason"], "Forbidden");
    let absent = |_: &Call| Reply::Answer(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}));
    let why = "received invalid webhook response: webhook response was absent";
    check("Validating", &absent, 500, &failed(why));
    let patched = |call: &Call| patch(call, json!([{"op": "add", "path": "/data/a", "value": "x"}]));
    let why = "received invalid webhook response: validating webhook may not return response.patch";
    check("Validating", &patched, 500, &failed(why));
    let untyped = |call: &Call| answer(call, json!({"allowed": true, "patch": "W10="}));
    let why = "received invalid webhook response: webhook returned response.patch but not response.patchType";
    check("Mutating", &untyped, 500, &failed(why));
    let unreachable = |_: &Call| Reply::Failed("Post \"https://x\": connection refused".to_owned());
    check("Mutating", &unreachable, 500, &failed("failed to call webhook: Post \"https://x\": connection refused"));
    let wrong = |call: &Call| answer(call, json!({"allowed": true, "uid": "x"}));
    let got = {
        let mut rig = Rig::new();
        configure(&mut rig, "Validating", "t", json!([hook("t.example.com", json!({}))]));
        send(&mut rig, "POST", MAPS, map("m"), wrong).is(500)
    };
    assert!(got.message().contains("received invalid webhook response: expected response.uid=\""), "{}", got.text);
    let got = check("Mutating", &patched, 201, "");
    assert_eq!(got.body["data"], json!({"a": "x", "b": "c"}));
    let useless = |call: &Call| patch(call, json!([{"op": "remove", "path": "/nope"}]));
    let mut rig = Rig::new();
    configure(&mut rig, "Mutating", "t", json!([hook("t.example.com", json!({}))]));
    send(&mut rig, "POST", MAPS, map("m"), useless).is(500);
    let warns = |call: &Call| answer(call, json!({"allowed": true, "warnings": ["beware"]}));
    let got = send(&mut rig, "POST", MAPS, map("m"), warns).is(201);
    assert_eq!(got.headers.get("warning").and_then(|value| value.to_str().ok()), Some("299 - \"beware\""));
}

/// What a webhook says of owners counts, if it can be read: of a new object, and of one that is changed.
#[test]
fn a_webhook_may_say_who_owns_an_object() {
    let send = |change: Value| {
        let mut rig = Rig::new();
        configure(&mut rig, "Mutating", "t", json!([hook("t.example.com", json!({}))]));
        let made = send(&mut rig, "POST", MAPS, map("m"), |call| patch(call, change.clone())).is(201);
        let mut moved = map("m");
        moved["data"] = json!({"moved": "x"});
        let path = format!("{MAPS}/m");
        let put = send(&mut rig, "PUT", &path, moved, |call| patch(call, change.clone()));
        [made, put].map(|got| {
            let warning = got.headers.get("warning").map(|warning| warning.to_str().expect("a text").to_owned());
            (got.body["metadata"]["managedFields"].clone(), warning.unwrap_or_default())
        })
    };
    for (owners, warning) in send(json!([])) {
        assert_eq!((owners[0]["operation"].as_str(), warning.as_str()), (Some("Update"), ""), "{owners}");
    }
    let removed = send(json!([{"op": "remove", "path": "/metadata/managedFields"}]));
    assert_eq!(removed[0], (Value::Null, String::new()));
    // Then there is nothing that the next call could remove.
    assert_eq!(removed[1].0, Value::Null);
    for (owners, _) in send(json!([{"op": "replace", "path": "/metadata/managedFields/0/manager", "value": "hook"}])) {
        assert_eq!(owners[0]["manager"], "hook", "{owners}");
    }
    for (owners, warning) in
        send(json!([{"op": "replace", "path": "/metadata/managedFields/0/operation", "value": ""}]))
    {
        assert_eq!(owners[0]["operation"], "Update", "{owners}");
        assert!(warning.contains("please fix your requests: operation must be `Apply` or `Update`"), "{warning}");
    }
}

#[test]
fn a_webhook_is_spoken_to_as_it_likes_best() {
    for (versions, spoken) in
        [(json!(["v1beta1"]), "v1beta1"), (json!(["v1beta1", "v1"]), "v1beta1"), (json!(["v2", "v1"]), "v1")]
    {
        let mut rig = Rig::new();
        configure(
            &mut rig,
            "Validating",
            "c",
            json!([hook("old.example.com", json!({"admissionReviewVersions": versions}))]),
        );
        send(&mut rig, "POST", MAPS, json!({"metadata": {"name": "m"}}), |call| {
            assert_eq!(text(&call.review["apiVersion"]), format!("admission.k8s.io/{spoken}"));
            // Of an old answer it was not looked at whose it is, nor at a patch that means nothing.
            // And what does not say what it is, is of the version that was spoken.
            match spoken {
                "v1" => Reply::Answer(json!({
                    "kind": "AdmissionReview", "apiVersion": call.review["apiVersion"],
                    "response": {"allowed": true, "uid": call.review["request"]["uid"]},
                })),
                _ => Reply::Answer(json!({"response": {"allowed": true, "patch": STANDARD.encode("[]")}})),
            }
        })
        .is(201);
    }
}

#[test]
fn failures_may_be_ignored() {
    let mut rig = Rig::new();
    let lenient = json!({"failurePolicy": "Ignore"});
    configure(&mut rig, "Mutating", "m", json!([hook("m.example.com", lenient.clone())]));
    configure(&mut rig, "Validating", "v", json!([hook("v.example.com", lenient)]));
    send(&mut rig, "POST", MAPS, map("m"), |_| Reply::Failed("gone".to_owned())).is(201);
    // A refusal is no failure.
    send(&mut rig, "POST", MAPS, map("n"), |call| answer(call, json!({"allowed": false}))).is(400);
}

#[test]
fn only_those_are_asked_who_want_to_be() {
    let check = |more: Value, method: &str, path: &str, body: Value, asked: bool| {
        let mut rig = Rig::new();
        rig.patch("/api/v1/namespaces/default", json!({"metadata": {"labels": {"team": "a"}}})).is(200);
        configure(&mut rig, "Validating", "t", json!([hook("t.example.com", more.clone())]));
        let mut calls = 0;
        send(&mut rig, method, path, body, |call| {
            calls += 1;
            yes(call)
        });
        assert_eq!(calls > 0, asked, "{more} {method} {path}");
    };
    let rule = |group: &str, resource: &str, operation: &str, scope: &str| {
        json!({"rules": [{
            "apiGroups": [group], "apiVersions": ["*"], "operations": [operation], "resources": [resource],
            "scope": scope,
        }]})
    };
    check(rule("", "configmaps", "CREATE", "*"), "POST", MAPS, map("m"), true);
    check(rule("*", "*", "*", "Namespaced"), "POST", MAPS, map("m"), true);
    check(rule("*", "*", "*", "Cluster"), "POST", MAPS, map("m"), false);
    check(rule("", "configmaps", "UPDATE", "*"), "POST", MAPS, map("m"), false);
    check(rule("apps", "configmaps", "*", "*"), "POST", MAPS, map("m"), false);
    check(rule("", "secrets", "*", "*"), "POST", MAPS, map("m"), false);
    let namespace = json!({"metadata": {"name": "n"}});
    check(rule("", "namespaces", "*", "Cluster"), "POST", "/api/v1/namespaces", namespace, true);
    let status = "/api/v1/namespaces/default/status";
    let change = json!({"metadata": {"annotations": {"a": "b"}}});
    check(rule("", "namespaces", "*", "*"), "PATCH", status, change.clone(), false);
    check(rule("", "namespaces/status", "*", "*"), "PATCH", status, change.clone(), true);
    check(rule("", "namespaces/*", "*", "*"), "PATCH", status, change.clone(), true);
    check(rule("*", "*/*", "*", "*"), "PATCH", status, change, true);
    let labels = |selector: &str, value: &str| json!({(selector): {"matchLabels": {"team": value}}});
    check(labels("namespaceSelector", "a"), "POST", MAPS, map("m"), true);
    check(labels("namespaceSelector", "b"), "POST", MAPS, map("m"), false);
    check(labels("objectSelector", "a"), "POST", MAPS, map("m"), false);
    let labelled = json!({"metadata": {"name": "m", "labels": {"team": "a"}}});
    check(labels("objectSelector", "a"), "POST", MAPS, labelled, true);
    // Nobody is asked about webhooks.
    let hooks = format!("{HOOKS}/mutatingwebhookconfigurations");
    let other = json!({"metadata": {"name": "o"}, "webhooks": []});
    check(rule("*", "*", "*", "*"), "POST", &hooks, other, false);
}

#[test]
fn another_version_is_meant_too() {
    const SCALERS: &str = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
    let scaler = || {
        json!({"metadata": {"name": "s"}, "spec": {
            "maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
            "targetCPUUtilizationPercentage": 50,
        }})
    };
    let check = |policy: &str, expect: &[&str]| {
        let mut rig = Rig::new();
        let rules = json!([{
            "apiGroups": ["autoscaling"], "apiVersions": ["v2"], "operations": ["*"],
            "resources": ["horizontalpodautoscalers"],
        }]);
        configure(
            &mut rig,
            "Validating",
            "t",
            json!([hook("t.example.com", json!({"rules": rules, "matchPolicy": policy}))]),
        );
        let mut seen = Vec::new();
        send(&mut rig, "POST", SCALERS, scaler(), |call| {
            let request = &call.review["request"];
            seen.push(format!(
                "{} {} {}",
                text(&request["kind"]["version"]),
                text(&request["requestKind"]["version"]),
                request["object"]["spec"]["metrics"][0]["resource"]["name"]
            ));
            yes(call)
        })
        .is(201);
        assert_eq!(seen, expect, "{policy}");
    };
    check("Equivalent", &["v2 v1 \"cpu\""]);
    check("Exact", &[]);
}

#[test]
fn mutating_webhooks_go_first_and_some_again() {
    let mut rig = Rig::new();
    let again = json!({"reinvocationPolicy": "IfNeeded"});
    configure(&mut rig, "Mutating", "b", json!([hook("b.example.com", json!({}))]));
    configure(&mut rig, "Mutating", "a", json!([hook("a1.example.com", again), hook("a2.example.com", json!({}))]));
    configure(&mut rig, "Validating", "a", json!([hook("v.example.com", json!({}))]));
    let mut order = Vec::new();
    let got = send(&mut rig, "POST", MAPS, map("m"), |call| {
        let Host::Url(url) = &call.host else { panic!("a url") };
        let name = url.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default();
        let seen = call.review["request"]["object"]["data"].as_object().map(|data| data.len()).unwrap_or_default();
        order.push(format!("{name}:{seen}"));
        match name {
            "b" => patch(call, json!([{"op": "add", "path": "/data/b1", "value": "x"}])),
            "a1" => patch(call, json!([{"op": "add", "path": "/data/a1", "value": "x"}])),
            _ => yes(call),
        }
    });
    assert_eq!(got.is(201).body["data"], json!({"a1": "x", "b": "c", "b1": "x"}));
    assert_eq!(order, ["a1:1", "a2:2", "b:2", "a1:3", "v:3"]);
}

#[test]
fn a_dry_run_asks_only_those_without_effects() {
    let mut rig = Rig::new();
    let path = format!("{MAPS}?dryRun=All");
    configure(&mut rig, "Validating", "t", json!([hook("t.example.com", json!({"sideEffects": "NoneOnDryRun"}))]));
    send(&mut rig, "POST", &path, map("m"), yes).is(201);
    let mut loud = hook("t.example.com", json!({}));
    loud["sideEffects"] = "Some".into();
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "loud"}, "webhooks": [loud],
    });
    let (now, mut rng) = (rig.now, fastrand::Rng::with_seed(3));
    rig.server.restore(configuration, now, &mut rng).expect("a place");
    let got = send(&mut rig, "POST", &path, map("m"), yes).is(400);
    assert_eq!(got.message(), "admission webhook \"t.example.com\" does not support dry run");
}

#[test]
fn a_change_meanwhile_is_asked_about_anew() {
    let mut rig = Rig::new();
    rig.post(MAPS, map("m")).is(201);
    configure(&mut rig, "Validating", "t", json!([hook("t.example.com", json!({}))]));
    let path = format!("{MAPS}/m");
    let request = Request::builder().method("PATCH").uri(&path).header("content-type", MERGE);
    let request = request.body(json!({"data": {"x": "y"}}).to_string().into()).expect("a request");
    let Answer::Call { call, request } = rig.hand_in(request) else { panic!("a call is waited for") };
    let other = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "default"}, "data": {"b": "new"},
    });
    let (now, mut rng) = (rig.now, fastrand::Rng::with_seed(3));
    rig.server.restore(other, now, &mut rng).expect("a place");
    let Answer::Call { call: anew, request } = rig.hand_in(answered(request, yes(&call))) else {
        panic!("what was told is no more")
    };
    assert_eq!(anew.review["request"]["oldObject"]["data"], json!({"b": "new"}));
    let Answer::Whole(response) = rig.hand_in(answered(request, yes(&anew))) else { panic!("it is done") };
    assert_eq!(Got::new(response).is(200).body["data"], json!({"b": "new", "x": "y"}));
}

#[cfg(feature = "cel")]
#[test]
fn conditions_decide_who_is_asked() {
    let check = |expression: &str, policy: &str, code: u16, asked: bool| {
        let mut rig = Rig::new();
        let conditions = json!([{"name": "c", "expression": expression}]);
        let more = json!({"matchConditions": conditions, "failurePolicy": policy});
        configure(&mut rig, "Validating", "t", json!([hook("t.example.com", more)]));
        let mut calls = 0;
        let got = send(&mut rig, "POST", MAPS, map("m"), |call| {
            calls += 1;
            yes(call)
        });
        assert_eq!((got.code, calls > 0), (code, asked), "{expression}: {}", got.text);
        got
    };
    check("object.data.b == 'c' && request.operation == 'CREATE'", "Fail", 201, true);
    check("object.data.b == 'x'", "Fail", 201, false);
    check("request.userInfo.username == 'kubernetes-admin'", "Fail", 201, true);
    let got = check("object.data.nope == 1", "Fail", 403, false);
    assert_eq!(
        got.message(),
        "configmaps \"m\" is forbidden: expression 'object.data.nope == 1' resulted in error: no such key: nope"
    );
    check("object.data.nope == 1", "Ignore", 201, false);
}

#[test]
fn a_configuration_is_judged() {
    let mut rig = Rig::new();
    let mut check = |more: Value, expect: &[&str]| {
        let configuration = json!({"metadata": {"name": "t"}, "webhooks": [hook("t.example.com", more.clone())]});
        let got = rig.post(&format!("{HOOKS}/mutatingwebhookconfigurations"), configuration).is(422);
        let causes = got.body["details"]["causes"].as_array().into_iter().flatten();
        let told: Vec<String> = causes
            .map(|cause| format!("{}: {}", text(&cause["field"]).replace("webhooks[0]", "@"), text(&cause["message"])))
            .collect();
        assert_eq!(told, expect, "{more}");
    };
    check(
        json!({"name": "a"}),
        &["@.name: Invalid value: \"a\": should be a domain with at least three segments separated by dots"],
    );
    check(json!({"clientConfig": {}}), &["@.clientConfig: Required value: exactly one of url or service is required"]);
    check(
        json!({"clientConfig": {"url": "http://x"}}),
        &["@.clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: \
         https://host[/path]"],
    );
    check(
        json!({"clientConfig": {"url": "https://u@x?q#f"}}),
        &[
            "@.clientConfig.url: Invalid value: \"u\": user information is not permitted in the URL",
            "@.clientConfig.url: Invalid value: \"f\": fragments are not permitted in the URL",
            "@.clientConfig.url: Invalid value: \"q\": query parameters are not permitted in the URL",
        ],
    );
    check(
        json!({"sideEffects": "Some"}),
        &["@.sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\""],
    );
    check(json!({"sideEffects": ""}), &["@.sideEffects: Required value: must specify one of None, NoneOnDryRun"]);
    check(
        json!({"admissionReviewVersions": ["v2"]}),
        &["@.admissionReviewVersions: Invalid value: [\"v2\"]: must include at least one of v1, v1beta1"],
    );
    check(
        json!({"timeoutSeconds": 31}),
        &["@.timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"],
    );
    check(
        json!({"reinvocationPolicy": "X"}),
        &["@.reinvocationPolicy: Unsupported value: \"X\": supported values: \"IfNeeded\", \"Never\""],
    );
    check(
        json!({"rules": [{}]}),
        &[
            "@.rules[0].operations: Required value",
            "@.rules[0].apiGroups: Required value",
            "@.rules[0].apiVersions: Required value",
            "@.rules[0].resources: Required value",
        ],
    );
    let rule =
        json!({"operations": ["*", "CREATE"], "apiGroups": [""], "apiVersions": ["*", "v1"], "resources": ["*", "a"]});
    check(
        json!({"rules": [rule]}),
        &[
            "@.rules[0].operations: Invalid value: [\"*\",\"CREATE\"]: if '*' is present, must not specify other operations",
            "@.rules[0].apiVersions: Invalid value: [\"*\",\"v1\"]: if '*' is present, must not specify other API versions",
            "@.rules[0].resources: Invalid value: [\"*\",\"a\"]: if '*' is present, must not specify other resources without \
         subresources",
        ],
    );
    #[cfg(feature = "cel")]
    check(
        json!({"matchConditions": [{"name": "a", "expression": "nope"}]}),
        &[
            "@.matchConditions[0].expression: Invalid value: \"nope\": compilation failed: ERROR: <input>:1:1: undeclared \
         reference to 'nope' (in container '')\n | nope\n | ^",
        ],
    );
}
