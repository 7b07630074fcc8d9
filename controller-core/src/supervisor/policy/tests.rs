//! The policy alone, beside a naive model that was written from OTP's documentation.
//!
//! `just supervisor-model` takes these files too, with mutants of the policy in its place.

pub(in super::super) mod histories;
mod intensity;
pub(in super::super) mod model;
mod roster;
mod spacing;
