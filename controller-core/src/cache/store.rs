//! Owns the objects of one watch, each under a dense slot, and decides what a report about an object changes.
//!
//! The watch's task alone writes, one object at a time, and speaks of a change only after the lock is free. Readers
//! hold the lock for a look-up, or for a copy of the pointers to chunks of [`rows`](super::rows).
//!
//! **Slots.** A slot stays bound to its key while the object lives. When the object goes, the slot becomes a grave
//! that every subscriber of that moment holds; it can be given to another key once all of them released it. If the
//! same key comes back before that, it gets its old slot again and the holds are void. A subscriber therefore
//! releases a slot under the same lock under which it takes deliveries, when it has seen the `Remove` and will not
//! speak of the slot again: a release of a slot that lives (again) does nothing.
//!
//! **What is believed.** A list is the truth: the API server answers it from a quorum, so an object that it shows
//! in another version is that version, even an older one (a server restored from a backup). An event is only
//! believed where it moves on: a version that is not newer than the one at hand is a repetition, and a report about
//! an unknown object from before the place where the watch stands is doubtful, and has to be settled by a list.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
#[cfg(feature = "compressed")]
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashTable;
use parking_lot::RwLock;

#[cfg(feature = "compressed")]
use super::Codec;
use super::ahead::Ahead;
use super::entry::Keep;
use super::entry::Uid;
use super::rows::{Row, Rows};
use super::{Draft, Entry, ResourceVersion};
use crate::key::Key;
use crate::watch::Head;

/// The dense index of an object in its store: what a queue keeps its state by.
pub(crate) type Slot = u32;

/// An object and where it stands.
pub(crate) type Found = (Slot, Entry);

/// One of those whom a watch tells of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubscriberId(pub(crate) u32);

/// Where a report about an object comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen<'a> {
    /// A list, or the initial events of a streaming list.
    Listed,
    /// An event of a watch that stands at this version.
    Event(Option<&'a ResourceVersion>),
}

/// What a report about an object changed.
#[derive(Debug)]
pub(crate) enum Applied {
    /// Nothing: it was known.
    Unchanged,
    /// A new object, or a new version of one.
    Upsert { slot: Slot, entry: Entry, before: Option<Entry> },
    /// Another object under the name of one that is gone.
    Replaced { slot: Slot, gone: Entry, entry: Entry },
    /// The object is gone.
    Remove { slot: Slot, entry: Entry },
    /// It contradicts what is known: only a list can tell.
    Doubtful,
}

/// The objects of one watch.
#[derive(Default)]
pub(crate) struct Store {
    inner: RwLock<Inner>,
    synced: AtomicBool,
    /// Whether there may be changes in it that nobody was told of yet.
    telling: AtomicBool,
    /// Whether objects are to be compressed.
    #[cfg(feature = "compressed")]
    compresses: AtomicBool,
    /// What compresses them, once it is there.
    #[cfg(feature = "compressed")]
    codec: RwLock<Option<Arc<Codec>>>,
}

#[derive(Default)]
struct Inner {
    rows: Rows,
    /// Slots by the hash of their key, graves included. It is never iterated.
    index: HashTable<Slot>,
    free: Vec<Slot>,
    graves: BTreeMap<Slot, Grave>,
    subscribers: Vec<SubscriberId>,
    /// Which list is being read, or was read last.
    list: u32,
    live: usize,
    ahead: Ahead,
}

struct Grave {
    key: Key,
    holders: Vec<SubscriberId>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The object in a slot.
    pub(crate) fn get(&self, slot: Slot) -> Option<Entry> {
        self.inner.read().entry(slot).cloned()
    }

    /// The object of a key.
    pub(crate) fn find(&self, key: &Key) -> Option<Found> {
        let inner = self.inner.read();
        let slot = inner.slot_of(key.namespace(), key.name())?;
        Some((slot, inner.entry(slot)?.clone()))
    }

    /// How many objects there are.
    pub(crate) fn len(&self) -> usize {
        self.inner.read().live
    }

    /// How many slots are kept for those who may still speak of an object that is gone.
    #[cfg(test)]
    pub(crate) fn graves(&self) -> usize {
        self.inner.read().graves.len()
    }

    /// All objects in the order of their slots, which is the order in which they were found.
    pub(crate) fn snapshot(&self) -> Vec<Found> {
        let (rows, live) = {
            let inner = self.inner.read();
            (inner.rows.clone(), inner.live)
        };
        let mut found = Vec::with_capacity(live);
        found.extend(rows.entries().map(|(slot, entry)| (slot, entry.clone())));
        found
    }

    /// Whether the first list is complete.
    pub(crate) fn synced(&self) -> bool {
        self.synced.load(Ordering::Acquire)
    }

