//! The stored objects: one global resourceVersion, a table of objects for each storage, and the log of changes.
//!
//! The store knows keys and JSON, not HTTP and not kinds. Every change takes the next resourceVersion and leaves an
//! event in the log, which watches, older lists and the world read. What the log has forgotten ([`Store::compact`])
//! can be neither listed nor watched any more.
//!
//! An object is kept as its JSON ([`Object`]), and the log shares it: what the log costs of its own are the versions that
//! are there no more, which are counted. The trees of the last few objects that were written or asked for stay with them,
//! since whoever follows the changes looks at those.
//!
//! Keys sort as the real server's do, `namespace/name` as one string, since clients can see the order of a list.

mod object;
mod stencil;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;

pub(crate) use object::{Change, Object, frame, write_object};
pub(crate) use stencil::{Moment, Stencil};

/// One entry of the log.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) rv: u64,
    pub(crate) table: Arc<str>,
    pub(crate) key: Arc<str>,
    pub(crate) change: Change,
    /// The object after the change; of a deletion its last state, with the deletion's resourceVersion.
    pub(crate) object: Arc<Object>,
    pub(crate) previous: Option<Arc<Object>>,
}

impl Event {
    /// How many bytes the log alone holds on its account: the version that was replaced, and that of a deleted object.
    fn weight(&self) -> usize {
        let last = (self.change == Change::Deleted).then_some(&self.object);
        let of_others: usize = last.into_iter().chain(&self.previous).map(|object| object.size()).sum();
        size_of::<Event>() + of_others
    }
}

/// Every object of the cluster.
#[derive(Debug)]
pub(crate) struct Store {
    rv: u64,
    compacted: u64,
    /// Up to here the log has been forgotten, whether it said anything of a table or not.
    aged: u64,
    tables: BTreeMap<Arc<str>, Table>,
    log: VecDeque<Arc<Event>>,
    /// What the log's events weigh.
    log_weight: usize,
    /// The trees of warm objects and how long their JSON is, those that were warmed first at the front; and how long all
    /// of it is.
    warm: VecDeque<(usize, Arc<Value>)>,
    warm_size: usize,
    /// Where objects are written before their bytes are kept.
    desk: Vec<u8>,
}

/// Trees of so much JSON stay with their objects.
const WARM: usize = 1 << 17;

#[derive(Debug, Default)]
struct Table {
    objects: BTreeMap<Arc<str>, Arc<Object>>,
    log: VecDeque<Arc<Event>>,
    /// The last event of this table that the log has forgotten.
    forgotten: u64,
}

/// A range of keys in one table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range<'a> {
    /// Only keys that begin so: empty, or `namespace/`.
    pub(crate) prefix: &'a str,
    /// Only keys from here on, the key itself included.
    pub(crate) from: &'a str,
}

impl Store {
    /// An empty store. The first change gets resourceVersion 2: 0 has a meaning of its own and 1 is the empty store.
    pub(crate) fn new() -> Self {
        Self {
            rv: 1,
            compacted: 0,
            aged: 0,
            tables: BTreeMap::new(),
            log: VecDeque::new(),
            log_weight: 0,
            warm: VecDeque::new(),
            warm_size: 0,
            desk: Vec::new(),
        }
    }

    /// The resourceVersion of the last change.
    pub(crate) fn current_rv(&self) -> u64 {
        self.rv
    }

    /// The oldest resourceVersion at which a table can still be listed, and from which it can be watched.
    pub(crate) fn oldest_rv(&self, table: &str) -> u64 {
        self.tables.get(table).map_or(self.compacted, |table| table.forgotten.max(self.compacted))
    }

    pub(crate) fn get(&self, table: &str, key: &str) -> Option<&Arc<Object>> {
        self.tables.get(table)?.objects.get(key)
    }

