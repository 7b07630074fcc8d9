//! Owns the states of a queue's keys, each where its object lives.

use super::key_state::{KeyState, Place};

/// So many states stand together: as they grow in number none is moved, and little is kept in advance.
const CHUNK: usize = 64;

/// By store, chunk and row.
#[derive(Debug)]
pub(super) struct Keys<T>(Vec<Vec<Vec<KeyState<T>>>>);

impl<T> Default for Keys<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A slot is a `u32`, so that what speaks of it stays small.
fn at(Place { space, slot }: Place) -> (usize, usize, usize) {
    let slot = usize::try_from(slot).unwrap_or(usize::MAX);
    (usize::from(space), slot / CHUNK, slot % CHUNK)
}

impl<T> Keys<T> {
    pub(super) fn get(&self, place: Place) -> Option<&KeyState<T>> {
        let (space, chunk, row) = at(place);
        self.0.get(space)?.get(chunk)?.get(row)
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut KeyState<T>> {
        let (space, chunk, row) = at(place);
        self.0.get_mut(space)?.get_mut(chunk)?.get_mut(row)
    }

    pub(super) fn get_or_new(&mut self, place: Place) -> &mut KeyState<T> {
        let (space, chunk, row) = at(place);
        if self.0.len() <= space {
            self.0.resize_with(space + 1, Vec::new);
        }
        let chunks = &mut self.0[space];
        if chunks.len() <= chunk {
            chunks.resize_with(chunk + 1, Vec::new);
        }
        let rows = &mut chunks[chunk];
        if rows.is_empty() {
            rows.reserve_exact(CHUNK);
            rows.resize_with(CHUNK, KeyState::default);
        }
        &mut rows[row]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &KeyState<T>> {
        self.0.iter().flatten().flatten()
    }
}
