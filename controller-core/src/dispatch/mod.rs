//! The rooms that turn what a watch delivers into calls of a user's callbacks.
//!
//! `decide` chooses what an event means, `ledger` keeps the books, `run` knows the order of one run and what follows
//! from it; all three are pure. `engine` holds them together with the workers, `invoke` makes one call and keeps in
//! it what goes wrong, `reach` is what a callback touches, and `controller` is the life of the whole.

mod decide;
mod filter;
mod pause;
mod rewrites;
mod ledger;
mod run;
mod counters;
mod pace;
mod memory;
mod watchdog;
mod figures;
mod scope;
#[cfg(feature = "testing")]
mod probe;
mod live;
mod resolve;
mod reach;
mod trail;
mod invoke;
mod ear;
mod reads;
mod barrier;
mod writes;
mod crew;
mod breaker;
mod engine;
mod aborted;
mod controller;

pub(crate) use controller::{Broken, run_controller};
#[cfg(feature = "testing")]
pub(crate) use engine::Engine;
pub(crate) use figures::{Figures, WatchFigures};
pub(crate) use live::{Live, Phase};
#[cfg(feature = "testing")]
pub use probe::{Probe, Probes};
#[cfg(feature = "testing")]
pub(crate) use reads::Readers;
pub(crate) use resolve::{declared_watches, declared_writes};
pub(crate) use scope::Scope;
pub(crate) use watchdog::{UnderWay, Watchdog};
