//! An embedded Kubernetes API server: in process for tests, over HTTPS for `kubectl` and every other client.
//!
//! Requests take the rooms in this order: a front hands an HTTP request to the server, the server finds the
//! resource in the catalog, checks the body, changes the store, and the world answers as the cluster's own
//! controllers would.

// The modules stand in the order in which a request meets them.
mod front;
mod faults;
mod view;
mod server;
mod catalog;
mod discovery;
mod openapi;
mod table;
mod kinds;
mod protobuf;
mod field;
mod schema;
mod crd;
mod patch;
mod selector;
mod status;
mod store;
mod world;

mod cluster;
mod playground;
