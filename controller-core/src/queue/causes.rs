//! Owns why a key is to run: a set, since many reasons collapse into one run.

use std::fmt;

use crate::context::Cause;
use crate::descriptor::Callback;

/// The reasons that were merged into one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Causes(u8);

impl Causes {
    pub(crate) const NONE: Self = Self(0);
    /// The object was there when the controller started.
    pub(crate) const FOUND: Self = Self(1);
    /// The object appeared.
    pub(crate) const ADDED: Self = Self(1 << 1);
    /// The object changed.
    pub(crate) const MODIFIED: Self = Self(1 << 2);
    /// The object went.
    pub(crate) const DELETED: Self = Self(1 << 3);
    /// The resync tick.
    pub(crate) const RESYNC: Self = Self(1 << 4);
    /// A callback asked to be called again.
    pub(crate) const REQUEUE: Self = Self(1 << 5);
    /// `cx.enqueue`, or a trigger from outside.
    pub(crate) const MANUAL: Self = Self(1 << 6);
    /// The run before failed.
    pub(crate) const RETRY: Self = Self(1 << 7);

    const NAMES: [(Self, &'static str); 8] = [
        (Self::FOUND, "found"),
        (Self::ADDED, "added"),
        (Self::MODIFIED, "modified"),
        (Self::DELETED, "deleted"),
        (Self::RESYNC, "resync"),
        (Self::REQUEUE, "requeue"),
        (Self::MANUAL, "manual"),
        (Self::RETRY, "retry"),
    ];

    pub(crate) fn has(self, cause: Self) -> bool {
        self.0 & cause.0 != 0
    }

    /// Whether something about the object itself is among them.
    pub(crate) fn has_change(self) -> bool {
        self.has(Self::FOUND.and(Self::ADDED).and(Self::MODIFIED))
    }

    #[must_use]
    pub(crate) fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    #[must_use]
    pub(crate) fn without(self, less: Self) -> Self {
        Self(self.0 & !less.0)
    }

    /// The causes of a run of `callback`, and those that are left for what is pending besides.
    pub(crate) fn split(self, callback: Callback) -> (Self, Self) {
        let object = Self::FOUND.and(Self::ADDED).and(Self::MODIFIED);
        match callback {
            // An object that came back under the same name has causes of its own.
            Callback::Delete => (self.without(object.and(Self::MANUAL)), self.without(Self::DELETED)),
            Callback::Add => (self, self.without(object)),
            Callback::Modify => (self, self.without(Self::MODIFIED)),
            Callback::Reconcile => (self, self),
        }
    }

    /// The one that is told to the callback: a retry, else what happened to the object, else what asked for it.
    pub(crate) fn told(self, failures: u32) -> Cause {
        let order = [
            (Self::RETRY, Cause::Retry(failures)),
            (Self::DELETED, Cause::Deleted),
            (Self::ADDED, Cause::Added),
            (Self::FOUND, Cause::Start),
            (Self::MODIFIED, Cause::Modified),
            (Self::MANUAL, Cause::Manual),
            (Self::REQUEUE, Cause::Requeue),
        ];
        order.into_iter().find(|(cause, _)| self.has(*cause)).map_or(Cause::Resync, |(_, told)| told)
    }
}

impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (cause, name) in Self::NAMES {
            if self.has(cause) {
                write!(f, "{separator}{name}")?;
                separator = "+";
            }
        }
        Ok(())
    }
}
