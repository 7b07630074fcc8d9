//! Server-side apply, and the record of who owns which fields that it needs.
//!
//! It follows Kubernetes' structured merge and diff (KEP-555): `node` says how a value of a type is taken apart, `set` is
//! a set of fields, `typed` compares and merges values, `managers` is the record in `metadata.managedFields`. All of it is
//! a pure function of objects and their types.
//!
//! Owners are told apart by name, operation, version and subresource; one who applies is the same in all versions. What
//! they own is told in the paths of the version that they wrote in. Of most kinds the paths are the same in all; where
//! they are not, a [`View`] shows the object as another version has it.

mod last;
mod managers;
mod node;
mod set;
mod typed;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub(crate) use self::last::keep_last_applied;
use self::last::last_applied;
use self::managers::of_nobody;
pub(crate) use self::managers::{Manager, Managers, Operation, Owned};
pub(crate) use self::node::Node;
use self::set::{Set, print};
use self::typed::{Comparison, check, compare, fields, merge, without};

/// Who owned everything of an object that nobody had applied or recorded before.
const BEFORE: &str = "before-first-apply";

/// Shows an object as a version has it, with the type that it has there; none where the paths are the same.
pub(crate) type View = fn(&str, &Value) -> Option<(Node<'static>, Value)>;

/// The view of a kind whose versions have the same paths.
pub(crate) fn same_paths(_: &str, _: &Value) -> Option<(Node<'static>, Value)> {
    None
}

/// One writer at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) manager: Manager,
    pub(crate) time: String,
    /// The fields that a write through this part of the object never changes.
    pub(crate) reset: Value,
    /// How other versions see what it writes.
    pub(crate) view: View,
}

/// Fields that others own and that are to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) manager: String,
    pub(crate) field: String,
}

/// Why an apply is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// What is applied is not of its type.
    Misfit(String),
    Conflicts(Vec<Conflict>),
}

impl Writer {
    /// Since when it owns what it takes now; a scale's writer says nothing of it.
    fn since(&self) -> Option<String> {
        (self.manager.subresource != "scale").then(|| self.time.clone())
    }

    fn own(&self, set: &Set) -> Set {
        if set.is_empty() {
            return Set::default();
        }
        let reset = Set::from_value(&self.reset).unwrap_or_default();
        set.difference(of_nobody()).recursive_difference(&reset)
    }
}

/// Who owns what after `writer` replaced `old` by `new`, whatever others owned.
pub(crate) fn updated(node: &Node<'_>, old: &Value, new: &Value, managers: Managers, writer: &Writer) -> Managers {
    let comparison = compare(node, old, new);
    if comparison.has_nameless {
        // A real server gives up here, and stores what there is without a word of it.
        let is_new = old.pointer("/metadata/uid").is_none();
        return if is_new { Managers::default() } else { managers };
    }
    let mut managers = taken(&comparison, old, new, managers, writer);
    let owned = managers.0.entry(writer.manager.clone()).or_default();
    let mut set = owned.set.difference(&comparison.removed);
    set.union(&comparison.modified);
    set.union(&comparison.added);
    let set = writer.own(&set);
    if set != owned.set {
        *owned = Owned { set, time: writer.since() };
    }
    managers.0.retain(|_, owned| !owned.set.is_empty());
    managers.gather();
    managers
}

/// What a change from `old` to `new` comes to in a version of other paths: what is other and new, and what is gone.
fn seen_in(version: &str, old: &Value, new: &Value, writer: &Writer) -> Option<(Set, Set)> {
    if version == writer.manager.api_version {
        return None;
    }
    let ((node, old), (_, new)) = ((writer.view)(version, old)?, (writer.view)(version, new)?);
    let comparison = compare(&node, &old, &new);
    let mut changed = comparison.modified;
    changed.union(&comparison.added);
    Some((writer.own(&changed), writer.own(&comparison.removed)))
}

/// Takes from all other managers what the change from `old` to `new` changed.
fn taken(comparison: &Comparison, old: &Value, new: &Value, mut managers: Managers, writer: &Writer) -> Managers {
    if managers.0.keys().all(|manager| *manager == writer.manager) {
        return managers;
    }
    let mut changed = comparison.modified.clone();
    changed.union(&comparison.added);
    let changed = writer.own(&changed);
    let removed = writer.own(&comparison.removed);
    for (manager, owned) in managers.0.iter_mut().filter(|(manager, _)| **manager != writer.manager) {
        owned.set = match seen_in(&manager.api_version, old, new, writer) {
            Some((changed, removed)) => owned.set.difference(&changed).difference(&removed),
            None => owned.set.difference(&changed).difference(&removed),
        };
    }
    managers
}

/// What is not of its type, in words.
pub(crate) fn misfits(node: &Node<'_>, wanted: &Value) -> Result<(), String> {
    let mut misfits = Vec::new();
    check(node, wanted, &mut Vec::new(), &mut misfits);
    let said: Vec<String> = misfits.iter().map(|misfit| format!("{}: {}", print(&misfit.path), misfit.why)).collect();
    match said.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("errors:\n  {}", many.join("\n  "))),
    }
}

