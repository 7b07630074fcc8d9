//! Owns what is said of a watch's health.

use std::sync::Arc;
use std::time::Instant;

/// How far a watch can be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// The first list is not complete.
    Syncing {
        /// When the watch began.
        since: Instant,
        /// What it waits for, where something is in its way.
        why: Option<Arc<str>>,
    },
    /// It follows the cluster.
    Healthy,
    /// It was complete once, and does not follow the cluster now.
    Stale {
        /// The last sign of life.
        since: Instant,
        /// What is in its way.
        why: Arc<str>,
    },
}

/// What health is told from.
#[derive(Debug)]
pub(super) struct Vitals {
    began: Instant,
    sign_of_life: Instant,
    synced: bool,
    why: Option<Arc<str>>,
}

impl Vitals {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, sign_of_life: now, synced: false, why: None }
    }

    /// Bytes came.
    pub(super) fn alive(&mut self, now: Instant) {
        self.sign_of_life = now;
    }

    pub(super) fn troubled(&mut self, why: &str) {
        self.why = Some(why.into());
    }

    /// It follows the cluster. True if something was in its way before.
    pub(super) fn recovered(&mut self, now: Instant) -> bool {
        self.sign_of_life = now;
        self.why.take().is_some()
    }

    /// When bytes came last; until any came, when the watch began.
    pub(super) fn sign_of_life(&self) -> Instant {
        self.sign_of_life
    }

    pub(super) fn synced(&mut self) {
        self.synced = true;
    }

    pub(super) fn health(&self) -> Health {
        match (&self.why, self.synced) {
            (why, false) => Health::Syncing { since: self.began, why: why.clone() },
            (None, true) => Health::Healthy,
            (Some(why), true) => Health::Stale { since: self.sign_of_life, why: why.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn health_follows_from_what_happened() {
        let start = crate::env::Clock::system().instant().into_std();
        let mut vitals = Vitals::new(start);
        assert_eq!(vitals.health(), Health::Syncing { since: start, why: None });
        vitals.troubled("no server");
        assert_eq!(vitals.health(), Health::Syncing { since: start, why: Some("no server".into()) });
        vitals.synced();
        assert!(vitals.recovered(start));
        assert!(!vitals.recovered(start));
        assert_eq!(vitals.health(), Health::Healthy);
        let later = start + Duration::from_secs(9);
        vitals.alive(later);
        assert_eq!(vitals.health(), Health::Healthy);
        assert_eq!(vitals.sign_of_life(), later);
        vitals.troubled("gone");
        assert_eq!(vitals.health(), Health::Stale { since: later, why: "gone".into() });
        assert!(vitals.recovered(later));
        assert_eq!(vitals.health(), Health::Healthy);
    }
}
