//! Owns the rows of a store by their slots: a vector in chunks, of which a copy shares all that does not change after it.
//!
//! So whoever wants to look at all objects holds the store's lock for a copy of some pointers, and the watch goes on
//! while they look.

use std::sync::Arc;

use super::{Entry, Slot};

/// How many rows are copied when one of them changes while somebody looks at a copy.
const CHUNK: usize = 64;

/// One slot.
#[derive(Clone, Default)]
pub(super) struct Row {
    pub(super) entry: Option<Entry>,
    /// The last list, or the events after it, that showed the object.
    pub(super) seen_in: u32,
}

/// All slots that were ever given.
#[derive(Clone, Default)]
pub(super) struct Rows {
    chunks: Vec<Arc<[Row; CHUNK]>>,
    /// The last chunk may be filled in part.
    length: usize,
}

/// A slot is a `u32`, so that a queue's states stay small.
fn place(slot: Slot) -> (usize, usize) {
    let row = usize::try_from(slot).unwrap_or(usize::MAX);
    (row / CHUNK, row % CHUNK)
}

impl Rows {
    #[cfg(feature = "compressed")]
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Row> {
        let (chunk, row) = place(slot);
        self.chunks.get(chunk)?.get(row)
    }

    /// The object in a slot.
    pub(super) fn entry(&self, slot: Slot) -> Option<&Entry> {
        self.get(slot)?.entry.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Row> {
        let (chunk, row) = place(slot);
        Arc::make_mut(self.chunks.get_mut(chunk)?).get_mut(row)
    }

    /// A slot more, which is empty.
    pub(super) fn push(&mut self) -> Slot {
        if self.length == self.chunks.len() * CHUNK {
            self.chunks.push(Arc::new(std::array::from_fn(|_| Row::default())));
        }
        self.length += 1;
        Slot::try_from(self.length - 1).unwrap_or(Slot::MAX)
    }

    /// The rows from a slot on, in their order.
    pub(super) fn from(&self, slot: Slot) -> impl Iterator<Item = (Slot, &Row)> {
        let (chunk, row) = place(slot);
        let rows = self.chunks.iter().skip(chunk).flat_map(|chunk| chunk.iter()).skip(row);
        (slot..).zip(rows)
    }

    /// The objects, in the order of their slots.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Slot, &Entry)> {
        self.from(0).filter_map(|(slot, row)| Some((slot, row.entry.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_stays_as_it_was_while_the_rows_change() {
        let mut rows = Rows::default();
        for expect in 0..150 {
            assert_eq!(rows.push(), expect);
        }
        let copy = rows.clone();
        for slot in [0, 63, 149] {
            rows.get_mut(slot).expect("it is there").seen_in = 7;
        }
        let seen =
            |rows: &Rows| rows.from(0).filter(|(_, row)| row.seen_in == 7).map(|(slot, _)| slot).collect::<Vec<_>>();
        assert_eq!(seen(&rows), [0, 63, 149]);
        assert!(seen(&copy).is_empty());
        assert_eq!(rows.from(64).next().map(|(slot, row)| (slot, row.seen_in)), Some((64, 0)));
        assert!(rows.get(10_000).is_none());
        let shared = rows.chunks.iter().zip(&copy.chunks).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!((rows.chunks.len(), shared), (3, 1), "the chunk in the middle was not written to");
    }
}
