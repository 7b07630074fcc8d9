//! Owns what an operator shows of itself over HTTP, and the names under which it does.
//!
//! It reads; nothing here changes what the operator does. `metrics` names every figure, `process` reads those of the
//! process, `server` answers requests.

mod metrics;
mod process;
mod server;

pub(crate) use metrics::{Exposition, Kind};
pub(crate) use server::child;
