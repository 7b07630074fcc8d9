//! Services.

use super::at::{At, Faults};
use super::selector::labels;
use super::texts::{cidr, elsewhere, ip, port_or_name};
use crate::field::name;

pub(super) fn service(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    if let Some(old) = old {
        kept_addresses(&spec, &old.field("spec"), f);
    }
    let kind = spec.field("type").text();
    let is_headless = is_headless(&spec);
    let ports = spec.field("ports");
    if ports.is_empty() && !is_headless && kind != "ExternalName" {
        f.required(&ports, "");
    }
    let all = spec.field("clusterIPs");
    if let ("LoadBalancer" | "NodePort", true, Some(first)) = (kind, is_headless, all.items().first()) {
        f.invalid(first, format!("may not be set to 'None' for {kind} services"));
    }
    if kind == "ExternalName" {
        alias(&spec, f);
    }
    self::ports(&ports, f);
    labels(&spec.field("selector"), f);
    affinity(&spec, f);
    addresses(&spec, f);
    for address in spec.field("externalIPs").items() {
        let wrong = ip(address.text());
        match wrong.is_empty() {
            true => elsewhere(&address, f),
            false => wrong.into_iter().for_each(|wrong| f.invalid(&address, wrong)),
        }
    }
    f.one_of(&spec.field("type"), &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
    node_ports(&ports, kind, f);
    external(new, kind, f);
    traffic(&spec, kind, f);
}

fn is_headless(spec: &At<'_>) -> bool {
    spec.field("clusterIPs").items().as_slice().first().is_some_and(|first| first.text() == "None")
        && spec.field("clusterIPs").items().len() == 1
}

/// A name for something outside has no addresses.
fn alias(spec: &At<'_>, f: &mut Faults) {
    for member in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if !spec.field(member).is_empty() {
            f.forbidden(&spec.field(member), "may not be set for ExternalName services");
        }
    }
    let name = spec.field("externalName");
    let host = name.text().strip_suffix('.').unwrap_or(name.text());
    if f.needs(&name) {
        name::dns1123_subdomain(host).into_iter().for_each(|wrong| f.invalid_as(&name, host, wrong));
    }
}

/// Where balancers say that they can be reached.
pub(super) fn status(new: &At<'_>, f: &mut Faults) {
    let all = new.at("status.loadBalancer.ingress");
    if new.at("spec.type").text() != "LoadBalancer" && !all.is_empty() {
        return f.forbidden(&all, "may only be used when `spec.type` is 'LoadBalancer'");
    }
    for ingress in all.items() {
        let (at, host, mode) = (ingress.field("ip"), ingress.field("hostname"), ingress.field("ipMode"));
        f.follows_if_set(&at, ip);
        match (mode.is_set(), at.is_empty()) {
            (false, false) => f.required(&mode, "must be specified when `ip` is set"),
            (true, true) => f.forbidden(&mode, "may not be specified when `ip` is not set"),
            (true, false) => f.one_of_if_set(&mode, &["Proxy", "VIP"]),
            (false, true) => {}
        }
        if !host.is_empty() {
            name::dns1123_subdomain(host.text()).into_iter().for_each(|wrong| f.invalid(&host, wrong));
            if host.text().parse::<std::net::IpAddr>().is_ok() {
                f.invalid(&host, "must be a DNS name, not an IP address");
            }
        }
    }
}

fn ports(ports: &At<'_>, f: &mut Faults) {
    let all = ports.items();
    let mut names = Vec::new();
    for port in &all {
        let (name, number, protocol) = (port.field("name"), port.field("port"), port.field("protocol"));
        if name.is_empty() {
            if all.len() > 1 {
                f.required(&name, "");
            }
        } else {
            f.follows(&name, name::dns1123_label);
            if names.contains(&name.text()) {
                f.duplicate(&name, name.text());
            }
            names.push(name.text());
        }
        f.port(&number);
        f.needs_one_of(&protocol, &["SCTP", "TCP", "UDP"]);
        port_or_name(&port.field("targetPort"), f);
        f.follows_if_set(&port.field("appProtocol"), name::qualified);
    }
}

