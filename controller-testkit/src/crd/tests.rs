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
    let resource = resources(crd).into_iter().find(|resource| resource.version == name);
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
