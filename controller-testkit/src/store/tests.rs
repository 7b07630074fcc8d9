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
                model.insert(key.clone(), store.put("pods", &key, object(*mark), 0).value.clone());
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
                store.scan_at("pods", range, rv).map(|(key, object)| (key.to_string(), object.value.clone())).collect();
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
        Change::Added => assert!(model.insert(key, event.object.value.clone()).is_none(), "added twice"),
        Change::Modified => assert!(model.insert(key, event.object.value.clone()).is_some(), "modified before added"),
        Change::Deleted => assert!(model.remove(&key).is_some(), "deleted before added"),
    }
}

#[test]
fn frames_are_lines_and_share_the_objects_bytes() {
    let mut store = Store::new();
    store.put("pods", "ns/a", object(1), 0);
    let modified = store.put("pods", "ns/a", object(2), 0);
    let json = r#"{"metadata":{"resourceVersion":"3"},"mark":2}"#;
    assert_eq!(modified.json(), json);
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
