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
        let pods = self.pods_of(&set, hand);
        let by_node: BTreeMap<String, &(Place, Seen)> =
            pods.active.iter().map(|pod| (object::text(&pod.1, "/spec/nodeName").to_owned(), pod)).collect();
        for node in &nodes {
            if !by_node.contains_key(node) {
                let mut labels = vec![(REVISION, hash.as_str())];
                labels.extend(
                    set["metadata"]["annotations"][GENERATION].as_str().map(|of| ("pod-template-generation", of)),
                );
                let mut new = pod(&set, &kind::DAEMONSETS, &labels);
                new["metadata"]["generateName"] = json!(format!("{}-", object::name(&set)));
                new["spec"]["nodeName"] = json!(node);
                let tellings = [&telling::DAEMON_MADE_POD, &telling::DAEMON_MADE_NO_POD];
                hand.create_for(&set, tellings, &[], (&kind::PODS, namespace), &new);
            }
        }
        for (node, (place, pod)) in &by_node {
            if !nodes.contains(node) {
                hand.delete(place, object::uid(pod), "Background");
                hand.tell(&telling::DAEMON_DELETED_POD, &set, &[("pod", place.name())]);
            }
        }
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
        let (have, total) = (pods.active.len() as i64, nodes.len() as i64);
        let updated = pods.active.iter().filter(|(_, pod)| is_new(pod)).count() as i64;
        let status = Map::from_iter([
            ("observedGeneration".to_owned(), json!(object::generation(&set))),
            ("currentNumberScheduled".to_owned(), json!(have)),
            ("desiredNumberScheduled".to_owned(), json!(total)),
            ("numberMisscheduled".to_owned(), json!(0)),
            ("numberReady".to_owned(), json!(pods.ready)),
            ("updatedNumberScheduled".to_owned(), count(updated)),
            ("numberAvailable".to_owned(), count(pods.available)),
            ("numberUnavailable".to_owned(), count((total - pods.available).max(0))),
        ]);
        if let Some(patch) = difference(&set, status) {
            hand.patch_status(place, &patch);
        }
        let is_used = |hash: &str| pods.active.iter().any(|(_, pod)| object::text(pod, LABEL) == hash);
        revisions.forget(&set, |revision| is_used(object::text(revision, LABEL)), hand);
        self.look_again(Work::DaemonSet(place.clone()), pods.next);
    }
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
