//! Owns the objects that watches found: one store a watch, shared by every controller on it.
//!
//! An object is kept as the JSON bytes that the API server sent, less `metadata.managedFields`; what the engine
//! must know of it was read from the bytes once, by `watch/scan`. A typed value exists only while a callback asks
//! for it. The watch's task alone writes; everyone else reads behind a lock that is held for a look-up.

mod entry;
mod store;
mod version;

pub(crate) use entry::{DecodeError, Entry, Uid};
pub(crate) use store::{Applied, Found, Seen, Slot, Store, SubscriberId};
pub(crate) use version::ResourceVersion;
