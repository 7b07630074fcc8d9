//! The state file: what it brings back, whole, cut anywhere or broken.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use http::{Method, Request};
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Journal, StateError, open};
use crate::cluster::tests::Hand;
use crate::store::{Change, Range, Store};
use crate::{Cluster, World};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("state")
    }
}

/// Everything that a client could tell two stores apart by.
fn content(store: &Store) -> (u64, Vec<(String, String, Value)>) {
    let whole = Range { prefix: "", from: "" };
    let objects = store.tables().flat_map(|table| {
        store
            .scan(table, whole)
            .map(|(key, object)| (table.to_string(), key.to_string(), Arc::unwrap_or_clone(object.value())))
    });
    (store.current_rv(), objects.collect())
}

fn history(store: &Store) -> Vec<(u64, Change, String)> {
    store.all_events_after(0).map(|event| (event.rv, event.change, event.key.to_string())).collect()
}

/// Opens the file and keeps the store there.
fn kept(folder: &Folder) -> (Store, Journal) {
    let mut opened = open(&folder.file()).expect("a state file");
    let store = std::mem::replace(&mut opened.store, Store::new());
    let journal = opened.keep(&store).expect("room on the disk");
    (store, journal)
}

fn read(folder: &Folder) -> Store {
    open(&folder.file()).expect("a state file").store
}

/// One change: of which table and key, and to what; none deletes.
type Step = (u8, u8, Option<u8>);

fn change(store: &mut Store, (table, key, value): Step) {
    let (table, key) = (format!("group/{table}"), format!("a b/\"{key}\n"));
    match value {
        Some(value) => drop(store.put(&table, &key, json!({"kind": "K", "metadata": {}, "x": value}), 0)),
        None => drop(store.delete_as(&table, &key, json!({"kind": "K", "metadata": {}}))),
    }
}

