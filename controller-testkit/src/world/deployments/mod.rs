//! Deployments: a ReplicaSet for each version of the template, and the roll from one to the next.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

mod set;

use self::set::{REVISION, Set, first_annotations};
use super::Clockwork;
use super::event::telling;
use super::hand::{Hand, kind};
use super::object::{self, Condition, Stamps};
use super::queue::{Place, Work};
use super::replicasets::FAILURE;
use super::rollout::{Rounding, count, difference, share, wanted};

const HASH: &str = "pod-template-hash";
const PROGRESS: &str = "Progressing";

/// How many more and how many fewer pods than asked for a roll may have.
struct Room {
    surge: i64,
    unavailable: i64,
}

impl Room {
    fn of(deployment: &Value) -> Room {
        if is_recreate(deployment) {
            return Room { surge: 0, unavailable: 0 };
        }
        let rolling = |field: &str| deployment.pointer(&format!("/spec/strategy/rollingUpdate/{field}"));
        let quarter = json!("25%");
        let total = wanted(deployment);
        let surge = share(rolling("maxSurge").or(Some(&quarter)), total, Rounding::Up).unwrap_or(1);
        let unavailable = share(rolling("maxUnavailable").or(Some(&quarter)), total, Rounding::Down).unwrap_or(0);
        // With neither, nothing could ever move.
        let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
        Room { surge, unavailable }
    }
}

impl Clockwork {
    pub(super) fn deployment(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(deployment) = hand.get(place) else { return };
        if object::is_deleting(&deployment) {
            return;
        }
        self.claim(&deployment, &kind::DEPLOYMENTS, &kind::REPLICASETS, place, hand);
        self.take_in(hand.server(), hand.now());
        let mut old: Vec<Set> = self
            .index
            .dependents_in(object::uid(&deployment), &kind::REPLICASETS.table())
            .into_iter()
            .filter_map(|place| hand.get(&place).map(|object| Set::of(place, object)))
            .filter(|set| !object::is_deleting(&set.object))
            .collect();
        // By age, so that the choice does not depend on uids.
        old.sort_by_cached_key(|set| (set.revision(), set.place.clone()));
        let template = bare_template(&deployment);
        let mut new = old.iter().position(|set| bare_template(&set.object) == template).map(|at| old.remove(at));
        let next = old.iter().map(Set::revision).max().unwrap_or(0).saturating_add(1);
        if let Some(set) = &mut new {
            set.inform(&deployment, next, hand);
        }
        let paused = deployment.pointer("/spec/paused").is_some_and(|paused| paused == true);
        let recreate = is_recreate(&deployment);
        if !paused {
            if recreate {
                for set in &mut old {
                    set.scale(&deployment, 0, hand);
                }
            }
            let in_the_way = recreate && old.iter().any(|set| set.have > 0 || self.has_pods(set, hand));
            if in_the_way && new.is_none() {
                // The last of the old pods may go without changing any ReplicaSet.
                self.queue.add(Work::Deployment(place.clone()), hand.after(self.pace));
            } else if new.is_none() {
                new = self.new_set(&deployment, place, &template, next, &old, hand);
            }
            if let Some(new) = &mut new {
                if recreate {
                    new.scale(&deployment, wanted(&deployment), hand);
                } else {
                    roll(&deployment, new, &mut old, hand);
                }
                note_revision(&deployment, place, new, hand);
            }
        } else if old.iter().all(|set| set.wanted == 0)
            && let Some(new) = &mut new
        {
            // A paused deployment is still scaled.
            new.scale(&deployment, wanted(&deployment), hand);
        }
        let next = self.write_status(place, new.as_ref(), &old, hand);
        self.look_again(Work::Deployment(place.clone()), next);
        clean_up(&deployment, new.as_ref(), old, hand);
    }

