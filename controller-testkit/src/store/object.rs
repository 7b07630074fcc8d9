//! An object at rest: its JSON, as every reader sends it, and the few facts that are asked of every object.
//!
//! A tree of values takes five to ten times the room of the text that it stands for, so the text is what is kept, in the
//! line of the watch event with which it came. Gets, lists, watches and the state file send slices of those bytes; who
//! needs the tree has it parsed. Objects that have just been written are warm: the store keeps their trees for a while.

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, OnceLock, Weak};

use bytes::{BufMut, Bytes, BytesMut};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::ser::{CompactFormatter, Formatter, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// An object as it was at one resourceVersion.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) rv: u64,
    /// The catalog's generation when it was written, so that a reader knows whether defaults may have changed.
    pub(crate) written_under: u64,
    /// The line of the watch event with which this version came.
    line: Bytes,
    change: Change,
    facts: Facts,
    /// The tree, while the store keeps it warm.
    warm: Weak<Value>,
    /// The tree of an object that has it for good.
    kept: OnceLock<Arc<Value>>,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

/// Where things stand in an object's line.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    /// The members after `kind` and `apiVersion`.
    item: u32,
    api_version: Span,
    metadata: Span,
    labels: Span,
    uid: Span,
    deleting: bool,
    /// It has owners or finalizers.
    bound: bool,
}

/// A JSON value in a line; an empty one is not there.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    from: u32,
    to: u32,
}

const TAIL: &str = "}\n";

/// What [`Facts`] are about, in an object's JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline<'a> {
    #[serde(borrow)]
    api_version: &'a RawValue,
    metadata: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
    uid: Option<&'a RawValue>,
    owner_references: Option<IgnoredAny>,
    finalizers: Option<IgnoredAny>,
    deletion_timestamp: Option<IgnoredAny>,
}

impl Facts {
    /// Of an object whose JSON begins at that place of its line.
    fn read(json: &str, at: usize) -> Option<Self> {
        let outline: Outline<'_> = serde_json::from_str(json).ok()?;
        let metadata: Metadata<'_> = serde_json::from_str(outline.metadata.get()).ok()?;
        let span = |part: &RawValue| {
            let from = u32::try_from(part.get().as_ptr().addr() - json.as_ptr().addr() + at).unwrap_or(u32::MAX);
            Span { from, to: from + part.get().len() as u32 }
        };
        let api_version = span(outline.api_version);
        Some(Facts {
            item: api_version.to + 1,
            api_version,
            metadata: span(outline.metadata),
            labels: metadata.labels.map(span).unwrap_or_default(),
            uid: metadata.uid.map(span).unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
            bound: metadata.owner_references.is_some() || metadata.finalizers.is_some(),
        })
    }
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
    /// An object that is shown and not stored, with its tree.
    pub(crate) fn new(value: Value, rv: u64, change: Change, written_under: u64) -> Self {
        let (object, tree) = Self::written(value, rv, change, written_under, &mut Vec::with_capacity(1024));
        // It may be there already.
        let _ = object.kept.set(tree);
        object
    }

    /// An object, and its tree for the one who keeps it warm. It is written in a place of its own first, so that what is
    /// kept is no longer than it must be.
    pub(super) fn written(
        value: Value,
        rv: u64,
        change: Change,
        written_under: u64,
        desk: &mut Vec<u8>,
    ) -> (Self, Arc<Value>) {
        desk.clear();
        desk.extend_from_slice(change.head().as_bytes());
        let mut faithful = true;
        let facts = write(desk, &value, &mut faithful);
        desk.extend_from_slice(TAIL.as_bytes());
        let tree = Arc::new(value);
        let kept = if faithful { OnceLock::new() } else { OnceLock::from(tree.clone()) };
        let (line, warm) = (Bytes::copy_from_slice(desk), Arc::downgrade(&tree));
        (Self { rv, written_under, line, change, facts, warm, kept }, tree)
    }

