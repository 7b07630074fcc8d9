//! Who owns which fields: `metadata.managedFields`, read and written.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::set::Set;

/// How many who only update are told apart.
const MOST_UPDATERS: usize = 10;

/// The name of all those before them.
const ANCIENT: &str = "ancient-changes";

/// How a manager writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// One who writes: the same name writes as another one through another operation, version or part of the object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Manager {
    pub(crate) name: String,
    pub(crate) operation: Operation,
    pub(crate) api_version: String,
    /// Empty for the object itself.
    pub(crate) subresource: String,
}

impl Manager {
    /// Whether it is this applier, in whichever version.
    fn is_applier(&self, applier: &Manager) -> bool {
        self.name == applier.name && self.operation == Operation::Apply && self.subresource == applier.subresource
    }

    /// As messages about conflicts name it.
    pub(crate) fn print(&self) -> String {
        let mut text = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            text += &format!(" with subresource {:?}", self.subresource);
        }
        if self.operation == Operation::Update {
            text += &format!(" using {}", self.api_version);
        }
        text
    }
}

/// What one manager owns, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) set: Set,
    pub(crate) time: Option<String>,
}

/// Who owns which fields of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Managers(pub(crate) BTreeMap<Manager, Owned>);

impl Managers {
    /// Reads `managedFields` as they are kept; none where they are not well-formed.
    pub(crate) fn read(entries: &Value) -> Option<Self> {
        Self::read_by(entries, Set::from_value)
    }

    /// Reads `managedFields` as somebody has sent them.
    pub(crate) fn said(entries: &Value) -> Option<Self> {
        Self::read_by(entries, Set::said)
    }

    fn read_by(entries: &Value, read: impl Fn(&Value) -> Option<Set>) -> Option<Self> {
        let mut managers = BTreeMap::new();
        for entry in entries.as_array()? {
            let text = |member: &str| entry.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
            let operation = match text("operation").as_str() {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                _ => return None,
            };
            if text("apiVersion").is_empty() || text("fieldsType") != "FieldsV1" {
                return None;
            }
            let set = entry.get("fieldsV1").map_or(Some(Set::default()), &read)?;
            let (name, subresource) = (text("manager"), text("subresource"));
            let manager = Manager { name, operation, api_version: text("apiVersion"), subresource };
            let time = entry.get("time").and_then(Value::as_str).map(str::to_owned);
            managers.insert(manager, Owned { set, time });
        }
        Some(Self(managers))
    }

    /// Without those who write in a version of another group than the object's.
    pub(crate) fn of_group(mut self, object: &Value) -> Self {
        let group = |version: &str| version.rsplit_once('/').map(|(group, _)| group.to_owned());
        let own = object.get("apiVersion").and_then(Value::as_str).map(group);
        self.0.retain(|manager, _| own.is_none() || own == Some(group(&manager.api_version)));
        self
    }

    /// Those of an object; nobody where it says nothing that can be read.
    pub(crate) fn of(object: &Value) -> Self {
        object.pointer("/metadata/managedFields").and_then(Self::read).unwrap_or_default()
    }

    /// The version in which somebody applied last.
    pub(crate) fn last_applied_in(&self, applier: &Manager) -> Option<&str> {
        self.0.keys().find(|known| known.is_applier(applier)).map(|known| known.api_version.as_str())
    }

    /// Takes out what an applier owned, in whichever version it applied last. What it owned in a version of other paths
    /// says nothing of this one.
    pub(super) fn take_applier(&mut self, applier: &Manager, has_same_paths: impl Fn(&str) -> bool) -> Owned {
        let Some(known) = self.0.keys().find(|known| known.is_applier(applier)).cloned() else {
            return Owned::default();
        };
        let mut owned = self.0.remove(&known).unwrap_or_default();
        if known.api_version != applier.api_version && !has_same_paths(&known.api_version) {
            owned.set = Set::default();
        }
        owned
    }

