//! Who may do what, as a kube-apiserver v1.37.2 with `--authorization-mode=RBAC` answers.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::{Got, Rig, text};
use crate::auth::{Authorization, Caller, Filled, Gate, User, bootstrap_roles};
use crate::server::Answer;

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1";

/// A server with the roles of a fresh one, and the tokens of bob and nobody.
fn rig() -> Rig {
    let mut rig = Rig::new();
    *rig.server.gate() = Gate::new(Authorization::Rbac, &mut fastrand::Rng::with_seed(1));
    rig.server.gate().know("bob-token", User::new("bob").group("people").uid("2"));
    let now = rig.now;
    rig.server.furnish(bootstrap_roles(Filled::Yes), now, &mut fastrand::Rng::with_seed(2));
    rig
}

/// Sends a request, with header lines after its first, over a front that knows its users by their tokens.
fn over_https(rig: &mut Rig, request: &str, body: Value) -> Got {
    let mut lines = request.lines();
    let (method, path) = lines.next().and_then(|line| line.split_once(' ')).expect("a request line");
    let mut builder = Request::builder().method(method).uri(path).header("content-type", "application/json");
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header line");
        builder = builder.header(name, value);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut request = builder.body(body.into()).expect("a request");
    request.extensions_mut().insert(Caller::Bearer);
    match rig.hand_in(request) {
        Answer::Whole(response) => Got::new(response),
        other => panic!("{other:?}"),
    }
}

fn as_user(rig: &mut Rig, user: &User, request: &str, body: Value) -> Got {
    let (method, path) = request.split_once(' ').expect("a request line");
    let (method, kind) = match method {
        "MERGE" => ("PATCH", "application/merge-patch+json"),
        method => (method, "application/json"),
    };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder().method(method).uri(path).header("content-type", kind).body(body.into());
    let mut request = request.expect("a request");
    request.extensions_mut().insert(Caller::User(Arc::new(user.clone().arrived())));
    match rig.hand_in(request) {
        Answer::Whole(response) => Got::new(response),
        other => panic!("{other:?}"),
    }
}

fn bind(rig: &mut Rig, role: &str, user: &str) {
    let name = format!("{role}-{user}");
    let body = json!({
        "metadata": {"name": name},
        "roleRef": {"kind": "ClusterRole", "name": role, "apiGroup": "rbac.authorization.k8s.io"},
        "subjects": [{"kind": "User", "name": user}],
    });
    rig.post(&format!("{RBAC}/clusterrolebindings"), body).is(201);
}

fn role(rig: &mut Rig, name: &str, rules: Value) {
    rig.post(&format!("{RBAC}/clusterroles"), json!({"metadata": {"name": name}, "rules": rules})).is(201);
}

#[test]
fn who_asks_for_a_certificate_is_known_from_the_request() {
    use base64::Engine;

    let mut rig = rig();
    role(&mut rig, "asks", json!([{"apiGroups": ["*"], "resources": ["certificatesigningrequests"], "verbs": ["*"]}]));
    bind(&mut rig, "asks", "bob");
    let block = "-----BEGIN CERTIFICATE REQUEST-----\n\
        MIHaMIGBAgEAMB8xDzANBgNVBAoMBnBlb3BsZTEMMAoGA1UEAwwDZXZlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYOm2l07y\n\
        IHN630rVdFXi1zcEzQRGp2njqgZYQJjpRMEKioFdOkMlYdsfF5YUYBjwBe4cbJ0IfdLtUUbPzPUmi6AAMAoGCCqGSM49BAMCA0gA\n\
        MEUCID3Gz+sxPu95+8dUKf3hWGiOi+TPB+ztl4kAu913Fp7cAiEAzgztiVEderm/Jy7JUWpS6uCDsZwAnbIODFAI3cbYZCY=\n\
        -----END CERTIFICATE REQUEST-----\n";
    let request = base64::engine::general_purpose::STANDARD.encode(block);
    let spec = json!({
        "request": request, "signerName": "example.com/x", "usages": ["client auth"],
        "username": "jane", "groups": ["system:masters"], "extra": {"a": ["b"]},
    });
    let bob = User::new("bob").group("people").uid("2");
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let made =
        as_user(&mut rig, &bob, &format!("POST {path}"), json!({"metadata": {"name": "a"}, "spec": spec})).is(201);
    let told = |member: &str| made.body["spec"][member].clone();
    assert_eq!((told("username"), told("uid"), told("extra")), (json!("bob"), json!("2"), Value::Null));
    assert_eq!(told("groups"), json!(["people", "system:authenticated"]));
}

