//! The rooms that own what no other room may touch: time, chance, tasks and the wire's client.
//!
//! Everything above takes them as arguments, so an operator with one seed, on paused time, is one run.

mod chance;
mod client;
mod clock;
mod connection;
mod panics;
mod requests;
mod tasks;
mod thread;
mod trace;

pub use chance::Chance;
pub use client::FromEnvironmentError;
pub(crate) use client::{from_config, from_environment};
pub use clock::Clock;
pub(crate) use connection::{Connection, Connections};
pub(crate) use panics::{panic_report, record_panic_locations};
pub(crate) use requests::{Asked, Requests};
pub(crate) use tasks::{Ended, Task, panic_message, spawn};
pub(crate) use thread::{Stopwatch, Thread};
pub(crate) use trace::{Tracer, Wrote, polled_for};
