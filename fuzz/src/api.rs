//! The embedded API server as it stands in controller-testkit, and what is asked of it: any requests get answers.
//!
//! An input is requests, each separated from the next by a line of dashes: a line `METHOD PATH`, lines of headers, an
//! empty line, a body. They come to one server, which holds a namespace.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde_json::Value;

use crate::admission::Reply;
use crate::auth::{Authorization, Caller, Gate, User};
use crate::server::{Answer, Next, Server, answered};
use crate::store::{DEEPEST, Range, Store, is_deeper};

const BETWEEN: &[u8] = b"\n---\n";
/// Requests of one input: more would only be slow.
const MOST: usize = 24;

struct Asked {
    server: Server,
    now: Timestamp,
    rng: fastrand::Rng,
}

/// Every request is answered, with JSON where it says so, and nothing is stored that could not be read back.
pub(crate) fn handle(input: &[u8]) {
    let mut asked = Asked::new();
    let mut rest = input;
    for _ in 0..MOST {
        let end = memchr::memmem::find(rest, BETWEEN);
        if let Some(request) = request(&rest[..end.unwrap_or(rest.len())]) {
            asked.ask(request);
        }
        let Some(end) = end else { break };
        rest = &rest[end + BETWEEN.len()..];
    }
    asked.look();
}

fn request(text: &[u8]) -> Option<Request<Bytes>> {
    let (head, body) = match memchr::memmem::find(text, b"\n\n") {
        Some(end) => (&text[..end], &text[end + 2..]),
        None => (text, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let space = memchr::memchr(b' ', first)?;
    let mut builder = Request::builder().method(&first[..space]).uri(&first[space + 1..]);
    for line in lines {
        let colon = memchr::memchr(b':', line)?;
        builder = builder.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    builder.body(Bytes::copy_from_slice(body)).ok()
}

impl Asked {
    fn new() -> Self {
        let now = Timestamp::from_second(1_800_000_000).expect("a moment of this century");
        let mut rng = fastrand::Rng::with_seed(1);
        let mut server = Server::over(Store::new());
        *server.gate() = Gate::new(Authorization::AlwaysAllow, &mut rng);
        let mut asked = Self { server, now, rng };
        asked.ask(request(b"POST /api/v1/namespaces\n\n{\"metadata\":{\"name\":\"default\"}}").expect("a request"));
        asked
    }

    /// Hands a request in; whatever webhooks it configures, nobody is there.
    fn handle(&mut self, request: Request<Bytes>, now: Timestamp) -> Answer {
        let mut answer = self.server.handle(request, now, &mut self.rng);
        while let Answer::Call { request, .. } = answer {
            let reply = Reply::Failed("connection refused".to_owned());
            answer = self.server.handle(answered(request, reply), now, &mut self.rng);
        }
        answer
    }

    fn ask(&mut self, mut request: Request<Bytes>) {
        let before = self.server.current_rv();
        request.extensions_mut().insert(Caller::User(Arc::new(User::administrator())));
        match self.handle(request, self.now) {
            Answer::Whole(response) => check(&response),
            Answer::Call { .. } => unreachable!("every call is made"),
            Answer::Watch { mut watch, .. } => {
                for _ in 0..4 {
                    let frames = self.server.watch_frames(&mut watch, u64::MAX, self.now, 100);
                    for frame in frames.ready {
                        serde_json::from_slice::<Value>(&frame.bytes).expect("a line of JSON");
                    }
                    if frames.next != Next::More {
                        break;
                    }
                }
            }
            Answer::Later { request, until } => match self.handle(request, until) {
                Answer::Whole(response) => check(&response),
                other => panic!("it was to be answered by now: {other:?}"),
            },
        }
        assert!(self.server.current_rv() >= before, "versions never go back");
    }

    /// What is stored can be shown and read back.
    fn look(&mut self) {
        let whole = Range { prefix: "", from: "" };
        let store = self.server.store();
        for table in store.tables() {
            for (key, object) in store.scan(table, whole) {
                // managedFields mirror the object, some levels further down.
                let value = object.value();
                assert!(!is_deeper(&value, DEEPEST + 10), "{table} {key}");
                let again: Value = serde_json::from_slice(object.text()).expect("JSON");
                assert_eq!(again, *value, "{table} {key}");
            }
        }
    }
}

fn check(response: &Response<Bytes>) {
    assert!(response.status().as_u16() >= 200);
    let is = |media: &str| response.headers().get("content-type").is_some_and(|found| found == media);
    if is("application/json") && !response.body().is_empty() {
        let body: Value = serde_json::from_slice(response.body()).expect("a body of JSON");
        if !response.status().is_success() && !response.status().is_redirection() {
            assert_eq!(body["kind"], "Status", "{body}");
            assert_eq!(body["code"], response.status().as_u16(), "{body}");
        }
    }
}
