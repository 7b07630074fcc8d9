//! ControllerRevisions: the versions that the template of a stateful or a daemon set has had, numbered.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::hand::{Hand, Kind, Seen, kind};
use super::object;
use super::queue::Place;

/// How many are kept of those that no pod has, unless the set says so.
const KEPT: i64 = 10;

/// The versions of one set.
pub(super) struct Revisions {
    /// The name of the present template's.
    pub(super) present: String,
    /// Its hash, by which pods and the label of a version tell it apart.
    pub(super) hash: String,
    others: Vec<(Place, Seen)>,
}

impl Revisions {
    /// Looks up the version of the present template, which is made if there is none. One that comes back is the newest
    /// again.
    pub(super) fn of(set: &Value, of: &Kind, label: &str, place: &Place, hand: &mut Hand<'_>) -> Self {
        let template = set.pointer("/spec/template").cloned().unwrap_or_default();
        let hash = object::hash(&template);
        let present = format!("{}-{hash}", object::name(set));
        let namespace = place.namespace().unwrap_or_default();
        let others: Vec<(Place, Seen)> = hand
            .places_of(&kind::REVISIONS, namespace)
            .into_iter()
            .filter(|place| place.name() != present)
            .filter_map(|place| hand.get(&place).map(|found| (place, found)))
            .filter(|(_, found)| object::controller(found) == Some(object::uid(set)))
            .collect();
        let next = others.iter().map(|(_, found)| number(found)).max().unwrap_or(0).saturating_add(1);
        let there = kind::REVISIONS.place(namespace, &present);
        match hand.get(&there) {
            Some(found) if number(&found) < next => hand.patch(&there, &json!({"revision": next})),
            Some(_) => {}
            None => {
                let mut labels = object::map(set, "/spec/template/metadata/labels");
                labels.insert(label.to_owned(), json!(hash));
                let mut data = template;
                data["$patch"] = json!("replace");
                let body = json!({
                    "metadata": {
                        "name": present,
                        "labels": labels,
                        "annotations": object::map(set, "/metadata/annotations"),
                        "ownerReferences": object::controlled_by(set, of.api_version, of.kind),
                    },
                    "data": {"spec": {"template": data}},
                    "revision": next,
                });
                hand.create(&kind::REVISIONS, namespace, &body);
            }
        }
        Revisions { present, hash, others }
    }

    /// Deletes the oldest of those that are not in use, if there are too many.
    pub(super) fn forget(self, set: &Value, is_used: impl Fn(&Value) -> bool, hand: &mut Hand<'_>) {
        let kept = object::number(set, "/spec/revisionHistoryLimit").unwrap_or(KEPT);
        let mut past: Vec<(Place, Seen)> = self.others.into_iter().filter(|(_, found)| !is_used(found)).collect();
        past.sort_by_key(|(place, found)| Reverse((number(found), place.clone())));
        for (place, found) in past.into_iter().skip(usize::try_from(kept).unwrap_or(usize::MAX)) {
            hand.delete(&place, object::uid(&found), "Background");
        }
    }
}

fn number(revision: &Value) -> i64 {
    object::number(revision, "/revision").unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cluster;
    use crate::cluster::tests::{Hand, pass};

    const REVISIONS: &str = "/apis/apps/v1/namespaces/default/controllerrevisions";

    fn template(image: &str) -> Value {
        json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": image}]},
        })
    }

    async fn kept(hand: &Hand) -> Vec<(i64, String)> {
        let list = hand.get(REVISIONS).await;
        let image = |of: &Value| object::text(of, "/data/spec/template/spec/containers/0/image").to_owned();
        let mut kept: Vec<(i64, String)> =
            list["items"].as_array().into_iter().flatten().map(|of| (number(of), image(of))).collect();
        kept.sort();
        kept
    }

    #[tokio::test(start_paused = true)]
    async fn a_template_that_comes_back_is_the_newest_and_the_oldest_are_forgotten() {
        for (plural, kind, label) in [
            ("statefulsets", "StatefulSet", "controller.kubernetes.io/hash"),
            ("daemonsets", "DaemonSet", "controller-revision-hash"),
        ] {
            let hand = Hand(Cluster::new().client());
            let path = format!("/apis/apps/v1/namespaces/default/{plural}");
            let set = json!({
                "apiVersion": "apps/v1",
                "kind": kind,
                "metadata": {"name": "web", "annotations": {"why": "first"}},
                "spec": {
                    "selector": {"matchLabels": {"app": "web"}},
                    "template": template("a"),
                    "revisionHistoryLimit": 1,
                },
            });
            hand.create(&path, set).await;
            pass(10).await;
            let first = hand.get(REVISIONS).await["items"][0].clone();
            let hash = first["metadata"]["name"].as_str().and_then(|name| name.strip_prefix("web-"));
            assert_eq!(first["metadata"]["labels"], json!({"app": "web", label: hash}), "{kind}");
            assert_eq!(first["metadata"]["annotations"]["why"], "first", "{kind}");
            for image in ["b", "a", "c"] {
                hand.patch(&format!("{path}/web"), json!({"spec": {"template": template(image)}})).await;
                pass(10).await;
            }
            let expect = [(3, "a".to_owned()), (4, "c".to_owned())];
            assert_eq!(kept(&hand).await, expect, "{kind}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_number_is_above_the_greatest() {
        let hand = Hand(Cluster::new().client());
        let path = "/apis/apps/v1/namespaces/default/statefulsets";
        let spec = |image: &str| json!({"selector": {"matchLabels": {"app": "web"}}, "template": template(image)});
        hand.create(path, json!({"metadata": {"name": "web"}, "spec": spec("a")})).await;
        pass(10).await;
        let first = hand.names(REVISIONS).await.concat();
        hand.patch(&format!("{REVISIONS}/{first}"), json!({"revision": i64::MAX})).await;
        hand.patch(&format!("{path}/web"), json!({"spec": spec("b")})).await;
        pass(10).await;
        assert_eq!(kept(&hand).await, [(i64::MAX, "a".to_owned()), (i64::MAX, "b".to_owned())]);
    }
}
