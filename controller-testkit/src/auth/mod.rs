//! Who asks, and what they may do: users and their tokens, impersonation, and roles as a real server judges them.
//!
//! A front says how a request's user is known ([`Caller`]); the [`Gate`] turns that into a [`User`], and the roles and
//! bindings in the store say what the user may do. Nothing here answers a request or writes to the store: refusals go
//! to the server as errors in a real server's words.

// The modules stand in the order in which a request meets them.
mod user;
mod token;
mod gate;
mod ask;
mod impersonate;
mod rule;
mod flow;
mod roles;
mod escalate;
mod bootstrap;
#[cfg(test)]
mod tests;

pub(crate) use ask::{Ask, Hints};
pub(crate) use bootstrap::{AGGREGATED, Filled, roles as bootstrap_roles};
pub(crate) use escalate::{Grant, not_held, quoted};
pub(crate) use flow::Flow;
pub use gate::Authorization;
pub(crate) use gate::{Caller, Decision, Gate};
pub(crate) use impersonate::{act_as, wanted};
pub(crate) use roles::{Roles, aggregate};
pub(crate) use user::table;
pub use user::{TokenTableError, User};
