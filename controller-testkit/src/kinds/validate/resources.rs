//! What containers and Pods ask for, and the most that they get.

use super::at::{At, Faults};
use super::limits;
use crate::field::name;
use crate::kinds::{quantity, whole};

const HUGE: &str = "hugepages-";

/// What a container asks for.
pub(super) fn of_container(resources: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    requirements(resources, resource_name, f);
    claims(&resources.field("claims"), &spec.field("resourceClaims"), f);
}

/// What a Pod asks for as a whole, which is not less than its containers do.
pub(super) fn of_pod(spec: &At<'_>, f: &mut Faults) {
    let resources = spec.field("resources");
    if !resources.is_set() {
        return;
    }
    if spec.at("os.name").text() == "windows" {
        return f.forbidden(&resources, "may not be set for a windows pod");
    }
    let named = resources.field("claims");
    if named.is_set() {
        f.forbidden(&named, "claims may not be set for Resources at pod-level");
    }
    requirements(&resources, of_whole_pod, f);
    claims(&named, &spec.field("resourceClaims"), f);
    cover(&resources, spec, f);
}

/// What a Pod takes beside its containers, which is looked at as a limit.
pub(super) fn overhead(overhead: &At<'_>, f: &mut Faults) {
    if overhead.is_set() {
        let limits = serde_json::json!({ "limits": overhead.value });
        requirements(&overhead.with(&limits), resource_name, f);
    }
}

fn of_whole_pod(resource: &str, at: &At<'_>, f: &mut Faults) {
    let before = f.len();
    limits::resource(resource, at, f);
    if f.len() == before && !matches!(resource, "cpu" | "memory") && !resource.starts_with(HUGE) {
        f.not_supported(at, resource, &["cpu", HUGE, "memory"]);
    }
}

/// Whether Kubernetes itself knows a resource of containers.
fn is_standard(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory" | "ephemeral-storage") || resource.starts_with(HUGE)
}

fn is_native(resource: &str) -> bool {
    !resource.contains('/') || resource.contains("kubernetes.io/")
}

/// Whether there may be more asked for than there is.
fn is_elastic(resource: &str) -> bool {
    is_native(resource) && !resource.starts_with(HUGE)
}

/// The name of a resource that a container may ask for.
pub(super) fn resource_name(resource: &str, at: &At<'_>, f: &mut Faults) {
    limits::resource(resource, at, f);
    if !resource.contains('/') {
        if !is_standard(resource) {
            f.invalid_as(at, resource, "must be a standard resource for containers");
        }
    } else if !is_native(resource) {
        // As a quota names it, too.
        let counted = format!("requests.{resource}");
        if resource.starts_with("requests.") || !name::qualified(&counted).is_empty() {
            f.invalid_as(at, resource, "doesn't follow extended resource name standard");
        }
    }
}

fn requirements(resources: &At<'_>, named: fn(&str, &At<'_>, &mut Faults), f: &mut Faults) {
    let (limits, requests) = (resources.field("limits"), resources.field("requests"));
    for (resource, limit) in limits.entries() {
        named(resource, &limit, f);
        amount(resource, &limit, f);
        pages(resource, &limit, f);
    }
    for (resource, request) in requests.entries() {
        named(resource, &request, f);
        amount(resource, &request, f);
        let limit = limits.field(resource);
        let parts = (quantity::nanos(request.text()), quantity::nanos(limit.text()));
        match parts {
            _ if !limit.is_set() && !is_elastic(resource) => {
                f.required(&limits, "Limit must be set for non overcommitable resources");
            }
            (Some(asked), Some(most)) if asked != most && !is_elastic(resource) => {
                let why = format!("must be equal to {resource} limit of {}", limit.text());
                f.invalid_as(&requests, request.text(), why);
            }
            (Some(asked), Some(most)) if asked > most => {
                let why = format!("must be less than or equal to {resource} limit of {}", limit.text());
                f.invalid_as(&requests, request.text(), why);
            }
            _ => {}
        }
        pages(resource, &request, f);
    }
    let all = || limits.entries().into_iter().chain(requests.entries()).map(|(resource, _)| resource);
    if all().any(|resource| resource.starts_with(HUGE)) && !all().any(|known| matches!(known, "cpu" | "memory")) {
        f.forbidden(resources, "HugePages require cpu or memory");
    }
}

