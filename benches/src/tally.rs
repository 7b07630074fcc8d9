//! What a subject counts, and how it is asked: a word a line on standard input, a [`Report`] a line on standard output.
//!
//! All subjects speak so, the peers too. Their CPU time and memory are read from outside.

use std::io::{BufRead, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// What a subject says when it is asked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// Callbacks since the start.
    pub callbacks: u64,
    /// When the last one was, in nanoseconds since 1970.
    pub last: u64,
    /// The greatest number of a change that was seen.
    pub event: u64,
    /// From rated changes to their callbacks, in nanoseconds, since the last report.
    pub latencies: Vec<u64>,
}

/// The counts of one subject.
#[derive(Debug, Default)]
pub struct Tally {
    callbacks: AtomicU64,
    last: AtomicU64,
    event: AtomicU64,
    latencies: Mutex<Vec<u64>>,
}

impl Tally {
    /// Counts a callback. `at` and `event` are the annotations of the object.
    pub fn note(&self, at: Option<&str>, event: Option<&str>) {
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        self.last.store(now, Ordering::Relaxed);
        self.event.fetch_max(number(event), Ordering::Relaxed);
        let at = number(at);
        if at > 0 {
            self.latencies.lock().expect("nothing panics with it").push(now.saturating_sub(at));
        }
    }

    fn report(&self) -> Report {
        Report {
            callbacks: self.callbacks.load(Ordering::Relaxed),
            last: self.last.load(Ordering::Relaxed),
            event: self.event.load(Ordering::Relaxed),
            latencies: std::mem::take(&mut *self.latencies.lock().expect("nothing panics with it")),
        }
    }

    /// Says that the process is there, starts at the word `go`, and answers each other line with a report.
    pub fn serve(&self, start: impl FnOnce()) -> std::io::Result<()> {
        let mut start = Some(start);
        say(&Report::default())?;
        for line in std::io::stdin().lock().lines() {
            if line? != "go" {
                say(&self.report())?;
            } else if let Some(start) = start.take() {
                start();
            }
        }
        Ok(())
    }
}

fn say(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, report)?;
    writeln!(out)?;
    out.flush()
}
