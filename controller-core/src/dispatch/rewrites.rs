//! Owns which objects are rewritten by their own runs, one after another, and when that is a loop without end.
//!
//! A run rewrites its object where it makes a new version of it. Where the next run is caused by nothing but such
//! versions, and makes one again, the two are a chain. A chain that grows past all patience is a hot loop: each of its
//! next runs waits, twice as long as the one before it. A chain ends with a run that writes nothing, and with a change
//! that somebody else made.
//!
//! It is pure. It is told when a run begins and ends and which versions come in; nothing is known here of a key whose
//! last run left its object alone, which is nearly every key.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cache::ResourceVersion;
use crate::queue::Place;

/// So many rewrites in a row are no loop yet.
const PATIENCE: u32 = 10;

/// The first wait of a hot loop, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// A write of a run to its own object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OwnWrite {
    /// The object stands at this version, which is the one before where nothing changed.
    At(ResourceVersion),
    /// No answer came.
    Unsure,
}

/// How a run ended, as far as its object is concerned.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) writes: Vec<OwnWrite>,
    /// The version that the run was given.
    pub(super) given: &'a ResourceVersion,
    /// The newest version that is known now.
    pub(super) newest: &'a ResourceVersion,
    /// How many versions came in while it ran.
    pub(super) arrived: u32,
}

/// What follows for a key in a hot loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heat {
    /// How many runs in a row rewrote the object.
    pub(super) rewrites: u32,
    /// So long the next run waits.
    pub(super) wait: Duration,
}

impl Heat {
    fn of(rewrites: u32) -> Option<Self> {
        let beyond = rewrites.checked_sub(PATIENCE + 1)?;
        let doubled = 1u32.checked_shl(beyond).and_then(|factor| WAITS.0.checked_mul(factor));
        Some(Self { rewrites, wait: doubled.map_or(WAITS.1, |wait| wait.min(WAITS.1)) })
    }

    /// Whether the loop begins to be one with this run.
    pub(super) fn is_news(self) -> bool {
        self.rewrites == PATIENCE + 1
    }
}

/// The keys whose object was rewritten by its own last run.
#[derive(Debug, Default)]
pub(super) struct Rewrites {
    chains: BTreeMap<Place, Chain>,
}

#[derive(Debug, Default)]
struct Chain {
    /// Runs in a row that rewrote the object.
    rewrites: u32,
    /// Own versions that have not come in yet.
    awaited: Vec<ResourceVersion>,
    /// Own writes of which it is not known whether they made a version.
    unsure: u32,
    /// Somebody else changed the object since its last run began.
    disturbed: bool,
    /// Nothing but own versions caused the run that is under way.
    continues: bool,
}

impl Chain {
    /// Whether a version that came in is one of its own.
    fn owns(&mut self, version: &ResourceVersion) -> bool {
        // A version that was passed over never comes in any more.
        let own = self.awaited.contains(version);
        self.awaited.retain(|awaited| awaited != version && !awaited.is_before(version));
        if own {
            return true;
        }
        let unsure = self.unsure > 0;
        self.unsure -= u32::from(unsure);
        unsure
    }

    fn disturb(&mut self) {
        (self.disturbed, self.rewrites) = (true, 0);
    }

    fn is_hot(&self) -> bool {
        self.rewrites > PATIENCE
    }

    /// Whether nothing of it can be told from a key that was never written.
    fn is_over(&self) -> bool {
        self.rewrites == 0 && self.awaited.is_empty() && self.unsure == 0
    }
}

impl Rewrites {
    /// Nothing is known of any key: nobody has to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.chains.is_empty()
    }

    /// Keys in a hot loop. Each key is looked at.
    pub(super) fn hot(&self) -> usize {
        self.chains.values().filter(|chain| chain.is_hot()).count()
    }

    /// A run of the key begins; `by_change` where a change of its object is among its causes.
    pub(super) fn begins(&mut self, place: Place, by_change: bool) {
        if let Some(chain) = self.chains.get_mut(&place) {
            chain.continues = by_change && !chain.disturbed;
            // What has no answer and has not come in by now is not waited for.
            (chain.disturbed, chain.unsure) = (false, 0);
        }
    }

    /// A version came in while no run of the key was under way. Gives whether that ends a hot loop.
    pub(super) fn shown(&mut self, place: Place, version: &ResourceVersion) -> bool {
        let Some(chain) = self.chains.get_mut(&place) else { return false };
        let hot = chain.is_hot();
        if !chain.owns(version) {
            chain.disturb();
        }
        hot && !chain.is_hot()
    }

    /// The run that began last ended.
    pub(super) fn ends(&mut self, place: Place, end: End<'_>) -> Option<Heat> {
        let known = self.chains.remove(&place);
        if known.is_none() && end.writes.is_empty() {
            return None;
        }
        let mut chain = known.unwrap_or_default();
        let mut wrote = false;
        for write in end.writes {
            match write {
                OwnWrite::Unsure => (wrote, chain.unsure) = (true, chain.unsure + 1),
                OwnWrite::At(version) => {
                    let changed_nothing = version == *end.given || version.is_before(end.given);
                    if !changed_nothing && !chain.awaited.contains(&version) {
                        wrote = true;
                        chain.awaited.push(version);
                    }
                }
            }
        }
        let awaited = chain.awaited.len();
        chain.awaited.retain(|version| version != end.newest && !version.is_before(end.newest));
        let own = u32::try_from(awaited - chain.awaited.len()).unwrap_or(u32::MAX);
        // More came in than the key's own: somebody else's, or those of writes that had no answer.
        let others = end.arrived.saturating_sub(own);
        let disturbed = others > chain.unsure;
        chain.unsure = chain.unsure.saturating_sub(others);
        chain.rewrites = match wrote {
            false => 0,
            true if chain.continues => chain.rewrites + 1,
            true => 1,
        };
        chain.continues = false;
        if disturbed {
            chain.disturb();
        }
        let heat = Heat::of(chain.rewrites);
        if !chain.is_over() {
            self.chains.insert(place, chain);
        }
        heat
    }

    /// What comes in for the key was decided on. Where no run follows from its own versions, its chain is at its end.
    pub(super) fn settle(&mut self, place: Place, pending: impl FnOnce() -> bool) {
        let Some(chain) = self.chains.get(&place) else { return };
        if chain.is_over() || (chain.awaited.is_empty() && chain.unsure == 0 && !pending()) {
            self.chains.remove(&place);
        }
    }

    /// The object is gone.
    pub(super) fn forget(&mut self, place: Place) {
        self.chains.remove(&place);
    }
}

#[cfg(test)]
mod tests;
