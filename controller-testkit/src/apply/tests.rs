//! The laws of server-side apply, on objects drawn at random.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::schema::Structural;

fn schema() -> Structural {
    let leaf = || json!({"type": "string"});
    Structural::parse(&json!({"type": "object", "properties": {
        "a": leaf(), "b": leaf(),
        "map": {"type": "object", "additionalProperties": leaf()},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": leaf()},
        "whole": {"type": "array", "items": leaf()},
        "items": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
            "items": {"type": "object", "properties": {"id": leaf(), "x": leaf(), "y": leaf()}},
        },
    }}))
}

fn writer(name: &str, operation: Operation) -> Writer {
    let manager =
        Manager { name: name.to_owned(), operation, api_version: "x.io/v1".to_owned(), subresource: String::new() };
    Writer { manager, time: "2026-01-01T00:00:00Z".to_owned(), reset: json!({}), view: same_paths }
}

fn word() -> impl Strategy<Value = Value> {
    "[p-r]".prop_map(Value::from)
}

fn members(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    proptest::sample::subsequence(names.to_vec(), 0..=names.len()).prop_flat_map(|names| {
        let count = names.len();
        proptest::collection::vec(word(), count)
            .prop_map(move |values| Value::Object(names.iter().map(|name| (*name).to_owned()).zip(values).collect()))
    })
}

/// A list without anything twice.
fn distinct(values: Vec<Value>, key: impl Fn(&Value) -> String) -> Value {
    let mut seen = std::collections::BTreeSet::new();
    Value::Array(values.into_iter().filter(|value| seen.insert(key(value))).collect())
}

fn items() -> impl Strategy<Value = Value> {
    let item = (word(), members(&["x", "y"])).prop_map(|(id, mut item)| {
        item["id"] = id;
        item
    });
    proptest::collection::vec(item, 1..4).prop_map(|items| distinct(items, |item| item["id"].to_string()))
}

/// An object of the schema, in which nothing is empty.
fn object() -> impl Strategy<Value = Value> {
    let optional = |strategy: BoxedStrategy<Value>| proptest::option::of(strategy);
    (
        members(&["a", "b"]),
        optional(members(&["k", "l"]).prop_filter("empty", |map| map != &json!({})).boxed()),
        optional(proptest::collection::vec(word(), 1..3).prop_map(|set| distinct(set, Value::to_string)).boxed()),
        optional(proptest::collection::vec(word(), 1..3).prop_map(Value::from).boxed()),
        optional(items().boxed()),
    )
        .prop_map(|(mut object, map, set, whole, items)| {
            for (name, value) in [("map", map), ("set", set), ("whole", whole), ("items", items)] {
                if let Some(value) = value {
                    object[name] = value;
                }
            }
            object
        })
}

/// The object that several managers hold together.
#[derive(Clone)]
struct Held {
    live: Value,
    managers: Managers,
}

impl Held {
    fn new() -> Self {
        Self { live: json!({}), managers: Managers::default() }
    }

    fn apply(&mut self, schema: &Structural, name: &str, wanted: &Value, force: bool) -> Result<(), Refused> {
        let node = Node::Schema(schema);
        let writer = writer(name, Operation::Apply);
        let (live, managers) = applied(&node, &self.live, wanted, self.managers.clone(), &writer, force)?;
        // A null is dropped when the object is read into its kind.
        let mut live = live;
        if let Value::Object(members) = &mut live {
            members.retain(|_, value| !value.is_null());
        }
        self.live = if live.is_null() { json!({}) } else { live };
        self.managers = managers;
        Ok(())
    }

    fn owned(&self, name: &str) -> Set {
        let manager = writer(name, Operation::Apply).manager;
        self.managers.0.get(&manager).map(|owned| owned.set.clone()).unwrap_or_default()
    }
}

