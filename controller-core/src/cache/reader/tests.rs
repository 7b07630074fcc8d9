//! Indexes against a plain look at every object, while objects come, change and go.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cache::{Applied, Draft, Seen, Store};
use crate::context::Selector;
use crate::watch::Head;

/// A store whose reader is told of each change.
struct Bench {
    store: Arc<Store>,
    reader: Reader,
    version: u64,
}

impl Bench {
    fn new() -> Self {
        let store = Arc::new(Store::new());
        let decode: Decode = |bytes| serde_json::from_slice::<Value>(bytes).map(|object| Arc::new(object) as Typed);
        Self { reader: Reader::new(View::new(Arc::clone(&store), None), decode), store, version: 0 }
    }

    fn head(&mut self, key: &Key) -> Head<'static> {
        self.version += 1;
        Head {
            namespace: key.namespace().map(|namespace| namespace.to_owned().into()),
            name: key.name().to_owned().into(),
            uid: Some(format!("uid-{}", key.name()).into()),
            version: self.version.to_string().into(),
            ..Head::default()
        }
    }

    fn tell(&self, applied: &Applied) {
        match applied {
            Applied::Upsert { slot, entry, before } => self.reader.changed(*slot, before.as_ref(), Some(entry)),
            Applied::Remove { slot, entry } => self.reader.changed(*slot, Some(entry), None),
            other => panic!("the bench does nothing that leads to {other:?}"),
        }
    }

    fn put(&mut self, key: &Key, object: &Value) {
        let head = self.head(key);
        let bytes = object.to_string().into_bytes();
        let applied = self.store.upsert(&head, Seen::Listed, || Draft::new(&bytes, b"", &[]));
        self.tell(&applied);
    }

    fn remove(&mut self, key: &Key) {
        let head = self.head(key);
        let applied = self.store.remove(&head);
        self.tell(&applied);
    }

    #[track_caller]
    fn check(&self, query: &Query, expect: &[&str]) {
        let mut found: Vec<String> = self
            .reader
            .find(query)
            .expect("the query is sound")
            .iter()
            .map(|(_, entry)| entry.key().to_string())
            .collect();
        found.sort();
        assert_eq!(found, expect, "{query:?}");
    }
}

fn by(pointer: &str, value: &str) -> Query {
    Query { fields: vec![(pointer.to_owned(), value.to_owned())], ..Query::default() }
}

fn labelled(selector: &str) -> Query {
    Query { labels: Selector::parse(selector).expect(selector), ..Query::default() }
}

#[test]
fn each_part_of_a_query_narrows() {
    let mut bench = Bench::new();
    let owned = |uid: &str| json!([{"uid": "other"}, {"uid": uid, "controller": true}]);
    for (namespace, name, app, node, owner) in
        [("x", "a", "web", "n1", "u1"), ("x", "b", "web", "n2", "u2"), ("y", "c", "db", "n1", "u1")]
    {
        let object = json!({
            "metadata": {"labels": {"app": app}, "ownerReferences": owned(owner)}, "spec": {"nodeName": node, "n": 3},
        });
        bench.put(&Key::namespaced(namespace, name), &object);
    }
    bench.put(&Key::cluster("bare"), &json!({"metadata": {}}));
    for _ in 0..2 {
        bench.check(&Query::default(), &["bare", "x/a", "x/b", "y/c"]);
        bench.check(&Query { namespace: Some("x".into()), ..Query::default() }, &["x/a", "x/b"]);
        bench.check(&Query { owner: Some("u1".into()), ..Query::default() }, &["x/a", "y/c"]);
        bench.check(&Query { owner: Some("u1".into()), ..labelled("app!=db") }, &["x/a"]);
        bench.check(&labelled("app=web"), &["x/a", "x/b"]);
        bench.check(&labelled("!app"), &["bare"]);
        bench.check(&labelled("app in (web, db),app!=web"), &["y/c"]);
        bench.check(&by("/spec/nodeName", "n1"), &["x/a", "y/c"]);
        bench.check(&by("/spec/n", "3"), &["x/a", "x/b", "y/c"]);
        bench.check(&Query { namespace: Some("y".into()), ..by("/spec/nodeName", "n1") }, &["y/c"]);
    }
    assert!(bench.reader.find(&by("spec", "")).is_err());
}

