//! Values by their types: which fields they have, in which they differ, how one is laid over the other, and what is left
//! without some fields. These are the operations of Kubernetes' structured merge and diff.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::node::{Node, Relation};
use super::set::{Set, field};

/// Two versions of an object, field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) added: Set,
    pub(crate) modified: Set,
    pub(crate) removed: Set,
    /// Something new stands in a list and can't be told from others there.
    pub(crate) has_nameless: bool,
}

impl Comparison {
    pub(crate) fn is_same(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }
}

/// Why a value is not of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) path: Vec<String>,
    pub(crate) why: String,
}

/// The items of a list under their elements.
type Items<'a> = Vec<(String, &'a Value)>;

/// Why an item can't be told from others by its keys or its value, whatever the others are.
fn unnamable(relation: &Relation, item: &Value) -> Option<&'static str> {
    match (relation, item) {
        (Relation::Items(_), Value::Null) => Some("associative list with keys may not have a null element"),
        (Relation::Items(_), Value::Object(_)) => None,
        (Relation::Items(_), _) => Some("associative list with keys may not have non-map elements"),
        (_, Value::Object(_)) => Some("associative list without keys has an element that's a map type"),
        (_, Value::Array(_)) => Some("not supported: associative list with lists as elements"),
        (_, Value::Null) => Some("associative list without keys has an element that's an explicit null"),
        _ => None,
    }
}

/// Looks at the items of a list that is told apart, each by its element; of an item that has none the rest is not looked
/// at.
fn items(node: &Node<'_>, relation: &Relation, list: &[Value], path: &mut Vec<String>, misfits: &mut Vec<Misfit>) {
    let mut seen: Vec<String> = Vec::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        let element = match unnamable(relation, item) {
            Some(why) => Err(why.to_owned()),
            None => node.element(relation, item).map_err(|keys| {
                format!(
                    "associative list with keys has an element that omits all key fields {keys} (and doesn't have \
                     default values for any key fields)"
                )
            }),
        };
        let element = match element {
            Ok(element) => element,
            Err(why) => {
                misfits.push(Misfit { path: path.to_vec(), why: format!("element {index}: {why}") });
                return;
            }
        };
        if seen.contains(&element) {
            let why = format!("duplicate entries for key {}", super::set::print(std::slice::from_ref(&element)));
            misfits.push(Misfit { path: path.to_vec(), why });
        }
        path.push(element.clone());
        check(&node.item(), item, path, misfits);
        path.pop();
        seen.push(element);
    }
}

/// The items of a stored list; one without keys is passed over.
fn lenient<'a>(node: &Node<'_>, relation: &Relation, list: &'a [Value]) -> Items<'a> {
    list.iter().filter_map(|item| Some((node.element(relation, item).ok()?, item))).collect()
}

/// Items under their elements, of which a stored list may have several: they were not told apart when they were written.
fn grouped<'a>(items: Items<'a>) -> Vec<(String, Vec<&'a Value>)> {
    let mut groups: Vec<(String, Vec<&'a Value>)> = Vec::with_capacity(items.len());
    for (element, item) in items {
        match groups.iter_mut().find(|(other, _)| *other == element) {
            Some((_, group)) => group.push(item),
            None => groups.push((element, vec![item])),
        }
    }
    groups
}

/// Looks for what is not of the type: values of another kind, fields that it does not have, and items of a list that
/// can't be told apart.
pub(crate) fn check(node: &Node<'_>, value: &Value, path: &mut Vec<String>, misfits: &mut Vec<Misfit>) {
    if let Some(why) = node.wanted().misfit(value) {
        misfits.push(Misfit { path: path.clone(), why });
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                path.push(field(name));
                if node.allows(name) {
                    check(&node.field(name).1, inner, path, misfits);
                } else {
                    misfits.push(Misfit { path: path.clone(), why: "field not declared in schema".to_owned() });
                    path.pop();
                    // Nothing is said of the fields after it.
                    return;
                }
                path.pop();
            }
        }
        Value::Array(list) => {
            let relation = node.relation(value);
            if matches!(relation, Relation::Set | Relation::Items(_)) {
                return items(node, &relation, list, path, misfits);
            }
            for (index, inner) in list.iter().enumerate() {
                path.push(format!("i:{index}"));
                check(&node.item(), inner, path, misfits);
                path.pop();
            }
        }
        _ => {}
    }
}

