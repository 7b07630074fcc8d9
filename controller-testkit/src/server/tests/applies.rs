//! Server-side apply: who owns what, what goes with its owner, and who is in whose way.

use serde_json::{Value, json};

use super::{Got, MERGE, Rig, text};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

impl Rig {
    /// Applies as this manager; `more` is added to the query.
    fn apply(&mut self, path: &str, manager: &str, more: &str, body: &Value) -> Got {
        let request = format!("PATCH {path}?fieldManager={manager}{more}\ncontent-type: application/apply-patch+yaml");
        self.ask(&request, body.to_string())
    }

    /// Merges a patch as this manager.
    fn merge(&mut self, path: &str, manager: &str, body: &Value) -> Got {
        self.ask(&format!("PATCH {path}?fieldManager={manager}\ncontent-type: {MERGE}"), body.to_string())
    }
}

/// The owners as `manager operation [subresource]: fields`.
fn owners(got: &Got) -> Vec<String> {
    let entries = got.body["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let line = |entry: &Value| {
        let subresource = entry["subresource"].as_str().map(|part| format!(" of {part}")).unwrap_or_default();
        format!("{} {}{subresource}: {}", text(&entry["manager"]), text(&entry["operation"]), entry["fieldsV1"])
    };
    entries.iter().map(line).collect()
}

fn map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

fn deployment(replicas: Value, containers: Value) -> Value {
    let mut spec = json!({
        "selector": {"matchLabels": {"app": "a"}},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": containers}},
    });
    if !replicas.is_null() {
        spec["replicas"] = replicas;
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec})
}

#[test]
fn applying_creates_changes_nothing_twice_and_takes_away_what_is_left_out() {
    let mut rig = Rig::new();
    let path = &format!("{MAPS}/a");
    let first = rig.apply(path, "one", "", &map("a", json!({"x": "1", "y": "2"}))).is(201);
    assert_eq!(owners(&first), [r#"one Apply: {"f:data":{"f:x":{},"f:y":{}}}"#]);
    let entry = &first.body["metadata"]["managedFields"][0];
    assert_eq!((&entry["apiVersion"], &entry["fieldsType"]), (&json!("v1"), &json!("FieldsV1")));
    assert_eq!(entry["time"], json!("2026-11-22T10:00:00Z"));
    rig.pass(60);
    let again = rig.apply(path, "one", "", &map("a", json!({"x": "1", "y": "2"}))).is(200);
    assert_eq!(again.body, first.body);
    let fewer = rig.apply(path, "one", "", &map("a", json!({"y": "3"}))).is(200);
    assert_eq!(fewer.body["data"], json!({"y": "3"}));
    assert!(fewer.rv() > first.rv());
    assert_eq!(fewer.body["metadata"]["managedFields"][0]["time"], json!("2026-11-22T10:01:00Z"));
    let none = rig.apply(path, "one", "", &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}));
    assert_eq!(none.is(200).body.get("data"), None);
}

