//! Nodes.

use super::at::{At, Faults};
use super::texts::{cidr, network};
use crate::field::{Cause, name};
use crate::kinds::quantity;

/// What a node says of itself.
pub(super) fn status(new: &At<'_>, is_new: bool, f: &mut Faults) {
    let status = new.field("status");
    for member in ["capacity", "allocatable"] {
        let amounts = status.field(member);
        for (resource, amount) in amounts.entries() {
            let amount = amount.told_as(amounts.field(resource).path);
            let is_counted = resource == "pods" || resource.contains('/') && !resource.contains("kubernetes.io/");
            match quantity::nanos(amount.text()) {
                Some(..0) => f.invalid(&amount, "must be greater than or equal to 0"),
                Some(nanos) if is_counted && nanos % 1_000_000_000 != 0 => f.invalid(&amount, "must be an integer"),
                _ => {}
            }
        }
    }
    if is_new {
        return;
    }
    let mut seen = Vec::new();
    for address in status.field("addresses").items() {
        if seen.contains(&address.value) {
            f.again(&address);
        }
        seen.push(address.value);
    }
}

pub(super) fn node(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    taints(&spec.field("taints").told_as(new.at("metadata.taints").path), f);
    let networks = networks(&spec);
    let at = spec.field("podCIDRs");
    for (index, text) in networks.iter().enumerate() {
        cidr(text).into_iter().for_each(|wrong| f.invalid_as(&at.told_as(at.path.index(index)), text, wrong));
    }
    let of_version_4 = networks.iter().filter_map(|text| network(text)).filter(|(at, _)| at.is_ipv4()).count();
    if networks.len() > 2 || of_version_4 > 1 || networks.len().saturating_sub(of_version_4) > 1 {
        f.invalid_as(&at, &networks, "may specify no more than one CIDR for each IP family");
    }
    if old.is_none() {
        status(new, true, f);
    }
    if let Some(old) = old {
        let old = old.field("spec");
        let known = self::networks(&old);
        if !known.is_empty() && known != networks {
            f.forbidden(&at, "node updates may not change podCIDR except from \"\" to valid");
        }
        let (provider, before) = (spec.field("providerID"), old.field("providerID"));
        if !before.is_empty() && before.value != provider.value {
            let what = if provider.is_empty() { "cleared" } else { "modified" };
            f.shown(Cause::Invalid, &provider, "null", format!("field cannot be {what} once set"));
        }
        if spec.field("externalID").value != old.field("externalID").value {
            f.forbidden(&spec.field("externalID"), "may not be updated");
        }
    }
}

fn networks<'a>(spec: &At<'a>) -> Vec<&'a str> {
    let listed: Vec<&str> = spec.field("podCIDRs").items().iter().map(At::text).collect();
    match (listed.is_empty(), spec.field("podCIDR").text()) {
        (true, "") => Vec::new(),
        (true, single) => vec![single],
        (false, _) => listed,
    }
}

fn taints(at: &At<'_>, f: &mut Faults) {
    let mut seen = Vec::new();
    for taint in at.items() {
        f.follows(&taint.field("key"), name::qualified);
        f.follows(&taint.field("value"), name::label_value);
        f.needs_one_of(&taint.field("effect"), &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
        let pair = (taint.field("key").text(), taint.field("effect").text());
        if seen.contains(&pair) {
            f.duplicate_because(&taint, "taints must be unique by key and effect pair");
        }
        seen.push(pair);
    }
}
