//! What a key waits for, told by hand and drawn at random.

use proptest::prelude::*;

use super::*;
use crate::cache::{Applied, Draft, Seen, Store};
use crate::watch::Head;

fn place(slot: u32) -> Place {
    Place { space: 0, slot }
}

fn cache(cache: usize) -> CacheId {
    CacheId { cache, space: 0 }
}

fn key(name: &str) -> Key {
    Key::namespaced("default", name)
}

/// An object in this version, as a cache shows it.
fn shown(name: &str, uid: &str, version: u32) -> Entry {
    let head = Head {
        namespace: Some("default".into()),
        name: name.to_owned().into(),
        uid: Some(uid.to_owned().into()),
        version: version.to_string().into(),
        ..Head::default()
    };
    match Store::new().upsert(&head, Seen::Listed, || Draft::new(b"{}", b"", &[])) {
        Applied::Upsert { entry, .. } => entry,
        other => panic!("a new object is an upsert, not {other:?}"),
    }
}

fn at(version: u32) -> Until {
    Until::At(ResourceVersion::new(&version.to_string()))
}

#[test]
fn each_kind_of_wait_is_met_by_what_shows_it() {
    let check = |until: &Until, shown: Option<(&str, u32)>, expect: bool| {
        let shown = shown.map(|(uid, version)| self::shown("a", uid, version));
        assert_eq!(until.is_met(shown.as_ref()), expect, "{until:?} by {shown:?}");
    };
    check(&at(5), None, false);
    check(&at(5), Some(("u", 4)), false);
    check(&at(5), Some(("u", 5)), true);
    check(&at(5), Some(("v", 6)), true);
    // 10 comes after 9 by its value, not by its text.
    check(&at(10), Some(("u", 9)), false);
    let going = Until::AtOrGone(ResourceVersion::new("5"));
    check(&going, None, true);
    check(&going, Some(("u", 4)), false);
    check(&going, Some(("u", 5)), true);
    let gone = Until::Gone(Some("u".to_owned()));
    check(&gone, None, true);
    check(&gone, Some(("u", 9)), false);
    check(&gone, Some(("v", 9)), true);
    check(&Until::Gone(None), Some(("v", 9)), false);
    check(&Until::Gone(None), None, true);
}

#[test]
fn a_key_is_free_once_everything_is_shown_and_answered() {
    let mut barrier = Barrier::default();
    barrier.wait(place(1), cache(0), key("a"), at(5));
    barrier.wait(place(1), cache(1), key("a"), at(5));
    barrier.wait(place(1), cache(0), key("b"), at(7));
    barrier.wait(place(2), cache(0), key("b"), at(6));
    barrier.ask(place(1));
    let a = shown("a", "u", 5);
    assert_eq!(barrier.shown(cache(0), &key("a"), Some(&a)), []);
    assert_eq!(barrier.shown(cache(1), &key("a"), Some(&a)), []);
    assert_eq!(barrier.shown(cache(0), &key("b"), Some(&shown("b", "u", 6))), [place(2)]);
    assert_eq!(barrier.shown(cache(0), &key("b"), Some(&shown("b", "u", 7))), []);
    assert!(barrier.is_asking(place(1)) && barrier.holds(place(1)));
    assert!(barrier.answered(place(1)) && !barrier.holds(place(1)));
    assert!(!barrier.give_up(place(1)));
}

#[test]
fn only_time_frees_a_key_that_waits_blindly() {
    let mut barrier = Barrier::default();
    barrier.wait_blindly(place(1));
    barrier.wait(place(1), cache(0), key("a"), at(1));
    assert_eq!(barrier.shown(cache(0), &key("a"), Some(&shown("a", "u", 1))), []);
    assert!(!barrier.is_asking(place(1)) && barrier.give_up(place(1)));
}

proptest! {
    #[test]
    fn a_key_is_freed_once_and_leaves_nothing_behind(
        waits in proptest::collection::vec((0u32..4, 0usize..2, 0u32..3, 1u32..8), 0..20),
        shows in proptest::collection::vec((0usize..2, 0u32..3, 1u32..9), 0..40),
    ) {
        let mut barrier = Barrier::default();
        for (slot, number, name, version) in &waits {
            barrier.wait(place(*slot), cache(*number), key(&name.to_string()), at(*version));
        }
        let mut newest: BTreeMap<(usize, u32), u32> = BTreeMap::new();
        let mut freed = BTreeSet::new();
        let last = (0..2).flat_map(|number| (0..3).map(move |name| (number, name, 9)));
        for (number, name, version) in shows.into_iter().chain(last) {
            let object = shown(&name.to_string(), "u", version);
            for place in barrier.shown(cache(number), &key(&name.to_string()), Some(&object)) {
                prop_assert!(freed.insert(place), "{:?} is freed twice", place);
            }
            let best = newest.entry((number, name)).or_default();
            *best = version.max(*best);
            for slot in 0..4 {
                let mine = || waits.iter().filter(|(other, ..)| *other == slot);
                let met = mine().all(|(_, number, name, version)| {
                    newest.get(&(*number, *name)).is_some_and(|newest| newest >= version)
                });
                prop_assert_eq!(freed.contains(&place(slot)), met && mine().next().is_some());
            }
        }
        prop_assert!(barrier.waits.is_empty() && barrier.watched.is_empty());
    }
}
