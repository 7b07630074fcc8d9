//! DaemonSets: a pod on each node that fits.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Clockwork;
use super::event::telling;
use super::hand::{Hand, Seen, kind};
use super::object;
use super::queue::{Place, Work};
use super::revisions::Revisions;
use super::rollout::{Rounding, count, difference, pod, share};

const REVISION: &str = "controller-revision-hash";
const LABEL: &str = "/metadata/labels/controller-revision-hash";
/// The number of the template, which the server counts up.
const GENERATION: &str = "deprecated.daemonset.template.generation";

/// One on the network of its node goes where no other network is.
const NETWORK: &str = "node.kubernetes.io/network-unavailable";
/// The taints that these pods bear, and their effects.
const TOLERATED: [(&str, &str); 7] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
    (NETWORK, "NoSchedule"),
];

impl Clockwork {
    pub(super) fn daemonset(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(set) = hand.get(place) else { return };
        if object::is_deleting(&set) {
            return;
        }
        let namespace = place.namespace().unwrap_or_default();
        let revisions = Revisions::of(&set, &kind::DAEMONSETS, REVISION, place, hand);
        // Unlike a StatefulSet's pods, these carry the hash without the set's name.
        let hash = revisions.hash.clone();
        let nodes = fitting_nodes(&set, hand);
        self.drop_ended(&set, hand);
        self.take_in(hand.server(), hand.now());
        let by_node = self.by_node(&set, hand);
        // One that is on its way out still has the node for itself.
        for node in nodes.iter().filter(|node| !by_node.contains_key(*node)) {
            let mut labels = vec![(REVISION, hash.as_str())];
            labels
                .extend(set["metadata"]["annotations"][GENERATION].as_str().map(|of| ("pod-template-generation", of)));
            let mut new = pod(&set, &kind::DAEMONSETS, &labels);
            new["metadata"]["generateName"] = json!(format!("{}-", object::name(&set)));
            settle(&mut new["spec"], node);
            let tellings = [&telling::DAEMON_MADE_POD, &telling::DAEMON_MADE_NO_POD];
            hand.create_for(&set, tellings, &[], (&kind::PODS, namespace), &new);
        }
        for (place, pod) in by_node.iter().filter(|(node, _)| !nodes.contains(node)).flat_map(|(_, pods)| pods) {
            if !object::is_deleting(pod) {
                hand.delete(place, object::uid(pod), "Background");
                hand.tell(&telling::DAEMON_DELETED_POD, &set, &[("pod", place.name())]);
            }
        }
        let pods = self.pods_of(&set, hand);
        let is_new = |pod: &Value| object::text(pod, LABEL) == hash;
        if object::text(&set, "/spec/updateStrategy/type") != "OnDelete" {
            let room = set.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable");
            let total = nodes.len() as i64;
            let room = share(room.or(Some(&json!(1))), total, Rounding::Up).unwrap_or(1).max(1);
            let mut room = room - (total - pods.available).max(0);
            for (place, pod) in pods.active.iter().filter(|(_, pod)| !is_new(pod)) {
                if room > 0 || !object::is_ready(pod) {
                    hand.delete(place, object::uid(pod), "Background");
                    hand.tell(&telling::DAEMON_DELETED_POD, &set, &[("pod", place.name())]);
                    room -= 1;
                }
            }
        }
        self.take_in(hand.server(), hand.now());
        let pods = self.pods_of(&set, hand);
        let total = nodes.len() as i64;
        // Each node counts by its oldest pod, though that may be on its way out.
        let by_node = self.by_node(&set, hand);
        let firsts: Vec<&Seen> =
            nodes.iter().filter_map(|node| by_node.get(node)?.first().map(|(_, pod)| pod)).collect();
        let sum = |counts: &dyn Fn(&Seen) -> bool| firsts.iter().filter(|pod| counts(pod)).count() as i64;
        let have = firsts.len() as i64;
        let (updated, ready) = (sum(&|pod| is_new(pod)), sum(&|pod| object::is_true(pod, "Ready")));
        let available = ready - (pods.ready - pods.available);
        let status = Map::from_iter([
            ("observedGeneration".to_owned(), json!(object::generation(&set))),
            ("currentNumberScheduled".to_owned(), json!(have)),
            ("desiredNumberScheduled".to_owned(), json!(total)),
            ("numberMisscheduled".to_owned(), json!(0)),
            ("numberReady".to_owned(), json!(ready)),
            ("updatedNumberScheduled".to_owned(), count(updated)),
            ("numberAvailable".to_owned(), count(available)),
            ("numberUnavailable".to_owned(), count((total - available).max(0))),
        ]);
        if let Some(patch) = difference(&set, status) {
            hand.patch_status(place, &patch);
        }
        let is_used = |hash: &str| pods.active.iter().any(|(_, pod)| object::text(pod, LABEL) == hash);
        revisions.forget(&set, |revision| is_used(object::text(revision, LABEL)), hand);
        self.look_again(Work::DaemonSet(place.clone()), pods.next);
    }

