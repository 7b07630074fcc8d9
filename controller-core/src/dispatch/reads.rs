//! Owns the caches that a controller reads besides its own objects: the option `reads`.

use std::any::TypeId;
use std::sync::Arc;

use super::barrier::CacheId;
use super::engine::Engine;
use super::resolve::Resource;
use super::scope::Scope;
use crate::cache::Reader;
use crate::context::{Cache, Query, Read, Typed};
use crate::error::Error;
use crate::key::Key;
use crate::watch::{Delta, Sink, Subscription, WatchSpec};

/// A kind to read, found in the cluster.
pub(super) struct Found {
    pub(super) read: Read,
    pub(super) resource: Resource,
    pub(super) specs: Vec<WatchSpec>,
}

/// The objects of one kind that callbacks read.
pub(super) struct ReadCache {
    pub(super) of: TypeId,
    namespaced: bool,
    /// One for each namespace, or one for all.
    pub(super) spaces: Vec<Space>,
}

/// What one watch brings.
pub(super) struct Space {
    pub(super) spec: WatchSpec,
    pub(super) subscription: Subscription,
    reader: Arc<Reader>,
}

/// Where the ear of a space finds its subscription among those of the engine.
#[derive(Debug, Clone, Copy)]
struct Shelf {
    cache: usize,
    space: usize,
}

impl ReadCache {
    /// Takes part in the watches of a kind. The caller holds the engine's lock, so that no delta comes before the
    /// cache is in its place.
    pub(super) fn subscribe(engine: &Arc<Engine>, scope: &Scope, cache: usize, found: Found) -> Self {
        let subscribed = |(space, spec): (usize, WatchSpec)| {
            let ear = Arc::new(ReadEar { engine: Arc::clone(engine), shelf: Shelf { cache, space } });
            let subscription = scope.hub.subscribe(&spec, ear);
            let reader = Arc::new(Reader::new(subscription.view().clone(), found.read.decode));
            Space { spec, subscription, reader }
        };
        let spaces = found.specs.into_iter().enumerate().map(subscribed).collect();
        Self { of: found.read.of, namespaced: found.resource.namespaced, spaces }
    }

    pub(super) fn shelf(&self) -> Arc<dyn Cache> {
        let readers = self.spaces.iter().map(|space| Arc::clone(&space.reader)).collect();
        Arc::new(Readers { namespaced: self.namespaced, readers })
    }
}

/// The stores of one kind, as one cache.
pub(crate) struct Readers {
    pub(crate) namespaced: bool,
    pub(crate) readers: Vec<Arc<Reader>>,
}

impl Cache for Readers {
    fn namespaced(&self) -> bool {
        self.namespaced
    }

    fn get(&self, key: &Key) -> Result<Option<Typed>, Error> {
        self.readers.iter().find_map(|reader| reader.get(key).transpose()).transpose()
    }

    fn list(&self, query: &Query) -> Result<Vec<Typed>, Error> {
        let mut objects = Vec::new();
        for reader in &self.readers {
            for found in reader.find(query)? {
                objects.push((found.1.key(), reader.typed(&found)?));
            }
        }
        objects.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(objects.into_iter().map(|(_, object)| object).collect())
    }

    fn keys(&self, query: &Query) -> Result<Vec<Key>, Error> {
        let mut keys = Vec::new();
        for reader in &self.readers {
            keys.extend(reader.find(query)?.into_iter().map(|(_, entry)| entry.key()));
        }
        keys.sort();
        Ok(keys)
    }
}

/// Takes in the deltas of a watch whose objects are read.
struct ReadEar {
    engine: Arc<Engine>,
    shelf: Shelf,
}

impl Sink for ReadEar {
    fn deliver(&self, delta: Delta<'_>) {
        let Shelf { cache, space } = self.shelf;
        let reader = {
            let state = self.engine.state.lock();
            let space = state.reads.get(cache).and_then(|cache| cache.spaces.get(space));
            let Some(space) = space else { return };
            Arc::clone(&space.reader)
        };
        // Values are read out of the bytes before the lock is taken again.
        match delta {
            Delta::Upsert { slot, entry, before, .. } => {
                reader.changed(slot, before, Some(entry));
            }
            Delta::Remove { slot, entry } => reader.changed(slot, Some(entry), None),
            Delta::Synced => {}
        }
        let mut state = self.engine.state.lock();
        let id = CacheId { cache: cache + 1, space };
        match delta {
            Delta::Upsert { entry, .. } => self.engine.shows(&mut state, id, entry, true),
            Delta::Remove { slot, entry } => {
                self.engine.shows(&mut state, id, entry, false);
                if let Some(space) = state.reads.get(cache).and_then(|cache| cache.spaces.get(space)) {
                    space.subscription.release(slot);
                }
            }
            Delta::Synced => state.reads_synced += 1,
        }
    }

    fn flush(&self) {
        self.engine.wake();
    }
}
