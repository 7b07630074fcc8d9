//! Admission policies beside webhooks, and both where a subresource takes what is no object of its own. What policies
//! judge and say themselves, `tests/differential` holds to a real server's answers.

use serde_json::{Value, json};

use super::webhooks::{MAPS, answer, configure, hook, map, patch, send, yes};
use super::{Rig, text};
use crate::admission::{Call, Reply};

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1";

/// A policy that is in force for these resources.
fn policy(rig: &mut Rig, name: &str, resources: &[&str], rule: &str, message: &str) {
    rig.post(
        &format!("{POLICIES}/validatingadmissionpolicies"),
        json!({"metadata": {"name": name}, "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": resources},
            ]},
            "validations": [{"expression": rule, "messageExpression": message}],
        }}),
    )
    .is(201);
    let spec = json!({"policyName": name, "validationActions": ["Deny"]});
    let path = format!("{POLICIES}/validatingadmissionpolicybindings");
    rig.post(&path, json!({"metadata": {"name": name}, "spec": spec})).is(201);
}

/// A webhook that wants to see these resources.
fn watcher(rig: &mut Rig, kind: &str, name: &str, resources: &[&str]) {
    let rules = json!([{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": resources}]);
    configure(rig, kind, name, json!([hook(name, json!({ "rules": rules }))]));
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

#[test]
fn policies_see_what_webhooks_made_and_judge_before_they_are_asked() {
    let mut rig = Rig::new();
    policy(&mut rig, "p", &["configmaps"], "object.data.b != 'x'", "'it is ' + string(object.data.b)");
    watcher(&mut rig, "Mutating", "m.example.com", &["configmaps"]);
    watcher(&mut rig, "Validating", "v.example.com", &["configmaps"]);
    let mut asked = Vec::new();
    let make = |to: &'static str| {
        move |call: &Call, asked: &mut Vec<String>| -> Reply {
            asked.push(format!("{} {}", text(&call.review["request"]["name"]), to));
            match format!("{:?}", call.host).contains("m.example.com") {
                true => patch(call, json!([{"op": "replace", "path": "/data/b", "value": to}])),
                false => yes(call),
            }
        }
    };
    let refused = make("x");
    let refused = send(&mut rig, "POST", MAPS, map("m"), |call| refused(call, &mut asked)).is(422);
    assert_eq!(
        refused.message(),
        "configmaps \"m\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: it is x"
    );
    let taken = make("y");
    send(&mut rig, "POST", MAPS, map("m"), |call| taken(call, &mut asked)).is(201);
    assert_eq!(asked, ["m x", "m y", "m y"], "who may refuse is asked once the policy has nothing against it");
}

#[test]
fn the_name_that_was_drawn_is_the_one_that_is_refused() {
    let mut rig = Rig::new();
    policy(&mut rig, "p", &["configmaps"], "false", "object.metadata.name == '' ? 'none' : 'some'");
    let refused = rig.post(MAPS, json!({"metadata": {"generateName": "drawn-"}})).is(422);
    assert!(refused.message().starts_with("configmaps \"drawn-"), "{}", refused.message());
    assert!(refused.message().ends_with("denied request: some"), "{}", refused.message());
}

#[test]
fn a_policy_that_has_changed_judges_anew() {
    let mut rig = Rig::new();
    policy(&mut rig, "p", &["configmaps"], "false", "'no'");
    rig.post(MAPS, map("m")).is(422);
    let path = format!("{POLICIES}/validatingadmissionpolicies/p");
    rig.patch(&path, json!({"spec": {"validations": [{"expression": "true"}]}})).is(200);
    rig.post(MAPS, map("m")).is(201);
    rig.patch(&path, json!({"spec": {"validations": [{"expression": "object.data.b == oldObject.data.b"}]}})).is(200);
    rig.patch(&format!("{MAPS}/m"), json!({"data": {"b": "other"}})).is(422);
    rig.delete(&format!("{POLICIES}/validatingadmissionpolicybindings/p"), json!({})).is(200);
    rig.patch(&format!("{MAPS}/m"), json!({"data": {"b": "other"}})).is(200);
}

#[test]
fn an_authorizer_decides_for_the_user_and_for_accounts() {
    let mut rig = Rig::new();
    let ask =
        |verb: &str| format!("authorizer.group('').resource('pods').namespace('default').check('{verb}').allowed()");
    let all = format!(
        "variables.may && [1, 2, 3].all(n, {}) && !authorizer.serviceAccount('default', 'a').path('/x').check('get').allowed()",
        ask("list")
    );
    rig.post(
        &format!("{POLICIES}/validatingadmissionpolicies"),
        json!({"metadata": {"name": "p"}, "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]},
            ]},
            "variables": [{"name": "may", "expression": ask("get")}],
            "validations": [{"expression": all}],
        }}),
    )
    .is(201);
    let spec = json!({"policyName": "p", "validationActions": ["Deny"]});
    let path = format!("{POLICIES}/validatingadmissionpolicybindings");
    rig.post(&path, json!({"metadata": {"name": "p"}, "spec": spec})).is(201);
    rig.post(MAPS, map("m")).is(201);
}

