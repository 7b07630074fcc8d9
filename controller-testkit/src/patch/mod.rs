//! Patches: a changed copy of an object, or why there is none.
//!
//! Pure functions of an object and a patch. What the changed copy may look like is for the server to judge; here only
//! the patch languages are known: JSON patch (RFC 6902 with the leniency of the real server's library), JSON merge
//! patch (RFC 7386) and the strategic merge patch of the built-in kinds.

use crate::status::ApiError;

mod json;
mod merge;
pub(crate) mod strategic;
#[cfg(test)]
mod tests;

pub(crate) use json::JsonPatch;
pub(crate) use merge::apply as merge;

/// Why a patch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The patch itself is not in its language.
    #[error("{0}")]
    Malformed(String),
    /// More operations than the server is willing to run.
    #[error("The allowed maximum operations in a JSON patch is {limit}, got {got}")]
    TooManyOperations { limit: usize, got: usize },
    /// The patch does not fit the object.
    #[error("{0}")]
    DoesNotApply(String),
    /// It says itself that it does not.
    #[error("{0}")]
    TestFailed(String),
    /// A strategic patch that breaks a rule of its own; the real server answers as for an error of its own.
    #[error("{0}")]
    Unforeseen(String),
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Malformed(_) => Self::bad_request(error.to_string()),
            Error::TooManyOperations { .. } => Self::too_large(format!("Request entity too large: {error}")),
            Error::DoesNotApply(_) | Error::TestFailed(_) => Self::rejected(),
            Error::Unforeseen(_) => Self::unforeseen(error.to_string()),
        }
    }
}
