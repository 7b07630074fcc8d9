//! Figures: one a line in the file that a run leaves, and what is made of several.

use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// One figure of one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// `w2`
    pub workload: String,
    /// What was done, within the workload: `10000 pod-large`.
    pub case: String,
    /// Who did it: `lazy`.
    pub subject: String,
    /// What is measured, with its unit: `CPU per event, µs`.
    pub what: String,
    /// In which round.
    pub round: u32,
    /// How much.
    pub value: f64,
}

/// The figures of several rounds as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub most: f64,
}

impl Spread {
    /// None of nothing.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { median, least, most })
    }
}

/// The value below which this many of a thousand lie, by the nearest rank. The values are sorted.
pub fn permille(sorted: &[u64], permille: usize) -> Option<u64> {
    let rank = (sorted.len() * permille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied()
}

/// All figures of a run.
#[derive(Debug, Clone, Default)]
pub struct Figures(pub Vec<Figure>);

/// A line of the file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Figure(Figure),
    Machine(Machine),
}

impl Figures {
    /// The file in a folder of a bench.
    pub const FILE: &str = "figures.jsonl";

    /// Reads what runs have left: the figures, and the machine as it was at the start.
    pub fn read(folder: &Path) -> anyhow::Result<(Machine, Self)> {
        let path = folder.join(Self::FILE);
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
        let (mut machine, mut figures) = (None, Self::default());
        for line in text.lines() {
            match serde_json::from_str(line).with_context(|| format!("{} has the line {line:?}", path.display()))? {
                Line::Figure(figure) => figures.0.push(figure),
                Line::Machine(found) => drop(machine.get_or_insert(found)),
            }
        }
        Ok((machine.with_context(|| format!("{} does not say where it was made", path.display()))?, figures))
    }

    /// How many rounds there were of what has the most.
    pub fn rounds(&self) -> u32 {
        self.0.iter().map(|figure| figure.round + 1).max().unwrap_or(0)
    }

    /// One figure over its rounds.
    pub fn spread(&self, workload: &str, case: &str, subject: &str, what: &str) -> Option<Spread> {
        let same = |f: &&Figure| f.workload == workload && f.case == case && f.subject == subject && f.what == what;
        Spread::of(self.0.iter().filter(same).map(|figure| figure.value))
    }

    /// The median of a figure in the last case that has it for all of these subjects: cases grow.
    pub fn medians<const N: usize>(
        &self,
        workload: &str,
        what: &str,
        subjects: [&str; N],
    ) -> Option<(String, [f64; N])> {
        let cases = distinct(self.0.iter().filter(|f| f.workload == workload && f.what == what).map(|f| &*f.case));
        cases.into_iter().rev().find_map(|case| {
            let medians =
                subjects.map(|subject| self.spread(workload, case, subject, what).map(|spread| spread.median));
            let all: Option<Vec<f64>> = medians.into_iter().collect();
            Some((case.to_owned(), all?.try_into().ok()?))
        })
    }
}

/// Each once, in the order in which they come first.
pub fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for text in texts {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let hundred: Vec<u64> = (1..=100).collect();
        let check = |sorted: &[u64], of_thousand, expect| assert_eq!(permille(sorted, of_thousand), expect);
        check(&hundred, 500, Some(50));
        check(&hundred, 990, Some(99));
        check(&hundred, 999, Some(100));
        check(&hundred, 1000, Some(100));
        check(&hundred, 0, Some(1));
        check(&[7], 500, Some(7));
        check(&[], 500, None);
    }

    #[test]
    fn a_median_is_the_middle_or_the_mean_of_the_two_there() {
        let spread = |median, least, most| Some(Spread { median, least, most });
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), spread(2.0, 1.0, 3.0));
        assert_eq!(Spread::of([4.0, 1.0]), spread(2.5, 1.0, 4.0));
        assert_eq!(Spread::of([]), None);
    }

    proptest! {
        #[test]
        fn at_least_the_share_lies_at_or_below_a_percentile_and_less_than_it_below(
            mut values in proptest::collection::vec(0_u64..50, 1..200),
            share in 1_usize..=1000,
        ) {
            values.sort_unstable();
            let found = permille(&values, share).expect("there are values");
            let upto = values.iter().filter(|value| **value <= found).count();
            let below = values.iter().filter(|value| **value < found).count();
            prop_assert!(upto * 1000 >= values.len() * share);
            prop_assert!(below * 1000 < values.len() * share);
        }
    }
}
