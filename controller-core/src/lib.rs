//! Kubernetes operators as annotated impl blocks.

// The modules stand in the order in which the data meets them; arrows point up this list.
pub mod env;
mod error;
mod key;
mod outcome;
mod context;
mod descriptor;
mod controller;
mod erased;
mod watch;
mod cache;
mod queue;
mod schema;
mod status;
mod dispatch;
mod supervisor;
mod controller_ext;
mod operator;
#[cfg(feature = "testing")]
pub mod testing;
pub mod prelude;
#[doc(hidden)]
pub mod __private;

pub use context::{Cause, Context, Event, Operation, Severity};
#[cfg(not(feature = "derive"))]
#[doc(hidden)]
pub use controller::DeriveFeature;
pub use controller::{Controller, Declare, Described};
pub use controller_ext::{ControllerExt, IntoController, StartOptions};
pub use controller_macros::controller;
pub use descriptor::{Callback, Callbacks, Descriptor, OnStart, ResourceFacts};
pub use error::{Error, Failure, Result, ResultExt};
pub use key::Key;
pub use operator::{Operator, OperatorHandle, Running};
pub use outcome::{Action, IntoOutcome};
pub use supervisor::{
    AutoShutdown, ChildContext, ChildCount, ChildInfo, ChildKind, ChildSpec, ChildState, Exit, IntoChild, IntoExit,
    Restart, RunningSupervisor, Shutdown, Strategy, Supervisor, SupervisorError, SupervisorHandle,
};

pub use k8s_openapi;
pub use kube;
