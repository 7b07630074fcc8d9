//! Owns one cached object: its bytes, and the little that the engine must know of it, in one allocation.
//!
//! The name and the namespace are not kept beside the bytes: they are read where they stand in them.

use std::fmt;
use std::ops::{Deref, Range};
use std::str;

use bytes::Bytes;
use triomphe::ThinArc;

use super::ResourceVersion;
use super::draft::Draft;
use crate::key::Key;
use crate::watch::Head;

/// One version of one object. It never changes; a newer version is a new entry. A clone is the same entry.
#[derive(Clone)]
pub(crate) struct Entry(ThinArc<Facts, u8>);

/// What is known of an object. Its JSON stands behind this, and then the names that do not stand in the JSON as they
/// are meant.
struct Facts {
    uid: [u8; 16],
    version: u64,
    /// Zero where the server sent none: a generation that exists starts at one.
    generation: i64,
    odd: Option<Box<Odd>>,
    /// The length of the JSON.
    json: u32,
    name: Span,
    namespace: Span,
    marks: Marks,
}

/// What few objects have.
#[derive(Default)]
struct Odd {
    /// One that is no UUID.
    uid: Option<Uid>,
    /// One that is no number.
    version: Option<ResourceVersion>,
    /// The JSON, where it does not stand behind the facts.
    #[cfg(feature = "compressed")]
    body: Option<super::Body>,
}

/// A part of the bytes.
#[derive(Debug, Clone, Copy)]
struct Span {
    at: u32,
    length: u32,
}

#[derive(Debug, Clone, Copy)]
struct Marks(u8);

/// Where the JSON of an entry is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Behind the facts.
    Together,
    /// By itself, so that it can be compressed.
    #[cfg(feature = "compressed")]
    Apart,
}

/// The JSON of an entry.
#[derive(Debug)]
pub(crate) enum Json<'a> {
    Together(&'a [u8]),
    #[cfg(feature = "compressed")]
    Apart(Bytes),
}

impl Deref for Json<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Together(json) => json,
            #[cfg(feature = "compressed")]
            Self::Apart(json) => json,
        }
    }
}

impl Entry {
    /// The object that was reported, with the bytes of the report.
    pub(super) fn new(
        head: &Head<'_>,
        uid: Option<Uid>,
        version: ResourceVersion,
        draft: Draft<'_>,
        keep: Keep,
    ) -> Self {
        let (name, namespace) = (head.name.as_bytes(), head.namespace.as_deref().unwrap_or_default().as_bytes());
        let mut marks = Marks(0);
        marks.set(Marks::NAMESPACED, head.namespace.is_some());
        marks.set(Marks::DELETING, head.deleting);
        marks.set(Marks::SAYS_PAUSED, head.says_paused);
        marks.set(Marks::UUID, matches!(uid, Some(Uid(Form::Uuid(_)))));
        let mut odd = Odd::default();
        let uid = match uid {
            Some(Uid(Form::Uuid(bytes))) => bytes,
            other => {
                odd.uid = other;
                [0; 16]
            }
        };
        let number = version.number().unwrap_or_else(|| {
            odd.version = Some(version);
            0
        });
        let facts = |odd: Odd, json: usize, name: Span, namespace: Span| Facts {
            uid,
            version: number,
            generation: head.generation.unwrap_or(0),
            odd: odd.is_something().then(|| Box::new(odd)),
            json: small(json),
            name,
            namespace,
            marks,
        };
        let copy = draft.copy();
        match keep {
            Keep::Together => {
                let find = |part| copy.find(part, draft.place(part)?);
                if let (Some(name), Some(namespace)) = (find(name), find(namespace)) {
                    let facts = facts(odd, copy.bytes.len(), name.into(), namespace.into());
                    let mut entry = ThinArc::from_header_and_slice(facts, &copy.bytes);
                    entry
                        .with_arc_mut(|entry| triomphe::Arc::get_mut(entry).map(|entry| copy.begin(entry.slice_mut())));
                    return Self(entry);
                }
                let mut bytes = draft.to_vec();
                let json = bytes.len();
                let (name, namespace) = append(&mut bytes, name, namespace);
                Self(ThinArc::from_header_and_slice(facts(odd, json, name, namespace), &bytes))
            }
            #[cfg(feature = "compressed")]
            Keep::Apart => {
                odd.body = Some(super::Body::new(draft.to_vec().into()));
                let mut bytes = Vec::new();
                let (name, namespace) = append(&mut bytes, name, namespace);
                Self(ThinArc::from_header_and_slice(facts(odd, 0, name, namespace), &bytes))
            }
        }
    }

