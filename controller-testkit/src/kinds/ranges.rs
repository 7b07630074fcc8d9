//! What a LimitRange gives to the containers of a pod, and what of a pod or a claim is beyond it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::defaults::request_limits;
use super::quantity::{Amount, amount};

/// Amounts by the names of their resources.
pub(crate) type Amounts = BTreeMap<String, Amount>;

/// Gives a pod's containers what the range has for those who say nothing, and notes it in an annotation.
pub(crate) fn fill(range: &Value, pod: &mut Value) {
    let [requests, limits] = ["defaultRequest", "default"].map(|member| {
        let items = items(range, "Container").filter_map(|item| item.get(member)?.as_object());
        items.flatten().map(|(name, amount)| (name.clone(), amount.clone())).collect::<BTreeMap<String, Value>>()
    });
    let mut notes = Vec::new();
    for (list, kind) in [("containers", "container"), ("initContainers", "init container")] {
        let containers = pod.pointer_mut(&format!("/spec/{list}")).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            request_limits(container);
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            for (member, what, usual) in [("requests", "request", &requests), ("limits", "limit", &limits)] {
                let given = given(container, member, usual);
                if !given.is_empty() {
                    notes.push(format!("{} {what} for {kind} {name}", given.join(", ")));
                }
            }
        }
    }
    let Some(Value::Object(metadata)) = pod.get_mut("metadata").filter(|_| !notes.is_empty()) else { return };
    if let Value::Object(annotations) = metadata.entry("annotations").or_insert_with(|| json!({})) {
        let note = format!("LimitRanger plugin set: {}", notes.join("; "));
        annotations.insert("kubernetes.io/limit-ranger".to_owned(), note.into());
    }
}

/// Puts the usual amounts where a container has none, and names them.
fn given(container: &mut Map<String, Value>, member: &str, usual: &BTreeMap<String, Value>) -> Vec<String> {
    if usual.is_empty() {
        return Vec::new();
    }
    let resources = container.entry("resources").or_insert_with(|| json!({}));
    let Some(resources) = resources.as_object_mut() else { return Vec::new() };
    let Value::Object(own) = resources.entry(member).or_insert_with(|| json!({})) else { return Vec::new() };
    let missing = usual.iter().filter(|(name, _)| !own.contains_key(*name));
    let missing: Vec<(String, Value)> = missing.map(|(name, amount)| (name.clone(), amount.clone())).collect();
    own.extend(missing.iter().cloned());
    missing.into_iter().map(|(name, _)| name).collect()
}

/// What of a new or resized pod is beyond the range, in words.
pub(crate) fn beyond_of_pod(range: &Value, pod: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for item in kinds_of_items(range) {
        match item.get("type").and_then(Value::as_str) {
            Some("Container") => {
                let lists = ["/spec/containers", "/spec/initContainers"].into_iter();
                let containers = lists.filter_map(|list| pod.pointer(list)?.as_array()).flatten();
                for container in containers {
                    let [requests, limits] = ["requests", "limits"].map(|member| of_container(container, member));
                    beyond(item, "Container", &requests, &limits, &mut told);
                }
            }
            Some("Pod") => {
                let [requests, limits] = ["requests", "limits"].map(|member| of_pod(pod, member));
                beyond(item, "Pod", &requests, &limits, &mut told);
            }
            _ => {}
        }
    }
    told
}

/// What a pod asks of its node: for all of its containers, and for what it costs beside them.
pub(crate) fn requests_of_pod(pod: &Value) -> Amounts {
    let mut requests = of_pod(pod, "requests");
    add(&mut requests, amounts(pod.pointer("/spec/overhead")));
    requests
}

/// What of a claim is beyond the range, in words.
pub(crate) fn beyond_of_claim(range: &Value, claim: &Value) -> Vec<String> {
    const KIND: &str = "PersistentVolumeClaim";
    let requests = amounts(claim.pointer("/spec/resources/requests"));
    let mut told = Vec::new();
    for item in items(range, KIND) {
        for (name, least) in amounts(item.get("min")) {
            told.extend(too_little(KIND, &name, &least, &requests, &Amounts::new()));
        }
        for (name, most) in amounts(item.get("max")) {
            let wanted = requests.get(&name);
            let beyond = wanted.is_none_or(|wanted| *wanted > most).then(|| match wanted {
                None => "  No request is specified".to_owned(),
                Some(wanted) => format!("but request is {wanted}"),
            });
            told.extend(beyond.map(|but| usage("maximum", KIND, &name, &most, &but)));
        }
    }
    told
}

