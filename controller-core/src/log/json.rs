//! Owns the log as JSON: one object a line, flat, so that `jq 'select(.key == "default/web")'` finds what a callback
//! logged as well as what is said of it.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::env::Clock;

/// The names that each line has. A field of the same name is given another.
const OWN: [&str; 4] = ["timestamp", "level", "message", "target"];

/// Writes each event as a line of JSON, with its fields and those of the spans around it.
pub(super) struct Lines<W> {
    writer: W,
    clock: Clock,
}

impl<W> Lines<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, clock: Clock::system() }
    }
}

/// The fields of a span or an event, in the order in which they were given.
#[derive(Default)]
struct Fields {
    message: String,
    named: Vec<(&'static str, Value)>,
    /// What a field named `report` holds is JSON already.
    of_ours: bool,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match self.named.iter_mut().find(|(name, _)| *name == field.name()) {
            Some((_, old)) => *old = value,
            None => self.named.push((field.name(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, json!(value));
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, json!(crate::error::chain(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
            return;
        }
        let text = format!("{value:?}");
        let report = (self.of_ours && field.name() == "report").then(|| serde_json::from_str(&text).ok()).flatten();
        self.put(field, report.unwrap_or(Value::String(text)));
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = cx.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let metadata = event.metadata();
        let of_ours = metadata.target().starts_with("controller_core");
        let mut fields = Fields { of_ours, ..Fields::default() };
        event.record(&mut fields);
        let mut line = Line::begin();
        line.put("timestamp", &json!(self.clock.now().to_string()));
        line.put("level", &json!(metadata.level().as_str()));
        line.put("message", &json!(fields.message));
        line.put("target", &json!(metadata.target()));
        line.put_all(&fields);
        // The innermost span knows best.
        for span in cx.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.put_all(fields);
            }
        }
        // Who can't write the log has nobody to tell.
        let _ = self.writer.make_writer_for(metadata).write_all(line.end().as_bytes());
    }
}

/// A line that is being written.
struct Line {
    text: String,
    names: Vec<String>,
}

impl Line {
    fn begin() -> Self {
        Self { text: "{".to_owned(), names: Vec::new() }
    }

    fn put(&mut self, name: &str, value: &Value) {
        let comma = if self.names.is_empty() { "" } else { "," };
        let _ = write!(self.text, "{comma}{}:{value}", json!(name));
        self.names.push(name.to_owned());
    }

    /// Those whose names are not there yet.
    fn put_all(&mut self, fields: &Fields) {
        for (name, value) in &fields.named {
            let name = if OWN.contains(name) { format!("field_{name}") } else { (*name).to_owned() };
            if !self.names.contains(&name) {
                self.put(&name, value);
            }
        }
    }

    fn end(mut self) -> String {
        self.text.push_str("}\n");
        self.text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use proptest::prelude::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is written while `act` logs: a line for each event, without its time.
    fn written(act: impl FnOnce()) -> Vec<Value> {
        let paper = Paper::default();
        let writer = paper.clone();
        let lines = Lines::new(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), act);
        let text = String::from_utf8(paper.0.lock().clone()).expect("it is text");
        let read = |line: &str| {
            let mut line: Value = serde_json::from_str(line).expect("a line is JSON");
            let timestamp = line.as_object_mut().and_then(|line| line.remove("timestamp")).expect("it has a time");
            timestamp.as_str().and_then(|time| time.parse::<jiff::Timestamp>().ok()).expect("it is one");
            line
        };
        text.lines().map(read).collect()
    }

    #[test]
    fn a_line_is_flat_and_the_innermost_name_counts() {
        let lines = written(|| {
            let run = tracing::info_span!("run", controller = "web", key = "default/a", late = tracing::field::Empty);
            let _run = run.enter();
            run.record("late", 7);
            let inner = tracing::info_span!("inner", key = "default/b");
            let _inner = inner.enter();
            tracing::warn!(target: "mine", ready = true, share = 0.5, level = "high", "said \"{}\"", "so\n");
        });
        let expect = json!({
            "level": "WARN", "message": "said \"so\n\"", "target": "mine", "ready": true, "share": 0.5,
            "field_level": "high", "key": "default/b", "controller": "web", "late": 7,
        });
        assert_eq!(lines, [expect]);
    }

    #[test]
    fn a_report_of_ours_is_an_object_in_the_line() {
        let report = r#"{"operator":"op","controllers":[]}"#;
        let lines = written(|| {
            tracing::info!(target: "controller_core::operator", report = %report, "starts");
            tracing::info!(target: "elsewhere", report = %report, "starts");
            tracing::info!(target: "controller_core::operator", report = %"{broken", "starts");
        });
        assert_eq!(lines[0]["report"], json!({ "operator": "op", "controllers": [] }));
        assert_eq!((&lines[1]["report"], &lines[2]["report"]), (&json!(report), &json!("{broken")));
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = "x".parse::<u8>().map_err(|error| Box::new(error) as Box<dyn std::error::Error>).expect_err("no");
        let lines = written(|| tracing::error!(error = &*error, nan = f64::NAN, "failed"));
        assert_eq!(lines[0]["error"], "invalid digit found in string");
        assert_eq!(lines[0]["nan"], Value::Null);
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_one_line_of_json(message in any::<String>(), key in any::<String>()) {
            let lines = written(|| tracing::info!(key, debug = ?key, "{message}"));
            prop_assert_eq!(lines.len(), 1);
            prop_assert_eq!((&lines[0]["message"], &lines[0]["key"]), (&json!(message), &json!(key)));
        }
    }
}