    /// From now on there may be changes that nobody was told of yet, or there are none any more.
    pub(crate) fn set_telling(&self, telling: bool) {
        self.telling.store(telling, Ordering::Release);
    }

    /// Whether those who listen know all that was there to be seen before this was asked.
    pub(crate) fn is_told(&self) -> bool {
        !self.telling.load(Ordering::Acquire)
    }

    /// A new subscriber, which was given all objects: from now on it holds the slots of objects that go.
    pub(crate) fn join(&self, id: SubscriberId) {
        self.inner.write().subscribers.push(id);
    }

    /// The subscriber will not speak of any slot again.
    pub(crate) fn leave(&self, id: SubscriberId) {
        let mut inner = self.inner.write();
        inner.subscribers.retain(|subscriber| *subscriber != id);
        let held: Vec<Slot> = inner.graves.keys().copied().collect();
        for slot in held {
            inner.release(id, slot);
        }
    }

    /// The subscriber has seen the object of this slot go and will not speak of it again.
    pub(crate) fn release(&self, id: SubscriberId, slot: Slot) {
        self.inner.write().release(id, slot);
    }

    /// A list begins: what it does not show is gone when it ends.
    pub(crate) fn begin_list(&self) {
        let mut inner = self.inner.write();
        inner.list = inner.list.wrapping_add(1);
    }

    /// An object was reported. `draft` is asked for only if the report changes something.
    pub(crate) fn upsert<'d>(&self, head: &Head<'_>, seen: Seen<'_>, draft: impl FnOnce() -> Draft<'d>) -> Applied {
        let version = ResourceVersion::new(&head.version);
        let uid = head.uid.as_deref().map(Uid::new);
        let mut inner = self.inner.write();
        let slot = inner.slot_of(head.namespace.as_deref(), &head.name);
        let known = slot.and_then(|slot| inner.entry(slot));
        let believed = match (known, seen) {
            (Some(known), Seen::Listed) if !inner.was_seen(slot) => known.uid() != uid || known.version() != version,
            (Some(known), _) if known.uid() == uid => {
                known.version().partial_cmp(&version).is_none_or(std::cmp::Ordering::is_lt)
            }
            (_, Seen::Event(Some(at))) if version.partial_cmp(at).is_some_and(std::cmp::Ordering::is_le) => {
                return Applied::Doubtful;
            }
            _ => true,
        };
        if !believed {
            inner.mark(slot);
            return Applied::Unchanged;
        }
        let before = known.cloned();
        let draft = draft();
        if before.is_none() {
            inner.ahead.make_room(draft.len());
        }
        let entry = Entry::new(head, uid, version, draft, self.keep());
        #[cfg(feature = "compressed")]
        if let (Seen::Listed, Some(body), Some(codec)) = (seen, entry.body(), self.codec()) {
            body.freeze(&codec);
        }
        let slot = inner.put(slot, entry.clone());
        match before {
            Some(gone) if gone.uid() != entry.uid() => Applied::Replaced { slot, gone, entry },
            before => Applied::Upsert { slot, entry, before },
        }
    }

    fn keep(&self) -> Keep {
        #[cfg(feature = "compressed")]
        if self.compresses.load(Ordering::Relaxed) {
            return Keep::Apart;
        }
        Keep::Together
    }

    /// An object was reported to be gone.
    pub(crate) fn remove(&self, head: &Head<'_>) -> Applied {
        let version = ResourceVersion::new(&head.version);
        let uid = head.uid.as_deref().map(Uid::new);
        let mut inner = self.inner.write();
        let Some(slot) = inner.slot_of(head.namespace.as_deref(), &head.name) else { return Applied::Unchanged };
        let Some(known) = inner.entry(slot) else { return Applied::Unchanged };
        let older = version.is_before(&known.version());
        // An object that went under its uid never comes back under it, so the version says nothing more.
        match (known.uid() == uid, uid.is_some()) {
            (true, true) => {}
            (true, false) if older => return Applied::Unchanged,
            (true, false) => {}
            (false, _) if older => return Applied::Unchanged,
            (false, _) => return Applied::Doubtful,
        }
        match inner.bury(slot) {
            Some(entry) => Applied::Remove { slot, entry },
            None => Applied::Unchanged,
        }
    }

    /// An object was listed that can't be read but for its name: it is there, so it is not swept.
    pub(crate) fn mark(&self, namespace: Option<&str>, name: &str) {
        let mut inner = self.inner.write();
        let slot = inner.slot_of(namespace, name);
        inner.mark(slot);
    }

    /// The list is complete: the objects that it did not show are gone, and are returned.
    pub(crate) fn end_list(&self) -> Vec<Found> {
        let mut inner = self.inner.write();
        let list = inner.list;
        let unseen = |row: &Row| row.entry.is_some() && row.seen_in != list;
        let gone: Vec<Slot> = inner.rows.from(0).filter(|(_, row)| unseen(row)).map(|(slot, _)| slot).collect();
        let gone = gone.into_iter().filter_map(|slot| Some((slot, inner.bury(slot)?))).collect();
        drop(inner);
        self.synced.store(true, Ordering::Release);
        gone
    }
}

