//! What pods have of their nodes: labels that say where they are, no more than there is, and no changes that a node does
//! not know how to make.

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

    /// Refuses changes of a pod that its node does not know how to make, and to let it grow beyond its node.
    pub(super) fn fits_node(&self, change: &Change<'_>) -> Result<(), ApiError> {
        let is_meant = change.resource.group.is_empty()
            && change.resource.plural == "pods"
            && matches!(change.part, "" | "resize")
            && change.operation == Operation::Update;
        let (Some(new), Some(old)) = (change.new.filter(|_| is_meant), change.old) else { return Ok(()) };
        let name = new.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() || meta::generation(new) == meta::generation(old) {
            return Ok(());
        }
        let forbid = |why: &str| ApiError::forbidden(subject(change.resource), change.name, why);
        let node = self.store.get("/nodes", name).map(|node| node.value());
        let needed = features(new, old);
        if needed.is_empty() && change.part.is_empty() {
            return Ok(());
        }
        let Some(node) = node else { return Err(forbid(&format!("node {name:?} not found"))) };
        let declared = node.pointer("/status/declaredFeatures").and_then(Value::as_array);
        let has = |feature: &str| declared.is_some_and(|declared| declared.iter().any(|known| known == feature));
        let missing: Vec<&str> = needed.into_iter().filter(|feature| !has(feature)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            let why = format!("pod update requires features {missing} which are not available on node {name:?}");
            return Err(forbid(&why));
        }
        if change.part.is_empty() {
            return Ok(());
        }
        let cause = |reason: &str| json!({ "reason": reason });
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

/// What a node has to declare that it can do, for a pod to be changed so.
fn features(new: &Value, old: &Value) -> Vec<&'static str> {
    let is_moved = |place: &str| new.pointer(place) != old.pointer(place);
    let list = |pod: &Value, name: &str| pod.pointer(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let changed = |name: &str, is_changed: fn(&Value, &Value) -> bool| {
        list(new, name).iter().zip(list(old, name)).any(|(new, old)| is_changed(new, &old))
    };
    let once = |new: &Value, old: &Value| {
        old.get("restartPolicy").is_none_or(|policy| policy != "Always") && new.get("resources") != old.get("resources")
    };
    let in_memory = |new: &Value, old: &Value| {
        let limit = |volume: &Value| volume.pointer("/emptyDir/sizeLimit").cloned();
        let is_memory = new.pointer("/emptyDir/medium").is_some_and(|medium| medium == "Memory");
        is_memory && limit(new).is_some() && limit(old).is_some() && limit(new) != limit(old)
    };
    let needed = [
        (is_moved("/spec/resources"), "InPlacePodLevelResourcesVerticalScaling"),
        (changed("/spec/initContainers", once), "InPlacePodVerticalScalingInitContainers"),
        (changed("/spec/volumes", in_memory), "InPlacePodVerticalScalingMemoryBackedVolumes"),
    ];
    needed.into_iter().filter(|(is_needed, _)| *is_needed).map(|(_, feature)| feature).collect()
}

/// Puts labels on an object, in place of those that it has by the same names.
pub(super) fn label(object: &mut Value, labels: Map<String, Value>) {
    if !labels.is_empty() {
        meta::members(meta::of(object).entry("labels").or_insert_with(|| json!({}))).extend(labels);
    }
}
