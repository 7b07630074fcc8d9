//! Watches: their beginnings, their events and their ends.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Rig, text};

const PATH: &str = "/api/v1/namespaces/default/configmaps";

fn configmap(name: &str, app: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"app": app}}})
}

#[test]
fn a_watch_begins_where_it_is_told_to() {
    let mut rig = Rig::new();
    let start = rig.server.current_rv();
    rig.post(PATH, configmap("a", "x")).is(201);
    rig.post(PATH, configmap("b", "x")).is(201);
    let (a, b) = (start + 1, start + 2);
    let check = |rig: &mut Rig, query: String, expect: Vec<String>| {
        let mut watch = rig.watch(&format!("GET {PATH}?watch=1&{query}"));
        assert_eq!(rig.story(&mut watch), expect, "{query}");
    };
    let both = || vec![format!("ADDED a@{a}"), format!("ADDED b@{b}")];
    let marked = || [both(), vec![format!("BOOKMARK -@{b}")]].concat();
    check(&mut rig, String::new(), both());
    check(&mut rig, "resourceVersion=0".into(), both());
    check(&mut rig, "allowWatchBookmarks=true".into(), marked());
    check(&mut rig, format!("resourceVersion={a}"), vec![format!("ADDED b@{b}")]);
    check(&mut rig, format!("resourceVersion={b}"), vec![]);
    check(&mut rig, "resourceVersion=1".into(), both());
    check(&mut rig, "resourceVersion=99999".into(), vec![]);
    let streaming = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    check(&mut rig, streaming.into(), marked());
    check(&mut rig, format!("{streaming}&resourceVersion={a}"), marked());
    check(&mut rig, "sendInitialEvents=true&resourceVersionMatch=NotOlderThan".into(), both());
    check(&mut rig, "sendInitialEvents=false&resourceVersionMatch=NotOlderThan".into(), vec![]);
    let mut single = rig.watch("GET /api/v1/watch/namespaces/default/configmaps/b");
    assert_eq!(rig.story(&mut single), [format!("ADDED b@{b}")]);
    rig.server.compact(b);
    let mut old = rig.watch(&format!("GET {PATH}?watch=1&resourceVersion={a}"));
    let (events, more) = rig.events(&mut old);
    assert!(!more);
    assert_eq!(
        events,
        [json!({"type": "ERROR", "object": {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410,
            "message": format!("too old resource version: {a} ({b})"),
        }})]
    );
}

#[test]
fn a_streaming_list_from_the_future_fails_in_the_stream() {
    let mut rig = Rig::new();
    let next = rig.server.current_rv() + 1;
    let request =
        format!("GET {PATH}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion={next}");
    let mut early = rig.watch(&request);
    let mut lucky = rig.watch(&request);
    assert_eq!(rig.events(&mut early), (vec![], true));
    rig.pass(3);
    let (events, more) = rig.events(&mut early);
    assert_eq!((text(&events[0]["type"]), events[0]["object"]["code"].as_u64(), more), ("ERROR", Some(504), false));
    rig.post(PATH, configmap("a", "x")).is(201);
    assert_eq!(rig.story(&mut lucky), [format!("ADDED a@{next}")]);
}

#[test]
fn objects_enter_and_leave_a_selection() {
    let mut rig = Rig::new();
    let rv = rig.server.current_rv();
    let mut watch = rig.watch(&format!("GET {PATH}?watch=1&labelSelector=app%3Dx&resourceVersion={rv}"));
    let one = format!("{PATH}/a");
    rig.post(PATH, configmap("a", "y")).is(201);
    rig.post("/api/v1/namespaces/other/configmaps", configmap("a", "x")).is(201);
    rig.patch(&one, json!({"metadata": {"labels": {"app": "x"}}})).is(200);
    rig.patch(&one, json!({"data": {"k": "v"}})).is(200);
    rig.patch(&one, json!({"metadata": {"labels": {"app": "y"}}})).is(200);
    rig.patch(&one, json!({"metadata": {"labels": {"app": "x"}}})).is(200);
    rig.delete(&one, json!({})).is(200);
    let expect: Vec<String> = [("ADDED", 3), ("MODIFIED", 4), ("DELETED", 5), ("ADDED", 6), ("DELETED", 7)]
        .iter()
        .map(|(kind, after)| format!("{kind} a@{}", rv + after))
        .collect();
    assert_eq!(rig.story(&mut watch), expect);
}

