//! The indexes of an indexed Job: what has become of each, and how lists of them are written.

use std::collections::{BTreeMap, BTreeSet};

/// What is known of a Job's indexes.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    active: BTreeSet<i64>,
    succeeded: BTreeSet<i64>,
    failed: BTreeSet<i64>,
    failures: BTreeMap<i64, i64>,
}

impl Indexes {
    pub(super) fn works(&mut self, index: i64) {
        self.active.insert(index);
    }

    pub(super) fn succeeds(&mut self, index: i64) {
        self.succeeded.insert(index);
    }

    /// A pod with this index has failed, of which so many may.
    pub(super) fn fails(&mut self, index: i64, limit: Option<i64>) {
        let failures = self.failures.entry(index).or_default();
        *failures += 1;
        if limit.is_some_and(|limit| *failures > limit) {
            self.failed.insert(index);
        }
    }

    /// Whether an index needs no new pod.
    pub(super) fn is_taken(&self, index: i64) -> bool {
        [&self.active, &self.succeeded, &self.failed].iter().any(|indexes| indexes.contains(&index))
    }

    pub(super) fn failures(&self, index: i64) -> i64 {
        self.failures.get(&index).copied().unwrap_or(0)
    }

    pub(super) fn succeeded(&self) -> &BTreeSet<i64> {
        &self.succeeded
    }

    /// Those that are given up, and have not succeeded all the same.
    pub(super) fn failed(&self) -> impl ExactSizeIterator<Item = &i64> + use<'_> {
        let left: Vec<&i64> = self.failed.difference(&self.succeeded).collect();
        left.into_iter()
    }
}

/// Indexes as a status has them: `1,3-5`.
pub(super) fn written<'a>(indexes: impl IntoIterator<Item = &'a i64>) -> String {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for index in indexes {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => spans.push((*index, *index)),
        }
    }
    let span = |(first, last): &(i64, i64)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    };
    spans.iter().map(span).collect::<Vec<_>>().join(",")
}

/// Reads such a list, as far as it is about so many indexes.
pub(super) fn read(text: &str, completions: i64) -> BTreeSet<i64> {
    let mut indexes = BTreeSet::new();
    for span in text.split(',') {
        let (first, last) = span.split_once('-').unwrap_or((span, span));
        if let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) {
            indexes.extend(first..=last.min(completions - 1));
        }
    }
    indexes
}
