//! What keeps a pod from the node, in the words of a real scheduler: claims without volumes, a cordon, taints, and labels
//! that the pod asks for. What the node has room for is not counted.

use serde_json::Value;

use super::furniture::NODE;
use super::hand::{Hand, kind};
use super::object;
use super::volumes;

/// What a real scheduler adds where no other pod could make room.
const NO_ROOM: &str = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";

/// Why the node does not take a pod.
pub(super) fn hindrance(pod: &Value, hand: &Hand<'_>) -> Option<String> {
    let Some(node) = hand.get(&kind::NODES.place("", NODE)) else {
        return Some("no nodes available to schedule pods".to_owned());
    };
    let (count, why) = match claims(pod, hand) {
        Some(why) => ("", why),
        None => ("1 ", of_node(&node, pod).or_else(|| volumes::none_to_be_had(pod, hand))?.to_owned()),
    };
    Some(format!("0/1 nodes are available: {count}{why}. {NO_ROOM}"))
}

/// What is wrong with the claims that a pod names, wherever it went.
fn claims(pod: &Value, hand: &Hand<'_>) -> Option<String> {
    volumes::named_by(pod).find_map(|place| {
        let quoted = format!("persistentvolumeclaim \"{}\"", place.name());
        let Some(claim) = hand.get(&place) else { return Some(format!("{quoted} not found")) };
        if object::text(&claim, "/status/phase") == "Lost" {
            let volume = object::text(&claim, "/spec/volumeName");
            return Some(format!("{quoted} bound to non-existent persistentvolume \"{volume}\""));
        }
        if object::is_deleting(&claim) {
            return Some(format!("{quoted} is being deleted"));
        }
        let is_bound = object::text(&claim, "/status/phase") == "Bound";
        let waits = volumes::class_of(&claim, hand).is_some_and(|class| volumes::waits_for_pods(&class));
        (!is_bound && !waits).then(|| "pod has unbound immediate PersistentVolumeClaims".to_owned())
    })
}

/// What is between a node and a pod.
fn of_node(node: &Value, pod: &Value) -> Option<&'static str> {
    const CORDON: &str = "node.kubernetes.io/unschedulable";
    let tolerates = |key: &str, value: &str, effect: &str| {
        object::items(pod, "/spec/tolerations").iter().any(|toleration| {
            let of = |member: &str| toleration.get(member).and_then(Value::as_str).unwrap_or_default();
            let covers = |member: &str, wanted: &str| of(member).is_empty() || of(member) == wanted;
            covers("effect", effect) && covers("key", key) && (of("operator") == "Exists" || of("value") == value)
        })
    };
    if node.pointer("/spec/unschedulable") == Some(&Value::Bool(true)) && !tolerates(CORDON, "", "NoSchedule") {
        return Some("node(s) were unschedulable");
    }
    let repels = |taint: &Value| {
        let of = |member: &str| taint.get(member).and_then(Value::as_str).unwrap_or_default();
        of("effect") != "PreferNoSchedule" && !tolerates(of("key"), of("value"), of("effect"))
    };
    if object::items(node, "/spec/taints").iter().any(repels) {
        return Some("node(s) had untolerated taint(s)");
    }
    (!is_wanted(node, pod)).then_some("node(s) didn't match Pod's node affinity/selector")
}

/// Whether a node has the labels and the name that a pod asks for.
fn is_wanted(node: &Value, pod: &Value) -> bool {
    let labels = object::map(node, "/metadata/labels");
    let selected = object::map(pod, "/spec/nodeSelector").iter().all(|(key, value)| labels.get(key) == Some(value));
    const REQUIRED: &str = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let terms = object::items(pod, &format!("{REQUIRED}/nodeSelectorTerms"));
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let field = |key: &str| (key == "metadata.name").then(|| object::name(node));
    let fits = |term: &Value| {
        let (expressions, fields) = (object::items(term, "/matchExpressions"), object::items(term, "/matchFields"));
        // A term that says nothing is for no node.
        !(expressions.is_empty() && fields.is_empty())
            && expressions.iter().all(|requirement| holds(requirement, label))
            && fields.iter().all(|requirement| holds(requirement, field))
    };
    selected && (pod.pointer(REQUIRED).is_none_or(Value::is_null) || terms.iter().any(fits))
}