#[test]
fn who_only_comes_to_own_something_has_no_time() {
    let mut rig = Rig::new();
    let path = &format!("{MAPS}/a");
    rig.apply(path, "one", "", &map("a", json!({"x": "1"}))).is(201);
    let shared = rig.apply(path, "two", "", &map("a", json!({"x": "1"}))).is(200);
    let times = |got: &Got| -> Vec<(String, bool)> {
        let entries = got.body["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| (text(&entry["manager"]).to_owned(), entry.get("time").is_some())).collect()
    };
    let timed = |got: &Got, manager: &str| times(got).contains(&(manager.to_owned(), true));
    assert!(timed(&shared, "one") && !timed(&shared, "two"), "{:?}", times(&shared));
    let changed = rig.apply(path, "two", "", &map("a", json!({"x": "1", "y": "1"}))).is(200);
    assert!(timed(&changed, "two"), "{:?}", times(&changed));
}

#[test]
fn a_field_that_two_apply_goes_with_the_last_of_them() {
    let mut rig = Rig::new();
    let path = &format!("{MAPS}/a");
    rig.apply(path, "one", "", &map("a", json!({"x": "1", "y": "1"}))).is(201);
    let both = rig.apply(path, "two", "", &map("a", json!({"x": "1", "z": "1"}))).is(200);
    assert_eq!(
        owners(&both),
        [r#"one Apply: {"f:data":{"f:x":{},"f:y":{}}}"#, r#"two Apply: {"f:data":{"f:x":{},"f:z":{}}}"#]
    );
    let left = rig.apply(path, "one", "", &map("a", json!({"y": "1"}))).is(200);
    assert_eq!(left.body["data"], json!({"x": "1", "y": "1", "z": "1"}));
    let left = rig.apply(path, "two", "", &map("a", json!({"z": "1"}))).is(200);
    assert_eq!(left.body["data"], json!({"y": "1", "z": "1"}));
}

#[test]
fn what_another_owns_is_a_conflict_unless_it_is_the_same_or_force_is_used() {
    let mut rig = Rig::new();
    let path = &format!("{DEPLOYMENTS}/a");
    let containers = json!([{"name": "c", "image": "i:1"}]);
    rig.apply(path, "one", "", &deployment(json!(1), containers.clone())).is(201);
    let scaled = rig.merge(path, "scaler", &json!({"spec": {"replicas": 5}})).is(200);
    assert!(owners(&scaled).contains(&r#"scaler Update: {"f:spec":{"f:replicas":{}}}"#.to_owned()), "{scaled:?}");
    assert!(!owners(&scaled)[0].contains("f:replicas"), "{scaled:?}");
    let refused = rig.apply(path, "one", "", &deployment(json!(1), containers.clone())).is(409);
    assert_eq!(
        refused.body,
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Conflict", "code": 409,
            "message": "Apply failed with 1 conflict: conflict with \"scaler\" using apps/v1: .spec.replicas",
            "details": {"causes": [{
                "reason": "FieldManagerConflict", "message": "conflict with \"scaler\" using apps/v1",
                "field": ".spec.replicas",
            }]},
        })
    );
    // The same value is owned by both.
    let same = rig.apply(path, "one", "", &deployment(json!(5), containers.clone())).is(200);
    assert_eq!(same.body["spec"]["replicas"], 5);
    let images = json!([{"name": "c", "image": "i:2"}]);
    let refused = rig.apply(path, "two", "", &deployment(json!(7), images.clone())).is(409);
    assert_eq!(
        refused.message(),
        "Apply failed with 3 conflicts: conflicts with \"one\":\n- .spec.replicas\n\
         - .spec.template.spec.containers[name=\"c\"].image\nconflicts with \"scaler\" using apps/v1:\n- .spec.replicas"
    );
    let forced = rig.apply(path, "two", "&force=true", &deployment(json!(7), images)).is(200);
    assert_eq!(forced.body["spec"]["replicas"], 7);
    assert!(owners(&forced).iter().all(|line| line.starts_with("two ") || !line.contains("replicas")), "{forced:?}");
}

#[test]
fn items_of_lists_are_owned_by_their_keys() {
    let mut rig = Rig::new();
    let path = &format!("{DEPLOYMENTS}/a");
    let first = json!([
        {"name": "a", "image": "i", "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]},
        {"name": "b", "image": "i", "args": ["x", "y"]},
    ]);
    let created = rig.apply(path, "one", "", &deployment(json!(null), first)).is(201);
    let line = &owners(&created)[0];
    for part in [
        r#""k:{\"name\":\"a\"}":{".":{},"f:image":{},"f:name":{},"f:ports":{"#,
        r#""k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}"#,
        r#""k:{\"containerPort\":80,\"protocol\":\"UDP\"}":{".":{},"f:containerPort":{},"f:protocol":{}}"#,
        r#""f:args":{}"#,
        r#""f:selector":{}"#,
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    // Another adds a container and a variable; the first one's order and items stay.
    let more = json!([{"name": "c", "image": "i"}, {"name": "a", "env": [{"name": "E", "value": "1"}]}]);
    let merged = rig.apply(path, "two", "", &deployment(json!(null), more)).is(200);
    let names = |got: &Got| -> Vec<String> {
        let containers = got.body["spec"]["template"]["spec"]["containers"].as_array().cloned().unwrap_or_default();
        containers.iter().map(|container| text(&container["name"]).to_owned()).collect()
    };
    assert_eq!(names(&merged), ["c", "a", "b"]);
    let fewer = json!([{"name": "a", "image": "i"}]);
    let left = rig.apply(path, "one", "", &deployment(json!(null), fewer)).is(200);
    assert_eq!(names(&left), ["c", "a"]);
    let a = &left.body["spec"]["template"]["spec"]["containers"][1];
    assert_eq!((a.get("ports"), &a["env"][0]["name"]), (None, &json!("E")));
}

#[test]
fn values_of_a_set_have_owners_and_atomic_lists_are_replaced() {
    let mut rig = Rig::new();
    let path = &format!("{MAPS}/a");
    let with = |finalizers: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": finalizers}});
    rig.apply(path, "one", "", &with(json!(["x.io/1"]))).is(201);
    let both = rig.apply(path, "two", "", &with(json!(["x.io/2"]))).is(200);
    assert_eq!(both.body["metadata"]["finalizers"], json!(["x.io/1", "x.io/2"]));
    assert_eq!(owners(&both)[0], r#"one Apply: {"f:metadata":{"f:finalizers":{"v:\"x.io/1\"":{}}}}"#);
    let left = rig.apply(path, "one", "", &map("a", json!({}))).is(200);
    assert_eq!(left.body["metadata"]["finalizers"], json!(["x.io/2"]));
    let path = &format!("{DEPLOYMENTS}/a");
    let args = |args: Value| deployment(json!(null), json!([{"name": "c", "image": "i", "args": args}]));
    rig.apply(path, "one", "", &args(json!(["a", "b"]))).is(201);
    let replaced = rig.apply(path, "one", "", &args(json!(["b"]))).is(200);
    assert_eq!(replaced.body["spec"]["template"]["spec"]["containers"][0]["args"], json!(["b"]));
    rig.apply(path, "two", "", &args(json!(["c"]))).is(409);
}

#[test]
fn every_write_is_recorded_under_its_writer() {
    let mut rig = Rig::new();
    let path = &format!("{DEPLOYMENTS}/a");
    let body = deployment(json!(2), json!([{"name": "c", "image": "i"}]));
    let request = format!("POST {DEPLOYMENTS}\ncontent-type: application/json\nuser-agent: kubectl/v1.37 (linux)");
    let created = rig.ask(&request, body.to_string()).is(201);
    assert_eq!(
        owners(&created),
        [concat!(
            r#"kubectl Update: {"f:spec":{"f:progressDeadlineSeconds":{},"f:replicas":{},"f:revisionHistoryLimit":{},"#,
            r#""f:selector":{},"f:strategy":{"f:rollingUpdate":{".":{},"f:maxSurge":{},"f:maxUnavailable":{}},"f:type":{}},"#,
            r#""f:template":{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":"#,
            r#"{".":{},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:resources":{},"f:terminationMessagePath":{},"#,
            r#""f:terminationMessagePolicy":{}}},"f:dnsPolicy":{},"f:restartPolicy":{},"f:schedulerName":{},"#,
            r#""f:securityContext":{},"f:terminationGracePeriodSeconds":{}}}}}"#,
        )]
    );
    rig.pass(5);
    let status = rig.ask(
        &format!("PATCH {path}/status?fieldManager=controller\ncontent-type: {MERGE}"),
        json!({"spec": {"replicas": 9}, "status": {"observedGeneration": 1}}).to_string(),
    );
    assert_eq!(owners(&status.is(200))[1], r#"controller Update of status: {"f:status":{"f:observedGeneration":{}}}"#);
    rig.pass(5);
    let labelled = rig.merge(path, "labeller", &json!({"metadata": {"labels": {"l": "1"}}})).is(200);
    assert_eq!(owners(&labelled)[2], r#"labeller Update: {"f:metadata":{"f:labels":{".":{},"f:l":{}}}}"#);
    // What is taken away belongs to nobody, and a writer of nothing is not kept.
    rig.pass(5);
    let unlabelled = rig.merge(path, "other", &json!({"metadata": {"labels": null}})).is(200);
    assert_eq!(owners(&unlabelled).len(), 2, "{unlabelled:?}");
    // A write that changes nothing is none.
    let same = rig.merge(path, "other", &json!({"spec": {"replicas": 2}})).is(200);
    assert_eq!(same.body, unlabelled.body);
}

#[test]
fn what_was_there_before_the_first_apply_has_an_owner_too() {
    let mut rig = Rig::new();
    let path = &format!("{MAPS}/a");
    rig.post(MAPS, map("a", json!({"x": "1"}))).is(201);
    for nobody in [json!([]), json!([{}])] {
        let stripped = rig.merge(path, "t", &json!({"metadata": {"managedFields": nobody}})).is(200);
        assert_eq!(stripped.body["metadata"].get("managedFields"), None);
        let refused = rig.apply(path, "one", "", &map("a", json!({"x": "2"}))).is(409);
        assert_eq!(
            refused.message(),
            "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.x"
        );
        rig.merge(path, "t", &json!({"data": {"y": "1"}})).is(200);
    }
}

#[test]
fn kubectl_takes_over_what_it_applied_on_the_clients_side() {
    let mut rig = Rig::new();
    let path = &format!("{MAPS}/a");
    let mut body = map("a", json!({"x": "1", "y": "1"}));
    body["metadata"]["annotations"] = json!({
        "kubectl.kubernetes.io/last-applied-configuration": map("a", json!({"x": "1", "y": "1"})).to_string(),
    });
    rig.ask(
        &format!("POST {MAPS}?fieldManager=kubectl-client-side-apply\ncontent-type: application/json"),
        body.to_string(),
    )
    .is(201);
    rig.apply(path, "other", "", &map("a", json!({"x": "2"}))).is(409);
    let taken = rig.apply(path, "kubectl", "", &map("a", json!({"x": "2"}))).is(200);
    assert_eq!(taken.body["data"], json!({"x": "2", "y": "1"}));
    // Whoever goes back to the client's side finds what was applied last, without owning the note of it.
    let last = &taken.body["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
    assert_eq!(*last, format!("{}\n", map("a", json!({"x": "2"}))));
    assert!(!owners(&taken).iter().any(|owner| owner.starts_with("kubectl Apply") && owner.contains("annotations")));
    // What somebody changed since is not kubectl's.
    rig.merge(path, "editor", &json!({"data": {"y": "3"}})).is(200);
    let refused = rig.apply(path, "kubectl", "", &map("a", json!({"y": "2"}))).is(409);
    assert_eq!(refused.message(), "Apply failed with 1 conflict: conflict with \"editor\" using v1: .data.y");
}

#[test]
fn a_scale_is_a_way_to_write_of_its_own() {
    let mut rig = Rig::new();
    let path = &format!("{DEPLOYMENTS}/a");
    let body = deployment(json!(1), json!([{"name": "c", "image": "i"}]));
    rig.apply(path, "one", "", &body).is(201);
    rig.merge(&format!("{path}/scale"), "scaler", &json!({"spec": {"replicas": 4}})).is(200);
    let refused = rig.apply(path, "one", "", &body).is(409);
    let expect = "Apply failed with 1 conflict: conflict with \"scaler\" with subresource \"scale\" using apps/v1: .spec.replicas";
    assert_eq!(refused.message(), expect);
}

#[test]
fn the_status_is_applied_through_its_own_part() {
    let mut rig = Rig::new();
    let path = &format!("{DEPLOYMENTS}/a");
    let mut body = deployment(json!(1), json!([{"name": "c", "image": "i"}]));
    body["status"] = json!({"replicas": 9});
    let created = rig.apply(path, "one", "", &body).is(201);
    assert!(created.body["status"].get("replicas").is_none() && !owners(&created)[0].contains("f:status"));
    let status = |replicas: i64, condition: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "status": {
            "replicas": replicas,
            "conditions": [{"type": condition, "status": "True"}],
        }})
    };
    let path = &format!("{path}/status");
    let first = rig.apply(path, "one", "", &status(1, "A")).is(200);
    assert!(owners(&first).iter().any(|line| line.starts_with("one Apply of status: ")), "{first:?}");
    let second = rig.apply(path, "two", "", &status(1, "B")).is(200);
    let types = |got: &Got| -> Vec<String> {
        let conditions = got.body["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().map(|condition| text(&condition["type"]).to_owned()).collect()
    };
    assert_eq!(types(&second), ["A", "B"]);
    assert_eq!(types(&rig.apply(path, "one", "", &status(1, "C")).is(200)), ["B", "C"]);
}

#[test]
fn custom_resources_are_merged_by_their_schemas() {
    let mut rig = Rig::new();
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "apps.x.io"},
        "spec": {
            "group": "x.io", "scope": "Namespaced", "names": {"plural": "apps", "kind": "App"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object",
                "properties": {"spec": {"type": "object", "properties": {
                    "parts": {
                        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id", "zone"],
                        "items": {"type": "object", "required": ["id"], "properties": {
                            "id": {"type": "integer"}, "zone": {"type": "string", "default": "a"},
                            "size": {"type": "integer"},
                        }},
                    },
                    "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                    "whole": {
                        "type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"},
                    },
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "list": {"type": "array", "items": {"type": "string"}},
                }}},
            }}}],
        },
    });
    rig.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition).is(201);
    rig.pass(10);
    let path = "/apis/x.io/v1/namespaces/default/apps/a";
    let app = |spec: Value| json!({"apiVersion": "x.io/v1", "kind": "App", "metadata": {"name": "a"}, "spec": spec});
    let first = app(json!({
        "parts": [{"id": 1, "size": 1}, {"id": 1, "zone": "b"}], "tags": ["x"], "whole": {"k": "1"},
        "free": {"deep": {"a": 1}}, "list": ["1"],
    }));
    let created = rig.apply(path, "one", "", &first).is(201);
    assert_eq!(
        owners(&created),
        [concat!(
            r#"one Apply: {"f:spec":{"f:free":{"f:deep":{".":{},"f:a":{}}},"f:list":{},"f:parts":{"#,
            r#""k:{\"id\":1,\"zone\":\"a\"}":{".":{},"f:id":{},"f:size":{}},"#,
            r#""k:{\"id\":1,\"zone\":\"b\"}":{".":{},"f:id":{},"f:zone":{}}},"f:tags":{"v:\"x\"":{}},"f:whole":{}}}"#,
        )]
    );
    let second = app(json!({"parts": [{"id": 1, "zone": "a"}, {"id": 2}], "tags": ["y"], "free": {"deep": {"b": 2}}}));
    let merged = rig.apply(path, "two", "", &second).is(200).body["spec"].clone();
    assert_eq!(merged["tags"], json!(["x", "y"]));
    assert_eq!(merged["free"], json!({"deep": {"a": 1, "b": 2}}));
    assert_eq!(merged["parts"].as_array().map(Vec::len), Some(3), "{merged}");
    let conflict = rig.apply(path, "two", "", &app(json!({"whole": {"j": "1"}, "list": ["2"]}))).is(409);
    assert_eq!(
        conflict.message(),
        "Apply failed with 2 conflicts: conflicts with \"one\":\n- .spec.list\n- .spec.whole"
    );
    let left = rig.apply(path, "one", "", &app(json!({"tags": ["x"]}))).is(200).body["spec"].clone();
    assert_eq!(
        left,
        json!({
            "free": {"deep": {"b": 2}}, "parts": [{"id": 1, "zone": "a"}, {"id": 2, "zone": "a"}], "tags": ["x", "y"],
        })
    );
}