fn add(store: &mut Store, journal: &Journal, step: Step) {
    let before = store.current_rv();
    change(store, step);
    journal.add(store, before, Vec::new());
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0..2_u8, 0..4_u8, proptest::option::weighted(0.7, any::<u8>())), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_brings_back_the_store_and_its_history(steps in steps(), forget in 0..40_u64) {
        let folder = Folder::new();
        let (mut store, journal) = kept(&folder);
        for step in &steps {
            add(&mut store, &journal, *step);
        }
        drop(journal);
        let again = read(&folder);
        prop_assert_eq!(content(&again), content(&store));
        prop_assert_eq!(history(&again), history(&store));
        // Written anew, without what has been forgotten.
        store.forget(forget);
        drop(open(&folder.file()).expect("a state file").keep(&store).expect("room on the disk"));
        let anew = read(&folder);
        prop_assert_eq!(content(&anew), content(&store));
        prop_assert_eq!(history(&anew), history(&store));
        prop_assert!(anew.oldest_rv("none") >= store.oldest_rv("none"));
    }

    #[test]
    fn a_file_that_is_cut_anywhere_brings_back_a_moment_of_the_past(steps in steps(), cut in any::<prop::sample::Index>()) {
        let folder = Folder::new();
        let (mut store, journal) = kept(&folder);
        let start = fs::metadata(folder.file()).expect("the file").len() as usize;
        let mut moments = vec![content(&store)];
        for step in &steps {
            add(&mut store, &journal, *step);
            moments.push(content(&store));
        }
        drop(journal);
        let bytes = fs::read(folder.file()).expect("the file");
        let length = start + cut.index(bytes.len() - start + 1);
        fs::write(folder.file(), &bytes[..length]).expect("room on the disk");
        let lines = bytes[start..length].iter().filter(|byte| **byte == b'\n').count();
        let again = content(&read(&folder));
        prop_assert!(moments.contains(&again));
        moments.dedup();
        prop_assert_eq!(&again, &moments[lines], "whole lines count, each");
    }

    #[test]
    fn a_broken_byte_is_never_believed(steps in steps(), at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let folder = Folder::new();
        let (mut store, journal) = kept(&folder);
        let mut moments = vec![content(&store)];
        for step in &steps {
            add(&mut store, &journal, *step);
            moments.push(content(&store));
        }
        drop(journal);
        let mut bytes = fs::read(folder.file()).expect("the file");
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fs::write(folder.file(), &bytes).expect("room on the disk");
        match open(&folder.file()) {
            Ok(opened) => prop_assert!(moments.contains(&content(&opened.store)) || content(&opened.store) == content(&Store::new())),
            Err(StateError::Broken { line, .. }) => prop_assert!(line > 1),
            Err(StateError::Foreign { .. }) => prop_assert!(at < super::file::MAGIC.len()),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

#[test]
fn notes_stand_beside_the_objects() {
    let folder = Folder::new();
    let (store, journal) = kept(&folder);
    journal.set_note("a", json!({"x": 1}));
    drop(journal);
    let (_, journal) = kept(&folder);
    assert_eq!(journal.note("a"), Some(json!({"x": 1})));
    assert_eq!(store.current_rv(), 1);
}

#[test]
fn a_file_belongs_to_one_server() {
    let folder = Folder::new();
    let (_store, _journal) = kept(&folder);
    assert!(matches!(open(&folder.file()), Err(StateError::InUse { .. })));
}

#[test]
fn other_files_are_left_alone() {
    let folder = Folder::new();
    fs::write(folder.file(), "apiVersion: v1\n").expect("room on the disk");
    assert!(matches!(open(&folder.file()), Err(StateError::Foreign { .. })));
    assert_eq!(fs::read_to_string(folder.file()).expect("the file"), "apiVersion: v1\n");
}

#[test]
fn a_long_file_is_written_anew() {
    let folder = Folder::new();
    let (mut store, journal) = kept(&folder);
    let large = "x".repeat(100_000);
    let mut longest = 0;
    for _ in 0..200 {
        let before = store.current_rv();
        store.put("group/a", "one", json!({"metadata": {}, "x": large}), 0);
        store.forget(before);
        journal.add(&store, before, Vec::new());
        let mark = journal.mark();
        while mark.durable() < store.current_rv() {
            std::thread::yield_now();
        }
        longest = longest.max(fs::metadata(folder.file()).expect("the file").len());
    }
    assert!(longest < 2 * super::SMALL, "{longest}");
    drop(journal);
    assert_eq!(content(&read(&folder)), content(&store));
}

#[test]
fn what_can_not_be_written_is_never_promised() {
    let folder = Folder::new();
    let (mut store, journal) = kept(&folder);
    // Writing anew needs a place beside the file, and finds it taken by a folder with something in it.
    fs::create_dir_all(folder.0.path().join("state.new/x")).expect("a folder");
    journal.shared.is_long.store(true, std::sync::atomic::Ordering::Relaxed);
    add(&mut store, &journal, (0, 0, Some(1)));
    let mark = journal.mark();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let fault = runtime.block_on(mark.reached(store.current_rv())).expect_err("it can't be written");
    assert!(fault.contains("state"), "{fault}");
    assert!(runtime.block_on(mark.reached(1)).is_ok(), "what was promised stays so");
    // The thread is over: it says why, and then lets go of what it shared.
    while Arc::strong_count(&mark.0) > 2 {
        std::thread::yield_now();
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_what_is_not_on_the_disk() {
    const MAPS: &str = "/api/v1/namespaces/default/configmaps";
    let map = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    let folder = Folder::new();
    let cluster = Cluster::builder().world(World::none()).open(folder.file()).expect("a state file");
    let hand = Hand(cluster.client());
    let request = Request::get(format!("{MAPS}?watch=1&timeoutSeconds=60")).body(kube::client::Body::empty());
    let watch = hand.0.send(request.expect("a request")).await.expect("a watch");
    hand.create(MAPS, map("told")).await;
    fs::create_dir_all(folder.0.path().join("state.new/x")).expect("a folder");
    cluster.door().hub().step(|state| {
        let journal = state.journal().expect("it has a state file");
        journal.shared.is_long.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let (code, status) = hand.send(Method::POST, MAPS, map("lost")).await;
    assert_eq!((code, &status["reason"]), (500, &json!("InternalError")), "{status}");
    assert!(status["message"].as_str().is_some_and(|why| why.contains("state file")), "{status}");
    let (code, _) = hand.send(Method::GET, &format!("{MAPS}/lost"), Value::Null).await;
    assert_eq!(code, 500, "a read would tell of it too");
    let events = watch.into_body().collect().await.expect("an end in order").to_bytes();
    let events = String::from_utf8_lossy(&events);
    assert!(events.contains("told") && !events.contains("lost"), "{events}");
}
