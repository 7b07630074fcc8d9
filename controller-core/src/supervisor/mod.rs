//! Supervision as Erlang/OTP has it: what is started, in which order it stops, and what is started again.
//!
//! It knows nothing of Kubernetes: a child is a future, and an operator is one tree of them.
//! `docs/supervision.md` names each call of OTP's `supervisor` and the few differences.

mod rule;
mod exit;
mod line;
mod context;
mod child_spec;
mod spec;
mod error;
mod policy;
mod guard;
mod blocked;
mod child_handle;
mod handle;
mod errand;
mod dynamic;
mod tree;
mod running;
mod shutdown;

pub use child_handle::ChildHandle;
pub(crate) use child_spec::ControllerFacts;
pub use child_spec::{ChildKind, ChildSpec, IntoChild};
pub use context::ChildContext;
pub use dynamic::{DynamicHandle, DynamicSupervisor};
pub(crate) use errand::Verb;
pub use error::SupervisorError;
pub use exit::{Exit, IntoExit};
pub use handle::{ChildCount, ChildInfo, ChildState, SupervisorHandle};
pub use policy::{AutoShutdown, Strategy};
pub use rule::{Restart, Shutdown};
pub use running::RunningSupervisor;
pub(crate) use shutdown::{Signal, Signals};
pub use spec::Supervisor;
pub(crate) use tree::End;

#[cfg(test)]
mod tests;
