//! An embedded Kubernetes API server: in process for tests, over HTTPS for `kubectl` and every other client.
//!
//! Requests take the rooms in this order: a front hands an HTTP request to the server, the server finds the
//! resource in the catalog, checks the body, changes the store, and the world answers as the cluster's own
//! controllers would.

// The modules stand in the order in which a request meets them.
mod catalog;
mod crd;
mod discovery;
mod faults;
mod field;
mod front;
mod kinds;
mod openapi;
mod patch;
mod protobuf;
mod schema;
mod selector;
mod server;
mod status;
mod store;
mod table;
mod view;
mod world;

mod cluster;
mod playground;

pub use cluster::{Cluster, ClusterBuilder};
pub use faults::{Fault, Faults, On, Refusal, Requests, Verb, Watches};
pub use front::{Serve, ServeError, Served};
pub use playground::{Playground, PlaygroundBuilder};
pub use world::World;
