//! What a Service is given: the families of its addresses, an address, and ports of the nodes.
//!
//! Addresses are of `10.96.0.0/12`, as where a server says nothing else, and of one family. They are drawn from the
//! Service's uid, so that one seed gives one cluster; what is taken already, only the server knows.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::strategy::member;
use super::validate::At;
use crate::field::FieldError;

/// The first address of the network that services get theirs from, and how many there are.
const NETWORK: (u32, u32) = (10 << 24 | 96 << 16, 1 << 20);
/// The ports of nodes that services get.
const PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;

/// What somebody else may have already.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wish<'a> {
    Address(&'a str),
    Port(i64),
}

/// Why a Service does not get what it wants.
#[derive(Debug)]
pub(crate) enum Unmet {
    Invalid(FieldError),
    /// What the real server tells as a failure of its own.
    Failure(String),
}

/// A new Service that names its address names it in the list, too.
pub(super) fn list_address(object: &mut Value) {
    let Some(spec) = member(object, "", "spec") else { return };
    let Some(address) = spec.get("clusterIP").cloned() else { return };
    spec.entry("clusterIPs").or_insert_with(|| json!([address]));
}

/// Fills in the families of a Service's addresses, and answers what about them can't be.
pub(crate) fn families(object: &mut Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text("/spec/type") == "ExternalName" {
        return faults;
    }
    let (is_headless, has_selector) = (text("/spec/clusterIP") == "None", object.pointer("/spec/selector").is_some());
    let is_free = is_headless && !has_selector;
    let before = old.and_then(|old| old.pointer("/spec/ipFamilyPolicy")).cloned();
    let Some(spec) = member(object, "", "spec") else { return faults };
    let usual = if is_free { "RequireDualStack" } else { "SingleStack" };
    let policy = spec.entry("ipFamilyPolicy").or_insert_with(|| before.unwrap_or_else(|| usual.into())).clone();
    let is_single = policy == "SingleStack";
    if old.is_some() {
        faults = super::validate::families_of_service(object);
        if !faults.is_empty() {
            return faults;
        }
    }
    let shown = At::root(object);
    let (addresses, known) = (shown.at("spec.clusterIPs"), shown.at("spec.ipFamilies"));
    let policy_at = shown.at("spec.ipFamilyPolicy");
    let mut given: Vec<String> = known.items().iter().map(|family| family.text().to_owned()).collect();
    for (count, what) in [(addresses.items().len(), "cluster IPs"), (given.len(), "IP families")] {
        if is_single && count == 2 {
            let why = format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified");
            faults.push(FieldError::invalid(&policy_at.path, &policy, why));
        }
    }
    for (at, address) in addresses.items().iter().enumerate().filter(|(_, address)| address.text() != "None") {
        let family = if address.text().contains(':') { "IPv6" } else { "IPv4" };
        match (at < given.len(), family) {
            (true, _) => {}
            (false, "IPv6") => {
                let why = "IPv6 is not configured on this cluster";
                faults.push(FieldError::invalid(&address.path, addresses.value, why));
            }
            (false, family) => given.push(family.to_owned()),
        }
    }
    if !faults.is_empty() {
        return faults;
    }
    // Whoever writes the endpoints of a service without a selector and an address may give it some of either family.
    if is_free {
        if given.is_empty() {
            given.push("IPv4".to_owned());
        }
        if given.len() < 2 && !is_single {
            given.push(if given[0] == "IPv4" { "IPv6" } else { "IPv4" }.to_owned());
        }
    } else {
        if policy == "RequireDualStack" {
            let why = "this cluster is not configured for dual-stack services";
            faults.push(FieldError::invalid(&policy_at.path, &policy, why));
        }
        for (at, family) in given.iter().enumerate().filter(|(_, family)| *family != "IPv4") {
            faults.push(FieldError::invalid(known.path.index(at), family, "not configured on this cluster"));
        }
        if given.is_empty() {
            given.push("IPv4".to_owned());
        }
    }
    if faults.is_empty()
        && let Some(spec) = member(object, "", "spec")
    {
        spec.insert("ipFamilies".into(), given.into());
    }
    faults
}

