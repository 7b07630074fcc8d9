//! What only pods have: being bound to a node, and being evicted.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::accept::Media;
use super::delete::DeleteOptions;
use super::scale::selector_text;
use super::scope::{key, table};
use super::write::{Cx, Writing};
use super::{Server, meta, nodes, reply};
use crate::field::FieldError;
use crate::selector::LabelSelector;
use crate::status::{ApiError, Subject};
use crate::store::Range;

const PODS: &str = "/pods";
const BUDGETS: &str = "policy/poddisruptionbudgets";

/// The answer of a request that did what it should and has nothing to show.
fn done(media: Media) -> Response<Bytes> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    reply::status(StatusCode::CREATED, &status, media)
}

/// A body that names another pod than the path is a mistake.
fn check_name(body: &Value, name: &str, kind: &str) -> Result<(), ApiError> {
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

    /// Deletes a pod if no disruption budget forbids it.
    pub(crate) fn evict(&mut self, writing: &Writing<'_>, cx: &mut Cx<'_>) -> Result<Response<Bytes>, ApiError> {
        let eviction = writing.parse(("policy/v1", "Eviction"), true)?.value;
        let target = writing.target;
        let name = target.name.as_deref().unwrap_or_default();
        check_name(&eviction, name, "Eviction")?;
        let eviction = self.sent(writing, ("policy/v1", "Eviction"), eviction, cx)?;
        let options = eviction.get("deleteOptions").cloned().unwrap_or_else(|| json!({}));
        let options = DeleteOptions::check(&options, cx)?;
        let pod = self.find(&target.resource, target.namespace.as_deref(), name)?.clone();
        let prefix = target.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let labels = pod.labels();
        let budget = self.store.scan(BUDGETS, Range { prefix: &prefix, from: "" }).find(|(_, budget)| {
            let selector = selector_text(budget.value().pointer("/spec/selector").unwrap_or(&Value::Null));
            LabelSelector::parse(&selector).is_ok_and(|selector| selector.matches(labels.as_ref()))
        });
        let allowed = |budget: &Value| budget.pointer("/status/disruptionsAllowed").and_then(Value::as_i64);
        if let Some((key, budget)) = budget.map(|(key, budget)| (key.clone(), budget.clone())) {
            let (value, of_pod) = (budget.value(), pod.value());
            let phase = of_pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
            let counts = !matches!(phase, "Pending" | "Succeeded" | "Failed") && !pod.is_deleting();
            match allowed(&value).unwrap_or(0) {
                left if left <= 0 && counts => {
                    let count =
                        |member: &str| value.pointer(&format!("/status/{member}")).and_then(Value::as_i64).unwrap_or(0);
                    let why = format!(
                        "The disruption budget {} needs {} healthy pods and has {} currently",
                        meta::name(&value),
                        count("desiredHealthy"),
                        count("currentHealthy")
                    );
                    return Err(ApiError::too_many_requests(
                        "Cannot evict pod as it would violate the pod's disruption budget.",
                    )
                    .with_cause(json!({"reason": "DisruptionBudget", "message": why})));
                }
                left if counts && !cx.dry_run => {
                    let mut spent = (*value).clone();
                    let status = meta::members(meta::entry(&mut spent, "status"));
                    status.insert("disruptionsAllowed".into(), (left - 1).into());
                    self.store.put(BUDGETS, &key, spent, budget.written_under);
                }
                _ => {}
            }
        }
        debug_assert_eq!(table(&target.resource), PODS);
        // Who evicts has been asked about that, and is not asked about what it leads to.
        let calls = cx.calls.take();
        let deleted = self.delete((&target.resource, target.namespace.as_deref(), name), &options, cx);
        cx.calls = calls;
        deleted?;
        Ok(done(writing.accepted.media))
    }
}
