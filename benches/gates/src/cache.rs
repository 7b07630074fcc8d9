//! The way into the cache, as it stands in controller-core, where it is formatted and tested.

#[rustfmt::skip]
#[path = "../../../controller-core/src/cache/draft.rs"]
mod draft;

use std::sync::Arc;

pub(crate) use draft::Draft;

/// What is kept of an object, as the cache makes it: one copy, and then its beginning.
pub(crate) fn keep(draft: Draft<'_>) -> Arc<[u8]> {
    let copy = draft.copy();
    let mut kept: Arc<[u8]> = Arc::from(&*copy.bytes);
    if let Some(bytes) = Arc::get_mut(&mut kept) {
        copy.begin(bytes);
    }
    kept
}