    /// The objects as they are now, in key order.
    pub(crate) fn scan<'a, 'r>(
        &'a self,
        table: &str,
        range: Range<'r>,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Object>)> + use<'a, 'r> {
        let from = range.from.max(range.prefix);
        self.tables
            .get(table)
            .map(|table| table.objects.range::<str, _>((Bound::Included(from), Bound::Unbounded)))
            .into_iter()
            .flatten()
            .take_while(move |(key, _)| key.starts_with(range.prefix))
    }

    /// The objects as they were at `rv`, in key order: what is there now, with the later changes undone.
    /// The caller has checked that `rv` is neither compacted nor in the future.
    pub(crate) fn scan_at<'a>(
        &'a self,
        table: &str,
        range: Range<'a>,
        rv: u64,
    ) -> Box<dyn Iterator<Item = (&'a Arc<str>, &'a Arc<Object>)> + 'a> {
        let mut undone: BTreeMap<&'a Arc<str>, Option<&'a Arc<Object>>> = BTreeMap::new();
        for event in self.events_after(table, rv) {
            if event.key.starts_with(range.prefix) && &*event.key >= range.from {
                undone.entry(&event.key).or_insert(event.previous.as_ref());
            }
        }
        if undone.is_empty() {
            return Box::new(self.scan(table, range));
        }
        let mut now = self.scan(table, range).peekable();
        let mut then = undone.into_iter().peekable();
        Box::new(std::iter::from_fn(move || {
            loop {
                let later = match (now.peek(), then.peek()) {
                    (Some((key, _)), Some((undone, _))) => *key < *undone,
                    (Some(_), None) => true,
                    (None, Some(_)) => false,
                    (None, None) => return None,
                };
                if later {
                    return now.next();
                }
                let (key, object) = then.next()?;
                now.next_if(|(current, _)| *current == key);
                if let Some(object) = object {
                    return Some((key, object));
                }
            }
        }))
    }

    /// The events of one table after `rv`, oldest first.
    pub(crate) fn events_after<'a>(&'a self, table: &str, rv: u64) -> impl Iterator<Item = &'a Arc<Event>> + use<'a> {
        let log = self.tables.get(table).map(|table| &table.log);
        log.into_iter().flat_map(move |log| log.range(later(log, rv)..))
    }

    /// The events of every table after `rv`, oldest first.
    pub(crate) fn all_events_after(&self, rv: u64) -> impl Iterator<Item = &Arc<Event>> {
        self.log.range(later(&self.log, rv)..)
    }

    /// Whether a reader of this table that has seen everything up to `rv` has lost an event.
    pub(crate) fn has_forgotten(&self, table: &str, rv: u64) -> bool {
        self.tables.get(table).is_some_and(|table| rv < table.forgotten)
    }

    /// Whether a list as of `rv` can be made no more. A real storage forgets old lists of every table at once.
    pub(crate) fn is_too_old_to_list(&self, table: &str, rv: u64) -> bool {
        rv < self.oldest_rv(table).max(self.aged)
    }

    /// Whether a table can't be watched from `rv` any more.
    pub(crate) fn is_too_old(&self, table: &str, rv: u64) -> bool {
        rv < self.oldest_rv(table)
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<str>> {
        self.tables.keys()
    }

    /// Creates or replaces an object; its `metadata.resourceVersion` is set here.
    pub(crate) fn put(&mut self, table: &str, key: &str, mut value: Value, written_under: u64) -> Arc<Object> {
        let rv = self.next_rv();
        set_rv(&mut value, rv);
        let (table, key) = self.names(table, key);
        let objects = &mut self.tables.entry(table.clone()).or_default().objects;
        let change = if objects.contains_key(&key) { Change::Modified } else { Change::Added };
        let (object, tree) = Object::written(value, rv, change, written_under, &mut self.desk);
        let object = Arc::new(object);
        let previous = objects.insert(key.clone(), object.clone());
        self.keep_warm(object.size(), tree);
        self.record(Event { rv, table, key, change, object: object.clone(), previous });
        object
    }

    /// Creates an object whose JSON is written as the store itself does, once its resourceVersion is known; none if that is
    /// no object.
    pub(crate) fn plant(
        &mut self,
        table: &str,
        key: &str,
        written_under: u64,
        desk: &mut String,
        json: impl FnOnce(&mut String, u64),
    ) -> Option<()> {
        let rv = self.rv + 1;
        let object = Object::copied(rv, written_under, desk, |text| json(text, rv))?;
        let (table, key) = self.names(table, key);
        self.commit(Change::Added, table, key, Arc::new(object))
    }

    /// Removes an object, given its last state: the stored one, or what the write that removes the last finalizer left.
    /// What is returned has the deletion's resourceVersion.
    pub(crate) fn delete_as(&mut self, table: &str, key: &str, mut last: Value) -> Option<Arc<Object>> {
        let (table, key) = self.names(table, key);
        let previous = self.tables.get_mut(&table)?.objects.remove(&key)?;
        let rv = self.next_rv();
        set_rv(&mut last, rv);
        let (object, tree) = Object::written(last, rv, Change::Deleted, previous.written_under, &mut self.desk);
        let object = Arc::new(object);
        self.keep_warm(object.size(), tree);
        let event = Event { rv, table, key, change: Change::Deleted, object: object.clone(), previous: Some(previous) };
        self.record(event);
        Some(object)
    }

    /// Forgets the log up to and including `upto`, and refuses every reader from before that.
    pub(crate) fn compact(&mut self, upto: u64) {
        let upto = upto.min(self.rv);
        self.compacted = self.compacted.max(upto);
        self.forget(upto);
    }

    /// Forgets the log up to and including `upto`; who reads a table that has not changed since is none the worse.
    pub(crate) fn forget(&mut self, upto: u64) {
        self.aged = self.aged.max(upto.min(self.rv));
        for table in self.tables.values_mut() {
            let kept = table.log.partition_point(|event| event.rv <= upto);
            if let Some(last) = table.log.drain(..kept).next_back() {
                table.forgotten = last.rv;
            }
        }
        let kept = self.log.partition_point(|event| event.rv <= upto);
        self.log_weight -= self.log.drain(..kept).map(|event| event.weight()).sum::<usize>();
    }

    /// Begins at a resourceVersion, in place of the first one, with everything before it forgotten.
    pub(crate) fn start_at(&mut self, rv: u64) {
        self.rv = self.rv.max(rv);
        self.compacted = self.rv;
    }

    /// Puts an object back as it was at the beginning; false if it can't have been there then.
    pub(crate) fn put_back(&mut self, table: &str, key: &str, value: Value) -> bool {
        let Some(rv) = rv_of(&value).filter(|rv| *rv <= self.rv && self.log.is_empty()) else { return false };
        let (table, key) = self.names(table, key);
        let object = Arc::new(Object::written(value, rv, Change::Modified, UNKNOWN, &mut self.desk).0);
        self.tables.entry(table).or_default().objects.insert(key, object).is_none()
    }

    /// Does again what was done to an object, at the resourceVersion that it carries; false if it can't have been.
    pub(crate) fn replay(&mut self, change: Change, table: &str, key: &str, value: Value) -> bool {
        let Some(rv) = rv_of(&value).filter(|rv| *rv > self.rv) else { return false };
        let (table, key) = self.names(table, key);
        let object = Arc::new(Object::written(value, rv, change, UNKNOWN, &mut self.desk).0);
        self.commit(change, table, key, object).is_some()
    }

    /// Does what was done to an object; none if it can't have been.
    fn commit(&mut self, change: Change, table: Arc<str>, key: Arc<str>, object: Arc<Object>) -> Option<()> {
        let objects = &mut self.tables.entry(table.clone()).or_default().objects;
        let previous = match change {
            Change::Deleted => objects.remove(&key),
            _ => objects.insert(key.clone(), object.clone()),
        };
        if previous.is_none() != (change == Change::Added) {
            return None;
        }
        self.rv = object.rv;
        self.record(Event { rv: object.rv, table, key, change, object, previous });
        Some(())
    }

    /// Forgets the oldest of a log that has more events than `room`, or weighs more than `weight`, a part of it at a time.
    pub(crate) fn shorten(&mut self, room: usize, weight: usize) {
        if self.log.len() <= room && self.log_weight <= weight {
            return;
        }
        let (room, weight) = (room - room / 8, weight - weight / 8);
        let (mut left, mut left_weight, mut upto) = (self.log.len(), self.log_weight, 0);
        for event in &self.log {
            if left <= room && left_weight <= weight {
                break;
            }
            (left, left_weight, upto) = (left - 1, left_weight - event.weight(), event.rv);
        }
        self.forget(upto);
    }

    /// What the log holds beside the objects that there are, in bytes.
    #[cfg(test)]
    pub(crate) fn log_weight(&self) -> usize {
        self.log_weight
    }

    /// The object, with its tree at hand for a while.
    pub(crate) fn warmed(&mut self, table: &str, key: &str) -> Option<Arc<Object>> {
        let place = self.tables.get_mut(table)?.objects.get_mut(key)?;
        if place.is_warm() {
            return Some(place.clone());
        }
        let (object, tree) = place.warmed();
        let object = Arc::new(object);
        *place = object.clone();
        self.keep_warm(object.size(), tree);
        Some(object)
    }

    /// Keeps the tree of an object of that size, and lets those go that it has kept for longest.
    fn keep_warm(&mut self, size: usize, tree: Arc<Value>) {
        self.warm_size += size;
        self.warm.push_back((size, tree));
        while self.warm_size > WARM && self.warm.len() > 1 {
            let Some((size, _)) = self.warm.pop_front() else { break };
            self.warm_size -= size;
        }
    }

    #[cfg(test)]
    fn cool(&mut self) {
        (self.warm, self.warm_size) = (VecDeque::new(), 0);
    }

    fn next_rv(&mut self) -> u64 {
        self.rv += 1;
        self.rv
    }

    /// The shared spelling of a table's and an object's name, so that a thousand changes of one object keep one.
    fn names(&self, table: &str, key: &str) -> (Arc<str>, Arc<str>) {
        let Some((name, table)) = self.tables.get_key_value(table) else { return (table.into(), key.into()) };
        let key = table.objects.get_key_value(key).map_or_else(|| key.into(), |(key, _)| key.clone());
        (name.clone(), key)
    }

    fn record(&mut self, event: Event) {
        self.log_weight += event.weight();
        let event = Arc::new(event);
        self.tables.entry(event.table.clone()).or_default().log.push_back(event.clone());
        self.log.push_back(event);
    }
}

