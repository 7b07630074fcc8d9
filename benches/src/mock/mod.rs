//! The API server that is measured against: it keeps no JSON, decides little, and outruns its clients.
//!
//! One kind of object, all of one size, is rendered from a template as it is sent. It serves lists by pages and
//! whole, watches with replay, bookmarks and expiry, and streaming lists, as JSON and as protobuf, over plain HTTP or TLS.
//! What it does beyond that is asked for on its standard input: a [`Command`] a line, answered by a [`Done`] a line.

mod answer;
mod cluster;
mod discovery;
mod protobuf;
mod script;
mod server;
mod tls;
mod wire;

pub use script::{Command, Done};
pub use server::{Options, run};

#[cfg(test)]
mod tests;