fn node_ports(ports: &At<'_>, kind: &str, f: &mut Faults) {
    let all = ports.items();
    let given = || all.iter().map(|port| (port, port.field("nodePort"))).filter(|(_, node)| node.number() != 0);
    if kind == "ClusterIP" {
        for (_, node) in given() {
            f.forbidden(&node, "may not be used when `type` is 'ClusterIP'");
        }
    }
    let mut seen = Vec::new();
    for (port, node) in given() {
        let pair = (node.number(), port.field("protocol").text());
        if seen.contains(&pair) {
            f.invalid(&node, "provided port is already allocated");
        }
        seen.push(pair);
    }
    let mut seen = Vec::new();
    for port in &all {
        let (number, protocol) = (port.field("port"), port.field("protocol"));
        let pair = (number.number(), protocol.text());
        if seen.contains(&pair) {
            // What is shown is a port of which nothing else is known.
            let bare = serde_json::json!({ "port": number.value, "protocol": protocol.value, "targetPort": 0 });
            f.again(&port.with(&bare));
        }
        seen.push(pair);
    }
}

fn affinity(spec: &At<'_>, f: &mut Faults) {
    let affinity = spec.field("sessionAffinity");
    f.needs_one_of(&affinity, &["ClientIP", "None"]);
    let timeout = spec.at("sessionAffinityConfig.clientIP.timeoutSeconds");
    if affinity.text() == "None" && spec.field("sessionAffinityConfig").is_set() {
        f.forbidden(&spec.field("sessionAffinityConfig"), "must not be set when session affinity is None");
    }
    if affinity.text() == "ClientIP" && !(1..=86400).contains(&timeout.number()) {
        f.invalid(&timeout, "must be greater than 0 and less than 86400");
    }
}

/// The addresses of a Service fit each other, and the families that they are of.
pub(super) fn addresses(spec: &At<'_>, f: &mut Faults) {
    if spec.field("type").text() == "ExternalName" {
        return;
    }
    let (all, single, families) = (spec.field("clusterIPs"), spec.field("clusterIP"), spec.field("ipFamilies"));
    let items = all.items();
    match (single.is_empty(), items.first()) {
        (false, None) => f.required(&all, ""),
        (false, Some(first)) if first.text() != single.text() => {
            f.invalid(&all, "first value must match `clusterIP`");
        }
        (true, Some(_)) => f.invalid(&all, "must be empty when `clusterIP` is not specified"),
        _ => {}
    }
    let mut seen = Vec::new();
    for family in families.items() {
        f.one_of(&family, &["IPv4", "IPv6"]);
        if seen.contains(&family.text()) {
            f.duplicate(&family, family.text());
        }
        seen.push(family.text());
    }
    f.one_of_if_set(&spec.field("ipFamilyPolicy"), &["PreferDualStack", "RequireDualStack", "SingleStack"]);
    let before = f.len();
    for (index, address) in items.iter().enumerate() {
        match address.text() {
            "None" if index == 0 && items.len() > 1 => f.invalid(&all, "'None' must be the first and only value"),
            "None" if index == 0 => {}
            _ => f.follows(address, ip),
        }
    }
    let is_broken = f.len() > before;
    if items.len() > 2 {
        f.invalid(&all, "may only hold up to 2 values");
    }
    if is_broken {
        return;
    }
    let is_v6 = |text: &str| text.contains(':');
    if items.len() > 1 && items.iter().all(|item| is_v6(item.text()) == is_v6(items[0].text())) {
        f.invalid(&all, "may specify no more than one IP for each IP family");
    }
    if is_headless(spec) {
        return;
    }
    for (index, (address, family)) in items.iter().zip(families.items()).enumerate() {
        let fits = is_v6(address.text()) == (family.text() == "IPv6");
        if !fits && ["IPv4", "IPv6"].contains(&family.text()) {
            let why = format!("expected an {} value as indicated by `ipFamilies[{index}]`", family.text());
            f.invalid(address, why);
        }
    }
}

/// The networks from which a balancer may be asked, in an annotation as they were once.
const RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

