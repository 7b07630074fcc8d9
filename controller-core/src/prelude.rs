//! Everything that an operator's file needs: `use controller_core::prelude::*;`.

pub use std::process::ExitCode;
pub use std::time::Duration;

pub use jiff::Timestamp;
pub use kube::Client;
pub use kube::api::{Patch, Preconditions};
pub use kube::core::PartialObjectMeta;
pub use serde_json::Value;

pub use crate::__private::{millis, secs};
pub use crate::context::{Cause, Context, Event, Operation, Reads, Writes};
pub use crate::controller;
pub use crate::controller::Controller;
pub use crate::controller_ext::{ControllerExt, StartOptions};
pub use crate::error::{Error, Failure, Result, ResultExt};
pub use crate::key::Key;
pub use crate::operator::{Operator, OperatorHandle, Running};
pub use crate::outcome::Action;
pub use crate::raw::Raw;
pub use crate::supervisor::{
    AutoShutdown, ChildContext, ChildHandle, ChildKind, ChildSpec, DynamicHandle, DynamicSupervisor, Exit, IntoChild,
    Restart, Shutdown, Strategy, Supervisor,
};
