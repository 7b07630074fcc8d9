//! Sets of indexes in spans, as a Job's status and policies write them: `1,3-5`. A span costs the same however long it is.

use std::collections::BTreeMap;
use std::fmt;

/// Indexes, in spans that do not touch each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spans(BTreeMap<i64, i64>);

impl Spans {
    /// Reads such a list, as far as it is about so many indexes.
    pub(super) fn read(text: &str, completions: i64) -> Self {
        let mut spans = Self::default();
        for span in text.split(',') {
            let (first, last) = span.split_once('-').unwrap_or((span, span));
            if let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) {
                spans.insert(first.max(0), last.min(completions - 1));
            }
        }
        spans
    }

    pub(super) fn insert(&mut self, mut first: i64, mut last: i64) {
        if first > last {
            return;
        }
        let touched = |spans: &Self, first: i64, last: i64| {
            let (start, end) = spans.0.range(..=last + 1).next_back()?;
            (*end >= first - 1).then_some((*start, *end))
        };
        while let Some((start, end)) = touched(self, first, last) {
            self.0.remove(&start);
            (first, last) = (first.min(start), last.max(end));
        }
        self.0.insert(first, last);
    }

    pub(super) fn contains(&self, index: i64) -> bool {
        self.0.range(..=index).next_back().is_some_and(|(_, last)| *last >= index)
    }

    pub(super) fn len(&self) -> i64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// How many indexes both have.
    pub(super) fn common(&self, other: &Self) -> i64 {
        let within = |(first, last): (&i64, &i64)| -> i64 {
            let overlapping = other.0.range(..=last).rev().take_while(|(_, end)| *end >= first);
            overlapping.map(|(start, end)| end.min(last) - start.max(first) + 1).sum()
        };
        self.0.iter().map(within).sum()
    }

    /// Those below `completions` that are missing.
    pub(super) fn missing(&self, completions: i64) -> impl Iterator<Item = i64> {
        let mut next = 0;
        let spans = self.0.iter().map(|(first, last)| (*first, *last)).chain([(completions, completions)]);
        spans.flat_map(move |(first, last)| std::mem::replace(&mut next, last + 1)..first.min(completions))
    }
}

impl FromIterator<i64> for Spans {
    fn from_iter<I: IntoIterator<Item = i64>>(indexes: I) -> Self {
        let mut spans = Self::default();
        indexes.into_iter().for_each(|index| spans.insert(index, index));
        spans
    }
}

impl fmt::Display for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn they_are_written_and_read() {
        let check = |indexes: &[i64], text: &str| {
            assert_eq!(indexes.iter().copied().collect::<Spans>().to_string(), text);
            assert_eq!(Spans::read(text, 100), indexes.iter().copied().collect());
        };
        check(&[], "");
        check(&[3], "3");
        check(&[0, 1, 3, 4, 5, 9], "0,1,3-5,9");
        assert_eq!(Spans::read("1-9", 3), [1, 2].into_iter().collect());
        assert_eq!(Spans::read("9-1,x,-5,3-", 100), Spans::default());
    }

    #[test]
    fn a_long_span_costs_no_more_than_a_short_one() {
        let whole = i64::from(i32::MAX);
        let spans = Spans::read(&format!("0-{whole}"), whole);
        assert_eq!((spans.len(), spans.missing(whole).count()), (whole, 0));
        assert_eq!(spans.common(&Spans::read("5-6,9", whole)), 3);
    }

    proptest! {
        #[test]
        fn they_are_sets(one in proptest::collection::vec((0..40_i64, 0..6_i64), 0..9), other in proptest::collection::btree_set(0..40_i64, 0..20)) {
            let mut spans = Spans::default();
            one.iter().for_each(|(first, length)| spans.insert(*first, first + length));
            let set: BTreeSet<i64> = one.iter().flat_map(|(first, length)| *first..=first + length).collect();
            let others: Spans = other.iter().copied().collect();
            prop_assert_eq!(&spans, &set.iter().copied().collect::<Spans>());
            prop_assert_eq!(spans.len(), set.len() as i64);
            prop_assert_eq!(spans.common(&others), set.intersection(&other).count() as i64);
            prop_assert_eq!(spans.missing(30).collect::<Vec<_>>(), (0..30).filter(|index| !set.contains(index)).collect::<Vec<_>>());
            prop_assert!((0..50).all(|index| spans.contains(index) == set.contains(&index)));
        }
    }
}
