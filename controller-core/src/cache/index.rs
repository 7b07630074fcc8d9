//! Owns the indexes of one cache: which slots have which value of a namespace, an owner, a label or a field.
//!
//! An index is made when it is first asked for and follows every change from then on. While it is made from a
//! snapshot, changes that come in between win over the snapshot.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Slot};
use crate::json::{Pointer, elements};

/// What an index is over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    Namespace,
    /// The uids of ownerReferences.
    Owner,
    Label(String),
    Field(Pointer),
}

impl By {
    /// The values that an object has.
    pub(crate) fn values(&self, entry: &Entry) -> Vec<String> {
        match self {
            Self::Namespace => entry.namespace().map(str::to_owned).into_iter().collect(),
            Self::Owner => {
                let owners = Pointer::of(&["metadata", "ownerReferences"]);
                let bytes = entry.json();
                let owners = owners.find(&bytes).map(elements).unwrap_or_default();
                let uid = Pointer::of(&["uid"]);
                owners.into_iter().filter_map(|owner| uid.text(owner)).collect()
            }
            Self::Label(key) => label(entry, key).into_iter().collect(),
            Self::Field(pointer) => pointer.text(&entry.json()).into_iter().collect(),
        }
    }
}

/// The value of a label.
pub(crate) fn label(entry: &Entry, key: &str) -> Option<String> {
    Pointer::of(&["metadata", "labels", key]).text(&entry.json())
}

/// All indexes of one cache.
#[derive(Debug, Default)]
pub(super) struct Indexes(BTreeMap<By, Index>);

#[derive(Debug, Default)]
struct Index {
    slots: BTreeMap<Box<str>, BTreeSet<Slot>>,
    /// What changed since the index began to be made; none once it is complete.
    touched: Option<BTreeSet<Slot>>,
}

impl Indexes {
    /// An object changed, came or went.
    pub(super) fn changed(&mut self, slot: Slot, before: Option<&Entry>, now: Option<&Entry>) {
        for (by, index) in &mut self.0 {
            for value in before.map(|before| by.values(before)).unwrap_or_default() {
                index.remove(&value, slot);
            }
            for value in now.map(|now| by.values(now)).unwrap_or_default() {
                index.insert(value, slot);
            }
            if let Some(touched) = &mut index.touched {
                touched.insert(slot);
            }
        }
    }

    /// Begins an index, where there is none: a snapshot taken after this completes it.
    pub(super) fn begin(&mut self, by: &By) -> bool {
        if self.0.contains_key(by) {
            return false;
        }
        self.0.insert(by.clone(), Index { touched: Some(BTreeSet::new()), ..Index::default() });
        true
    }

    /// Completes an index with the values of a snapshot.
    pub(super) fn complete(&mut self, by: &By, values: impl IntoIterator<Item = (Slot, Vec<String>)>) {
        let Some(index) = self.0.get_mut(by) else { return };
        let touched = index.touched.take().unwrap_or_default();
        for (slot, values) in values.into_iter().filter(|(slot, _)| !touched.contains(slot)) {
            values.into_iter().for_each(|value| index.insert(value, slot));
        }
    }

    /// The slots with this value; none where the index is not complete.
    pub(super) fn find(&self, by: &By, value: &str) -> Option<Vec<Slot>> {
        let index = self.0.get(by).filter(|index| index.touched.is_none())?;
        Some(index.slots.get(value).into_iter().flatten().copied().collect())
    }
}

impl Index {
    fn insert(&mut self, value: String, slot: Slot) {
        self.slots.entry(value.into()).or_default().insert(slot);
    }

    fn remove(&mut self, value: &str, slot: Slot) {
        let Some(slots) = self.slots.get_mut(value) else { return };
        slots.remove(&slot);
        if slots.is_empty() {
            self.slots.remove(value);
        }
    }
}
