//! Bad input against the rooms that read what comes from the wire.
//!
//! What is asked of them stands here, so that the same questions are put by a fuzzer (`just fuzz`) and, for each file
//! of `corpus/` and some that are too large to be kept, by `tests/corpus.rs`. Nothing may panic, and what a strict parser
//! takes is read as it reads it.

#![expect(dead_code, unused_imports, reason = "the rooms are taken as they stand")]

mod api;
mod cache;
mod json;
mod watch;

// The rooms of the server name each other from the root.
#[rustfmt::skip]
#[path = "../../controller-testkit/src/auth/mod.rs"]
mod auth;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/admission/mod.rs"]
mod admission;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/security/mod.rs"]
mod security;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/quota/mod.rs"]
mod quota;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/server/mod.rs"]
mod server;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/cel/mod.rs"]
mod cel;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/catalog.rs"]
mod catalog;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/discovery/mod.rs"]
mod discovery;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/openapi/mod.rs"]
mod openapi;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/table/mod.rs"]
mod table;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/kinds/mod.rs"]
mod kinds;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/protobuf/mod.rs"]
mod protobuf;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/field/mod.rs"]
mod field;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/schema/mod.rs"]
mod schema;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/crd/mod.rs"]
mod crd;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/patch/mod.rs"]
mod patch;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/apply/mod.rs"]
mod apply;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/selector/mod.rs"]
mod selector;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/status/mod.rs"]
mod status;
#[rustfmt::skip]
#[path = "../../controller-testkit/src/store/mod.rs"]
mod store;

/// A line of a watch.
pub fn scan_event(line: &[u8]) {
    watch::event(line);
}

/// The body of a list.
pub fn scan_list(body: &[u8]) {
    watch::list(body);
}

/// The chunks of a body: the first byte is their size.
pub fn frame(bytes: &[u8]) {
    watch::lines(bytes);
}

/// Requests to the embedded API server.
pub fn handle(requests: &[u8]) {
    api::handle(requests);
}
