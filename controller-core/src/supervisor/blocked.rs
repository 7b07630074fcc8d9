//! Owns the watch over children that block their thread, where their specs ask for it.
//!
//! A thread beside the runtime looks at the polls that are under way, since a blocked thread has no timers. What it
//! finds is logged and counted; it changes nothing, because a child that does not yield can't be stopped.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::line::Line;
use crate::env::{Stopwatch, Thread};

/// How often the polls are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// The polls of one start of one child.
#[derive(Debug)]
pub(super) struct Polls {
    stopwatch: Stopwatch,
    limit: Duration,
    /// When the poll that is under way began, in nanoseconds of the stopwatch and one more; 0 where none is.
    began: AtomicU64,
    /// The poll that was told of last.
    told: AtomicU64,
    found: AtomicU64,
}

/// Who looks at the children of one supervisor.
pub(super) struct Lookout {
    stopwatch: Stopwatch,
    lines: Arc<Mutex<Vec<Weak<Line>>>>,
    _thread: Option<Thread>,
}

impl Polls {
    /// A poll begins.
    pub(super) fn begin(&self) {
        let now = u64::try_from(self.stopwatch.elapsed().as_nanos()).unwrap_or(u64::MAX - 1);
        self.began.store(now + 1, Ordering::Relaxed);
    }

    /// The poll is over.
    pub(super) fn end(&self) {
        self.began.store(0, Ordering::Relaxed);
    }

    /// How often a poll took longer than the limit.
    pub(super) fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }

    /// How long the poll that is under way has taken, where that is past the limit and was not told yet.
    fn look(&self) -> Option<Duration> {
        let began = self.began.load(Ordering::Relaxed);
        let takes = self.stopwatch.elapsed().saturating_sub(Duration::from_nanos(began.checked_sub(1)?));
        if takes < self.limit || self.told.swap(began, Ordering::Relaxed) == began {
            return None;
        }
        self.found.fetch_add(1, Ordering::Relaxed);
        Some(takes)
    }
}

impl Lookout {
    /// Looks until it is dropped. Where the system gives no thread, nothing is seen, and a log says so.
    pub(super) fn start(supervisor: Arc<str>) -> Self {
        let lines: Arc<Mutex<Vec<Weak<Line>>>> = Arc::default();
        let watched = Arc::clone(&lines);
        // Its words go where those of the supervisor go.
        let log = tracing::dispatcher::get_default(Clone::clone);
        let thread = Thread::every(LOOK, "supervisor-lookout", move || {
            let _log = tracing::dispatcher::set_default(&log);
            let lines: Vec<Arc<Line>> = watched.lock().iter().filter_map(Weak::upgrade).collect();
            for line in lines {
                if let Some(takes) = line.polls().and_then(Polls::look) {
                    tracing::warn!(
                        supervisor = &*supervisor,
                        child = line.id(),
                        "a child has not yielded for {takes:.1?}: it blocks its thread, and others wait for it; await instead, or move it to a thread of its own"
                    );
                }
            }
            ControlFlow::Continue(())
        });
        let thread = thread
            .inspect_err(|error| tracing::warn!(%error, "children that block are not seen: no thread to look from"))
            .ok();
        Self { stopwatch: Stopwatch::start(), lines, _thread: thread }
    }

    pub(super) fn polls(&self, limit: Duration) -> Polls {
        Polls {
            stopwatch: self.stopwatch,
            limit,
            began: AtomicU64::new(0),
            told: AtomicU64::new(0),
            found: AtomicU64::new(0),
        }
    }

    pub(super) fn watch(&self, line: &Arc<Line>) {
        let mut lines = self.lines.lock();
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Arc::downgrade(line));
    }
}