    fn has_pods(&self, set: &Set, hand: &Hand<'_>) -> bool {
        let pods = self.pods_of(&set.object, hand);
        !pods.active.is_empty() || pods.leaving > 0
    }

    /// Makes the ReplicaSet of a new template.
    fn new_set(
        &mut self,
        deployment: &Value,
        place: &Place,
        template: &Value,
        revision: i64,
        old: &[Set],
        hand: &mut Hand<'_>,
    ) -> Option<Set> {
        let collisions = object::number(deployment, "/status/collisionCount").unwrap_or(0);
        let seed = if collisions == 0 { template.clone() } else { json!([template, collisions]) };
        let hash = object::hash(&seed);
        let labels = |pointer: &str| {
            let mut labels = object::map(deployment, pointer);
            labels.insert(HASH.into(), json!(hash));
            labels
        };
        let total = wanted(deployment);
        let room = Room::of(deployment);
        let running: i64 = old.iter().map(|set| set.wanted).sum();
        let recreate = is_recreate(deployment);
        let first = if recreate { total } else { (total + room.surge - running).clamp(0, total) };
        let mut set = json!({
            "metadata": {
                "name": format!("{}-{hash}", object::name(deployment)),
                "labels": labels("/spec/template/metadata/labels"),
                "annotations": first_annotations(deployment, revision),
                "ownerReferences": object::controlled_by(
                    deployment, kind::DEPLOYMENTS.api_version, kind::DEPLOYMENTS.kind),
            },
            "spec": {
                "replicas": first,
                "selector": deployment.pointer("/spec/selector"),
                "template": deployment.pointer("/spec/template"),
                "minReadySeconds": deployment.pointer("/spec/minReadySeconds"),
            },
        });
        set["spec"]["selector"]["matchLabels"] = json!(labels("/spec/selector/matchLabels"));
        set["spec"]["template"]["metadata"]["labels"] = json!(labels("/spec/template/metadata/labels"));
        let namespace = place.namespace().unwrap_or_default();
        match hand.create(&kind::REPLICASETS, namespace, &set) {
            Some(made) => {
                if first > 0 {
                    tell_scaled(deployment, made.name(), (0, first), hand);
                }
                hand.get(&made).map(|object| Set::of(made, object))
            }
            None => {
                let refusal = hand.refusal.take();
                let taken = kind::REPLICASETS.place(namespace, object::text(&set, "/metadata/name"));
                if hand.get(&taken).is_some() {
                    hand.patch_status(place, &json!({"status": {"collisionCount": collisions + 1}}));
                } else if let Some(why) = refusal {
                    let names = [("set", taken.name()), ("why", why.as_str())];
                    hand.tell_of_failure(&telling::MADE_NO_SET, deployment, &names, &why);
                }
                None
            }
        }
    }