/// The fields that a value has.
pub(crate) fn fields(node: &Node<'_>, value: &Value) -> Set {
    let mut set = Set::default();
    collect(node, value, &mut Vec::new(), &mut set);
    set
}

fn collect(node: &Node<'_>, value: &Value, path: &mut Vec<String>, set: &mut Set) {
    match (node.relation(value), value) {
        (Relation::Fields, Value::Object(members)) => {
            for (name, inner) in members {
                let (is_named, below) = node.field(name);
                path.push(field(name));
                collect(&below, inner, path, set);
                let is_empty = matches!(inner, Value::Null) || inner.as_object().is_some_and(Map::is_empty);
                if is_empty || !is_named {
                    set.insert(path);
                }
                path.pop();
            }
        }
        (relation @ (Relation::Set | Relation::Items(_)), Value::Array(list)) => {
            for (element, group) in grouped(lenient(node, &relation, list)) {
                path.push(element);
                // Those that can't be told apart are owned together.
                if let [inner] = group[..] {
                    collect(&node.item(), inner, path, set);
                }
                set.insert(path);
                path.pop();
            }
        }
        _ => set.insert(path),
    }
}

/// In which fields the second value differs from the first.
pub(crate) fn compare(node: &Node<'_>, old: &Value, new: &Value) -> Comparison {
    let mut comparison = Comparison::default();
    differ(node, Some(old), Some(new), &mut Vec::new(), &mut comparison);
    comparison
}

fn differ<'a>(
    node: &Node<'_>,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
    path: &mut Vec<String>,
    comparison: &mut Comparison,
) {
    let (Some(shown), true) = (new.filter(|new| !new.is_null()).or(old).or(new), old != new) else { return };
    let relation = node.relation(shown);
    let same_kind = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || is_like(value, shown));
    let is_empty = |value: Option<&Value>| value.is_none_or(is_hollow);
    if relation == Relation::Atomic || !same_kind(old) || !same_kind(new) || is_empty(old) && is_empty(new) {
        match (old, new) {
            (None, Some(_)) => comparison.added.insert(path),
            (Some(_), None) => comparison.removed.insert(path),
            _ => comparison.modified.insert(path),
        }
        return;
    }
    // What comes or goes does so as a whole too.
    match (old, new) {
        (None, Some(_)) => comparison.added.insert(path),
        (Some(_), None) => comparison.removed.insert(path),
        _ => {}
    }
    if relation == Relation::Fields {
        let members = |value: Option<&'a Value>| value.and_then(Value::as_object);
        let (old, new) = (members(old), members(new));
        let of = |members: Option<&'a Map<String, Value>>, name: &str| members.and_then(|members| members.get(name));
        let gone = old.into_iter().flatten().filter(|(name, _)| of(new, name).is_none());
        for (name, _) in new.into_iter().flatten().chain(gone) {
            path.push(field(name));
            differ(&node.field(name).1, of(old, name), of(new, name), path, comparison);
            path.pop();
        }
        return;
    }
    let list = |value: Option<&'a Value>| value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let items = lenient(node, &relation, list(new));
    comparison.has_nameless |= items.len() < list(new).len();
    let (old, new) = (grouped(lenient(node, &relation, list(old))), grouped(items));
    let gone = old.iter().filter(|(element, _)| under(&new, element).is_empty());
    for (element, _) in new.iter().chain(gone) {
        path.push(element.clone());
        differ_in(&node.item(), under(&old, element), under(&new, element), path, comparison);
        path.pop();
    }
}

/// What stands under an element.
fn under<'a, 'g>(groups: &'g [(String, Vec<&'a Value>)], element: &str) -> &'g [&'a Value] {
    groups.iter().find(|(other, _)| other == element).map(|(_, group)| group.as_slice()).unwrap_or_default()
}

/// Compares what stands under one element of a list: one item or none, or several as a whole.
fn differ_in(node: &Node<'_>, old: &[&Value], new: &[&Value], path: &mut Vec<String>, comparison: &mut Comparison) {
    match (old, new) {
        ([] | [_], [] | [_]) => differ(node, old.first().copied(), new.first().copied(), path, comparison),
        ([_, _, ..], [_, _, ..]) if old == new => {}
        ([_, _, ..], [_, _, ..]) => comparison.modified.insert(path),
        ([_, _, ..], _) => {
            differ(node, None, new.first().copied(), path, comparison);
            comparison.removed.insert(path);
        }
        _ => {
            differ(node, old.first().copied(), None, path, comparison);
            comparison.added.insert(path);
        }
    }
}

fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn is_like(a: &Value, b: &Value) -> bool {
    matches!((a, b), (Value::Object(_), Value::Object(_)) | (Value::Array(_), Value::Array(_)))
        || !matches!(a, Value::Object(_) | Value::Array(_)) && !matches!(b, Value::Object(_) | Value::Array(_))
}

/// The live value with the wanted one laid over it.
pub(crate) fn merge(node: &Node<'_>, live: &Value, wanted: &Value) -> Value {
    match (node.relation(wanted), live, wanted) {
        (Relation::Fields, Value::Object(live), Value::Object(wanted)) => {
            let laid = live.iter().map(|(name, live)| match wanted.get(name) {
                Some(wanted) => (name.clone(), merge(&node.field(name).1, live, wanted)),
                None => (name.clone(), live.clone()),
            });
            let new = wanted.iter().filter(|(name, _)| !live.contains_key(*name));
            Value::Object(laid.chain(new.map(|(name, value)| (name.clone(), value.clone()))).collect())
        }
        (relation @ (Relation::Set | Relation::Items(_)), Value::Array(live), Value::Array(wanted)) => {
            Value::Array(merge_lists(node, &relation, live, wanted))
        }
        // Nothing laid over something that is taken apart takes nothing of it away.
        (_, live, Value::Null) if !is_hollow(live) && node.relation(live) != Relation::Atomic => live.clone(),
        _ => wanted.clone(),
    }
}

/// Wanted items stand in the order in which they are wanted, others before the next one that is both.
fn merge_lists(node: &Node<'_>, relation: &Relation, live: &[Value], wanted: &[Value]) -> Vec<Value> {
    let (live, wanted) = (lenient(node, relation, live), lenient(node, relation, wanted));
    let mut merged = Vec::with_capacity(live.len() + wanted.len());
    let mut laid: BTreeSet<&str> = BTreeSet::new();
    let (mut left, mut right) = (live.iter().peekable(), wanted.iter().peekable());
    loop {
        if let Some((element, item)) = left.peek() {
            let is_wanted = wanted.iter().any(|(other, _)| other == element);
            if !is_wanted {
                merged.push((*item).clone());
            }
            if !is_wanted || laid.contains(element.as_str()) {
                left.next();
                continue;
            }
        }
        let Some((element, item)) = right.next() else { return merged };
        // Of several that can't be told apart none is what is meant: the wanted one takes their place.
        let mut found = live.iter().filter(|(other, _)| other == element);
        merged.push(match (found.next(), found.next()) {
            (Some((_, live)), None) => merge(&node.item(), live, item),
            _ => (*item).clone(),
        });
        laid.insert(element);
    }
}

/// The value without these fields. What loses all that it has becomes null.
pub(crate) fn without(node: &Node<'_>, value: &Value, gone: &Set) -> Value {
    match (node.relation(value), value) {
        (Relation::Fields, Value::Object(members)) => {
            if members.is_empty() {
                return value.clone();
            }
            let mut left = Map::new();
            for (name, inner) in members {
                let element = field(name);
                if gone.has(&element) {
                    continue;
                }
                let kept = match gone.below(&element) {
                    Some(below) => without(&node.field(name).1, inner, below),
                    None => inner.clone(),
                };
                left.insert(name.clone(), kept);
            }
            if left.is_empty() { Value::Null } else { Value::Object(left) }
        }
        (relation @ (Relation::Set | Relation::Items(_)), Value::Array(list)) => {
            if list.is_empty() {
                return value.clone();
            }
            let mut left = Vec::new();
            for item in list {
                let Ok(element) = node.element(&relation, item) else {
                    left.push(item.clone());
                    continue;
                };
                if !gone.has(&element) {
                    left.push(match gone.below(&element) {
                        Some(below) => without(&node.item(), item, below),
                        None => item.clone(),
                    });
                }
            }
            if left.is_empty() { Value::Null } else { Value::Array(left) }
        }
        _ => value.clone(),
    }
}