fn amount(resource: &str, amount: &At<'_>, f: &mut Faults) {
    match quantity::nanos(amount.text()) {
        Some(..0) => f.invalid(amount, "must be greater than or equal to 0"),
        Some(nanos) if !is_native(resource) && nanos % 1_000_000_000 != 0 => f.invalid(amount, "must be an integer"),
        _ => {}
    }
}

/// Huge pages are had as a whole.
fn pages(resource: &str, amount: &At<'_>, f: &mut Faults) {
    let Some(size) = resource.strip_prefix(HUGE) else { return };
    let size = quantity::nanos(size).filter(|size| *size > 0 && size % 1_000_000_000 == 0);
    let fits = size.zip(quantity::nanos(amount.text())).is_some_and(|(size, amount)| amount % size == 0);
    if !fits {
        f.invalid(amount, format!("{} is not positive integer multiple of {resource}", amount.text()));
    }
}

/// The claims that a container uses are those of its Pod.
fn claims(used: &At<'_>, known: &At<'_>, f: &mut Faults) {
    let known: Vec<&str> = known.items().iter().map(|claim| claim.field("name").text()).collect();
    let mut seen: Vec<String> = Vec::new();
    for claim in used.items() {
        let (name, request) = (claim.field("name").text(), claim.field("request"));
        if name.is_empty() {
            f.required(&claim, "");
            continue;
        }
        if seen.iter().any(|seen| seen == name) {
            f.duplicate(&claim, name);
        } else {
            let mut key = name.to_owned();
            if !request.is_empty() {
                f.follows(&request, name::dns1123_label);
                key = format!("{name}/{}", request.text());
            }
            if seen.contains(&key) {
                f.duplicate(&claim, &key);
            } else if request.is_empty() {
                let parts = seen.iter().filter(|seen| seen.split_once('/').is_some_and(|(whole, _)| whole == name));
                (0..parts.count()).for_each(|_| f.duplicate(&claim, name));
            }
            seen.push(key);
        }
        if !known.contains(&name) {
            let mut sorted = known.clone();
            sorted.sort_unstable();
            let rest =
                if sorted.is_empty() { " which is empty".to_owned() } else { format!(": {}", sorted.join(", ")) };
            f.not_found(&claim, name, &format!("must be one of the names in pod.spec.resourceClaims{rest}"));
        }
    }
}

/// What a Pod asks for is no less than what its containers do, and none of them gets more than the Pod.
fn cover(resources: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    let (limits, requests) = (resources.field("limits"), resources.field("requests"));
    let huge = limits.entries().into_iter().filter(|(resource, _)| resource.starts_with(HUGE));
    let asked = requests.entries().into_iter().map(|(resource, own)| ("requests", resource, own));
    for (kind, resource, own) in asked.chain(huge.map(|(resource, own)| ("limits", resource, own))) {
        let sum = whole::together(spec.value, kind, resource).unwrap_or_default();
        if quantity::nanos(&sum).zip(quantity::nanos(own.text())).is_some_and(|(sum, own)| sum > own) {
            f.invalid(&own, format!("must be greater than or equal to aggregate container {kind} of {sum}"));
        }
    }
    for (at, container) in spec.field("containers").items().iter().enumerate() {
        for (resource, limit) in container.at("resources.limits").entries() {
            let whole = limits.field(resource);
            let parts = quantity::nanos(limit.text()).zip(quantity::nanos(whole.text()));
            if parts.is_some_and(|(own, whole)| own > whole) {
                let place = resources.field("containers").path.index(at).key(resource).child("limits");
                let why = format!("must be less than or equal to pod limits of {}", whole.text());
                f.invalid(&limit.told_as(place), why);
            }
        }
    }
}