#[test]
fn a_deleted_object_is_shown_as_it_was_last() {
    let mut rig = Rig::new();
    rig.post(PATH, json!({"metadata": {"name": "a", "finalizers": ["a.b/c"]}, "data": {"k": "1"}})).is(201);
    let mut watch = rig.watch(&format!("GET {PATH}?watch=1&resourceVersion={}", rig.server.current_rv()));
    let marked = rig.delete(&format!("{PATH}/a"), json!({})).is(200);
    let last = rig.patch(&format!("{PATH}/a"), json!({"metadata": {"finalizers": null}, "data": {"k": "2"}})).is(200);
    assert_eq!(last.rv(), marked.rv(), "the answer keeps the version before the deletion");
    let (events, _) = rig.events(&mut watch);
    assert_eq!(events.iter().map(|event| text(&event["type"])).collect::<Vec<_>>(), ["MODIFIED", "DELETED"]);
    let gone = &events[1]["object"];
    assert_eq!(gone["data"]["k"], "2");
    assert_eq!(gone["metadata"]["finalizers"], Value::Null);
    assert_eq!(text(&gone["metadata"]["resourceVersion"]), rig.server.current_rv().to_string());
    assert!(rig.server.current_rv() > last.rv());
}

#[test]
fn bookmarks_come_about_every_minute_and_the_end_is_clean() {
    let mut rig = Rig::new();
    let rv = rig.server.current_rv();
    let mut watch =
        rig.watch(&format!("GET {PATH}?watch=1&resourceVersion={rv}&allowWatchBookmarks=true&timeoutSeconds=130"));
    assert_eq!(rig.events(&mut watch), (vec![], true));
    rig.post("/api/v1/namespaces/other/configmaps", configmap("a", "x")).is(201);
    rig.pass(60);
    assert_eq!(rig.story(&mut watch), [format!("BOOKMARK -@{}", rv + 1)], "it tells of changes elsewhere too");
    assert_eq!(rig.events(&mut watch), (vec![], true));
    rig.pass(60);
    assert_eq!(rig.story(&mut watch).len(), 1);
    rig.pass(8);
    assert_eq!(rig.story(&mut watch).len(), 1, "from here its client goes on");
    rig.pass(2);
    assert_eq!(rig.events(&mut watch), (vec![], false));
    for (seconds, bookmarks) in [(2, 0), (3, 1), (61, 1), (63, 2)] {
        let query = format!("watch=1&resourceVersion={rv}&allowWatchBookmarks=true&timeoutSeconds={seconds}");
        let mut watch = rig.watch(&format!("GET /api/v1/namespaces/default/secrets?{query}"));
        let mut seen = 0;
        for _ in 0..seconds {
            seen += rig.story(&mut watch).len();
            rig.pass(1);
        }
        assert_eq!((seen, rig.events(&mut watch)), (bookmarks, (vec![], false)), "within {seconds} seconds");
    }
}

#[test]
fn the_log_is_kept_for_five_minutes() {
    let mut rig = Rig::new();
    let early = rig.post(PATH, configmap("a", "x")).is(201).rv();
    let mut open = rig.watch(&format!("GET {PATH}?watch=1&resourceVersion={early}&timeoutSeconds=3600"));
    let code = |rig: &mut Rig| {
        let mut watch = rig.watch(&format!("GET {PATH}?watch=1&resourceVersion={}", early - 1));
        let (events, _) = rig.events(&mut watch);
        events.last().and_then(|event| event["object"]["code"].as_u64())
    };
    rig.pass(299);
    rig.post(PATH, configmap("b", "x")).is(201);
    assert_eq!(code(&mut rig), None);
    rig.pass(302);
    rig.get(PATH).is(200);
    rig.pass(302);
    assert_eq!(code(&mut rig), Some(410));
    let (events, more) = rig.events(&mut open);
    assert_eq!((text(&events[0]["type"]), more), ("ERROR", false), "it lagged behind and ends");
    let mut quiet = rig.watch(&format!("GET /api/v1/namespaces/default/secrets?watch=1&resourceVersion={early}"));
    assert_eq!(rig.events(&mut quiet), (vec![], true), "a kind that did not change has lost nothing");
}

#[test]
fn a_client_sees_no_further_than_its_view() {
    let mut rig = Rig::new();
    let rv = rig.server.current_rv();
    let mut watch = rig.watch(&format!("GET {PATH}?watch=1&resourceVersion={rv}"));
    for name in ["a", "b", "c"] {
        rig.post(PATH, configmap(name, "x")).is(201);
    }
    assert_eq!(rig.events_upto(&mut watch, rv).0.len(), 0);
    assert_eq!(rig.events_upto(&mut watch, rv + 2).0.len(), 2);
    rig.server.compact(rv + 3);
    let (events, more) = rig.events(&mut watch);
    assert_eq!((text(&events[0]["type"]), more), ("ERROR", false), "the third event was forgotten unseen");
}

