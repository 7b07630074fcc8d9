//! Disruption budgets: how many of their pods may be evicted now.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Clockwork;
use super::event::telling;
use super::hand::{Hand, Seen, kind};
use super::object;
use super::queue::{Place, Work, within};
use super::rollout::{Rounding, difference, selects, share, wanted};
use crate::server::disruption_told;
use crate::store::Change;

/// An eviction that has been granted is believed in for so long, until the pod is seen to go.
const BELIEVED: SignedDuration = SignedDuration::from_secs(120);

/// The kinds of what pods belong to that say how many there are to be.
const OWNERS: [&str; 4] = ["ReplicaSet", "ReplicationController", "StatefulSet", "Deployment"];

impl Clockwork {
    /// Notes what a change means for budgets: of one itself, of a pod, or of what says how many pods there are to be.
    pub(super) fn see_budget(&mut self, place: &Place, change: Change, now: Timestamp) {
        if kind::BUDGETS.is(place) {
            match change {
                Change::Deleted => drop(self.budgets.remove(place)),
                _ => drop(self.budgets.insert(place.clone())),
            }
            self.queue.add(Work::Budget(place.clone()), now);
            return;
        }
        let counted =
            [&kind::PODS, &kind::REPLICASETS, &kind::REPLICATION_CONTROLLERS, &kind::STATEFULSETS, &kind::DEPLOYMENTS];
        if self.budgets.is_empty() || !counted.iter().any(|kind| kind.is(place)) {
            return;
        }
        let namespace = place.namespace().unwrap_or_default();
        let soon = now.checked_add(self.pace).unwrap_or(Timestamp::MAX);
        for budget in within(&self.budgets, &kind::BUDGETS.table(), namespace) {
            self.queue.add(Work::Budget(budget.clone()), soon);
        }
    }

