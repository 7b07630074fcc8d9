//! Creates, updates, patches and deletes.

use serde_json::{Value, json};

use super::{MERGE, Rig, text};

const PATH: &str = "/api/v1/namespaces/default/configmaps";

#[test]
fn a_create_fills_in_what_the_server_owns() {
    let mut rig = Rig::new();
    let mut created = rig
        .post(
            PATH,
            json!({"metadata": {"name": "a", "uid": "mine", "generation": 7, "managedFields": [{"manager": "x"}],
                "creationTimestamp": "2000-01-01T00:00:00Z", "deletionTimestamp": "2000-01-01T00:00:00Z",
                "labels": {}, "annotations": null, "resourceVersion": "0", "selfLink": "/x"}, "data": {"k": "v"}}),
        )
        .is(201);
    let uid = text(&created.body["metadata"]["uid"]).to_owned();
    assert_eq!(uid.len(), 36);
    let owners = created.body["metadata"].as_object_mut().and_then(|metadata| metadata.remove("managedFields"));
    assert_eq!(owners.map(|owners| text(&owners[0]["manager"]).to_owned()).as_deref(), Some("unknown"));
    assert_eq!(
        created.body,
        json!({"kind": "ConfigMap", "apiVersion": "v1", "data": {"k": "v"}, "metadata": {
            "name": "a", "namespace": "default", "uid": uid, "generation": 7,
            "creationTimestamp": "2026-11-22T10:00:00Z",
            "resourceVersion": rig.server.current_rv().to_string(),
        }})
    );
    assert!(created.text.starts_with("{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":"));
}

#[test]
fn wrong_creates_are_refused_in_the_real_words() {
    let mut rig = Rig::new();
    rig.post(PATH, json!({"metadata": {"name": "a"}})).is(201);
    rig.post(PATH, json!({"metadata": {"name": "b", "finalizers": ["a.b/c"]}})).is(201);
    rig.delete(&format!("{PATH}/b"), json!({})).is(200);
    rig.delete("/api/v1/namespaces/other", json!({})).is(200);
    for (path, body, code, message) in [
        (PATH, json!({"metadata": {"name": "a"}}), 409, "configmaps \"a\" already exists"),
        (PATH, json!({"metadata": {"name": "b"}}), 409, "object is being deleted: configmaps \"b\" already exists"),
        (
            PATH,
            json!({"metadata": {"name": "c", "namespace": "other"}}),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            PATH,
            json!({"metadata": {}}),
            422,
            "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
        ),
        (
            PATH,
            json!({"metadata": {"name": "c", "resourceVersion": "4"}}),
            500,
            "resourceVersion should not be set on objects to be created",
        ),
        (
            PATH,
            json!({"metadata": {"name": "C", "resourceVersion": "4"}}),
            422,
            "ConfigMap \"C\" is invalid: metadata.name: Invalid value: \"C\": a lowercase RFC 1123 subdomain must \
             consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric \
             character (e.g. 'example.com', regex used for validation is \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ),
        (
            PATH,
            json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x"}}),
            400,
            "Pod in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown conversion",
        ),
        (
            PATH,
            json!({"kind": "ConfigMap", "apiVersion": "v2"}),
            400,
            "ConfigMap in version \"v2\" cannot be handled as a ConfigMap: no kind \"ConfigMap\" is registered for version \
             \"v2\" in scheme \"pkg/runtime/scheme.go:111\"",
        ),
        (
            "/api/v1/namespaces/nope/configmaps",
            json!({"metadata": {"name": "a"}}),
            404,
            "namespaces \"nope\" not found",
        ),
        (
            "/api/v1/namespaces/other/configmaps",
            json!({"metadata": {"name": "a"}}),
            403,
            "configmaps \"a\" is forbidden: unable to create new content in namespace other because it is being terminated",
        ),
    ] {
        let got = rig.post(path, body.clone());
        assert_eq!((got.code, got.message()), (code, message), "{body}");
    }
    let dry = rig.post(&format!("{PATH}?dryRun=All"), json!({"metadata": {"name": "c", "resourceVersion": "4"}}));
    assert_eq!(dry.code, 201, "only the storage minds the version: {}", dry.text);
    let terminating = rig.post("/api/v1/namespaces/other/configmaps", json!({"metadata": {"name": "a"}}));
    assert_eq!(
        terminating.body["details"]["causes"],
        json!([{"reason": "NamespaceTerminating", "message": "namespace other is being terminated", "field": "metadata.namespace"}])
    );
}

#[test]
fn bodies_come_in_several_languages() {
    let mut rig = Rig::new();
    let yaml = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: yaml}\ndata: {a: '1'}\n";
    rig.ask(&format!("POST {PATH}\ncontent-type: application/yaml"), yaml).is(201);
    rig.ask(&format!("POST {PATH}"), json!({"metadata": {"name": "plain"}}).to_string()).is(201);
    let cbor = rig.ask(&format!("POST {PATH}\ncontent-type: application/cbor"), "x").is(415);
    assert_eq!(
        cbor.message(),
        "the body of the request was in an unknown format - accepted media types include: application/json, \
         application/yaml, application/vnd.kubernetes.protobuf"
    );
    for (body, message) in [("{", "unexpected end of JSON input ({)"), ("", "unexpected end of JSON input (<empty>)")] {
        let got = rig.ask(&format!("POST {PATH}"), body).is(400);
        let expect = format!(
            "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: {message}"
        );
        assert_eq!(got.message(), expect);
    }
    rig.ask(&format!("POST {PATH}"), vec![b' '; 3 * 1024 * 1024 + 1]).is(413);
}

#[test]
fn duplicate_fields_are_met_as_asked() {
    let mut rig = Rig::new();
    let body = r#"{"metadata":{"name":"x"},"data":{"a":"b","a":"c"}}"#;
    let warned = rig.ask(&format!("POST {PATH}?dryRun=All"), body).is(201);
    assert_eq!(warned.headers["warning"], "299 - \"duplicate field \\\"data.a\\\"\"");
    let quiet = rig.ask(&format!("POST {PATH}?dryRun=All&fieldValidation=Ignore"), body).is(201);
    assert!(!quiet.headers.contains_key("warning"));
    assert_eq!(quiet.body["data"]["a"], "c");
    let strict = rig.ask(&format!("POST {PATH}?fieldValidation=Strict"), body).is(400);
    assert_eq!(
        strict.message(),
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: duplicate field \"data.a\""
    );
    let unknown = rig.ask(&format!("POST {PATH}?fieldValidation=Foo&dryRun=x"), body).is(422);
    assert_eq!(
        unknown.message(),
        "CreateOptions.meta.k8s.io \"\" is invalid: [dryRun: Unsupported value: [\"x\"]: supported values: \"All\", \
         fieldValidation: Unsupported value: \"Foo\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"]"
    );
}

#[test]
fn names_are_drawn_until_one_is_free() {
    let mut rig = Rig::new();
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let got = rig.post(PATH, json!({"metadata": {"generateName": "job-"}})).is(201);
        let name = text(&got.body["metadata"]["name"]).to_owned();
        assert!(name.starts_with("job-") && name.len() == 9, "{name}");
        names.insert(name);
    }
    assert_eq!(names.len(), 20);
    let long = rig.post(PATH, json!({"metadata": {"generateName": "x".repeat(80)}})).is(201);
    assert_eq!(text(&long.body["metadata"]["name"]).len(), 63);
}

