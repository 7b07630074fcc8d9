//! The server through its one door: literal requests, and what a real server answers to them.

mod access;
mod applies;
mod builtin;
mod companions;
mod connects;
mod conversion;
mod custom;
mod definitions;
mod first;
mod flows;
mod hostile;
mod large;
mod parts;
#[cfg(feature = "cel")]
mod policies;
mod reads;
#[cfg(feature = "cel")]
mod rules;
mod watches;
mod webhooks;
mod writes;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Answer, Next, Server, Watch};

/// A server with a clock and chance of its own.
pub(super) struct Rig {
    pub(super) server: Server,
    pub(super) now: Timestamp,
    rng: fastrand::Rng,
}

/// What a request got.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) code: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
    pub(super) body: Value,
}

const JSON: &str = "application/json";
pub(super) const MERGE: &str = "application/merge-patch+json";

impl Rig {
    /// A server with the namespaces `default` and `other`.
    pub(super) fn new() -> Self {
        let now = "2026-11-22T10:00:00.5Z".parse().expect("a timestamp");
        let mut rig = Self { server: Server::new(), now, rng: fastrand::Rng::with_seed(7) };
        for name in ["default", "other"] {
            rig.post("/api/v1/namespaces", json!({"metadata": {"name": name}})).is(201);
        }
        rig
    }

    /// Sends a request written as `METHOD path`, with header lines after it.
    pub(super) fn send(&mut self, request: &str, body: impl Into<Bytes>) -> Answer {
        let mut lines = request.lines();
        let (method, path) = lines.next().and_then(|line| line.split_once(' ')).expect("a request line");
        let mut builder = Request::builder().method(method).uri(path);
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a header line");
            builder = builder.header(name, value);
        }
        self.hand_in(builder.body(body.into()).expect("a request"))
    }

    pub(super) fn hand_in(&mut self, request: Request<Bytes>) -> Answer {
        self.server.handle(request, self.now, &mut self.rng)
    }

    pub(super) fn ask(&mut self, request: &str, body: impl Into<Bytes>) -> Got {
        match self.send(request, body) {
            Answer::Whole(response) => Got::new(response),
            other => panic!("{request}: {other:?}"),
        }
    }

    pub(super) fn get(&mut self, path: &str) -> Got {
        self.ask(&format!("GET {path}"), "")
    }

    pub(super) fn post(&mut self, path: &str, body: Value) -> Got {
        self.ask(&format!("POST {path}\ncontent-type: {JSON}"), body.to_string())
    }

    pub(super) fn put(&mut self, path: &str, body: Value) -> Got {
        self.ask(&format!("PUT {path}\ncontent-type: {JSON}"), body.to_string())
    }

    pub(super) fn patch(&mut self, path: &str, body: Value) -> Got {
        self.ask(&format!("PATCH {path}\ncontent-type: {MERGE}"), body.to_string())
    }

    pub(super) fn delete(&mut self, path: &str, options: Value) -> Got {
        self.ask(&format!("DELETE {path}\ncontent-type: {JSON}"), options.to_string())
    }

    pub(super) fn watch(&mut self, request: &str) -> Watch {
        match self.send(request, "") {
            Answer::Watch { watch, .. } => watch,
            other => panic!("{request}: {other:?}"),
        }
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).expect("a near future");
    }

    /// Every event that is ready, and whether more can come.
    pub(super) fn events(&mut self, watch: &mut Watch) -> (Vec<Value>, bool) {
        self.events_upto(watch, u64::MAX)
    }

    pub(super) fn events_upto(&mut self, watch: &mut Watch, upto: u64) -> (Vec<Value>, bool) {
        let mut events = Vec::new();
        loop {
            let frames = self.server.watch_frames(watch, upto, self.now, 3);
            for frame in &frames.ready {
                let line = std::str::from_utf8(&frame.bytes).expect("text");
                assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{line:?}");
                let event: Value = serde_json::from_str(line).expect("JSON");
                assert_eq!(frame.is_event(), !matches!(event["type"].as_str(), Some("BOOKMARK" | "ERROR")), "{line}");
                events.push(event);
            }
            match frames.next {
                Next::More => {}
                Next::Wait { .. } => return (events, true),
                Next::End => return (events, false),
            }
        }
    }

    /// The events as `TYPE name@rv`.
    pub(super) fn story(&mut self, watch: &mut Watch) -> Vec<String> {
        let (events, _) = self.events(watch);
        events
            .iter()
            .map(|event| {
                let meta = &event["object"]["metadata"];
                let name = meta["name"].as_str().unwrap_or("-");
                format!("{} {name}@{}", text(&event["type"]), text(&meta["resourceVersion"]))
            })
            .collect()
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Got {
    fn new(response: Response<Bytes>) -> Self {
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.to_vec()).expect("text");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { code: head.status.as_u16(), headers: head.headers, text, body }
    }

    #[track_caller]
    pub(super) fn is(self, code: u16) -> Self {
        assert_eq!(self.code, code, "{}", self.text);
        self
    }

    pub(super) fn message(&self) -> &str {
        text(&self.body["message"])
    }

    pub(super) fn rv(&self) -> u64 {
        text(&self.body["metadata"]["resourceVersion"]).parse().expect("a resourceVersion")
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.body["items"].as_array().expect("items").iter().map(|item| text(&item["metadata"]["name"])).collect()
    }
}
