//! Sets of fields, as `managedFields` records who owns which.
//!
//! A path is a chain of elements in the words of `fieldsV1`: `f:name` for a field, `k:{..}` for the entry of a list with
//! these keys, `v:..` for a value of a set. An element can be in the set itself, have others below it, or both.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Some fields of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set(BTreeMap<String, Branch>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Branch {
    is_member: bool,
    below: Set,
}

/// The element of a field.
pub(crate) fn field(name: &str) -> String {
    format!("f:{name}")
}

impl Set {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn insert(&mut self, path: &[String]) {
        let Some((last, parents)) = path.split_last() else { return };
        let set = parents.iter().fold(self, |set, element| &mut set.0.entry(element.clone()).or_default().below);
        set.0.entry(last.clone()).or_default().is_member = true;
    }

    /// Whether the element is in the set itself.
    pub(crate) fn has(&self, element: &str) -> bool {
        self.0.get(element).is_some_and(|branch| branch.is_member)
    }

    /// What is below an element, where there is something.
    pub(crate) fn below(&self, element: &str) -> Option<&Set> {
        self.0.get(element).map(|branch| &branch.below).filter(|below| !below.is_empty())
    }

    pub(crate) fn union(&mut self, other: &Set) {
        for (element, theirs) in &other.0 {
            let ours = self.0.entry(element.clone()).or_default();
            ours.is_member |= theirs.is_member;
            ours.below.union(&theirs.below);
        }
    }

    pub(crate) fn intersection(&self, other: &Set) -> Set {
        let both = |(element, ours): (&String, &Branch)| {
            let theirs = other.0.get(element)?;
            let is_member = ours.is_member && theirs.is_member;
            let below = ours.below.intersection(&theirs.below);
            (is_member || !below.is_empty()).then(|| (element.clone(), Branch { is_member, below }))
        };
        Set(self.0.iter().filter_map(both).collect())
    }

    /// What is in this set and not itself in the other.
    pub(crate) fn difference(&self, other: &Set) -> Set {
        let left = |(element, ours): (&String, &Branch)| {
            let Some(theirs) = other.0.get(element) else { return Some((element.clone(), ours.clone())) };
            let is_member = ours.is_member && !theirs.is_member;
            let below = ours.below.difference(&theirs.below);
            (is_member || !below.is_empty()).then(|| (element.clone(), Branch { is_member, below }))
        };
        Set(self.0.iter().filter_map(left).collect())
    }

    /// What is in this set, and neither in the other nor below anything that is.
    pub(crate) fn recursive_difference(&self, other: &Set) -> Set {
        let left = |(element, ours): (&String, &Branch)| {
            let Some(theirs) = other.0.get(element) else { return Some((element.clone(), ours.clone())) };
            if theirs.is_member {
                return None;
            }
            let below = ours.below.recursive_difference(&theirs.below);
            (ours.is_member || !below.is_empty())
                .then(|| (element.clone(), Branch { is_member: ours.is_member, below }))
        };
        Set(self.0.iter().filter_map(left).collect())
    }

    /// This set with each element that has others below it, as far as `named` says that it is a field with a name of its
    /// own. The rest of `named`'s answer is what it says below the element.
    pub(crate) fn with_named_fields<N: Clone>(&self, node: &N, descend: &impl Fn(&N, &str) -> (bool, N)) -> Set {
        let whole = |(element, branch): (&String, &Branch)| {
            let (is_named, inner) = descend(node, element);
            let below = branch.below.with_named_fields(&inner, descend);
            let is_member = branch.is_member || is_named && !branch.below.is_empty();
            (element.clone(), Branch { is_member, below })
        };
        Set(self.0.iter().map(whole).collect())
    }

    /// Every path, in order.
    pub(crate) fn paths(&self) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect(&self, at: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
        for (element, branch) in &self.0 {
            at.push(element.clone());
            if branch.is_member {
                paths.push(at.clone());
            }
            branch.below.collect(at, paths);
            at.pop();
        }
    }

    /// The set as `fieldsV1` writes it.
    pub(crate) fn to_value(&self) -> Value {
        let written = |(element, branch): (&String, &Branch)| {
            let mut below = branch.below.to_value();
            if let (Value::Object(members), true) = (&mut below, branch.is_member && !branch.below.is_empty()) {
                members.insert(".".to_owned(), Value::Object(Map::new()));
            }
            (element.clone(), below)
        };
        Value::Object(self.0.iter().map(written).collect())
    }

