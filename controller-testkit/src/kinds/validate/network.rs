//! Ingresses and NetworkPolicies.

use std::net::IpAddr;

use serde_json::Value;

use super::at::{At, Faults};
use super::selector::selector;
use super::texts::{cidr, network, port_name, port_or_name, wildcard_host};
use crate::field::name;

const CLASS: &str = "kubernetes.io/ingress.class";

pub(super) fn ingress(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    let (rules, backend, class) = (spec.field("rules"), spec.field("defaultBackend"), spec.field("ingressClassName"));
    if rules.is_empty() && !backend.is_set() {
        let nothing = Value::Null;
        let shown = if rules.is_set() { rules.value } else { &nothing };
        f.invalid_as(&spec, shown, "either `defaultBackend` or `rules` must be specified");
    }
    if backend.is_set() {
        self::backend(&backend, f);
    }
    for rule in rules.items() {
        host(&rule.field("host"), f);
        let http = rule.field("http");
        if http.is_set() && f.needs(&http.field("paths")) {
            http.field("paths").items().iter().for_each(|path| self::path(path, f));
        }
    }
    for tls in spec.field("tls").items() {
        tls.field("hosts").items().iter().for_each(|host| dns_name(host, f));
        f.follows_if_set(&tls.field("secretName"), name::dns1123_subdomain);
    }
    f.follows_if_set(&class, name::dns1123_subdomain);
    let annotation = new.at("metadata.annotations");
    let annotated = annotation.value.get(CLASS).and_then(Value::as_str);
    if let Some(annotated) = annotated.filter(|annotated| class.is_set() && *annotated != class.text())
        && old.is_none()
    {
        let at = At::root(new.value).field("annotations").field(CLASS);
        f.invalid_as(&at, annotated, "must match `ingressClassName` when both are specified");
    }
}

fn host(host: &At<'_>, f: &mut Faults) {
    if host.is_empty() {
        return;
    }
    if host.text().parse::<IpAddr>().is_ok() {
        f.invalid(host, "must be a DNS name, not an IP address");
    }
    dns_name(host, f);
}

fn dns_name(host: &At<'_>, f: &mut Faults) {
    f.follows(host, if host.text().contains('*') { wildcard_host } else { name::dns1123_subdomain });
}

fn path(path: &At<'_>, f: &mut Faults) {
    let (kind, text) = (path.field("pathType"), path.field("path"));
    if !kind.is_set() {
        return f.required(&kind, "pathType must be specified");
    }
    match kind.text() {
        "Exact" | "Prefix" => slashes(&text, f),
        "ImplementationSpecific" if !text.is_empty() && !text.text().starts_with('/') => {
            f.invalid(&text, "must be an absolute path");
        }
        _ => {
            f.one_of(&kind, &["Exact", "ImplementationSpecific", "Prefix"]);
        }
    }
    backend(&path.field("backend"), f);
}

fn slashes(path: &At<'_>, f: &mut Faults) {
    if !path.text().starts_with('/') {
        f.invalid_as(path, path.text(), "must be an absolute path");
        return;
    }
    for part in ["//", "/./", "/../", "%2f", "%2F"] {
        if path.text().contains(part) {
            f.invalid(path, format!("must not contain '{part}'"));
        }
    }
    for end in ["/..", "/."] {
        if path.text().ends_with(end) {
            f.invalid(path, format!("cannot end with '{end}'"));
        }
    }
}

fn backend(backend: &At<'_>, f: &mut Faults) {
    let (service, resource) = (backend.field("service"), backend.field("resource"));
    match (service.is_set(), resource.is_set()) {
        (true, true) => f.invalid_as(backend, "", "cannot set both resource and service backends"),
        (false, false) => f.invalid_as(backend, "", "resource or service backend is required"),
        (false, true) => {
            f.follows_if_set(&resource.field("apiGroup"), name::dns1123_subdomain);
            for field in ["kind", "name"] {
                let at = resource.field(field);
                if f.needs(&at) {
                    f.follows(&at, name::path_segment);
                }
            }
        }
        (true, false) => {
            if f.needs(&service.field("name")) {
                f.follows(&service.field("name"), name::dns1123_label);
            }
            let (port, number) = (service.at("port.name"), service.at("port.number"));
            match (port.is_empty(), number.number()) {
                (false, 0) => f.follows(&port, port_name),
                (false, _) => f.invalid_as(backend, "", "cannot set both port name & port number"),
                (true, 0) => f.required(backend, "port name or number is required"),
                (true, _) => f.port(&number),
            }
        }
    }
}

pub(super) fn policy(new: &At<'_>, f: &mut Faults) {
    let spec = new.field("spec");
    selector(&spec.field("podSelector"), f);
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.field(rules).items() {
            rule.field("ports").items().iter().for_each(|port| policy_port(port, f));
            rule.field(peers).items().iter().for_each(|peer| self::peer(peer, f));
        }
    }
    let kinds = spec.field("policyTypes");
    if kinds.items().len() > 2 {
        f.invalid(&kinds, "may not specify more than two policyTypes");
        return;
    }
    kinds.items().iter().for_each(|kind| {
        f.one_of(kind, &["Ingress", "Egress"]);
    });
}

fn policy_port(at: &At<'_>, f: &mut Faults) {
    f.one_of_if_set(&at.field("protocol"), &["TCP", "UDP", "SCTP"]);
    let (port, end) = (at.field("port"), at.field("endPort"));
    if port.is_set() {
        port_or_name(&port, f);
    }
    if end.is_set() {
        match port.value {
            Value::Number(_) => {
                if end.number() < port.number() {
                    f.invalid(&end, "must be greater than or equal to `port`");
                }
                f.port(&end);
            }
            Value::String(_) => f.invalid(&end, "may not be specified when `port` is non-numeric"),
            _ => f.invalid(&end, "may not be specified when `port` is not specified"),
        }
    }
}

fn peer(peer: &At<'_>, f: &mut Faults) {
    let (pods, namespaces, block) = (peer.field("podSelector"), peer.field("namespaceSelector"), peer.field("ipBlock"));
    selector(&pods, f);
    selector(&namespaces, f);
    let whole = block.field("cidr");
    if !whole.is_empty() {
        ip_block(&block, f);
    }
    let is_selector = pods.is_set() || namespaces.is_set();
    match (is_selector, block.is_set()) {
        (false, false) => f.required(peer, "must specify a peer"),
        (true, true) => f.forbidden(peer, "may not specify both ipBlock and another peer"),
        _ => {}
    }
    if block.is_set() {
        f.needs(&whole);
    }
}

fn ip_block(block: &At<'_>, f: &mut Faults) {
    f.follows(&block.field("cidr"), cidr);
    let Some(whole) = network(block.field("cidr").text()) else { return };
    for part in block.field("except").items() {
        match network(part.text()) {
            None => f.follows(&part, cidr),
            Some(part_of) if !holds(whole, part_of) => f.invalid(&part, "must be a strict subset of `cidr`"),
            Some(_) => {}
        }
    }
}

/// Whether a network has another one as a smaller part of it.
fn holds((whole, length): (IpAddr, u8), (part, longer): (IpAddr, u8)) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, true),
        IpAddr::V6(address) => (u128::from(address), false),
    };
    let ((whole, family), (part, other)) = (bits(whole), bits(part));
    let prefix = |bits: u128| bits.checked_shr(128 - u32::from(length)).unwrap_or(0);
    family == other && longer > length && prefix(whole) == prefix(part)
}
