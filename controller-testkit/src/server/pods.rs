//! Binding pods to nodes.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::accept::Media;
use super::scope::key;
use super::write::{Cx, Writing};
use super::{Server, meta, nodes, reply};
use crate::field::FieldError;
use crate::status::{ApiError, Subject};

const PODS: &str = "/pods";

/// The answer of a request that did what it should and has nothing to show.
pub(super) fn done(media: Media) -> Response<Bytes> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    reply::status(StatusCode::CREATED, &status, media)
}

/// A body that names another pod than the path is a mistake.
pub(super) fn check_name(body: &Value, name: &str, kind: &str) -> Result<(), ApiError> {
    match meta::name(body) {
        claimed if claimed == name => Ok(()),
        _ => Err(ApiError::bad_request(format!("name in URL does not match name in {kind} object"))),
    }
}

impl Server {
    /// Puts a pod on the node that a Binding names.
    pub(crate) fn bind(&mut self, writing: &Writing<'_>, cx: &mut Cx<'_>) -> Result<Response<Bytes>, ApiError> {
        let mut binding = writing.parse(("v1", "Binding"), true)?.value;
        let target = writing.target;
        let name = match target.subresource {
            Some(_) => target.name.clone().unwrap_or_default(),
            None => meta::name(&binding).to_owned(),
        };
        let name = name.as_str();
        check_name(&binding, name, "Binding")?;
        let text = |pointer: &str| binding.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (node, kind) = (text("/target/name"), text("/target/kind"));
        if !matches!(kind, "" | "Node") {
            let fault = FieldError::not_supported("target.kind", kind, ["Node", "<empty>"]);
            return Err(ApiError::unforeseen(fault.to_string()));
        }
        if node.is_empty() {
            return Err(ApiError::unforeseen("target.name: Required value"));
        }
        if kind == "Node" {
            let labels = self.topology_of(node);
            nodes::label(&mut binding, labels);
        }
        let binding = self.sent(writing, ("v1", "Binding"), binding, cx)?;
        let node = binding.pointer("/target/name").and_then(Value::as_str).unwrap_or_default();
        let pods = Subject { group: "", resource: "pods" };
        let key = key(target.namespace.as_deref(), name);
        let pod = self.store.get(PODS, &key).cloned().ok_or_else(|| ApiError::not_found(pods, name))?;
        let conflict = |why: String| ApiError::conflict(Subject { group: "", resource: "pods/binding" }, name, &why);
        let uid = meta::text(&binding, "uid");
        let value = pod.value();
        if !uid.is_empty() && uid != meta::text(&value, "uid") {
            let found = meta::text(&value, "uid");
            return Err(conflict(format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {found}"
            )));
        }
        if pod.is_deleting() {
            return Err(conflict(format!("pod {name} is being deleted, cannot be assigned to a host")));
        }
        let bound = value.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        if !bound.is_empty() {
            return Err(conflict(format!("pod {name} is already assigned to node {bound:?}")));
        }
        let gates = value.pointer("/spec/schedulingGates").and_then(Value::as_array);
        if gates.is_some_and(|gates| !gates.is_empty()) {
            return Err(conflict(format!("pod {name} has non-empty .spec.schedulingGates")));
        }
        let mut changed = (*value).clone();
        // What is said of the binding is said of the pod from then on.
        for member in ["annotations", "labels"] {
            if let Some(Value::Object(said)) = meta::member(&binding, member).filter(|said| *said != &json!({})) {
                let own = meta::of(&mut changed).entry(member).or_insert_with(|| json!({}));
                meta::members(own).extend(said.clone());
            }
        }
        meta::members(meta::entry(&mut changed, "spec")).insert("nodeName".into(), node.into());
        let conditions =
            meta::members(meta::entry(&mut changed, "status")).entry("conditions").or_insert_with(|| json!([]));
        if let Value::Array(conditions) = conditions {
            conditions.retain(|condition| condition.get("type") != Some(&json!("PodScheduled")));
            conditions.push(json!({
                "type": "PodScheduled", "status": "True", "lastProbeTime": null,
                "lastTransitionTime": meta::time(cx.now),
            }));
        }
        if !cx.dry_run {
            self.store.put(PODS, &key, changed, pod.written_under);
        }
        Ok(done(writing.accepted.media))
    }
}