#[test]
fn webhooks_are_asked_about_scales_bindings_and_evictions() {
    let mut rig = Rig::new();
    const PODS: &str = "/api/v1/namespaces/default/pods";
    const SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";
    rig.post(PODS, pod("p")).is(201);
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": pod("x")["spec"]});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template});
    rig.post(SETS, json!({"metadata": {"name": "r"}, "spec": spec})).is(201);
    watcher(&mut rig, "Mutating", "m.example.com", &["*/scale", "*/binding"]);
    watcher(&mut rig, "Validating", "v.example.com", &["*/*"]);
    let mut told = Vec::new();
    let mut see = |call: &Call| {
        let request = &call.review["request"];
        let is_first = format!("{:?}", call.host).contains("m.example.com");
        let (object, part) = (&request["object"], text(&request["subResource"]));
        let wanted = object.pointer("/spec/replicas").or(object.pointer("/target/name")).unwrap_or(&Value::Null);
        told.push(format!(
            "{} {}/{part} {} {} {wanted}",
            if is_first { "first" } else { "last" },
            text(&request["resource"]["resource"]),
            text(&request["kind"]["kind"]),
            text(&request["operation"]),
        ));
        match (is_first, part) {
            (true, "scale") => patch(call, json!([{"op": "replace", "path": "/spec/replicas", "value": 3}])),
            (true, _) => patch(call, json!([{"op": "replace", "path": "/target/name", "value": "other"}])),
            (false, "eviction") => answer(call, json!({"allowed": false, "status": {"message": "it stays"}})),
            _ => yes(call),
        }
    };
    let scale = send(&mut rig, "PATCH", &format!("{SETS}/r/scale"), json!({"spec": {"replicas": 2}}), &mut see).is(200);
    assert_eq!(scale.body["spec"]["replicas"], 3, "as the webhook wants it");
    let binding = json!({"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "node"}});
    send(&mut rig, "POST", &format!("{PODS}/p/binding"), binding, &mut see).is(201);
    let eviction = json!({"metadata": {"name": "p"}});
    let refused = send(&mut rig, "POST", &format!("{PODS}/p/eviction"), eviction, &mut see).is(400);
    assert_eq!(refused.message(), "admission webhook \"v.example.com\" denied the request: it stays");
    assert_eq!(
        told,
        [
            "first replicasets/scale Scale UPDATE 2",
            "last replicasets/scale Scale UPDATE 3",
            "first pods/binding Binding CREATE \"node\"",
            "last pods/binding Binding CREATE \"other\"",
            "last pods/eviction Eviction CREATE null",
        ]
    );
    assert_eq!(rig.get(&format!("{SETS}/r")).body["spec"]["replicas"], 3);
    assert_eq!(rig.get(&format!("{PODS}/p")).body["spec"]["nodeName"], "other");
}

/// As a kube-apiserver v1.37.2 asks about the same, and heeds only those who refuse.
#[test]
fn webhooks_are_asked_about_who_connects() {
    let mut rig = Rig::new();
    const PODS: &str = "/api/v1/namespaces/default/pods";
    rig.post(PODS, pod("p")).is(201);
    watcher(&mut rig, "Mutating", "m.example.com", &["pods/exec"]);
    watcher(&mut rig, "Validating", "v.example.com", &["pods/exec"]);
    let mut told = Vec::new();
    let mut see = |call: &Call| {
        let request = &call.review["request"];
        told.push(request.clone());
        match format!("{:?}", call.host).contains("m.example.com") {
            true => patch(call, json!([{"op": "add", "path": "/container", "value": "nobody"}])),
            false if request["object"]["container"] == "no" => {
                answer(call, json!({"allowed": false, "status": {"message": "not there"}}))
            }
            false => yes(call),
        }
    };
    let mut ask = |rig: &mut Rig, query: &str| {
        let path = format!("{PODS}/p/exec?{query}");
        send(rig, "POST", &path, Value::Null, &mut see).is(400).message().to_owned()
    };
    let denied = "admission webhook \"v.example.com\" denied the request: not there";
    assert_eq!(ask(&mut rig, "command=ls&container=no"), denied);
    assert_eq!(ask(&mut rig, "command=ls&stdin=true"), "pod p does not have a host assigned");
    let options = json!({"kind": "PodExecOptions", "apiVersion": "v1", "command": ["ls"], "stdin": true});
    let last = told.last().expect("somebody was asked");
    assert_eq!((told.len(), &last["object"]), (4, &options), "what the first one made of it is lost");
    let kind = json!({"group": "", "version": "v1", "kind": "PodExecOptions"});
    assert_eq!((&last["operation"], &last["kind"], &last["options"]), (&json!("CONNECT"), &kind, &Value::Null));
}

/// A mutating policy on config maps that adds to what stands in `data.b`, and sees again what others change.
fn adding(rig: &mut Rig, name: &str, adds: &str, reinvocation: &str) {
    rig.post(
        &format!("{POLICIES}/mutatingadmissionpolicies"),
        json!({"metadata": {"name": name}, "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]},
            ]},
            "reinvocationPolicy": reinvocation,
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {
                "expression": format!("Object{{data: {{'b': string(object.data.b) + '{adds}'}}}}"),
            }}],
        }}),
    )
    .is(201);
    let path = format!("{POLICIES}/mutatingadmissionpolicybindings");
    rig.post(&path, json!({"metadata": {"name": name}, "spec": {"policyName": name}})).is(201);
}

#[test]
fn policies_mutate_before_webhooks_and_again_after_them() {
    let mut rig = Rig::new();
    adding(&mut rig, "a", "1", "IfNeeded");
    adding(&mut rig, "b", "2", "Never");
    watcher(&mut rig, "Mutating", "m.example.com", &["configmaps"]);
    let made = send(&mut rig, "POST", MAPS, map("m"), |call| {
        let now = format!("{}-", text(&call.review["request"]["object"]["data"]["b"]));
        patch(call, json!([{"op": "replace", "path": "/data/b", "value": now}]))
    });
    assert_eq!(made.is(201).body["data"]["b"], "c12-1");
    // What a policy makes is nobody's.
    let owned = rig.get(&format!("{MAPS}/m")).body["metadata"]["managedFields"][0]["fieldsV1"].clone();
    assert_eq!(owned, json!({"f:data": {".": {}, "f:b": {}}}));
}

#[test]
fn policies_do_not_mutate_what_is_deleted() {
    let mut rig = Rig::new();
    rig.post(MAPS, map("m")).is(201);
    adding(&mut rig, "a", "1", "Never");
    rig.delete(&format!("{MAPS}/m"), json!({})).is(200);
}
