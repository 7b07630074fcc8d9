//! Owns the memory of verdicts: what was checked before is not checked again.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use super::Report;

/// A hash of the checked bytes, wide enough that two different objects do not share one.
pub(super) type Fingerprint = (u64, u64);

pub(super) fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(seed);
        hasher.write(bytes);
        hasher.finish()
    };
    (half(1), half(2))
}

/// The newest verdicts; the oldest make room.
pub(super) struct Verdicts {
    known: BTreeMap<Fingerprint, Option<Arc<Report>>>,
    order: VecDeque<Fingerprint>,
    room: usize,
}

impl Verdicts {
    #[cfg(feature = "schema")]
    pub(super) fn with_room_for(room: usize) -> Self {
        Self { known: BTreeMap::new(), order: VecDeque::new(), room }
    }

    pub(super) fn get(&self, print: Fingerprint) -> Option<Result<(), Arc<Report>>> {
        self.known.get(&print).map(|report| report.clone().map_or(Ok(()), Err))
    }

    pub(super) fn put(&mut self, print: Fingerprint, verdict: Result<(), Arc<Report>>) {
        if self.known.insert(print, verdict.err()).is_none() {
            self.order.push_back(print);
        }
        while self.order.len() > self.room {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}