    /// A new object whose JSON somebody else writes, with its members in the order in which they are written here.
    pub(super) fn copied(
        rv: u64,
        written_under: u64,
        desk: &mut String,
        json: impl FnOnce(&mut String),
    ) -> Option<Self> {
        let change = Change::Added;
        desk.clear();
        desk.push_str(change.head());
        json(desk);
        let facts = Facts::read(&desk[change.head().len()..], change.head().len())?;
        desk.push_str(TAIL);
        let line = Bytes::copy_from_slice(desk.as_bytes());
        Some(Self { rv, written_under, line, change, facts, warm: Weak::new(), kept: OnceLock::new() })
    }

    /// The same object over the same bytes, and its tree anew.
    pub(super) fn warmed(&self) -> (Self, Arc<Value>) {
        let (tree, line, kept) = (self.value(), self.line.clone(), self.kept.clone());
        let warm = Arc::downgrade(&tree);
        let Self { rv, written_under, change, facts, .. } = *self;
        (Self { rv, written_under, line, change, facts, warm, kept }, tree)
    }

    /// Whether its tree is at hand.
    pub(super) fn is_warm(&self) -> bool {
        self.kept.get().is_some() || self.warm.strong_count() > 0
    }

    /// The whole object as a tree: at hand if it is warm, else parsed for the one who asks.
    pub(crate) fn value(&self) -> Arc<Value> {
        self.kept.get().cloned().or_else(|| self.warm.upgrade()).unwrap_or_else(|| Arc::new(self.parsed()))
    }

    /// The tree of an object by which the server itself is ruled, such as a role: it keeps it from now on.
    pub(crate) fn kept_value(&self) -> &Arc<Value> {
        self.kept.get_or_init(|| self.value())
    }

    fn parsed(&self) -> Value {
        // What could not be read back has been kept when it was written.
        serde_json::from_slice(self.text()).unwrap_or_default()
    }

    /// How many bytes it takes, less what every object takes.
    pub(crate) fn size(&self) -> usize {
        self.line.len()
    }

    /// The line of a watch event with this object; the same bytes for all watchers of its own change.
    pub(crate) fn frame(&self, change: Change) -> Bytes {
        if change == self.change { self.line.clone() } else { frame(change, self.text()) }
    }

    /// The object's JSON.
    pub(crate) fn text(&self) -> &[u8] {
        &self.line[self.change.head().len()..self.line.len() - TAIL.len()]
    }

    /// The object's JSON as the lists of built-in kinds carry it: less kind and apiVersion, and less the opening brace.
    pub(crate) fn item(&self) -> &[u8] {
        &self.line[self.facts.item as usize..self.line.len() - TAIL.len()]
    }

    /// Whether it is kept in that version of that group.
    pub(crate) fn is_of_version(&self, group: &str, version: &str) -> bool {
        let stored = self.at(self.facts.api_version).strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
        let stored = match group {
            "" => stored,
            _ => stored.and_then(|text| text.strip_prefix(group.as_bytes())?.strip_prefix(b"/")),
        };
        stored.is_some_and(|stored| stored == version.as_bytes())
    }

    /// The JSON of its metadata.
    pub(crate) fn metadata(&self) -> &[u8] {
        match self.at(self.facts.metadata) {
            [] => b"{}",
            metadata => metadata,
        }
    }

    /// Its labels; none if it has none.
    pub(crate) fn labels(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(self.at(self.facts.labels)).ok()
    }

    /// Whether its deletion has been asked for.
    pub(crate) fn is_deleting(&self) -> bool {
        self.facts.deleting
    }

    /// Whether it has owners or finalizers: what it is for garbage collection can't be told without them.
    pub(crate) fn is_bound(&self) -> bool {
        self.facts.bound
    }

    /// Its uid; empty if it has none.
    pub(crate) fn uid(&self) -> Cow<'_, str> {
        match self.at(self.facts.uid) {
            [b'"', uid @ .., b'"'] if !uid.contains(&b'\\') => String::from_utf8_lossy(uid),
            uid => Cow::Owned(serde_json::from_slice(uid).unwrap_or_default()),
        }
    }

    /// The line of its own change.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Another object whose line has everything in the same places.
    pub(super) fn with_line(&self, line: Vec<u8>) -> Self {
        let Self { rv, written_under, change, facts, .. } = *self;
        Self { rv, written_under, change, facts, line: line.into(), warm: Weak::new(), kept: OnceLock::new() }
    }

    fn at(&self, span: Span) -> &[u8] {
        &self.line[span.from as usize..span.to as usize]
    }
}

