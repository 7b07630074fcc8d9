//! What a Pod asks for as a whole, and how firmly its node holds it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::quantity::{self, Amount};
use super::ranges::of_containers;

/// What a Pod can ask for as a whole.
fn is_shared(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory") || is_huge(resource)
}

fn is_huge(resource: &str) -> bool {
    resource.starts_with("hugepages-")
}

fn amount<'a>(holder: &'a Value, kind: &str, resource: &str) -> Option<&'a str> {
    holder.get("resources")?.get(kind)?.get(resource)?.as_str()
}

fn list<'a>(spec: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    spec.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// What all containers together have of a resource when most of it is had; none where none has any.
pub(super) fn together(spec: &Value, kind: &str, resource: &str) -> Option<String> {
    of_containers(spec, kind).get(resource).map(Amount::to_string)
}

/// All resources that a container has an amount of.
fn named(spec: &Value, kind: &str) -> BTreeSet<String> {
    let all = list(spec, "containers").chain(list(spec, "initContainers"));
    let amounts = all.filter_map(|container| container.get("resources")?.get(kind)?.as_object());
    amounts.flat_map(Map::keys).filter(|name| is_shared(name)).cloned().collect()
}

/// Fills in what a Pod that says something of itself leaves out, by what its containers have.
pub(super) fn fill(spec: &mut Value) {
    let own = |spec: &Value, kind: &str| {
        let amounts = spec.get("resources").and_then(|resources| resources.get(kind)).and_then(Value::as_object);
        amounts.cloned().unwrap_or_default()
    };
    let (mut requests, mut limits) = (own(spec, "requests"), own(spec, "limits"));
    if requests.is_empty() && limits.is_empty() {
        return;
    }
    for name in named(spec, "limits").into_iter().filter(|name| is_huge(name) && !requests.contains_key(name)) {
        if let Some(sum) = together(spec, "limits", &name) {
            limits.entry(name).or_insert(sum.into());
        }
    }
    for name in named(spec, "requests").into_iter().filter(|name| !is_huge(name)) {
        if let Some(sum) = together(spec, "requests", &name) {
            requests.entry(name).or_insert(sum.into());
        }
    }
    for (name, limit) in limits.iter().filter(|(name, _)| is_shared(name)) {
        requests.entry(name.clone()).or_insert_with(|| limit.clone());
    }
    for (name, request) in requests.iter().filter(|(name, _)| is_shared(name)) {
        let all = ["containers", "initContainers", "ephemeralContainers"];
        let has_all = all.iter().flat_map(|name| list(spec, name)).all(|one| amount(one, "limits", name).is_some());
        let Some(sum) = together(spec, "limits", name).filter(|_| has_all && !limits.contains_key(name)) else {
            continue;
        };
        let is_over = request.as_str().and_then(quantity::nanos) > quantity::nanos(&sum);
        limits.insert(name.clone(), if is_over { request.clone() } else { sum.into() });
    }
    let Some(Value::Object(resources)) = spec.get_mut("resources") else { return };
    for (kind, amounts) in [("requests", requests), ("limits", limits)] {
        if !amounts.is_empty() {
            resources.insert(kind.to_owned(), amounts.into());
        }
    }
}

/// The quality of service class: how firmly a Pod's containers, or it as a whole, hold their processors and memory.
pub(crate) fn quality(pod: &Value) -> &'static str {
    let nothing = json!({});
    let spec = pod.get("spec").unwrap_or(&nothing);
    let own = ["limits", "requests"].iter().filter_map(|kind| spec.get("resources")?.get(kind)?.as_object());
    let holders: Vec<&Value> = match own.flat_map(Map::keys).any(|name| is_shared(name)) {
        true => vec![spec],
        false => list(spec, "containers").chain(list(spec, "initContainers")).collect(),
    };
    let held = |holder: &Value, kind: &str, name: &str| {
        amount(holder, kind, name).filter(|amount| *amount != "0").map(str::to_owned)
    };
    let both = ["cpu", "memory"];
    let any = |holder: &&Value| {
        both.iter().any(|name| ["limits", "requests"].iter().any(|kind| held(holder, kind, name).is_some()))
    };
    let firm = |holder: &Value| {
        both.iter().all(|name| {
            let limit = held(holder, "limits", name);
            limit.is_some() && limit == held(holder, "requests", name)
        })
    };
    match () {
        () if !holders.iter().any(any) => "BestEffort",
        () if holders.iter().all(|holder| firm(holder)) => "Guaranteed",
        () => "Burstable",
    }
}
