//! Owns the narrow look at a wide watch: a declaration that asks for less than a watch shows is served by it.
//!
//! Who looks narrowly is told what it would be told by a watch of its own: an object that comes to match appears, one
//! that no longer does goes, with the last version that did.
//!
//! **Slots.** The narrow subscriber holds only slots of objects that it was told of. The store knows nothing of this,
//! so what goes without having been told is released here.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::hub::{Delta, Sink};
use super::spec::WatchSpec;
use crate::cache::{Entry, Slot, Store, SubscriberId, label};
use crate::context::Selector;

/// Which objects of a wide watch are meant.
#[derive(Debug, Default)]
pub(crate) struct Narrow {
    namespace: Option<String>,
    labels: Selector,
}

impl Narrow {
    /// What `narrow` asks for beyond `wide`, which covers it. None where that is nothing, or where a selector does not
    /// parse: the server is to say so.
    pub(super) fn between(wide: &WatchSpec, narrow: &WatchSpec) -> Option<Self> {
        let namespace = narrow.namespace.clone().filter(|_| wide.namespace.is_none());
        let labels = narrow.labels.as_deref().filter(|_| wide.labels.is_none());
        let labels = labels.map(Selector::parse).transpose().ok()?;
        let narrows = namespace.is_some() || labels.is_some();
        narrows.then(|| Self { namespace, labels: labels.unwrap_or_default() })
    }

    /// Whether this version of an object is meant.
    pub(crate) fn shows(&self, entry: &Entry) -> bool {
        self.namespace.as_deref().is_none_or(|namespace| entry.namespace() == Some(namespace))
            && self.labels.matches(|key| label(entry, key))
    }
}

/// How the subscriber stands to a slot of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It was told of the object.
    Shown,
    /// It was told that the object went, while the object lives on and it may still speak of the slot.
    Left,
}

/// Tells a subscriber only what it asked for.
pub(super) struct Filter {
    narrow: Arc<Narrow>,
    inner: Arc<dyn Sink>,
    store: Arc<Store>,
    id: SubscriberId,
    parts: Mutex<BTreeMap<Slot, Part>>,
}

impl Filter {
    pub(super) fn new(narrow: Arc<Narrow>, inner: Arc<dyn Sink>, store: Arc<Store>, id: SubscriberId) -> Self {
        Self { narrow, inner, store, id, parts: Mutex::default() }
    }

    /// The subscriber will not speak of the slot again.
    pub(super) fn released(&self, slot: Slot) {
        let mut parts = self.parts.lock();
        if parts.get(&slot) == Some(&Part::Left) {
            parts.remove(&slot);
        }
    }

    fn part(&self, slot: Slot) -> Option<Part> {
        self.parts.lock().get(&slot).copied()
    }
}

impl Sink for Filter {
    fn deliver(&self, delta: Delta<'_>) {
        match delta {
            Delta::Upsert { slot, entry, before, initial } => {
                let was = self.part(slot) == Some(Part::Shown);
                match (was, before, self.narrow.shows(entry)) {
                    (true, _, true) => self.inner.deliver(delta),
                    (false, _, true) => {
                        self.inner.deliver(Delta::Upsert { slot, entry, before: None, initial });
                        // Only now: what was released under the lock of this delivery was the slot's life before.
                        self.parts.lock().insert(slot, Part::Shown);
                    }
                    (true, Some(before), false) => {
                        self.parts.lock().insert(slot, Part::Left);
                        self.inner.deliver(Delta::Remove { slot, entry: before });
                    }
                    (_, _, false) => {}
                }
            }
            Delta::Remove { slot, .. } => {
                let part = self.parts.lock().remove(&slot);
                match part {
                    Some(Part::Shown) => self.inner.deliver(delta),
                    // It gives the slot back when it is done with it.
                    Some(Part::Left) => {}
                    None => self.store.release(self.id, slot),
                }
            }
            Delta::Synced => self.inner.deliver(delta),
        }
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

#[cfg(test)]
mod tests;
