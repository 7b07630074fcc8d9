//! Owns what is said of an object that breaks its schema: where, which rule, and what was found.

use std::fmt;

/// Problems that a report shows; it counts the rest.
const SHOWN: usize = 5;

/// Characters of a value that a report quotes.
const QUOTED: usize = 60;

/// One rule that an object breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The JSON pointer of the value; empty for the object itself.
    pub(crate) pointer: String,
    /// What is wrong with it.
    pub(crate) what: String,
    /// The JSON pointer of the rule in the schema.
    pub(crate) rule: String,
    /// The value, as JSON.
    pub(crate) found: String,
}

/// Everything that is wrong with one version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    problems: Vec<Problem>,
    more: usize,
}

impl Report {
    /// An object that breaks no rule has no report.
    pub(super) fn of(mut problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        let more = problems.len().saturating_sub(SHOWN);
        problems.truncate(SHOWN);
        Err(Self { problems, more })
    }

    /// The bytes are not JSON.
    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        let what = format!("the object is not JSON: {error}");
        Self {
            problems: vec![Problem { pointer: String::new(), what, rule: String::new(), found: String::new() }],
            more: 0,
        }
    }

    /// The JSON pointer of the first problem.
    pub(crate) fn pointer(&self) -> &str {
        self.problems.first().map_or("", |problem| &problem.pointer)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        if self.more > 0 {
            write!(f, "; and {} more", self.more)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "the object" } else { &self.pointer };
        write!(f, "{pointer}: {}", self.what)?;
        // The whole object says nothing, and a missing field is not there to be shown.
        if !self.pointer.is_empty() && !self.found.is_empty() {
            let quoted: String = self.found.chars().take(QUOTED).collect();
            let dots = if quoted.len() < self.found.len() { "…" } else { "" };
            write!(f, " (found {quoted}{dots})")?;
        }
        if !self.rule.is_empty() {
            write!(f, " [rule {}]", self.rule)?;
        }
        Ok(())
    }
}
