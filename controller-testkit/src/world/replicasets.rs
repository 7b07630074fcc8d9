//! ReplicaSets, and ReplicationControllers, which they took over from: as many pods as asked for.

use serde_json::{Map, Value, json};

use super::Clockwork;
use super::event::{Telling, telling};
use super::hand::{Hand, Kind, kind};
use super::object::{self, Condition, Stamps};
use super::queue::{Place, Work};
use super::rollout::{count, difference, pod, wanted, worth};

/// Pods made or deleted in one go; the rest follows in the next.
const BURST: i64 = 500;

/// The condition of a set that can't make its pods.
pub(super) const FAILURE: &str = "ReplicaFailure";

/// What the two kinds differ in.
struct Sort {
    kind: &'static Kind,
    work: fn(Place) -> Work,
    made: [&'static Telling; 2],
    deleted: &'static Telling,
}

const SETS: Sort = Sort {
    kind: &kind::REPLICASETS,
    work: Work::ReplicaSet,
    made: [&telling::SET_MADE_POD, &telling::SET_MADE_NO_POD],
    deleted: &telling::SET_DELETED_POD,
};

const CONTROLLERS: Sort = Sort {
    kind: &kind::REPLICATION_CONTROLLERS,
    work: Work::ReplicationController,
    made: [&telling::CONTROLLER_MADE_POD, &telling::CONTROLLER_MADE_NO_POD],
    deleted: &telling::CONTROLLER_DELETED_POD,
};

impl Clockwork {
    pub(super) fn replicaset(&mut self, place: &Place, hand: &mut Hand<'_>) {
        self.replicate(&SETS, place, hand);
    }

    pub(super) fn replication_controller(&mut self, place: &Place, hand: &mut Hand<'_>) {
        self.replicate(&CONTROLLERS, place, hand);
    }

    fn replicate(&mut self, sort: &Sort, place: &Place, hand: &mut Hand<'_>) {
        let Some(set) = hand.get(place) else { return };
        if object::is_deleting(&set) {
            return;
        }
        self.claim(&set, sort.kind, &kind::PODS, place, hand);
        self.take_in(hand.server(), hand.now());
        let mut pods = self.pods_of(&set, hand);
        let have = pods.active.len() as i64;
        let missing = wanted(&set) - have;
        let namespace = place.namespace().unwrap_or_default();
        for _ in 0..missing.clamp(0, BURST) {
            let mut new = pod(&set, sort.kind, &[]);
            new["metadata"]["generateName"] = json!(format!("{}-", object::name(&set)));
            if hand.create_for(&set, sort.made, &[], (&kind::PODS, namespace), &new).is_none() {
                break;
            }
        }
        if missing < 0 {
            pods.active.sort_by_cached_key(|(_, pod)| worth(pod));
            let surplus = usize::try_from((-missing).min(BURST)).unwrap_or(0);
            for (place, pod) in pods.active.iter().take(surplus) {
                hand.delete(place, object::uid(pod), "Background");
                hand.tell(sort.deleted, &set, &[("pod", place.name())]);
            }
        }
        if missing != 0 {
            self.take_in(hand.server(), hand.now());
            pods = self.pods_of(&set, hand);
            if pods.active.len() as i64 != wanted(&set) && missing.abs() > BURST {
                self.queue.add((sort.work)(place.clone()), hand.now());
            }
        }
        let labels = object::map(&set, "/spec/template/metadata/labels");
        let labelled = pods.active.iter().filter(|(_, pod)| {
            let found = object::map(pod, "/metadata/labels");
            labels.iter().all(|(name, value)| found.get(name) == Some(value))
        });
        let mut status = Map::from_iter([
            ("replicas".to_owned(), json!(pods.active.len())),
            ("fullyLabeledReplicas".to_owned(), count(labelled.count() as i64)),
            ("readyReplicas".to_owned(), count(pods.ready)),
            ("availableReplicas".to_owned(), count(pods.available)),
            ("observedGeneration".to_owned(), json!(object::generation(&set))),
            ("conditions".to_owned(), conditions(&set, hand)),
        ]);
        if kind::REPLICASETS.is(place) {
            status.insert("terminatingReplicas".to_owned(), json!(pods.leaving));
        }
        if let Some(patch) = difference(&set, status) {
            hand.patch_status(place, &patch);
        }
        self.look_again((sort.work)(place.clone()), pods.next);
    }
}

/// A set says that it can't make its pods, and why it first could not.
fn conditions(set: &Value, hand: &Hand<'_>) -> Value {
    let mut conditions = object::items(set, "/status/conditions").to_vec();
    match &hand.failure {
        Some(_) if object::is_true(set, FAILURE) => {}
        Some(why) => {
            let condition = Condition { kind: FAILURE, status: "True", reason: "FailedCreate", message: why };
            object::set_condition(&mut conditions, condition, Stamps::Transition, hand.now());
        }
        None => conditions.retain(|condition| condition["type"] != FAILURE),
    }
    if conditions.is_empty() { Value::Null } else { json!(conditions) }
}
