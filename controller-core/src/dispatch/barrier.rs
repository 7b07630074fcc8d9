//! Owns reading of one's own writes: which keys wait until the caches show what their last run wrote.
//!
//! It is pure: it is told what was written, what the caches show, and which answers came; it says which keys are free.
//! A kind that no cache of the controller holds is not waited for, and neither is an object that a cache with selectors
//! does not show: it may never do so.

use std::collections::{BTreeMap, BTreeSet};

use crate::cache::{Entry, ResourceVersion};
use crate::key::Key;
use crate::queue::Place;

/// One of the caches of a controller: that of its own objects is number 0. Each of its spaces is a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CacheId {
    pub(super) cache: usize,
    pub(super) space: usize,
}

/// An object in a cache.
type Watched = (CacheId, Key);

/// What a cache has to show of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Until {
    /// This version, or a newer one.
    At(ResourceVersion),
    /// This version, a newer one, or nothing.
    AtOrGone(ResourceVersion),
    /// Nothing, or another object than that of this uid where it is known.
    Gone(Option<String>),
}

impl Until {
    /// Whether a cache that shows this is far enough.
    pub(super) fn is_met(&self, shown: Option<&Entry>) -> bool {
        match (self, shown) {
            (Self::At(_), None) => false,
            (Self::AtOrGone(_) | Self::Gone(_), None) => true,
            (Self::At(version) | Self::AtOrGone(version), Some(entry)) => {
                // Versions that can't be compared are equal or different.
                entry.version() == *version || version.is_before(&entry.version())
            }
            (Self::Gone(uid), Some(entry)) => uid.is_some() && entry.uid().map(|uid| uid.to_string()) != *uid,
        }
    }
}

/// Which keys wait for what.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    /// What each key waits for. A key without anything left stands here no more.
    waits: BTreeMap<Place, Waits>,
    /// Who waits for an object in a cache.
    watched: BTreeMap<Watched, BTreeSet<Place>>,
}

#[derive(Debug, Default)]
struct Waits {
    objects: Vec<(Watched, Until)>,
    /// Writes of which the server is asked whether they took place.
    questions: usize,
    /// There was a write of which nothing can be asked: only time helps.
    blind: bool,
}

impl Barrier {
    /// The key waits for an object.
    pub(super) fn wait(&mut self, place: Place, cache: CacheId, key: Key, until: Until) {
        let watched = (cache, key);
        self.watched.entry(watched.clone()).or_default().insert(place);
        self.waits.entry(place).or_default().objects.push((watched, until));
    }

    /// The key waits for the answer to a question.
    pub(super) fn ask(&mut self, place: Place) {
        self.waits.entry(place).or_default().questions += 1;
    }

    /// The key waits for its time to pass.
    pub(super) fn wait_blindly(&mut self, place: Place) {
        self.waits.entry(place).or_default().blind = true;
    }

    /// A question is answered; what follows from it was told with [`wait`](Self::wait). Gives whether the key is free.
    pub(super) fn answered(&mut self, place: Place) -> bool {
        let Some(waits) = self.waits.get_mut(&place) else { return false };
        waits.questions = waits.questions.saturating_sub(1);
        self.free(place)
    }

    /// Whether nobody waits for an object.
    pub(super) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// A cache shows this of an object, or that it is gone. Gives the keys that are free now.
    pub(super) fn shown(&mut self, cache: CacheId, key: &Key, shown: Option<&Entry>) -> Vec<Place> {
        let watched = (cache, key.clone());
        let Some(places) = self.watched.get(&watched).cloned() else { return Vec::new() };
        let mut free = Vec::new();
        for place in places {
            let Some(waits) = self.waits.get_mut(&place) else { continue };
            waits.objects.retain(|(object, until)| *object != watched || !until.is_met(shown));
            if waits.objects.iter().all(|(object, _)| *object != watched) {
                self.unwatch(&watched, place);
            }
            if self.free(place) {
                free.push(place);
            }
        }
        free
    }

    /// Whether the key waits for anything.
    pub(super) fn holds(&self, place: Place) -> bool {
        self.waits.contains_key(&place)
    }

    /// Whether the server is still asked about a write of this key.
    pub(super) fn is_asking(&self, place: Place) -> bool {
        self.waits.get(&place).is_some_and(|waits| waits.questions > 0)
    }

    /// The key waits no more. Gives whether it did.
    pub(super) fn give_up(&mut self, place: Place) -> bool {
        let Some(waits) = self.waits.remove(&place) else { return false };
        for (watched, _) in &waits.objects {
            self.unwatch(watched, place);
        }
        true
    }

    /// Takes out a key that waits for nothing any more.
    fn free(&mut self, place: Place) -> bool {
        let free = self
            .waits
            .get(&place)
            .is_some_and(|waits| waits.objects.is_empty() && waits.questions == 0 && !waits.blind);
        if free {
            self.waits.remove(&place);
        }
        free
    }

    fn unwatch(&mut self, watched: &Watched, place: Place) {
        let Some(places) = self.watched.get_mut(watched) else { return };
        places.remove(&place);
        if places.is_empty() {
            self.watched.remove(watched);
        }
    }
}

#[cfg(test)]
mod tests;
