//! The way into the cache, as it stands in controller-core, where it is formatted and tested.

#[rustfmt::skip]
#[path = "../../controller-core/src/cache/draft.rs"]
mod draft;

pub(crate) use draft::Draft;