/// The values without the order of lists that have none.
fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(unordered).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), unordered(value))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn applying_twice_changes_nothing(first in object(), second in object(), third in object()) {
        let schema = schema();
        let mut held = Held::new();
        prop_assert!(held.apply(&schema, "one", &first, true).is_ok());
        prop_assert!(held.apply(&schema, "two", &second, true).is_ok());
        prop_assert!(held.apply(&schema, "one", &third, true).is_ok());
        let before = held.clone();
        prop_assert!(held.apply(&schema, "one", &third, false).is_ok());
        prop_assert_eq!(held.live, before.live);
        prop_assert_eq!(held.managers, before.managers);
    }

    #[test]
    fn one_manager_alone_gets_what_it_applied_last(wishes in proptest::collection::vec(object(), 1..5)) {
        let schema = schema();
        let mut held = Held::new();
        for wish in &wishes {
            prop_assert!(held.apply(&schema, "one", wish, false).is_ok());
        }
        let last = wishes.last().expect("there is one");
        prop_assert_eq!(unordered(&held.live), unordered(last));
        prop_assert_eq!(held.owned("one"), fields(&Node::Schema(&schema), last));
    }

    #[test]
    fn the_order_of_managers_who_do_not_meet_does_not_matter(one in object(), two in object()) {
        let schema = schema();
        let node = Node::Schema(&schema);
        let (mut ab, mut ba) = (Held::new(), Held::new());
        prop_assert!(ab.apply(&schema, "one", &one, false).is_ok());
        prop_assert!(ba.apply(&schema, "two", &two, false).is_ok());
        let first = ab.apply(&schema, "two", &two, false);
        let second = ba.apply(&schema, "one", &one, false);
        prop_assert_eq!(first.is_ok(), second.is_ok());
        // They meet where both have a field with different values.
        let both = fields(&node, &one).intersection(&fields(&node, &two));
        let (x, y) = (compare(&node, &one, &two).modified, both);
        prop_assert_eq!(first.is_ok(), x.intersection(&y).is_empty());
        if first.is_ok() {
            prop_assert_eq!(unordered(&ab.live), unordered(&ba.live));
            // Who came second may have changed nothing, and is not noted as having been there.
            let sets = |held: Held| -> Vec<_> { held.managers.0.into_iter().map(|(who, owned)| (who, owned.set)).collect() };
            prop_assert_eq!(sets(ab), sets(ba));
        }
    }

    #[test]
    fn what_nobody_owns_any_more_is_gone(one in object(), two in object()) {
        let schema = schema();
        let nothing = json!({});
        let mut held = Held::new();
        prop_assert!(held.apply(&schema, "one", &one, true).is_ok());
        prop_assert!(held.apply(&schema, "two", &two, true).is_ok());
        prop_assert!(held.apply(&schema, "one", &nothing, true).is_ok());
        prop_assert_eq!(unordered(&held.live), unordered(&two));
        prop_assert!(held.apply(&schema, "two", &nothing, true).is_ok());
        prop_assert_eq!(held.live, nothing);
        prop_assert!(held.managers.0.is_empty());
    }

    #[test]
    fn every_field_has_an_owner_after_updates_and_applies(
        steps in proptest::collection::vec((0usize..4, object()), 1..8),
    ) {
        let schema = schema();
        let node = Node::Schema(&schema);
        let mut held = Held::new();
        for (who, wish) in &steps {
            if *who < 2 {
                let name = ["one", "two"][*who];
                prop_assert!(held.apply(&schema, name, wish, true).is_ok());
            } else {
                let writer = writer(["three", "four"][*who - 2], Operation::Update);
                held.managers = updated(&node, &held.live, wish, held.managers.clone(), &writer);
                held.live = wish.clone();
            }
            let mut owned = Set::default();
            held.managers.0.values().for_each(|manager| owned.union(&manager.set));
            let bare = fields(&node, &held.live).difference(&owned);
            prop_assert!(bare.is_empty(), "{:?} of {} is owned by nobody", bare.paths(), held.live);
            let read = Managers::read(&held.managers.to_value());
            prop_assert_eq!(read, Some(held.managers.clone()));
        }
    }
}

/// However many update an object, ten of them are told apart, nothing that was owned is lost, and the last is there.
#[test]
fn many_who_update_are_gathered() {
    let schema = schema();
    let node = Node::Custom(&schema);
    let (mut managers, mut live) = (Managers::default(), json!({}));
    for at in 0..30 {
        let mut new = live.clone();
        new["map"][format!("k{at:02}")] = "x".into();
        let writer = writer(&format!("w{at:02}"), Operation::Update);
        managers = updated(&node, &live, &new, managers, &writer);
        live = new;
        let mut owned = Set::default();
        managers.0.values().for_each(|manager| owned.union(&manager.set));
        assert!(fields(&node, &live).difference(&owned).is_empty(), "something is nobody's: {owned:?}");
        assert!(managers.0.len() <= 10, "{} managers", managers.0.len());
        assert!(managers.0.keys().any(|manager| manager.name == writer.manager.name));
    }
    assert!(managers.0.keys().any(|manager| manager.name == "ancient-changes"));
}

/// An applier is the same in all versions of a kind, and what others own is looked at as their versions have it.
#[test]
fn other_versions_are_looked_at_with_their_own_paths() {
    fn renamed(version: &str, object: &Value) -> Option<(Node<'static>, Value)> {
        let mut shown = object.clone();
        let members = shown.as_object_mut()?;
        let (from, to) = if version == "x.io/v2" { ("a", "aa") } else { ("aa", "a") };
        if let Some(value) = members.remove(from) {
            members.insert(to.to_owned(), value);
        }
        Some((Node::Unknown, shown))
    }
    let of_version = |name: &str, version: &str| {
        let mut writer = writer(name, Operation::Apply);
        writer.manager.api_version = version.to_owned();
        writer.view = renamed;
        writer
    };
    let node = Node::Unknown;
    let (second, first) = (of_version("new", "x.io/v2"), of_version("old", "x.io/v1"));
    let done = applied(&node, &json!({}), &json!({"aa": "x"}), Managers::default(), &second, false);
    let (live, managers) = done.expect("nobody else owns anything");
    assert_eq!(live, json!({"aa": "x"}));
    let live = json!({"a": "x", "metadata": {"uid": "u"}});
    let refused = applied(&node, &live, &json!({"a": "y"}), managers.clone(), &first, false);
    let conflict = Conflict { manager: "\"new\"".to_owned(), field: ".aa".to_owned() };
    assert_eq!(refused, Err(Refused::Conflicts(vec![conflict])));
    let (_, taken) = applied(&node, &live, &json!({"a": "y"}), managers, &first, true).expect("it is forced");
    assert_eq!(taken.0.keys().map(|manager| manager.name.as_str()).collect::<Vec<_>>(), ["old"]);
}
