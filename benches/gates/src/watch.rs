//! The pure rooms of the watch, as they stand in controller-core, where they are formatted and tested.

#[rustfmt::skip]
#[path = "../../../controller-core/src/watch/scan.rs"]
mod scan;

use std::hint::black_box;
use std::sync::Arc;

use crate::cache::keep;
use scan::{Event, TypeMeta};

/// The way of a line's bytes.
pub(crate) struct Scan(TypeMeta);

impl Scan {
    pub(crate) fn new(api_version: &str, kind: &str) -> Self {
        Self(TypeMeta::new(api_version, kind))
    }

    /// From the bytes of a line to the bytes that the cache keeps. None if it is no object.
    pub(crate) fn strip(&self, line: &[u8]) -> Option<Arc<[u8]>> {
        match black_box(scan::event(black_box(line))) {
            Ok(Event::Upsert(object)) => Some(keep(object.draft(&self.0))),
            _ => None,
        }
    }
}
