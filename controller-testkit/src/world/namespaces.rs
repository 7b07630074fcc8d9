//! Namespaces: what is in each, and how one is emptied before it goes.

use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::Clockwork;
use super::furniture::AUTHORITY;
use super::hand::{Hand, kind};
use super::object::{self, Condition, Stamps};
use super::queue::{Place, Work};
use crate::store::{Change, Object};

impl Clockwork {
    /// Notes what a change means for a namespace or for what is in it.
    pub(super) fn see_namespace(&mut self, place: &Place, object: &Object, change: Change, now: Timestamp) {
        if kind::NAMESPACES.is(place) {
            match change {
                Change::Deleted => {}
                _ if object.is_deleting() => self.queue.add(Work::Namespace(place.clone()), now),
                Change::Added => self.queue.add(Work::Furnish(place.clone()), now),
                Change::Modified => {}
            }
            return;
        }
        let Some(namespace) = place.namespace() else { return };
        let home = Place { table: kind::NAMESPACES.table(), key: namespace.into() };
        let authority = kind::CONFIG_MAPS.is(place) && place.name() == AUTHORITY;
        match change {
            // The namespace may wait for it; if it does not, the work finds nothing to do.
            Change::Deleted => {
                self.queue.add(Work::Namespace(home.clone()), now);
                if authority || kind::SERVICE_ACCOUNTS.is(place) {
                    self.queue.add(Work::Furnish(home), now);
                }
            }
            // What a client has made of it is set right.
            Change::Modified if authority => self.queue.add(Work::Furnish(home), now),
            Change::Added | Change::Modified => {}
        }
    }

    /// Deletes what is in a namespace that is being deleted, and lets it go once it is empty.
    pub(super) fn namespace(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(namespace) = hand.get(place) else { return };
        if !object::is_deleting(&namespace) {
            return;
        }
        if object::items(&namespace, "/spec/finalizers").is_empty() {
            return;
        }
        let name = place.name();
        for content in hand.places_in(name) {
            let Some(object) = hand.get(&content) else { continue };
            if !object::is_deleting(&object) {
                hand.delete(&content, object::uid(&object), "Background");
            }
        }
        let left = hand.places_in(name);
        let conditions = conditions(&namespace, &left, hand);
        if conditions != object::items(&namespace, "/status/conditions") {
            hand.patch_status(place, &json!({"status": {"phase": "Terminating", "conditions": conditions}}));
        }
        if left.is_empty() {
            let mut namespace = Value::clone(&hand.get(place).unwrap_or(namespace));
            let kept: Vec<Value> = object::items(&namespace, "/spec/finalizers")
                .iter()
                .filter(|finalizer| *finalizer != "kubernetes")
                .cloned()
                .collect();
            if let Some(spec) = namespace.get_mut("spec") {
                spec["finalizers"] = json!(kept);
            }
            hand.finalize(place, &namespace);
        } else {
            // Pods take their time, and some content has finalizers of its own.
            self.queue.add(Work::Namespace(place.clone()), hand.after(self.pace));
        }
    }
}

/// The five conditions that tell how far the deletion has got.
fn conditions(namespace: &Value, left: &[Place], hand: &Hand<'_>) -> Vec<Value> {
    let mut conditions = object::items(namespace, "/status/conditions").to_vec();
    let mut set = |kind, status, reason, message: &str| {
        let condition = Condition { kind, status, reason, message };
        object::set_condition(&mut conditions, condition, Stamps::Transition, hand.now());
    };
    set("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered");
    set(
        "NamespaceDeletionGroupVersionParsingFailure",
        "False",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    );
    set(
        "NamespaceDeletionContentFailure",
        "False",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    );
    if left.is_empty() {
        set("NamespaceContentRemaining", "False", "ContentRemoved", "All content successfully removed");
        set(
            "NamespaceFinalizersRemaining",
            "False",
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        );
        return conditions;
    }
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut finalizers: BTreeMap<String, usize> = BTreeMap::new();
    for place in left {
        *kinds.entry(hand.qualified(place)).or_default() += 1;
        let Some(object) = hand.get(place) else { continue };
        for finalizer in object::items(&object, "/metadata/finalizers").iter().filter_map(Value::as_str) {
            *finalizers.entry(finalizer.to_owned()).or_default() += 1;
        }
    }
    let said = |counts: &BTreeMap<String, usize>, what: &str| {
        let parts: Vec<String> =
            counts.iter().map(|(name, count)| format!("{name} {what} {count} resource instances")).collect();
        parts.join(", ")
    };
    let remaining = format!("Some resources are remaining: {}", said(&kinds, "has"));
    set("NamespaceContentRemaining", "True", "SomeResourcesRemain", &remaining);
    if finalizers.is_empty() {
        set(
            "NamespaceFinalizersRemaining",
            "False",
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        );
    } else {
        let waiting = format!("Some content in the namespace has finalizers remaining: {}", said(&finalizers, "in"));
        set("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", &waiting);
    }
    conditions
}
