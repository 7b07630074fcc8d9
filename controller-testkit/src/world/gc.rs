//! Garbage collection: objects go when the last of their owners has gone, and the three ways of deleting an owner.
//!
//! `Background` is what happens by itself; the finalizer `foregroundDeletion` makes an owner wait for those dependents
//! that block it, and `orphan` makes it let its dependents go first.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Clockwork;
use super::hand::Hand;
use super::index::Owner;
use super::object;
use super::queue::{Place, Work};
use crate::store::{Change, Object};

pub(super) const FOREGROUND: &str = "foregroundDeletion";
pub(super) const ORPHAN: &str = "orphan";

impl Clockwork {
    /// Notes what a change means for owners and dependents.
    pub(super) fn see_owner(&mut self, place: &Place, object: &Object, change: Change, now: Timestamp) {
        if change == Change::Deleted {
            let uid = object.uid();
            let Some(known) = self.index.remove(&uid) else { return };
            for dependent in self.index.dependents(&uid).cloned().collect::<Vec<_>>() {
                self.queue.add(Work::Collect(dependent), now);
            }
            for owner in known.owners {
                self.queue.add(Work::Release(owner.uid), now);
            }
            return;
        }
        let Some(uid) = self.index.insert(place, object) else { return };
        let owners = self.index.get(&uid).map(|known| known.owners.clone()).unwrap_or_default();
        if owners.iter().any(|owner| !self.index.owns(&owner.uid, place)) {
            self.queue.add(Work::Collect(uid.clone()), now);
        }
        let waits = |object: &Value| [FOREGROUND, ORPHAN].iter().any(|one| object::has_finalizer(object, one));
        if object.is_deleting() && object.is_bound() && waits(&object.value()) {
            self.queue.add(Work::Release(uid), now);
        }
        for owner in owners {
            // An owner that waits may not have known of this one, or need not wait for it any more.
            self.queue.add(Work::Release(owner.uid), now);
        }
    }

    /// Looks whether an object still has an owner, and deletes it if it had some and has none.
    pub(super) fn collect(&mut self, uid: &Arc<str>, hand: &mut Hand<'_>) {
        let Some(known) = self.index.get(uid).cloned() else { return };
        let Some(object) = hand.get(&known.place) else { return };
        if known.owners.is_empty() || object::uid(&object) != &**uid || object::is_deleting(&object) {
            return;
        }
        let mut standing = Vec::new();
        let mut waiting = false;
        for owner in &known.owners {
            match self.state_of(owner, &known.place, hand) {
                OwnerState::Standing => standing.push(&owner.uid),
                OwnerState::Waiting => waiting = true,
                OwnerState::Gone => {}
            }
        }
        if !standing.is_empty() {
            if standing.len() < known.owners.len() {
                let kept: Vec<&Value> = object::items(&object, "/metadata/ownerReferences")
                    .iter()
                    .filter(|owner| standing.iter().any(|uid| owner["uid"] == ***uid))
                    .collect();
                hand.patch(&known.place, &json!({"metadata": {"uid": **uid, "ownerReferences": kept}}));
            }
            return;
        }
        let has_dependents = self.index.dependents(uid).next().is_some();
        let how = if waiting && has_dependents {
            "Foreground"
        } else if object::has_finalizer(&object, ORPHAN) {
            "Orphan"
        } else {
            "Background"
        };
        hand.delete(&known.place, uid, how);
    }

    fn state_of(&self, owner: &Owner, dependent: &Place, hand: &Hand<'_>) -> OwnerState {
        if !self.index.owns(&owner.uid, dependent) {
            return OwnerState::Gone;
        }
        let object = self.index.get(&owner.uid).and_then(|known| hand.get(&known.place));
        match object {
            Some(object) if object::is_deleting(&object) && object::has_finalizer(&object, FOREGROUND) => {
                OwnerState::Waiting
            }
            Some(_) => OwnerState::Standing,
            None => OwnerState::Gone,
        }
    }

    /// Sees an owner off that waits for its dependents.
    pub(super) fn release(&mut self, uid: &Arc<str>, hand: &mut Hand<'_>) {
        let Some(known) = self.index.get(uid).cloned() else { return };
        let Some(object) = hand.get(&known.place) else { return };
        if object::uid(&object) != &**uid || !object::is_deleting(&object) {
            return;
        }
        let dependents: Vec<Arc<str>> = self.index.dependents(uid).cloned().collect();
        if object::has_finalizer(&object, ORPHAN) {
            for dependent in &dependents {
                self.disown(uid, dependent, hand);
            }
            let kept = object::finalizers_but(&object, ORPHAN);
            hand.patch(&known.place, &json!({"metadata": {"finalizers": kept}}));
        } else if object::has_finalizer(&object, FOREGROUND) {
            let blocking = |dependent: &Arc<str>| {
                let owners = self.index.get(dependent).map(|known| known.owners.as_slice()).unwrap_or_default();
                owners.iter().any(|owner| owner.uid == *uid && owner.blocks)
            };
            if dependents.iter().any(blocking) {
                for dependent in dependents {
                    self.queue.add(Work::Collect(dependent), hand.now());
                }
            } else {
                let kept = object::finalizers_but(&object, FOREGROUND);
                hand.patch(&known.place, &json!({"metadata": {"finalizers": kept}}));
            }
        }
    }

    /// Takes one owner out of a dependent's references.
    fn disown(&self, owner: &str, dependent: &str, hand: &mut Hand<'_>) {
        let Some(known) = self.index.get(dependent) else { return };
        let Some(object) = hand.get(&known.place) else { return };
        let kept: Vec<&Value> =
            object::items(&object, "/metadata/ownerReferences").iter().filter(|found| found["uid"] != owner).collect();
        let kept = if kept.is_empty() { Value::Null } else { json!(kept) };
        hand.patch(&known.place, &json!({"metadata": {"uid": dependent, "ownerReferences": kept}}));
    }
}

/// What has become of an owner.
enum OwnerState {
    Standing,
    /// It waits, in foreground deletion, for its dependents.
    Waiting,
    Gone,
}
