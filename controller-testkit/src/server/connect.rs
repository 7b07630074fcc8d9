//! Logs, commands, ports and proxies: what a server says of them by itself, before it connects to anybody.
//!
//! It finds the pod, the container and the node, or the endpoint of a service, and refuses what leads nowhere. There is
//! no kubelet here and nobody listens at a pod's address: where a real server would begin to connect, the answer is 501
//! and names what is missing.

use std::net::IpAddr;
use std::num::IntErrorKind;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Map, Value};

use super::accept::negotiate_log;
use super::access::asked;
use super::query::Query;
use super::read::subject;
use super::route::{Target, decode};
use super::scope::key;
use super::write::{Cx, Writing};
use super::{Server, meta, reply};
use crate::admission::{Change, Operation, kind_of_part};
use crate::auth::User;
use crate::field::{FieldError, echo};
use crate::kinds;
use crate::status::{ApiError, Subject};
use crate::store::Range;

/// What is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Log,
    /// The container of a pod, to run something in it or to see what runs.
    Container,
    /// The ports of a pod, by its node.
    Ports,
    Pod,
    Service,
    Node,
}

const PROXIED: [Method; 7] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
const UPGRADED: [Method; 2] = [Method::GET, Method::POST];
/// The kinds of addresses at which a server looks for a kubelet, those that it likes best first.
const ADDRESSES: [&str; 5] = ["Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"];

impl Way {
    /// None of what is a part of an object, and no way to anywhere.
    pub(super) fn of(target: &Target) -> Option<Self> {
        if !target.resource.group.is_empty() || target.name.is_none() {
            return None;
        }
        match (target.resource.plural.as_str(), target.subresource.as_deref()?) {
            ("pods", "log") => Some(Self::Log),
            ("pods", "exec" | "attach") => Some(Self::Container),
            ("pods", "portforward") => Some(Self::Ports),
            ("pods", "proxy") => Some(Self::Pod),
            ("services", "proxy") => Some(Self::Service),
            ("nodes", "proxy") => Some(Self::Node),
            _ => None,
        }
    }

    /// What a request asks for, as policies and webhooks see it.
    fn options(self, head: &Parts, target: &Target, query: &Query) -> Result<Value, ApiError> {
        let mut options = Map::new();
        match self {
            Self::Log | Self::Container => {
                for stream in ["stdin", "stdout", "stderr", "tty"] {
                    if query.flag(stream) == Some(true) {
                        options.insert(stream.to_owned(), true.into());
                    }
                }
                if let Some(container) = query.get("container").filter(|container| !container.is_empty()) {
                    options.insert("container".to_owned(), container.into());
                }
                if target.subresource.as_deref() == Some("exec") {
                    let command: Vec<&str> = query.all("command").collect();
                    let command = if command.is_empty() { Value::Null } else { command.into() };
                    options.insert("command".to_owned(), command);
                }
            }
            Self::Ports => {
                let ports = ports(query)?;
                if !ports.is_empty() {
                    options.insert("ports".to_owned(), ports.into());
                }
            }
            Self::Pod | Self::Service | Self::Node => {
                let path = decode(head.uri.path(), false);
                let before =
                    format!("/{}/{}/proxy", target.resource.plural, target.name.as_deref().unwrap_or_default());
                if let Some((_, below)) = path.split_once(&before).filter(|(_, below)| !below.is_empty()) {
                    options.insert("path".to_owned(), below.into());
                }
            }
        }
        Ok(options.into())
    }

    fn methods(self) -> &'static [Method] {
        match self {
            Self::Log => &UPGRADED[..1],
            Self::Container | Self::Ports => &UPGRADED,
            Self::Pod | Self::Service | Self::Node => &PROXIED,
        }
    }
}

impl Server {
    /// Says that a pod has no log yet, or why it can't be had.
    pub(super) fn log(&self, head: &Parts, target: &Target, query: &Query) -> Result<Response<Bytes>, ApiError> {
        if head.method != Method::GET {
            return Err(ApiError::method_not_allowed());
        }
        let name = target.name.as_deref().unwrap_or_default();
        negotiate_log(&head.headers)?;
        check_log(name, query)?;
        let pod = self.pod(target, name)?;
        container(&pod, query.get("container").unwrap_or_default())?;
        match node_of(&pod) {
            // It has not begun to say anything.
            "" => Ok(nothing()),
            node => Err(self.kubelet(target, node)?),
        }
    }

