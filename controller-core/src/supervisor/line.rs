//! Owns what a supervisor and one start of one child tell each other: ready, stop, signs of life, and the end.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
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

/// Both ends of the line between a supervisor and one start of one child, which it stands for as a pid does.
pub(crate) struct Line {
    /// The child's number in its supervisor.
    number: u64,
    id: Arc<str>,
    contexts: AtomicU32,
    /// What was said so far. It only grows.
    said: AtomicU8,
    /// Wakes everybody who waits for something to be said.
    news: Notify,
    /// It is set once and late, and a child at rest is to be small.
    exit: OnceLock<Box<Exit>>,
    watch: Option<Box<Watch>>,
}

/// What is seen of a child whose spec asks to be looked after.
#[derive(Default)]
struct Watch {
    pulse: Option<Signs>,
    polls: Option<Polls>,
}

/// When a child with a health limit showed its last sign of life.
struct Signs {
    limit: Duration,
    clock: Clock,
    origin: Instant,
    last: AtomicU64,
}

impl Line {
    pub(super) fn new(number: u64, id: Arc<str>) -> Self {
        Self {
            number,
            id,
            contexts: AtomicU32::new(0),
            said: AtomicU8::new(0),
            news: Notify::new(),
            exit: OnceLock::new(),
            watch: None,
        }
    }

    /// Signs of life are kept from now on, as times since `origin`.
    pub(super) fn with_signs(mut self, limit: Duration, clock: Clock, origin: Instant) -> Self {
        self.watch.get_or_insert_default().pulse = Some(Signs { limit, clock, origin, last: AtomicU64::new(0) });
        self
    }

    /// Each poll of the child is seen from now on.
    pub(super) fn with_polls(mut self, polls: Polls) -> Self {
        self.watch.get_or_insert_default().polls = Some(polls);
        self
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    pub(super) fn polls(&self) -> Option<&Polls> {
        self.watch.as_ref()?.polls.as_ref()
    }

    fn pulse(&self) -> Option<&Signs> {
        self.watch.as_ref()?.pulse.as_ref()
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
        if let Some(signs) = self.pulse() {
            let now = signs.clock.instant().saturating_duration_since(signs.origin);
            signs.last.store(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// How this start ended. Only the first word counts.
    pub(super) fn say_exit(&self, exit: Exit) {
        if self.exit.set(Box::new(exit)).is_ok() {
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
        self.pulse().map(|signs| signs.limit)
    }

    pub(super) fn last_sign(&self) -> Duration {
        let last = self.pulse().map_or(0, |signs| signs.last.load(Ordering::Relaxed));
        Duration::from_nanos(last)
    }

    pub(super) fn readiness(&self) -> impl Future<Output = ()> {
        until(self, READY)
    }

    pub(super) fn asked_to_stop(&self) -> impl Future<Output = ()> {
        until(self, STOP)
    }

    /// The same for who holds the line by something else, which is kept meanwhile.
    pub(super) fn stop_of<H: AsRef<Self>>(held: H) -> impl Future<Output = ()> {
        until(held, STOP)
    }

    pub(super) async fn ended(&self) -> Exit {
        until(self, ENDED).await;
        self.exit.get().map_or(Exit::Killed, |exit| Exit::clone(exit))
    }

    fn was_said(&self, word: u8) -> bool {
        self.said.load(Ordering::Acquire) & word != 0
    }

    fn say(&self, word: u8) {
        if self.said.fetch_or(word, Ordering::AcqRel) & word == 0 {
            self.news.notify_waiters();
        }
    }
}

impl AsRef<Line> for Line {
    fn as_ref(&self) -> &Line {
        self
    }
}

/// Waits for a word on the line that `held` holds, and keeps `held` until then.
#[expect(
    clippy::manual_async_fn,
    reason = "most children wait here for most of their lives, and an `async fn` would keep `held` twice"
)]
fn until<H: AsRef<Line>>(held: H, word: u8) -> impl Future<Output = ()> {
    async move {
        loop {
            // It hears from here on what is said, so that nothing is said between the look and the wait.
            let news = held.as_ref().news.notified();
            if held.as_ref().was_said(word) {
                return;
            }
            news.await;
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("id", &self.id).finish_non_exhaustive()
    }
}