#[test]
fn what_does_not_decode_is_named_with_its_field() {
    let store = Arc::new(Store::new());
    let decode: Decode = |bytes| {
        serde_json::from_slice::<k8s_openapi::api::core::v1::Pod>(bytes).map(|object| Arc::new(object) as Typed)
    };
    let mut bench = Bench { reader: Reader::new(View::new(Arc::clone(&store), None), decode), ..Bench::new() };
    bench.store = store;
    let key = Key::namespaced("x", "a");
    bench.put(&key, &json!({"metadata": {"name": "a"}, "spec": {"nodeName": 7}}));
    let error = bench.reader.get(&key).expect_err("a number is no name");
    assert_eq!(error.to_string(), "x/a does not decode at /spec/nodeName");
}

#[test]
fn an_object_is_decoded_once_for_each_of_its_versions() {
    let mut bench = Bench::new();
    let key = Key::namespaced("x", "a");
    let mut read = |version: i64| {
        bench.put(&key, &json!({"v": version}));
        let (one, other) = (bench.reader.get(&key), bench.reader.get(&key));
        let (one, other) = (one.ok().flatten().expect("it is there"), other.ok().flatten().expect("it is there"));
        assert!(Arc::ptr_eq(&one, &other));
        one.downcast::<Value>().expect("it decodes into a value")["v"].as_i64()
    };
    assert_eq!((read(1), read(2)), (Some(1), Some(2)));
}

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8),
    Remove(u8),
    /// Another list looks into the index, which makes it.
    Look,
    /// An index begins to be made and its snapshot is taken.
    Begin,
    /// It is completed.
    Complete,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..6, 0u8..3).prop_map(|(key, value)| Step::Put(key, value)),
        3 => (0u8..6).prop_map(Step::Remove),
        2 => Just(Step::Look),
        1 => Just(Step::Begin),
        1 => Just(Step::Complete),
    ]
}

proptest! {
    #[test]
    fn an_index_finds_what_a_look_at_every_object_finds(steps in proptest::collection::vec(any_step(), 0..60)) {
        let mut bench = Bench::new();
        let field = By::Field(Pointer::of(&["v"]));
        let mut there: BTreeMap<u8, u8> = BTreeMap::new();
        let mut half: Option<Vec<(Slot, Vec<String>)>> = None;
        for step in steps.into_iter().chain([Step::Complete, Step::Look]) {
            match step {
                Step::Put(key, value) => {
                    there.insert(key, value);
                    bench.put(&Key::namespaced("x", key.to_string()), &json!({"v": value.to_string()}));
                }
                Step::Remove(key) if there.remove(&key).is_some() => {
                    bench.remove(&Key::namespaced("x", key.to_string()));
                }
                Step::Begin if half.is_none() && bench.reader.indexes.lock().begin(&field) => {
                    let snapshot = bench.store.snapshot();
                    half = Some(snapshot.iter().map(|(slot, entry)| (*slot, field.values(entry))).collect());
                }
                Step::Complete => {
                    if let Some(values) = half.take() {
                        bench.reader.indexes.lock().complete(&field, values);
                    }
                }
                Step::Remove(_) | Step::Begin => continue,
                Step::Look => {}
            }
            if half.is_some() || !matches!(step, Step::Look) {
                continue;
            }
            for value in 0..3 {
                let expect: Vec<String> =
                    there.iter().filter(|(_, v)| **v == value).map(|(key, _)| format!("x/{key}")).collect();
                let expect: Vec<&str> = expect.iter().map(String::as_str).collect();
                bench.check(&by("/v", &value.to_string()), &expect);
            }
        }
    }
}
