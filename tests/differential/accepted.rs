//! The differences that are meant: a table in Markdown, as the docs print it.

use std::fs;

use anyhow::{Context, Result, ensure};

/// One line of the table.
struct Entry {
    scenario: String,
    request: String,
    place: String,
    used: bool,
}

pub(crate) struct Accepted(Vec<Entry>);

impl Accepted {
    pub(crate) fn read() -> Result<Self> {
        let text = fs::read_to_string(super::folder().join("accepted.md"))?;
        let rows = text.lines().skip(2).filter(|line| !line.trim().is_empty());
        let entries = rows.map(|row| {
            let cells: Vec<&str> =
                row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
            let [scenario, request, place, reason] = cells[..] else { anyhow::bail!("four cells are expected: {row}") };
            ensure!(!reason.is_empty(), "no reason is given: {row}");
            Ok(Entry {
                scenario: scenario.to_owned(),
                request: request.to_owned(),
                place: place.to_owned(),
                used: false,
            })
        });
        entries.collect::<Result<_>>().map(Accepted).context("accepted.md")
    }

    /// Whether a difference is meant.
    pub(crate) fn explains(&mut self, scenario: &str, request: &str, place: &str) -> bool {
        let entry = self.0.iter_mut().find(|entry| {
            matches(&entry.scenario, scenario) && matches(&entry.request, request) && matches(&entry.place, place)
        });
        entry.map(|entry| entry.used = true).is_some()
    }

    /// An entry that explains nothing any more is to go.
    pub(crate) fn all_are_needed(&self) -> Result<()> {
        let idle: Vec<String> = self
            .0
            .iter()
            .filter(|entry| !entry.used)
            .map(|entry| format!("{} {}", entry.request, entry.place))
            .collect();
        ensure!(idle.is_empty(), "accepted.md explains what does not differ: {}", idle.join("; "));
        Ok(())
    }
}

/// Whether a text is as a pattern says, in which a star stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| matches(rest, &text[at..]))
        }),
    }
}
