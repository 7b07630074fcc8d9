//! The walk over JSON, as it stands in controller-core, where it is formatted and tested.

#[rustfmt::skip]
#[path = "../../../controller-core/src/json/brackets.rs"]
mod brackets;
#[rustfmt::skip]
#[path = "../../../controller-core/src/json/cursor.rs"]
mod cursor;
#[rustfmt::skip]
#[path = "../../../controller-core/src/json/decode.rs"]
mod decode;
#[rustfmt::skip]
#[path = "../../../controller-core/src/json/text.rs"]
mod text;

pub(crate) use cursor::{Cursor, Flaw};
pub(crate) use decode::decode;