    fn facts(&self) -> &Facts {
        &self.0.header.header
    }

    fn part(&self, Span { at, length }: Span) -> &[u8] {
        self.0.slice.get(at as usize..).and_then(|rest| rest.get(..length as usize)).unwrap_or_default()
    }

    /// They come from texts, so they are texts.
    fn text(&self, span: Span) -> &str {
        str::from_utf8(self.part(span)).unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.text(self.facts().name)
    }

    pub(crate) fn namespace(&self) -> Option<&str> {
        let facts = self.facts();
        facts.marks.has(Marks::NAMESPACED).then(|| self.text(facts.namespace))
    }

    pub(crate) fn key(&self) -> Key {
        match self.namespace() {
            Some(namespace) => Key::namespaced(namespace, self.name()),
            None => Key::cluster(self.name()),
        }
    }

    /// Whether it is the object of this name.
    pub(super) fn is(&self, namespace: Option<&str>, name: &str) -> bool {
        let facts = self.facts();
        self.part(facts.name) == name.as_bytes()
            && facts.marks.has(Marks::NAMESPACED) == namespace.is_some()
            && namespace.is_none_or(|namespace| self.part(facts.namespace) == namespace.as_bytes())
    }

    pub(crate) fn uid(&self) -> Option<Uid> {
        let facts = self.facts();
        if facts.marks.has(Marks::UUID) {
            return Some(Uid(Form::Uuid(facts.uid)));
        }
        facts.odd.as_ref()?.uid.clone()
    }

    pub(crate) fn version(&self) -> ResourceVersion {
        let facts = self.facts();
        let odd = facts.odd.as_ref().and_then(|odd| odd.version.clone());
        odd.unwrap_or_else(|| ResourceVersion::of(facts.version))
    }

    /// `metadata.generation`, where the kind has one.
    pub(crate) fn generation(&self) -> Option<i64> {
        let generation = self.facts().generation;
        (generation != 0).then_some(generation)
    }

    /// Whether it has a deletionTimestamp.
    pub(crate) fn is_deleting(&self) -> bool {
        self.facts().marks.has(Marks::DELETING)
    }

    /// Whether it has the annotation that pauses it, for whomever.
    pub(crate) fn says_paused(&self) -> bool {
        self.facts().marks.has(Marks::SAYS_PAUSED)
    }

    /// The object's JSON, always with `apiVersion` and `kind`, and without `metadata.managedFields` unless they are
    /// asked for.
    pub(crate) fn json(&self) -> Json<'_> {
        #[cfg(feature = "compressed")]
        if let Some(body) = self.body() {
            return Json::Apart(body.get());
        }
        Json::Together(self.together())
    }

    /// What stands behind the facts.
    fn together(&self) -> &[u8] {
        self.0.slice.get(..self.facts().json as usize).unwrap_or_default()
    }

    /// The same as `json`, for somebody who keeps it.
    pub(crate) fn bytes(&self) -> Bytes {
        #[cfg(feature = "compressed")]
        if let Some(body) = self.body() {
            return body.get();
        }
        Bytes::from_owner(Held(self.clone()))
    }

    /// What tells one entry from another that says the same.
    #[cfg(test)]
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self.facts()) as usize
    }

    #[cfg(feature = "compressed")]
    pub(super) fn body(&self) -> Option<&super::Body> {
        self.facts().odd.as_ref()?.body.as_ref()
    }
}

