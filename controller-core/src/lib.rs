//! Kubernetes operators as annotated impl blocks.
//!
//! ```no_run
//! use controller_core::prelude::*;
//! use k8s_openapi::api::core::v1::Pod;
//!
//! struct PodWatcher;
//!
//! #[controller(api_version = "v1", kind = "Pod")]
//! impl PodWatcher {
//!     async fn add(&self, pod: &Pod, cx: &Context<Self>) -> Result {
//!         tracing::info!("add {}", cx.key());
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> ExitCode {
//!     Operator::new("pods").controller(PodWatcher).run().await
//! }
//! ```
//!
//! [`controller`] makes a type a [`Controller`]; [`Operator`] runs controllers under OTP's supervision; a callback
//! touches the cluster through its [`Context`] and answers with an [`Action`] or an error. A crate that uses this one
//! chooses the version of Kubernetes by a feature of k8s-openapi: `k8s-openapi = { features = ["v1_37"] }`.
//!
//! Objects are kept as the JSON they came in, and decoded when a callback is called. What is promised about order,
//! repetition and failure is written down in `docs/semantics.md` of the repository.

// The modules stand in the order in which the data meets them; arrows point up this list.
pub mod env;
mod json;
mod error;
mod key;
mod outcome;
mod raw;
mod context;
mod descriptor;
mod controller;
mod erased;
pub mod log;
mod watch;
mod cache;
mod queue;
mod schema;
mod status;
mod dispatch;
mod supervisor;
mod admin;
mod controller_ext;
mod operator;
#[cfg(feature = "testing")]
pub mod testing;
pub mod prelude;
#[doc(hidden)]
pub mod __private;

pub use context::{Cause, Context, Event, List, Operation, Reads, Severity, Watchable, Writable, Writes};
#[cfg(not(feature = "compressed"))]
#[doc(hidden)]
pub use controller::CompressedFeature;
#[cfg(not(feature = "derive"))]
#[doc(hidden)]
pub use controller::DeriveFeature;
#[cfg(feature = "derive")]
pub use controller::HasSchema;
pub use controller::{Controller, Declare, Decode, Described};
pub use controller_ext::{ControllerExt, IntoController, StartOptions};
/// ```
/// use controller_core::prelude::*;
/// use k8s_openapi::api::core::v1::Pod;
///
/// struct PodWatcher;
///
/// #[controller(api_version = "v1", kind = "Pod", namespace = "default", reconcile_delay = "1m")]
/// impl PodWatcher {
///     async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result {
///         Ok(())
///     }
/// }
/// ```
pub use controller_macros::controller;
pub use descriptor::{Callback, Callbacks, Content, Descriptor, Filter, OnStart, ResourceFacts};
pub use erased::Shared;
pub use error::{Error, Failure, Result, ResultExt};
pub use key::Key;
pub use operator::{Operator, OperatorHandle, Running};
pub use outcome::{Action, IntoFailure, IntoOutcome};
pub use raw::Raw;
pub use supervisor::{
    AutoShutdown, ChildContext, ChildCount, ChildHandle, ChildInfo, ChildKind, ChildSpec, ChildState, DynamicHandle,
    DynamicSupervisor, Exit, IntoChild, IntoExit, Restart, RunningSupervisor, Shutdown, Strategy, Supervisor,
    SupervisorError, SupervisorHandle,
};

pub use k8s_openapi;
pub use kube;