#[test]
fn updates_are_guarded() {
    let mut rig = Rig::new();
    let one = format!("{PATH}/a");
    let created = rig.post(PATH, json!({"metadata": {"name": "a"}, "data": {"k": "v"}})).is(201);
    let uid = text(&created.body["metadata"]["uid"]).to_owned();
    for (body, code, message) in [
        (json!({"metadata": {"name": "b"}}), 400, "the name of the object (b) does not match the name on the URL (a)".to_owned()),
        (json!({"metadata": {}}), 400, "the name of the object (a based on URL) was undeterminable: name must be provided".to_owned()),
        (
            json!({"metadata": {"name": "a", "resourceVersion": "1"}}),
            409,
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes \
             to the latest version and try again"
                .to_owned(),
        ),
        (json!({"metadata": {"name": "a", "resourceVersion": "x"}}), 500, "strconv.ParseUint: parsing \"x\": invalid syntax".to_owned()),
        (
            json!({"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            422,
            "ConfigMap \"a\" is invalid: metadata.deletionTimestamp: Invalid value: \"2026-01-01T00:00:00Z\": field is immutable"
                .to_owned(),
        ),
    ] {
        let got = rig.put(&one, body.clone());
        assert_eq!((got.code, got.message()), (code, message.as_str()), "{body}");
    }
    let other_uid = rig.put(&one, json!({"metadata": {"name": "a", "uid": "x"}})).is(409);
    assert!(other_uid.message().contains("StorageError: invalid object, Code: 4"), "{}", other_uid.text);
    rig.put(&format!("{PATH}/zz"), json!({"metadata": {"name": "zz"}})).is(404);
    for (patch, code, message) in [
        (
            json!({"metadata": {"uid": "x"}}),
            422,
            "ConfigMap \"a\" is invalid: metadata.uid: Invalid value: \"x\": field is immutable",
        ),
        (json!({"metadata": {"name": "x"}}), 400, "the name of the object (x) does not match the name on the URL (a)"),
        (
            json!({"metadata": {"namespace": "x"}}),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            json!({"metadata": {"resourceVersion": "1"}}),
            409,
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes \
             to the latest version and try again",
        ),
    ] {
        let got = rig.patch(&one, patch.clone());
        assert_eq!((got.code, got.message()), (code, message), "{patch}");
    }
    let before = rig.server.current_rv();
    let same = rig.put(&one, json!({"metadata": {"name": "a", "uid": uid, "creationTimestamp": "2000-01-01T00:00:00Z"}, "data": {"k": "v"}})).is(200);
    assert_eq!((same.rv(), rig.server.current_rv()), (before, before), "a write that changes nothing is none");
    let changed = rig.put(&one, json!({"metadata": {"name": "a"}, "data": {"k": "w"}})).is(200);
    assert_eq!(changed.rv(), before + 1);
    let dry = rig.put(&format!("{one}?dryRun=All"), json!({"metadata": {"name": "a"}, "data": {"k": "x"}})).is(200);
    assert_eq!((dry.rv(), &dry.body["data"]["k"]), (before + 1, &json!("x")));
    assert_eq!(rig.get(&one).body["data"]["k"], "w");
}

#[test]
fn patches_are_read_by_their_media_type() {
    let mut rig = Rig::new();
    let one = format!("{PATH}/a");
    rig.post(PATH, json!({"metadata": {"name": "a"}, "data": {"k": "v"}})).is(201);
    for (media, body, code, message) in [
        ("application/merge-patch+json", "{\"data\":{\"k\":\"w\"}}", 200, ""),
        ("application/json-patch+json", "[{\"op\":\"replace\",\"path\":\"/data/new\",\"value\":\"1\"}]", 200, ""),
        (
            "application/json-patch+json",
            "[{\"op\":\"test\",\"path\":\"/data/k\",\"value\":\"other\"}]",
            422,
            "the server rejected our request due to an error in our request",
        ),
        ("application/json-patch+json", "{", 400, "invalid JSON patch"),
        ("application/merge-patch+json", "{", 400, "invalid JSON patch"),
        ("application/json", "{}", 415, "415: Unsupported Media Type"),
        ("application/apply-patch+yaml", "{}", 400, "invalid object type: /, Kind="),
    ] {
        let got = rig.ask(&format!("PATCH {one}?fieldManager=t\ncontent-type: {media}"), body);
        assert_eq!((got.code, got.message()), (code, message), "{media} {body}");
    }
    assert_eq!(rig.get(&one).body["data"], json!({"k": "w", "new": "1"}));
}

#[test]
fn deletes_heed_their_options() {
    let mut rig = Rig::new();
    let one = format!("{PATH}/a");
    let uid = text(&rig.post(PATH, json!({"metadata": {"name": "a"}})).body["metadata"]["uid"]).to_owned();
    for (options, code, message) in [
        (
            json!({"preconditions": {"uid": "x"}}),
            409,
            format!(
                "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (x) does not match the UID \
                 in record ({uid}). The object might have been deleted and then recreated"
            ),
        ),
        (
            json!({"propagationPolicy": "Foo"}),
            422,
            "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"Foo\": supported values: \
             \"Foreground\", \"Background\", \"Orphan\", \"nil\""
                .to_owned(),
        ),
        (
            json!({"propagationPolicy": "Orphan", "orphanDependents": true, "dryRun": ["x"]}),
            422,
            "DeleteOptions.meta.k8s.io \"\" is invalid: [propagationPolicy: Invalid value: \"Orphan\": orphanDependents \
             and deletionPropagation cannot be both set, dryRun: Unsupported value: [\"x\"]: supported values: \"All\"]"
                .to_owned(),
        ),
        (json!({"kind": "Foo"}), 400, "no kind \"Foo\" is registered for version \"meta.k8s.io/v1\" in scheme \"pkg/runtime/scheme.go:111\"".to_owned()),
    ] {
        let got = rig.delete(&one, options.clone());
        assert_eq!((got.code, got.message()), (code, message.as_str()), "{options}");
    }
    rig.delete(&one, json!({"dryRun": ["All"]})).is(200);
    let marked = rig.ask(&format!("DELETE {one}?propagationPolicy=Foreground"), "").is(200);
    let meta = &marked.body["metadata"];
    assert_eq!(meta["finalizers"], json!(["foregroundDeletion"]));
    assert_eq!(
        (&meta["deletionTimestamp"], &meta["deletionGracePeriodSeconds"]),
        (&json!("2026-11-22T10:00:00Z"), &json!(0))
    );
    let gone = rig.ask(&format!("DELETE {one}?orphanDependents=false"), "").is(200);
    assert_eq!(
        gone.body,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": "a", "kind": "configmaps", "uid": uid}})
    );
    rig.delete(&one, json!({})).is(404);
    rig.post(PATH, json!({"metadata": {"name": "b", "finalizers": ["a.b/c"]}})).is(201);
    rig.ask(&format!("DELETE {PATH}/b?orphanDependents=false"), "").is(202);
    let added = rig.patch(&format!("{PATH}/b"), json!({"metadata": {"finalizers": ["a.b/c", "a.b/d"]}})).is(422);
    assert_eq!(
        added.message(),
        "ConfigMap \"b\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being \
         deleted, found new finalizers []string{\"a.b/d\"}"
    );
    let undead = rig.patch(&format!("{PATH}/b"), json!({"metadata": {"deletionTimestamp": null}})).is(200);
    assert!(undead.body["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(rig.delete("/api/v1/namespaces/default", json!({})).is(403).body["reason"], "Forbidden");
}

#[test]
fn a_collection_is_deleted_by_selector() {
    let mut rig = Rig::new();
    for (name, app) in [("a", "x"), ("b", "y"), ("c", "x")] {
        rig.post(PATH, json!({"metadata": {"name": name, "labels": {"app": app}}})).is(201);
    }
    let gone = rig.ask(&format!("DELETE {PATH}?labelSelector=app%3Dx"), "").is(200);
    assert_eq!(gone.names(), ["a", "c"]);
    assert_eq!(rig.get(PATH).names(), ["b"]);
    assert_eq!(gone.body["items"][0]["metadata"]["deletionTimestamp"], Value::Null);
}

#[test]
fn a_strategic_patch_that_does_not_fit_is_shown_as_go_prints_it() {
    let mut rig = Rig::new();
    let spec = json!({
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
    });
    let path = "/apis/apps/v1/namespaces/default/deployments";
    rig.post(path, json!({"metadata": {"name": "a"}, "spec": spec})).is(201);
    let mut check = |patch: Value, why: &str| {
        let request = format!("PATCH {path}/a\ncontent-type: application/strategic-merge-patch+json");
        let got = rig.ask(&request, patch.to_string()).is(422);
        let whole = format!(" \"\" is invalid: patch: Invalid value: {why}");
        assert_eq!(got.message(), whole, "{patch}");
    };
    check(json!({"spec": {"replicas": "three"}}), r#""map[spec:map[replicas:three]]": unrecognized type: int32"#);
    check(
        json!({"spec": {"replicas": 1.5}, "metadata": {"labels": {"x": null}}}),
        r#""map[metadata:map[labels:map[x:<nil>]] spec:map[replicas:1.5]]": cannot convert float64 to int32"#,
    );
    check(json!({"spec": {"paused": "yes"}}), r#""map[spec:map[paused:yes]]": unrecognized type: bool"#);
    check(
        json!({"metadata": {"labels": {"x": 1}}}),
        r#""map[metadata:map[labels:map[x:1]]]": cannot convert int64 to string"#,
    );
}

#[test]
fn bodies_that_nest_too_deeply_are_refused() {
    let mut rig = Rig::new();
    let json = format!("{{\"metadata\":{{\"name\":\"a\"}},\"data\":{}1{}}}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let yaml = format!("metadata: {{name: a}}\ndata: {}1{}", "{a: ".repeat(5000), "}".repeat(5000));
    let list = "[".repeat(100_000);
    for body in [json.as_str(), &list] {
        rig.ask(&format!("POST {PATH}"), body.to_owned()).is(400);
        rig.ask(&format!("PATCH {PATH}/a\ncontent-type: {MERGE}"), body.to_owned()).is(400);
        rig.ask(&format!("PATCH {PATH}/a\ncontent-type: application/json-patch+json"), body.to_owned()).is(400);
        rig.ask(&format!("PATCH {PATH}/a\ncontent-type: application/strategic-merge-patch+json"), body.to_owned())
            .is(400);
        rig.ask(&format!("DELETE {PATH}/a"), body.to_owned()).is(400);
    }
    for body in [yaml.as_str(), &list] {
        rig.ask(&format!("POST {PATH}\ncontent-type: application/yaml"), body.to_owned()).is(400);
        let apply = format!("PATCH {PATH}/a?fieldManager=m\ncontent-type: application/apply-patch+yaml");
        rig.ask(&apply, body.to_owned()).is(400);
    }
}
