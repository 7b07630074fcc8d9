use serde_json::json;

use super::*;
use crate::cache::{Draft, Entry, Seen};
use crate::watch::Head;

/// An object as its kind has them: most of it is the same in all.
fn object(number: usize) -> Bytes {
    let container = |image: &str| {
        json!({
            "name": image, "image": format!("registry.example.com/team/{image}:v1.{}", number % 7),
            "resources": { "limits": { "cpu": "500m", "memory": "512Mi" }, "requests": { "cpu": "100m" } },
            "terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent",
        })
    };
    let object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": format!("web-{number}"), "uid": format!("{:032x}", number * 7919) },
        "spec": { "containers": [container("front"), container("back")], "nodeName": format!("node-{}", number % 5) },
        "status": { "phase": "Running", "podIP": format!("10.0.{}.{}", number / 250, number % 250) },
    });
    object.to_string().into_bytes().into()
}

fn put(store: &Store, number: usize, version: usize, seen: Seen<'_>) {
    let head = Head {
        namespace: Some("default".into()),
        name: format!("web-{number}").into(),
        version: version.to_string().into(),
        ..Head::default()
    };
    let object = object(number);
    let _ = store.upsert(&head, seen, || Draft::new(&object, b"", &[]));
}

fn filled(objects: usize) -> Store {
    let store = Store::new();
    store.will_compress();
    store.begin_list();
    (0..objects).for_each(|number| put(&store, number, number + 1, Seen::Listed));
    store.end_list();
    store
}

/// The bytes that an object takes now.
fn held(entry: &Entry) -> usize {
    match &*entry.body().expect("it is kept apart").0.lock() {
        Form::Plain { bytes, .. } => bytes.len(),
        Form::Packed(packed) => packed.bytes.len(),
    }
}

fn total(store: &Store) -> usize {
    store.snapshot().iter().map(|(_, entry)| held(entry)).sum()
}

/// A whole round, in the steps that its caller takes.
fn round(store: &Store) {
    let mut from = 0;
    loop {
        from = store.cool(from, 50);
        if from == 0 {
            return;
        }
    }
}

#[test]
fn what_nobody_asks_for_is_compressed_and_reads_as_it_came() {
    let store = filled(400);
    let plain = total(&store);
    assert_eq!(store.learn(0).expect("they are alike"), 400);
    round(&store);
    assert_eq!(total(&store), plain, "what was just found is left alone for a round");
    round(&store);
    assert!(total(&store) * 4 < plain, "{} of {plain} bytes are left", total(&store));
    for (number, (_, entry)) in store.snapshot().iter().enumerate() {
        assert_eq!(entry.bytes(), object(number));
    }
}

#[test]
fn what_is_asked_for_from_round_to_round_stays_as_it_is() {
    let store = filled(400);
    store.learn(0).expect("they are alike");
    round(&store);
    let (_, asked_for) = store.snapshot().swap_remove(7);
    for _ in 0..3 {
        assert_eq!(asked_for.bytes(), object(7));
        round(&store);
        assert_eq!(held(&asked_for), object(7).len());
    }
    round(&store);
    assert!(held(&asked_for) < object(7).len());
}

#[test]
fn a_list_is_compressed_as_it_comes_once_there_is_a_dictionary() {
    let store = filled(400);
    store.learn(0).expect("they are alike");
    store.begin_list();
    (0..500).for_each(|number| put(&store, number, 1_000 + number, Seen::Listed));
    store.end_list();
    let largest = store.snapshot().iter().map(|(_, entry)| held(entry)).max();
    assert!(largest < Some(object(0).len() / 2), "{largest:?}");
    // An event is about an object that is going to be asked for.
    put(&store, 3, 9_000, Seen::Event(None));
    let (_, entry) = store.find(&crate::Key::namespaced("default", "web-3")).expect("it is there");
    assert_eq!(held(&entry), object(3).len());
}

#[test]
fn a_dictionary_is_made_of_enough_objects_and_tried_again_with_twice_as_many() {
    let store = filled(SAMPLES - 1);
    assert_eq!(store.learn(0).expect("nothing is tried"), 0);
    assert_eq!(store.cool(0, 10), 0);
    put(&store, SAMPLES, 9_000, Seen::Event(None));
    assert_eq!(store.learn(SAMPLES).expect("nothing is tried"), SAMPLES);
    assert!(store.codec().is_none());
    assert_eq!(store.learn(SAMPLES / 2).expect("they are alike"), SAMPLES);
    assert!(store.codec().is_some());
}
