//! Expressions in CEL: read, judged before they run, and run within a budget.
//!
//! An [`Expression`] is refused when it does not parse, names what is not there, or is deeper than it may be; running
//! one costs a step for each turn of a loop, and ends when the [`Budget`] is used up. So no expression hangs the server
//! or exhausts its stack. Values come and go as JSON. The language itself is `kube-cel`'s, behind the feature `cel`;
//! without that nothing is read, and [`IS_THERE`] says so.

#![cfg_attr(not(feature = "cel"), expect(dead_code, reason = "what expressions are run with has no use without them"))]

mod authority;
#[cfg(not(feature = "cel"))]
mod absent;
#[cfg(feature = "cel")]
mod ask;
#[cfg(feature = "cel")]
mod engine;
#[cfg(feature = "cel")]
mod known;
#[cfg(feature = "cel")]
mod lazy;
#[cfg(feature = "cel")]
mod look;
#[cfg(feature = "cel")]
mod optional;
#[cfg(feature = "cel")]
mod pairs;
#[cfg(feature = "cel")]
mod value;
#[cfg(all(test, feature = "cel"))]
mod tests;

#[cfg(not(feature = "cel"))]
pub(crate) use absent::{Expression, Variables};
pub(crate) use authority::{Authority, Question};
#[cfg(feature = "cel")]
pub(crate) use engine::Expression;
#[cfg(feature = "cel")]
pub(crate) use lazy::Variables;

/// How many items or characters the schema lets a value have.
pub(crate) fn size(schema: &Structural) -> u64 {
    #[cfg(feature = "cel")]
    return look::size(schema);
    #[cfg(not(feature = "cel"))]
    return u64::from(schema.nullable);
}

use serde_json::Value;

use crate::schema::Structural;

/// Whether expressions can be run.
pub(crate) const IS_THERE: bool = cfg!(feature = "cel");

/// Where an object that an expression makes has the name of its type.
pub(crate) const TYPE: &str = "@type";

/// How many steps may still be taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget(pub(crate) u64);

impl Default for Budget {
    /// What all rules on one object may take.
    fn default() -> Self {
        Budget(1_000_000)
    }
}

/// What a name stands for while an expression runs.
#[derive(Clone, Copy)]
pub(crate) enum Bound<'a> {
    /// A value, as its schema types it; without one by its JSON.
    Value(&'a Value, Option<&'a Structural>),
    /// A value that may be missing, to be asked for with `hasValue()`.
    Optional(Option<&'a Value>, Option<&'a Structural>),
    /// Whoever is asked what a user may do. It has a second name, `NAME.requestResource`.
    Authorizer(&'a Authority<'a>),
    /// Fields that are made when they are first asked for; their name is `variables`.
    Variables(&'a Variables<'a>),
}

/// What an expression must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Bool,
    Text,
    /// Whoever asks looks at its kind.
    Any,
}

/// Why an expression came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It used up what it may.
    Spent,
    /// It went wrong, in the words of a real server.
    Fault(String),
}
