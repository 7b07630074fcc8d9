//! Objects at the limit of what etcd takes. The limit of this object was found by halving, at a kube-apiserver v1.37.2.

use serde_json::json;

use super::{JSON, Rig};

const PATH: &str = "/apis/h.example.com/v1/namespaces/default/as";

/// Of an object that is kept without its managed fields.
const MOST: usize = 1_572_522;

fn rig() -> Rig {
    let mut rig = Rig::new();
    let schema = json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    let definition = json!({
        "metadata": { "name": "as.h.example.com" },
        "spec": {
            "group": "h.example.com", "scope": "Namespaced", "names": { "plural": "as", "kind": "A" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": schema }],
        },
    });
    rig.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition).is(201);
    rig
}

fn object(letters: usize) -> serde_json::Value {
    json!({
        "apiVersion": "h.example.com/v1", "kind": "A", "metadata": { "name": "b1234567" },
        "spec": { "k": "x".repeat(letters) },
    })
}

#[test]
fn what_etcd_does_not_take_is_refused() {
    let mut rig = rig();
    let refusal = rig.post(PATH, object(MOST + 1)).is(500);
    assert_eq!(refusal.message(), "etcdserver: request is too large");
    assert!(refusal.body.get("reason").is_none(), "{}", refusal.text);
    rig.get(&format!("{PATH}/b1234567")).is(404);
    rig.post(&format!("{PATH}?dryRun=All"), object(MOST + 1)).is(201);
    let kept = rig.post(PATH, object(MOST)).is(201);
    assert!(kept.body["metadata"].get("managedFields").is_none(), "it is kept without its owners");
}

#[test]
fn owners_are_spared_where_there_is_room_for_the_object_alone() {
    let mut rig = rig();
    let has_owners = |got: &super::Got| got.body["metadata"].get("managedFields").is_some();
    assert!(has_owners(&rig.post(PATH, object(MOST - 1000)).is(201)));
    let path = format!("{PATH}/b1234567");
    assert!(!has_owners(&rig.patch(&path, json!({ "spec": { "k": "x".repeat(MOST - 100) } })).is(200)));
    rig.delete(&path, json!({})).is(200);
    let apply = format!("PATCH {path}?fieldManager=m\ncontent-type: application/apply-patch+yaml\naccept: {JSON}");
    rig.ask(&apply, object(MOST - 100).to_string()).is(500);
    rig.ask(&apply, object(MOST - 1000).to_string()).is(201);
}
