//! Supervision as Erlang/OTP has it: what is started, in which order it stops, and what is started again.
//!
//! It knows nothing of Kubernetes: a child is a future, and an operator is one tree of them.

mod rule;

pub use rule::{Restart, Shutdown};
