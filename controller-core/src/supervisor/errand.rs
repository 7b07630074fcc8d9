//! Owns what is known of a supervisor while it answers nobody: which child it starts or stops, and since when.

use std::sync::Arc;

use tokio::time::Instant;

use super::handle::{Door, SupervisorHandle};

/// What a supervisor does with one child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Starts,
    Stops,
}

/// One child that is being started or stopped.
#[derive(Debug, Clone)]
pub(crate) struct Errand {
    pub(crate) verb: Verb,
    pub(crate) child: Arc<str>,
    pub(crate) since: Instant,
    /// The child where it is a supervisor, which has an errand of its own.
    pub(crate) below: Option<SupervisorHandle>,
}

/// Says that a supervisor is on an errand, until it is dropped.
#[must_use]
pub(super) struct Busy(Arc<Door>);

impl Errand {
    /// The child that keeps this supervisor and those below it: `mail/queue`. With the errand that is its own.
    pub(crate) fn innermost(self) -> (String, Self) {
        match self.below.as_ref().and_then(SupervisorHandle::errand) {
            None => (self.child.to_string(), self),
            Some(errand) => {
                let (path, innermost) = errand.innermost();
                (format!("{}/{path}", self.child), innermost)
            }
        }
    }
}

impl Busy {
    pub(super) fn with(door: &Arc<Door>, errand: Errand) -> Self {
        door.set_errand(Some(errand));
        Self(Arc::clone(door))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_errand(None);
    }
}
