//! Reads what the engine must know of an object out of its bytes, in one pass and without a tree.

use std::borrow::Cow;

/// What the engine must know of one version of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Head<'a> {
    pub(crate) namespace: Option<Cow<'a, str>>,
    pub(crate) name: Cow<'a, str>,
    pub(crate) uid: Option<Cow<'a, str>>,
    pub(crate) version: Cow<'a, str>,
    pub(crate) generation: Option<i64>,
    pub(crate) deleting: bool,
}
