//! Everything that an operator's file needs: `use controller_core::prelude::*;`.

pub use std::process::ExitCode;

pub use crate::context::{Cause, Context, Event, Operation};
pub use crate::controller::Controller;
pub use crate::error::{Error, Failure, Result, ResultExt};
pub use crate::key::Key;
pub use crate::outcome::Action;
