//! What expressions ask an `authorizer`: may this user do that?
//!
//! An expression can't be stopped to ask, so what is not known yet ends its run; it is decided then, and the expression
//! runs again. Each question is decided once.

use std::fmt;
use std::sync::{Arc, Mutex};
#[cfg(feature = "cel")]
use std::sync::{MutexGuard, PoisonError};

use crate::auth::{Ask, Decision};

/// One thing that may be allowed or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Question {
    /// The service account that is to do it, by namespace and name; without one, the user of the request.
    pub(crate) account: Option<(String, String)>,
    pub(crate) ask: Ask,
}

/// Whoever answers questions.
pub(crate) struct Authority<'a> {
    decide: &'a (dyn Fn(&Question) -> Decision + Sync),
    known: Arc<Known>,
    /// What the request itself asks for.
    request: Ask,
}

/// What has been asked so far.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "cel"), expect(dead_code, reason = "nothing asks without expressions"))]
pub(super) struct Known {
    told: Mutex<Vec<(Question, Decision)>>,
    open: Mutex<Vec<Question>>,
}

impl fmt::Debug for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("known", &self.known).finish_non_exhaustive()
    }
}

impl<'a> Authority<'a> {
    pub(crate) fn new(request: Ask, decide: &'a (dyn Fn(&Question) -> Decision + Sync)) -> Self {
        Self { decide, known: Arc::default(), request }
    }
}

#[cfg(feature = "cel")]
impl Authority<'_> {
    pub(super) fn request(&self) -> &Ask {
        &self.request
    }

    pub(super) fn known(&self) -> Arc<Known> {
        self.known.clone()
    }

    /// Decides what a run has left open; whether there was anything.
    pub(super) fn answer(&self) -> bool {
        let open = std::mem::take(&mut *locked(&self.known.open));
        let any = !open.is_empty();
        for question in open {
            let decision = (self.decide)(&question);
            locked(&self.known.told).push((question, decision));
        }
        any
    }
}

#[cfg(feature = "cel")]
impl Known {
    /// What was decided; a question that is new is left open.
    pub(super) fn decision(&self, question: &Question) -> Option<Decision> {
        let told = locked(&self.told);
        let found = told.iter().find(|(asked, _)| asked == question).map(|(_, decision)| decision.clone());
        let mut open = locked(&self.open);
        if found.is_none() && !open.contains(question) {
            open.push(question.clone());
        }
        found
    }
}

/// What is in a lock; a run that failed while it had it leaves nothing half done.
#[cfg(feature = "cel")]
pub(super) fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