    /// Says where a request would have been led to, or why it leads nowhere.
    pub(super) fn connect(&self, writing: &Writing<'_>, cx: &mut Cx<'_>) -> Result<Response<Bytes>, ApiError> {
        let Writing { head, target, query, .. } = *writing;
        let way = Way::of(target).filter(|way| way.methods().contains(&head.method));
        let way = way.ok_or_else(ApiError::method_not_allowed)?;
        if query.get("dryRun").is_some() {
            return Err(ApiError::bad_request("dryRun is not supported"));
        }
        let options = self.let_in(way.options(head, target, query)?, target, cx)?;
        let name = target.name.as_deref().unwrap_or_default();
        match way {
            Way::Log | Way::Container | Way::Ports => {
                self.may_change(head, target)?;
                let pod = self.pod(target, name)?;
                if way == Way::Container {
                    container(&pod, options.get("container").and_then(Value::as_str).unwrap_or_default())?;
                }
                let node = node_of(&pod);
                if node.is_empty() {
                    return Err(ApiError::bad_request(format!("pod {name} does not have a host assigned")));
                }
                let kubelet = self.kubelet(target, node)?;
                match is_upgrade(&head.headers) {
                    true => Err(kubelet),
                    false => Err(ApiError::bad_request("Upgrade request required")),
                }
            }
            Way::Pod => {
                let (name, _) = split("pod", name)?;
                let pod = self.pod(target, name)?;
                let address = pod.pointer("/status/podIPs/0/ip").and_then(Value::as_str).unwrap_or_default();
                if !address.parse().is_ok_and(is_reachable) {
                    return Err(ApiError::bad_request("address not allowed"));
                }
                Err(ApiError::not_implemented(&format!("what listens at {address}")))
            }
            Way::Service => {
                let (name, port) = split("service", name)?;
                Err(self.endpoint(target, name, port)?)
            }
            Way::Node => {
                let (name, _) = split("node", name)?;
                let address = self.address_of_node(target, name)?;
                // A name could lead anywhere, and nobody is asked where.
                if address.parse().is_ok_and(|address| !is_reachable(address)) || address == "localhost" {
                    return Err(ApiError::bad_request("address not allowed"));
                }
                Err(no_kubelet(name))
            }
        }
    }

    /// Asks policies and webhooks about a request, and answers its options.
    fn let_in(&self, mut options: Value, target: &Target, cx: &mut Cx<'_>) -> Result<Value, ApiError> {
        let change = Change {
            operation: Operation::Connect,
            resource: &target.resource,
            part: target.subresource.as_deref().unwrap_or_default(),
            namespace: target.namespace.as_deref().unwrap_or_default(),
            name: target.name.as_deref().unwrap_or_default(),
            new: None,
            old: None,
        };
        if let Some([_, version, kind]) = kind_of_part(&change) {
            meta::members(&mut options)
                .extend([("kind".to_owned(), Value::from(kind)), ("apiVersion".to_owned(), Value::from(version))]);
        }
        // Whatever is made of the options is lost on its way in a real server, too.
        self.mutate(&Change { new: Some(&options), ..change }, cx)?;
        self.approve(&Change { new: Some(&options), ..change }, cx)?;
        Ok(options)
    }

    fn pod(&self, target: &Target, name: &str) -> Result<Arc<Value>, ApiError> {
        Ok(self.find(&target.resource, target.namespace.as_deref(), name)?.value())
    }

    /// Whoever runs something must be allowed to create, however the request is written.
    fn may_change(&self, head: &Parts, target: &Target) -> Result<(), ApiError> {
        let user = head.extensions.get::<Arc<User>>().cloned().unwrap_or_else(User::insider);
        let mut ask = asked(head);
        ask.verb = "create".to_owned();
        match self.gate.decide(&self.store, &user, &ask).allowed {
            true => Ok(()),
            false => Err(ApiError::forbidden(subject(&target.resource), &ask.name, "")),
        }
    }

