//! Scenarios: what is asked, in which order, written as one would write it into an HTTP client.
//!
//! A request is a line `METHOD PATH`, header lines, and a body, which begins after an empty line or with its bracket.
//! It ends where the next one begins; lines that start with `#` are for the reader. `MERGE`, `STRATEGIC`, `JSON` and
//! `APPLY` are PATCHes of that type, and a body without a `Content-Type` is JSON. Lines that start with `>` stand after
//! the body and ask for more:
//!
//! - `> rv = /metadata/resourceVersion` keeps a value of the answer, to be written as `{{rv}}` further down;
//! - `> until code 200` and `> until /status/phase "Active"` repeat the request until that is so;
//! - `> show audit-id` tells of a header that is no part of the answers elsewhere;
//! - `> as w` opens a stream, from which `READ w 3` takes the next three lines, and `END w` what is left until its end.
//!
//! `FORGET` compacts the store up to now: what was before can't be listed any more. A server may remember it for watches
//! all the same, until `RESTART`.
//!
//! `{{ns}}` is a namespace of the scenario's own, and `@x100` within a body is so many letters.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// One story.
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

/// One request, or one look at a stream.
#[derive(Default)]
pub(crate) struct Step {
    /// As it is written, to know it by.
    pub(crate) line: String,
    pub(crate) act: Act,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) keep: BTreeMap<String, String>,
    pub(crate) until: Option<Until>,
    pub(crate) stream: Option<String>,
    /// Headers that are told of beside the usual ones.
    pub(crate) shown: Vec<String>,
}

pub(crate) enum Act {
    Ask {
        method: String,
        path: String,
    },
    Read {
        stream: String,
        lines: usize,
    },
    End {
        stream: String,
    },
    /// The server is to forget what was before.
    Forget,
    /// It is to start anew over what is stored.
    Restart,
}

impl Default for Act {
    fn default() -> Self {
        Act::End { stream: String::new() }
    }
}

/// What an answer must be like for the story to go on.
pub(crate) enum Until {
    Code(u16),
    Value(String, Value),
}

const METHODS: [(&str, &str, &str); 15] = [
    ("GET", "GET", ""),
    ("HEAD", "HEAD", ""),
    ("OPTIONS", "OPTIONS", ""),
    ("POST", "POST", "application/json"),
    ("PUT", "PUT", "application/json"),
    ("DELETE", "DELETE", "application/json"),
    ("PATCH", "PATCH", ""),
    ("MERGE", "PATCH", "application/merge-patch+json"),
    ("STRATEGIC", "PATCH", "application/strategic-merge-patch+json"),
    ("JSON", "PATCH", "application/json-patch+json"),
    ("APPLY", "PATCH", "application/apply-patch+yaml"),
    ("READ", "", ""),
    ("END", "", ""),
    ("FORGET", "", ""),
    ("RESTART", "", ""),
];

impl Scenario {
    /// Whether it changes what others find: such a story is told last.
    pub(crate) fn forgets(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.act, Act::Forget | Act::Restart))
    }

    pub(crate) fn parse(name: &str, text: &str) -> Result<Self> {
        let mut steps: Vec<Step> = Vec::new();
        let mut in_body = false;
        for line in text.lines() {
            let word = line.split(' ').next().unwrap_or_default();
            if let Some((_, method, content_type)) = METHODS.iter().find(|(known, _, _)| *known == word) {
                steps.push(Step::begin(line, method, content_type)?);
                in_body = false;
                continue;
            }
            let Some(step) = steps.last_mut() else { continue };
            if let Some(wish) = line.strip_prefix("> ") {
                step.wish(wish).with_context(|| line.to_owned())?;
            } else if !in_body && line.is_empty() {
                in_body = true;
            } else if !line.starts_with('#') {
                match line.split_once(": ") {
                    Some((name, value)) if !in_body && !line.starts_with(['{', '[', '"']) => {
                        step.headers.retain(|(known, _)| known != name);
                        step.headers.push((name.to_owned(), value.to_owned()));
                    }
                    _ => {
                        in_body = true;
                        step.body.push_str(line);
                        step.body.push('\n');
                    }
                }
            }
        }
        for step in &mut steps {
            step.body.truncate(step.body.trim_end().len());
            if step.body.is_empty() {
                step.headers
                    .retain(|(name, value)| (name.as_str(), value.as_str()) != ("Content-Type", "application/json"));
            }
        }
        Ok(Scenario { name: name.to_owned(), steps })
    }
}

impl Step {
    fn begin(line: &str, method: &str, content_type: &str) -> Result<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let act = match words[..] {
            ["READ", stream, lines] => Act::Read { stream: stream.to_owned(), lines: lines.parse()? },
            ["END", stream] => Act::End { stream: stream.to_owned() },
            ["FORGET"] => Act::Forget,
            ["RESTART"] => Act::Restart,
            [_, path] => Act::Ask { method: method.to_owned(), path: path.to_owned() },
            _ => bail!("a request line has a method and a path without spaces: {line}"),
        };
        let mut headers = Vec::new();
        if !content_type.is_empty() {
            headers.push(("Content-Type".to_owned(), content_type.to_owned()));
        }
        Ok(Step { line: line.to_owned(), act, headers, ..Step::default() })
    }

    fn wish(&mut self, wish: &str) -> Result<()> {
        match wish.split(' ').collect::<Vec<_>>()[..] {
            ["until", "code", code] => self.until = Some(Until::Code(code.parse()?)),
            ["until", pointer, ..] => {
                let value = wish.trim_start_matches("until ").trim_start_matches(pointer);
                self.until = Some(Until::Value(pointer.to_owned(), serde_json::from_str(value)?));
            }
            ["as", name] => self.stream = Some(name.to_owned()),
            ["show", header] => self.shown.push(header.to_owned()),
            [name, "=", pointer] => drop(self.keep.insert(name.to_owned(), pointer.to_owned())),
            _ => bail!("it is `until ..`, `show HEADER`, `as NAME` or `NAME = POINTER`"),
        }
        Ok(())
    }
}
