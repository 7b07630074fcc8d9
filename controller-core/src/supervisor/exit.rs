//! Owns the words for how a child ended.

use std::fmt;
use std::sync::Arc;

use crate::error::Failure;

/// Why a child ended.
///
/// ```
/// use controller_core::prelude::*;
/// assert!(Exit::Normal.is_normal() && Exit::Shutdown.is_normal());
/// assert!(!Exit::Killed.is_normal());
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Exit {
    /// It returned without an error, of its own accord.
    Normal,
    /// It was asked to stop, or is a supervisor that gave up.
    Shutdown,
    /// It returned an error.
    Error(Arc<Failure>),
    /// It panicked, with this message and, where it is known, the place.
    Panic(Arc<str>),
    /// It was aborted.
    Killed,
}

impl Exit {
    /// Whether a transient child stays ended: after [`Exit::Normal`] and [`Exit::Shutdown`].
    #[must_use]
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown)
    }

    pub(crate) fn error(failure: impl Into<Failure>) -> Self {
        Self::Error(Arc::new(failure.into()))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Error(failure) => write!(f, "error: {}", failure.chain()),
            Self::Panic(message) => write!(f, "panic: {message}"),
            Self::Killed => f.write_str("killed"),
        }
    }
}

/// What a child can return: `()`, a `Result` of it, or an [`Exit`].
///
/// The `Result`'s error is [`Failure`], into which `?` turns every other error.
#[diagnostic::on_unimplemented(
    message = "a child can't end with `{Self}`",
    label = "not an end of a child",
    note = "end it with `Ok(())`, and give errors on with `?`: `Ok(work().await?)`"
)]
pub trait IntoExit {
    /// The end in OTP's words.
    fn into_exit(self) -> Exit;
}

impl IntoExit for () {
    fn into_exit(self) -> Exit {
        Exit::Normal
    }
}

impl IntoExit for Exit {
    fn into_exit(self) -> Exit {
        self
    }
}

// One impl for results, with one error type: so `Ok(())` needs no annotation at the end of a closure.
impl IntoExit for Result<(), Failure> {
    fn into_exit(self) -> Exit {
        match self {
            Ok(()) => Exit::Normal,
            Err(failure) => Exit::error(failure),
        }
    }
}