    /// That the kubelet of a node is not there, if the node itself is.
    fn kubelet(&self, target: &Target, node: &str) -> Result<ApiError, ApiError> {
        self.address_of_node(target, node).map(|_| no_kubelet(node))
    }

    /// Where a node says that its kubelet is. One that is not there is told as if it were what was asked for.
    fn address_of_node(&self, target: &Target, name: &str) -> Result<String, ApiError> {
        let node = self.store.get("/nodes", name).map(|node| node.value());
        let node = node.ok_or_else(|| ApiError::not_found(subject(&target.resource), name))?;
        let known = node.pointer("/status/addresses").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let text =
            |address: &Value, member: &str| address.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        let of = |kind: &&str| known.iter().find(|address| text(address, "type") == **kind);
        match ADDRESSES.iter().find_map(of) {
            Some(address) => Ok(text(address, "address")),
            None => {
                let known = known.iter().map(|one| format!("{{{} {}}}", text(one, "type"), text(one, "address")));
                let known = known.collect::<Vec<_>>().join(" ");
                Err(ApiError::unforeseen(format!("no preferred addresses found; known addresses: [{known}]")))
            }
        }
    }

    /// That nobody listens at the endpoint of a service, if it has one that is a pod.
    fn endpoint(&self, target: &Target, name: &str, port: &str) -> Result<ApiError, ApiError> {
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let mut port = port.to_owned();
        if let Ok(number) = port.parse::<i64>() {
            let service = self.find(&target.resource, Some(namespace), name)?.value();
            let ports = service.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
            let found = ports.into_iter().find(|port| port.get("port").and_then(Value::as_i64) == Some(number));
            let found = found.ok_or_else(|| {
                ApiError::unavailable(format!("no service port {number} found for service {}", echo::quote(name)))
            })?;
            port = found.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        }
        let prefix = format!("{namespace}/");
        let slices = self.store.scan("discovery.k8s.io/endpointslices", Range { prefix: &prefix, from: "" });
        let slices = slices.map(|(_, slice)| slice.value()).filter(|slice| {
            meta::labels(slice).and_then(|labels| labels.get("kubernetes.io/service-name")?.as_str()) == Some(name)
        });
        let list = |of: &Value, member: &str| of.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
        let is_it = |known: &Value| {
            let known_name = known.get("name").and_then(Value::as_str);
            known_name == Some(&*port) && known.get("port").is_some_and(|port| !port.is_null())
        };
        let with_port = slices.filter(|slice| list(slice, "ports").iter().any(is_it));
        let mut endpoints = with_port.flat_map(|slice| list(&slice, "endpoints"));
        match endpoints.find_map(|endpoint| self.pod_behind(namespace, &endpoint)) {
            Some(address) => Ok(ApiError::not_implemented(&format!("what listens at {address}"))),
            None => Err(ApiError::unavailable(format!("no endpoints available for service {}", echo::quote(name)))),
        }
    }

    /// The address of an endpoint that is ready and a pod's.
    fn pod_behind(&self, namespace: &str, endpoint: &Value) -> Option<String> {
        if endpoint.pointer("/conditions/ready") == Some(&Value::Bool(false)) {
            return None;
        }
        let address = endpoint.pointer("/addresses/0")?.as_str()?;
        let text = |pointer: &str| endpoint.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if text("/targetRef/namespace") != namespace {
            return None;
        }
        let pod = self.store.get("/pods", &key(Some(namespace), text("/targetRef/name")))?.value();
        let mut known = pod.pointer("/status/podIPs").and_then(Value::as_array).into_iter().flatten();
        known.any(|known| known.get("ip").is_some_and(|ip| ip == address)).then(|| address.to_owned())
    }
}

fn no_kubelet(node: &str) -> ApiError {
    ApiError::not_implemented(&format!("the kubelet of the node {node:?}"))
}

