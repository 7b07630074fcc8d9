//! The figures as Markdown: medians over the rounds, with the least and the greatest.

use std::fmt::Write;

use crate::corpus::Corpus;
use crate::figure::{Figures, distinct};
use crate::machine::Machine;
use crate::workload::Workload;

/// What was measured on, and with what.
pub fn heading(machine: &Machine, figures: &Figures) -> String {
    let mut out = format!(
        "{} ({} CPUs), {} GB, Linux {}, load {} at the start; medians of {} rounds. {}.\n\n",
        machine.cpu,
        machine.cores,
        machine.memory_gb,
        machine.kernel,
        machine.load,
        figures.rounds(),
        machine.versions.join(", ")
    );
    let corpora = Corpus::ALL.map(|corpus| {
        let sizes = corpus.sizes();
        format!("{} {} B, {} % managedFields", corpus.name(), sizes.bytes, sizes.managed_percent())
    });
    let _ = writeln!(out, "Objects: {}.", corpora.join("; "));
    out
}

/// A table for each figure of each workload.
pub fn tables(figures: &Figures) -> String {
    let mut out = String::new();
    for workload in Workload::ALL {
        let name = workload.name();
        let own = || figures.0.iter().filter(|figure| figure.workload == name);
        if own().next().is_none() {
            continue;
        }
        let _ = writeln!(out, "\n### {}", workload.title());
        for what in distinct(own().map(|figure| &*figure.what)) {
            let cases = distinct(own().filter(|figure| figure.what == what).map(|figure| &*figure.case));
            let subjects = distinct(own().filter(|figure| figure.what == what).map(|figure| &*figure.subject));
            let _ = writeln!(out, "\n| {what} | {} |\n|{}", cases.join(" | "), " --- |".repeat(cases.len() + 1));
            for subject in subjects {
                let cells = cases.iter().map(|case| match figures.spread(name, case, subject, what) {
                    None => "–".to_owned(),
                    Some(spread) if spread.least == spread.most => number(spread.median),
                    Some(spread) => {
                        format!("{} ({} to {})", number(spread.median), number(spread.least), number(spread.most))
                    }
                });
                let _ = writeln!(out, "| {subject} | {} |", cells.collect::<Vec<_>>().join(" | "));
            }
        }
    }
    out
}

/// Three digits, as far as they say something.
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".to_owned(),
        100.0.. => {
            let digits = format!("{value:.0}");
            let (sign, digits) = digits.strip_prefix('-').map_or(("", &*digits), |digits| ("-", digits));
            let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
            format!("{sign}{}", groups.join(","))
        }
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        let check = |value, expect: &str| assert_eq!(number(value), expect);
        check(1_234_567.8, "1,234,568");
        check(-1234.0, "-1,234");
        check(456.7, "457");
        check(45.67, "45.7");
        check(4.567, "4.57");
        check(f64::NAN, "–");
    }
}