#[test]
fn a_token_says_who_asks() {
    let mut rig = rig();
    let mut check = |token: &str, path: &str, code: u16, message: &str| {
        let header = if token.is_empty() { String::new() } else { format!("\nauthorization: Bearer {token}") };
        let got = over_https(&mut rig, &format!("GET {path}{header}"), Value::Null).is(code);
        if code >= 400 {
            assert_eq!(got.message(), message, "{token} {path}");
        }
    };
    let pods = |user: &str| {
        format!(
            "pods is forbidden: User \"{user}\" cannot list resource \"pods\" in API group \"\" at the cluster scope"
        )
    };
    check("", "/api/v1/pods", 403, &pods("system:anonymous"));
    check("", "/version", 200, "");
    check("", "/healthz", 200, "");
    check("", "/api", 403, "forbidden: User \"system:anonymous\" cannot get path \"/api\"");
    check("wrong", "/version", 401, "Unauthorized");
    check("bob-token", "/api/v1/pods", 403, &pods("bob"));
    check("bob-token", "/api", 200, "");
    check("bob-token", "/apis/nope/v1", 404, "");
    check("bob-token", "/nopage", 403, "forbidden: User \"bob\" cannot get path \"/nopage\"");
    let things = "things.nope \"abc\" is forbidden: User \"bob\" cannot list resource \"things\" in API group \"nope\" \
                  at the cluster scope";
    check("bob-token", "/apis/nope/v1/things?fieldSelector=metadata.name%3Dabc", 403, things);
    let node = "nodes \"<x>\" is forbidden: User \"bob\" cannot get resource \"nodes\" in API group \"\" at the \
                cluster scope";
    check("bob-token", "/api/v1/nodes/%3Cx%3E", 403, node);
    let status = "namespaces \"default\" is forbidden: User \"bob\" cannot get resource \"namespaces/status\" in API \
                  group \"\" in the namespace \"default\"";
    check("bob-token", "/api/v1/namespaces/default/status", 403, status);
    let who = over_https(
        &mut rig,
        "POST /apis/authentication.k8s.io/v1/selfsubjectreviews\nauthorization: bearer bob-token",
        json!({}),
    );
    let expect = json!({"username": "bob", "uid": "2", "groups": ["people", "system:authenticated"]});
    assert_eq!(who.is(201).body["status"]["userInfo"], expect);
    // In process a token is not needed, and a wrong one is a mistake all the same.
    let in_process = |rig: &mut Rig, token: Option<&str>| {
        let mut request = Request::get("/api/v1/pods");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.extension(Caller::Host).body(Bytes::new()).expect("a request");
        match rig.hand_in(request) {
            Answer::Whole(response) => Got::new(response),
            other => panic!("{other:?}"),
        }
    };
    in_process(&mut rig, None).is(200);
    in_process(&mut rig, Some("wrong")).is(401);
    in_process(&mut rig, Some("bob-token")).is(403);
    // Where everyone is an administrator, so is whoever bears a token that nobody knows.
    rig.ask("GET /api/v1/pods\nauthorization: Bearer wrong", "").is(200);
    rig.ask("GET /api/v1/pods\nauthorization: Bearer bob-token", "").is(403);
}

#[test]
fn without_roles_every_known_user_may_do_everything() {
    let mut rig = rig();
    rig.server.gate().authorization = Authorization::AlwaysAllow;
    over_https(&mut rig, "GET /api/v1/pods\nauthorization: Bearer bob-token", Value::Null).is(200);
    over_https(&mut rig, "GET /api/v1/pods", Value::Null).is(401);
    over_https(&mut rig, "GET /healthz", Value::Null).is(200);
    let spec = json!({"spec": {"user": "x", "resourceAttributes": {"verb": "get", "resource": "pods"}}});
    let review = rig.post(&format!("{REVIEWS}/subjectaccessreviews"), spec).is(201);
    assert_eq!(review.body["status"], json!({"allowed": true}));
}

