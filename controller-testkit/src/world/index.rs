//! Who owns whom, kept up to date from the event log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::object;
use super::queue::{Place, within};
use crate::store::Object;

/// What the world remembers of an object.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) place: Place,
    pub(super) owners: Vec<Owner>,
}

/// An owner reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: Arc<str>,
    /// The owner's deletion, where it waits for its dependents, waits for this one.
    pub(super) blocks: bool,
}

/// Every object by uid, and its dependents.
#[derive(Default)]
pub(super) struct Index {
    known: BTreeMap<Arc<str>, Known>,
    dependents: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Objects that nobody owns.
    strays: BTreeSet<Place>,
}

fn owners(object: &Value) -> Vec<Owner> {
    let owners = object::items(object, "/metadata/ownerReferences").iter().filter_map(|owner| {
        let uid = owner["uid"].as_str()?;
        Some(Owner { uid: uid.into(), blocks: owner["blockOwnerDeletion"] == true })
    });
    owners.collect()
}

impl Index {
    /// Takes an object's present state.
    pub(super) fn insert(&mut self, place: &Place, object: &Object) -> Option<Arc<str>> {
        let uid: Arc<str> = match &*object.uid() {
            "" => return None,
            uid => uid.into(),
        };
        let owners = if object.is_bound() { owners(&object.value()) } else { Vec::new() };
        let old = self.known.insert(uid.clone(), Known { place: place.clone(), owners: owners.clone() });
        for owner in old.iter().flat_map(|old| &old.owners).filter(|owner| !owners.contains(owner)) {
            self.unlink(&owner.uid, &uid);
        }
        if owners.is_empty() {
            self.strays.insert(place.clone());
        } else {
            self.strays.remove(place);
        }
        for owner in owners {
            self.dependents.entry(owner.uid).or_default().insert(uid.clone());
        }
        Some(uid)
    }

    /// Forgets an object; its dependents still name it.
    pub(super) fn remove(&mut self, uid: &str) -> Option<Known> {
        let known = self.known.remove(uid)?;
        self.strays.remove(&known.place);
        for owner in &known.owners {
            self.unlink(&owner.uid, uid);
        }
        Some(known)
    }

    fn unlink(&mut self, owner: &str, dependent: &str) {
        if let Some(dependents) = self.dependents.get_mut(owner) {
            dependents.remove(dependent);
            if dependents.is_empty() {
                self.dependents.remove(owner);
            }
        }
    }

    pub(super) fn get(&self, uid: &str) -> Option<&Known> {
        self.known.get(uid)
    }

    /// Who names this object as an owner.
    pub(super) fn dependents(&self, uid: &str) -> impl Iterator<Item = &Arc<str>> {
        self.dependents.get(uid).into_iter().flatten()
    }

    /// The places of the dependents in one table.
    pub(super) fn dependents_in(&self, uid: &str, table: &str) -> Vec<Place> {
        self.dependents(uid)
            .filter_map(|dependent| self.get(dependent))
            .filter(|known| &*known.place.table == table)
            .map(|known| known.place.clone())
            .collect()
    }

    /// The objects of a table and a namespace that nobody owns.
    pub(super) fn strays(&self, table: &str, namespace: &str) -> Vec<Place> {
        within(&self.strays, table, namespace).cloned().collect()
    }

    /// Whether an owner that a dependent names exists where it could own it: in the dependent's namespace or in none.
    pub(super) fn owns(&self, owner: &str, dependent: &Place) -> bool {
        self.get(owner).is_some_and(|owner| {
            let namespace = owner.place.namespace();
            namespace.is_none() || namespace == dependent.namespace()
        })
    }
}