    fn write_status(&self, place: &Place, new: Option<&Set>, old: &[Set], hand: &mut Hand<'_>) -> Option<Timestamp> {
        // Read again: the revision may have been noted on it.
        let deployment = hand.get(place)?;
        let all = || new.into_iter().chain(old);
        let sum = |of: fn(&Set) -> i64| all().map(of).sum::<i64>();
        let (have, ready, available) = (sum(|set| set.have), sum(|set| set.ready), sum(|set| set.available));
        let updated = new.map_or(0, |set| set.have);
        let total = wanted(&deployment);
        let asked = sum(|set| set.wanted);
        let complete = updated == total && have == total && available == total;
        let mut conditions = object::items(&deployment, "/status/conditions").to_vec();
        let enough = available >= total - Room::of(&deployment).unavailable;
        let mut set = |kind, status, reason, message: &str| {
            let condition = Condition { kind, status, reason, message };
            object::set_condition(&mut conditions, condition, Stamps::TransitionAndUpdate, hand.now());
        };
        if enough {
            set("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.");
        } else {
            set("Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.");
        }
        let failed = all().find_map(|set| {
            let conditions = object::items(&set.object, "/status/conditions");
            conditions.iter().find(|condition| condition["type"] == FAILURE && condition["status"] == "True")
        });
        match failed {
            Some(failed) => set(FAILURE, "True", object::text(failed, "/reason"), object::text(failed, "/message")),
            None => conditions.retain(|condition| condition["type"] != FAILURE),
        }
        let is_further = {
            let before = |field: &str| object::number(&deployment, &format!("/status/{field}")).unwrap_or(0);
            updated > before("updatedReplicas")
                || have - updated < before("replicas") - before("updatedReplicas")
                || ready > before("readyReplicas")
                || available > before("availableReplicas")
        };
        let mut end = None;
        match (deadline(&deployment), new) {
            (None, _) => conditions.retain(|condition| condition["type"] != PROGRESS),
            (Some(_), None) => {}
            (Some(deadline), Some(new)) => {
                let far = if complete {
                    Far::Complete
                } else if is_further {
                    Far::Further
                } else {
                    Far::Same
                };
                end = tell_progress(&mut conditions, new.place.name(), far, deadline, hand.now());
            }
        }
        let status = Map::from_iter([
            ("observedGeneration".to_owned(), json!(object::generation(&deployment))),
            ("replicas".to_owned(), count(have)),
            ("updatedReplicas".to_owned(), count(updated)),
            ("readyReplicas".to_owned(), count(ready)),
            ("availableReplicas".to_owned(), count(available)),
            ("terminatingReplicas".to_owned(), json!(sum(|set| set.terminating))),
            ("unavailableReplicas".to_owned(), count((asked - available).max(0))),
            ("conditions".to_owned(), json!(conditions)),
        ]);
        if let Some(patch) = difference(&deployment, status) {
            hand.patch_status(place, &patch);
        }
        end
    }
}

/// How long a deployment may make no progress.
fn deadline(deployment: &Value) -> Option<SignedDuration> {
    let seconds = object::number(deployment, "/spec/progressDeadlineSeconds")?;
    (seconds != i64::from(i32::MAX)).then(|| SignedDuration::from_secs(seconds))
}

/// How far a roll has got since the last time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Far {
    Complete,
    Further,
    Same,
}

/// Says how a roll to the ReplicaSet of that name gets on, and when it will have taken too long.
fn tell_progress(
    conditions: &mut Vec<Value>,
    set: &str,
    far: Far,
    deadline: SignedDuration,
    now: Timestamp,
) -> Option<Timestamp> {
    let current = conditions.iter().find(|condition| condition["type"] == PROGRESS);
    let text = |field| current.and_then(|condition| condition[field].as_str()).unwrap_or_default();
    let is_of_it = text("message").contains(&format!("\"{set}\""));
    let since = text("lastUpdateTime").parse::<Timestamp>().ok().filter(|_| is_of_it);
    let end = since.unwrap_or(now).checked_add(deadline).ok();
    let (status, reason, message) = match (far, text("reason")) {
        (Far::Complete, _) => {
            ("True", "NewReplicaSetAvailable", format!("ReplicaSet \"{set}\" has successfully progressed."))
        }
        // What was complete stays so when it is scaled.
        (_, "NewReplicaSetAvailable") if is_of_it => return None,
        (Far::Further, _) => {
            let is_so = text("status") == "True";
            let before = current.filter(|_| is_so).map(|condition| condition["lastTransitionTime"].clone());
            conditions.retain(|condition| condition["type"] != PROGRESS);
            let message = format!("ReplicaSet \"{set}\" is progressing.");
            let condition =
                Condition { kind: PROGRESS, status: "True", reason: "ReplicaSetUpdated", message: &message };
            object::set_condition(conditions, condition, Stamps::TransitionAndUpdate, now);
            if let (Some(before), Some(condition)) = (before, conditions.last_mut()) {
                condition["lastTransitionTime"] = before;
            }
            return now.checked_add(deadline).ok();
        }
        (Far::Same, "ProgressDeadlineExceeded") if is_of_it => return None,
        (Far::Same, _) if end.is_some_and(|end| end <= now) => {
            ("False", "ProgressDeadlineExceeded", format!("ReplicaSet \"{set}\" has timed out progressing."))
        }
        (Far::Same, _) if is_of_it => return end,
        (Far::Same, _) => ("True", "NewReplicaSetCreated", format!("Created new replica set \"{set}\"")),
    };
    let condition = Condition { kind: PROGRESS, status, reason, message: &message };
    object::set_condition(conditions, condition, Stamps::TransitionAndUpdate, now);
    end.filter(|_| reason == "NewReplicaSetCreated")
}

