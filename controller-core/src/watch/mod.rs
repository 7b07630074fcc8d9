//! Owns the way of the bytes from the API server to the stores.
//!
//! `source` asks and reads, `frame` finds the lines, `scan` reads what the engine must know of an object out of
//! its bytes, `stream` is the state machine that decides what to ask next, and the `hub` shares one watch among all
//! who need it. Nothing here decodes an object.

mod frame;
mod scan;
mod list;
mod backoff;
mod stream;
mod health;
mod pump;
mod message;
mod source;
mod spec;
mod narrow;
mod hub;

pub(crate) use health::Health;
pub(crate) use hub::{Delta, Hub, Sink, Subscription};
pub(crate) use narrow::Narrow;
pub(crate) use scan::{Head, PAUSED};
pub(crate) use spec::{ManagedFields, WatchSpec};
