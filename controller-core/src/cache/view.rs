//! Owns what one subscriber of a watch sees of its store: all of it, or the part that it declared.

use std::sync::Arc;

use super::store::Found;
use super::{Entry, Slot, Store};
use crate::key::Key;
use crate::watch::Narrow;

/// A store, or a part of it.
#[derive(Clone)]
pub(crate) struct View {
    store: Arc<Store>,
    narrow: Option<Arc<Narrow>>,
}

impl View {
    pub(crate) fn new(store: Arc<Store>, narrow: Option<Arc<Narrow>>) -> Self {
        Self { store, narrow }
    }

    /// The object in a slot.
    pub(crate) fn get(&self, slot: Slot) -> Option<Entry> {
        self.store.get(slot).filter(|entry| self.shows(entry))
    }

    /// The object of a key.
    pub(crate) fn find(&self, key: &Key) -> Option<Found> {
        self.store.find(key).filter(|(_, entry)| self.shows(entry))
    }

    /// All objects in the order of their slots.
    pub(crate) fn snapshot(&self) -> Vec<Found> {
        let mut found = self.store.snapshot();
        if let Some(narrow) = &self.narrow {
            found.retain(|(_, entry)| narrow.shows(entry));
        }
        found
    }

    /// Whether those who listen know all that was there to be seen before this was asked.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only tests wait for an operator to settle"))]
    pub(crate) fn is_told(&self) -> bool {
        self.store.is_told()
    }

    fn shows(&self, entry: &Entry) -> bool {
        self.narrow.as_ref().is_none_or(|narrow| narrow.shows(entry))
    }
}
