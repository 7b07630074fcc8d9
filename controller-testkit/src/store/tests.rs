//! The store against a model: at any resourceVersion the objects are what the changes up to it left.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Change, Event, Range, Store};

/// What a table held at each resourceVersion.
type History = Vec<(u64, BTreeMap<String, Value>)>;

const ALL: Range<'static> = Range { prefix: "", from: "" };

fn object(mark: u8) -> Value {
    json!({"metadata": {}, "mark": mark})
}

/// Runs the changes and keeps, beside the store, what it held after each of them.
fn run(changes: &[(u8, Option<u8>)]) -> (Store, History) {
    let mut store = Store::new();
    let mut model = BTreeMap::new();
    let mut history = vec![(store.current_rv(), model.clone())];
    for (name, mark) in changes {
        let key = format!("ns/{name}");
        match mark {
            Some(mark) => {
                model.insert(key.clone(), store.put("pods", &key, object(*mark), 0).value().as_ref().clone());
            }
            None => {
                store.delete_as("pods", &key, object(0));
                model.remove(&key);
            }
        }
        history.push((store.current_rv(), model.clone()));
    }
    (store, history)
}

proptest! {
    #[test]
    fn every_older_list_can_be_read(changes in prop::collection::vec((0u8..6, prop::option::of(0u8..3)), 0..40), from in 0u8..6) {
        let (store, history) = run(&changes);
        let from = format!("ns/{from}");
        for (rv, model) in history {
            let range = Range { prefix: "ns/", from: &from };
            let then: BTreeMap<String, Value> =
                store.scan_at("pods", range, rv).map(|(key, object)| (key.to_string(), object.value().as_ref().clone())).collect();
            let expect: BTreeMap<String, Value> = model.into_iter().filter(|(key, _)| *key >= from).collect();
            prop_assert_eq!(then, expect, "at {}", rv);
        }
    }

    #[test]
    fn the_log_replayed_onto_any_older_list_is_the_store(changes in prop::collection::vec((0u8..6, prop::option::of(0u8..3)), 0..40)) {
        let (store, history) = run(&changes);
        let now: BTreeMap<String, Value> = history.last().map(|(_, model)| model.clone()).unwrap_or_default();
        for (rv, mut model) in history {
            let mut last = rv;
            for event in store.events_after("pods", rv) {
                prop_assert!(event.rv > last);
                last = event.rv;
                replay(&mut model, event);
            }
            prop_assert_eq!(&model, &now);
        }
    }
}

fn replay(model: &mut BTreeMap<String, Value>, event: &Arc<Event>) {
    let key = event.key.to_string();
    match event.change {
        Change::Added => assert!(model.insert(key, event.object.value().as_ref().clone()).is_none(), "added twice"),
        Change::Modified => {
            assert!(model.insert(key, event.object.value().as_ref().clone()).is_some(), "modified before added")
        }
        Change::Deleted => assert!(model.remove(&key).is_some(), "deleted before added"),
    }
}

#[test]
fn frames_are_lines_and_share_the_objects_bytes() {
    let mut store = Store::new();
    store.put("pods", "ns/a", object(1), 0);
    let modified = store.put("pods", "ns/a", object(2), 0);
    let json = r#"{"metadata":{"resourceVersion":"3"},"mark":2}"#;
    assert_eq!(modified.text(), json.as_bytes());
    for (change, expect) in [(Change::Modified, "MODIFIED"), (Change::Added, "ADDED"), (Change::Deleted, "DELETED")] {
        assert_eq!(modified.frame(change), format!("{{\"type\":\"{expect}\",\"object\":{json}}}\n"));
    }
    assert_eq!(modified.frame(Change::Modified).as_ptr(), modified.frame(Change::Modified).as_ptr());
    let gone = store.delete_as("pods", "ns/a", object(2)).expect("it is there");
    assert_eq!(
        gone.frame(Change::Deleted),
        "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"resourceVersion\":\"4\"},\"mark\":2}}\n"
    );
    assert!(store.delete_as("pods", "ns/a", object(2)).is_none());
}

#[test]
fn a_compacted_log_says_what_it_lost() {
    let mut store = Store::new();
    store.put("pods", "ns/a", object(1), 0);
    store.put("configmaps", "ns/a", object(1), 0);
    store.put("pods", "ns/b", object(1), 0);
    store.compact(3);
    assert_eq!(store.oldest_rv("none"), 3);
    for (table, seen, expect) in
        [("pods", 1, true), ("pods", 2, false), ("configmaps", 2, true), ("configmaps", 3, false), ("none", 0, false)]
    {
        assert_eq!(store.has_forgotten(table, seen), expect, "{table} at {seen}");
    }
    assert_eq!(store.all_events_after(0).map(|event| event.rv).collect::<Vec<_>>(), [4]);
    assert_eq!(store.scan("pods", ALL).count(), 2);
    assert_eq!(store.scan("pods", Range { prefix: "ns/", from: "ns/b" }).count(), 1);
    store.compact(1);
    assert_eq!(store.oldest_rv("none"), 3, "the compaction never goes back");
}

