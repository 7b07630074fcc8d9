//! Owns one cached object: its bytes, and the little that the engine must know of it.

use std::fmt;
use std::sync::Arc;

use super::{Body, ResourceVersion};
use crate::key::Key;

/// One version of one object. It never changes; a newer version is a new entry.
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) uid: Option<Uid>,
    pub(crate) version: ResourceVersion,
    /// Zero where the server sent none: a generation that exists starts at one.
    pub(super) generation: i64,
    /// Whether it has a deletionTimestamp.
    pub(crate) deleting: bool,
    /// Whether it has the annotation that pauses it, for whomever.
    pub(crate) says_paused: bool,
    pub(super) body: Body,
}

impl Entry {
    /// The object's JSON, always with `apiVersion` and `kind`, and without `metadata.managedFields` unless they are
    /// asked for.
    pub(crate) fn bytes(&self) -> Arc<[u8]> {
        self.body.get()
    }

    /// `metadata.generation`, where the kind has one.
    pub(crate) fn generation(&self) -> Option<i64> {
        (self.generation != 0).then_some(self.generation)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.key, self.version)?;
        if let Some(generation) = self.generation() {
            write!(f, " of generation {generation}")?;
        }
        f.write_str(if self.deleting { ", being deleted" } else { "" })
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

    #[test]
    fn an_entry_is_small() {
        // The cold tier keeps a lock beside the bytes.
        let most = if cfg!(feature = "compressed") { 120 } else { 112 };
        assert!(size_of::<Entry>() <= most, "an entry takes {} bytes", size_of::<Entry>());
    }

    /// What an allocation takes of glibc's heap: eight bytes beside it, in steps of sixteen.
    fn block(bytes: usize) -> usize {
        (bytes + 8).next_multiple_of(16).max(32)
    }

    /// Counted from sizes and not measured, so that an allocator's mood changes nothing.
    #[test]
    fn an_object_costs_little_beyond_its_bytes() {
        const COUNTS: usize = 2 * size_of::<usize>();
        let (name, json) = ("web-5d4f8c7b9-x2x4k", 5_545);
        let entry = block(COUNTS + size_of::<Entry>());
        let name = block(COUNTS + name.len());
        let header = block(COUNTS + json) - json;
        let row = size_of::<super::super::rows::Row>();
        // A slot and a tag in a table that is, after it grew, a little less than half full.
        let index = (size_of::<crate::cache::Slot>() + 1) * 16 / 7;
        // One controller: see the size that its queue's own test holds the state of a key to.
        let state = 64;
        let beyond = entry + name + header + row + index + state;
        let most = if cfg!(feature = "compressed") { 340 } else { 324 };
        assert!(beyond <= most, "{entry} + {name} + {header} + {row} + {index} + {state} = {beyond} bytes");
    }
}
