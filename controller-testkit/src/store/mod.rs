//! The stored objects: one global resourceVersion, a table of objects for each storage, and the log of changes.
//!
//! The store knows keys and JSON, not HTTP and not kinds. Every change takes the next resourceVersion and leaves an
//! event in the log, which watches, older lists and the world read. What the log has forgotten ([`Store::compact`])
//! can be neither listed nor watched any more.
//! Keys sort as the real server's do, `namespace/name` as one string, since clients can see the order of a list.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;

#[cfg(test)]
mod tests;

/// An object as it was at one resourceVersion.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) value: Value,
    pub(crate) rv: u64,
    /// The change that this version came with; the shared bytes carry its frame.
    change: Change,
    /// The catalog's generation when it was written, so that a reader knows whether defaults may have changed.
    pub(crate) written_under: u64,
    shared: OnceLock<Shared>,
}

/// What all readers of one version share.
#[derive(Debug)]
struct Shared {
    /// The line of the watch event with which this version came.
    line: Bytes,
    /// Where the members after `kind` and `apiVersion` begin in it.
    item: usize,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

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

/// Every object of the cluster.
#[derive(Debug)]
pub(crate) struct Store {
    rv: u64,
    compacted: u64,
    /// Up to here the log has been forgotten, whether it said anything of a table or not.
    aged: u64,
    tables: BTreeMap<Arc<str>, Table>,
    log: VecDeque<Arc<Event>>,
}

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

impl Change {
    fn head(self) -> &'static str {
        match self {
            Self::Added => r#"{"type":"ADDED","object":"#,
            Self::Modified => r#"{"type":"MODIFIED","object":"#,
            Self::Deleted => r#"{"type":"DELETED","object":"#,
        }
    }
}

const TAIL: &str = "}\n";

/// A watch event's line around an object's JSON.
pub(crate) fn frame(change: Change, json: &[u8]) -> Bytes {
    let head = change.head();
    let mut line = BytesMut::with_capacity(head.len() + json.len() + TAIL.len());
    line.put_slice(head.as_bytes());
    line.put_slice(json);
    line.put_slice(TAIL.as_bytes());
    line.freeze()
}

impl Object {
    pub(crate) fn new(value: Value, rv: u64, change: Change, written_under: u64) -> Self {
        Self { value, rv, change, written_under, shared: OnceLock::new() }
    }

    /// The line of a watch event with this object; serialised once for all watchers of its own change.
    pub(crate) fn frame(&self, change: Change) -> Bytes {
        if change == self.change { self.shared().line.clone() } else { frame(change, &self.json()) }
    }

    /// The object's JSON, a slice of the shared line.
    pub(crate) fn json(&self) -> Bytes {
        let shared = self.shared();
        shared.line.slice(self.change.head().len()..shared.line.len() - TAIL.len())
    }

    /// The object's JSON as the lists of built-in kinds carry it: less kind and apiVersion, and less the opening brace.
    pub(crate) fn json_of_item(&self) -> Bytes {
        let shared = self.shared();
        shared.line.slice(shared.item..shared.line.len() - TAIL.len())
    }

    fn shared(&self) -> &Shared {
        self.shared.get_or_init(|| {
            let mut line = Vec::with_capacity(1024);
            line.extend_from_slice(self.change.head().as_bytes());
            let item = write_object(&mut line, &self.value);
            line.extend_from_slice(TAIL.as_bytes());
            Shared { line: line.into(), item }
        })
    }
}

/// Writes an object with `kind`, `apiVersion` and `metadata` first, as the real server does, and tells where the
/// members after the first two begin.
pub(crate) fn write_object(out: &mut Vec<u8>, value: &Value) -> usize {
    // Writing JSON into memory cannot fail: the keys are strings and the buffer grows.
    let Some(members) = value.as_object() else {
        let _ = serde_json::to_writer(&mut *out, value);
        return out.len();
    };
    let mut separator = b'{';
    let mut write = |out: &mut Vec<u8>, key: &str, value: &Value| {
        out.push(std::mem::replace(&mut separator, b','));
        let _ = serde_json::to_writer(&mut *out, key);
        out.push(b':');
        let _ = serde_json::to_writer(out, value);
    };
    const FIRST: [&str; 3] = ["kind", "apiVersion", "metadata"];
    for key in &FIRST[..2] {
        if let Some(value) = members.get(*key) {
            write(out, key, value);
        }
    }
    let item = out.len() + 1;
    if let Some(metadata) = members.get(FIRST[2]) {
        write(out, FIRST[2], metadata);
    }
    for (key, value) in members.iter().filter(|(key, _)| !FIRST.contains(&key.as_str())) {
        write(out, key, value);
    }
    if separator == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
    item
}

impl Store {
    /// An empty store. The first change gets resourceVersion 2: 0 has a meaning of its own and 1 is the empty store.
    pub(crate) fn new() -> Self {
        Self { rv: 1, compacted: 0, aged: 0, tables: BTreeMap::new(), log: VecDeque::new() }
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
        log.into_iter().flat_map(move |log| log.range(log.partition_point(|event| event.rv <= rv)..))
    }

    /// The events of every table after `rv`, oldest first.
    pub(crate) fn all_events_after(&self, rv: u64) -> impl Iterator<Item = &Arc<Event>> {
        self.log.range(self.log.partition_point(|event| event.rv <= rv)..)
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
        let object = Arc::new(Object::new(value, rv, change, written_under));
        let previous = objects.insert(key.clone(), object.clone());
        self.record(Event { rv, table, key, change, object: object.clone(), previous });
        object
    }

    /// Removes an object, given its last state: the stored one, or what the write that removes the last finalizer left.
    /// What is returned has the deletion's resourceVersion.
    pub(crate) fn delete_as(&mut self, table: &str, key: &str, mut last: Value) -> Option<Arc<Object>> {
        let (table, key) = self.names(table, key);
        let previous = self.tables.get_mut(&table)?.objects.remove(&key)?;
        let rv = self.next_rv();
        set_rv(&mut last, rv);
        let object = Arc::new(Object::new(last, rv, Change::Deleted, previous.written_under));
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
        self.log.drain(..kept);
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
        let object = Arc::new(Object::new(value, rv, Change::Modified, UNKNOWN));
        self.tables.entry(table).or_default().objects.insert(key, object).is_none()
    }

    /// Does again what was done to an object, at the resourceVersion that it carries; false if it can't have been.
    pub(crate) fn replay(&mut self, change: Change, table: &str, key: &str, value: Value) -> bool {
        let Some(rv) = rv_of(&value).filter(|rv| *rv > self.rv) else { return false };
        let (table, key) = self.names(table, key);
        let object = Arc::new(Object::new(value, rv, change, UNKNOWN));
        let objects = &mut self.tables.entry(table.clone()).or_default().objects;
        let previous = match change {
            Change::Deleted => objects.remove(&key),
            _ => objects.insert(key.clone(), object.clone()),
        };
        if previous.is_none() != (change == Change::Added) {
            return false;
        }
        self.rv = rv;
        self.record(Event { rv, table, key, change, object, previous });
        true
    }

    /// Forgets the oldest of a log that is longer than `room`, a part of it at a time.
    pub(crate) fn shorten(&mut self, room: usize) {
        if self.log.len() > room {
            let kept = room - room / 8;
            let upto = self.log.get(self.log.len() - kept - 1).map_or(0, |event| event.rv);
            self.forget(upto);
        }
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
        let event = Arc::new(event);
        self.tables.entry(event.table.clone()).or_default().log.push_back(event.clone());
        self.log.push_back(event);
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
