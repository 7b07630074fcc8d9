//! Endpoints in either form, and the addresses of services as objects of their own.

use std::net::IpAddr;

use super::at::{At, Faults};
use super::texts::{cidr, elsewhere, ip, network};
use crate::field::name;

pub(super) fn slice(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let kind = new.field("addressType");
    f.needs_one_of(&kind, &["FQDN", "IPv4", "IPv6"]);
    ports(new, f);
    // What was taken before stays as it is.
    if old.is_none_or(|old| old.field("endpoints").value != new.field("endpoints").value) {
        endpoints_of_slice(new, f);
    }
    if let Some(old) = old {
        f.fixed(&kind, &old.field("addressType"));
    }
    for endpoint in new.field("endpoints").items() {
        f.needs(&endpoint.field("addresses"));
    }
}

fn endpoints_of_slice(new: &At<'_>, f: &mut Faults) {
    let (kind, endpoints) = (new.field("addressType"), new.field("endpoints"));
    if f.at_most(&endpoints, 1000) {
        endpoints.items().iter().for_each(|endpoint| self::endpoint(endpoint, kind.text(), f));
    }
}

fn ports(new: &At<'_>, f: &mut Faults) {
    let ports = new.field("ports");
    if !f.at_most(&ports, 20_000) {
        return;
    }
    let mut names: Vec<&str> = Vec::new();
    for port in ports.items() {
        let called = port.field("name");
        if !called.is_empty() {
            f.follows(&called, name::dns1123_label);
        }
        if names.contains(&called.text()) {
            f.duplicate(&called, called.text());
        }
        names.push(called.text());
        f.one_of(&port.field("protocol"), &["SCTP", "TCP", "UDP"]);
        f.follows_if_set(&port.field("appProtocol"), name::qualified);
    }
}

fn endpoint(endpoint: &At<'_>, kind: &str, f: &mut Faults) {
    let addresses = endpoint.field("addresses");
    if !f.at_most(&addresses, 100) {
        return;
    }
    for address in addresses.items() {
        let wrong = if kind == "FQDN" { name::dns1123_subdomain(address.text()) } else { ip(address.text()) };
        if !wrong.is_empty() {
            wrong.into_iter().for_each(|wrong| f.invalid(&address, wrong));
        } else if kind != "FQDN" {
            if matches!(kind, "IPv4" | "IPv6") && address.text().contains(':') != (kind == "IPv6") {
                f.invalid(&address.told_as(addresses.path.clone()), format!("must be an {kind} address"));
            }
            elsewhere(&address, f);
        }
    }
    f.follows_if_set(&endpoint.field("hostname"), name::dns1123_label);
    let node = endpoint.field("nodeName");
    if node.is_set() {
        f.follows(&node, name::dns1123_subdomain);
    }
    let hints = endpoint.field("hints");
    for (list, grammar) in [("forZones", None), ("forNodes", Some(name::dns1123_subdomain as fn(&str) -> Vec<String>))]
    {
        let places = hints.field(list);
        if !f.at_most(&places, 8) {
            continue;
        }
        let mut seen: Vec<&str> = Vec::new();
        for name in places.items().iter().map(|place| place.field("name")) {
            if seen.contains(&name.text()) {
                f.duplicate(&name, name.text());
            }
            seen.push(name.text());
            f.follows(&name, grammar.unwrap_or(name::label_value));
        }
    }
}

pub(super) fn endpoints(new: &At<'_>, f: &mut Faults) {
    for subset in new.field("subsets").items() {
        let (ready, not_ready) = (subset.field("addresses"), subset.field("notReadyAddresses"));
        if ready.is_empty() && not_ready.is_empty() {
            f.required(&subset, "must specify `addresses` or `notReadyAddresses`");
        }
        for address in ready.items().iter().chain(&not_ready.items()) {
            let text = address.field("ip");
            let wrong = ip(text.text());
            if text.text().parse::<std::net::IpAddr>().is_err() {
                wrong.into_iter().for_each(|wrong| f.invalid(&text, wrong));
                f.invalid(&text, "must be a valid IP address");
            } else {
                wrong.into_iter().for_each(|wrong| f.invalid(&text, wrong));
            }
            f.follows_if_set(&address.field("hostname"), name::dns1123_label);
            let node = address.field("nodeName");
            if node.is_set() {
                f.follows(&node, name::dns1123_subdomain);
            }
            elsewhere(&text, f);
        }
        let ports = subset.field("ports").items();
        for port in &ports {
            let called = port.field("name");
            match called.is_empty() {
                true if ports.len() > 1 => f.required(&called, ""),
                true => {}
                false => f.follows(&called, name::dns1123_label),
            }
            f.port(&port.field("port"));
            f.needs_one_of(&port.field("protocol"), &["SCTP", "TCP", "UDP"]);
            f.follows_if_set(&port.field("appProtocol"), name::qualified);
        }
    }
}

/// An address that is somebody's.
pub(super) fn address(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let parent = new.at("spec.parentRef");
    f.follows_if_set(&new.at("metadata.generateName"), canonical);
    f.follows_if_set(&new.at("metadata.name"), canonical);
    match parent.is_set() {
        true => owner(&parent, f),
        false => f.required(&parent, ""),
    }
    if let Some(old) = old {
        f.fixed(&parent, &old.at("spec.parentRef"));
    }
}

fn owner(parent: &At<'_>, f: &mut Faults) {
    f.follows_if_set(&parent.field("group"), name::dns1123_subdomain);
    for member in ["resource", "name"] {
        let at = parent.field(member);
        if f.needs(&at) {
            f.follows(&at, name::path_segment);
        }
    }
    f.follows_if_set(&parent.field("namespace"), name::path_segment);
}

/// An address as everyone writes it.
fn canonical(text: &str) -> Vec<String> {
    match text.parse::<IpAddr>() {
        Ok(address) if address.to_string() != text => vec![format!("must be in canonical form (\"{address}\")")],
        _ => ip(text),
    }
}

/// The networks that services get their addresses from.
pub(super) fn networks(new: &At<'_>, f: &mut Faults) {
    let spec = new.field("spec");
    let all = spec.field("cidrs");
    let items = all.items();
    if items.is_empty() {
        return f.required(&all, "at least one CIDR required");
    }
    if items.len() > 2 {
        return f.invalid(&spec.told_as(all.path), "may only hold up to 2 values");
    }
    let families: Vec<bool> =
        items.iter().filter_map(|item| network(item.text())).map(|(at, _)| at.is_ipv4()).collect();
    if families.len() == 2 && families[0] == families[1] {
        let why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
        f.invalid(&all, why);
    }
    items.iter().for_each(|item| f.follows(item, cidr));
}
