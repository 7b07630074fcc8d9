//! Evictions: a pod is deleted if its disruption budget can spare it.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value, json};

use super::delete::DeleteOptions;
use super::part::Part;
use super::pods::{check_name, done};
use super::scale::selector_text;
use super::update::Change;
use super::write::{Cx, Writing};
use super::{Server, meta};
use crate::catalog::split_api_version;
use crate::selector::LabelSelector;
use crate::status::ApiError;
use crate::store::{Object, Range};

const TABLE: &str = "policy/poddisruptionbudgets";
const ALLOWED: &str = "DisruptionAllowed";
/// A client waits so many seconds for a budget that has yet to be counted.
const UNTIL_COUNTED: u32 = 10;

impl Server {
    /// Deletes a pod if no disruption budget forbids it.
    pub(crate) fn evict(&mut self, writing: &Writing<'_>, cx: &mut Cx<'_>) -> Result<Response<Bytes>, ApiError> {
        let eviction = writing.parse(("policy/v1", "Eviction"), true)?.value;
        let target = writing.target;
        let name = target.name.as_deref().unwrap_or_default();
        check_kind(&eviction)?;
        check_name(&eviction, name, "Eviction")?;
        let eviction = self.sent(writing, ("policy/v1", "Eviction"), eviction, cx)?;
        let options = eviction.get("deleteOptions").cloned().unwrap_or_else(|| json!({}));
        let options = DeleteOptions::check(&options, cx)?;
        let namespace = target.namespace.as_deref();
        let pod = self.find(&target.resource, namespace, name)?.clone();
        // Who evicts has been asked about that, and is not asked about what it leads to.
        let calls = cx.calls.take();
        let spent = self.spare(&pod, namespace, name, cx);
        let done_with = spent.and_then(|()| self.delete((&target.resource, namespace, name), &options, cx));
        cx.calls = calls;
        done_with?;
        Ok(done(writing.accepted.media))
    }

    /// Takes a pod out of what its budget allows. It counts as spent even if the pod is not deleted after all.
    fn spare(&mut self, pod: &Object, namespace: Option<&str>, name: &str, cx: &mut Cx<'_>) -> Result<(), ApiError> {
        let value = pod.value();
        let phase = value.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
        if matches!(phase, "Pending" | "Succeeded" | "Failed") || pod.is_deleting() {
            return Ok(());
        }
        let budget = match self.budgets_of(pod, namespace).as_slice() {
            [] => return Ok(()),
            [budget] => budget.clone(),
            _ => {
                let why =
                    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
                return Err(ApiError::unforeseen(why));
            }
        };
        let now = meta::time(cx.now);
        let Some(spent) = after(&budget.value(), name, is_ready(&value), now.as_str().unwrap_or_default())? else {
            return Ok(());
        };
        if cx.dry_run {
            return Ok(());
        }
        let Some(resource) = self.catalog.get("policy", "v1", "poddisruptionbudgets").cloned() else { return Ok(()) };
        let budget_name = meta::name(&spent).to_owned();
        let manager = std::mem::replace(&mut cx.manager, "kube-apiserver".to_owned());
        let written = self.update((&resource, namespace, &budget_name), Part::Status, Change::Replace(spent), cx);
        cx.manager = manager;
        written.map(drop)
    }

    fn budgets_of(&self, pod: &Object, namespace: Option<&str>) -> Vec<Arc<Object>> {
        let prefix = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let labels = pod.labels();
        let is_of_it = |budget: &Object| {
            let budget = budget.value();
            let Some(selector) = budget.pointer("/spec/selector") else { return false };
            LabelSelector::parse(&selector_text(selector)).is_ok_and(|selector| selector.matches(labels.as_ref()))
        };
        let all = self.store.scan(TABLE, Range { prefix: &prefix, from: "" });
        all.filter(|(_, budget)| is_of_it(budget)).map(|(_, budget)| budget.clone()).collect()
    }
}

fn check_kind(eviction: &Value) -> Result<(), ApiError> {
    let text = |member: &str| eviction.get(member).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if kind.is_empty() || kind == "Eviction" {
        return Ok(());
    }
    let (_, version) = split_api_version(api_version);
    let why = format!(
        "{kind} in version {version:?} cannot be handled as a Eviction: converting ({version}.{kind}) to \
         (policy.Eviction): unknown conversion"
    );
    Err(ApiError::bad_request(why))
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// A budget once a pod of its was evicted, if that makes a difference; an error if it can't spare one.
fn after(budget: &Value, pod: &str, is_ready: bool, now: &str) -> Result<Option<Value>, ApiError> {
    let count = |pointer: &str| budget.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let (healthy, desired) = (count("/status/currentHealthy"), count("/status/desiredHealthy"));
    let always = budget.pointer("/spec/unhealthyPodEvictionPolicy").is_some_and(|policy| policy == "AlwaysAllow");
    // What does no work is no loss, unless its budget is short already.
    if !is_ready && (always || healthy >= desired && desired > 0) {
        return Ok(None);
    }
    let name = meta::name(budget);
    if count("/status/observedGeneration") < count("/metadata/generation") {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(refused(&why, UNTIL_COUNTED));
    }
    let left = count("/status/disruptionsAllowed") - 1;
    if left < 0 {
        let conditions = budget.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        let failed = |condition: &&Value| condition["type"] == ALLOWED && condition["reason"] == "SyncFailed";
        let why = match conditions.into_iter().find(failed) {
            Some(condition) => {
                let why = condition["message"].as_str().unwrap_or_default();
                format!(
                    "The disruption budget {name} does not allow evicting pods currently because it failed sync: {why}"
                )
            }
            None => format!("The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"),
        };
        return Err(refused(&why, 0));
    }
    let mut spent = budget.clone();
    let status = meta::members(meta::entry(&mut spent, "status"));
    status.insert("disruptionsAllowed".to_owned(), left.into());
    meta::members(status.entry("disruptedPods").or_insert_with(|| Map::new().into()))
        .insert(pod.to_owned(), now.into());
    if left == 0 {
        let told = disruption_told(budget, "False", "InsufficientPods", "", now);
        status.insert("conditions".to_owned(), told);
    }
    Ok(Some(spent))
}

/// The conditions of a budget once it is told whether its pods may be evicted.
pub(crate) fn disruption_told(budget: &Value, status: &str, reason: &str, message: &str, now: &str) -> Value {
    let mut conditions = budget.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let before = conditions.iter().position(|condition| condition["type"] == ALLOWED);
    let since = before.map(|at| &conditions[at]).filter(|condition| condition["status"] == status);
    let since = since.map_or_else(|| json!(now), |condition| condition["lastTransitionTime"].clone());
    let condition = json!({
        "type": ALLOWED,
        "status": status,
        "observedGeneration": budget.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0),
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    });
    match before {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
    conditions.into()
}

fn refused(why: &str, retry_after: u32) -> ApiError {
    ApiError::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.")
        .with_cause(json!({"reason": "DisruptionBudget", "message": why}))
        .in_seconds(retry_after)
}
