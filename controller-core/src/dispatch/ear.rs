//! Owns how a controller hears of its objects: each delta of a watch is decided on under the engine's lock.

use std::sync::Arc;

use super::barrier::CacheId;
use super::engine::Engine;
use super::pause::is_paused;
#[cfg(feature = "testing")]
use super::probe::Probe;
#[cfg(feature = "testing")]
use crate::cache::Entry;
use crate::queue::{Freed, Place};
use crate::watch::{Delta, PAUSED, Sink};

/// Takes in the deltas of one watch of the controller's own kind.
pub(super) struct Ear {
    engine: Arc<Engine>,
    space: u16,
}

impl Ear {
    pub(super) fn new(engine: Arc<Engine>, space: u16) -> Self {
        Self { engine, space }
    }
}

impl Sink for Ear {
    fn deliver(&self, delta: Delta<'_>) {
        let engine = &self.engine;
        #[cfg(feature = "testing")]
        tell(engine, delta);
        // Bytes are read and compared before the lock is taken.
        let (passes, paused) = match delta {
            Delta::Upsert { entry, before, .. } => {
                let passes = before.is_none_or(|before| engine.filters.let_pass(before, entry));
                (passes, is_paused(entry, engine.name()))
            }
            _ => (true, false),
        };
        let mut turned = None;
        let now = engine.now();
        let mut state = engine.state.lock();
        let place = |slot| Place { space: self.space, slot };
        let freed = match delta {
            Delta::Upsert { slot, entry, before, initial } => {
                // Another object under the same name is the end of the one before it.
                if let Some(before) = before.filter(|before| before.uid() != entry.uid()) {
                    state.rewrites.forget(place(slot));
                    let Freed(_) = state.ledger.gone(place(slot), before.clone(), now);
                }
                let (place, version, entry) = (place(slot), entry.version(), entry.clone());
                let ledger = &mut state.ledger;
                let news = if paused { ledger.pause(place) } else { ledger.resume(place) };
                turned = news.then(|| (entry.key(), paused));
                let freed = match (passes, initial) {
                    _ if news && !paused => ledger.resumed(place, entry, now),
                    (false, _) => ledger.changed_beside(place, entry, now),
                    (true, true) => ledger.found(place, entry, now),
                    (true, false) => ledger.seen(place, entry, now),
                };
                state.version_came(place, &version, now);
                freed
            }
            Delta::Remove { slot, entry } => {
                state.rewrites.forget(place(slot));
                state.ledger.gone(place(slot), entry.clone(), now)
            }
            Delta::Synced => {
                state.synced += 1;
                Freed(None)
            }
        };
        let cache = CacheId { cache: 0, space: self.space.into() };
        match delta {
            Delta::Upsert { entry, .. } => engine.shows(&mut state, cache, entry, true),
            Delta::Remove { entry, .. } => engine.shows(&mut state, cache, entry, false),
            Delta::Synced => {}
        }
        state.give_back(freed);
        drop(state);
        match turned {
            Some((key, true)) => tracing::info!(
                controller = engine.name(), %key,
                "the object is paused: no callback runs for it until its annotation {PAUSED} goes"
            ),
            Some((key, false)) => tracing::info!(controller = engine.name(), %key, "the object is no longer paused"),
            None => {}
        }
    }

    fn flush(&self) {
        self.engine.wake();
    }
}

#[cfg(feature = "testing")]
fn tell(engine: &Engine, delta: Delta<'_>) {
    let controller = engine.name();
    let said = |entry: &Entry| (entry.key(), entry.version().to_string());
    match delta {
        Delta::Upsert { entry, .. } => engine.scope.live.tell(|| {
            let (key, version) = said(entry);
            Probe::Seen { controller, key, version }
        }),
        Delta::Remove { entry, .. } => engine.scope.live.tell(|| {
            let (key, version) = said(entry);
            Probe::Gone { controller, key, version }
        }),
        Delta::Synced => {}
    }
}
