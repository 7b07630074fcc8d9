//! What one client sees of the store: how far its watches have got.
//!
//! A view never shows more than the store has, and never goes back. A consistent read asks the store; a watch is
//! shown the changes up to its view. Levels ([`Level`]) hold a view back; with none it is the store's present.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::faults::Level;

/// When the store got to which resource version, kept only while some view runs late.
#[derive(Default)]
pub(crate) struct History {
    commits: VecDeque<(u64, Timestamp)>,
}

/// How far a watch may see, and when it is worth looking again though nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Horizon {
    pub(crate) upto: u64,
    pub(crate) until: Option<Timestamp>,
}

impl History {
    /// The store is at `rv` now.
    pub(crate) fn note(&mut self, rv: u64, now: Timestamp) {
        if self.commits.back().is_none_or(|(last, _)| *last < rv) {
            self.commits.push_back((rv, now));
        }
    }

    /// Nobody runs late.
    pub(crate) fn clear(&mut self) {
        self.commits.clear();
    }

    /// How far a watch sees under these levels.
    pub(crate) fn horizon(&self, store: u64, levels: impl Iterator<Item = Level>, now: Timestamp) -> Horizon {
        let mut horizon = Horizon { upto: store, until: None };
        for level in levels {
            match level {
                Level::Held(rv) => horizon.upto = horizon.upto.min(rv),
                Level::Late(delay) => {
                    let (upto, until) = self.late(store, delay, now);
                    horizon.upto = horizon.upto.min(upto);
                    horizon.until = [horizon.until, until].into_iter().flatten().min();
                }
                Level::Silent | Level::Chunks(_) => {}
            }
        }
        horizon
    }

    /// The last resource version that is old enough, and when the next one will be.
    fn late(&self, store: u64, delay: Duration, now: Timestamp) -> (u64, Option<Timestamp>) {
        let shown_at = |commit: Timestamp| {
            let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
            commit.checked_add(delay).unwrap_or(Timestamp::MAX)
        };
        match self.commits.iter().find(|(_, commit)| shown_at(*commit) > now) {
            Some((rv, commit)) => (rv.saturating_sub(1), Some(shown_at(*commit))),
            None => (store, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).expect("a moment near the epoch")
    }

    #[test]
    fn a_view_is_the_store_unless_a_level_holds_it_back() {
        let mut history = History::default();
        for (rv, moment) in [(5, 1_000), (7, 1_200), (8, 1_300)] {
            history.note(rv, at(moment));
        }
        let late = |milliseconds| Level::Late(Duration::from_millis(milliseconds));
        let check = |levels: &[Level], now, upto, until: Option<i64>| {
            let seen = history.horizon(8, levels.iter().copied(), at(now));
            assert_eq!(seen, Horizon { upto, until: until.map(at) }, "{levels:?} at {now}");
        };
        check(&[], 1_300, 8, None);
        check(&[Level::Silent], 1_300, 8, None);
        check(&[Level::Held(6)], 1_300, 6, None);
        check(&[Level::Held(9)], 1_300, 8, None);
        check(&[late(100)], 1_050, 4, Some(1_100));
        check(&[late(100)], 1_300, 7, Some(1_400));
        check(&[late(100)], 1_400, 8, None);
        check(&[late(100), late(250)], 1_300, 6, Some(1_400));
        check(&[late(100), Level::Held(5)], 1_300, 5, Some(1_400));
    }
}