/// The live object with what a policy lays over it, of which no record is kept. Nothing is laid over what is only had as
/// a whole.
pub(crate) fn laid(node: &Node<'_>, live: &Value, wanted: &Value) -> Result<Value, String> {
    misfits(node, wanted).map_err(|why| format!("failed to convert patch object to typed object: {why}"))?;
    let mut found = Vec::new();
    wholes(node, wanted, "", &mut found);
    match found.is_empty() {
        true => Ok(merge(node, live, wanted)),
        false => Err(format!(
            "invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {}",
            found.join(", ")
        )),
    }
}

/// The places of lists and objects that are only had as a whole.
fn wholes(node: &Node<'_>, value: &Value, path: &str, found: &mut Vec<String>) {
    if !matches!(value, Value::Object(_) | Value::Array(_)) {
        return;
    }
    if node.relation(value) == node::Relation::Atomic {
        found.push(path.to_owned());
    }
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                if let (true, below) = node.field(name) {
                    wholes(&below, inner, &format!("{path}.{name}"), found);
                }
            }
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, item)| wholes(&node.item(), item, &format!("{path}[{at}]"), found));
        }
        _ => {}
    }
}

/// The live object with what `writer` applies, and who owns what then.
///
/// What the writer applied before and leaves out now goes, unless somebody else owns it too.
pub(crate) fn applied(
    node: &Node<'_>,
    live: &Value,
    wanted: &Value,
    mut managers: Managers,
    writer: &Writer,
    force: bool,
) -> Result<(Value, Managers), Refused> {
    misfits(node, wanted).map_err(Refused::Misfit)?;
    let is_new = live.pointer("/metadata/uid").is_none();
    if managers.0.is_empty() && !is_new {
        let set = fields(node, live).difference(of_nobody());
        let before = Manager {
            name: BEFORE.to_owned(),
            operation: Operation::Update,
            subresource: String::new(),
            ..writer.manager.clone()
        };
        managers.0.insert(before, Owned { set, time: Some(writer.time.clone()) });
    }
    let last = managers.take_applier(&writer.manager, |version| (writer.view)(version, live).is_none());
    let all = fields(node, wanted);
    let merged = merge(node, live, wanted);
    managers.0.insert(writer.manager.clone(), Owned { set: writer.own(&all), time: last.time.clone() });
    let new = pruned(node, merged, &managers, &last.set, all);
    let comparison = compare(node, live, &new);
    if !force {
        let conflicts = conflicts(node, live, &new, &comparison, &managers, writer);
        if !conflicts.is_empty() {
            return Err(Refused::Conflicts(conflicts));
        }
    }
    let mut managers = taken(&comparison, live, &new, managers, writer);
    // Whoever only comes to own something, and changes nothing, is not noted as having been there.
    if let Some(owned) = managers.0.get_mut(&writer.manager)
        && !comparison.is_same()
    {
        owned.time = writer.since();
    }
    managers.0.retain(|_, owned| !owned.set.is_empty());
    Ok((new, managers))
}

/// What others own and `new` changes.
fn conflicts(
    node: &Node<'_>,
    live: &Value,
    new: &Value,
    comparison: &Comparison,
    managers: &Managers,
    writer: &Writer,
) -> Vec<Conflict> {
    let mut changed = comparison.modified.clone();
    changed.union(&comparison.added);
    let changed = writer.own(&changed).difference(&lent_by_kubectl(node, live, writer));
    let others = managers.0.iter().filter(|(manager, _)| **manager != writer.manager);
    let of = |(manager, owned): (&Manager, &Owned)| {
        let seen = seen_in(&manager.api_version, live, new, writer);
        let paths = owned.set.intersection(seen.as_ref().map_or(&changed, |(changed, _)| changed)).paths();
        let conflict = |path: Vec<String>| Conflict { manager: manager.print(), field: print(&path) };
        paths.into_iter().map(conflict).collect::<Vec<_>>()
    };
    others.flat_map(of).collect()
}

/// What kubectl applied on the client's side, before it applied on the server's: it is its own, whatever the name of the
/// owner. Only what still is as it was applied counts.
fn lent_by_kubectl(node: &Node<'_>, live: &Value, writer: &Writer) -> Set {
    let last = last_applied(live).filter(|_| writer.manager.name == "kubectl");
    let Some(last) = last.and_then(|last| serde_json::from_str::<Value>(last).ok()) else { return Set::default() };
    let comparison = compare(node, &last, live);
    let set = fields(node, &last).difference(&comparison.modified);
    set.difference(&comparison.added).difference(&comparison.removed)
}

/// The merged object without what was applied last time and is owned by nobody any more.
fn pruned(node: &Node<'_>, merged: Value, managers: &Managers, last: &Set, wanted: Set) -> Value {
    if last.is_empty() {
        return merged;
    }
    let whole = |set: &Set| set.with_named_fields(node, &|node: &Node<'_>, element: &str| node.descend(element));
    let all = fields(node, &merged);
    let left = |value: &Value| fields(node, value);
    let less = without(node, &merged, &whole(last));
    // What others own, or is applied again, comes back.
    let mut owned = wanted;
    managers.0.values().for_each(|manager| owned.union(&manager.set));
    let gone = whole(&all).difference(&whole(&left(&less))).difference(&whole(&owned));
    if gone.is_empty() {
        return merged;
    }
    let less = without(node, &merged, &gone);
    // And so does what nobody owned, and only stood inside of something that went.
    let gone = whole(&all).difference(&whole(&left(&less))).intersection(&whole(last));
    without(node, &merged, &gone)
}
