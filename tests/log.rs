//! Owns what a test sees of the log: the messages of one thread, in order.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The messages logged by this thread while it lives. A test on a current-thread runtime sees all of its operator's.
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    _guard: DefaultGuard,
}

/// While there is but one listener in the process, tracing asks the thread that comes first to a line of the log whether
/// anybody listens, and remembers a no for all others. With a second one it asks all.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

impl Log {
    /// Starts listening.
    pub fn listen() -> Self {
        LazyLock::force(&SECOND);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let subscriber = tracing_subscriber::registry().with(Tape(Arc::clone(&lines)));
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// The messages since the last call that start with one of these words.
    pub fn take(&self, starts: &[&str]) -> Vec<String> {
        let lines = std::mem::take(&mut *self.lines.lock().expect("no writer panics"));
        lines.into_iter().filter(|line| starts.iter().any(|start| line.starts_with(start))).collect()
    }

    /// Every message so far with its fields, for the report of a failure.
    pub fn everything(&self) -> String {
        self.lines.lock().expect("no writer panics").join("\n")
    }
}

struct Tape(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Tape {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().expect("no writer panics").push(line.message + &line.fields);
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        written.expect("a String takes everything");
    }
}