#[test]
fn a_service_account_is_known_by_its_token() {
    let mut rig = rig();
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    let made = rig.post(accounts, json!({"metadata": {"name": "sa"}})).is(201);
    let uid = text(&made.body["metadata"]["uid"]).to_owned();
    let asked = rig.post(&format!("{accounts}/sa/token"), json!({"spec": {"expirationSeconds": 600}})).is(201);
    let marks = &asked.body["metadata"]["managedFields"][0];
    assert_eq!((&marks["subresource"], &marks["operation"]), (&json!("token"), &json!("Update")));
    assert_eq!(marks["fieldsV1"], json!({"f:spec": {"f:expirationSeconds": {}}}));
    let bound = json!({"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p"}}});
    let missing = rig.post(&format!("{accounts}/sa/token"), bound.clone()).is(404);
    assert_eq!(missing.message(), "pods \"p\" not found");
    let pod = |name: &str, account: &str| {
        let spec = json!({"serviceAccountName": account, "containers": [{"name": "c", "image": "i"}]});
        json!({"metadata": {"name": name}, "spec": spec})
    };
    rig.post("/api/v1/namespaces/default/pods", pod("p", "sa")).is(201);
    rig.post("/api/v1/namespaces/default/pods", pod("q", "other")).is(201);
    let mut bind = |bound: Value, code: u16| {
        let body = json!({"spec": {"boundObjectRef": bound}});
        rig.post(&format!("{accounts}/sa/token"), body).is(code).message().to_owned()
    };
    let why = "cannot bind token for serviceaccount \"sa\" to pod running with different serviceaccount name.";
    assert_eq!(bind(json!({"kind": "Pod", "apiVersion": "v1", "name": "q"}), 400), why);
    let why = "cannot bind token to object of type /v1, Kind=ConfigMap";
    assert_eq!(bind(json!({"kind": "ConfigMap", "apiVersion": "v1", "name": "q"}), 400), why);
    bind(json!({"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "other"}), 409);
    let marked = rig.post(&format!("{accounts}/sa/token"), bound).is(201).body["metadata"]["managedFields"].clone();
    let owned = json!({".": {}, "f:apiVersion": {}, "f:kind": {}, "f:name": {}});
    assert_eq!(marked[0]["fieldsV1"]["f:spec"]["f:boundObjectRef"], owned);
    let short = rig.post(&format!("{accounts}/sa/token"), json!({"spec": {"expirationSeconds": 599}})).is(422);
    assert_eq!(short.body["details"]["causes"][0]["field"], "spec.expirationSeconds");
    let token = text(&asked.body["status"]["token"]).to_owned();
    let who = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews";
    let request = format!("{who}\nauthorization: Bearer {token}");
    let user = over_https(&mut rig, &request, json!({})).is(201).body["status"]["userInfo"].clone();
    assert_eq!(user["username"], "system:serviceaccount:default:sa");
    assert_eq!(user["uid"], uid);
    let groups = json!(["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]);
    assert_eq!(user["groups"], groups);
    let id = &user["extra"]["authentication.kubernetes.io/credential-id"][0];
    assert!(text(id).starts_with("JTI="), "{user}");
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let review = rig.post(reviews, json!({"spec": {"token": token}})).is(201);
    assert_eq!(review.body["status"]["user"], user);
    assert_eq!(review.body["status"]["audiences"], json!(["https://kubernetes.default.svc.cluster.local"]));
    let other = rig.post(reviews, json!({"spec": {"token": token, "audiences": ["other"]}})).is(201);
    assert_eq!(other.body["status"]["authenticated"], Value::Null);
    let wrong = rig.post(reviews, json!({"spec": {"token": "wrong"}})).is(201);
    assert_eq!(wrong.body["status"], json!({"user": {}, "error": "invalid bearer token"}));
    rig.post(reviews, json!({"spec": {}})).is(400);
    // The token ends with its time, or with its account.
    rig.pass(599);
    over_https(&mut rig, &request, json!({})).is(201);
    rig.pass(1);
    over_https(&mut rig, &request, json!({})).is(401);
    let asked = rig.post(&format!("{accounts}/sa/token"), json!({"spec": {}})).is(201);
    rig.delete(&format!("{accounts}/sa"), json!({})).is(200);
    rig.post(accounts, json!({"metadata": {"name": "sa"}})).is(201);
    let request = format!("{who}\nauthorization: Bearer {}", text(&asked.body["status"]["token"]));
    over_https(&mut rig, &request, json!({})).is(401);
}

#[test]
fn roles_and_bindings_say_who_may_do_what() {
    let mut rig = rig();
    let carol = User::new("carol");
    let maps = "/api/v1/namespaces/default/configmaps";
    let refused = as_user(&mut rig, &carol, &format!("GET {maps}"), Value::Null).is(403);
    assert_eq!(
        refused.body,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "configmaps is forbidden: User \"carol\" cannot list resource \"configmaps\" in API group \"\" \
                        in the namespace \"default\"",
            "reason": "Forbidden", "details": {"kind": "configmaps"}, "code": 403,
        })
    );
    let rules = json!([
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"], "verbs": ["get"]},
    ]);
    let roles = format!("{RBAC}/namespaces/default/roles");
    rig.post(&roles, json!({"metadata": {"name": "reader"}, "rules": rules})).is(201);
    let binding = json!({
        "metadata": {"name": "reader"},
        "roleRef": {"kind": "Role", "name": "reader", "apiGroup": "rbac.authorization.k8s.io"},
        "subjects": [
            {"kind": "User", "name": "carol"},
            {"kind": "Group", "name": "people"},
            {"kind": "ServiceAccount", "name": "sa"},
        ],
    });
    rig.post(&format!("{RBAC}/namespaces/default/rolebindings"), binding).is(201);
    let mut check = |user: &User, request: &str, code: u16| {
        let got = as_user(&mut rig, user, request, Value::Null);
        assert_eq!(got.code, code, "{} {request}: {}", user.name(), got.text);
    };
    let robot = User::service_account("default", "sa");
    for user in [&carol, &User::new("dave").group("people"), &robot] {
        check(user, &format!("GET {maps}"), 200);
    }
    check(&User::service_account("other", "sa"), &format!("GET {maps}"), 403);
    check(&User::new("dave"), &format!("GET {maps}"), 403);
    check(&carol, &format!("POST {maps}"), 403);
    check(&carol, &format!("GET {maps}?watch=true"), 403);
    check(&carol, "GET /api/v1/namespaces/other/configmaps", 403);
    check(&carol, "GET /api/v1/configmaps", 403);
    check(&carol, "GET /api/v1/namespaces/default/secrets/one", 404);
    check(&carol, "GET /api/v1/namespaces/default/secrets/two", 403);
    check(&carol, "GET /api/v1/namespaces/default/secrets", 403);
    check(&carol, "GET /api/v1/namespaces/default/secrets?fieldSelector=metadata.name%3Done", 403);
    check(&carol, "GET /apis/apps/v1/namespaces/default/deployments/x/scale", 404);
    check(&carol, "GET /apis/apps/v1/namespaces/default/deployments/x", 403);
    let part = as_user(&mut rig, &User::new("dave"), "GET /apis/apps/v1/namespaces/a/deployments/x/scale", Value::Null);
    assert_eq!(
        part.message(),
        "deployments.apps \"x\" is forbidden: User \"dave\" cannot get resource \"deployments/scale\" in API group \
         \"apps\" in the namespace \"a\""
    );
    // A binding to nothing grants nothing, and is told of.
    bind(&mut rig, "nothere", "eve");
    let refused = as_user(&mut rig, &User::new("eve"), "GET /api/v1/nodes", Value::Null).is(403);
    assert_eq!(
        refused.message(),
        "nodes is forbidden: User \"eve\" cannot list resource \"nodes\" in API group \"\" at the cluster scope: rbac: \
         RBAC: clusterrole.rbac.authorization.k8s.io \"nothere\" not found"
    );
}

#[test]
fn the_first_roles_are_what_clients_rely_on() {
    let mut rig = rig();
    for (role, user) in [("cluster-admin", "root"), ("admin", "ann"), ("edit", "ed"), ("view", "vi")] {
        bind(&mut rig, role, user);
    }
    let mut check = |user: &str, request: &str, allowed: bool| {
        let got = as_user(&mut rig, &User::new(user), request, Value::Null);
        assert_eq!(got.code != 403, allowed, "{user} {request}: {}", got.text);
    };
    for (user, views, edits, roles, all) in [
        ("root", true, true, true, true),
        ("ann", true, true, true, false),
        ("ed", true, true, false, false),
        ("vi", true, false, false, false),
        ("eve", false, false, false, false),
    ] {
        check(user, "GET /api/v1/namespaces/default/pods", views);
        check(user, "POST /apis/apps/v1/namespaces/default/deployments", edits);
        check(user, &format!("POST {RBAC}/namespaces/default/roles"), roles);
        check(user, "GET /api/v1/nodes", all);
        check(user, "GET /apis", true);
        check(user, "GET /openapi/v3", true);
        check(user, &format!("POST {REVIEWS}/selfsubjectaccessreviews"), true);
    }
}

#[test]
fn nobody_gives_more_than_they_have() {
    let mut rig = rig();
    let rules = json!([
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["*"], "verbs": ["create", "update", "patch", "get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
    ]);
    role(&mut rig, "rolewriter", rules);
    bind(&mut rig, "rolewriter", "bob");
    let bob = User::new("bob").group("people");
    let roles = format!("{RBAC}/namespaces/default/roles");
    let post = |rig: &mut Rig, path: &str, body: Value| as_user(rig, &bob, &format!("POST {path}"), body);
    let of = |rules: Value| json!({"metadata": {"name": "r1"}, "rules": rules});
    let more = json!([
        {"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["a", "b"], "verbs": ["get"]},
    ]);
    let refused = post(&mut rig, &roles, of(more)).is(403);
    assert_eq!(
        refused.message(),
        "roles.rbac.authorization.k8s.io \"r1\" is forbidden: user \"bob\" (groups=[\"people\" \
         \"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n\
         {APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\"]}\n\
         {APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\"]}\n\
         {APIGroups:[\"apps\"], Resources:[\"deployments\"], ResourceNames:[\"a\"], Verbs:[\"get\"]}\n\
         {APIGroups:[\"apps\"], Resources:[\"deployments\"], ResourceNames:[\"b\"], Verbs:[\"get\"]}"
    );
    let held = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    post(&mut rig, &roles, of(held)).is(201);
    let patch = json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]}]});
    as_user(&mut rig, &bob, &format!("MERGE {roles}/r1"), patch).is(403);
    as_user(&mut rig, &bob, &format!("MERGE {roles}/r1"), json!({"metadata": {"finalizers": ["a/b"]}})).is(200);
    let aggregating = json!({
        "metadata": {"name": "cr1"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
    });
    let refused = post(&mut rig, &format!("{RBAC}/clusterroles"), aggregating).is(403);
    assert_eq!(
        refused.message(),
        "clusterroles.rbac.authorization.k8s.io \"cr1\" is forbidden: must have cluster-admin privileges to use the \
         aggregationRule"
    );
    let binding = |kind: &str, name: &str| {
        json!({
            "metadata": {"name": "b1"},
            "roleRef": {"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"},
            "subjects": [{"kind": "User", "name": "bob"}],
        })
    };
    let bindings = format!("{RBAC}/namespaces/default/rolebindings");
    let refused = post(&mut rig, &bindings, binding("ClusterRole", "cluster-admin")).is(403);
    assert!(refused.message().ends_with(
        "not currently held:\n{APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}\n{NonResourceURLs:[\"*\"], \
         Verbs:[\"*\"]}"
    ));
    let missing = post(&mut rig, &bindings, binding("Role", "missing")).is(404);
    assert_eq!(missing.message(), "rolebindings.rbac.authorization.k8s.io \"missing\" not found");
    post(&mut rig, &bindings, binding("Role", "r1")).is(201);
    // Who is trusted to, may: by `escalate` on roles, by `bind` on what is bound.
    let trust = json!([{
        "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "clusterroles"], "verbs": ["escalate", "bind"],
    }]);
    role(&mut rig, "trusted", trust);
    bind(&mut rig, "trusted", "bob");
    let secrets = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}]);
    post(&mut rig, &roles, json!({"metadata": {"name": "r2"}, "rules": secrets})).is(201);
    let mut other = binding("ClusterRole", "cluster-admin");
    other["metadata"]["name"] = "b2".into();
    post(&mut rig, &bindings, other).is(201);
}