#[test]
fn wrong_applies_are_refused_in_the_real_words() {
    let mut rig = Rig::new();
    let path = format!("{MAPS}/a");
    rig.apply(&path, "one", "", &map("a", json!({"x": "1"}))).is(201);
    let with = |member: &str, value: Value| {
        let mut body = map("a", json!({"x": "1"}));
        body["metadata"][member] = value;
        body
    };
    let pod = |containers: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}});
    let other = format!("{MAPS}/b");
    let pods = "/api/v1/namespaces/default/pods/p".to_owned();
    let no_pod = "failed to create typed patch object (/p; /v1, Kind=Pod): ";
    let cases: Vec<(&String, &str, Value, u16, String)> = vec![
        (
            &path,
            "fieldManager=",
            map("a", json!({})),
            422,
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch".into(),
        ),
        (&path, "", with("managedFields", json!([{}])), 400, "metadata.managedFields must be nil".into()),
        (
            &path,
            "",
            json!({"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "a"}}),
            400,
            "Incorrect version specified in apply patch. Specified patch version: v2, expected: v1".into(),
        ),
        (
            &path,
            "",
            with("resourceVersion", json!("1")),
            409,
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes \
             to the latest version and try again"
                .into(),
        ),
        (
            &other,
            "",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "uid": "u"}}),
            409,
            "Operation cannot be fulfilled on configmaps \"b\": uid mismatch: the provided object specified uid u, and no \
             existing object was found"
                .into(),
        ),
        (
            &other,
            "",
            map("c", json!({})),
            400,
            "the name of the object (c) does not match the name on the URL (b)".into(),
        ),
        (
            &pods,
            "",
            pod(json!([{"name": "a", "imag": "i"}])),
            500,
            format!("{no_pod}.spec.containers[name=\"a\"].imag: field not declared in schema"),
        ),
        (
            &pods,
            "",
            pod(json!([{"name": "a", "image": "i"}, {"name": "a", "image": "j"}])),
            500,
            format!("{no_pod}.spec.containers: duplicate entries for key [name=\"a\"]"),
        ),
        (
            &pods,
            "",
            pod(json!([{"image": "i"}])),
            422,
            "Pod \"p\" is invalid: spec.containers[0].name: Required value".into(),
        ),
        (&pods, "", pod(json!([5])), 500, format!("{no_pod}.spec.containers: element 0: associative list with keys may not have non-map elements")),
        (&pods, "", pod(json!({"a": 1})), 500, format!("{no_pod}.spec.containers: expected list, got &{{map[a:1]}}")),
    ];
    for (path, query, body, code, message) in cases {
        let query = if query.is_empty() { "fieldManager=t" } else { query };
        let request = format!("PATCH {path}?{query}\ncontent-type: application/apply-patch+yaml");
        let got = rig.ask(&request, body.to_string());
        assert_eq!((got.code, got.message()), (code, message.as_str()), "{body}");
    }
    let cbor = rig.ask(&format!("PATCH {path}?fieldManager=t\ncontent-type: application/apply-patch+cbor"), "");
    assert_eq!(cbor.code, 415);
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata:\n  k: v\n";
    let request = format!("PATCH {MAPS}/yaml?fieldManager=t&dryRun=All\ncontent-type: application/apply-patch+yaml");
    assert_eq!(rig.ask(&request, yaml).is(201).body["data"], json!({"k": "v"}));
    rig.get(&format!("{MAPS}/yaml")).is(404);
    let broken = rig.ask(&request, "a: [");
    assert!(broken.code == 400 && broken.message().starts_with("error decoding YAML: "), "{broken:?}");
}