    /// The pods of a set that have not ended, by the nodes that they are on, the oldest first.
    fn by_node(&self, set: &Value, hand: &Hand<'_>) -> BTreeMap<String, Vec<(Place, Seen)>> {
        let mut by_node: BTreeMap<String, Vec<(Place, Seen)>> = BTreeMap::new();
        for (place, pod) in self.owned_pods(set, hand).into_iter().filter(|(_, pod)| !object::is_over(pod)) {
            by_node.entry(object::text(&pod, "/spec/nodeName").to_owned()).or_default().push((place, pod));
        }
        for pods in by_node.values_mut() {
            pods.sort_by_cached_key(|(place, pod)| {
                (object::text(pod, "/metadata/creationTimestamp").to_owned(), place.clone())
            });
        }
        by_node
    }

    /// Deletes the pods that have ended: they are to run for ever.
    fn drop_ended(&self, set: &Value, hand: &mut Hand<'_>) {
        for (place, pod) in self.owned_pods(set, hand) {
            if object::is_over(&pod) && !object::is_deleting(&pod) {
                let telling = match object::text(&pod, "/status/phase") {
                    "Failed" => &telling::DAEMON_POD_FAILED,
                    _ => &telling::DAEMON_POD_SUCCEEDED,
                };
                hand.tell(telling, set, &[("pod", place.name()), ("node", object::text(&pod, "/spec/nodeName"))]);
                hand.delete(&place, object::uid(&pod), "Background");
            }
        }
    }

    fn owned_pods(&self, set: &Value, hand: &Hand<'_>) -> Vec<(Place, Seen)> {
        let places = self.index.dependents_in(object::uid(set), &kind::PODS.table()).into_iter();
        let pods = places.filter_map(|place| hand.get(&place).map(|pod| (place, pod)));
        pods.filter(|(_, pod)| object::controller(pod) == Some(object::uid(set))).collect()
    }
}

/// Gives a pod its node, and what lets it stay there whatever becomes of the node.
fn settle(spec: &mut Value, node: &str) {
    // A scheduler would be told by this; there is none that chooses between nodes.
    spec["nodeName"] = json!(node);
    let fields = json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]);
    let mut affinity = object::map(spec, "/affinity");
    let of_node = affinity.entry("nodeAffinity").or_insert_with(|| json!({}));
    of_node["requiredDuringSchedulingIgnoredDuringExecution"] = json!({"nodeSelectorTerms": fields});
    spec["affinity"] = affinity.into();
    let host = spec.get("hostNetwork").is_some_and(|host| host == true);
    let mut tolerations = object::items(spec, "/tolerations").to_vec();
    for (key, effect) in TOLERATED.iter().filter(|(key, _)| host || *key != NETWORK) {
        let toleration = json!({"key": key, "operator": "Exists", "effect": effect});
        let is_same = |found: &&mut Value| ["key", "operator", "effect"].iter().all(|of| found[of] == toleration[of]);
        match tolerations.iter_mut().find(is_same) {
            Some(found) => *found = toleration,
            None => tolerations.push(toleration),
        }
    }
    spec["tolerations"] = tolerations.into();
}

