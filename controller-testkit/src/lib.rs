//! An embedded Kubernetes API server: in process for tests, over HTTPS for `kubectl` and every other client.
//!
//! Requests take the rooms in this order: a front hands an HTTP request to the server, the server finds the
//! resource in the catalog, checks the body, changes the store, and the world answers as the cluster's own
//! controllers would.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! use controller_testkit::Cluster;
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use kube::api::{Api, PostParams};
//!
//! let cluster = Cluster::new();
//! let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
//! let mut map = ConfigMap::default();
//! map.metadata.name = Some("settings".into());
//! maps.create(&PostParams::default(), &map).await?;
//! assert!(maps.get("settings").await?.metadata.uid.is_some());
//! # Ok::<_, kube::Error>(())
//! # }).unwrap();
//! ```
//!
//! [`Cluster`] is the server in the test's own process, on tokio's clock; [`Cluster::serve`] and [`Playground`] put it
//! on a loopback port with a kubeconfig; [`Faults`] cut, slow, refuse and forget. What is not modelled is refused with
//! a Status that says so, never guessed.

// The modules stand in the order in which a request meets them.
mod front;
mod faults;
mod view;
mod auth;
mod admission;
mod security;
mod quota;
mod server;
mod catalog;
mod discovery;
mod openapi;
mod table;
mod kinds;
mod protobuf;
mod field;
mod schema;
mod cel;
mod crd;
mod patch;
mod apply;
mod selector;
mod status;
mod store;
mod journal;
mod world;

mod cluster;
mod playground;

pub use auth::{Authorization, TokenTableError, User};
pub use cluster::{Cluster, ClusterBuilder, Exchange, Log};
pub use faults::{Fault, Faults, On, Refusal, Requests, Verb, Watches};
pub use front::{ClientCertificate, Serve, ServeError, Served};
pub use journal::StateError;
pub use playground::{Playground, PlaygroundBuilder};
pub use server::RestoreError;
pub use world::{Stage, StageError, World};
