//! Where a service's traffic goes: its Endpoints and EndpointSlices, kept as the pods that it selects come and go.
//!
//! Both are written as the controllers of a real cluster write them, but for the annotation that tells when what made
//! them change was. Changes of pods are taken together for a pace. A service without a selector is its client's to look
//! after.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Clockwork;
use super::hand::{Hand, Seen, kind};
use super::object;
use super::queue::{Place, Work};
use crate::store::{Change, Object, Range};

const SERVICE: &str = "kubernetes.io/service-name";
const HEADLESS: &str = "service.kubernetes.io/headless";
const SLICED_BY: (&str, &str) = ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io");
const LISTED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", "endpoint-controller");

/// A slice has no more endpoints than this.
const SLICE: usize = 100;

/// What the services of a namespace select, by their names.
type Selectors = BTreeMap<Arc<str>, Map<String, Value>>;

/// Which services select what.
#[derive(Default)]
pub(super) struct Services {
    /// By namespace.
    selectors: BTreeMap<Arc<str>, Selectors>,
    /// The services that selected a pod when it was last seen.
    members: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

impl Services {
    /// Takes in a service's present selector.
    fn select(&mut self, place: &Place, selector: Map<String, Value>) {
        let namespace: Arc<str> = place.namespace().unwrap_or_default().into();
        match selector.is_empty() {
            true => drop(self.selectors.get_mut(&namespace).and_then(|services| services.remove(place.name()))),
            false => drop(self.selectors.entry(namespace).or_default().insert(place.name().into(), selector)),
        }
    }

    /// The services that a change of a pod concerns: those that select it, and those that did.
    fn concerned(&mut self, place: &Place, object: &Object, change: Change) -> Vec<Arc<str>> {
        let Some(services) = self.selectors.get(place.namespace().unwrap_or_default()) else { return Vec::new() };
        let labels = object.labels().filter(|_| change != Change::Deleted).unwrap_or_default();
        let selecting = services.iter().filter(|(_, selector)| has_all(&labels, selector));
        let now: Vec<Arc<str>> = selecting.map(|(name, _)| name.clone()).collect();
        let mut concerned = match now.is_empty() {
            true => self.members.remove(&place.key),
            false => self.members.insert(place.key.clone(), now.clone()),
        }
        .unwrap_or_default();
        concerned.extend(now);
        concerned
    }
}

fn has_all(labels: &Map<String, Value>, selector: &Map<String, Value>) -> bool {
    selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

impl Clockwork {
    /// Notes what a change means for the endpoints of services.
    pub(super) fn see_service(&mut self, place: &Place, object: &Object, change: Change, now: Timestamp) {
        if kind::SERVICES.is(place) {
            let selector = match change {
                Change::Deleted => Map::new(),
                _ => self::object::map(&object.value(), "/spec/selector"),
            };
            self.services.select(place, selector);
            self.queue.add(Work::Service(place.clone()), now);
            return;
        }
        let namespace = place.namespace().unwrap_or_default();
        let soon = now.checked_add(self.pace).unwrap_or(Timestamp::MAX);
        if kind::PODS.is(place) {
            for name in self.services.concerned(place, object, change) {
                self.queue.add(Work::Service(kind::SERVICES.place(namespace, &name)), soon);
            }
        } else if kind::ENDPOINTS.is(place) && change == Change::Deleted {
            self.queue.add(Work::Service(kind::SERVICES.place(namespace, place.name())), soon);
        } else if kind::SLICES.is(place) {
            let labels = object.labels().unwrap_or_default();
            if let (Some(name), true) = (labels.get(SERVICE).and_then(Value::as_str), is_ours(&labels)) {
                self.queue.add(Work::Service(kind::SERVICES.place(namespace, name)), soon);
            }
        }
    }

    /// Brings the endpoints of a service up to date.
    pub(super) fn service(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let namespace = place.namespace().unwrap_or_default();
        let list = kind::ENDPOINTS.place(namespace, place.name());
        let Some(service) = hand.get(place) else {
            // Slices go with their owner.
            return hand.delete(&list, "", "Background");
        };
        let selector = object::map(&service, "/spec/selector");
        if selector.is_empty() || object::text(&service, "/spec/type") == "ExternalName" {
            return;
        }
        let pods = pods(namespace, &selector, hand);
        write_list(&service, &list, &pods, hand);
        write_slices(&service, namespace, &pods, hand);
    }
}

/// The selected pods that have an address and have not ended, in the order of their names.
fn pods(namespace: &str, selector: &Map<String, Value>, hand: &Hand<'_>) -> Vec<Seen> {
    let prefix = format!("{namespace}/");
    let table = kind::PODS.table();
    let all = hand.server().store().scan(&table, Range { prefix: &prefix, from: "" });
    let selected = all.filter(|(_, pod)| has_all(&pod.labels().unwrap_or_default(), selector));
    let places: Vec<Place> = selected.map(|(key, _)| Place { table: table.clone(), key: key.clone() }).collect();
    let is_reached = |pod: &Seen| !object::text(pod, "/status/podIP").is_empty() && !object::is_over(pod);
    places.iter().filter_map(|place| hand.get(place)).filter(is_reached).collect()
}

fn publishes_all(service: &Value) -> bool {
    service.pointer("/spec/publishNotReadyAddresses").is_some_and(|publishes| publishes == true)
}

fn is_headless(service: &Value) -> bool {
    object::text(service, "/spec/clusterIP") == "None"
}

/// A service's labels, with what its endpoints are known by.
fn labels(service: &Value, by: (&str, &str)) -> Map<String, Value> {
    let mut labels = object::map(service, "/metadata/labels");
    labels.remove(HEADLESS);
    if is_headless(service) {
        labels.insert(HEADLESS.to_owned(), "".into());
    }
    labels.insert(by.0.to_owned(), by.1.into());
    labels
}

fn is_ours(labels: &Map<String, Value>) -> bool {
    labels.get(SLICED_BY.0).is_some_and(|by| by == SLICED_BY.1)
}

/// A service's ports as a pod has them; one that it does not have by that name is left out.
fn ports(service: &Value, pod: &Value) -> Vec<Value> {
    let found = |port: &Value| {
        let target = port.get("targetPort").unwrap_or(&Value::Null);
        let number = match target.as_str() {
            Some(name) => named_port(pod, name, object::text(port, "/protocol"))?,
            None => target.as_i64()?,
        };
        let mut found = json!({"name": object::text(port, "/name"), "port": number, "protocol": port.get("protocol")});
        if let Some(protocol) = port.get("appProtocol") {
            found["appProtocol"] = protocol.clone();
        }
        Some(found)
    };
    object::items(service, "/spec/ports").iter().filter_map(found).collect()
}

/// The port of that name of a pod's containers, those included that start before the others and stay.
fn named_port(pod: &Value, name: &str, protocol: &str) -> Option<i64> {
    let stays = |container: &&Value| object::text(container, "/restartPolicy") == "Always";
    let first = object::items(pod, "/spec/initContainers").iter().filter(stays);
    let containers = object::items(pod, "/spec/containers").iter().chain(first);
    let mut ports = containers.flat_map(|container| object::items(container, "/ports"));
    let is_it = |port: &&Value| port["name"] == name && object::text(port, "/protocol") == protocol;
    ports.find(is_it).and_then(|port| object::number(port, "/containerPort"))
}

/// The name by which a pod is found below a service's own.
fn hostname<'a>(service: &Value, pod: &'a Value) -> Option<&'a str> {
    let hostname = object::text(pod, "/spec/hostname");
    let is_below = object::text(pod, "/spec/subdomain") == object::name(service);
    Some(hostname).filter(|hostname| is_below && !hostname.is_empty())
}

