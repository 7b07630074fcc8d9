//! Owns how long runs of one callback usually take: the median of the last ones.

use std::time::Duration;

/// How many runs are remembered.
const WINDOW: usize = 31;

/// So many runs have to be known before anything is called unusual.
const ENOUGH: usize = 8;

/// After so many runs the median is found anew.
const RENEWED: usize = 8;

/// The times of the last runs.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// In the order in which they came; the oldest is overwritten.
    recent: Vec<Duration>,
    next: usize,
    median: Option<Duration>,
}

impl Pace {
    /// A run took so long.
    pub(super) fn note(&mut self, took: Duration) {
        if self.recent.len() < WINDOW {
            self.recent.push(took);
        } else {
            self.recent[self.next] = took;
        }
        self.next = (self.next + 1) % WINDOW;
        if self.recent.len() >= ENOUGH && self.next.is_multiple_of(RENEWED) {
            let mut sorted = self.recent.clone();
            let (_, median, _) = sorted.select_nth_unstable(self.recent.len() / 2);
            self.median = Some(*median);
        }
    }

    /// The median, once enough is known. It may be that of a few runs ago.
    pub(super) fn median(&self) -> Option<Duration> {
        self.median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(millis: impl IntoIterator<Item = u64>) -> Option<Duration> {
        let mut pace = Pace::default();
        millis.into_iter().for_each(|millis| pace.note(Duration::from_millis(millis)));
        pace.median()
    }

    #[test]
    fn the_median_is_that_of_the_last_runs() {
        assert_eq!(of(0..7), None);
        assert_eq!(of(0..8), Some(Duration::from_millis(4)));
        assert_eq!(of(0..9), Some(Duration::from_millis(4)));
        assert_eq!(of([1; 31].into_iter().chain([9_000; 8])), Some(Duration::from_millis(1)));
        assert_eq!(of([5; 100].into_iter().chain([7; 31])), Some(Duration::from_millis(7)));
    }
}
