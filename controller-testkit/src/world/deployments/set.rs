//! One ReplicaSet of a deployment, and what it is told of the deployment: its size, its revision, its annotations.

use serde_json::{Map, Value, json};

use super::{Room, tell_scaled};
use crate::world::hand::{Hand, Seen};
use crate::world::object;
use crate::world::queue::Place;
use crate::world::rollout::wanted;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Which revisions a ReplicaSet was before it came back.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// No history is longer than this.
const LONGEST_HISTORY: usize = 2000;
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MOST: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of a deployment that it does not hand on.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MOST,
    "deprecated.deployment.rollback.to",
];

/// A ReplicaSet of the deployment, as it is now.
pub(super) struct Set {
    pub(super) place: Place,
    pub(super) object: Seen,
    pub(super) wanted: i64,
    pub(super) have: i64,
    pub(super) ready: i64,
    pub(super) available: i64,
    pub(super) terminating: i64,
}

impl Set {
    pub(super) fn of(place: Place, object: Seen) -> Set {
        let status = |field: &str| object::number(&object, &format!("/status/{field}")).unwrap_or(0);
        let (have, ready, available) = (status("replicas"), status("readyReplicas"), status("availableReplicas"));
        let terminating = status("terminatingReplicas");
        Set { wanted: wanted(&object), place, object, have, ready, available, terminating }
    }

