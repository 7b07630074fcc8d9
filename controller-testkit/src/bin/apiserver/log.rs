//! The log of requests: a line for each answer, on standard error.

use std::fmt;
use std::io::Write;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber, level_filters::LevelFilter};

/// Writes down the requests that the fronts tell of, and nothing else.
pub(crate) struct Requests;

/// The parts of a line: `17:27:23.052 200 GET /api/v1/pods?watch=1 (1.3 ms, kubectl/v1.37.2)`.
#[derive(Default)]
struct Line {
    at: String,
    status: u64,
    method: String,
    uri: String,
    took: u64,
    agent: String,
}

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "status" => self.status = value,
            "took_us" => self.took = value,
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "agent" {
            value.clone_into(&mut self.agent);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let place = match field.name() {
            "at" => &mut self.at,
            "method" => &mut self.method,
            "uri" => &mut self.uri,
            _ => return,
        };
        *place = format!("{value:?}");
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { at, status, method, uri, took, agent } = self;
        match status {
            0 => write!(f, "{at} --- {method} {uri} (broken off")?,
            status => write!(f, "{at} {status} {method} {uri} ({}.{} ms", took / 1000, took % 1000 / 100)?,
        }
        let separator = if agent.is_empty() { "" } else { ", " };
        // A client may call itself anything, but it has one line.
        write!(f, "{separator}{})", agent.escape_debug())
    }
}

impl Subscriber for Requests {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == "controller_testkit::requests"
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(Level::DEBUG))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        // Spans are not enabled: nobody asks for one.
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        // Nobody may be reading any more, which is no reason to stop.
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
