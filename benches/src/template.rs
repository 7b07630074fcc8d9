//! Bytes with holes: an object is rendered by one copy and a few digits, so that the server outruns its clients.
//!
//! A hole is a run of a letter that no text of the corpus has: `N` the number of the object, `R` its
//! resourceVersion, `T` the time of a rated change, `E` the number of the change, `H` hexadecimal digits and `D` a
//! number from 100 to 255 that the object was dealt. All are of fixed width, so that JSON and protobuf have the same
//! holes and each version of an object has the same size.

/// Where the first resourceVersion stands: all have 13 digits, and none begins with a zero, which client-go refuses.
pub const FIRST_VERSION: u64 = 1_000_000_000_000;

const VERSION: usize = 13;
const NUMBER: usize = 7;
const TIME: usize = 20;
const EVENT: usize = 10;
const DEALT: usize = 3;
/// Shorter runs of `H` are words.
const SHORTEST_HEX: usize = 3;

/// What the holes of one version of one object are filled with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Face {
    /// Which object.
    pub number: u32,
    /// Its resourceVersion.
    pub version: u64,
    /// When it was changed, in nanoseconds; 0 for a change whose latency is not asked for.
    pub at: u64,
    /// The how manieth change of all.
    pub event: u32,
}

/// Bytes with holes.
#[derive(Debug, Clone)]
pub struct Template {
    bytes: Vec<u8>,
    holes: Vec<Hole>,
}

#[derive(Debug, Clone, Copy)]
struct Hole {
    at: usize,
    length: usize,
    fill: Fill,
}

#[derive(Debug, Clone, Copy)]
enum Fill {
    Number,
    Version,
    Time,
    Event,
    Hex { salt: u64 },
    Dealt { salt: u64 },
}

impl Template {
    /// Finds the holes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let mut holes = Vec::new();
        let mut at = 0;
        for run in bytes.chunk_by(|a, b| a == b) {
            let salt = holes.len() as u64;
            let fill = match (run[0], run.len()) {
                (b'N', NUMBER) => Some(Fill::Number),
                (b'R', VERSION) => Some(Fill::Version),
                (b'T', TIME) => Some(Fill::Time),
                (b'E', EVENT) => Some(Fill::Event),
                (b'D', DEALT) => Some(Fill::Dealt { salt }),
                (b'H', SHORTEST_HEX..) => Some(Fill::Hex { salt }),
                _ => None,
            };
            holes.extend(fill.map(|fill| Hole { at, length: run.len(), fill }));
            at += run.len();
        }
        Self { bytes, holes }
    }

    /// The size of what is rendered.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The lengths of the holes, from the shortest: another encoding of the same object has the same.
    pub fn holes(&self) -> Vec<usize> {
        let mut lengths: Vec<_> = self.holes.iter().map(|hole| hole.length).collect();
        lengths.sort_unstable();
        lengths
    }

    /// Writes the bytes with their holes filled.
    pub fn render(&self, face: Face, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for hole in &self.holes {
            let place = &mut out[start + hole.at..][..hole.length];
            match hole.fill {
                Fill::Number => decimal(u64::from(face.number), place),
                Fill::Version => decimal(face.version, place),
                Fill::Time => decimal(face.at, place),
                Fill::Event => decimal(u64::from(face.event), place),
                Fill::Hex { salt } => hexadecimal(u64::from(face.number), salt, place),
                Fill::Dealt { salt } => decimal(100 + mixed(u64::from(face.number), salt) % 156, place),
            }
        }
    }
}

fn decimal(mut value: u64, place: &mut [u8]) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn hexadecimal(number: u64, salt: u64, place: &mut [u8]) {
    for (word, digits) in place.chunks_mut(16).enumerate() {
        let mut value = mixed(number, salt << 32 | word as u64);
        for digit in digits {
            *digit = b"0123456789abcdef"[(value & 15) as usize];
            value >>= 4;
        }
    }
}

/// splitmix64: the same numbers give the same bits in every run.
pub fn mixed(number: u64, salt: u64) -> u64 {
    let mut z = (number ^ salt.rotate_left(24)).wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::corpus::Corpus;

    fn rendered(template: &Template, face: Face) -> Vec<u8> {
        let mut out = b"before".to_vec();
        template.render(face, &mut out);
        out.split_off("before".len())
    }

    #[test]
    fn each_object_of_the_corpus_has_its_holes_filled_and_its_size_kept() {
        let face = Face { number: 42, version: FIRST_VERSION + 7, at: 1_700_000_000_123_456_789, event: 9 };
        for corpus in Corpus::ALL {
            let template = Template::new(corpus.text());
            let bytes = rendered(&template, face);
            assert_eq!((bytes.len(), template.size()), (corpus.sizes().bytes, corpus.sizes().bytes));
            let object: Value = serde_json::from_slice(&bytes).expect("JSON");
            let metadata = &object["metadata"];
            assert!(metadata["name"].as_str().is_some_and(|name| name.ends_with("-0000042")), "{metadata}");
            assert_eq!(metadata["resourceVersion"], "1000000000007");
            assert_eq!(metadata["annotations"]["bench/at"], "01700000000123456789");
            assert_eq!(metadata["annotations"]["bench/event"], "0000000009");
            for run in bytes.chunk_by(|a, b| a == b) {
                assert!(!(run[0].is_ascii_uppercase() && run.len() > 2), "{corpus:?} has an unfilled hole");
            }
        }
    }

    #[test]
    fn objects_differ_in_uid_and_data_and_are_the_same_in_every_run() {
        let template = Template::new(Corpus::PodLarge.text());
        let uid = |number| {
            let object: Value =
                serde_json::from_slice(&rendered(&template, Face { number, ..Face::default() })).expect("JSON");
            object["metadata"]["uid"].as_str().expect("a text").to_owned()
        };
        let uids: std::collections::BTreeSet<_> = (0..500).map(uid).collect();
        assert_eq!(uids.len(), 500);
        assert_eq!(uid(3), uid(3));
    }
}
