//! What a pod uses: what its containers ask for and may have, as long as it has not ended.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::field::name;
use crate::kinds::{Amount, Amounts, add, amounts, of_all, raise};

/// What everyone can ask for. A limit of one of the first two is a limit of what is asked for of it.
const USUAL: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
/// What every container must say, where it is limited.
const REQUIRED: [&str; 6] = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];
const HUGE: &str = "hugepages-";
const REQUESTS: &str = "requests.";
const DEVICES: &str = "deviceclass.resource.kubernetes.io/";

/// Whether a name of a quota is of something that pods use.
pub(super) fn counts(name: &str) -> bool {
    let usual = ["", REQUESTS, "limits."].iter().filter_map(|prefix| name.strip_prefix(prefix));
    let asked = name.strip_prefix(REQUESTS);
    name == "pods"
        || usual.into_iter().any(|name| USUAL.contains(&name))
        || name.starts_with(HUGE)
        || asked.is_some_and(|asked| asked.starts_with(HUGE) || asked.starts_with(DEVICES) || is_foreign(name))
}

/// Whether a resource is none of Kubernetes' own.
fn is_foreign(resource: &str) -> bool {
    resource.contains('/') && !resource.contains("kubernetes.io/")
}

/// Whether a pod has been given an end.
pub(super) fn has_end(pod: &Value) -> bool {
    pod.pointer("/spec/activeDeadlineSeconds").and_then(Value::as_i64).is_some_and(|seconds| seconds >= 0)
}

/// What a pod uses besides its place among all pods; nothing once it has ended.
pub(super) fn usage(pod: &Value, now: Timestamp) -> Amounts {
    if is_over(pod, now) {
        return Amounts::new();
    }
    called(&requests(pod), &limits(pod))
}

/// A pod that has ended, or should have been gone by now, uses nothing any more.
fn is_over(pod: &Value, now: Timestamp) -> bool {
    if matches!(pod.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed")) {
        return true;
    }
    let end = pod.pointer("/metadata/deletionTimestamp").and_then(Value::as_str);
    let grace = pod.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64);
    let (Some(end), Some(grace)) = (end.and_then(|end| end.parse::<Timestamp>().ok()), grace) else { return false };
    end.checked_add(SignedDuration::from_secs(grace)).is_ok_and(|gone| now > gone)
}

/// What is asked for and allowed, under the names that quotas have for it.
fn called(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut used = Amounts::from([("pods".to_owned(), Amount::of(1))]);
    for (resource, amount) in requests {
        let is_huge = resource.starts_with(HUGE);
        let is_usual = USUAL.contains(&resource.as_str());
        if is_usual || is_huge {
            used.insert(resource.clone(), *amount);
        }
        if is_usual || is_huge || is_extended(resource) || resource.starts_with(DEVICES) {
            used.insert(format!("{REQUESTS}{resource}"), *amount);
        }
    }
    let usual = limits.iter().filter(|(resource, _)| USUAL.contains(&resource.as_str()));
    used.extend(usual.map(|(resource, amount)| (format!("limits.{resource}"), *amount)));
    used
}

fn is_extended(resource: &str) -> bool {
    let is_named = || name::qualified(&format!("{REQUESTS}{resource}")).is_empty();
    is_foreign(resource) && !resource.starts_with(REQUESTS) && is_named()
}

/// Which containers do not say what they must, where it is limited. A pod that says it as a whole need not.
pub(super) fn unsaid(limited: &[&str], pod: &Value) -> Option<String> {
    if ["requests", "limits"].iter().any(|member| !of_whole(pod, member).is_empty()) {
        return None;
    }
    let mut unsaid: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in containers(pod) {
        let said = called(&amounts(own(container, "requests")), &amounts(own(container, "limits")));
        let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
        for required in limited.iter().filter(|name| REQUIRED.contains(name) && !said.contains_key(**name)) {
            unsaid.entry(required).or_default().insert(name);
        }
    }
    if unsaid.is_empty() {
        return None;
    }
    let each = unsaid.into_iter().map(|(name, containers)| {
        let containers: Vec<&str> = containers.into_iter().collect();
        format!("{name} for: {}", containers.join(","))
    });
    Some(format!("must specify {}", each.collect::<Vec<_>>().join("; ")))
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["/spec/containers", "/spec/initContainers"].into_iter();
    lists.filter_map(|list| pod.pointer(list)?.as_array()).flatten()
}

/// What a pod says of itself as a whole, which goes before what its containers say.
fn of_whole(pod: &Value, member: &str) -> Amounts {
    let said = amounts(pod.pointer(&format!("/spec/resources/{member}")));
    let can_be = |resource: &str| matches!(resource, "cpu" | "memory") || resource.starts_with(HUGE);
    said.into_iter().filter(|(resource, _)| can_be(resource)).collect()
}

/// What is told of a container by its node.
fn told<'a>(pod: &'a Value, container: &Value) -> Option<&'a Value> {
    let lists = ["/status/containerStatuses", "/status/initContainerStatuses"].into_iter();
    let mut all = lists.filter_map(|list| pod.pointer(list)?.as_array()).flatten();
    all.find(|told| told.get("name") == container.get("name"))
}

/// Whether a node has said that it can't give a pod what it is to have now.
fn cannot_grow(pod: &Value) -> bool {
    let mut conditions = pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let pending = conditions.find(|condition| condition.get("type").is_some_and(|kind| kind == "PodResizePending"));
    pending.and_then(|pending| pending.get("reason")).is_some_and(|reason| reason == "Infeasible")
}

/// What a container itself says.
fn own<'a>(container: &'a Value, member: &str) -> Option<&'a Value> {
    container.get("resources")?.get(member)
}

/// What a pod asks for, or has been given already if that is more.
fn requests(pod: &Value) -> Amounts {
    let mut used = at_most(pod, "requests", &[&["allocatedResources"], &["resources", "requests"]]);
    used.extend(of_whole(pod, "requests"));
    add(&mut used, amounts(pod.pointer("/spec/overhead")));
    used
}

/// What a pod may have, or has been given already if that is more.
fn limits(pod: &Value) -> Amounts {
    let mut used = at_most(pod, "limits", &[&["resources", "limits"]]);
    used.extend(of_whole(pod, "limits"));
    let overhead = amounts(pod.pointer("/spec/overhead"));
    let of_limited = overhead.into_iter().filter(|(name, _)| used.get(name).is_some_and(|limit| !limit.is_zero()));
    let of_limited: Amounts = of_limited.collect();
    add(&mut used, of_limited);
    used
}

/// The most of what the containers are to have and of what their node has told at these places, each of which stands in
/// for the next where there is nothing.
fn at_most(pod: &Value, member: &str, places: &[&[&str]]) -> Amounts {
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let cannot_grow = cannot_grow(pod);
    let mut most = match cannot_grow {
        true => Amounts::new(),
        false => of_all(spec, &|container| amounts(own(container, member))),
    };
    for last in 0..places.len() {
        let given = |container: &Value| {
            let told = told(pod, container);
            let at = |place: &&[&str]| place.iter().try_fold(told?, |value, member| value.get(member));
            let given = places[..=last].iter().rev().find_map(at);
            amounts(given.or_else(|| own(container, member).filter(|_| !cannot_grow)))
        };
        raise(&mut most, of_all(spec, &given));
    }
    most
}
