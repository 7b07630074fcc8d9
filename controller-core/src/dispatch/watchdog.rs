//! Owns the watch over callbacks that run: one that blocks its thread, or takes far longer than it used to, is named
//! while it does.
//!
//! Each worker has a [`Seat`]. Whoever sits in it says when a run begins and ends, and when its future is polled. A
//! thread beside the runtime looks at the seats, since a blocked thread has no timers. What it finds is logged and
//! counted; it changes nothing, because a future that does not yield can't be stopped.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::counters::Counters;
use super::memory::Memory;
use crate::env::{Stopwatch, Thread};
use crate::key::Key;

/// How often the seats are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// A poll that takes longer blocks its thread.
const BLOCKED: Duration = Duration::from_secs(1);

/// A run that takes so many times the median of its callback is unusual.
const UNUSUAL: u32 = 10;

/// Nothing shorter is called unusual.
const SHORTEST: Duration = Duration::from_secs(1);

/// The watch over all callbacks of an operator.
pub(crate) struct Watchdog {
    seats: Arc<Mutex<Vec<Weak<Seat>>>>,
    stopwatch: Stopwatch,
    _thread: Option<Thread>,
}

/// Where one worker's runs are seen.
pub(crate) struct Seat {
    controller: &'static str,
    counters: Arc<Counters>,
    stopwatch: Stopwatch,
    run: Mutex<Option<Run>>,
    /// When the poll that is under way began, in nanoseconds of the stopwatch and one more; 0 where none is.
    polled_at: AtomicU64,
}

/// A run that is under way.
#[derive(Debug, Clone)]
struct Run {
    key: Key,
    callback: &'static str,
    began: Duration,
    /// The median of its callback's last runs.
    median: Option<Duration>,
    told_blocked: bool,
    told_unusual: bool,
}

/// A run that is under way, as it looks from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnderWay {
    pub(crate) key: Key,
    pub(crate) callback: &'static str,
    /// The time that it took so far.
    pub(crate) takes: Duration,
}

/// What there is to say of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    /// It has not yielded for so long.
    Blocked(Duration),
    /// It takes so long, and its median is this.
    Unusual(Duration, Duration),
}

impl Run {
    /// What is new to say at `now` of a run whose poll began at `polled_at`.
    fn judge(&mut self, now: Duration, polled_at: Option<Duration>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(polled_at) = polled_at {
            let blocked = now.saturating_sub(polled_at);
            if blocked >= BLOCKED && !self.told_blocked {
                self.told_blocked = true;
                findings.push(Finding::Blocked(blocked));
            }
        }
        if let Some(median) = self.median {
            let takes = now.saturating_sub(self.began);
            if takes >= (median * UNUSUAL).max(SHORTEST) && !self.told_unusual {
                self.told_unusual = true;
                findings.push(Finding::Unusual(takes, median));
            }
        }
        findings
    }
}

impl Watchdog {
    /// Looks until it is dropped. Where the system gives no thread, nothing is watched over, and a log says so.
    pub(crate) fn start() -> Self {
        let stopwatch = Stopwatch::start();
        let seats: Arc<Mutex<Vec<Weak<Seat>>>> = Arc::default();
        let watched = Arc::clone(&seats);
        let mut memory = Memory::default();
        // Its words go where those of the operator go.
        let log = tracing::dispatcher::get_default(Clone::clone);
        let thread = Thread::every(LOOK, "controller-watchdog", move || {
            let _log = tracing::dispatcher::set_default(&log);
            let seats: Vec<Arc<Seat>> = watched.lock().iter().filter_map(Weak::upgrade).collect();
            for seat in &seats {
                seat.look();
            }
            if let Some(fill) = memory.look() {
                let running: Vec<String> = seats.iter().filter_map(|seat| seat.says()).collect();
                tracing::warn!(running = running.join(", "), "memory is nearly full: {fill}");
            }
            ControlFlow::Continue(())
        });
        let thread = thread
            .inspect_err(|error| tracing::warn!(%error, "callbacks that block are not seen: no thread to watch from"))
            .ok();
        Self { seats, stopwatch, _thread: thread }
    }

