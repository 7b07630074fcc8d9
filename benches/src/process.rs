//! A child that is spoken to a line at a time, and what it has used, read from /proc.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Memory of a process in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// What it has now.
    pub resident: u64,
    /// The most it had since the start, or since [`Process::forget_peak`].
    pub peak: u64,
}

impl Process {
    /// Starts it. Errors name it so.
    pub fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} does not start: {command:?}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{name} has no pipes");
        };
        Ok(Self { name: name.to_owned(), child, input, lines: BufReader::new(output).lines() })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line.
    pub fn say(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.input, "{line}")
            .and_then(|()| self.input.flush())
            .with_context(|| format!("{} is gone", self.name))
    }

    /// Reads a line.
    pub fn line(&mut self) -> anyhow::Result<String> {
        let line = self.lines.next().with_context(|| format!("{} has ended", self.name))?;
        line.with_context(|| format!("{} says no text", self.name))
    }

    /// Writes a line and reads the answer.
    pub fn ask<T: DeserializeOwned>(&mut self, question: &impl Serialize) -> anyhow::Result<T> {
        self.say(&serde_json::to_string(question)?)?;
        let line = self.line()?;
        serde_json::from_str(&line).with_context(|| format!("{} answers {line:?}", self.name))
    }

    /// CPU time up to now.
    ///
    /// It is summed over the threads from schedstat, in nanoseconds: the ticks of /proc/pid/stat are too coarse. Threads
    /// that have ended are not in it; runtimes keep theirs.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(self.proc("task"))? {
            // A thread may end while the others are read.
            let schedstat = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            nanoseconds += schedstat.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Memory now and at most.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        let status = fs::read_to_string(self.proc("status"))?;
        let bytes = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field))?;
            Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
        };
        Ok(Memory { resident: bytes("VmRSS:").unwrap_or(0), peak: bytes("VmHWM:").unwrap_or(0) })
    }

    /// The peak is counted from now on.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        fs::write(self.proc("clear_refs"), "5").context("the peak can't be reset")
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has already ended is stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
