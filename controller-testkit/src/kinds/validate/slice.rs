//! ResourceSlices: the devices that a driver has.

use super::at::{At, Faults};
use super::texts::c_identifier;
use super::{device, placement};
use crate::field::{Cause, name};

pub(super) fn slice(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    let (driver, pool, node) = (spec.field("driver"), spec.field("pool"), spec.field("nodeName"));
    if f.needs(&driver) {
        f.follows(&driver, name::dns1123_subdomain);
    }
    device::pool(&pool.field("name"), f);
    let generation = pool.field("generation");
    if generation.number() < 0 {
        f.invalid(&generation, "must be greater than or equal to zero");
    }
    let count = pool.field("resourceSliceCount");
    if count.number() <= 0 {
        f.invalid(&count, "must be greater than zero");
    }
    let apart = places(&spec, f);
    devices(&spec, apart, f);
    if let Some(old) = old.map(|old| old.field("spec")) {
        f.unchanged(&pool.field("name"), &old.at("pool.name"));
        f.unchanged(&driver, &old.field("driver"));
        f.unchanged(&node, &old.field("nodeName"));
    }
}

/// Where the devices are: one word for all of them, or one for each, which is the answer.
fn places(spec: &At<'_>, f: &mut Faults) -> bool {
    const ONE: &str = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
    let members =
        ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"].map(|name| (name, spec.field(name)));
    let mut given = Vec::new();
    for (name, member) in &members {
        if !member.is_set() {
            continue;
        }
        match (*name, member.value) {
            ("nodeName", value) if value == "" => {
                f.invalid(member, "must be either unset or set to a non-empty string");
                continue;
            }
            ("nodeName", _) => f.follows(member, name::dns1123_subdomain),
            ("nodeSelector", _) => node_selector(member, f),
            (_, serde_json::Value::Bool(false)) => {
                f.invalid(member, "must be either unset or set to true");
                continue;
            }
            _ => {}
        }
        given.push(format!("`{name}`"));
    }
    match given.len() {
        0 => f.required(spec, ONE),
        1 => {}
        _ => {
            let shown = format!("\"{{{}}}\"", given.join(", "));
            f.shown(Cause::Invalid, spec, &shown, format!("{ONE}, but multiple fields are set"));
        }
    }
    spec.field("perDeviceNodeSelection").is_true()
}

fn node_selector(selector: &At<'_>, f: &mut Faults) {
    placement::node_selector(selector, f);
    let terms = selector.field("nodeSelectorTerms");
    if terms.items().len() != 1 {
        f.invalid(&terms, "must have exactly one node selector term");
    }
}

fn devices(spec: &At<'_>, apart: bool, f: &mut Faults) {
    let (devices, counters) = (spec.field("devices"), spec.field("sharedCounters"));
    if !devices.is_empty() && !counters.is_empty() {
        f.invalid_as(spec, "", "only one of `sharedCounters` or `devices` is allowed");
    }
    if !f.at_most(&devices, 128) {
        return;
    }
    let mut names = Vec::new();
    for device in devices.items() {
        let name = device.field("name");
        if names.contains(&name.text()) {
            f.duplicate(&device, name.text());
        }
        names.push(name.text());
        f.follows(&name, name::dns1123_label);
        for (key, attribute) in device.field("attributes").entries() {
            qualified(key, &device.field("attributes"), f);
            self::attribute(&attribute, f);
        }
        for (key, _) in device.field("capacity").entries() {
            qualified(key, &device.field("capacity"), f);
        }
        for taint in device.field("taints").items() {
            f.follows(&taint.field("key"), name::qualified);
            if !taint.field("value").is_empty() {
                f.follows(&taint.field("value"), name::label_value);
            }
            f.needs_one_of(&taint.field("effect"), &["NoExecute", "NoSchedule", "None"]);
        }
        let own = ["nodeName", "nodeSelector", "allNodes"].iter().filter(|name| device.field(name).is_set()).count();
        match (apart, own) {
            (true, 0) => {
                let why = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when \
                           `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
                f.required(&device, why);
            }
            (false, 1..) => {
                let why = "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is \
                           set to true in the ResourceSlice spec";
                f.shown(Cause::Invalid, &device, "null", why);
            }
            _ => {}
        }
    }
}

/// A name, with or without the domain of another driver before it.
fn qualified(key: &str, map: &At<'_>, f: &mut Faults) {
    let identifier = match key.split_once('/') {
        Some((domain, identifier)) => {
            name::dns1123_subdomain(domain).into_iter().for_each(|wrong| f.invalid_as(map, domain, wrong));
            identifier
        }
        None => key,
    };
    c_identifier(identifier).into_iter().for_each(|wrong| f.invalid_as(map, identifier, wrong));
}

/// A value of exactly one type.
fn attribute(attribute: &At<'_>, f: &mut Faults) {
    let types = ["int", "bool", "string", "version", "ints", "bools", "strings", "versions"];
    let given: Vec<&str> = types.into_iter().filter(|name| attribute.field(name).is_set()).collect();
    let all = types.map(|name| format!("`{name}`")).join(", ");
    match given.as_slice() {
        [] => f.invalid_as(attribute, "", format!("must specify one of: {all}")),
        [_] => {}
        several => {
            let shown = format!("{{{}}}", several.join(", "));
            f.invalid_as(attribute, &shown, format!("must specify exactly one of: {all}"));
        }
    }
    let (text, version) = (attribute.field("string"), attribute.field("version"));
    if text.text().len() > 64 {
        f.too_long(&text, 64);
    }
    if version.is_set() && !is_version(version.text()) {
        f.invalid(&version, "must be a string compatible with semver.org spec 2.0.0");
    }
}

/// Three numbers, and what may follow them.
fn is_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    core.split('.').count() == 3 && core.split('.').all(is_number)
}