/// Where the events after `rv` begin. Most who ask have seen all but the last few.
fn later(log: &VecDeque<Arc<Event>>, rv: u64) -> usize {
    const FEW: usize = 4;
    let unseen = log.iter().rev().take(FEW).take_while(|event| event.rv > rv).count();
    match unseen {
        FEW => log.partition_point(|event| event.rv <= rv),
        few => log.len() - few,
    }
}

/// How many levels an object may have: more than any that people write, and few enough for whoever walks over one to
/// call itself at each.
pub(crate) const DEEPEST: usize = 100;

/// Whether a value has more than so many levels.
pub(crate) fn is_deeper(value: &Value, than: usize) -> bool {
    let next = than.checked_sub(1);
    let goes_on = |inner: &Value| next.is_none_or(|next| is_deeper(inner, next));
    match value {
        Value::Object(members) => next.is_none() || members.values().any(goes_on),
        Value::Array(items) => next.is_none() || items.iter().any(goes_on),
        _ => false,
    }
}

/// The catalog's generation of an object that was written in another process.
const UNKNOWN: u64 = u64::MAX;

fn rv_of(value: &Value) -> Option<u64> {
    value.pointer("/metadata/resourceVersion")?.as_str()?.parse().ok()
}

fn set_rv(value: &mut Value, rv: u64) {
    if let Some(object) = value.as_object_mut() {
        let metadata = object.entry("metadata").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("resourceVersion".into(), Value::String(rv.to_string()));
        }
    }
}
