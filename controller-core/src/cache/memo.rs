//! Owns the typed objects that were decoded last, so that many reads of few objects decode each of them once.

use std::any::Any;
use std::sync::Arc;

use super::{Entry, ResourceVersion, Slot, Uid};

/// A row for each slot in turn, so memory is bounded and a look-up is one step.
const ROWS: usize = 128;

type Typed = Arc<dyn Any + Send + Sync>;

/// What was decoded last.
#[derive(Default)]
pub(super) struct Memo(Vec<Option<(Version, Typed)>>);

/// Which version of which object.
type Version = (Option<Uid>, ResourceVersion);

impl Memo {
    /// The typed object of this entry.
    pub(super) fn get(&self, slot: Slot, entry: &Entry) -> Option<Typed> {
        let (version, typed) = self.0.get(row(slot))?.as_ref()?;
        (*version == of(entry)).then(|| Arc::clone(typed))
    }

    pub(super) fn put(&mut self, slot: Slot, entry: &Entry, typed: Typed) {
        if self.0.is_empty() {
            self.0.resize_with(ROWS, || None);
        }
        if let Some(place) = self.0.get_mut(row(slot)) {
            *place = Some((of(entry), typed));
        }
    }
}

fn of(entry: &Entry) -> Version {
    (entry.uid(), entry.version())
}

fn row(slot: Slot) -> usize {
    slot as usize % ROWS
}