fn reference(pod: &Value) -> Value {
    json!({
        "kind": "Pod",
        "namespace": object::text(pod, "/metadata/namespace"),
        "name": object::name(pod),
        "uid": object::uid(pod),
    })
}

/// Writes the Endpoints: the ports that lead to the same addresses stand together.
fn write_list(service: &Value, place: &Place, pods: &[Seen], hand: &mut Hand<'_>) {
    let mut by_port: Vec<(Value, [Vec<Value>; 2])> = Vec::new();
    for pod in pods.iter().filter(|pod| publishes_all(service) || !object::is_deleting(pod)) {
        let mut address = json!({
            "ip": object::text(pod, "/status/podIP"),
            "nodeName": object::text(pod, "/spec/nodeName"),
            "targetRef": reference(pod),
        });
        if let Some(hostname) = hostname(service, pod) {
            address["hostname"] = hostname.into();
        }
        let is_ready = publishes_all(service) || object::is_ready(pod);
        let mut ports = ports(service, pod);
        if object::items(service, "/spec/ports").is_empty() && is_headless(service) {
            ports.push(Value::Null);
        }
        for port in ports {
            let at = by_port.iter().position(|(known, _)| *known == port).unwrap_or_else(|| {
                by_port.push((port, [Vec::new(), Vec::new()]));
                by_port.len() - 1
            });
            by_port[at].1[usize::from(!is_ready)].push(address.clone());
        }
    }
    let mut subsets: Vec<(Vec<Value>, [Vec<Value>; 2])> = Vec::new();
    for (port, addresses) in by_port {
        match subsets.iter_mut().find(|(_, known)| *known == addresses) {
            Some((ports, _)) => ports.push(port),
            None => subsets.push((vec![port], addresses)),
        }
    }
    let subset = |(mut ports, [ready, others]): (Vec<Value>, [Vec<Value>; 2])| {
        ports.retain(|port| !port.is_null());
        for port in ports.iter_mut().filter_map(Value::as_object_mut).filter(|port| port["name"] == "") {
            port.remove("name");
        }
        let parts = [("addresses", ready), ("notReadyAddresses", others), ("ports", ports)];
        let there = parts.into_iter().filter(|(_, items)| !items.is_empty());
        Value::Object(there.map(|(name, items)| (name.to_owned(), items.into())).collect())
    };
    let subsets: Vec<Value> = subsets.into_iter().map(subset).collect();
    let labels = labels(service, LISTED_BY);
    match hand.get(place) {
        None => {
            let metadata = json!({"name": object::name(service), "labels": labels});
            let namespace = place.namespace().unwrap_or_default();
            hand.create(&kind::ENDPOINTS, namespace, &json!({"metadata": metadata, "subsets": subsets}));
        }
        Some(old) if object::items(&old, "/subsets") == subsets && object::map(&old, "/metadata/labels") == labels => {}
        Some(old) => {
            let mut new = Value::clone(&old);
            new["metadata"]["labels"] = labels.into();
            new["subsets"] = subsets.into();
            hand.replace(place, &new);
        }
    }
}

