//! Owns what a supervisor refuses, with the name that OTP gives to it.

use std::time::Duration;

use super::exit::Exit;
use super::policy::Refusal;

/// Why a supervisor refused, or could not start a child.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SupervisorError {
    /// OTP's `{duplicate_child_name, Id}`.
    #[error("supervisor {supervisor} has two children with the id {id}: give one of them another with `.id(..)`")]
    DuplicateId {
        /// The supervisor.
        supervisor: String,
        /// The id that stands twice.
        id: String,
    },
    /// OTP's `{bad_combination, [{restart, permanent}, {significant, true}]}`.
    #[error("child {id} is significant and permanent: significant needs `restart` transient or temporary")]
    SignificantPermanent {
        /// The child.
        id: String,
    },
    /// OTP's `{bad_combination, [{auto_shutdown, never}, {significant, true}]}`.
    #[error(
        "child {id} is significant, and supervisor {supervisor} never shuts down by itself: set its `auto_shutdown`"
    )]
    SignificantNever {
        /// The supervisor.
        supervisor: String,
        /// The child.
        id: String,
    },
    /// OTP's `{invalid_period, 0}`.
    #[error("supervisor {supervisor} counts restarts over a period of zero: give `intensity` a longer one")]
    NoPeriod {
        /// The supervisor.
        supervisor: String,
    },
    /// A delay between restarts whose bounds are the wrong way round.
    #[error(
        "child {id} is restarted after at least {min:?} and at most {max:?}: give `restart_delay` the shorter one first"
    )]
    InvalidRestartDelay {
        /// The child.
        id: String,
        /// What was given as the shortest delay.
        min: Duration,
        /// What was given as the longest.
        max: Duration,
    },
    /// A limit of zero, which every child would break.
    #[error("child {id} has a limit of zero: give `{limit}` a longer one")]
    NoLimit {
        /// The child.
        id: String,
        /// `health` or `blocked_after`.
        limit: &'static str,
    },
    /// OTP's `{failed_to_start_child, Id, Reason}`.
    #[error("child {id} failed to start: {exit}")]
    FailedToStart {
        /// The child.
        id: String,
        /// How it ended before it was ready.
        exit: Exit,
    },
    /// OTP's `{already_started, Child}`.
    #[error("child {id} is already started")]
    AlreadyStarted {
        /// The child.
        id: String,
    },
    /// OTP's `already_present`.
    #[error("child {id} is there and does not run: restart or delete it")]
    AlreadyPresent {
        /// The child.
        id: String,
    },
    /// OTP's `running`.
    #[error("child {id} runs: terminate it first")]
    Running {
        /// The child.
        id: String,
    },
    /// OTP's `restarting`.
    #[error("child {id} is being restarted")]
    Restarting {
        /// The child.
        id: String,
    },
    /// OTP's `not_found`.
    #[error("supervisor {supervisor} has no child {id}")]
    NotFound {
        /// The supervisor.
        supervisor: String,
        /// The child asked for.
        id: String,
    },
    /// OTP's `simple_one_for_one`.
    #[error(
        "supervisor {supervisor} makes its children from a template: start them with their argument, and terminate them by their handles"
    )]
    SimpleOneForOne {
        /// The supervisor.
        supervisor: String,
    },
    /// OTP's `noproc`.
    #[error("supervisor {supervisor} does not run")]
    NotRunning {
        /// The supervisor.
        supervisor: String,
    },
}

impl SupervisorError {
    /// What the rules refuse, with the names that they do not know.
    pub(super) fn refused(refusal: Refusal, supervisor: &str, id: String) -> Self {
        let supervisor = supervisor.to_owned();
        match refusal {
            Refusal::NotFound => Self::NotFound { supervisor, id },
            Refusal::Running => Self::Running { id },
            Refusal::Restarting => Self::Restarting { id },
            Refusal::AlreadyStarted => Self::AlreadyStarted { id },
            Refusal::AlreadyPresent => Self::AlreadyPresent { id },
            Refusal::SimpleOneForOne => Self::SimpleOneForOne { supervisor },
            Refusal::SignificantNever => Self::SignificantNever { supervisor, id },
            Refusal::SignificantPermanent => Self::SignificantPermanent { id },
        }
    }
}