    /// Reads `fieldsV1` as it is kept; none where it is not a set of fields.
    pub(crate) fn from_value(value: &Value) -> Option<Set> {
        Self::read(value, &|element| Some(element.to_owned()))
    }

    /// Reads `fieldsV1` as somebody has sent it, whose elements may be written otherwise than they are kept.
    pub(crate) fn said(value: &Value) -> Option<Set> {
        Self::read(value, &canonical)
    }

    fn read(value: &Value, name: &impl Fn(&str) -> Option<String>) -> Option<Set> {
        let mut set = Set::default();
        for (element, below) in value.as_object()? {
            if element == "." {
                continue;
            }
            // An element of another kind is passed over; one without a kind is none.
            let (kind, _) = element.split_once(':').filter(|(kind, _)| kind.len() == 1)?;
            if !matches!(kind, "f" | "k" | "v" | "i") {
                continue;
            }
            let element = name(element)?;
            let members = below.as_object()?;
            let is_member = members.is_empty() || members.contains_key(".");
            let below = Set::read(below, name)?;
            // Where nothing of it is understood, nothing is owned.
            if is_member || !below.is_empty() {
                set.union(&Set([(element, Branch { is_member, below })].into()));
            }
        }
        Some(set)
    }
}

/// An element as it is kept; none where it is not one.
fn canonical(element: &str) -> Option<String> {
    let (kind, rest) = element.split_at_checked(2)?;
    let rest = match kind {
        "k:" => match serde_json::from_str(rest).ok()? {
            Value::Null => "{}".to_owned(),
            keys @ Value::Object(_) => plain(keys).to_string(),
            _ => return None,
        },
        "v:" => plain(serde_json::from_str(rest).ok()?).to_string(),
        "i:" => rest.parse::<i64>().ok()?.to_string(),
        _ => rest.to_owned(),
    };
    Some(format!("{kind}{rest}"))
}

/// A value whose whole numbers are written as such.
fn plain(value: Value) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => (float as i64).into(),
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        other => other,
    }
}

/// A path as messages write it: `.spec.containers[name="a"].image`.
pub(crate) fn print(path: &[String]) -> String {
    path.iter().map(|element| print_element(element)).collect()
}

fn print_element(element: &str) -> String {
    let (kind, rest) = element.split_at(element.len().min(2));
    match kind {
        "f:" => format!(".{rest}"),
        "k:" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).unwrap_or_default();
            let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", keys.join(","))
        }
        "v:" => format!("[={rest}]"),
        _ => format!("[{rest}]"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(value: Value) -> Set {
        Set::from_value(&value).expect("a set of fields")
    }

    #[test]
    fn sets_are_read_and_written_as_they_stand_in_objects() {
        for value in [
            json!({}),
            json!({"f:a": {}}),
            json!({"f:a": {".": {}, "f:b": {}}, "f:c": {"k:{\"name\":\"x\"}": {".": {}, "f:y": {}}, "v:1": {}}}),
        ] {
            assert_eq!(set(value.clone()).to_value(), value);
        }
        assert!(Set::from_value(&json!({"a": {}})).is_none() && Set::from_value(&json!([])).is_none());
    }

    #[test]
    fn sets_are_added_taken_away_and_compared() {
        let ours = set(json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}, "f:d": {}}));
        let theirs = set(json!({"f:a": {"f:b": {}}, "f:e": {}}));
        let mut both = ours.clone();
        both.union(&theirs);
        assert_eq!(both, set(json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}, "f:d": {}, "f:e": {}})));
        assert_eq!(ours.intersection(&theirs), set(json!({"f:a": {"f:b": {}}})));
        assert_eq!(ours.difference(&theirs), set(json!({"f:a": {".": {}, "f:c": {}}, "f:d": {}})));
        assert_eq!(ours.difference(&set(json!({"f:a": {}}))), set(json!({"f:a": {"f:b": {}, "f:c": {}}, "f:d": {}})));
        assert_eq!(ours.recursive_difference(&set(json!({"f:a": {}}))), set(json!({"f:d": {}})));
    }

    #[test]
    fn paths_are_printed_as_messages_have_them() {
        let paths =
            set(json!({"f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {"f:image": {}}}}, "f:v": {"v:1": {}}}));
        let printed: Vec<String> = paths.paths().iter().map(|path| print(path)).collect();
        assert_eq!(printed, [r#".spec.containers[name="a"].image"#, ".v[=1]"]);
    }
}