#[cfg(feature = "compressed")]
impl Store {
    /// From now on objects are kept so that they can be compressed.
    pub(crate) fn will_compress(&self) {
        self.compresses.store(true, Ordering::Relaxed);
    }

    pub(super) fn codec(&self) -> Option<Arc<Codec>> {
        self.codec.read().clone()
    }

    pub(super) fn compress_with(&self, codec: Arc<Codec>) {
        *self.codec.write() = Some(codec);
    }

    /// The objects in so many rows, and where the next ones are; the first one again behind the last.
    pub(super) fn rows(&self, from: Slot, rows: usize) -> (Vec<Entry>, Slot) {
        let inner = self.inner.read();
        let entries = inner.rows.from(from).take(rows).filter_map(|(_, row)| row.entry.clone()).collect();
        let next = Slot::try_from(rows).ok().and_then(|rows| from.checked_add(rows)).unwrap_or(0);
        (entries, if (next as usize) < inner.rows.len() { next } else { 0 })
    }
}

/// The standard library's hasher with its fixed keys: the same run takes the same path everywhere.
fn hash(namespace: Option<&str>, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(namespace.unwrap_or_default().as_bytes());
    hasher.write_u8(b'/');
    hasher.write(name.as_bytes());
    hasher.finish()
}

impl Inner {
    fn entry(&self, slot: Slot) -> Option<&Entry> {
        self.rows.entry(slot)
    }

    /// Whether a slot is bound to this key, in life or in its grave.
    fn is_bound(&self, slot: Slot, namespace: Option<&str>, name: &str) -> bool {
        match self.entry(slot) {
            Some(entry) => entry.is(namespace, name),
            None => self
                .graves
                .get(&slot)
                .is_some_and(|Grave { key, .. }| key.name() == name && key.namespace() == namespace),
        }
    }

    fn slot_of(&self, namespace: Option<&str>, name: &str) -> Option<Slot> {
        self.index.find(hash(namespace, name), |slot| self.is_bound(*slot, namespace, name)).copied()
    }

    fn was_seen(&self, slot: Option<Slot>) -> bool {
        slot.and_then(|slot| self.rows.get(slot)).is_some_and(|row| row.seen_in == self.list)
    }

    fn mark(&mut self, slot: Option<Slot>) {
        if let Some(row) = slot.and_then(|slot| self.rows.get_mut(slot)) {
            row.seen_in = self.list;
        }
    }

    /// Puts the entry into its slot, a free one, or a new one.
    fn put(&mut self, slot: Option<Slot>, entry: Entry) -> Slot {
        let slot = slot.unwrap_or_else(|| self.bind(&entry));
        self.graves.remove(&slot);
        let list = self.list;
        if let Some(row) = self.rows.get_mut(slot) {
            self.live += usize::from(row.entry.is_none());
            *row = Row { entry: Some(entry), seen_in: list };
        }
        slot
    }

    fn bind(&mut self, entry: &Entry) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| self.rows.push());
        let Self { index, rows, graves, .. } = self;
        let rehash = |slot: &Slot| match (rows.entry(*slot), graves.get(slot)) {
            (Some(entry), _) => hash(entry.namespace(), entry.name()),
            (None, Some(grave)) => hash(grave.key.namespace(), grave.key.name()),
            (None, None) => 0,
        };
        index.insert_unique(hash(entry.namespace(), entry.name()), slot, rehash);
        slot
    }

    /// Takes the object out of its slot. The slot stays bound to the key until each subscriber released it.
    fn bury(&mut self, slot: Slot) -> Option<Entry> {
        let entry = self.rows.get_mut(slot)?.entry.take()?;
        self.live -= 1;
        let holders = self.subscribers.clone();
        let nobody = holders.is_empty();
        self.graves.insert(slot, Grave { key: entry.key(), holders });
        if nobody {
            self.unbind(slot);
        }
        Some(entry)
    }

    fn release(&mut self, id: SubscriberId, slot: Slot) {
        let Some(grave) = self.graves.get_mut(&slot) else { return };
        grave.holders.retain(|holder| *holder != id);
        if grave.holders.is_empty() {
            self.unbind(slot);
        }
    }

    fn unbind(&mut self, slot: Slot) {
        let Some(grave) = self.graves.remove(&slot) else { return };
        let hash = hash(grave.key.namespace(), grave.key.name());
        if let Ok(found) = self.index.find_entry(hash, |other| *other == slot) {
            found.remove();
            self.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests;