    /// A seat for one worker of this controller.
    pub(super) fn seat(&self, controller: &'static str, counters: Arc<Counters>) -> Arc<Seat> {
        let seat = Arc::new(Seat {
            controller,
            counters,
            stopwatch: self.stopwatch,
            run: Mutex::default(),
            polled_at: AtomicU64::new(0),
        });
        let mut seats = self.seats.lock();
        seats.retain(|seat| seat.strong_count() > 0);
        seats.push(Arc::downgrade(&seat));
        seat
    }
}

impl Seat {
    /// A run begins.
    pub(super) fn begin(&self, key: Key, callback: &'static str, median: Option<Duration>) {
        let began = self.stopwatch.elapsed();
        *self.run.lock() = Some(Run { key, callback, began, median, told_blocked: false, told_unusual: false });
    }

    /// The run ended, after so long.
    pub(super) fn end(&self) -> Duration {
        self.polled_at.store(0, Ordering::Relaxed);
        let run = self.run.lock().take();
        run.map_or(Duration::ZERO, |run| self.stopwatch.elapsed().saturating_sub(run.began))
    }

    /// The run's future is polled from now on.
    pub(super) fn polls(&self) {
        let now = u64::try_from(self.stopwatch.elapsed().as_nanos()).unwrap_or(u64::MAX - 1);
        self.polled_at.store(now + 1, Ordering::Relaxed);
    }

    /// The poll is over.
    pub(super) fn polled(&self) {
        self.polled_at.store(0, Ordering::Relaxed);
    }

    /// The run that is under way.
    pub(super) fn under_way(&self) -> Option<UnderWay> {
        let run = self.run.lock();
        let run = run.as_ref()?;
        let takes = self.stopwatch.elapsed().saturating_sub(run.began);
        Some(UnderWay { key: run.key.clone(), callback: run.callback, takes })
    }

    fn says(&self) -> Option<String> {
        let UnderWay { key, callback, takes } = self.under_way()?;
        Some(format!("{callback} of {} for {key} ({takes:.1?})", self.controller))
    }

    fn look(&self) {
        let polled_at = self.polled_at.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_nanos);
        let mut slot = self.run.lock();
        let Some(run) = slot.as_mut() else { return };
        // Taken under the lock: the run can't be a later one than the time.
        let findings = run.judge(self.stopwatch.elapsed(), polled_at);
        let (key, callback, controller) = (run.key.clone(), run.callback, self.controller);
        drop(slot);
        for finding in findings {
            match finding {
                Finding::Blocked(blocked) => {
                    self.counters.blocked.add_one();
                    tracing::warn!(
                        controller, %key, callback,
                        "{callback} has not yielded for {blocked:.1?}: it blocks its thread, and others wait for it; await instead, or move it to a thread of its own"
                    );
                }
                Finding::Unusual(takes, median) => {
                    self.counters.unusual.add_one();
                    tracing::warn!(
                        controller, %key, callback,
                        "{callback} has taken {takes:.1?} so far, more than {UNUSUAL} times its median of {median:.1?}"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn run(median: Option<Duration>) -> Run {
        let key = Key::namespaced("a", "b");
        Run { key, callback: "reconcile", began: SECOND, median, told_blocked: false, told_unusual: false }
    }

    #[test]
    fn a_poll_of_a_second_blocks_and_is_told_once() {
        let mut run = run(None);
        let began = Some(SECOND);
        assert_eq!(run.judge(SECOND + SECOND / 2, began), []);
        assert_eq!(run.judge(2 * SECOND, began), [Finding::Blocked(SECOND)]);
        assert_eq!(run.judge(9 * SECOND, began), []);
    }

    #[test]
    fn a_run_that_awaits_does_not_block() {
        assert_eq!(run(None).judge(100 * SECOND, None), []);
        assert_eq!(run(None).judge(100 * SECOND, Some(100 * SECOND - SECOND / 2)), []);
    }

    #[test]
    fn ten_times_the_median_is_unusual() {
        let mut slow = run(Some(SECOND));
        assert_eq!(slow.judge(10 * SECOND, None), []);
        assert_eq!(slow.judge(11 * SECOND, None), [Finding::Unusual(10 * SECOND, SECOND)]);
        assert_eq!(slow.judge(90 * SECOND, None), []);
        // What is over in a moment may be over in ten.
        let mut quick = run(Some(SECOND / 1_000));
        assert_eq!(quick.judge(SECOND + SECOND / 10, None), []);
        assert_eq!(quick.judge(2 * SECOND, None), [Finding::Unusual(SECOND, SECOND / 1_000)]);
    }
}
