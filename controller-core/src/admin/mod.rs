//! Owns what an operator shows of itself over HTTP, and the names under which it does.
//!
//! It reads; nothing here changes what the operator does. `window` is what is seen of an operator: `metrics` names every
//! figure, `health` answers probes, `snapshot` is one look at the tree, which `page` draws, and `report` what was found
//! at the start. `answer` knows the paths, `server` the connections.

mod metrics;
mod process;
mod classic;
mod health;
mod permission;
mod report;
mod snapshot;
mod window;
mod page;
mod answer;
mod patience;
mod server;

#[cfg(test)]
pub(crate) use answer::{Asked, Desk};
pub(crate) use metrics::{Exposition, Kind};
pub(crate) use permission::{Permissions, ask, needed};
pub(crate) use report::{ControllerLine, Report, SchemaLine, SchemaOrigin, Server};
pub(crate) use server::child;
pub(crate) use window::Window;
