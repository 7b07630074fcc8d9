//! Kubernetes operators as annotated impl blocks.

// The modules stand in the order in which the data meets them; arrows point up this list, never down.
pub mod env;
mod error;
mod key;
mod outcome;
mod context;
mod descriptor;
mod controller;
mod erased;
mod watch;
mod cache;
mod queue;
mod schema;
mod status;
mod dispatch;
mod supervisor;
mod operator;
#[cfg(feature = "testing")]
pub mod testing;
pub mod prelude;
#[doc(hidden)]
pub mod __private;

pub use supervisor::{Restart, Shutdown};
