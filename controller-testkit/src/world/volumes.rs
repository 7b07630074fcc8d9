//! Volumes: claims are bound to those that are there, and to new ones where their class says how they are made.
//!
//! A new volume is a folder of the node that nobody makes.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Clockwork;
use super::event::{Telling, telling};
use super::furniture::NODE;
use super::hand::{Hand, Seen, kind};
use super::object;
use super::queue::{Place, Work, within};
use super::rollout::selects;
use crate::kinds::nanos;
use crate::store::{Change, Object, Range};

const BOUND_HERE: &str = "pv.kubernetes.io/bound-by-controller";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const MADE_BY: &str = "pv.kubernetes.io/provisioned-by";
const TO_BE_MADE_BY: [&str; 2] =
    ["volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"];
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// The provisioner of classes whose volumes somebody makes by hand.
const NOBODY: &str = "kubernetes.io/no-provisioner";

impl Clockwork {
    /// Notes what a change means for claims and volumes.
    pub(super) fn see_volume(&mut self, place: &Place, object: &Object, change: Change, now: Timestamp) {
        if kind::CLAIMS.is(place) {
            match change {
                Change::Deleted => {
                    self.unbound.remove(place);
                    let volume = object::text(&object.value(), "/spec/volumeName").to_owned();
                    if !volume.is_empty() {
                        self.queue.add(Work::Volume(kind::VOLUMES.place("", &volume)), now);
                    }
                }
                _ => self.queue.add(Work::Claim(place.clone()), now),
            }
            return;
        }
        let is_volume = kind::VOLUMES.is(place);
        if is_volume {
            self.queue.add(Work::Volume(place.clone()), now);
        }
        let claims = kind::CLAIMS.table();
        let concerned: Vec<&Place> = match place.namespace() {
            Some(namespace) if kind::PODS.is(place) => within(&self.unbound, &claims, namespace).collect(),
            _ if is_volume || kind::STORAGE_CLASSES.is(place) => self.unbound.iter().collect(),
            _ => return,
        };
        concerned.into_iter().for_each(|claim| self.queue.add(Work::Claim(claim.clone()), now));
    }

    /// Binds a claim, as soon as there is something to bind it to.
    pub(super) fn claim_volume(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(claim) = hand.get(place) else { return };
        if object::is_deleting(&claim) || object::text(&claim, "/status/phase") == "Bound" {
            self.unbound.remove(place);
            return;
        }
        let is_new = self.unbound.insert(place.clone());
        let volume = match find(&claim, place, hand) {
            Ok(volume) => volume,
            Err(telling) => {
                if let Some(telling) = telling.filter(|_| is_new) {
                    hand.tell(telling, &claim, &[]);
                }
                return;
            }
        };
        bind(&claim, place, &volume, hand);
    }

    /// Says what a volume is good for, and deletes one that was made for a claim which is gone.
    pub(super) fn volume(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(volume) = hand.get(place) else { return };
        if object::is_deleting(&volume) {
            return;
        }
        let phase = |phase: &str, hand: &mut Hand<'_>| {
            if object::text(&volume, "/status/phase") != phase {
                hand.patch_status(place, &json!({"status": {"phase": phase}}));
            }
        };
        let uid = object::text(&volume, "/spec/claimRef/uid");
        if uid.is_empty() {
            return phase("Available", hand);
        }
        let [namespace, name] =
            ["namespace", "name"].map(|part| object::text(&volume, &format!("/spec/claimRef/{part}")).to_owned());
        let claim = hand.get(&kind::CLAIMS.place(&namespace, &name)).filter(|claim| object::uid(claim) == uid);
        if claim.is_some() {
            return phase("Bound", hand);
        }
        phase("Released", hand);
        let is_made = object::map(&volume, "/metadata/annotations").contains_key(MADE_BY);
        if is_made && object::text(&volume, "/spec/persistentVolumeReclaimPolicy") == "Delete" {
            hand.delete(place, object::uid(&volume), "Background");
        }
    }
}

