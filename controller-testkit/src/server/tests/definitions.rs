//! What becomes of a definition once it is written, and of those that look at its objects.

use serde_json::{Value, json};

use super::{Rig, text};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn definition(plural: &str, group: &str) -> Value {
    let kind = format!("Kind{plural}");
    json!({
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"plural": plural, "singular": format!("one{plural}"), "kind": kind, "shortNames": ["short"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
}

/// Status, reason and message of a condition.
fn condition(rig: &mut Rig, name: &str, kind: &str) -> [String; 3] {
    let found = rig.get(&format!("{DEFINITIONS}/{name}")).is(200).body;
    let conditions = found["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let condition = conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default();
    ["status", "reason", "message"].map(|member| text(&condition[member]).to_owned())
}

#[test]
fn names_that_become_free_are_given_to_those_who_wait() {
    let mut rig = Rig::new();
    rig.post(DEFINITIONS, definition("as", "example.com")).is(201);
    rig.post(DEFINITIONS, definition("bs", "example.com")).is(201);
    assert_eq!(
        condition(&mut rig, "bs.example.com", "NamesAccepted"),
        ["False", "ShortNamesConflict", "\"short\" is already in use"]
    );
    rig.delete(&format!("{DEFINITIONS}/as.example.com"), json!({})).is(200);
    rig.patch(&format!("{DEFINITIONS}/as.example.com"), json!({"metadata": {"finalizers": null}})).is(200);
    assert_eq!(condition(&mut rig, "bs.example.com", "NamesAccepted"), ["True", "NoConflicts", "no conflicts found"]);
    rig.get("/apis/example.com/v1/bs").is(200);
}

#[test]
fn groups_of_kubernetes_itself_show_whether_they_were_reviewed() {
    let mut rig = Rig::new();
    let approval = "KubernetesAPIApprovalPolicyConformant";
    for (plural, note, expected) in [
        ("as", "https://a.b/c", ["True", "ApprovedAnnotation", "approved in https://a.b/c"]),
        ("bs", "unapproved, a test", ["False", "UnapprovedAnnotation", "not approved: \"unapproved, a test\""]),
    ] {
        let mut definition = definition(plural, "x.k8s.io");
        definition["spec"]["names"]["shortNames"] = json!([plural]);
        definition["metadata"]["annotations"] = json!({"api-approved.kubernetes.io": note});
        rig.post(DEFINITIONS, definition).is(201);
        assert_eq!(condition(&mut rig, &format!("{plural}.x.k8s.io"), approval), expected);
    }
    rig.post(DEFINITIONS, definition("as", "example.com")).is(201);
    assert_eq!(condition(&mut rig, "as.example.com", approval), ["", "", ""], "others need no note");
}

#[test]
fn a_definition_waits_for_an_authority_that_can_be_read() {
    let mut rig = Rig::new();
    let mut definition = definition("as", "example.com");
    let client = json!({"url": "https://127.0.0.1/convert", "caBundle": "Cg=="});
    definition["spec"]["conversion"] = json!({
        "strategy": "Webhook", "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1"]},
    });
    rig.post(DEFINITIONS, definition).is(201);
    assert_eq!(
        condition(&mut rig, "as.example.com", "Established"),
        ["False", "InvalidCABundle", "The conversion webhook CABundle is invalid"]
    );
    rig.get("/apis/example.com/v1/as").is(404);
    let none = json!({"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": null}}}}});
    rig.patch(&format!("{DEFINITIONS}/as.example.com"), none).is(200);
    assert_eq!(condition(&mut rig, "as.example.com", "Established")[0], "True");
}

#[test]
fn watches_end_when_the_definition_of_what_they_watch_changes() {
    let mut rig = Rig::new();
    let path = format!("{DEFINITIONS}/as.example.com");
    let objects = "/apis/example.com/v1/namespaces/default/as";
    rig.post(DEFINITIONS, definition("as", "example.com")).is(201);
    let mut watch = rig.watch(&format!("GET {objects}?watch=true"));
    rig.patch(&path, json!({"metadata": {"labels": {"a": "b"}}})).is(200);
    let object = json!({"apiVersion": "example.com/v1", "kind": "Kindas", "metadata": {"name": "one"}});
    rig.post(objects, object).is(201);
    let (events, more) = rig.events(&mut watch);
    assert_eq!((events.len(), more), (1, true), "what the objects are has not changed");
    rig.post(objects, json!({"apiVersion": "example.com/v1", "kind": "Kindas", "metadata": {"name": "two"}})).is(201);
    let column = json!([{"name": "A", "type": "string", "jsonPath": ".a"}]);
    let mut versions = rig.get(&path).body["spec"]["versions"].clone();
    versions[0]["additionalPrinterColumns"] = column;
    rig.patch(&path, json!({"spec": {"versions": versions}})).is(200);
    let (events, more) = rig.events(&mut watch);
    assert_eq!((events.len(), more), (1, false), "what happened before is told");
    let mut watch = rig.watch(&format!("GET {objects}?watch=true&resourceVersion=0"));
    assert!(rig.events(&mut watch).1);
    rig.patch(&path, json!({"metadata": {"finalizers": null}})).is(200);
    rig.delete(&path, json!({})).is(200);
    rig.patch(&path, json!({"metadata": {"finalizers": null}})).is(200);
    assert!(!rig.events(&mut watch).1, "it is gone");
}