    /// Makes one of the oldest who only update, where there are many of them: one in each version.
    pub(super) fn gather(&mut self) {
        let of_updates = self.0.iter().filter(|(manager, _)| manager.operation == Operation::Update);
        let mut oldest: Vec<(Option<String>, Manager)> =
            of_updates.map(|(manager, owned)| (owned.time.clone(), manager.clone())).collect();
        let mut count = oldest.len();
        oldest.sort();
        let mut first: BTreeMap<String, Manager> = BTreeMap::new();
        for (time, manager) in oldest {
            if count <= MOST_UPDATERS {
                return;
            }
            let Some(before) = first.get(&manager.api_version) else {
                first.insert(manager.api_version.clone(), manager);
                continue;
            };
            let bucket = Manager {
                name: ANCIENT.to_owned(),
                operation: Operation::Update,
                api_version: manager.api_version.clone(),
                subresource: String::new(),
            };
            if !self.0.contains_key(&bucket) {
                let of_first = self.0.remove(before).unwrap_or_default();
                self.0.insert(bucket.clone(), of_first);
            }
            let own = self.0.remove(&manager).unwrap_or_default();
            let gathered = self.0.entry(bucket).or_default();
            gathered.set.union(&own.set);
            gathered.time = time;
            count -= 1;
        }
    }

    /// As `managedFields`: those who apply first, then in the order of their times.
    pub(crate) fn to_value(&self) -> Value {
        let mut entries: Vec<(&Manager, &Owned)> = self.0.iter().collect();
        entries.sort_by(|(a, x), (b, y)| {
            let key =
                |manager: &Manager| (manager.name.clone(), manager.api_version.clone(), manager.subresource.clone());
            (a.operation, &x.time).cmp(&(b.operation, &y.time)).then_with(|| key(a).cmp(&key(b)))
        });
        let written = |(manager, owned): (&Manager, &Owned)| {
            let mut entry = Map::new();
            if !manager.name.is_empty() {
                entry.insert("manager".into(), manager.name.clone().into());
            }
            entry.insert("operation".into(), manager.operation.name().into());
            entry.insert("apiVersion".into(), manager.api_version.clone().into());
            if let Some(time) = &owned.time {
                entry.insert("time".into(), time.clone().into());
            }
            entry.insert("fieldsType".into(), "FieldsV1".into());
            entry.insert("fieldsV1".into(), owned.set.to_value());
            if !manager.subresource.is_empty() {
                entry.insert("subresource".into(), manager.subresource.clone().into());
            }
            Value::Object(entry)
        };
        Value::Array(entries.into_iter().map(written).collect())
    }

    /// Whether the same managers own the same fields.
    pub(crate) fn own_the_same(&self, other: &Self) -> bool {
        let sets = |managers: &Self| -> Vec<(Manager, Set)> {
            managers.0.iter().map(|(manager, owned)| (manager.clone(), owned.set.clone())).collect()
        };
        sets(self) == sets(other)
    }

    /// Puts them into an object.
    pub(crate) fn put(&self, object: &mut Value) {
        let metadata = crate::server::meta::of(object);
        match self.0.is_empty() {
            true => metadata.remove("managedFields"),
            false => metadata.insert("managedFields".into(), self.to_value()),
        };
    }
}

/// The fields that nobody owns: they say what the object is, or are the server's.
pub(crate) fn of_nobody() -> &'static Set {
    static SET: OnceLock<Set> = OnceLock::new();
    SET.get_or_init(server_fields)
}

fn server_fields() -> Set {
    let metadata: Map<String, Value> = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ]
    .into_iter()
    .map(|name| (format!("f:{name}"), json!({})))
    .chain([(".".to_owned(), json!({}))])
    .collect();
    let set = json!({"f:apiVersion": {}, "f:kind": {}, "f:metadata": metadata});
    Set::from_value(&set).unwrap_or_default()
}
