//! Owns the choice between a log for people and one for machines.

use std::io::IsTerminal as _;

/// How lines of the log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    /// One object a line.
    Json,
}

impl Format {
    /// What fits this process.
    pub(crate) fn of_process() -> Self {
        let asked = std::env::var("LOG_FORMAT").ok();
        let in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        Self::choose(asked.as_deref(), in_cluster, std::io::stderr().is_terminal())
    }

    /// What was asked for, else JSON in a cluster. Whoever sits at a terminal reads text there too.
    fn choose(asked: Option<&str>, in_cluster: bool, terminal: bool) -> Self {
        match asked.map(str::trim) {
            Some("text") => Self::Text,
            Some("json") => Self::Json,
            _ if in_cluster && !terminal => Self::Json,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_text_and_machines_json() {
        let check = |asked, in_cluster, terminal, expect| {
            assert_eq!(Format::choose(asked, in_cluster, terminal), expect, "{asked:?} {in_cluster} {terminal}");
        };
        check(None, false, true, Format::Text);
        check(None, false, false, Format::Text);
        check(None, true, false, Format::Json);
        check(None, true, true, Format::Text);
        check(Some("json"), false, true, Format::Json);
        check(Some(" text "), true, false, Format::Text);
        check(Some("logfmt"), true, false, Format::Json);
        check(Some(""), false, false, Format::Text);
    }
}