    pub(super) fn revision(&self) -> i64 {
        self.annotation(REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.object["metadata"]["annotations"][name].as_str()
    }

    pub(super) fn scale(&mut self, deployment: &Value, to: i64, hand: &mut Hand<'_>) {
        let to = to.max(0);
        if to != self.wanted {
            let annotations = Map::from_iter(sizes(deployment));
            hand.patch(&self.place, &json!({"metadata": {"annotations": annotations}, "spec": {"replicas": to}}));
            tell_scaled(deployment, self.place.name(), (self.wanted, to), hand);
            self.wanted = to;
        }
    }

    /// Tells the ReplicaSet of the present template what has changed: it is of this revision, if that is a later one.
    pub(super) fn inform(&mut self, deployment: &Value, revision: i64, hand: &mut Hand<'_>) {
        let mut annotations = handed_on(deployment);
        if self.revision() < revision {
            annotations.insert(REVISION.into(), json!(revision.to_string()));
            if let Some(last) = self.annotation(REVISION) {
                annotations.insert(HISTORY.into(), json!(lengthened(self.annotation(HISTORY).unwrap_or(""), last)));
            }
        }
        annotations.retain(|name, value| self.annotation(name) != value.as_str());
        let mut patch = json!({});
        if !annotations.is_empty() {
            patch["metadata"] = json!({"annotations": annotations});
        }
        let wait = |of: &Value| object::number(of, "/spec/minReadySeconds").unwrap_or(0);
        if wait(deployment) != wait(&self.object) {
            patch["spec"] = json!({"minReadySeconds": wait(deployment)});
        }
        if patch != json!({}) {
            hand.patch(&self.place, &patch);
            if let Some(object) = hand.get(&self.place) {
                self.object = object;
            }
        }
    }
}

/// The annotations of a ReplicaSet that is made for a deployment.
pub(super) fn first_annotations(deployment: &Value, revision: i64) -> Map<String, Value> {
    let mut annotations = handed_on(deployment);
    annotations.insert(REVISION.into(), json!(revision.to_string()));
    annotations.extend(sizes(deployment));
    annotations
}

fn handed_on(deployment: &Value) -> Map<String, Value> {
    let mut annotations = object::map(deployment, "/metadata/annotations");
    annotations.retain(|name, _| !OWN.contains(&name.as_str()));
    annotations
}

/// How many pods are asked for in all, and how many there may be: by these a deployment sees that it is scaled.
fn sizes(deployment: &Value) -> [(String, Value); 2] {
    let total = wanted(deployment);
    let most = total + Room::of(deployment).surge;
    [(DESIRED, total), (MOST, most)].map(|(name, size)| (name.to_owned(), json!(size.to_string())))
}

/// A history with one revision more, without the first ones if it would be too long.
fn lengthened(history: &str, last: &str) -> String {
    let mut past: Vec<&str> = history.split(',').filter(|revision| !revision.is_empty()).chain([last]).collect();
    while past.iter().map(|revision| revision.len() + 1).sum::<usize>() > LONGEST_HISTORY + 1 {
        past.remove(0);
    }
    past.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cluster;
    use crate::cluster::tests::pass;

    const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
    const SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";

    fn deployment(image: &str) -> Value {
        let template = json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": image}]},
        });
        let spec = json!({"replicas": 4, "selector": {"matchLabels": {"app": "web"}}, "template": template});
        let annotations = json!({"why": "first", OWN[0]: "{}"});
        json!({"metadata": {"name": "web", "annotations": annotations}, "spec": spec})
    }

    #[tokio::test(start_paused = true)]
    async fn a_set_hears_of_its_deployment_as_that_changes() {
        let hand = crate::cluster::tests::Hand(Cluster::new().client());
        let path = format!("{DEPLOYMENTS}/web");
        hand.create(DEPLOYMENTS, deployment("a")).await;
        pass(5).await;
        let first = hand.names(SETS).await.concat();
        let told = async || hand.get(&format!("{SETS}/{first}")).await;
        let annotations = |revision: &str, why: &str, sizes: [&str; 2]| json!({REVISION: revision, "why": why, DESIRED: sizes[0], MOST: sizes[1]});
        assert_eq!(told().await["metadata"]["annotations"], annotations("1", "first", ["4", "5"]));
        hand.patch(&path, json!({"metadata": {"annotations": {"why": "second"}}, "spec": {"minReadySeconds": 1}}))
            .await;
        hand.patch(&path, json!({"spec": {"replicas": 8}})).await;
        pass(5).await;
        assert_eq!(told().await["metadata"]["annotations"], annotations("1", "second", ["8", "10"]));
        assert_eq!(told().await["spec"]["minReadySeconds"], 1);
        // Two turns away from it and back: it has been two other revisions.
        for image in ["b", "a", "b", "a"] {
            hand.patch(&path, json!({"spec": {"template": deployment(image)["spec"]["template"]}})).await;
            pass(30).await;
        }
        let annotations = &told().await["metadata"]["annotations"];
        assert_eq!((&annotations[REVISION], &annotations[HISTORY]), (&json!("5"), &json!("1,3")));
        let now = &hand.get(&path).await["metadata"]["annotations"];
        assert_eq!((&now[REVISION], &now[HISTORY]), (&json!("5"), &Value::Null));
    }

    #[tokio::test(start_paused = true)]
    async fn no_revision_is_above_the_greatest() {
        let hand = crate::cluster::tests::Hand(Cluster::new().client());
        hand.create(DEPLOYMENTS, deployment("a")).await;
        pass(5).await;
        let greatest = i64::MAX.to_string();
        let annotations = json!({"metadata": {"annotations": {REVISION: greatest}}});
        hand.patch(&format!("{SETS}/{}", hand.names(SETS).await.concat()), annotations).await;
        let template = json!({"spec": {"template": deployment("b")["spec"]["template"]}});
        hand.patch(&format!("{DEPLOYMENTS}/web"), template).await;
        pass(30).await;
        let now = hand.get(&format!("{DEPLOYMENTS}/web")).await;
        assert_eq!(
            (&now["metadata"]["annotations"][REVISION], &now["status"]["updatedReplicas"]),
            (&json!(greatest), &json!(4))
        );
    }

    #[test]
    fn a_history_forgets_its_first_revisions() {
        assert_eq!(lengthened("", "1"), "1");
        assert_eq!(lengthened("1,3", "5"), "1,3,5");
        let long = vec!["1000"; 400].join(",");
        assert_eq!(long.len(), 1999);
        let longer = lengthened(&format!("77,{long}"), "1001");
        assert_eq!(longer.len(), 1999);
        assert!(longer.starts_with("1000,") && longer.ends_with(",1001"), "{longer}");
    }
}