/// Whether a requirement of a node's selector holds of the value behind its key.
fn holds<'a>(requirement: &Value, value: impl Fn(&str) -> Option<&'a str>) -> bool {
    let value = value(object::text(requirement, "/key"));
    let values = object::items(requirement, "/values");
    let is_one = || value.is_some_and(|value| values.iter().any(|one| one == value));
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let bound = || number(values.first().and_then(Value::as_str));
    match object::text(requirement, "/operator") {
        "In" => is_one(),
        "NotIn" => !is_one(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => number(value).zip(bound()).is_some_and(|(value, bound)| value > bound),
        "Lt" => number(value).zip(bound()).is_some_and(|(value, bound)| value < bound),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node() -> Value {
        json!({"metadata": {"name": NODE, "labels": {"disk": "ssd", "cores": "8"}}})
    }

    fn affinity(term: Value) -> Value {
        let required = json!({"nodeSelectorTerms": [term]});
        json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}})
    }

    #[test]
    fn a_node_is_chosen_by_its_labels_and_its_name() {
        assert_eq!(of_node(&node(), &json!({"spec": {"nodeSelector": {"disk": "ssd"}}})), None);
        let other = json!({"spec": {"nodeSelector": {"disk": "tape"}}});
        assert_eq!(of_node(&node(), &other), Some("node(s) didn't match Pod's node affinity/selector"));
        let label = |operator: &str, key: &str, values: Value| {
            affinity(json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]}))
        };
        for (fits, pod) in [
            (true, label("In", "disk", json!(["tape", "ssd"]))),
            (false, label("NotIn", "disk", json!(["ssd"]))),
            (true, label("NotIn", "absent", json!(["ssd"]))),
            (true, label("Exists", "disk", json!([]))),
            (false, label("DoesNotExist", "disk", json!([]))),
            (true, label("Gt", "cores", json!(["7"]))),
            (false, label("Gt", "cores", json!(["8"]))),
            (true, label("Lt", "cores", json!(["9"]))),
            (false, label("Lt", "disk", json!(["9"]))),
            (true, affinity(json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [NODE]}]}))),
            (false, affinity(json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["x"]}]}))),
            (false, affinity(json!({}))),
        ] {
            assert_eq!(of_node(&node(), &pod).is_none(), fits, "{pod}");
        }
    }

    #[test]
    fn taints_and_cordons_repel_who_does_not_tolerate_them() {
        let taint = |effect: &str| {
            let mut node = node();
            node["spec"] = json!({"taints": [{"key": "gpu", "value": "yes", "effect": effect}]});
            node
        };
        let tolerating = |toleration: Value| json!({"spec": {"tolerations": [toleration]}});
        let nobody = json!({"spec": {}});
        assert_eq!(of_node(&taint("NoSchedule"), &nobody), Some("node(s) had untolerated taint(s)"));
        assert_eq!(of_node(&taint("PreferNoSchedule"), &nobody), None);
        for (takes, toleration) in [
            (true, json!({"operator": "Exists"})),
            (true, json!({"key": "gpu", "operator": "Exists"})),
            (true, json!({"key": "gpu", "value": "yes", "effect": "NoExecute"})),
            (false, json!({"key": "gpu", "value": "no"})),
            (false, json!({"key": "gpu", "operator": "Exists", "effect": "NoSchedule"})),
        ] {
            assert_eq!(of_node(&taint("NoExecute"), &tolerating(toleration.clone())).is_none(), takes, "{toleration}");
        }
        let mut cordoned = node();
        cordoned["spec"] = json!({"unschedulable": true});
        assert_eq!(of_node(&cordoned, &nobody), Some("node(s) were unschedulable"));
        let daemon = json!({"key": "node.kubernetes.io/unschedulable", "operator": "Exists"});
        assert_eq!(of_node(&cordoned, &tolerating(daemon)), None);
    }
}
