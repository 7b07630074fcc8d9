//! Services.

use super::at::{At, Faults};
use super::selector::labels;
use super::texts::{cidr, ip, port_or_name};
use crate::field::name;

pub(super) fn service(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    let kind = spec.field("type").text();
    let is_headless = spec.field("clusterIP").text() == "None";
    let ports = spec.field("ports");
    if ports.is_empty() && !is_headless && kind != "ExternalName" {
        f.required(&ports, "");
    }
    self::ports(&ports, kind, f);
    labels(&spec.field("selector"), f);
    f.one_of(&spec.field("type"), &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
    affinity(&spec, f);
    let external_name = spec.field("externalName");
    if kind == "ExternalName" {
        let host = external_name.text().strip_suffix('.').unwrap_or(external_name.text());
        if f.needs(&external_name) {
            name::dns1123_subdomain(host).into_iter().for_each(|wrong| f.invalid(&external_name, wrong));
        }
    }
    addresses(&spec, kind, f);
    external(&spec, kind, f);
    traffic(&spec, kind, f);
    if let Some(old) = old {
        kept_addresses(&spec, &old.field("spec"), f);
    }
}

fn ports(ports: &At<'_>, kind: &str, f: &mut Faults) {
    let all = ports.items();
    let (mut names, mut numbers, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
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
        let pair = (number.number(), protocol.text());
        if numbers.contains(&pair) {
            f.duplicate(port, port.value);
        }
        numbers.push(pair);
        let node = port.field("nodePort");
        if node.number() != 0 {
            if kind == "ClusterIP" {
                f.forbidden(&node, "may not be used when `type` is 'ClusterIP'");
            }
            let pair = (node.number(), protocol.text());
            if nodes.contains(&pair) {
                f.invalid(&node, "provided port is already allocated");
            }
            nodes.push(pair);
        }
    }
}

fn affinity(spec: &At<'_>, f: &mut Faults) {
    let affinity = spec.field("sessionAffinity");
    f.needs_one_of(&affinity, &["ClientIP", "None"]);
    let timeout = spec.at("sessionAffinityConfig.clientIP.timeoutSeconds");
    if affinity.text() == "ClientIP" && !(1..=86400).contains(&timeout.number()) {
        f.invalid(&timeout, "must be greater than 0 and less than 86400");
    }
}

fn addresses(spec: &At<'_>, kind: &str, f: &mut Faults) {
    let all = spec.field("clusterIPs");
    let single = spec.field("clusterIP");
    if kind == "ExternalName" {
        if !all.is_empty() || !single.is_empty() {
            f.forbidden(&all, "may not be set for ExternalName services");
        }
        return;
    }
    for (index, address) in all.items().iter().enumerate() {
        match address.text() {
            "None" if index == 0 => {
                if kind != "ClusterIP" {
                    f.invalid(address, format!("may not be set to 'None' for {kind} services"));
                }
            }
            _ => f.follows(address, ip),
        }
    }
    if !single.is_empty() && all.items().first().is_some_and(|first| first.text() != single.text()) {
        f.invalid(&all, "first value must match `clusterIP`");
    }
    let families = spec.field("ipFamilies");
    let mut seen = Vec::new();
    for family in families.items() {
        f.one_of(&family, &["IPv4", "IPv6"]);
        if seen.contains(&family.text()) {
            f.duplicate(&family, family.text());
        }
        seen.push(family.text());
    }
    f.one_of_if_set(&spec.field("ipFamilyPolicy"), &["PreferDualStack", "RequireDualStack", "SingleStack"]);
}

/// How a Service is reached from outside of the cluster.
fn external(spec: &At<'_>, kind: &str, f: &mut Faults) {
    for address in spec.field("externalIPs").items() {
        match address.text().parse::<std::net::IpAddr>() {
            Err(_) => f.follows(&address, ip),
            Ok(at) if at.is_loopback() => {
                f.invalid(&address, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
            }
            Ok(at) if at.is_unspecified() => f.invalid(&address, format!("may not be unspecified ({at})")),
            Ok(_) => {}
        }
    }
    const ONLY_BALANCED: &str = "may only be used when `type` is 'LoadBalancer'";
    let ranges = spec.field("loadBalancerSourceRanges").told_as(spec.field("LoadBalancerSourceRanges").path);
    if kind == "LoadBalancer" {
        ranges.items().iter().for_each(|range| f.follows(range, |text| cidr(text.trim())));
        f.follows_if_set(&spec.field("loadBalancerClass"), name::qualified);
        return;
    }
    if !ranges.is_empty() {
        f.forbidden(&ranges, ONLY_BALANCED);
    }
    for field in ["loadBalancerClass", "allocateLoadBalancerNodePorts"] {
        if spec.field(field).is_set() {
            f.forbidden(&spec.field(field), ONLY_BALANCED);
        }
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

/// An address and a class are given once; only a Service that had none or becomes an alias may change it.
fn kept_addresses(new: &At<'_>, old: &At<'_>, f: &mut Faults) {
    let class = new.field("loadBalancerClass");
    let is_balanced = |spec: &At<'_>| spec.field("type").text() == "LoadBalancer";
    if is_balanced(new) && is_balanced(old) && class.value != old.field("loadBalancerClass").value {
        f.invalid(&class, "may not change once set");
    }
    let is_alias = |spec: &At<'_>| spec.field("type").text() == "ExternalName";
    if is_alias(new) || is_alias(old) || old.field("clusterIP").is_empty() {
        return;
    }
    let (addresses, known) = (new.field("clusterIPs"), old.field("clusterIPs"));
    let (Some(first), Some(before)) = (addresses.items().into_iter().next(), known.items().into_iter().next()) else {
        return;
    };
    let is_address = first.text() == "None" || ip(first.text()).is_empty();
    if is_address && first.text() != before.text() {
        f.invalid_as(&first, addresses.value, "may not change once set");
    }
}
