//! StatefulSets: pods with names of their own, in order.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Clockwork;
use super::event::telling;
use super::hand::{Hand, Seen, kind};
use super::object;
use super::queue::{Place, Work};
use super::revisions::Revisions;
use super::rollout::{count, difference, pod, wanted};

const REVISION: &str = "controller-revision-hash";
const REVISION_HASH: &str = "controller.kubernetes.io/hash";

impl Clockwork {
    pub(super) fn statefulset(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(set) = hand.get(place) else { return };
        if object::is_deleting(&set) {
            return;
        }
        let revisions = Revisions::of(&set, &kind::STATEFULSETS, REVISION_HASH, place, hand);
        let update = revisions.present.clone();
        let current = match object::text(&set, "/status/currentRevision") {
            "" => update.clone(),
            current => current.to_owned(),
        };
        self.order(&set, place, &current, &update, hand);
        self.take_in(hand.server(), hand.now());
        let pods = self.pods_of(&set, hand);
        let at =
            |revision: &str| pods.active.iter().filter(|(_, pod)| object::text(pod, LABEL) == revision).count() as i64;
        let updated = at(&update);
        let done = updated == wanted(&set) && pods.ready == updated && pods.leaving == 0;
        let (current, in_current) = if done { (update.clone(), updated) } else { (current.clone(), at(&current)) };
        let status = Map::from_iter([
            ("observedGeneration".to_owned(), json!(object::generation(&set))),
            ("replicas".to_owned(), json!(pods.active.len() + pods.leaving)),
            ("readyReplicas".to_owned(), count(pods.ready + pods.leaving_ready)),
            ("availableReplicas".to_owned(), json!(pods.available + pods.leaving_ready)),
            ("currentReplicas".to_owned(), count(in_current)),
            ("updatedReplicas".to_owned(), count(updated)),
            ("currentRevision".to_owned(), json!(current)),
            ("updateRevision".to_owned(), json!(update)),
            ("collisionCount".to_owned(), json!(0)),
        ]);
        if let Some(patch) = difference(&set, status) {
            hand.patch_status(place, &patch);
        }
        let is_used =
            |name: &str| name == current || pods.active.iter().any(|(_, pod)| object::text(pod, LABEL) == name);
        revisions.forget(&set, |revision| is_used(object::name(revision)), hand);
        self.look_again(Work::StatefulSet(place.clone()), pods.next);
    }

    /// Makes or deletes the next pod, in order; all at once where the set does not ask for order.
    fn order(&mut self, set: &Value, place: &Place, current: &str, update: &str, hand: &mut Hand<'_>) {
        let namespace = place.namespace().unwrap_or_default();
        let ordered = object::text(set, "/spec/podManagementPolicy") != "Parallel";
        let start = object::number(set, "/spec/ordinals/start").unwrap_or(0);
        let end = start + wanted(set);
        let partition = object::number(set, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
        let owned = self.index.dependents_in(object::uid(set), &kind::PODS.table());
        let pods: BTreeMap<i64, (Place, Seen)> = owned
            .into_iter()
            .filter_map(|place| {
                let ordinal = place.name().rsplit_once('-')?.1.parse().ok()?;
                hand.get(&place).map(|pod| (ordinal, (place, pod)))
            })
            .collect();
        for ordinal in start..end {
            match pods.get(&ordinal) {
                None => {
                    let revision = if ordinal >= partition { update } else { current };
                    make(set, ordinal, revision, namespace, hand);
                    if ordered {
                        return;
                    }
                }
                Some((place, pod)) if object::is_over(pod) => drop_pod(set, place, pod, hand),
                Some((_, pod)) if ordered && !object::is_ready(pod) => return,
                Some(_) => {}
            }
        }
        for (place, pod) in pods.range(end..).rev().chain(pods.range(..start).rev()).map(|(_, pod)| pod) {
            if !object::is_deleting(pod) {
                drop_pod(set, place, pod, hand);
            }
            if ordered {
                return;
            }
        }
        if object::text(set, "/spec/updateStrategy/type") == "OnDelete" {
            return;
        }
        for (place, pod) in pods.range(partition.max(start)..end).rev().map(|(_, pod)| pod) {
            if object::text(pod, LABEL) != update {
                if !object::is_deleting(pod) {
                    drop_pod(set, place, pod, hand);
                }
                return;
            }
            if !object::is_ready(pod) {
                return;
            }
        }
    }
}

const LABEL: &str = "/metadata/labels/controller-revision-hash";

fn make(set: &Value, ordinal: i64, revision: &str, namespace: &str, hand: &mut Hand<'_>) {
    let name = format!("{}-{ordinal}", object::name(set));
    let mut volumes = object::items(set, "/spec/template/spec/volumes").to_vec();
    for template in object::items(set, "/spec/volumeClaimTemplates") {
        let volume = object::name(template);
        let claim = format!("{volume}-{name}");
        if hand.get(&kind::CLAIMS.place(namespace, &claim)).is_none() {
            let mut metadata = object::map(template, "/metadata");
            metadata.insert("name".into(), json!(claim));
            let mut labels = object::map(template, "/metadata/labels");
            labels.extend(object::map(set, "/spec/selector/matchLabels"));
            metadata.insert("labels".into(), json!(labels));
            metadata.remove("creationTimestamp");
            let body = json!({"metadata": metadata, "spec": template.get("spec")});
            let tellings = [&telling::STATEFUL_MADE_CLAIM, &telling::STATEFUL_MADE_NO_CLAIM];
            let names = [("claim", claim.as_str()), ("pod", name.as_str())];
            hand.create_for(set, tellings, &names, (&kind::CLAIMS, namespace), &body);
        }
        volumes.retain(|found| found["name"] != volume);
        volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": claim}}));
    }
    let index = ordinal.to_string();
    let labels = [
        (REVISION, revision),
        ("statefulset.kubernetes.io/pod-name", name.as_str()),
        ("apps.kubernetes.io/pod-index", index.as_str()),
    ];
    let mut new = pod(set, &kind::STATEFULSETS, &labels);
    new["metadata"]["name"] = json!(name);
    new["metadata"]["generateName"] = json!(format!("{}-", object::name(set)));
    new["spec"]["hostname"] = json!(name);
    let service = object::text(set, "/spec/serviceName");
    if !service.is_empty() {
        new["spec"]["subdomain"] = json!(service);
    }
    if !volumes.is_empty() {
        new["spec"]["volumes"] = json!(volumes);
    }
    let tellings = [&telling::STATEFUL_MADE_POD, &telling::STATEFUL_MADE_NO_POD];
    hand.create_for(set, tellings, &[("pod", name.as_str())], (&kind::PODS, namespace), &new);
}

fn drop_pod(set: &Value, place: &Place, pod: &Value, hand: &mut Hand<'_>) {
    hand.delete(place, object::uid(pod), "Background");
    hand.tell(&telling::STATEFUL_DELETED_POD, set, &[("pod", place.name())]);
}
