//! Owns the typed objects that were decoded last, so that many reads of few objects decode each of them once.

use std::any::Any;
use std::sync::{Arc, Weak};

use super::{Entry, Slot};

/// A row for each slot in turn, so memory is bounded and a look-up is one step.
const ROWS: usize = 128;

type Typed = Arc<dyn Any + Send + Sync>;

/// What was decoded last.
#[derive(Default)]
pub(super) struct Memo(Vec<Option<(Weak<Entry>, Typed)>>);

impl Memo {
    /// The typed object of this very entry.
    pub(super) fn get(&self, slot: Slot, entry: &Arc<Entry>) -> Option<Typed> {
        let (of, typed) = self.0.get(row(slot))?.as_ref()?;
        // An entry never changes, and a weak pointer keeps its address from being given to another.
        std::ptr::eq(of.as_ptr(), Arc::as_ptr(entry)).then(|| Arc::clone(typed))
    }

    pub(super) fn put(&mut self, slot: Slot, entry: &Arc<Entry>, typed: Typed) {
        if self.0.is_empty() {
            self.0.resize_with(ROWS, || None);
        }
        if let Some(place) = self.0.get_mut(row(slot)) {
            *place = Some((Arc::downgrade(entry), typed));
        }
    }
}

fn row(slot: Slot) -> usize {
    slot as usize % ROWS
}