/// What a slice has beside its labels.
#[derive(PartialEq)]
struct Slice {
    ports: Vec<Value>,
    endpoints: Vec<Value>,
}

/// Writes the slices: for the pods that have the same ports, so many as they need, and one that is empty if there are none.
fn write_slices(service: &Value, namespace: &str, pods: &[Seen], hand: &mut Hand<'_>) {
    let mut groups: Vec<Slice> = Vec::new();
    for pod in pods {
        let (ports, endpoint) = (ports(service, pod), endpoint(service, pod));
        match groups.iter_mut().find(|group| group.ports == ports) {
            Some(group) => group.endpoints.push(endpoint),
            None => groups.push(Slice { ports, endpoints: vec![endpoint] }),
        }
    }
    let split = |group: Slice| {
        let parts: Vec<Vec<Value>> = group.endpoints.chunks(SLICE).map(<[Value]>::to_vec).collect();
        parts.into_iter().map(move |endpoints| Slice { ports: group.ports.clone(), endpoints })
    };
    let mut wanted: Vec<Slice> = groups.into_iter().flat_map(split).collect();
    if wanted.is_empty() {
        wanted.push(Slice { ports: Vec::new(), endpoints: Vec::new() });
    }
    let mut labels = labels(service, SLICED_BY);
    labels.insert(SERVICE.to_owned(), object::name(service).into());
    let mut there = slices(service, namespace, hand);
    // Those that are as they should be stay, then those with the same ports are written anew.
    for same in [Slice::eq, |one: &Slice, other: &Slice| one.ports == other.ports] {
        wanted.retain(|slice| {
            let Some(at) = there.iter().position(|(_, old)| same(slice, &content(old))) else { return true };
            let (place, old) = there.remove(at);
            if content(&old) != *slice || object::map(&old, "/metadata/labels") != labels {
                let mut new = Value::clone(&old);
                new["metadata"]["labels"] = labels.clone().into();
                new["endpoints"] = slice.endpoints.clone().into();
                hand.replace(&place, &new);
            }
            false
        });
    }
    for slice in wanted {
        let body = json!({
            "metadata": {
                "generateName": format!("{}-", object::name(service)),
                "labels": labels,
                "ownerReferences": object::controlled_by(service, kind::SERVICES.api_version, kind::SERVICES.kind),
            },
            "addressType": "IPv4",
            "endpoints": slice.endpoints,
            "ports": slice.ports,
        });
        hand.create(&kind::SLICES, namespace, &body);
    }
    for (place, old) in there {
        hand.delete(&place, object::uid(&old), "Background");
    }
}

fn content(slice: &Value) -> Slice {
    Slice { ports: object::items(slice, "/ports").to_vec(), endpoints: object::items(slice, "/endpoints").to_vec() }
}

/// The slices of a service that are ours to write.
fn slices(service: &Value, namespace: &str, hand: &Hand<'_>) -> Vec<(Place, Seen)> {
    let prefix = format!("{namespace}/");
    let table = kind::SLICES.table();
    let is_its = |slice: &Arc<Object>| {
        let labels = slice.labels().unwrap_or_default();
        is_ours(&labels) && labels.get(SERVICE).is_some_and(|name| name == object::name(service))
    };
    let all = hand.server().store().scan(&table, Range { prefix: &prefix, from: "" });
    let places: Vec<Place> = all
        .filter(|(_, slice)| is_its(slice))
        .map(|(key, _)| Place { table: table.clone(), key: key.clone() })
        .collect();
    places.into_iter().filter_map(|place| hand.get(&place).map(|slice| (place, slice))).collect()
}

fn endpoint(service: &Value, pod: &Value) -> Value {
    let (serving, terminating) = (object::is_true(pod, "Ready"), object::is_deleting(pod));
    let mut endpoint = json!({
        "addresses": [object::text(pod, "/status/podIP")],
        "conditions": {
            "ready": publishes_all(service) || serving && !terminating,
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": reference(pod),
    });
    let node = object::text(pod, "/spec/nodeName");
    if !node.is_empty() {
        endpoint["nodeName"] = node.into();
    }
    if let Some(hostname) = hostname(service, pod) {
        endpoint["hostname"] = hostname.into();
    }
    endpoint
}
