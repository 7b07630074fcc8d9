//! Owns what a callback may answer.

use std::time::Duration;

use crate::error::Failure;

/// What the engine does with the key after a run that went well.
///
/// ```
/// use controller_core::prelude::*;
/// use std::time::Duration;
/// fn poll(ready: bool) -> Result<Action> {
///     if ready { Ok(Action::Done) } else { Ok(Action::Requeue(Duration::from_secs(10))) }
/// }
/// assert_eq!(poll(true).unwrap(), Action::Done);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Nothing more to do: the next run is the resync tick, or a change.
    Done,
    /// Run again after this time. It replaces the resync tick; a change still runs at once, and of two
    /// requeues the earlier one wins.
    Requeue(Duration),
    /// No run until the object changes, not even at the resync tick.
    AwaitChange,
}

/// Every answer of a callback in one shape.
pub(crate) type Outcome = Result<Action, Failure>;

/// What a callback can answer: `()`, [`Action`], or a `Result` of either.
#[diagnostic::on_unimplemented(
    message = "a callback can't answer `{Self}`",
    label = "not an answer of a callback",
    note = "answer `()`, `Action`, `Result` or `Result<Action>`; an `Action` is `Done`, `Requeue(duration)` or `AwaitChange`"
)]
pub trait IntoOutcome {
    /// The answer as an action or a failure.
    ///
    /// # Errors
    /// The failure that the callback returned.
    fn into_outcome(self) -> Result<Action, Failure>;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Outcome {
        Ok(Action::Done)
    }
}

impl IntoOutcome for Action {
    fn into_outcome(self) -> Outcome {
        Ok(self)
    }
}

impl<E: IntoFailure> IntoOutcome for Result<(), E> {
    fn into_outcome(self) -> Outcome {
        self.map(|()| Action::Done).map_err(IntoFailure::into_failure)
    }
}

impl<E: IntoFailure> IntoOutcome for Result<Action, E> {
    fn into_outcome(self) -> Outcome {
        self.map_err(IntoFailure::into_failure)
    }
}

/// What a callback can fail with: every error, whatever converts into a boxed one, and [`Failure`] itself.
///
/// It is `Into<Failure>` by another name, since only a trait of ours can say what to do where it is missing.
///
/// ```
/// use controller_core::IntoFailure;
/// assert_eq!("no such node".into_failure().to_string(), "no such node");
/// ```
#[diagnostic::on_unimplemented(
    message = "a callback can't fail with `{Self}`",
    label = "`{Self}` is not an error",
    note = "implement `std::error::Error` for it, or answer `Result` and convert it: `.map_err(|error| Error::permanent(error.to_string()))`",
    note = "an error in a box has to be `Box<dyn std::error::Error + Send + Sync>`"
)]
pub trait IntoFailure {
    /// The error as a failure.
    fn into_failure(self) -> Failure;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Failure>> IntoFailure for E {
    fn into_failure(self) -> Failure {
        self.into()
    }
}
