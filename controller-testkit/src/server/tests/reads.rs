//! Paths, lists and their pages.

use serde_json::{Value, json};

use super::super::Answer;
use super::{Got, Rig};
use crate::protobuf;

const CONFIGMAPS: &str = "/api/v1/namespaces/default/configmaps";

fn with_configmaps(names: &[&str]) -> Rig {
    let mut rig = Rig::new();
    for name in names {
        let labels = json!({"first": &name[..1]});
        rig.post(CONFIGMAPS, json!({"metadata": {"name": name, "labels": labels}, "data": {"k": "v"}})).is(201);
    }
    rig
}

#[test]
fn paths_lead_where_a_real_server_leads_them() {
    let mut rig = with_configmaps(&["a"]);
    for (request, code, contains) in [
        ("GET /version", 200, "v1.37.2"),
        ("GET /version/", 200, "v1.37.2"),
        ("GET /healthz", 200, "ok"),
        ("GET /livez/ping", 200, "ok"),
        ("GET /readyz?verbose", 200, "ok"),
        ("GET /api", 200, "APIVersions"),
        ("GET /apis/", 200, "APIGroupList"),
        ("POST /apis", 200, "APIGroupList"),
        ("GET /apis/apps", 200, "APIGroup"),
        ("GET /api/v1/", 200, "APIResourceList"),
        ("GET /apis/apps/v1", 200, "APIResourceList"),
        ("GET /foo", 404, "404 page not found\n"),
        ("GET /apis/nope", 404, "404 page not found\n"),
        ("GET /apis/apps/v9", 404, "the server could not find the requested resource"),
        ("GET /api/v2", 404, "the server could not find the requested resource"),
        ("GET /api/v1/foos", 404, "the server could not find the requested resource"),
        ("GET /api/v1/pods/foo", 404, "the server could not find the requested resource"),
        ("GET /api/v1/namespaces/default/nodes", 404, "the server could not find the requested resource"),
        ("GET /api/v1/namespaces/default/pods/x/foo", 404, "the server could not find the requested resource"),
        ("GET /api/v1/namespaces/default", 200, "\"kind\":\"Namespace\""),
        ("GET /api/v1/namespaces/default/", 200, "\"kind\":\"Namespace\""),
        ("GET /api/v1/namespaces/default/configmaps/", 200, "ConfigMapList"),
        ("GET /api/v1/configmaps", 200, "ConfigMapList"),
        ("GET /api/v1/namespaces/default/configmaps/a", 200, "\"kind\":\"ConfigMap\""),
        ("GET /api/v1/namespaces/default/configmaps/a?watch=true", 200, "\"kind\":\"ConfigMap\""),
        ("GET /api/v1/namespaces/default/configmaps/b", 404, "configmaps \\\"b\\\" not found"),
        ("HEAD /api/v1/configmaps", 405, ""),
        ("POST /api/v1/configmaps", 405, "the server does not allow this method on the requested resource"),
        ("DELETE /api/v1/configmaps", 405, "the server does not allow this method on the requested resource"),
        ("DELETE /api/v1/namespaces", 405, "the server does not allow this method on the requested resource"),
        ("PUT /api/v1/namespaces/default/configmaps", 405, "the server does not allow this method"),
        ("POST /api/v1/namespaces/default/configmaps/a", 405, "the server does not allow this method"),
    ] {
        let got = rig.ask(request, "");
        assert_eq!(got.code, code, "{request}: {}", got.text);
        assert!(got.text.contains(contains), "{request}: {}", got.text);
    }
}

#[test]
fn a_refusal_has_the_members_of_a_real_status() {
    let mut rig = Rig::new();
    let not_found = rig.get("/api/v1/namespaces/default/configmaps/a").body;
    assert_eq!(
        not_found,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "configmaps \"a\" not found", "reason": "NotFound",
            "details": {"name": "a", "kind": "configmaps"}, "code": 404,
        })
    );
    let words = ["kind", "apiVersion", "metadata", "status", "message", "reason", "details", "name", "kind", "code"];
    let text = rig.get("/api/v1/namespaces/default/configmaps/a").text;
    let places = words.iter().scan(0, |from, word| {
        *from += text[*from..].find(&format!("\"{word}\":"))?;
        Some(*from)
    });
    assert_eq!(places.count(), words.len(), "clients print it as it comes: {text}");
    assert_eq!(rig.get("/api/v1/foos").body["details"], json!({}));
    assert_eq!(rig.get("/api/v1/pods?limit=x").body["details"], Value::Null);
    assert_eq!(rig.get("/api/v1/namespaces/default?resourceVersion=x").is(500).body["reason"], Value::Null);
}