    /// Brings the status of a budget up to date.
    pub(super) fn budget(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(budget) = hand.get(place) else { return };
        let pods = pods(&budget, place.namespace().unwrap_or_default(), hand);
        // Once, not at each look.
        let is_new = object::number(&budget, "/status/observedGeneration") != Some(object::generation(&budget));
        if is_new && pods.is_empty() {
            hand.tell(&telling::BUDGET_OF_NONE, &budget, &[]);
        }
        let count = match self.count(&budget, &pods, hand) {
            Ok(count) => count,
            Err(why) => {
                hand.tell(&telling::BUDGET_UNKNOWN, &budget, &[("why", why.as_str())]);
                return fail_safe(&budget, place, &why, hand);
            }
        };
        let believed = believed(&budget, &pods, hand.now());
        let is_evicted = |pod: &Seen| believed.contains_key(object::name(pod));
        let healthy = pods.iter().filter(|pod| object::is_ready(pod) && !is_evicted(pod)).count() as i64;
        let allowed = if count.expected <= 0 { 0 } else { (healthy - count.desired).max(0) };
        let (verdict, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
        let next = believed.values().filter_map(|since| since.checked_add(BELIEVED).ok()).min();
        let disrupted: Map<String, Value> =
            believed.into_iter().map(|(name, since)| (name, json!(object::time(since)))).collect();
        let status = Map::from_iter([
            ("observedGeneration".to_owned(), json!(object::generation(&budget))),
            ("disruptedPods".to_owned(), patch_of(&object::map(&budget, "/status/disruptedPods"), disrupted)),
            ("disruptionsAllowed".to_owned(), json!(allowed)),
            ("currentHealthy".to_owned(), json!(healthy)),
            ("desiredHealthy".to_owned(), json!(count.desired)),
            ("expectedPods".to_owned(), json!(count.expected)),
            ("conditions".to_owned(), disruption_told(&budget, verdict, reason, "", &object::time(hand.now()))),
        ]);
        if let Some(patch) = difference(&budget, status) {
            hand.patch_status(place, &patch);
        }
        if let Some(next) = next {
            self.queue.add(Work::Budget(place.clone()), next);
        }
    }

    /// How many pods a budget expects, and how many of them it wants healthy.
    fn count(&self, budget: &Value, pods: &[Seen], hand: &Hand<'_>) -> Result<Count, String> {
        let spec = budget.get("spec").unwrap_or(&Value::Null);
        match (spec.get("maxUnavailable"), spec.get("minAvailable")) {
            (Some(most @ (Value::Number(_) | Value::String(_))), _) => {
                let expected = self.expected(pods, hand)?;
                let most = share(Some(most), expected, Rounding::Up).unwrap_or(0);
                Ok(Count { expected, desired: (expected - most).max(0) })
            }
            (_, Some(least @ Value::String(_))) => {
                let expected = self.expected(pods, hand)?;
                Ok(Count { expected, desired: share(Some(least), expected, Rounding::Up).unwrap_or(0) })
            }
            (_, least) => {
                Ok(Count { expected: pods.len() as i64, desired: least.and_then(Value::as_i64).unwrap_or(0) })
            }
        }
    }

    /// How many pods those that the pods belong to are to have.
    fn expected(&self, pods: &[Seen], hand: &Hand<'_>) -> Result<i64, String> {
        let mut asked: BTreeMap<String, i64> = BTreeMap::new();
        for pod in pods {
            let uid = object::controller(pod)
                .ok_or_else(|| format!("found no controller ref for pod {:?}", object::name(pod)))?;
            let (uid, owner) = self.top(uid, hand).ok_or_else(|| {
                let name = object::name(pod);
                format!("found no controllers for pod {name:?}")
            })?;
            asked.insert(uid, wanted(&owner));
        }
        Ok(asked.values().sum())
    }

    /// What says how many pods there are to be: for those of a ReplicaSet, its Deployment if it has one.
    fn top(&self, uid: &str, hand: &Hand<'_>) -> Option<(String, Seen)> {
        let owner = self.index.get(uid).and_then(|known| hand.get(&known.place))?;
        let above = object::controller(&owner).and_then(|uid| self.top(uid, hand));
        let is_known = OWNERS.contains(&object::text(&owner, "/kind"));
        above.or_else(|| is_known.then(|| (uid.to_owned(), owner)))
    }
}

struct Count {
    expected: i64,
    desired: i64,
}

/// The pods that a budget is about, in the order of their names. One with an empty selector is about all.
fn pods(budget: &Value, namespace: &str, hand: &Hand<'_>) -> Vec<Seen> {
    let Some(selector) = budget.pointer("/spec/selector").filter(|selector| !selector.is_null()) else {
        return Vec::new();
    };
    let is_empty = selector.as_object().is_some_and(Map::is_empty);
    let places = hand.places_of(&kind::PODS, namespace).into_iter();
    places.filter_map(|place| hand.get(&place)).filter(|pod| is_empty || selects(selector, pod)).collect()
}

/// The evictions that have been granted to pods which are still there, and when.
fn believed(budget: &Value, pods: &[Seen], now: Timestamp) -> BTreeMap<String, Timestamp> {
    let is_there = |name: &str| pods.iter().any(|pod| object::name(pod) == name && !object::is_deleting(pod));
    let granted = object::map(budget, "/status/disruptedPods").into_iter();
    granted
        .filter_map(|(name, since)| Some((name, since.as_str()?.parse::<Timestamp>().ok()?)))
        .filter(|(name, since)| is_there(name) && now.duration_since(*since) < BELIEVED)
        .collect()
}

/// The patch that makes one map of another.
pub(super) fn patch_of(old: &Map<String, Value>, new: Map<String, Value>) -> Value {
    let mut patch: Map<String, Value> = old.keys().map(|name| (name.clone(), Value::Null)).collect();
    patch.extend(new);
    if patch.is_empty() { Value::Null } else { patch.into() }
}

/// Nothing may be evicted while nobody can say how much.
fn fail_safe(budget: &Value, place: &Place, why: &str, hand: &mut Hand<'_>) {
    let status = Map::from_iter([
        ("disruptionsAllowed".to_owned(), json!(0)),
        ("conditions".to_owned(), disruption_told(budget, "False", "SyncFailed", why, &object::time(hand.now()))),
    ]);
    if let Some(patch) = difference(budget, status) {
        hand.patch_status(place, &patch);
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::Cluster;
    use crate::cluster::tests::{Hand, pass};

    const BUDGETS: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    const PODS: &str = "/api/v1/namespaces/default/pods";

    async fn cluster(replicas: u32, budget: Value) -> Hand {
        let hand = Hand(Cluster::new().client());
        let template = json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "nginx"}]},
        });
        let selector = json!({"matchLabels": {"app": "web"}});
        let spec = json!({"replicas": replicas, "selector": selector, "template": template});
        let deployment = json!({"metadata": {"name": "web"}, "spec": spec});
        hand.create("/apis/apps/v1/namespaces/default/deployments", deployment).await;
        let mut spec = budget;
        spec["selector"] = selector;
        hand.create(BUDGETS, json!({"metadata": {"name": "web"}, "spec": spec})).await;
        pass(5).await;
        hand
    }

    /// How many may go, are healthy, are wanted healthy and are expected.
    async fn counts(hand: &Hand) -> [i64; 4] {
        let status = hand.get(&format!("{BUDGETS}/web")).await["status"].take();
        ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"]
            .map(|count| status[count].as_i64().unwrap_or(-1))
    }

    async fn evict(hand: &Hand, pod: &str) -> u16 {
        let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
        hand.send(Method::POST, &format!("{PODS}/{pod}/eviction"), body).await.0
    }

    #[tokio::test(start_paused = true)]
    async fn pods_are_evicted_one_after_the_other() {
        let hand = cluster(3, json!({"minAvailable": 2})).await;
        assert_eq!(counts(&hand).await, [1, 3, 2, 3]);
        let pods = hand.names(PODS).await;
        assert_eq!((evict(&hand, &pods[0]).await, evict(&hand, &pods[1]).await), (201, 429));
        pass(5).await;
        assert_eq!(counts(&hand).await, [1, 3, 2, 3], "another has taken its place");
        assert_eq!(hand.get(&format!("{BUDGETS}/web")).await["status"]["disruptedPods"], Value::Null);
        assert_eq!(evict(&hand, &pods[1]).await, 201);
    }

    #[tokio::test(start_paused = true)]
    async fn shares_are_of_what_the_owner_asks_for() {
        for (budget, expect) in [
            (json!({"maxUnavailable": "30%"}), [2, 4, 2, 4]),
            (json!({"minAvailable": "30%"}), [2, 4, 2, 4]),
            (json!({"maxUnavailable": 1}), [1, 4, 3, 4]),
            (json!({"minAvailable": 9}), [0, 4, 9, 4]),
        ] {
            let hand = cluster(4, budget.clone()).await;
            assert_eq!(counts(&hand).await, expect, "{budget}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_says_how_many_there_are_to_be_none_may_go() {
        let hand = cluster(1, json!({"maxUnavailable": 1})).await;
        assert_eq!(counts(&hand).await, [1, 1, 0, 1]);
        let spec = json!({"containers": [{"name": "main", "image": "nginx"}]});
        hand.create(PODS, json!({"metadata": {"name": "stray", "labels": {"app": "web", "by": "hand"}}, "spec": spec}))
            .await;
        pass(5).await;
        let status = hand.get(&format!("{BUDGETS}/web")).await["status"].take();
        assert_eq!(
            (&status["disruptionsAllowed"], &status["conditions"][0]["reason"]),
            (&json!(0), &json!("SyncFailed"))
        );
    }
}