fn kinds_of_items(range: &Value) -> impl Iterator<Item = &Value> {
    range.pointer("/spec/limits").and_then(Value::as_array).into_iter().flatten()
}

fn items<'a>(range: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    kinds_of_items(range).filter(move |item| item.get("type").is_some_and(|known| known == kind))
}

/// The amounts of a list of resources.
pub(crate) fn amounts(of: Option<&Value>) -> Amounts {
    let all = of.and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(name, text)| Some((name.clone(), amount(text.as_str()?)?))).collect()
}

fn of_container(container: &Value, member: &str) -> Amounts {
    amounts(container.get("resources").and_then(|resources| resources.get(member)))
}

/// What a pod has at most at one time.
fn of_pod(pod: &Value, member: &str) -> Amounts {
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let mut total = of_containers(spec, member);
    let own = amounts(spec.get("resources").and_then(|resources| resources.get(member)));
    total.extend(own.into_iter().filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory")));
    total
}

/// What all of its containers have at most at one time.
pub(super) fn of_containers(spec: &Value, member: &str) -> Amounts {
    of_all(spec, &|container| of_container(container, member))
}

/// The same, of whatever each of them has.
pub(crate) fn of_all(spec: &Value, own: &dyn Fn(&Value) -> Amounts) -> Amounts {
    let containers = |list: &str| spec.get(list).and_then(Value::as_array).into_iter().flatten();
    let mut total = Amounts::new();
    for container in containers("containers") {
        add(&mut total, own(container));
    }
    let (mut beside, mut most) = (Amounts::new(), Amounts::new());
    for container in containers("initContainers") {
        let own = own(container);
        // One that goes on while the others run is one of them.
        let mut now = beside.clone();
        add(&mut now, own.clone());
        if container.get("restartPolicy").is_some_and(|policy| policy == "Always") {
            add(&mut total, own);
            beside = now.clone();
        }
        raise(&mut most, now);
    }
    raise(&mut total, most);
    total
}

/// Adds amounts to others.
pub(crate) fn add(total: &mut Amounts, more: Amounts) {
    for (name, amount) in more {
        match total.get_mut(&name) {
            Some(known) => *known = known.plus(amount),
            None => drop(total.insert(name, amount)),
        }
    }
}

/// Takes of each resource what is more.
pub(crate) fn raise(total: &mut Amounts, others: Amounts) {
    for (name, amount) in others {
        if total.get(&name).is_none_or(|known| amount > *known) {
            total.insert(name, amount);
        }
    }
}

fn beyond(item: &Value, kind: &str, requests: &Amounts, limits: &Amounts, told: &mut Vec<String>) {
    for (name, least) in amounts(item.get("min")) {
        told.extend(too_little(kind, &name, &least, requests, limits));
    }
    for (name, most) in amounts(item.get("max")) {
        let but = match (limits.get(&name), requests.get(&name)) {
            (None, _) => "  No limit is specified".to_owned(),
            (Some(limit), _) if *limit > most => format!("but limit is {limit}"),
            (_, Some(request)) if *request > most => format!("but request is {request}"),
            _ => continue,
        };
        told.push(usage("maximum", kind, &name, &most, &but));
    }
    for (name, most) in amounts(item.get("maxLimitRequestRatio")) {
        let some = |amounts: &Amounts| amounts.get(&name).filter(|amount| !amount.is_zero()).copied();
        let but = match (some(requests), some(limits)) {
            (None, _) => "no request is specified or request is 0".to_owned(),
            (_, None) => "no limit is specified or limit is 0".to_owned(),
            (Some(request), Some(limit)) => match limit.compare_share_of(request, most) {
                Ordering::Greater => format!("provided ratio is {:.6}", limit.share_of(request)),
                _ => continue,
            },
        };
        told.push(format!("{name} max limit to request ratio per {kind} is {most}, but {but}"));
    }
}

fn too_little(kind: &str, name: &str, least: &Amount, requests: &Amounts, limits: &Amounts) -> Option<String> {
    let but = match (requests.get(name), limits.get(name)) {
        (None, _) => "  No request is specified".to_owned(),
        (Some(request), _) if request < least => format!("but request is {request}"),
        (_, Some(limit)) if limit < least => format!("but limit is {limit}"),
        _ => return None,
    };
    Some(usage("minimum", kind, name, least, &but))
}

fn usage(side: &str, kind: &str, name: &str, bound: &Amount, but: &str) -> String {
    let joint = if but.starts_with(' ') { "." } else { ", " };
    format!("{side} {name} usage per {kind} is {bound}{joint}{but}")
}
