//! Owns JSON as bytes: how one walks over a text without building anything, and finds a field in it.
//!
//! `cursor` walks, `brackets` finds the end of a value and `text` that of a string, many bytes at once; `pointer` goes to
//! one field, and `decode` makes a type of it, and `place` says where a decoder gave up. Nothing here knows what an object of Kubernetes is.

mod text;
mod brackets;
mod cursor;
mod pointer;
mod place;
mod decode;

pub(crate) use cursor::{Cursor, Flaw};
pub(crate) use decode::decode;
pub(crate) use place::place_of;
pub(crate) use pointer::{Pointer, elements, members};