fn tell_scaled(deployment: &Value, set: &str, (from, to): (i64, i64), hand: &mut Hand<'_>) {
    let telling = if to > from { telling::SCALED_UP } else { telling::SCALED_DOWN };
    let (from, to) = (from.to_string(), to.to_string());
    hand.tell(&telling, deployment, &[("set", set), ("from", from.as_str()), ("to", to.as_str())]);
}

fn is_recreate(deployment: &Value) -> bool {
    object::text(deployment, "/spec/strategy/type") == "Recreate"
}

/// A template without the label that tells ReplicaSets apart.
fn bare_template(workload: &Value) -> Value {
    let mut template = workload.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(HASH);
    }
    template
}

/// One step from the old ReplicaSets to the new one, within what may surge and what may be unavailable.
fn roll(deployment: &Value, new: &mut Set, old: &mut [Set], hand: &mut Hand<'_>) {
    let total = wanted(deployment);
    let room = Room::of(deployment);
    let running = |new: &Set, old: &[Set]| new.wanted + old.iter().map(|set| set.wanted).sum::<i64>();
    if new.wanted > total {
        new.scale(deployment, total, hand);
    } else {
        let more = (total + room.surge - running(new, old)).clamp(0, total - new.wanted);
        new.scale(deployment, new.wanted + more, hand);
    }
    let least = total - room.unavailable;
    let mut fewer = running(new, old) - least - (new.wanted - new.available).max(0);
    // Pods that do not work are given up first: that makes nothing less available.
    for set in old.iter_mut() {
        let broken = (set.wanted - set.available).clamp(0, fewer.max(0));
        set.scale(deployment, set.wanted - broken, hand);
        fewer -= broken;
    }
    let mut spare = (new.available + old.iter().map(|set| set.available.min(set.wanted)).sum::<i64>() - least).max(0);
    for set in old.iter_mut() {
        let given = set.wanted.min(spare);
        set.scale(deployment, set.wanted - given, hand);
        spare -= given;
    }
}

/// The deployment says which revision it is at: with a write to its status, which does not count as a new generation.
fn note_revision(deployment: &Value, place: &Place, new: &Set, hand: &mut Hand<'_>) {
    let revision = new.revision().to_string();
    if deployment["metadata"]["annotations"][REVISION] != revision.as_str() {
        hand.patch_status(place, &json!({"metadata": {"annotations": {REVISION: revision}}}));
    }
}

/// Deletes empty ReplicaSets of versions that are too long ago.
fn clean_up(deployment: &Value, new: Option<&Set>, mut old: Vec<Set>, hand: &mut Hand<'_>) {
    let done = new.is_some_and(|new| new.available >= wanted(deployment));
    let kept = object::number(deployment, "/spec/revisionHistoryLimit").unwrap_or(10).max(0);
    if !done {
        return;
    }
    old.retain(|set| set.wanted == 0 && set.have == 0);
    old.sort_by_key(|set| Reverse(set.revision()));
    for set in old.iter().skip(usize::try_from(kept).unwrap_or(usize::MAX)) {
        hand.delete(&set.place, object::uid(&set.object), "Background");
    }
}
