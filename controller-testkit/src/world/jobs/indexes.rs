//! The indexes of an indexed Job: what has become of each.

use std::collections::BTreeMap;

use super::spans::Spans;

/// What is known of a Job's indexes.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    active: Vec<i64>,
    pub(super) succeeded: Spans,
    failed: Vec<i64>,
    failures: BTreeMap<i64, i64>,
}

impl Indexes {
    pub(super) fn works(&mut self, index: i64) {
        self.active.push(index);
    }

    /// A pod with this index has failed, of which so many may.
    pub(super) fn fails(&mut self, index: i64, limit: Option<i64>) {
        let failures = self.failures.entry(index).or_default();
        *failures += 1;
        if limit.is_some_and(|limit| *failures > limit) {
            self.failed.push(index);
        }
    }

    /// So many of those that need a pod.
    pub(super) fn free(&self, completions: i64, most: usize) -> Vec<i64> {
        let mut taken = self.succeeded.clone();
        self.active.iter().chain(&self.failed).for_each(|index| taken.insert(*index, *index));
        taken.missing(completions).take(most).collect()
    }

    pub(super) fn failures(&self, index: i64) -> i64 {
        self.failures.get(&index).copied().unwrap_or(0)
    }

    /// Those that are given up, and have not succeeded all the same.
    pub(super) fn failed(&self) -> Spans {
        self.failed.iter().copied().filter(|index| !self.succeeded.contains(*index)).collect()
    }
}