#[test]
fn the_oldest_who_updated_are_told_apart_no_more() {
    let mut rig = Rig::new();
    let path = &format!("{MAPS}/a");
    rig.apply(path, "applier", "", &map("a", json!({"k": "v"}))).is(201);
    for number in 0..20 {
        rig.pass(1);
        rig.merge(path, &format!("updater{number}"), &json!({"data": {format!("k{number}"): "new"}})).is(200);
    }
    let found = owners(&rig.get(path));
    let names: Vec<&str> = found.iter().filter_map(|line| line.split(' ').next()).collect();
    let ancient = "ancient-changes";
    let late: Vec<String> = (11..20).map(|number| format!("updater{number}")).collect();
    assert_eq!(names[..2], ["applier", ancient]);
    assert_eq!(names[2..], late);
    let fields: Vec<String> = (0..11).map(|number| format!("\"f:k{number}\":{{}}")).collect();
    assert!(fields.iter().all(|field| found[1].contains(field)), "{}", found[1]);
}

#[test]
fn whoever_applies_is_the_same_in_every_version() {
    let mut rig = Rig::new();
    let scaler = |version: &str, max: i64| {
        let spec =
            json!({"maxReplicas": max, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}});
        json!({"apiVersion": version, "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"}, "spec": spec})
    };
    let path = |version: &str| format!("/apis/{version}/namespaces/default/horizontalpodautoscalers/a");
    rig.apply(&path("autoscaling/v1"), "one", "", &scaler("autoscaling/v1", 3)).is(201);
    let second = rig.apply(&path("autoscaling/v2"), "one", "", &scaler("autoscaling/v2", 4)).is(200);
    let versions: Vec<&str> = second.body["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| text(&entry["apiVersion"]))
        .collect();
    assert_eq!(versions, ["autoscaling/v2"]);
}
