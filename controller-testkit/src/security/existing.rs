//! The pods that are there already when a namespace begins to ask for more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::pod::name;
use super::{Standard, breaches};

/// So many are looked at and no more.
const MOST: usize = 3000;

/// What is to be told of the pods of a namespace that would be refused from now on.
pub(crate) fn told_of_existing(namespace: &str, standard: Standard, pods: Vec<Arc<Value>>) -> Vec<String> {
    let count = pods.len();
    let looked_at: Vec<Arc<Value>> = one_of_each_owner_first(pods).take(MOST).collect();
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for pod in &looked_at {
        let broken: Vec<&str> = breaches(standard, pod).iter().map(|breach| breach.reason).collect();
        if !broken.is_empty() {
            alike.entry(broken.join(", ")).or_default().push(pod.get("metadata").map_or("", name));
        }
    }
    let mut told = Vec::new();
    if count > MOST {
        told.push(format!(
            "new PodSecurity enforce level only checked against the first {MOST} of {count} existing pods"
        ));
    }
    if !alike.is_empty() {
        told.push(format!(
            "existing pods in namespace {namespace:?} violate the new PodSecurity enforce level \"{standard}\""
        ));
    }
    let mut each: Vec<String> = alike.into_iter().map(|(why, names)| format!("{}: {why}", who(&names))).collect();
    each.sort_unstable();
    told.extend(each);
    told
}

/// The first of some pods by name, and how many others there are.
fn who(names: &[&str]) -> String {
    let first = names.iter().min().unwrap_or(&"");
    match names.len() {
        0 | 1 => (*first).to_owned(),
        2 => format!("{first} (and 1 other pod)"),
        many => format!("{first} (and {} other pods)", many - 1),
    }
}

/// The pods of one owner are alike: one of each is looked at before any second.
fn one_of_each_owner_first(pods: Vec<Arc<Value>>) -> impl Iterator<Item = Arc<Value>> {
    let mut known = BTreeSet::new();
    let owner = |pod: &Value| {
        let owners = pod.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
        let mut controllers = owners.filter(|owner| owner.get("controller") == Some(&Value::Bool(true)));
        Some(controllers.next()?.get("uid")?.as_str()?.to_owned())
    };
    let is_first = |pod: &Arc<Value>| owner(pod).is_none_or(|uid| known.insert(uid));
    let (first, others): (Vec<_>, Vec<_>) = pods.into_iter().partition(is_first);
    first.into_iter().chain(others)
}