/// Puts the names behind the bytes.
fn append(bytes: &mut Vec<u8>, name: &[u8], namespace: &[u8]) -> (Span, Span) {
    let mut append = |part: &[u8]| {
        let at = bytes.len();
        bytes.extend_from_slice(part);
        Span::from(at..bytes.len())
    };
    (append(name), append(namespace))
}

/// No report is nearly as long: see `LONGEST` of lines and of lists.
fn small(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self { at: small(range.start), length: small(range.len()) }
    }
}

impl Marks {
    const UUID: u8 = 1;
    const NAMESPACED: u8 = 2;
    const DELETING: u8 = 4;
    const SAYS_PAUSED: u8 = 8;

    fn set(&mut self, mark: u8, there: bool) {
        self.0 |= if there { mark } else { 0 };
    }

    fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }
}

impl Odd {
    fn is_something(&self) -> bool {
        #[cfg(feature = "compressed")]
        if self.body.is_some() {
            return true;
        }
        self.uid.is_some() || self.version.is_some()
    }
}

/// An entry whose JSON somebody keeps.
struct Held(Entry);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.0.together()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.key(), self.version())?;
        if let Some(generation) = self.generation() {
            write!(f, " of generation {generation}")?;
        }
        f.write_str(if self.is_deleting() { ", being deleted" } else { "" })
    }
}

/// The identity of an object over its life: another object of the same name has another uid.
///
/// Nearly every uid is an RFC 4122 UUID in lower case, which is kept as its sixteen bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Uid(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Uuid([u8; 16]),
    Text(Box<str>),
}

impl Uid {
    pub(crate) fn new(text: &str) -> Self {
        Self(parse_uuid(text).map_or_else(|| Form::Text(text.into()), Form::Uuid))
    }
}

/// Where the dashes of a UUID stand.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// Where the two digits of each of its bytes stand.
const DIGITS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// No digit.
const NONE: u8 = 0xff;

/// What each character is as a digit of a UUID in lower case.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

/// One is read for each report of an object.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let digits = DIGITS.map(|at| (VALUES[usize::from(text[at])], VALUES[usize::from(text[at + 1])]));
    let none = digits.iter().fold(0, |all, (high, low)| all | high | low) > 0xf;
    if none || DASHES.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    Some(digits.map(|(high, low)| high << 4 | low))
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Text(text) => f.write_str(text),
            Form::Uuid(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    if matches!(at, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_prints_as_it_came() {
        for text in [
            "b3e1f4f2-31ac-4c55-9f7c-2b0f9a7d1c00",
            "B3E1F4F2-31AC-4C55-9F7C-2B0F9A7D1C00",
            "b3e1f4f2-31ac-4c55-9f7c-2b0f9a7d1c0",
            "b3e1f4f2031ac-4c55-9f7c-2b0f9a7d1c00",
            "uid-1",
            "",
        ] {
            assert_eq!(Uid::new(text).to_string(), text);
            assert_eq!(Uid::new(text), Uid::new(text));
        }
        assert_ne!(Uid::new("uid-1"), Uid::new("uid-2"));
    }

    /// What an allocation takes of glibc's heap: eight bytes beside it, in steps of sixteen.
    fn block(bytes: usize) -> usize {
        (bytes + 8).next_multiple_of(16).max(32)
    }

    /// Counted from sizes and not measured, so that an allocator's mood changes nothing.
    #[test]
    fn an_object_costs_little_beyond_its_bytes() {
        let json = 5_545;
        // The count of those who share it, and the length of what follows.
        let counts = 2 * size_of::<usize>();
        let entry = block(counts + size_of::<Facts>() + json) - json;
        let row = size_of::<super::super::rows::Row>();
        // A slot and a tag in a table that is, after it grew, a little less than half full.
        let index = (size_of::<crate::cache::Slot>() + 1) * 16 / 7;
        // One controller: see the size that its queue's own test holds the state of a key to.
        let state = 48;
        let beyond = entry + row + index + state;
        assert!(beyond <= 180, "{entry} + {row} + {index} + {state} = {beyond} bytes");
    }
}
