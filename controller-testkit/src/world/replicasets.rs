//! ReplicaSets: as many pods as asked for.

use serde_json::{Map, json};

use super::Clockwork;
use super::event::telling;
use super::hand::{Hand, kind};
use super::object;
use super::queue::{Place, Work};
use super::rollout::{count, difference, pod, wanted, worth};

/// Pods made or deleted in one go; the rest follows in the next.
const BURST: i64 = 500;

impl Clockwork {
    pub(super) fn replicaset(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(set) = hand.get(place) else { return };
        if object::is_deleting(&set) {
            return;
        }
        self.claim(&set, &kind::REPLICASETS, &kind::PODS, place, hand);
        self.take_in(hand.server(), hand.now());
        let mut pods = self.pods_of(&set, hand);
        let have = pods.active.len() as i64;
        let missing = wanted(&set) - have;
        let namespace = place.namespace().unwrap_or_default();
        for _ in 0..missing.clamp(0, BURST) {
            let mut new = pod(&set, &kind::REPLICASETS, &[]);
            new["metadata"]["generateName"] = json!(format!("{}-", object::name(&set)));
            let Some(made) = hand.create(&kind::PODS, namespace, &new) else { break };
            hand.tell(&telling::SET_MADE_POD, &set, &[("pod", made.name())]);
        }
        if missing < 0 {
            pods.active.sort_by_cached_key(|(_, pod)| worth(pod));
            let surplus = usize::try_from((-missing).min(BURST)).unwrap_or(0);
            for (place, pod) in pods.active.iter().take(surplus) {
                hand.delete(place, object::uid(pod), "Background");
                hand.tell(&telling::SET_DELETED_POD, &set, &[("pod", place.name())]);
            }
        }
        if missing != 0 {
            self.take_in(hand.server(), hand.now());
            pods = self.pods_of(&set, hand);
            if pods.active.len() as i64 != wanted(&set) && missing.abs() > BURST {
                self.queue.add(Work::ReplicaSet(place.clone()), hand.now());
            }
        }
        let labels = object::map(&set, "/spec/template/metadata/labels");
        let labelled = pods.active.iter().filter(|(_, pod)| {
            let found = object::map(pod, "/metadata/labels");
            labels.iter().all(|(name, value)| found.get(name) == Some(value))
        });
        let status = Map::from_iter([
            ("replicas".to_owned(), json!(pods.active.len())),
            ("fullyLabeledReplicas".to_owned(), count(labelled.count() as i64)),
            ("readyReplicas".to_owned(), count(pods.ready)),
            ("availableReplicas".to_owned(), count(pods.available)),
            ("observedGeneration".to_owned(), json!(object::generation(&set))),
        ]);
        if let Some(patch) = difference(&set, status) {
            hand.patch_status(place, &patch);
        }
        self.look_again(Work::ReplicaSet(place.clone()), pods.next);
    }
}
