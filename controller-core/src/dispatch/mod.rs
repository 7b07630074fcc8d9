//! The rooms that turn what a watch delivers into calls of a user's callbacks.

mod decide;
mod ledger;
mod scope;

pub(crate) use scope::Scope;