/// The volume for a claim, which is made if need be; or what is told of why there is none yet.
fn find(claim: &Value, place: &Place, hand: &mut Hand<'_>) -> Result<Seen, Option<&'static Telling>> {
    let named = object::text(claim, "/spec/volumeName");
    if !named.is_empty() {
        let volume = hand.get(&kind::VOLUMES.place("", named)).filter(|volume| is_free_for(volume, claim));
        return volume.ok_or(None);
    }
    let class = class_of(claim, hand);
    if class.as_deref().is_some_and(waits_for_pods) && !is_used(place, hand) {
        return Err(Some(&telling::CLAIM_WAITS));
    }
    if let Some(volume) = best(claim, hand) {
        return Ok(volume);
    }
    match class.filter(|class| object::text(class, "/provisioner") != NOBODY) {
        Some(class) => make(claim, place, &class, hand).ok_or(None),
        None => Err(Some(&telling::CLAIM_HAS_NO_VOLUME)),
    }
}

/// The volume that suits a claim best: one that was set aside for it, or else the smallest.
fn best(claim: &Value, hand: &Hand<'_>) -> Option<Seen> {
    let places = hand.places(kind::VOLUMES.group, kind::VOLUMES.plural);
    let there = places.iter().filter_map(|place| hand.get(place));
    let class = object::text(claim, "/spec/storageClassName");
    let fitting = there.filter(|volume| !object::is_deleting(volume) && fits(volume, claim, class));
    fitting.min_by_key(|volume| (object::text(volume, "/spec/claimRef/name").is_empty(), capacity(volume)))
}

/// The class that a claim names.
pub(super) fn class_of(claim: &Value, hand: &Hand<'_>) -> Option<Seen> {
    let name = object::text(claim, "/spec/storageClassName");
    hand.get(&kind::STORAGE_CLASSES.place("", name)).filter(|_| !name.is_empty())
}

/// Whether claims of a class are bound only once a pod wants them.
pub(super) fn waits_for_pods(class: &Value) -> bool {
    object::text(class, "/volumeBindingMode") == "WaitForFirstConsumer"
}

/// The places of the claims that a pod names.
pub(super) fn named_by(pod: &Value) -> impl Iterator<Item = Place> {
    let namespace = object::text(pod, "/metadata/namespace");
    let names = object::items(pod, "/spec/volumes").iter();
    let names = names.map(|volume| object::text(volume, "/persistentVolumeClaim/claimName"));
    names.filter(|name| !name.is_empty()).map(move |name| kind::CLAIMS.place(namespace, name))
}

/// What is said where a pod's claim is of a class whose volumes somebody makes by hand, and none suits it.
pub(super) fn none_to_be_had(pod: &Value, hand: &Hand<'_>) -> Option<&'static str> {
    let is_hopeless = |place: Place| {
        let claim = hand.get(&place)?;
        let class = class_of(&claim, hand)?;
        let is_by_hand = object::text(&class, "/provisioner") == NOBODY;
        let is_bound = !object::text(&claim, "/spec/volumeName").is_empty();
        (is_by_hand && !is_bound && best(&claim, hand).is_none()).then_some(())
    };
    let hopeless = named_by(pod).find_map(is_hopeless);
    hopeless.map(|()| "node(s) didn't find available persistent volumes to bind")
}

/// Whether a pod that has a node uses a claim.
fn is_used(claim: &Place, hand: &Hand<'_>) -> bool {
    let prefix = format!("{}/", claim.namespace().unwrap_or_default());
    hand.server().store().scan(&kind::PODS.table(), Range { prefix: &prefix, from: "" }).any(|(_, pod)| {
        let pod = pod.value();
        !object::text(&pod, "/spec/nodeName").is_empty() && named_by(&pod).any(|named| named == *claim)
    })
}

/// Whether nobody else has a volume: it is set aside for nobody, or for this claim.
fn is_free_for(volume: &Value, claim: &Value) -> bool {
    let Some(reference) = volume.pointer("/spec/claimRef").filter(|reference| !reference.is_null()) else {
        return true;
    };
    let uid = object::text(reference, "/uid");
    ["namespace", "name"].iter().all(|part| reference[part] == claim["metadata"][part])
        && (uid.is_empty() || uid == object::uid(claim))
}

fn fits(volume: &Value, claim: &Value, class: &str) -> bool {
    let wanted = object::text(claim, "/spec/resources/requests/storage");
    let modes = object::items(volume, "/spec/accessModes");
    let selector = claim.pointer("/spec/selector").filter(|selector| !selector.is_null());
    let is_set_aside = !object::text(volume, "/spec/claimRef/name").is_empty();
    is_free_for(volume, claim)
        && (is_set_aside || object::text(volume, "/status/phase") == "Available")
        && object::text(volume, "/spec/storageClassName") == class
        && object::text(volume, "/spec/volumeMode") == object::text(claim, "/spec/volumeMode")
        && object::items(claim, "/spec/accessModes").iter().all(|mode| modes.contains(mode))
        && selector.is_none_or(|selector| selects(selector, volume))
        && capacity(volume) >= nanos(wanted).unwrap_or(0)
}

fn capacity(volume: &Value) -> i128 {
    nanos(object::text(volume, "/spec/capacity/storage")).unwrap_or(0)
}

/// Makes the volume of a claim.
fn make(claim: &Value, place: &Place, class: &Value, hand: &mut Hand<'_>) -> Option<Seen> {
    let provisioner = object::text(class, "/provisioner");
    let name = format!("pvc-{}", object::uid(claim));
    let hostname = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]});
    let volume = json!({
        "metadata": {"name": name, "annotations": {MADE_BY: provisioner}},
        "spec": {
            "capacity": {"storage": claim.pointer("/spec/resources/requests/storage")},
            "accessModes": claim.pointer("/spec/accessModes"),
            "volumeMode": claim.pointer("/spec/volumeMode"),
            "persistentVolumeReclaimPolicy": class.get("reclaimPolicy"),
            "mountOptions": class.get("mountOptions"),
            "storageClassName": object::name(class),
            "claimRef": reference(claim),
            "hostPath": {"path": format!("/var/lib/volumes/{name}"), "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [hostname]}]}},
        },
    });
    let mut annotations = Map::from_iter(TO_BE_MADE_BY.map(|name| (name.to_owned(), json!(provisioner))));
    if waits_for_pods(class) {
        annotations.insert(SELECTED_NODE.to_owned(), json!(NODE));
    }
    hand.patch(place, &json!({"metadata": {"annotations": annotations}}));
    let made = hand.create(&kind::VOLUMES, "", &volume)?;
    hand.tell(&telling::CLAIM_MADE_VOLUME, claim, &[("volume", made.name())]);
    hand.get(&made)
}