#[test]
fn reviews_say_what_requests_would_meet() {
    let mut rig = rig();
    bind(&mut rig, "view", "vi");
    let review = |rig: &mut Rig, kind: &str, body: Value| rig.post(&format!("{REVIEWS}/{kind}"), body);
    let pods = |verb: &str| json!({"verb": verb, "resource": "pods", "namespace": "default"});
    let got =
        review(&mut rig, "subjectaccessreviews", json!({"spec": {"user": "vi", "resourceAttributes": pods("get")}}));
    assert_eq!(
        got.is(201).body["status"],
        json!({"allowed": true, "reason": "RBAC: allowed by ClusterRoleBinding \"view-vi\" of ClusterRole \"view\" to User \"vi\""})
    );
    let got =
        review(&mut rig, "subjectaccessreviews", json!({"spec": {"user": "vi", "resourceAttributes": pods("delete")}}));
    let got = got.is(201);
    assert_eq!(got.body["status"], json!({"allowed": false}));
    assert_eq!(got.body["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:user"], json!({}));
    let vi = User::new("vi");
    let path = format!("POST {REVIEWS}/selfsubjectaccessreviews");
    let own = json!({"spec": {"nonResourceAttributes": {"verb": "get", "path": "/openapi/v3"}}});
    assert_eq!(
        as_user(&mut rig, &vi, &path, own).is(201).body["status"]["reason"],
        "RBAC: allowed by ClusterRoleBinding \"system:discovery\" of ClusterRole \"system:discovery\" to Group \
         \"system:authenticated\""
    );
    let mut refuse = |kind: &str, body: Value, code: u16, message: &str| {
        assert_eq!(review(&mut rig, kind, body).is(code).message(), message);
    };
    let both = json!({"spec": {"user": "x", "resourceAttributes": pods("get"), "nonResourceAttributes": {"verb": "get", "path": "/x"}}});
    refuse(
        "subjectaccessreviews",
        both,
        422,
        ".authorization.k8s.io \"\" is invalid: spec: Invalid value: {\"Path\":\"/x\",\"Verb\":\"get\"}: exactly one of \
         nonResourceAttributes or resourceAttributes must be specified",
    );
    refuse(
        "subjectaccessreviews",
        json!({"spec": {"resourceAttributes": pods("get")}}),
        422,
        ".authorization.k8s.io \"\" is invalid: spec.user: Invalid value: \"\": at least one of user or group must be \
         specified",
    );
    let elsewhere =
        json!({"spec": {"user": "x", "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "other"}}});
    refuse(
        "namespaces/default/localsubjectaccessreviews",
        elsewhere,
        422,
        ".authorization.k8s.io \"\" is invalid: spec.resourceAttributes.namespace: Invalid value: \"other\": must match \
         metadata.namespace",
    );
    refuse("selfsubjectrulesreviews", json!({"spec": {}}), 400, "no namespace on request");
    let local =
        json!({"metadata": {"namespace": "default"}, "spec": {"user": "vi", "resourceAttributes": pods("get")}});
    let local = review(&mut rig, "namespaces/default/localsubjectaccessreviews", local).is(201);
    assert_eq!(local.body["status"]["allowed"], true);
    let rules = as_user(
        &mut rig,
        &User::new("eve"),
        &format!("POST {REVIEWS}/selfsubjectrulesreviews"),
        json!({"spec": {"namespace": "default"}}),
    );
    let rules = rules.is(201).body;
    assert_eq!((&rules["metadata"], &rules["spec"]), (&json!({}), &json!({})));
    assert_eq!(
        rules["status"]["resourceRules"][0],
        json!({
            "verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        })
    );
    assert_eq!(rules["status"]["nonResourceRules"].as_array().map(Vec::len), Some(2));
}

#[test]
fn acting_as_someone_else_needs_leave() {
    let mut rig = rig();
    let who = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews";
    let info = |rig: &mut Rig, lines: &str| {
        rig.ask(&format!("{who}\ncontent-type: application/json\n{lines}"), "{}").is(201).body["status"]["userInfo"]
            .clone()
    };
    assert_eq!(
        info(&mut rig, "impersonate-user: carol\nimpersonate-group: people\nimpersonate-extra-scope: a"),
        json!({"username": "carol", "groups": ["people", "system:authenticated"], "extra": {"scope": ["a"]}})
    );
    assert_eq!(
        info(&mut rig, "impersonate-user: system:serviceaccount:default:sa"),
        json!({
            "username": "system:serviceaccount:default:sa",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
        })
    );
    rig.ask("GET /api/v1/nodes\nimpersonate-user: carol", "").is(403);
    let nameless = rig.ask("GET /api/v1/nodes\nimpersonate-group: people", "").is(400);
    assert_eq!(
        nameless.message(),
        "requested &user.DefaultInfo{Name:\"\", UID:\"\", Groups:[]string{\"people\"}, Extra:map[string][]string(nil)} \
         without impersonating a user name"
    );
    let mut ask = |lines: &str| {
        let request = format!("GET /api/v1/nodes\nauthorization: Bearer bob-token\n{lines}");
        let got = over_https(&mut rig, &request, Value::Null);
        (got.code, got.message().to_owned())
    };
    let refused = |kind: &str| {
        let why = format!(
            "nodes is forbidden: User \"bob\" cannot impersonate-on:{kind}:list resource \"nodes\" in API group \"\" at \
             the cluster scope"
        );
        (403, why)
    };
    assert_eq!(ask("impersonate-user: carol"), refused("user-info"));
    assert_eq!(ask("impersonate-user: system:node:n1"), refused("arbitrary-node"));
    assert_eq!(ask("impersonate-user: system:serviceaccount:default:sa"), refused("serviceaccount"));
    // The old way: `impersonate` on each thing that is claimed.
    role(
        &mut rig,
        "actor",
        json!([
            {"apiGroups": [""], "resources": ["users"], "resourceNames": ["vi"], "verbs": ["impersonate"]},
            {"apiGroups": [""], "resources": ["groups"], "resourceNames": ["readers"], "verbs": ["impersonate"]},
        ]),
    );
    bind(&mut rig, "actor", "bob");
    role(&mut rig, "nodes", json!([{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}]));
    bind(&mut rig, "nodes", "vi");
    let mut ask = |lines: &str| {
        over_https(&mut rig, &format!("GET /api/v1/nodes\nauthorization: Bearer bob-token\n{lines}"), Value::Null).code
    };
    assert_eq!(ask("impersonate-user: vi"), 200);
    assert_eq!(ask("impersonate-user: vi\nimpersonate-group: readers"), 200);
    assert_eq!(ask("impersonate-user: vi\nimpersonate-group: system:masters"), 403);
    assert_eq!(ask("impersonate-user: vi\nimpersonate-uid: 1"), 403);
    assert_eq!(ask("impersonate-user: carol"), 403);
}

#[test]
fn a_narrow_leave_is_for_one_thing() {
    let mut rig = rig();
    role(
        &mut rig,
        "narrow",
        json!([
            {"apiGroups": ["authentication.k8s.io"], "resources": ["users"], "resourceNames": ["vi"], "verbs": ["impersonate:user-info"]},
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["impersonate-on:user-info:list"]},
        ]),
    );
    bind(&mut rig, "narrow", "bob");
    role(&mut rig, "nodes", json!([{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "get"]}]));
    bind(&mut rig, "nodes", "vi");
    let mut ask = |path: &str| {
        let request = format!("GET {path}\nauthorization: Bearer bob-token\nimpersonate-user: vi");
        over_https(&mut rig, &request, Value::Null).code
    };
    assert_eq!(ask("/api/v1/nodes"), 200);
    assert_eq!(ask("/api/v1/nodes/x"), 403);
    // Not even with leave for every group may one become an administrator so.
    let groups = json!([
        {"apiGroups": ["authentication.k8s.io"], "resources": ["groups"], "verbs": ["impersonate:user-info"]},
    ]);
    role(&mut rig, "groups", groups);
    bind(&mut rig, "groups", "bob");
    let mut ask = |group: &str| {
        let request = "GET /api/v1/nodes\nauthorization: Bearer bob-token\nimpersonate-user: vi";
        let got = over_https(&mut rig, &format!("{request}\nimpersonate-group: {group}"), Value::Null);
        (got.code, got.message().to_owned())
    };
    assert_eq!(ask("readers").0, 200);
    let why = "groups.authentication.k8s.io \"system:masters\" is forbidden: User \"bob\" cannot \
               impersonate:user-info resource \"groups\" in API group \"authentication.k8s.io\" at the cluster scope: \
               impersonating the system:masters group is not allowed";
    assert_eq!(ask("system:masters"), (403, why.to_owned()));
}
