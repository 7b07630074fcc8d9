//! Selectors: which objects a list, a watch or a deletecollection means.
//!
//! Labels have two grammars, `app=web` and `app in (web, db)`; fields have one. Both are parsed once per request, and
//! a wrong selector is refused in the real server's words. Which fields a kind knows is the caller's matter.

mod field;
mod label;

#[cfg(test)]
mod tests;

pub(crate) use field::FieldSelector;
pub(crate) use label::LabelSelector;
