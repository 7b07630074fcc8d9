//! Transcripts as text: commands in the order in which they are given, and the files that they read.
//!
//! ```text
//! # A remark.
//! file app.yaml
//!     kind: ConfigMap
//! $ kubectl apply -f app.yaml
//! & 1 kubectl get configmaps --watch
//! $ kubectl delete configmap app
//! % 2
//! ```
//!
//! A command is a shell's, so it may have pipes and words in quotes. `& N` starts one that goes on, once it has printed
//! N lines, and `% N` ends it when there are N.

use anyhow::{Context, Result, bail, ensure};

pub(crate) struct Transcript {
    /// The file's, and the namespace in which its commands work.
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug)]
pub(crate) enum Step {
    File { name: String, text: String },
    Run { line: String, command: String },
    Start { line: String, command: String, lines: usize },
    End { line: String, lines: usize },
}

impl Step {
    /// The line that asks for what is printed; files print nothing.
    fn line(&self) -> Option<&str> {
        match self {
            Step::File { .. } => None,
            Step::Run { line, .. } | Step::Start { line, .. } | Step::End { line, .. } => Some(line),
        }
    }
}

impl Transcript {
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self> {
        let mut steps = Vec::new();
        for line in text.lines() {
            let (sign, rest) = line.split_once(' ').unwrap_or((line, ""));
            let (line, rest) = (line.to_owned(), rest.trim());
            match sign {
                "" if !line.is_empty() => {
                    let inner = line.strip_prefix("    ").context("a line of a file begins with four blanks")?;
                    let Some(Step::File { text, .. }) = steps.last_mut() else { bail!("a line of no file: {line:?}") };
                    text.push_str(inner);
                    text.push('\n');
                }
                "" | "#" => {}
                "file" => steps.push(Step::File { name: rest.to_owned(), text: String::new() }),
                "$" => steps.push(Step::Run { command: rest.to_owned(), line }),
                "&" => {
                    let (lines, command) = rest.split_once(' ').context("how many lines, and a command")?;
                    steps.push(Step::Start { lines: lines.parse()?, command: command.to_owned(), line });
                }
                "%" => steps.push(Step::End { lines: rest.parse()?, line }),
                _ => bail!("neither a command nor a file nor a remark: {line:?}"),
            }
        }
        let transcript = Transcript { name: name.to_owned(), steps };
        ensure!(transcript.commands().count() > 0, "it has no commands");
        Ok(transcript)
    }

    /// Every line for which something is recorded.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(Step::line)
    }
}

#[test]
fn a_transcript_is_read_line_by_line() {
    let text = "# Why.\nfile a\n    b: c\n\n        d\n$ kubectl get a | sort\n& 2 kubectl get -w\n% 3\n";
    let read = Transcript::parse("t", text).expect("it is well formed");
    assert_eq!(read.commands().collect::<Vec<_>>(), ["$ kubectl get a | sort", "& 2 kubectl get -w", "% 3"]);
    assert!(matches!(&read.steps[0], Step::File { name, text } if name == "a" && text == "b: c\n    d\n"));
    for bad in ["", "    a", "kubectl get pods", "& kubectl get -w", "file a\n  b", "% x"] {
        assert!(Transcript::parse("t", bad).is_err(), "{bad:?}");
    }
}