#[test]
fn a_watch_in_protobuf_is_of_the_same_events() {
    let mut rig = Rig::new();
    rig.post(PATH, configmap("a", "x")).is(201);
    let request = format!("GET {PATH}?watch=1&allowWatchBookmarks=true");
    let mut lines = rig.watch(&request);
    let mut watch = rig.watch(&format!("{request}\naccept: application/vnd.kubernetes.protobuf"));
    rig.delete(&format!("{PATH}/a"), json!({})).is(200);
    let (expected, _) = rig.events(&mut lines);
    let frames = rig.server.watch_frames(&mut watch, u64::MAX, rig.now, 9).ready;
    assert_eq!((expected.len(), frames.len()), (3, 3));
    for (frame, expected) in frames.iter().zip(expected) {
        let (length, event) = frame.bytes.split_first_chunk().expect("its length");
        assert_eq!(u32::from_be_bytes(*length) as usize, event.len());
        // The object stands last, in an envelope of its own.
        let at = event.windows(4).position(|bytes| bytes == b"k8s\0").expect("an envelope");
        assert_eq!(&event[..2 + event[1] as usize][2..], expected["type"].as_str().expect("a type").as_bytes());
        let mut object = crate::protobuf::decode(&event[at..]).expect("an object");
        // Go writes a time that is not there.
        if expected["type"] == "BOOKMARK" {
            object["metadata"].as_object_mut().expect("metadata").retain(|_, value| !value.is_null());
        }
        assert_eq!(object, expected["object"]);
    }
}

#[test]
fn metadata_watches_carry_metadata_alone() {
    let mut rig = Rig::new();
    rig.post(PATH, json!({"metadata": {"name": "a"}, "data": {"k": "v"}})).is(201);
    let mut watch = rig.watch(&format!(
        "GET {PATH}?watch=1&allowWatchBookmarks=true\naccept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    ));
    let (events, _) = rig.events(&mut watch);
    let kinds: Vec<&str> = events.iter().map(|event| text(&event["object"]["kind"])).collect();
    assert_eq!(kinds, ["PartialObjectMetadata", "PartialObjectMetadata"]);
    assert_eq!(events[0]["object"]["data"], Value::Null);
    let request = format!("GET {PATH}?watch=1\naccept: application/yaml");
    rig.ask(&request, "").is(406);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A list, and a watch from its version, cut and resumed anywhere: what they tell is what the store holds.
    #[test]
    fn a_watch_replayed_onto_a_list_is_the_store(
        steps in prop::collection::vec((0u8..4, 0u8..4, any::<bool>()), 1..30),
        list_at in 0usize..30,
        selective in any::<bool>(),
    ) {
        let mut rig = Rig::new();
        let selector = if selective { "labelSelector=app%3Da1&" } else { "" };
        let mut seen: BTreeMap<String, Value> = BTreeMap::new();
        let mut rv = 0;
        let mut watch = None;
        for (at, (name, what, cut)) in steps.into_iter().enumerate() {
            if at == list_at.min(5) {
                let list = rig.get(&format!("{PATH}?{selector}")).is(200);
                rv = list.rv();
                for item in list.body["items"].as_array().expect("items") {
                    seen.insert(text(&item["metadata"]["name"]).to_owned(), item["metadata"].clone());
                }
                watch = Some(rig.watch(&format!("GET {PATH}?{selector}watch=1&resourceVersion={rv}")));
            }
            let one = format!("{PATH}/n{name}");
            match what {
                0 => drop(rig.post(PATH, configmap(&format!("n{name}"), "a1"))),
                1 => drop(rig.delete(&one, json!({}))),
                app => drop(rig.patch(&one, json!({"metadata": {"labels": {"app": format!("a{app}")}}}))),
            }
            let Some(open) = &mut watch else { continue };
            if cut {
                let (events, _) = rig.events(open);
                for event in events {
                    let meta = event["object"]["metadata"].clone();
                    rv = text(&meta["resourceVersion"]).parse().expect("a resourceVersion");
                    let name = text(&meta["name"]).to_owned();
                    match text(&event["type"]) {
                        "ADDED" => prop_assert!(seen.insert(name, meta).is_none()),
                        "MODIFIED" => prop_assert!(seen.insert(name, meta).is_some()),
                        "DELETED" => prop_assert!(seen.remove(&name).is_some()),
                        other => prop_assert!(false, "{}", other),
                    }
                }
                let now = rig.get(&format!("{PATH}?{selector}"));
                let now: BTreeMap<String, Value> = now.body["items"].as_array().expect("items").iter()
                    .map(|item| (text(&item["metadata"]["name"]).to_owned(), item["metadata"].clone())).collect();
                prop_assert_eq!(&seen, &now);
                watch = Some(rig.watch(&format!("GET {PATH}?{selector}watch=1&resourceVersion={rv}")));
            }
        }
    }
}