/// Gives a Service the address and the ports that it wants, or others where it wants none in particular.
pub(crate) fn draw(
    object: &mut Value,
    old: Option<&Value>,
    dry_run: bool,
    is_taken: &dyn Fn(Wish<'_>) -> bool,
) -> Result<(), Unmet> {
    let text = |object: &Value, path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (uid, kind) = (text(object, "/metadata/uid"), text(object, "/spec/type"));
    if kind == "ExternalName" {
        return Ok(());
    }
    let wanted = text(object, "/spec/clusterIP");
    let has_it = old.is_some_and(|old| text(old, "/spec/clusterIP") == wanted);
    let checks_health = kind == "LoadBalancer" && text(object, "/spec/externalTrafficPolicy") == "Local";
    let Some(spec) = member(object, "", "spec") else { return Ok(()) };
    if wanted.is_empty() {
        let drawn = (0..).map(|salt| NETWORK.0 + 1 + hash(&uid, salt) % (NETWORK.1 - 2));
        let mut free = drawn.map(|drawn| Ipv4Addr::from(drawn).to_string());
        // 10.96.0.1 is the API server's own.
        let address = free.find(|drawn| drawn != "10.96.0.1" && !is_taken(Wish::Address(drawn))).unwrap_or_default();
        spec.insert("clusterIPs".into(), json!([address]));
        spec.insert("clusterIP".into(), address.into());
    } else if wanted != "None" && !has_it {
        let is_within = wanted.parse::<Ipv4Addr>().is_ok_and(|address| {
            let place = u32::from(address).wrapping_sub(NETWORK.0);
            (1..NETWORK.1 - 1).contains(&place)
        });
        let why = match is_within {
            false => {
                let (base, length) = (Ipv4Addr::from(NETWORK.0), NETWORK.1.leading_zeros() + 1);
                let range = format!("The range of valid IPs is {base}/{length}");
                format!("the provided IP ({wanted}) is not in the valid range. {range}")
            }
            true if !dry_run && is_taken(Wish::Address(&wanted)) => "provided IP is already allocated".to_owned(),
            true => String::new(),
        };
        if !why.is_empty() {
            let all = spec.get("clusterIPs").cloned().unwrap_or_default();
            let why = format!("failed to allocate IP {wanted}: {why}");
            return Err(Unmet::Invalid(FieldError::invalid("spec.clusterIPs", &all, why)));
        }
    }
    let allocates = spec.get("allocateLoadBalancerNodePorts") != Some(&Value::Bool(false));
    let needs_ports = kind == "NodePort" || kind == "LoadBalancer" && allocates;
    let number = |port: &Value| port.get("nodePort").and_then(Value::as_i64).filter(|number| *number != 0);
    let ports = |service: &Value| {
        let ports = service.pointer("/spec/ports").and_then(Value::as_array);
        ports.into_iter().flatten().filter_map(number).collect::<Vec<i64>>()
    };
    let had: Vec<i64> = old.map(ports).unwrap_or_default();
    let mut own: Vec<i64> = Vec::new();
    let list = spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten();
    for (at, port) in list.enumerate() {
        match number(port) {
            Some(wish) if had.contains(&wish) || own.contains(&wish) => {}
            Some(wish) => {
                if let Some(why) = refused(wish, dry_run, is_taken) {
                    let place = format!("spec.ports[{at}].nodePort");
                    return Err(Unmet::Invalid(FieldError::invalid(place, &wish, why)));
                }
                own.push(wish);
            }
            None if needs_ports => {
                let port_of = |salt: usize| PORTS.start() + i64::from(hash(&uid, salt + 1)) % 2768;
                let mut drawn = (0..).map(|salt| port_of(at + salt * 1000)).take(10_000);
                let free = |drawn: &i64| !own.contains(drawn) && !had.contains(drawn) && !is_taken(Wish::Port(*drawn));
                let Some(free) = drawn.find(free) else {
                    return Err(Unmet::Failure("failed to allocate a nodePort: range is full".to_owned()));
                };
                own.push(free);
                if let Some(port) = port.as_object_mut() {
                    port.insert("nodePort".into(), free.into());
                }
            }
            None => {}
        }
    }
    if !checks_health {
        return Ok(());
    }
    let before = old.and_then(|old| old.pointer("/spec/healthCheckNodePort")).and_then(Value::as_i64);
    match spec.get("healthCheckNodePort").and_then(Value::as_i64).filter(|port| *port != 0) {
        Some(wish) if before == Some(wish) => {}
        Some(wish) => {
            if let Some(why) = refused(wish, dry_run, is_taken) {
                return Err(Unmet::Failure(format!("failed to allocate requested HealthCheck NodePort {wish}: {why}")));
            }
        }
        None => {
            let mut drawn = (1..).map(|salt| PORTS.start() + i64::from(hash(&uid, salt << 16)) % 2768).take(10_000);
            let free = drawn.find(|drawn| !own.contains(drawn) && !is_taken(Wish::Port(*drawn)));
            spec.insert("healthCheckNodePort".into(), free.into());
        }
    }
    Ok(())
}

fn refused(port: i64, dry_run: bool, is_taken: &dyn Fn(Wish<'_>) -> bool) -> Option<String> {
    if is_taken(Wish::Port(port)) {
        return Some("provided port is already allocated".to_owned());
    }
    let (first, last) = (PORTS.start(), PORTS.end());
    let is_outside = !dry_run && !PORTS.contains(&port);
    is_outside.then(|| format!("provided port is not in the valid range. The range of valid ports is {first}-{last}"))
}

/// FNV-1a: one uid always draws the same.
fn hash(uid: &str, salt: usize) -> u32 {
    uid.bytes()
        .chain(salt.to_le_bytes())
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A Service that changes its type loses what only the old type has, unless the client changed that too.
fn drop_what_another_type_needs(object: &mut Value, old: &Value) {
    let Some(spec) = member(object, "", "spec") else { return };
    let kind = spec.get("type").and_then(Value::as_str).unwrap_or("ClusterIP").to_owned();
    let addresses = ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"];
    let balanced = ["allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"];
    let mut strange: Vec<&str> = Vec::new();
    if kind == "ExternalName" {
        strange.extend(addresses);
    }
    let policy = |service: &Value| service.pointer("/spec/externalTrafficPolicy").cloned();
    if kind == "LoadBalancer" && spec.get("externalTrafficPolicy").is_some_and(|now| now != "Local") {
        let was_local = policy(old).is_some_and(|before| before == "Local");
        strange.extend(was_local.then_some("healthCheckNodePort"));
    }
    if kind != "LoadBalancer" {
        strange.extend(balanced);
    }
    let has_nodes = matches!(kind.as_str(), "NodePort" | "LoadBalancer");
    if !has_nodes && spec.get("externalIPs").is_none() {
        strange.push("externalTrafficPolicy");
    }
    for name in strange {
        if spec.get(name) == old.pointer(&format!("/spec/{name}")) {
            spec.remove(name);
        }
    }
    if has_nodes {
        return;
    }
    let old_ports = old.pointer("/spec/ports").and_then(Value::as_array);
    let known: Vec<&Value> = old_ports.into_iter().flatten().filter_map(|port| port.get("nodePort")).collect();
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten();
    for port in ports.filter_map(Value::as_object_mut) {
        if port.get("nodePort").is_some_and(|number| known.contains(&number)) {
            port.remove("nodePort");
        }
    }
}

/// A client that replaces a Service need not repeat what the server gave it.
pub(super) fn keep_addresses(object: &mut Value, old: &Value) {
    let kind =
        |service: &Value| service.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP").to_owned();
    drop_what_another_type_needs(object, old);
    // The list follows the single address, where only that was changed.
    if let Some(spec) = member(object, "", "spec") {
        let is_moved = |name: &str| spec.get(name) != old.pointer(&format!("/spec/{name}"));
        if spec.contains_key("clusterIP") && is_moved("clusterIP") && !is_moved("clusterIPs") {
            spec.insert("clusterIPs".into(), json!([spec.get("clusterIP")]));
        }
    }
    if kind(object) == "ExternalName" || kind(old) == "ExternalName" {
        return;
    }
    let needs_ports = needs_ports(object) && needs_ports(old);
    let Some(spec) = member(object, "", "spec") else { return };
    for name in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if let Some(value) = old.pointer(&format!("/spec/{name}")) {
            spec.entry(name).or_insert_with(|| value.clone());
        }
    }
    let old_ports = old.pointer("/spec/ports").and_then(Value::as_array);
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten();
    let mut ports: Vec<&mut Map<String, Value>> = ports.filter_map(Value::as_object_mut).collect();
    let used: Vec<Value> = ports.iter().filter_map(|port| port.get("nodePort")).cloned().collect();
    for port in ports.iter_mut().filter(|_| needs_ports) {
        // A port is known again by its name.
        let same = |old: &&Value| old.get("name") == port.get("name");
        let number = old_ports.into_iter().flatten().rfind(same).and_then(|old| old.get("nodePort")).cloned();
        if let Some(number) = number.filter(|number| !used.contains(number)) {
            port.entry("nodePort").or_insert(number);
        }
    }
}

/// Whether a service's ports are ports of the nodes too.
fn needs_ports(service: &Value) -> bool {
    let spec = service.get("spec").unwrap_or(&Value::Null);
    match spec.get("type").and_then(Value::as_str) {
        Some("NodePort") => true,
        Some("LoadBalancer") => spec.get("allocateLoadBalancerNodePorts") != Some(&Value::Bool(false)),
        _ => false,
    }
}
