//! What pods have of their nodes: labels that say where they are, and no more than there is.

use serde_json::{Map, Value, json};

use super::read::subject;
use super::{Server, meta};
use crate::admission::{Change, Operation};
use crate::kinds::{self, Amount};
use crate::status::ApiError;

const LABELS: [&str; 2] = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];

impl Server {
    /// Labels a new pod that has its node already.
    pub(super) fn place_like_node(&self, pod: &mut Value) {
        let node = pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        let labels = self.topology_of(node);
        label(pod, labels);
    }

    /// The labels by which a node says where it is; none of one that is not there.
    pub(super) fn topology_of(&self, node: &str) -> Map<String, Value> {
        let known = self.store.get("/nodes", node).and_then(|node| node.labels()).unwrap_or_default();
        known.into_iter().filter(|(name, _)| LABELS.contains(&name.as_str())).collect()
    }

    /// Refuses to let a pod grow beyond its node.
    pub(super) fn fits_node(&self, change: &Change<'_>) -> Result<(), ApiError> {
        let is_resized = change.resource.group.is_empty()
            && change.resource.plural == "pods"
            && change.part == "resize"
            && change.operation == Operation::Update;
        let (Some(new), Some(old)) = (change.new.filter(|_| is_resized), change.old) else { return Ok(()) };
        let name = new.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() || meta::generation(new) == meta::generation(old) {
            return Ok(());
        }
        let forbid = |why: &str| ApiError::forbidden(subject(change.resource), change.name, why);
        let cause = |reason: &str| json!({ "reason": reason });
        let Some(node) = self.store.get("/nodes", name).map(|node| node.value()) else {
            return Err(forbid(&format!("node {name:?} not found")));
        };
        let system = meta::labels(&node).and_then(|labels| labels.get("kubernetes.io/os")?.as_str());
        if let Some(system) = system.filter(|system| *system != "linux") {
            let why = format!("pod resize is only supported on linux nodes, node {name:?} is {system:?}");
            return Err(forbid(&why).with_cause(cause("UnsupportedPlatform")));
        }
        let there_is = |resource: &str| {
            let text = node.pointer(&format!("/status/allocatable/{resource}")).and_then(Value::as_str);
            kinds::amount(text.unwrap_or("0")).unwrap_or_default()
        };
        let wanted = kinds::requests_of_pod(new);
        let lacks = [("cpu", Amount::thousandths as fn(Amount) -> i128), ("memory", Amount::whole)];
        let lacks = lacks.into_iter().filter_map(|(resource, shown)| {
            let (wanted, there_is) = (wanted.get(resource).copied().unwrap_or_default(), there_is(resource));
            let told = || format!("{resource}, requested: {}, allocatable: {}", shown(wanted), shown(there_is));
            (wanted > there_is).then(told)
        });
        let lacks: Vec<String> = lacks.collect();
        if lacks.is_empty() {
            return Ok(());
        }
        let why = format!("node didn't have enough allocatable resources: {}", lacks.join("; "));
        Err(forbid(&why).with_cause(cause("NodeCapacity")))
    }
}

/// Puts labels on an object, in place of those that it has by the same names.
pub(super) fn label(object: &mut Value, labels: Map<String, Value>) {
    if !labels.is_empty() {
        meta::members(meta::of(object).entry("labels").or_insert_with(|| json!({}))).extend(labels);
    }
}
