//! The tables in `observed/` hold what a kube-apiserver v1.37.2 answered to the same definitions and objects.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

/// A definition with one version and this schema of `spec`.
fn definition(spec: &Value) -> Value {
    let mut crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "foos.example.com" },
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": { "plural": "foos", "kind": "Foo" },
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": spec } } },
            }],
        },
    });
    fill_defaults(&mut crd);
    establish::prepare_create(&mut crd);
    crd
}

fn version(crd: &Value, name: &str) -> Arc<Version> {
    let resource = resources(crd, None).into_iter().find(|resource| resource.version == name);
    match resource.expect("a served version").shape {
        Shape::Custom(version) => version,
        Shape::Builtin(_) => panic!("a custom resource"),
    }
}

fn object(spec: &Value) -> Value {
    json!({
        "apiVersion": "example.com/v1",
        "kind": "Foo",
        "metadata": { "name": "a", "namespace": "default" },
        "spec": spec,
    })
}

fn lines(table: &str) -> impl Iterator<Item = Value> {
    table.lines().map(|line| serde_json::from_str(line).expect("each line is JSON"))
}

#[test]
fn values_are_refused_as_a_real_server_refuses_them() {
    let mut wrong = Vec::new();
    for case in lines(include_str!("observed/values.jsonl")) {
        let crd = definition(&json!({ "type": "object", "properties": { "x": case["schema"] } }));
        let version = version(&crd, "v1");
        let mut object = object(&json!({ "x": case["value"] }));
        let mut errors = match version.decode(&mut object) {
            Ok(_) => version.prepare_create(&mut object).iter().map(ToString::to_string).collect(),
            Err(text) => vec![text],
        };
        errors.sort();
        if json!(errors) != case["errors"] {
            wrong.push(format!("{case}\n  answered {errors:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn definitions_are_refused_as_a_real_server_refuses_them() {
    let mut wrong = Vec::new();
    for case in lines(include_str!("observed/definitions.jsonl")) {
        let mut crd = match case.get("schema") {
            Some(schema) => definition(schema),
            None => case["crd"].clone(),
        };
        fill_defaults(&mut crd);
        let mut errors: Vec<String> = check(&crd, None).iter().map(ToString::to_string).collect();
        errors.sort();
        let told = json!({ "errors": errors, "warnings": warnings(&crd, None) });
        let observed = json!({ "errors": case["errors"], "warnings": case.get("warnings").unwrap_or(&json!([])) });
        if told["errors"] != observed["errors"] || (errors.is_empty() && told["warnings"] != observed["warnings"]) {
            wrong.push(format!("{case}\n  answered {told}"));
        }
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn objects_are_read_as_a_real_server_reads_them() {
    let mut cases = lines(include_str!("observed/objects.jsonl"));
    let mut crd = cases.next().expect("the definition comes first")["crd"].clone();
    fill_defaults(&mut crd);
    let version = version(&crd, "v1");
    let mut wrong = Vec::new();
    for case in cases {
        let mut object = case["body"].clone();
        if object["metadata"].is_object() {
            object["metadata"]["namespace"] = json!("default");
        }
        let mut answer = json!({ "body": case["body"] });
        match version.decode(&mut object) {
            Err(text) => {
                answer["code"] = json!(400);
                answer["message"] = json!(format!("Foo in version \"v1\" cannot be handled as a Foo: {text}"));
            }
            Ok(unknown) => {
                let mut warnings: Vec<String> =
                    unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
                if !warnings.is_empty() {
                    let strict = format!("strict decoding error: {}", warnings.join(", "));
                    let text = format!("Foo in version \"v1\" cannot be handled as a Foo: {strict}");
                    answer["strict"] = json!(text);
                }
                let mut errors: Vec<String> =
                    version.prepare_create(&mut object).iter().map(ToString::to_string).collect();
                if errors.is_empty() {
                    warnings.extend(finalizer_warnings(&object, None));
                    for field in ["generation", "namespace"] {
                        object["metadata"].as_object_mut().expect("metadata").remove(field);
                    }
                    answer["object"] = object;
                } else {
                    errors.sort();
                    answer["errors"] = json!(errors);
                }
                if !warnings.is_empty() {
                    answer["warnings"] = json!(warnings);
                }
            }
        }
        if answer != case {
            wrong.push(format!("{case}\n  answered {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn changes_are_taken_as_a_real_server_takes_them() {
    let mut cases = lines(include_str!("observed/updates.jsonl"));
    let mut crd = cases.next().expect("the definition comes first")["crd"].clone();
    fill_defaults(&mut crd);
    let version = version(&crd, "v1");
    let mut wrong = Vec::new();
    for case in cases {
        let mut object = case["new"].clone();
        // What the server carries over for every kind.
        object["metadata"]["namespace"] = json!("default");
        let mut answer = json!({ "old": case["old"], "new": case["new"], "part": case["part"] });
        let unknown = version.decode(&mut object).expect("it can be read");
        if !unknown.is_empty() {
            let warnings: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
            answer["warnings"] = json!(warnings);
        }
        let errors = match case["part"].as_str() {
            Some("status") => version.prepare_status(&mut object, &case["old"], &mut Vec::new()),
            _ => version.prepare_update(&mut object, &case["old"], &mut Vec::new()),
        };
        if errors.is_empty() {
            answer["object"] = object;
        } else {
            let mut errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            errors.sort();
            answer["errors"] = json!(errors);
        }
        if answer != case {
            wrong.push(format!("{case}\n  answered {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// v1 is stored; v2 knows other fields and has other defaults.
fn two_versions() -> Value {
    let schema = |fields: Value| {
        json!({ "openAPIV3Schema": {
            "type": "object",
            "properties": { "spec": { "type": "object", "properties": fields } },
        } })
    };
    let mut crd = definition(&json!({}));
    crd["spec"]["versions"] = json!([
        {
            "name": "v1", "served": true, "storage": true,
            "schema": schema(json!({ "a": { "type": "string", "default": "one" }, "b": { "type": "string" } })),
        },
        {
            "name": "v2", "served": true, "storage": false,
            "schema": schema(json!({ "a": { "type": "string" }, "c": { "type": "string", "default": "two" } })),
        },
        { "name": "v3", "served": false, "storage": false, "schema": schema(json!({})) },
    ]);
    crd
}

#[test]
fn a_stored_object_is_read_in_every_version() {
    let crd = two_versions();
    let stored = json!({
        "apiVersion": "example.com/v1",
        "kind": "Foo",
        "metadata": { "name": "a" },
        "spec": { "b": "x", "gone": 1 },
    });
    // Read in its own version it gets defaults that are newer than itself.
    assert_eq!(version(&crd, "v1").read(&stored)["spec"], json!({ "a": "one", "b": "x" }));
    // In another it takes the defaults of its own version and the fields of both.
    let shown = version(&crd, "v2").read(&stored).into_owned();
    assert_eq!(shown["apiVersion"], "example.com/v2");
    assert_eq!(shown["spec"], json!({ "a": "one" }));
    // What is as the schema wants it is not copied.
    let settled = version(&crd, "v1").read(&stored).into_owned();
    assert!(matches!(version(&crd, "v1").read(&settled), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn an_object_is_stored_in_the_storage_version() {
    let version = version(&two_versions(), "v2");
    let mut object = object(&json!({ "c": "x" }));
    object["apiVersion"] = json!("example.com/v2");
    version.decode(&mut object).expect("it can be read");
    assert!(version.prepare_create(&mut object).is_empty());
    let stored = version.encode(object);
    assert_eq!(stored["apiVersion"], "example.com/v1");
    // Every reader of the storage version would find its default there.
    assert_eq!(stored["spec"], json!({"a": "one"}));
}

#[test]
fn only_served_versions_are_resources() {
    let names: Vec<String> = resources(&two_versions(), None).into_iter().map(|resource| resource.version).collect();
    assert_eq!(names, ["v1", "v2"]);
}

#[test]
fn a_resource_carries_what_its_definition_says() {
    let mut crd = definition(&json!({ "type": "object" }));
    crd["spec"]["names"]["shortNames"] = json!(["fo"]);
    crd["spec"]["names"]["categories"] = json!(["all"]);
    let entry = &mut crd["spec"]["versions"][0];
    entry["subresources"] =
        json!({ "status": {}, "scale": { "specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n" } });
    entry["selectableFields"] = json!([{ "jsonPath": ".spec.color" }]);
    entry["deprecated"] = json!(true);
    let resource = resources(&crd, None).remove(0);
    assert_eq!((resource.plural.as_str(), resource.singular.as_str()), ("foos", "foo"));
    assert_eq!((resource.kind.as_str(), resource.list_kind.as_str()), ("Foo", "FooList"));
    assert_eq!((resource.short_names, resource.categories), (vec!["fo".to_owned()], vec!["all".to_owned()]));
    let parts: Vec<String> =
        resource.subresources.iter().map(|part| format!("{} {}/{}", part.name, part.group, part.kind)).collect();
    assert_eq!(parts, ["status example.com/Foo", "scale autoscaling/Scale"]);
    let version = version(&crd, "v1");
    assert_eq!(version.selectable_fields, [".spec.color"]);
    assert_eq!(version.deprecation.as_deref(), Some("example.com/v1 Foo is deprecated"));
}

#[test]
fn a_new_definition_is_established_when_its_names_are_free() {
    let now: jiff::Timestamp = "2024-01-01T00:00:00Z".parse().expect("a time");
    let crd = definition(&json!({ "type": "object" }));
    assert_eq!(
        crd["status"],
        json!({ "conditions": null, "acceptedNames": { "plural": "", "kind": "" }, "storedVersions": ["v1"] })
    );
    let done = establish::accept(&crd, std::iter::empty(), now).expect("something changes");
    assert!(establish::is_established(&done));
    assert_eq!(
        done["status"],
        json!({
            "conditions": [
                {
                    "type": "NamesAccepted", "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z",
                    "reason": "NoConflicts", "message": "no conflicts found",
                },
                {
                    "type": "Established", "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z",
                    "reason": "InitialNamesAccepted", "message": "the initial names have been accepted",
                },
            ],
            "acceptedNames": { "plural": "foos", "singular": "foo", "kind": "Foo", "listKind": "FooList" },
            "storedVersions": ["v1"],
        })
    );
    let later = "2024-01-02T00:00:00Z".parse().expect("a time");
    assert_eq!(establish::accept(&done, std::iter::once(&done), later), None);
}

#[test]
fn names_in_use_are_not_accepted() {
    let now: jiff::Timestamp = "2024-01-01T00:00:00Z".parse().expect("a time");
    let mut first = definition(&json!({ "type": "object" }));
    first["spec"]["names"]["shortNames"] = json!(["fo"]);
    let first = establish::accept(&first, std::iter::empty(), now).expect("something changes");
    for (field, value, reason, message) in [
        ("kind", json!("Foo"), "KindConflict", "\"Foo\" is already in use"),
        ("singular", json!("foo"), "SingularConflict", "\"foo\" is already in use"),
        ("listKind", json!("FooList"), "ListKindConflict", "\"FooList\" is already in use"),
        ("shortNames", json!(["fo", "x"]), "ShortNamesConflict", "\"fo\" is already in use"),
        (
            "shortNames",
            json!(["fo", "foo"]),
            "ShortNamesConflict",
            "[\"fo\" is already in use, \"foo\" is already in use]",
        ),
    ] {
        let mut second = definition(&json!({ "type": "object" }));
        second["metadata"]["name"] = json!("bars.example.com");
        second["spec"]["names"] = json!({ "plural": "bars", "singular": "bar", "kind": "Bar", "listKind": "BarList" });
        second["spec"]["names"][field] = value;
        let done = establish::accept(&second, std::iter::once(&first), now).expect("something changes");
        assert!(!establish::is_established(&done));
        let conditions = &done["status"]["conditions"];
        assert_eq!((&conditions[0]["reason"], &conditions[0]["message"]), (&json!(reason), &json!(message)));
        assert_eq!(conditions[1]["reason"], "NotAccepted");
        assert!(resources(&done, None).len() == 1);
        // When the first one goes, the names are free.
        let freed = establish::accept(&done, std::iter::empty(), now).expect("something changes");
        assert!(establish::is_established(&freed));
    }
}

#[test]
fn a_changed_definition_keeps_what_may_not_change() {
    let now: jiff::Timestamp = "2024-01-01T00:00:00Z".parse().expect("a time");
    let old = establish::accept(&two_versions(), std::iter::empty(), now).expect("something changes");
    let mut new = old.clone();
    new["spec"]["scope"] = json!("Cluster");
    new["spec"]["names"]["kind"] = json!("Fool");
    new["status"] = json!({});
    establish::prepare_update(&mut new, &old);
    assert_eq!(new["status"], old["status"]);
    assert_eq!(new["metadata"]["generation"], 2);
    let errors: Vec<String> = check(&new, Some(&old)).iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "spec.scope: Invalid value: \"Cluster\": field is immutable",
            "spec.names.kind: Invalid value: \"Fool\": field is immutable",
        ]
    );
    // Another storage version joins the stored ones, and the old one must stay.
    let mut new = old.clone();
    new["spec"]["versions"][0]["storage"] = json!(false);
    new["spec"]["versions"][1]["storage"] = json!(true);
    establish::prepare_update(&mut new, &old);
    assert_eq!(new["status"]["storedVersions"], json!(["v1", "v2"]));
    assert_eq!(check(&new, Some(&old)), []);
    let mut last = new.clone();
    last["spec"]["versions"].as_array_mut().expect("versions").remove(0);
    establish::prepare_update(&mut last, &new);
    let errors: Vec<String> = check(&last, Some(&new)).iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        ["status.storedVersions[0]: Invalid value: \"v1\": missing from spec.versions; v1 was previously a storage \
          version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 \
          and removes v1 from status.storedVersions"]
    );
}

#[test]
fn what_is_not_modelled_is_said() {
    let mut crd = definition(&json!({ "type": "string", "x-kubernetes-validations": [{ "rule": "self != 'x'" }] }));
    assert_eq!(check(&crd, None), []);
    let told: &[&str] = match crate::cel::IS_THERE {
        true => &[],
        false => &[
            "this server does not evaluate the x-kubernetes-validations of version \"v1\": objects that break them are \
             accepted",
        ],
    };
    assert_eq!(warnings(&crd, None), told);
    assert_eq!(warnings(&crd, Some(&crd)), Vec::<String>::new());
    crd["spec"]["conversion"] = json!({ "strategy": "Webhook" });
    let errors: Vec<String> = check(&crd, None).iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook",
            "spec.conversion.conversionReviewVersions: Required value",
        ]
    );
}

#[test]
fn a_scale_shows_and_sets_the_fields_of_its_object() {
    let scale = Scale {
        spec_replicas: ".spec.size.replicas".to_owned(),
        status_replicas: ".status.n".to_owned(),
        label_selector: Some(".status.selector".to_owned()),
    };
    let mut object = object(&json!({ "size": { "replicas": 3 } }));
    object["status"] = json!({ "n": 2, "selector": "app=a" });
    object["metadata"]["resourceVersion"] = json!("7");
    let shown = scale.get(&object).expect("it has replicas");
    assert_eq!(
        shown,
        json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": { "name": "a", "namespace": "default", "resourceVersion": "7" },
            "spec": { "replicas": 3 },
            "status": { "replicas": 2, "selector": "app=a" },
        })
    );
    scale.set(&mut object, &json!({ "spec": { "replicas": 5 } })).expect("it can be set");
    assert_eq!(object["spec"]["size"]["replicas"], 5);
    let mut bare = json!({});
    assert_eq!(scale.get(&bare), Err("the spec replicas field \".spec.size.replicas\" does not exist".to_owned()));
    scale.set(&mut bare, &json!({ "spec": { "replicas": 1 } })).expect("it can be set");
    assert_eq!(bare, json!({ "spec": { "size": { "replicas": 1 } } }));
}