/// Writes an object with `kind`, `apiVersion` and `metadata` first, as the real server does.
pub(crate) fn write_object(out: &mut Vec<u8>, value: &Value) {
    write(out, value, &mut true);
}

/// Writes an object and tells where things are. `faithful` becomes false if what is written does not read back as what
/// it was.
fn write(out: &mut Vec<u8>, value: &Value, faithful: &mut bool) -> Facts {
    let mut facts = Facts::default();
    let Some(members) = value.as_object() else {
        write_value(out, value, faithful);
        return facts;
    };
    const FIRST: [&str; 3] = ["kind", "apiVersion", "metadata"];
    let mut separator = b'{';
    let mut key = |out: &mut Vec<u8>, key: &str| {
        out.push(std::mem::replace(&mut separator, b','));
        write_key(out, key);
    };
    for name in &FIRST[..2] {
        if let Some(value) = members.get(*name) {
            key(out, name);
            let from = place(out);
            write_value(out, value, faithful);
            if *name == "apiVersion" {
                facts.api_version = Span { from, to: place(out) };
            }
        }
    }
    facts.item = place(out) + 1;
    if let Some(metadata) = members.get(FIRST[2]) {
        key(out, FIRST[2]);
        let from = place(out);
        write_metadata(out, metadata, faithful, &mut facts);
        facts.metadata = Span { from, to: place(out) };
    }
    for (name, value) in members.iter().filter(|(name, _)| !FIRST.contains(&name.as_str())) {
        key(out, name);
        write_value(out, value, faithful);
    }
    if separator == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
    facts
}

fn write_metadata(out: &mut Vec<u8>, metadata: &Value, faithful: &mut bool, facts: &mut Facts) {
    let Some(members) = metadata.as_object() else { return write_value(out, metadata, faithful) };
    out.push(b'{');
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_key(out, name);
        let from = place(out);
        write_value(out, value, faithful);
        match name.as_str() {
            "labels" => facts.labels = Span { from, to: place(out) },
            "uid" => facts.uid = Span { from, to: place(out) },
            "ownerReferences" | "finalizers" => facts.bound = true,
            "deletionTimestamp" => facts.deleting = !value.is_null(),
            _ => {}
        }
    }
    out.push(b'}');
}

fn place(out: &[u8]) -> u32 {
    u32::try_from(out.len()).unwrap_or(u32::MAX)
}

// Writing JSON into memory cannot fail: the keys are strings and the buffer grows.

fn write_key(out: &mut Vec<u8>, key: &str) {
    let _ = serde_json::to_writer(&mut *out, key);
    out.push(b':');
}

fn write_value(out: &mut Vec<u8>, value: &Value, faithful: &mut bool) {
    let _ = value.serialize(&mut Serializer::with_formatter(out, Doubting { faithful, depth: 0 }));
}

/// Writes compact JSON, and doubts what the parser would read otherwise: numbers whose last digit it may miss, and more
/// levels than it goes down.
struct Doubting<'a> {
    faithful: &'a mut bool,
    depth: usize,
}

/// The parser goes down 128 levels, those above the written value among them.
const DEEPEST_READ: usize = 120;

impl Doubting<'_> {
    fn down(&mut self) {
        self.depth += 1;
        *self.faithful &= self.depth <= DEEPEST_READ;
    }
}

impl Formatter for Doubting<'_> {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let mut text = Vec::new();
        CompactFormatter.write_f64(&mut text, value)?;
        *self.faithful &= serde_json::from_slice::<f64>(&text).is_ok_and(|read| read == value);
        writer.write_all(&text)
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.down();
        CompactFormatter.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        CompactFormatter.end_array(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.down();
        CompactFormatter.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        CompactFormatter.end_object(writer)
    }
}
