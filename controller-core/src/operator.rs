//! .
use crate::env::Clock;
pub(crate) struct Scope { pub(crate) clock: Clock }