/// Objects as clients may write them, some of which do not read back as what they were.
fn any_object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    });
    let labels = prop::option::of(prop::collection::btree_map("[a-c]{1}", ".{0,3}", 0..3));
    let version = prop::option::of(prop_oneof![Just("v1"), Just("v"), Just("apps/v1")]);
    (tree, labels, version, any::<bool>(), ".{0,4}").prop_map(|(spec, labels, version, deleting, uid)| {
        let mut object = json!({"metadata": {"name": "a", "uid": uid}, "spec": spec});
        if let Some(labels) = labels {
            object["metadata"]["labels"] = json!(labels);
        }
        if let Some(version) = version {
            object["apiVersion"] = version.into();
        }
        if deleting {
            object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            object["metadata"]["finalizers"] = json!([uid]);
        }
        object
    })
}

proptest! {
    #[test]
    fn an_object_at_rest_is_what_was_written(mut value in any_object()) {
        let mut store = Store::new();
        let object = store.put("pods", "ns/a", value.clone(), 0);
        value["metadata"]["resourceVersion"] = object.rv.to_string().into();
        store.cool();
        prop_assert_eq!(&*object.value(), &value);
        let warm = store.warmed("pods", "ns/a").expect("it is there");
        prop_assert_eq!(&*warm.value(), &value);
        prop_assert_eq!(&**object.kept_value(), &value);
        let metadata: Value = serde_json::from_slice(object.metadata()).expect("JSON");
        prop_assert_eq!(&metadata, &value["metadata"]);
        let labels = object.labels().map(Value::from);
        prop_assert_eq!(labels.as_ref(), value["metadata"].get("labels"));
        prop_assert_eq!(object.is_deleting(), value["metadata"].get("deletionTimestamp").is_some());
        prop_assert_eq!(object.is_bound(), object.is_deleting());
        prop_assert_eq!(&*object.uid(), value["metadata"]["uid"].as_str().expect("a text"));
        for (group, version, whole) in [("", "v1", "v1"), ("", "v", "v"), ("apps", "v1", "apps/v1"), ("", "", "")] {
            let kept = value.get("apiVersion").is_some_and(|kept| kept == whole);
            prop_assert_eq!(object.is_of_version(group, version), kept);
        }
    }
}

#[test]
fn an_object_that_would_not_read_back_keeps_its_tree() {
    let deep = (0..150).fold(json!(1), |inner, _| json!([inner]));
    for odd in [json!(9.007_199_254_740_993e-7), deep] {
        let mut value = object(1);
        value["odd"] = odd.clone();
        let object = Store::new().put("pods", "ns/a", value, 0);
        assert_eq!(object.value()["odd"], odd);
    }
}

#[test]
fn only_what_was_used_last_is_warm() {
    let mut store = Store::new();
    let mut value = object(1);
    value["filling"] = "x".repeat(super::WARM / 8).into();
    let objects: Vec<_> = (10..30).map(|at| store.put("pods", &format!("ns/{at}"), value.clone(), 0)).collect();
    let warm = |store: &Store| -> Vec<bool> { store.scan("pods", ALL).map(|(_, object)| object.is_warm()).collect() };
    let expect = |from: usize| -> Vec<bool> { (0..20).map(|at| at >= from).collect() };
    assert_eq!(warm(&store), expect(13));
    let again = store.warmed("pods", "ns/10").expect("it is there");
    assert!(again.is_warm() && !objects[0].is_warm());
    assert_eq!(again.text().as_ptr(), objects[0].text().as_ptr(), "they share their bytes");
    let mut with_the_first = expect(14);
    with_the_first[0] = true;
    assert_eq!(warm(&store), with_the_first);
}

#[test]
fn the_log_is_bounded_by_what_it_weighs() {
    let mut store = Store::new();
    let mut value = object(1);
    value["filling"] = "x".repeat(1000).into();
    let room = 100_000;
    for _ in 0..500 {
        store.put("pods", "ns/a", value.clone(), 0);
        store.shorten(usize::MAX, room);
        assert!(store.log_weight() <= room);
    }
    assert!(store.log_weight() > room / 2, "no more is forgotten than must be");
    let last = store.current_rv();
    store.delete_as("pods", "ns/a", value);
    store.forget(last);
    let (one, event) = (store.log_weight(), size_of::<Event>());
    assert!((2000 + event..2300 + event).contains(&one), "the deleted object and its last version, {one}");
    store.compact(u64::MAX);
    assert_eq!(store.log_weight(), 0);
}
