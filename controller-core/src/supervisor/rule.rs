//! Owns OTP's words for one child: when it is started again, and how it is asked to stop.

use std::fmt;
use std::time::Duration;

/// Whether a child that ended is started again.
///
/// ```
/// use controller_core::Restart;
/// assert_eq!(Restart::default(), Restart::Permanent);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// Only where it ended abnormally: with an error, a panic, or killed.
    Transient,
    /// Never. Its spec is forgotten when it ends.
    Temporary,
}

/// How a child is stopped.
///
/// ```
/// use controller_core::Shutdown;
/// use std::time::Duration;
/// assert_eq!(Shutdown::default(), Shutdown::After(Duration::from_secs(5)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Shutdown {
    /// It is asked to stop, and aborted where it has not ended after this time.
    After(Duration),
    /// It is aborted at once.
    BrutalKill,
    /// It is asked to stop, and waited for as long as it takes.
    Infinity,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::After(Duration::from_secs(5))
    }
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permanent => "permanent",
            Self::Transient => "transient",
            Self::Temporary => "temporary",
        })
    }
}

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(limit) => write!(f, "{limit:?}"),
            Self::BrutalKill => f.write_str("brutal_kill"),
            Self::Infinity => f.write_str("infinity"),
        }
    }
}