fn reference(claim: &Value) -> Value {
    json!({
        "kind": kind::CLAIMS.kind,
        "apiVersion": kind::CLAIMS.api_version,
        "namespace": object::text(claim, "/metadata/namespace"),
        "name": object::name(claim),
        "uid": object::uid(claim),
        "resourceVersion": object::text(claim, "/metadata/resourceVersion"),
    })
}

/// Binds the two to each other.
fn bind(claim: &Value, place: &Place, volume: &Value, hand: &mut Hand<'_>) {
    let home = kind::VOLUMES.place("", object::name(volume));
    if object::text(volume, "/spec/claimRef/uid").is_empty() {
        let mut patch = json!({"spec": {"claimRef": reference(claim)}});
        if object::text(volume, "/spec/claimRef/name").is_empty() {
            patch["metadata"] = json!({"annotations": {BOUND_HERE: "yes"}});
        }
        hand.patch(&home, &patch);
    }
    if object::text(volume, "/status/phase") != "Bound" {
        hand.patch_status(&home, &json!({"status": {"phase": "Bound"}}));
    }
    let mut annotations = Map::from_iter([(BIND_COMPLETED.to_owned(), json!("yes"))]);
    if object::text(claim, "/spec/volumeName").is_empty() {
        annotations.insert(BOUND_HERE.to_owned(), json!("yes"));
    }
    let name = object::name(volume);
    hand.patch(place, &json!({"metadata": {"annotations": annotations}, "spec": {"volumeName": name}}));
    let status = json!({
        "phase": "Bound",
        "accessModes": volume.pointer("/spec/accessModes"),
        "capacity": volume.pointer("/spec/capacity"),
    });
    hand.patch_status(place, &json!({"status": status}));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cluster;
    use crate::cluster::tests::{Hand, pass};

    const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";
    const VOLUMES: &str = "/api/v1/persistentvolumes";
    const CLASSES: &str = "/apis/storage.k8s.io/v1/storageclasses";
    const PODS: &str = "/api/v1/namespaces/default/pods";

    fn claim(name: &str, size: &str, class: &str) -> Value {
        let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": class, "resources": {"requests": {"storage": size}}});
        json!({"metadata": {"name": name}, "spec": spec})
    }

    fn volume(name: &str, size: &str) -> Value {
        let spec = json!({
            "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce", "ReadOnlyMany"],
            "storageClassName": "by-hand", "hostPath": {"path": "/x"},
        });
        json!({"metadata": {"name": name}, "spec": spec})
    }

    async fn phase(hand: &Hand, path: String) -> String {
        hand.get(&path).await["status"]["phase"].as_str().unwrap_or_default().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_is_bound_to_the_smallest_volume_that_is_enough() {
        let hand = Hand(Cluster::new().client());
        hand.create(CLAIMS, claim("data", "2Gi", "by-hand")).await;
        for (name, size) in [("large", "10Gi"), ("small", "1Gi"), ("enough", "3Gi")] {
            hand.create(VOLUMES, volume(name, size)).await;
        }
        pass(1).await;
        let bound = hand.get(&format!("{CLAIMS}/data")).await;
        // The first that was enough was there first.
        assert_eq!((&bound["spec"]["volumeName"], &bound["status"]["phase"]), (&json!("large"), &json!("Bound")));
        hand.create(CLAIMS, claim("more", "2Gi", "by-hand")).await;
        pass(1).await;
        let bound = hand.get(&format!("{CLAIMS}/more")).await;
        assert_eq!(
            (&bound["spec"]["volumeName"], &bound["status"]["capacity"]["storage"]),
            (&json!("enough"), &json!("3Gi"))
        );
        assert_eq!(bound["metadata"]["annotations"], json!({BIND_COMPLETED: "yes", BOUND_HERE: "yes"}));
        let volume = hand.get(&format!("{VOLUMES}/enough")).await;
        assert_eq!(
            (&volume["spec"]["claimRef"]["name"], &volume["status"]["phase"]),
            (&json!("more"), &json!("Bound"))
        );
        assert_eq!(phase(&hand, format!("{VOLUMES}/small")).await, "Available");
        hand.delete(&format!("{CLAIMS}/more")).await;
        pass(1).await;
        assert_eq!(phase(&hand, format!("{VOLUMES}/enough")).await, "Released", "its contents are somebody's");
    }

    #[tokio::test(start_paused = true)]
    async fn a_class_makes_volumes_when_they_are_wanted() {
        let hand = Hand(Cluster::new().client());
        let mut any = claim("any", "1Gi", "");
        any["spec"]["storageClassName"].take();
        assert_eq!(hand.create(CLAIMS, any).await["spec"]["storageClassName"], "standard", "for those who name none");
        let class = |name: &str, mode: &str| json!({"metadata": {"name": name}, "provisioner": "example.com/disk", "volumeBindingMode": mode});
        hand.create(CLASSES, class("soon", "Immediate")).await;
        hand.create(CLASSES, class("late", "WaitForFirstConsumer")).await;
        hand.create(CLAIMS, claim("one", "1Gi", "soon")).await;
        hand.create(CLAIMS, claim("two", "1Gi", "late")).await;
        pass(1).await;
        assert_eq!(phase(&hand, format!("{CLAIMS}/one")).await, "Bound");
        assert_eq!(phase(&hand, format!("{CLAIMS}/two")).await, "Pending");
        let events = hand.get("/api/v1/namespaces/default/events").await.to_string();
        assert!(events.contains("waiting for first consumer to be created before binding"), "{events}");
        let volumes = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "two"}}]);
        let spec = json!({"volumes": volumes, "containers": [{"name": "main", "image": "nginx"}]});
        hand.create(PODS, json!({"metadata": {"name": "user"}, "spec": spec})).await;
        pass(1).await;
        let bound = hand.get(&format!("{CLAIMS}/two")).await;
        assert_eq!(
            (&bound["status"]["phase"], &bound["metadata"]["annotations"][SELECTED_NODE]),
            (&json!("Bound"), &json!(NODE))
        );
        let name = bound["spec"]["volumeName"].as_str().expect("it is bound").to_owned();
        assert_eq!(name, format!("pvc-{}", bound["metadata"]["uid"].as_str().expect("a uid")));
        hand.delete(&format!("{CLAIMS}/two")).await;
        pass(1).await;
        let left = hand.names(VOLUMES).await;
        assert!(left.len() == 1 && left[0] != name, "what was made for a claim goes with it: {left:?}");
    }
}
