//! Bad input against the rooms that read what comes from the wire.
//!
//! What is asked of them stands here, so that the same questions are put by a fuzzer (`just fuzz`) and, for each file
//! of `corpus/` and some that are too large to be kept, by `tests/corpus.rs`. Nothing may panic, and what a strict parser
//! takes is read as it reads it.

#![expect(dead_code, reason = "the rooms are taken as they stand")]

mod cache;
mod json;
mod watch;

/// A line of a watch.
pub fn scan_event(line: &[u8]) {
    watch::event(line);
}

/// The body of a list.
pub fn scan_list(body: &[u8]) {
    watch::list(body);
}

/// The chunks of a body: the first byte is their size.
pub fn frame(bytes: &[u8]) {
    watch::lines(bytes);
}