/// How a Service is reached from outside of the cluster.
fn external(new: &At<'_>, kind: &str, f: &mut Faults) {
    let spec = new.field("spec");
    let is_balanced = kind == "LoadBalancer";
    const ONLY_BALANCED: &str = "may only be used when `type` is 'LoadBalancer'";
    let ranges = spec.field("loadBalancerSourceRanges").told_as(spec.field("LoadBalancerSourceRanges").path);
    let annotation = new.at("metadata.annotations").entry(RANGES);
    if !ranges.is_empty() {
        if !is_balanced {
            f.forbidden(&ranges, ONLY_BALANCED);
        }
        for range in ranges.items() {
            let bare = range.text().trim();
            cidr(bare).into_iter().for_each(|wrong| f.invalid_as(&range, bare, wrong));
        }
    } else if annotation.is_set() {
        if !is_balanced {
            f.forbidden(&annotation, ONLY_BALANCED);
        }
        for range in annotation.text().trim().split(',').map(str::trim).filter(|_| !annotation.text().trim().is_empty())
        {
            cidr(range).into_iter().for_each(|wrong| f.invalid_as(&annotation, range, wrong));
        }
    }
    let allocates = spec.field("allocateLoadBalancerNodePorts");
    if allocates.is_set() && !is_balanced {
        f.forbidden(&allocates, ONLY_BALANCED);
    }
    let class = spec.field("loadBalancerClass");
    match class.is_set() {
        true if is_balanced => f.follows(&class, name::qualified),
        true => f.forbidden(&class, ONLY_BALANCED),
        false => {}
    }
}

fn traffic(spec: &At<'_>, kind: &str, f: &mut Faults) {
    let policies = ["Cluster", "Local"];
    let outside = spec.field("externalTrafficPolicy");
    let is_reachable =
        matches!(kind, "NodePort" | "LoadBalancer") || kind == "ClusterIP" && !spec.field("externalIPs").is_empty();
    match is_reachable {
        true => f.one_of_if_set(&outside, &policies),
        false if !outside.is_empty() => f.invalid(&outside, "may only be set for externally-accessible services"),
        false => {}
    }
    let check = spec.field("healthCheckNodePort");
    if check.number() != 0 && !(kind == "LoadBalancer" && outside.text() == "Local") {
        f.invalid(&check, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    }
    f.one_of_if_set(&spec.field("internalTrafficPolicy"), &policies);
    f.one_of_if_set(&spec.field("trafficDistribution"), &["PreferClose", "PreferSameZone", "PreferSameNode"]);
}

/// An address, its family and a class are given once; only a Service that had none or becomes an alias may change them.
fn kept_addresses(new: &At<'_>, old: &At<'_>, f: &mut Faults) {
    let is_alias = |spec: &At<'_>| spec.field("type").text() == "ExternalName";
    if !is_alias(new) && !is_alias(old) {
        let (was, is) = (is_headless(old), is_headless(new));
        if !(was && is) {
            kept(new, old, "clusterIPs", "clusterIP", f);
        }
        if !was && !is {
            kept(new, old, "ipFamilies", "ipFamily", f);
        }
    }
    let class = new.field("loadBalancerClass");
    let is_balanced = |spec: &At<'_>| spec.field("type").text() == "LoadBalancer";
    if is_balanced(new) && is_balanced(old) && class.value != old.field("loadBalancerClass").value {
        f.invalid(&class, "may not change once set");
    }
    let is_checked = |spec: &At<'_>| is_balanced(spec) && spec.field("externalTrafficPolicy").text() == "Local";
    let check = new.field("healthCheckNodePort");
    if is_checked(new) && is_checked(old) && check.value != old.field("healthCheckNodePort").value {
        f.forbidden(&check, "field is immutable");
    }
}

/// The first of a list stays; a second one may come, and go with the policy that asked for it.
fn kept(new: &At<'_>, old: &At<'_>, list: &str, what: &str, f: &mut Faults) {
    let (now, before) = (new.field(list), old.field(list));
    let (items, known) = (now.items(), before.items());
    let place = |index: usize| now.told_as(now.path.index(index));
    if items.len() == known.len() {
        for (index, (item, known)) in items.iter().zip(&known).enumerate() {
            if item.text() != known.text() {
                let place = place(if list == "ipFamilies" { 0 } else { index });
                f.invalid(&place, "may not change once set");
            }
        }
        return;
    }
    let (Some(first), Some(known_first)) = (items.first(), known.first()) else {
        if items.is_empty() && !known.is_empty() && list == "clusterIPs" {
            f.invalid(&place(0), "primary clusterIP can not be unset");
        }
        return;
    };
    if first.text() != known_first.text() {
        f.invalid(&place(0), "may not change once set");
    }
    let policy = new.field("ipFamilyPolicy");
    if known.len() > items.len() && policy.text() != "SingleStack" {
        f.invalid(&policy, format!("must be set to 'SingleStack' when releasing the secondary {what}"));
    }
}
