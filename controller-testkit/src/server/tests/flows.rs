//! What answers say of their requests: their numbers, and the schemas by which they came in.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;

use super::Rig;
use crate::auth::{Caller, User};
use crate::server::Answer;

const SCHEMAS: &str = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas";
const LEVELS: &str = "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn asked(rig: &mut Rig, caller: Option<Caller>) -> Response<Bytes> {
    let mut request = Request::get(MAPS).body(Bytes::new()).expect("a request");
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    match rig.hand_in(request) {
        Answer::Whole(response) => response,
        other => panic!("{other:?}"),
    }
}

fn told(rig: &mut Rig, user: &str) -> [String; 2] {
    let answer = asked(rig, Some(Caller::User(Arc::new(User::new(user)))));
    ["x-kubernetes-pf-flowschema-uid", "x-kubernetes-pf-prioritylevel-uid"].map(|name| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    })
}

#[test]
fn a_schema_that_has_changed_is_heard_of() {
    let mut rig = Rig::new();
    let spec = json!({"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}});
    let level = rig.post(LEVELS, json!({"metadata": {"name": "l"}, "spec": spec})).is(201);
    assert_eq!(told(&mut rig, "bob"), ["", ""], "there is none");
    let rules = |user: &str| {
        let rule = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]});
        let subjects = json!([{"kind": "User", "user": {"name": user}}]);
        json!([{"subjects": subjects, "resourceRules": [rule]}])
    };
    let spec = json!({"matchingPrecedence": 5, "priorityLevelConfiguration": {"name": "l"}, "rules": rules("bob")});
    let schema = rig.post(SCHEMAS, json!({"metadata": {"name": "s"}, "spec": spec})).is(201);
    let uids = [&schema, &level].map(|made| made.body["metadata"]["uid"].as_str().unwrap_or_default().to_owned());
    assert_eq!((told(&mut rig, "bob"), told(&mut rig, "carl")), (uids.clone(), [String::new(), String::new()]));
    rig.patch(&format!("{SCHEMAS}/s"), json!({"spec": {"rules": rules("carl")}})).is(200);
    assert_eq!((told(&mut rig, "bob"), told(&mut rig, "carl")), ([String::new(), String::new()], uids));
    rig.delete(&format!("{LEVELS}/l"), json!({})).is(200);
    assert_eq!(told(&mut rig, "carl"), ["", ""], "it leads nowhere");
}

#[test]
fn every_answer_has_a_number_and_objects_get_the_uids_that_they_would_get_without() {
    let number = |answer: &Response<Bytes>| answer.headers().get("audit-id").cloned();
    let (mut one, mut other) = (Rig::new(), Rig::new());
    let numbers = [asked(&mut one, None), asked(&mut one, None)].map(|answer| number(&answer));
    assert!(numbers[0].is_some() && numbers[0] != numbers[1], "{numbers:?}");
    assert_eq!(number(&asked(&mut one, Some(Caller::Inside))), None, "nobody would read it");
    let made = |rig: &mut Rig| rig.post(MAPS, json!({"metadata": {"name": "a"}})).is(201).body;
    assert_eq!(made(&mut one)["metadata"]["uid"], made(&mut other)["metadata"]["uid"]);
    let form = numbers[0].as_ref().and_then(|number| number.to_str().ok()).unwrap_or_default();
    let parts: Vec<usize> = form.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "{form}");
}
