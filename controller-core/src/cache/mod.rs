//! Owns the objects that watches found: one store a watch, shared by every controller on it.
//!
//! An object is kept as the JSON bytes that the API server sent, less `metadata.managedFields`; what the engine
//! must know of it was read from the bytes once, by `watch/scan`. A typed value exists only while a callback runs,
//! and where one can't be made, `place` finds the field. The watch's task alone writes; everyone else reads behind a lock that is held for a look-up.

#[cfg(feature = "compressed")]
mod tier;
mod ahead;
mod draft;
mod entry;
mod rows;
mod store;
mod version;
mod index;
mod memo;
mod view;
mod reader;

pub(crate) use draft::Draft;
pub(crate) use entry::{Entry, Uid};
pub(crate) use index::label;
pub(crate) use reader::Reader;
pub(crate) use store::{Applied, Seen, Slot, Store, SubscriberId};
#[cfg(feature = "compressed")]
pub(crate) use tier::{Body, Codec};
pub(crate) use version::ResourceVersion;
pub(crate) use view::View;