#[test]
fn wrong_options_are_refused_in_the_real_words() {
    let mut rig = Rig::new();
    for (query, code, message) in [
        ("limit=x", 400, "strconv.ParseInt: parsing \"x\": invalid syntax"),
        (
            "resourceVersion=x",
            400,
            "invalid resource version: resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid \
             syntax",
        ),
        (
            "watch=1&resourceVersion=x",
            500,
            "resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid syntax",
        ),
        ("labelSelector=a+b", 400, "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("fieldSelector=a", 400, "invalid selector: 'a'; can't understand 'a'"),
        (
            "fieldSelector=a=b",
            400,
            "\"a\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
        ),
        (
            "resourceVersionMatch=Foo",
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: [resourceVersionMatch: Forbidden: resourceVersionMatch is \
             forbidden unless resourceVersion is provided, resourceVersionMatch: Unsupported value: \"Foo\": supported \
             values: \"Exact\", \"NotOlderThan\", \"\"]",
        ),
        (
            "watch=1&sendInitialEvents=true",
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting \
             resourceVersionMatch to NotOlderThan",
        ),
        (
            "watch=1&resourceVersionMatch=Exact&resourceVersion=5",
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: [resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden \
             for watch unless sendInitialEvents is provided, resourceVersionMatch: Unsupported value: \"Exact\": \
             supported values: \"NotOlderThan\"]",
        ),
        (
            "sendInitialEvents=true",
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
        ),
    ] {
        let got = rig.get(&format!("/api/v1/configmaps?{query}"));
        assert_eq!((got.code, got.message()), (code, message), "{query}");
    }
    let pods = rig.get("/api/v1/pods?fieldSelector=a=b").is(400);
    assert_eq!(pods.message(), "field label not supported: a");
    let token = rig.get("/api/v1/configmaps?continue=abc").is(400);
    assert!(token.message().starts_with("invalid continue token: continue key is not valid: "), "{}", token.text);
}

#[test]
fn lists_are_selected_and_sorted() {
    let mut rig = with_configmaps(&["b", "a", "c", "aa"]);
    rig.post("/api/v1/namespaces/other/configmaps", json!({"metadata": {"name": "a"}})).is(201);
    for (path, expect) in [
        ("/api/v1/namespaces/default/configmaps", vec!["a", "aa", "b", "c"]),
        ("/api/v1/configmaps", vec!["a", "aa", "b", "c", "a"]),
        ("/api/v1/configmaps?labelSelector=first%3Da", vec!["a", "aa"]),
        ("/api/v1/configmaps?labelSelector=first%20notin%20(a,b)", vec!["c", "a"]),
        ("/api/v1/configmaps?labelSelector=!first", vec!["a"]),
        ("/api/v1/configmaps?fieldSelector=metadata.name%3Da", vec!["a", "a"]),
        ("/api/v1/configmaps?fieldSelector=metadata.namespace!=default", vec!["a"]),
        ("/api/v1/namespaces/nope/configmaps", vec![]),
    ] {
        assert_eq!(rig.get(path).is(200).names(), expect, "{path}");
    }
    let list = rig.get(CONFIGMAPS);
    assert_eq!((&list.body["kind"], &list.body["apiVersion"]), (&json!("ConfigMapList"), &json!("v1")));
    assert_eq!(list.body["items"][0]["kind"], Value::Null, "the items of built-in lists do not say their kind");
    assert_eq!(list.rv(), rig.server.current_rv());
}

#[test]
fn pages_show_one_version() {
    let mut rig = with_configmaps(&["a", "b", "c", "d", "e"]);
    let first = rig.get(&format!("{CONFIGMAPS}?limit=2")).is(200);
    assert_eq!(first.names(), ["a", "b"]);
    assert_eq!(first.body["metadata"]["remainingItemCount"], 3);
    let token = super::text(&first.body["metadata"]["continue"]).to_owned();
    rig.delete(&format!("{CONFIGMAPS}/c"), json!({})).is(200);
    rig.post(CONFIGMAPS, json!({"metadata": {"name": "cc"}})).is(201);
    let second = rig.get(&format!("{CONFIGMAPS}?limit=2&continue={token}")).is(200);
    assert_eq!(second.names(), ["c", "d"], "the page shows what was there when the list began");
    assert_eq!(second.rv(), first.rv());
    let rest = rig.get(&format!("{CONFIGMAPS}?limit=2&resourceVersion=0&continue={token}")).is(200);
    assert_eq!(rest.names(), ["c", "d", "e"], "the limit does not count at version 0");
    let clash = rig.get(&format!("{CONFIGMAPS}?resourceVersion=3&continue={token}")).is(400);
    assert_eq!(clash.message(), "specifying resource version is not allowed when using continue");

    let now = rig.server.current_rv();
    rig.server.compact(now);
    let expired = rig.get(&format!("{CONFIGMAPS}?limit=2&continue={token}")).is(410);
    assert_eq!(expired.body["reason"], "Expired");
    assert_eq!(expired.body["details"], Value::Null);
    let token = super::text(&expired.body["metadata"]["continue"]).to_owned();
    let remainder = rig.get(&format!("{CONFIGMAPS}?limit=9&continue={token}")).is(200);
    assert_eq!(remainder.names(), ["cc", "d", "e"], "the remainder shows what there is now");
    assert_eq!(remainder.rv(), now);

    let selected = rig.get(&format!("{CONFIGMAPS}?limit=1&labelSelector=first")).is(200);
    assert_eq!(selected.body["metadata"]["remainingItemCount"], Value::Null);
    assert!(selected.body["metadata"]["continue"].is_string());
}

#[test]
fn versions_mean_what_the_match_says() {
    let mut rig = with_configmaps(&["a", "b"]);
    let at = rig.server.current_rv();
    rig.post(CONFIGMAPS, json!({"metadata": {"name": "c"}})).is(201);
    for (query, expect) in [
        (format!("resourceVersion={at}"), vec!["a", "b", "c"]),
        (format!("resourceVersion={at}&resourceVersionMatch=NotOlderThan"), vec!["a", "b", "c"]),
        (format!("resourceVersion={at}&resourceVersionMatch=Exact"), vec!["a", "b"]),
        (format!("resourceVersion={at}&limit=9"), vec!["a", "b"]),
        ("resourceVersion=0&limit=1".to_owned(), vec!["a", "b", "c"]),
    ] {
        assert_eq!(rig.get(&format!("{CONFIGMAPS}?{query}")).is(200).names(), expect, "{query}");
    }
    rig.server.compact(at + 1);
    rig.get(&format!("{CONFIGMAPS}?resourceVersion={at}&resourceVersionMatch=Exact")).is(410);
    rig.get(&format!("{CONFIGMAPS}?resourceVersion={at}")).is(200);
}

#[test]
fn a_version_from_the_future_is_waited_for() {
    let mut rig = with_configmaps(&["a"]);
    let next = rig.server.current_rv() + 1;
    for path in [format!("{CONFIGMAPS}?resourceVersion={next}"), format!("{CONFIGMAPS}/a?resourceVersion={next}")] {
        let Answer::Later { until, request } = rig.send(&format!("GET {path}"), "") else { panic!("{path}") };
        assert_eq!(until.duration_since(rig.now).as_secs(), 3);
        rig.pass(2);
        let Answer::Later { until: same, request } = rig.hand_in(request) else { panic!("{path}: too early") };
        assert_eq!(same, until);
        rig.pass(1);
        let Answer::Whole(response) = rig.hand_in(request) else { panic!("{path}: too late") };
        let got = Got::new(response).is(504);
        assert_eq!(got.headers["retry-after"], "1");
        assert_eq!(got.body["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
        assert_eq!(got.message(), format!("Timeout: Too large resource version: {next}, current: {}", next - 1));
    }
    let Answer::Later { request, .. } = rig.send(&format!("GET {CONFIGMAPS}?resourceVersion={next}"), "") else {
        panic!("it waits")
    };
    rig.post(CONFIGMAPS, json!({"metadata": {"name": "b"}})).is(201);
    let Answer::Whole(response) = rig.hand_in(request) else { panic!("the version has come") };
    assert_eq!(Got::new(response).is(200).names(), ["a", "b"]);
}

#[test]
fn answers_take_the_form_that_the_client_likes_best() {
    let mut rig = with_configmaps(&["a"]);
    let one = format!("{CONFIGMAPS}/a");
    let metadata = "as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    for (accept, path, code, kind) in [
        ("*/*".to_owned(), &one, 200, "ConfigMap"),
        ("application/json;q=0.9,application/cbor;q=1".to_owned(), &one, 200, "ConfigMap"),
        (format!("application/json;{metadata}"), &CONFIGMAPS.to_owned(), 406, "Status"),
        (
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1".to_owned(),
            &CONFIGMAPS.to_owned(),
            200,
            "PartialObjectMetadataList",
        ),
        ("application/*".to_owned(), &one, 406, "Status"),
        ("application/json;as=Nonsense;g=meta.k8s.io;v=v1,application/json".to_owned(), &one, 200, "ConfigMap"),
    ] {
        let got = rig.ask(&format!("GET {path}\naccept: {accept}"), "");
        assert_eq!((got.code, super::text(&got.body["kind"])), (code, kind), "{accept} on {path}");
    }
    let yaml = rig.ask(&format!("GET {one}\naccept: application/yaml"), "").is(200);
    assert!(yaml.text.contains("kind: ConfigMap"), "{}", yaml.text);
    assert_eq!(yaml.headers["content-type"], "application/yaml");
    let metadata_only = rig.ask(&format!("GET {one}\naccept: application/json;{metadata}"), "");
    assert_eq!(metadata_only.body["data"], Value::Null);
    assert_eq!(metadata_only.body["metadata"]["name"], "a");
}

#[test]
fn built_in_kinds_come_in_protobuf_to_whoever_likes_it_best() {
    const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
    let mut rig = with_configmaps(&["a"]);
    let one = format!("{CONFIGMAPS}/a");
    let json = rig.get(&one).is(200).body;
    let mut check = |accept: &str, path: &str, code: u16, media: &str| {
        let Answer::Whole(answer) = rig.send(&format!("GET {path}\naccept: {accept}"), "") else {
            panic!("{path}: it is not whole")
        };
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (code, &media.parse().expect("text"))
        );
        answer.into_body()
    };
    let object = check(&format!("{PROTOBUF}, */*"), &one, 200, PROTOBUF);
    assert_eq!(protobuf::decode(&object), Ok(json));
    check(&format!("application/json,{PROTOBUF}"), &one, 200, "application/json");
    check(&format!("{PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"), &one, 200, PROTOBUF);
    // People's columns are no message.
    check(&format!("{PROTOBUF};as=Table;g=meta.k8s.io;v=v1"), &one, 406, "application/json");
    let missing = check(PROTOBUF, &format!("{CONFIGMAPS}/b"), 404, PROTOBUF);
    let missing = protobuf::decode(&missing).expect("a Status");
    assert_eq!((&missing["code"], &missing["reason"]), (&json!(404), &json!("NotFound")));
    let groups = check(PROTOBUF, "/apis", 200, PROTOBUF);
    assert_eq!(protobuf::decode(&groups).expect("a list")["groups"][1]["name"], "apps");
}

#[test]
fn the_server_tells_of_itself() {
    let mut rig = with_configmaps(&["a"]);
    let mut check = |path: &str, code: u16, contains: &str| {
        let got = rig.get(path);
        assert!(got.code == code && got.text.contains(contains), "{path}: {} {}", got.code, got.text);
        got
    };
    check("/readyz?verbose&exclude=ping", 200, "[+]ping excluded: ok\n[+]log ok\n");
    check("/livez?verbose&exclude=nope", 200, "no matches for \"nope\"\nlivez check passed\n");
    check("/readyz/shutdown", 200, "ok");
    check("/livez/shutdown", 404, "404 page not found");
    check("/livez/", 404, "404 page not found");
    check("/metrics", 200, "apiserver_resource_objects{group=\"\",resource=\"configmaps\"} 1\n");
    check("/metrics/slis", 200, "kubernetes_healthcheck{name=\"shutdown\",type=\"readyz\"} 1\n");
    check("/.well-known/openid-configuration", 200, "\"issuer\":\"https://kubernetes.default.svc.cluster.local\"");
    check("/openid/v1/jwks", 200, "{\"keys\":[]}");
    check("/statusz", 200, "Binary version= 1.37.2");
    check("/api/v1/watch", 500, "unable to determine kind and namespace from url, /api/v1/watch");
    check("/api/v1%2Fnamespaces/default", 200, "\"kind\":\"Namespace\"");
    check("/api/v1/namespaces/../configmaps", 500, "invalid key: \\\"/configmaps/..\\\"");
    let root = check("/", 200, "/livez/poststarthook/rbac/bootstrap-roles");
    // What it lists, it serves.
    for path in root.body["paths"].as_array().expect("paths").clone() {
        let path = super::text(&path).to_owned();
        if path != "/openapi/v3/" {
            assert_eq!(rig.get(&path).code, 200, "{path}");
        }
    }
}