/// An answer without anything in it.
fn nothing() -> Response<Bytes> {
    let mut answer = reply::text(StatusCode::NO_CONTENT, "");
    answer.headers_mut().remove(CONTENT_TYPE);
    answer
}

fn node_of(pod: &Value) -> &str {
    pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default()
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    let all = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let mut words = all.flat_map(|value| value.split(','));
    headers.contains_key(UPGRADE) && words.any(|word| word.trim().eq_ignore_ascii_case("upgrade"))
}

/// The name and the port in `name`, `name:port` or `scheme:name:port`.
fn split<'a>(kind: &str, id: &'a str) -> Result<(&'a str, &'a str), ApiError> {
    let parts: Vec<&str> = id.split(':').collect();
    match parts.as_slice() {
        [name] if !name.is_empty() => Ok((name, "")),
        [name, port] | ["" | "http" | "https", name, port] if !name.is_empty() => Ok((name, port)),
        _ => Err(ApiError::bad_request(format!("invalid {kind} request {}", echo::quote(id)))),
    }
}

/// Whether it may be the address of one pod or node on a network.
fn is_reachable(address: IpAddr) -> bool {
    let is_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(is_local || address.is_unspecified() || address.is_loopback() || address.is_multicast())
}

/// The container of a pod that is meant must be one, and must be named where there are several.
fn container(pod: &Value, wanted: &str) -> Result<(), ApiError> {
    let list = |list: &str| {
        let all = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|container| container.get("name")?.as_str()).collect::<Vec<_>>()
    };
    let all = [list("initContainers"), list("containers"), list("ephemeralContainers")];
    let name = meta::name(pod);
    match wanted {
        "" if all[1].len() == 1 => Ok(()),
        "" => Err(ApiError::bad_request(format!(
            "a container name must be specified for pod {name}, choose one of: [{}]",
            all.concat().join(" ")
        ))),
        wanted if all.concat().contains(&wanted) => Ok(()),
        wanted => Err(ApiError::bad_request(format!("container {wanted} is not valid for pod {name}"))),
    }
}

/// What can't be wanted of a log.
fn check_log(name: &str, query: &Query) -> Result<(), ApiError> {
    let since = query.number("sinceSeconds")?;
    let since_time = query.get("sinceTime");
    if let Some(time) = since_time.filter(|time| !matches!(*time, "" | "null")) {
        kinds::check_time(time).map_err(ApiError::bad_request)?;
    }
    let [tail, limit] = [query.number("tailLines")?, query.number("limitBytes")?];
    let mut faults = Vec::new();
    if let Some(lines) = tail.filter(|lines| *lines < 0) {
        faults.push(FieldError::invalid("tailLines", &lines, "must be greater than or equal to 0"));
    }
    let mut positive = |field: &str, value: Option<i64>| {
        if let Some(value) = value.filter(|value| *value < 1) {
            faults.push(FieldError::invalid(field, &value, "must be greater than 0"));
        }
    };
    positive("limitBytes", limit);
    match since_time {
        Some(_) if since.is_some() => {
            faults.push(FieldError::forbidden("[]", "at most one of `sinceTime` or `sinceSeconds` may be specified"));
        }
        _ => positive("sinceSeconds", since),
    }
    if query.get("stream").is_some() {
        faults.push(FieldError::forbidden("stream", "may not be specified"));
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(ApiError::invalid(Subject { group: "", resource: "PodLogOptions" }, name, &faults)),
    }
}

/// The numbers of ports that are asked for, one by one or several at a time.
fn ports(query: &Query) -> Result<Vec<u16>, ApiError> {
    let number = |text: &str| {
        let why = match text.parse::<u16>() {
            Ok(port) if !text.starts_with('+') => return Ok(port),
            Err(fault) if *fault.kind() == IntErrorKind::PosOverflow => "value out of range",
            _ => "invalid syntax",
        };
        let why = format!("cannot convert to []int32: strconv.ParseUint: parsing {}: {why}", echo::quote(text));
        Err(ApiError::bad_request(why))
    };
    query.all("ports").flat_map(|ports| ports.split(',')).map(number).collect()
}
