use std::borrow::Cow;

use super::*;

fn head<'a>(name: &'a str, uid: &'a str, version: &'a str) -> Head<'a> {
    Head {
        namespace: Some(Cow::Borrowed("ns")),
        name: Cow::Borrowed(name),
        uid: (!uid.is_empty()).then_some(Cow::Borrowed(uid)),
        version: Cow::Borrowed(version),
        ..Head::default()
    }
}

/// The store's answer in one word and the slot.
fn word(applied: &Applied) -> String {
    match applied {
        Applied::Unchanged => "unchanged".into(),
        Applied::Upsert { slot, entry, before: None } => format!("new {entry:?} in {slot}"),
        Applied::Upsert { slot, entry, before: Some(before) } => {
            format!("{} -> {} in {slot}", before.version(), entry.version())
        }
        Applied::Replaced { slot, gone, entry } => format!("{gone:?} gone, {entry:?} in {slot}"),
        Applied::Remove { slot, entry } => format!("{entry:?} gone from {slot}"),
        Applied::Doubtful => "doubtful".into(),
    }
}

fn draft() -> Draft<'static> {
    Draft::new(b"{}", b"", &[])
}

fn listed(store: &Store, name: &str, uid: &str, version: &str) -> String {
    word(&store.upsert(&head(name, uid, version), Seen::Listed, draft))
}

fn event(store: &Store, at: &str, name: &str, uid: &str, version: &str) -> String {
    let at = ResourceVersion::new(at);
    word(&store.upsert(&head(name, uid, version), Seen::Event(Some(&at)), draft))
}

fn removed(store: &Store, name: &str, uid: &str, version: &str) -> String {
    word(&store.remove(&head(name, uid, version)))
}

/// A store that was listed at version 10 with `ns/a`, uid A, version 5.
fn synced() -> Store {
    let store = Store::new();
    store.begin_list();
    assert_eq!(listed(&store, "a", "A", "5"), "new ns/a at 5 in 0");
    assert!(!store.synced());
    assert!(store.end_list().is_empty());
    assert!(store.synced());
    store
}

#[test]
fn an_event_is_believed_where_it_moves_on() {
    let check = |at, name, uid, version, expect: &str| {
        assert_eq!(event(&synced(), at, name, uid, version), expect, "{name} {uid} at {version}");
    };
    check("10", "a", "A", "11", "5 -> 11 in 0");
    check("10", "a", "A", "5", "unchanged");
    check("10", "a", "A", "4", "unchanged");
    check("10", "a", "B", "11", "ns/a at 5 gone, ns/a at 11 in 0");
    check("10", "a", "B", "9", "doubtful");
    check("10", "b", "B", "11", "new ns/b at 11 in 1");
    check("10", "b", "B", "9", "doubtful");
    // Versions without an order are told apart by equality.
    check("x", "a", "A", "abc", "5 -> abc in 0");
    check("x", "b", "B", "abc", "new ns/b at abc in 1");
}

#[test]
fn a_removal_is_believed_of_the_object_that_is_meant() {
    let check = |name, uid, version, expect: &str| {
        assert_eq!(removed(&synced(), name, uid, version), expect, "{name} {uid} at {version}");
    };
    check("a", "A", "11", "ns/a at 5 gone from 0");
    // Servers of old send the last version, not the version of the removal.
    check("a", "A", "5", "ns/a at 5 gone from 0");
    check("a", "B", "4", "unchanged");
    check("a", "B", "11", "doubtful");
    check("b", "B", "11", "unchanged");
}

#[test]
fn a_list_is_the_truth_and_what_it_does_not_show_is_gone() {
    let store = synced();
    event(&store, "10", "b", "B", "11");
    event(&store, "11", "c", "C", "12");
    event(&store, "12", "d", "D", "13");
    store.begin_list();
    assert_eq!(listed(&store, "a", "A", "5"), "unchanged");
    assert_eq!(listed(&store, "b", "B", "3"), "11 -> 3 in 1", "a server that was set back");
    assert_eq!(listed(&store, "c", "CC", "14"), "ns/c at 12 gone, ns/c at 14 in 2");
    assert_eq!(listed(&store, "c", "CC", "14"), "unchanged", "on two pages");
    assert_eq!(listed(&store, "c", "CC", "13"), "unchanged", "within one list nothing goes back");
    let gone = store.end_list();
    assert_eq!(format!("{gone:?}"), "[(3, ns/d at 13)]");
    assert_eq!(store.len(), 3);
    assert_eq!(format!("{:?}", store.snapshot()), "[(0, ns/a at 5), (1, ns/b at 3), (2, ns/c at 14)]");
}

#[test]
fn an_object_that_is_there_but_unreadable_is_not_swept() {
    let store = synced();
    store.begin_list();
    store.mark(Some("ns"), "a");
    assert!(store.end_list().is_empty());
}

#[test]
fn bytes_are_made_only_for_a_change() {
    let store = synced();
    let at = ResourceVersion::new("10");
    let applied = store.upsert(&head("a", "A", "5"), Seen::Event(Some(&at)), || panic!("nothing changed"));
    assert_eq!(word(&applied), "unchanged");
}

#[test]
fn a_slot_is_given_away_once_all_released_it() {
    let (one, two) = (SubscriberId(1), SubscriberId(2));
    let store = synced();
    store.join(one);
    store.join(two);
    store.release(one, 0);
    assert!(store.get(0).is_some(), "a release of a slot that lives does nothing");
    removed(&store, "a", "A", "11");
    assert!(store.get(0).is_none() && store.find(&Key::namespaced("ns", "a")).is_none());
    assert_eq!(event(&store, "11", "b", "B", "12"), "new ns/b at 12 in 1", "slot 0 is held");
    store.release(one, 0);
    assert_eq!(event(&store, "12", "c", "C", "13"), "new ns/c at 13 in 2", "two still holds it");
    store.leave(two);
    assert_eq!(event(&store, "13", "d", "D", "14"), "new ns/d at 14 in 0");
    assert_eq!(event(&store, "14", "a", "A2", "15"), "new ns/a at 15 in 3");
}

#[test]
fn a_key_that_comes_back_gets_its_slot_again() {
    let store = synced();
    store.join(SubscriberId(1));
    removed(&store, "a", "A", "11");
    assert_eq!(event(&store, "11", "a", "B", "12"), "new ns/a at 12 in 0");
    store.release(SubscriberId(1), 0);
    assert_eq!(store.find(&Key::namespaced("ns", "a")).map(|(slot, _)| slot), Some(0));
}

#[test]
fn a_thousand_keys_are_found_and_let_go() {
    let store = Store::new();
    store.begin_list();
    let names: Vec<String> = (0..1000).map(|n| format!("pod-{n}")).collect();
    for name in &names {
        listed(&store, name, "", "7");
    }
    store.end_list();
    for (slot, name) in (0..).zip(&names) {
        assert_eq!(store.find(&Key::namespaced("ns", name.as_str())).map(|(slot, _)| slot), Some(slot));
    }
    store.begin_list();
    assert_eq!(store.end_list().len(), 1000);
    assert_eq!(store.len(), 0);
    for name in &names {
        let applied = listed(&store, name, "", "8");
        assert!(applied.starts_with("new "), "{applied}");
    }
    assert_eq!(store.len(), 1000);
    assert_eq!(store.inner.read().rows.len(), 1000, "slots are used again");
}
