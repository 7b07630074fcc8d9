//! What belongs to the whole cluster: classes, volumes, the addresses of services, limits and quotas.

use super::at::{At, Faults};
use crate::field::name;

/// The highest priority that a class of a user's own may have.
const HIGHEST: i64 = 1_000_000_000;

pub(super) fn priority_class(new: &At<'_>, f: &mut Faults) {
    let (class, value) = (new.at("metadata.name"), new.field("value"));
    if class.text().starts_with("system-") {
        let why = "priority class names with 'system-' prefix are reserved for system use only. error:";
        f.forbidden(&class, format!("{why} {} is not a known system priority class", class.text()));
    } else if value.number() > HIGHEST {
        f.forbidden(&value, format!("maximum allowed value of a user defined priority is {HIGHEST}"));
    }
    f.one_of_if_set(&new.field("preemptionPolicy"), &["PreemptLowerPriority", "Never"]);
}

pub(super) fn storage_class(new: &At<'_>, f: &mut Faults) {
    let provisioner = new.field("provisioner");
    if f.needs(&provisioner) {
        let small = provisioner.text().to_lowercase();
        name::qualified(&small).into_iter().for_each(|wrong| f.invalid_as(&provisioner, &small, wrong));
    }
    if new.field("parameters").entries().iter().any(|(key, _)| key.is_empty()) {
        f.invalid_as(&new.field("parameters"), "", "field can not be empty.");
    }
    f.one_of_if_set(&new.field("reclaimPolicy"), &["Delete", "Retain"]);
    f.one_of_if_set(&new.field("volumeBindingMode"), &["Immediate", "WaitForFirstConsumer"]);
}

pub(super) fn volume(new: &At<'_>, f: &mut Faults) {
    const OTHER: [&str; 8] = [
        "capacity",
        "accessModes",
        "claimRef",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "mountOptions",
        "volumeMode",
        "nodeAffinity",
    ];
    let spec = new.field("spec");
    let modes = spec.field("accessModes");
    f.needs(&modes);
    for mode in modes.items() {
        let known = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
        if !known.contains(&mode.text()) {
            f.not_supported(&modes, mode.text(), &known);
        }
    }
    let capacity = spec.field("capacity");
    f.needs(&capacity);
    if !capacity.entry("storage").is_set() || capacity.entries().len() > 1 {
        f.not_supported(&capacity, capacity.value, &["storage"]);
    }
    let members = spec.value.as_object().into_iter().flat_map(serde_json::Map::keys);
    let sources: Vec<&String> = members
        .filter(|name| !OTHER.contains(&name.as_str()) && name.as_str() != "volumeAttributesClassName")
        .collect();
    for source in sources.iter().skip(1) {
        f.forbidden(&spec.field(source), "may not specify more than 1 volume type");
    }
    if sources.is_empty() {
        f.required(&spec, "must specify a volume type");
    }
    if spec.field("local").is_set() && !spec.field("nodeAffinity").is_set() {
        f.required(&spec.field("nodeAffinity"), "Local volume requires node affinity");
    }
    let recycled = spec.field("persistentVolumeReclaimPolicy");
    if recycled.text() == "Recycle" && spec.at("hostPath.path").text() == "/" {
        f.forbidden(&recycled, "may not be 'recycle' for a hostPath mount of '/'");
    }
}

/// Endpoints in either form are somewhere else than on the machine itself.
fn elsewhere(at: &At<'_>, f: &mut Faults) {
    use std::net::IpAddr;
    let Ok(ip) = at.text().parse::<IpAddr>() else { return };
    let wrong = match ip {
        _ if ip.is_unspecified() => "may not be unspecified (0.0.0.0 or ::)",
        _ if ip.is_loopback() => "may not be in the loopback range (127.0.0.0/8, ::1/128)",
        IpAddr::V4(v4) if v4.is_link_local() => "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
        _ => return,
    };
    f.invalid(at, wrong);
}

pub(super) fn slice(new: &At<'_>, f: &mut Faults) {
    let kind = new.field("addressType");
    f.needs_one_of(&kind, &["FQDN", "IPv4", "IPv6"]);
    for endpoint in new.field("endpoints").items() {
        let addresses = endpoint.field("addresses");
        f.needs(&addresses);
        for address in addresses.items() {
            let fits =
                address.text().parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_ipv6() == (kind.text() == "IPv6"));
            if matches!(kind.text(), "IPv4" | "IPv6") && !fits {
                let article = if kind.text() == "IPv4" { "an IPv4" } else { "an IPv6" };
                f.invalid(&address.told_as(addresses.path.clone()), format!("must be {article} address"));
            }
            elsewhere(&address, f);
        }
        f.follows_if_set(&endpoint.field("hostname"), name::dns1123_label);
    }
    let mut names: Vec<&str> = Vec::new();
    for port in new.field("ports").items() {
        let called = port.field("name");
        if names.contains(&called.text()) {
            f.duplicate(&called, called.text());
        }
        names.push(called.text());
        f.one_of(&port.field("protocol"), &["SCTP", "TCP", "UDP"]);
    }
}

pub(super) fn endpoints(new: &At<'_>, f: &mut Faults) {
    for subset in new.field("subsets").items() {
        let (ready, not_ready) = (subset.field("addresses"), subset.field("notReadyAddresses"));
        if ready.is_empty() && not_ready.is_empty() {
            f.required(&subset, "must specify `addresses` or `notReadyAddresses`");
        }
        for address in ready.items().iter().chain(&not_ready.items()) {
            let ip = address.field("ip");
            if ip.text().parse::<std::net::IpAddr>().is_err() {
                f.invalid(&ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
                f.invalid(&ip, "must be a valid IP address");
            }
            elsewhere(&ip, f);
        }
        for port in subset.field("ports").items() {
            f.port(&port.field("port"));
        }
    }
}

pub(super) fn runtime_class(new: &At<'_>, f: &mut Faults) {
    f.follows(&new.field("handler"), name::dns1123_label);
}

pub(super) fn ingress_class(new: &At<'_>, f: &mut Faults) {
    let controller = new.at("spec.controller");
    if f.needs(&controller) && !controller.text().contains('/') {
        f.invalid(&controller, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    }
}