/// The names of the nodes that have the labels that the template asks for.
fn fitting_nodes(set: &Value, hand: &Hand<'_>) -> Vec<String> {
    let wanted = object::map(set, "/spec/template/spec/nodeSelector");
    let fits = |node: &Value| {
        let labels = object::map(node, "/metadata/labels");
        wanted.iter().all(|(name, value)| labels.get(name) == Some(value))
    };
    hand.places(kind::NODES.group, kind::NODES.plural)
        .iter()
        .filter(|place| hand.get(place).is_some_and(|node| fits(&node)))
        .map(|place| place.name().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::tests::{Hand, pass};
    use crate::{Cluster, Stage, World};

    const PODS: &str = "/api/v1/namespaces/default/pods";
    const SETS: &str = "/apis/apps/v1/namespaces/default/daemonsets";

    fn set(more: Value) -> Value {
        let mut spec = json!({"containers": [{"name": "main", "image": "a"}]});
        more.as_object().into_iter().flatten().for_each(|(name, value)| spec[name] = value.clone());
        let template = json!({"metadata": {"labels": {"app": "agent"}}, "spec": spec});
        let spec = json!({"selector": {"matchLabels": {"app": "agent"}}, "template": template});
        json!({"metadata": {"name": "agent"}, "spec": spec})
    }

    async fn pods(hand: &Hand) -> Vec<Value> {
        hand.get(PODS).await["items"].as_array().cloned().unwrap_or_default()
    }

    #[tokio::test(start_paused = true)]
    async fn its_pods_stay_on_their_node_whatever_becomes_of_it() {
        let hand = Hand(Cluster::new().client());
        let short = json!({
            "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5,
        });
        let preferred = json!([{"weight": 1, "preference": {"matchFields": []}}]);
        let affinity = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}});
        hand.create(SETS, set(json!({"tolerations": [short], "affinity": affinity, "hostNetwork": true}))).await;
        pass(5).await;
        let pod = pods(&hand).await.remove(0);
        let tolerations = object::items(&pod, "/spec/tolerations");
        assert_eq!(tolerations.len(), TOLERATED.len(), "{tolerations:?}");
        assert!(tolerations.iter().all(|of| of["tolerationSeconds"].is_null()), "{tolerations:?}");
        assert_eq!(tolerations.last().map(|of| &of["key"]), Some(&json!(NETWORK)));
        let wanted = &pod["spec"]["affinity"]["nodeAffinity"];
        let fields =
            &wanted["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]["matchFields"][0];
        assert_eq!(fields["values"], json!(["node-1"]), "{wanted}");
        assert!(wanted["preferredDuringSchedulingIgnoredDuringExecution"].is_array(), "{wanted}");
        assert_eq!(pod["metadata"]["labels"]["pod-template-generation"], "1");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_on_its_way_out_still_has_the_node_for_itself() {
        // Nobody takes a pod away.
        let stays = "{apiVersion: kwok.x-k8s.io/v1alpha1, kind: Stage, metadata: {name: pod-remove}, \
            spec: {resourceRef: {apiGroup: v1, kind: Pod}, selector: {matchLabels: {no: one}}, next: {}}}";
        let world = World::full().stages(Stage::read(stays).expect("a stage"));
        let hand = Hand(Cluster::builder().world(world).build().client());
        hand.create(SETS, set(json!({}))).await;
        pass(5).await;
        let path = format!("{SETS}/agent");
        hand.patch(&path, set(json!({"containers": [{"name": "main", "image": "b"}]}))).await;
        pass(5).await;
        let left = pods(&hand).await;
        assert_eq!((left.len(), object::is_deleting(&left[0])), (1, true));
        let status = &hand.get(&path).await["status"];
        let counts = ["currentNumberScheduled", "numberReady", "numberAvailable"].map(|count| status[count].clone());
        assert_eq!((counts, &status["updatedNumberScheduled"]), ([json!(1), json!(1), json!(1)], &Value::Null));
        hand.delete(&format!("{PODS}/{}?gracePeriodSeconds=0", object::name(&left[0]))).await;
        pass(5).await;
        let next = pods(&hand).await.remove(0);
        assert_eq!(
            (&next["spec"]["containers"][0]["image"], next["status"]["phase"].as_str()),
            (&json!("b"), Some("Running"))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_ended_is_replaced() {
        let hand = Hand(Cluster::new().client());
        hand.create(SETS, set(json!({}))).await;
        pass(5).await;
        let first = object::name(&pods(&hand).await[0]).to_owned();
        hand.patch(&format!("{PODS}/{first}/status"), json!({"status": {"phase": "Failed"}})).await;
        pass(5).await;
        let now = pods(&hand).await;
        assert_eq!(now.len(), 1);
        assert_ne!(object::name(&now[0]), first);
        let events = hand.get("/api/v1/namespaces/default/events").await;
        let told = events["items"].as_array().into_iter().flatten().find(|event| event["reason"] == "FailedDaemonPod");
        let message = format!("Found failed daemon pod default/{first} on node node-1, will try to kill it");
        assert_eq!(told.map(|event| &event["message"]), Some(&json!(message)));
    }
}
