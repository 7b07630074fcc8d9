//! Owns what a supervisor decides: pure functions of the rules, the children and the time.
//!
//! The rules are those of OTP's `supervisor`, whose documentation names them:
//! <https://www.erlang.org/doc/apps/stdlib/supervisor.html>. [`Roster`] plans what follows from an end, a failed start
//! or a call; `tree` does what is planned here, and decides nothing.

mod delay;
mod intensity;
mod pulse;
mod roster;

pub(crate) use delay::Delay;
pub(crate) use intensity::{Count, Intensity};
pub(crate) use pulse::{Pulse, judge};
pub(crate) use roster::{AfterExit, Children, Ending, Entry, Refusal, Roster, Rules, State, Step, Terms, check};

use super::rule::Restart;

/// Which children are started again when one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// Only the one that ended.
    #[default]
    OneForOne,
    /// All of them: the others are stopped first, in reverse order.
    OneForAll,
    /// The one that ended and those that were started after it.
    RestForOne,
}

/// Whether a supervisor ends when significant children end by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// It does not. Significant children are refused.
    #[default]
    Never,
    /// It ends with the first of them.
    AnySignificant,
    /// It ends with the last of them.
    AllSignificant,
}

#[cfg(test)]
pub(super) mod tests;
