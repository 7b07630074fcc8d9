//! Owns what a supervisor and one start of one child tell each other: ready, stop, signs of life, and the end.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::blocked::Polls;
use super::exit::Exit;
use crate::env::Clock;

const READY: u8 = 1;
const IGNORED: u8 = 2;
const STOP: u8 = 4;
const ENDED: u8 = 8;

/// Both ends of the line between a supervisor and one start of one child.
pub(crate) struct Line {
    id: Arc<str>,
    contexts: AtomicUsize,
    /// What was said so far. It only grows.
    said: AtomicU8,
    /// Wakes everybody who waits for something to be said.
    news: Notify,
    exit: OnceLock<Exit>,
    pulse: Option<Box<Signs>>,
    polls: Option<Box<Polls>>,
}

/// When a child with a health limit showed its last sign of life.
struct Signs {
    limit: Duration,
    clock: Clock,
    origin: Instant,
    last: AtomicU64,
}

impl Line {
    pub(super) fn new(id: Arc<str>) -> Self {
        Self {
            id,
            contexts: AtomicUsize::new(0),
            said: AtomicU8::new(0),
            news: Notify::new(),
            exit: OnceLock::new(),
            pulse: None,
            polls: None,
        }
    }

    /// Signs of life are kept from now on, as times since `origin`.
    pub(super) fn with_signs(mut self, limit: Duration, clock: Clock, origin: Instant) -> Self {
        self.pulse = Some(Box::new(Signs { limit, clock, origin, last: AtomicU64::new(0) }));
        self
    }

    /// Each poll of the child is seen from now on.
    pub(super) fn with_polls(mut self, polls: Polls) -> Self {
        self.polls = Some(Box::new(polls));
        self
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn polls(&self) -> Option<&Polls> {
        self.polls.as_deref()
    }

    pub(super) fn is_held(&self) {
        self.contexts.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn is_let_go(&self) {
        self.contexts.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether nobody is left who could say that the child is ready.
    pub(super) fn is_forgotten(&self) -> bool {
        self.contexts.load(Ordering::Acquire) == 0
    }

    pub(super) fn ask_to_stop(&self) {
        self.say(STOP);
    }

    pub(super) fn say_ready(&self) {
        self.say(READY);
    }

    pub(super) fn say_ignore(&self) {
        self.say(IGNORED);
    }

    pub(super) fn say_alive(&self) {
        if let Some(signs) = &self.pulse {
            let now = signs.clock.instant().saturating_duration_since(signs.origin);
            signs.last.store(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// How this start ended. Only the first word counts.
    pub(super) fn say_exit(&self, exit: Exit) {
        if self.exit.set(exit).is_ok() {
            self.say(ENDED);
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.was_said(READY)
    }

    pub(super) fn is_ignored(&self) -> bool {
        self.was_said(IGNORED)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.was_said(STOP)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.was_said(ENDED)
    }

    /// How often the child is to show a sign of life, where it is to.
    pub(super) fn health(&self) -> Option<Duration> {
        self.pulse.as_ref().map(|signs| signs.limit)
    }

    pub(super) fn last_sign(&self) -> Duration {
        let last = self.pulse.as_ref().map_or(0, |signs| signs.last.load(Ordering::Relaxed));
        Duration::from_nanos(last)
    }

    pub(super) async fn readiness(&self) {
        self.until(READY).await;
    }

    pub(super) async fn asked_to_stop(&self) {
        self.until(STOP).await;
    }

    pub(super) async fn ended(&self) -> Exit {
        self.until(ENDED).await;
        self.exit.get().cloned().unwrap_or(Exit::Killed)
    }

    fn was_said(&self, word: u8) -> bool {
        self.said.load(Ordering::Acquire) & word != 0
    }

    fn say(&self, word: u8) {
        if self.said.fetch_or(word, Ordering::AcqRel) & word == 0 {
            self.news.notify_waiters();
        }
    }

    async fn until(&self, word: u8) {
        let news = self.news.notified();
        tokio::pin!(news);
        loop {
            // Listening first, so that nothing is said between the look and the wait.
            news.as_mut().enable();
            if self.was_said(word) {
                return;
            }
            news.as_mut().await;
            news.set(self.news.notified());
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("id", &self.id).finish_non_exhaustive()
    }
}
