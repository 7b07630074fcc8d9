//! Who owns the fields of what is written: every write is recorded in `metadata.managedFields`.

use std::borrow::Cow;

use http::header::USER_AGENT;
use http::request::Parts;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::part::Part;
use super::query::Query;
use super::read::is_builtin;
use super::update::is_namespace;
use super::write::Cx;
use super::{convert, meta, shape};
use crate::apply::{self, Manager, Managers, Node, Operation, Writer};
use crate::catalog::{Resource, Shape};
use crate::{crd, kinds};

/// The name of a client: the one that it gives, else the first word of its program.
pub(crate) fn name_of(head: &Parts, query: &Query) -> String {
    let given = query.get("fieldManager").filter(|name| !name.is_empty()).map(str::to_owned);
    let agent = || head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let program = || agent().split('/').next().unwrap_or_default().chars().take(128).collect::<String>();
    given.unwrap_or_else(|| Some(program()).filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned()))
}

impl Cx<'_> {
    /// Who writes this part of an object now.
    pub(crate) fn writer(&self, resource: &Resource, part: Part, operation: Operation) -> Writer {
        let reset = match part {
            Part::Status if resource.group == "apps" && resource.plural == "deployments" => {
                json!({"f:spec": {}, "f:metadata": {"f:labels": {}}})
            }
            Part::Status if resource.group.is_empty() && resource.plural == "pods" => {
                json!({"f:spec": {}, "f:metadata": {"f:deletionTimestamp": {}, "f:ownerReferences": {}}})
            }
            Part::Status if is_builtin(resource) => json!({"f:spec": {}}),
            Part::Status => json!({"f:spec": {}, "f:metadata": {}}),
            // A resize is compared with the whole pod, as a real server does.
            Part::Resize => json!({}),
            // What is to be signed is written once, and the server's own.
            _ if resource.plural == "certificatesigningrequests" => json!({"f:spec": {}, "f:status": {}}),
            _ if resource.has_status() => json!({"f:status": {}}),
            _ => json!({}),
        };
        let manager = Manager {
            name: self.manager.clone(),
            operation,
            api_version: resource.api_version(),
            subresource: self.through.unwrap_or(part.name()).to_owned(),
        };
        let time = meta::time(self.now).as_str().unwrap_or_default().to_owned();
        Writer { manager, time, reset, view: convert::view(resource) }
    }
}

/// The owners of what is to replace `old`: those that the client names, else those of the old object. An empty list, or
/// one with an empty entry, means that nobody owns anything.
pub(crate) fn before(part: &str, old: &Value, new: &Value) -> Managers {
    match meta::member(new, "managedFields") {
        // Through a part of an object its owners can't be named.
        _ if !part.is_empty() => Managers::of(old),
        None => Managers::of(old),
        Some(Value::Array(entries)) if entries.is_empty() || *entries == [json!({})] => Managers::default(),
        kept if kept == meta::member(old, "managedFields") => Managers::of(old).of_group(old),
        Some(entries) => Managers::said(entries).unwrap_or_else(|| Managers::of(old)).of_group(old),
    }
}

/// Does something to an object that leaves what it says about its owners as it is written, an empty list too.
pub(crate) fn kept<T>(object: &mut Value, f: impl FnOnce(&mut Value) -> T) -> T {
    let owners = meta::member(object, "managedFields").cloned();
    let done = f(object);
    if let Some(owners) = owners.filter(Value::is_array) {
        meta::of(object).insert("managedFields".into(), owners);
    }
    done
}

/// The object as its owners are judged by: with its kind's defaults, and before the server adds anything of its own.
pub(super) fn judged<'a>(resource: &Resource, object: &'a Value) -> Cow<'a, Value> {
    match &resource.shape {
        Shape::Builtin(ty) => {
            let mut judged = object.clone();
            kinds::normalize(ty, &mut judged);
            kinds::default(ty, &mut judged);
            if shape::is_definition(resource) {
                crd::fill_defaults(&mut judged);
            }
            if is_namespace(resource) && !meta::name(&judged).is_empty() {
                shape::name_namespace(&mut judged);
            }
            Cow::Owned(judged)
        }
        Shape::Custom(_) => Cow::Borrowed(object),
    }
}

/// The object that a new one is compared with: what Go writes of an empty one.
pub(crate) fn nothing(resource: &Resource) -> Value {
    let mut nothing = json!({"apiVersion": resource.api_version(), "kind": resource.kind, "metadata": {}});
    if let Shape::Builtin(ty) = &resource.shape {
        kinds::normalize(ty, &mut nothing);
    }
    nothing
}

/// A definition whose status the server itself has changed, with the server as the owner of what it wrote.
pub(crate) fn of_the_server(resource: &Resource, old: &Value, mut new: Value, now: Timestamp) -> Value {
    let manager = Manager {
        name: "kube-apiserver".into(),
        operation: Operation::Update,
        api_version: resource.api_version(),
        subresource: "status".into(),
    };
    let time = meta::time(now).as_str().unwrap_or_default().to_owned();
    let reset = json!({"f:spec": {}, "f:metadata": {}});
    let writer = Writer { manager, time, reset, view: apply::same_paths };
    after_update(resource, old, &new, Managers::of(old), &writer).put(&mut new);
    new
}

/// The owners after webhooks changed the object: as they say, or as before with a warning, where what they say is nothing
/// that can be read.
pub(crate) fn after_webhooks(object: &mut Value, before: &Managers, warnings: &mut Vec<String>) -> Managers {
    let entries = meta::member(object, "managedFields").filter(|entries| entries.is_array());
    match entries.map(Managers::said) {
        None => Managers::default(),
        Some(Some(said)) => said,
        Some(None) => {
            let of = |entry: &Value, member: &str| entry.get(member).and_then(Value::as_str).map(str::to_owned);
            let all = entries.and_then(Value::as_array).into_iter().flatten().enumerate();
            let wrong = |(at, entry): (usize, &Value)| {
                let kind = of(entry, "fieldsType").unwrap_or_default();
                match (of(entry, "operation").as_deref(), kind.as_str()) {
                    (Some("Apply" | "Update"), _) if of(entry, "apiVersion").is_none() => {
                        Some("apiVersion must not be empty".to_owned())
                    }
                    (Some("Apply" | "Update"), "FieldsV1") => None,
                    (Some("Apply" | "Update"), "") => Some(format!("missing fieldsType in managed fields entry {at}")),
                    (Some("Apply" | "Update"), kind) => {
                        Some(format!("invalid fieldsType {kind:?} in managed fields entry {at}"))
                    }
                    _ => Some("operation must be `Apply` or `Update`".to_owned()),
                }
            };
            let why = all.into_iter().find_map(wrong).unwrap_or_else(|| "error decoding set".to_owned());
            warnings.push(format!(
                ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated \
                 mutating admission controller; please fix your requests: {why}"
            ));
            before.put(object);
            before.clone()
        }
    }
}

/// The owners of an object that was created or updated.
pub(crate) fn after_update(
    resource: &Resource,
    old: &Value,
    new: &Value,
    managers: Managers,
    writer: &Writer,
) -> Managers {
    apply::updated(&Node::of(resource), old, &judged(resource, new), managers, writer)
}
