//! What is told of a Pod that runs.

use std::net::IpAddr;

use super::at::{At, Faults};
use super::texts::ip;
use crate::field::name;

pub(super) fn status(new: &At<'_>, old: &At<'_>, f: &mut Faults) {
    const COUNT: &str = "must be a non-negative integer";
    let (status, before) = (new.field("status"), old.field("status"));
    for condition in status.field("conditions").items() {
        let (kind, seen) = (condition.field("type"), condition.field("observedGeneration"));
        if seen.number() < 0 {
            f.invalid(&seen, COUNT);
        }
        if !matches!(kind.text(), "PodScheduled" | "Ready" | "Initialized") {
            f.follows(&kind.told_as(condition.field("Type").path), name::qualified);
        }
    }
    let node = status.field("nominatedNodeName");
    if node.value != before.field("nominatedNodeName").value && !node.is_empty() {
        f.follows(&node, name::dns1123_subdomain);
        if !old.at("spec.nodeName").is_empty() {
            f.forbidden(&node, "may not be set on pods that are already bound to a node");
        }
    }
    if status.field("observedGeneration").number() < 0 {
        f.invalid(&status.field("observedGeneration"), COUNT);
    }
    f.unchanged(&status.field("qosClass"), &before.field("qosClass"));
    claims(&status.field("resourceClaimStatuses"), &new.at("spec.resourceClaims"), f);
    extended(&status.field("extendedResourceClaimStatus"), &new.field("spec"), f);
    addresses(&status, f);
}

fn claims(told: &At<'_>, known: &At<'_>, f: &mut Faults) {
    let known = known.items();
    let mut seen: Vec<&str> = Vec::new();
    for claim in told.items() {
        let (name, made) = (claim.field("name"), claim.field("resourceClaimName"));
        if !known.iter().any(|known| known.field("name").text() == name.text()) {
            f.invalid_as(&name, name.text(), "must match the name of an entry in `spec.resourceClaims`");
        }
        if seen.contains(&name.text()) {
            f.duplicate(&name, name.text());
        }
        seen.push(name.text());
        if made.is_set() {
            f.follows(&made, name::dns1123_subdomain);
        }
    }
}

/// The claim by which a Pod has what its containers ask for as plain resources.
fn extended(told: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    if !told.is_set() {
        return;
    }
    let (all, claim) = (told.field("requestMappings"), told.field("resourceClaimName"));
    if all.is_empty() {
        f.required(&all, "at least one request mapping is required");
    }
    let containers = || ["initContainers", "containers"].into_iter().flat_map(|list| spec.field(list).items());
    let mut seen = Vec::new();
    for one in all.items() {
        let parts = ["containerName", "resourceName", "requestName"].map(|name| one.field(name));
        let [container, resource, request] = &parts;
        match containers().rfind(|known| known.field("name").text() == container.text()) {
            Some(known) if !known.at("resources.requests").entry(resource.text()).is_set() => {
                let why = "must match the extended resource name of an entry in \
                           spec.initContainers.resources.requests or spec.containers.resources.requests";
                f.invalid_as(resource, resource.text(), why);
            }
            Some(_) => {}
            None => {
                let why = "must match the name of an entry in spec.initContainers.name or spec.containers.name";
                f.invalid_as(container, container.text(), why);
            }
        }
        f.follows(&request.told_as(told.field("requestName").path), name::dns1123_label);
        let key = parts.clone().map(|part| part.text().to_owned());
        if seen.contains(&key) {
            parts.iter().for_each(|part| f.duplicate(part, part.text()));
        }
        seen.push(key);
    }
    if f.needs(&claim) {
        f.follows(&claim, name::dns1123_subdomain);
    }
}

/// The addresses of a Pod and of its node: at most one of either family, the first of which stands alone, too.
fn addresses(status: &At<'_>, f: &mut Faults) {
    for (one, all) in [("podIP", "podIPs"), ("hostIP", "hostIPs")] {
        let (one, all) = (status.field(one), status.field(all));
        let items = all.items();
        let first = items.first().map(|first| first.field("ip"));
        let differs = first.as_ref().filter(|first| first.text() != one.text());
        if one.path.to_string().ends_with("hostIP")
            && let Some(first) = differs
        {
            f.invalid_as(first, first.text(), "must be equal to `hostIP`");
        }
        for item in &items {
            let text = item.field("ip").text();
            ip(text).into_iter().for_each(|wrong| f.invalid_as(item, text, wrong));
        }
        let families: Vec<bool> = items
            .iter()
            .filter_map(|item| item.field("ip").text().parse::<IpAddr>().ok().map(|ip| ip.is_ipv4()))
            .collect();
        if items.len() > 1 && families != [true, false] && families != [false, true] && families.len() == items.len() {
            f.invalid(&all, "may specify no more than one IP for each IP family");
        }
        if one.path.to_string().ends_with("hostIP") {
            continue;
        }
        if one.is_empty() != items.is_empty() {
            f.invalid(&all, "podIP and podIPs must either both be set or both be unset");
        } else if let Some(first) = differs {
            f.invalid_as(first, first.text(), "must be equal to `podIP`");
        }
    }
}
