//! Owns the paths of the admin port and what each answers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::health::{Detail, Probe, verdict};
use super::metrics::{Exposition, Kind};
use super::page;
use super::window::Window;

/// Every path, for those who ask for another one.
const PATHS: &str = "GET /, /children, /events, /livez, /metrics, /readyz, /report, /startupz";

/// How often a page that is open is drawn anew.
const PACE: Duration = Duration::from_secs(1);

/// After so many times it asks again: who went away without a word keeps no place.
const DRAWINGS: usize = 600;

/// So many pages are kept up to date at the same time.
const VIEWERS: usize = 16;

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What a request asks for. Its body is not read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// The header `Accept`.
    pub(crate) accept: &'a str,
}

/// Whoever answers.
pub(crate) struct Desk {
    window: Arc<Window>,
    exposition: Exposition,
    /// The page's own script is told from others by a number.
    rng: Mutex<fastrand::Rng>,
    viewers: Arc<Semaphore>,
}

impl Desk {
    pub(crate) fn new(window: Arc<Window>, rng: fastrand::Rng) -> Self {
        Self {
            exposition: Exposition::new(Arc::clone(&window.live)),
            window,
            rng: Mutex::new(rng),
            viewers: Arc::new(Semaphore::new(VIEWERS)),
        }
    }

    pub(crate) async fn answer(&self, asked: Asked<'_>) -> Response<Body> {
        let reads = asked.method == Method::GET || asked.method == Method::HEAD;
        match asked.path {
            _ if !reads && is_path(asked.path) => refused_method(),
            "/" => self.page().await,
            "/children" => json(&*self.window.look().await),
            "/events" => self.events(),
            "/livez" => self.probe(Probe::Live, asked.query),
            "/readyz" => self.probe(Probe::Ready, asked.query),
            "/startupz" => self.probe(Probe::Startup, asked.query),
            "/metrics" => self.metrics(asked.accept),
            "/report" => self.report(asked.accept),
            _ => plain(StatusCode::NOT_FOUND, &format!("there is no such page: {PATHS}")),
        }
    }

    async fn page(&self) -> Response<Body> {
        let nonce = {
            let mut rng = self.rng.lock();
            format!("{:016x}{:016x}", rng.u64(..), rng.u64(..))
        };
        let snapshot = self.window.look().await;
        let html = page::whole(&snapshot, self.window.report().as_deref(), &nonce);
        let mut answer = with_type(StatusCode::OK, "text/html; charset=utf-8", html.into());
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        }
        answer.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        answer
    }

    /// The page's moving part, again and again, as server-sent events.
    fn events(&self) -> Response<Body> {
        let Ok(place) = Arc::clone(&self.viewers).try_acquire_owned() else {
            let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open: close one");
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
            return answer;
        };
        let viewer = Viewer { window: Arc::clone(&self.window), drawn: 0, _place: place };
        let events = stream::unfold(viewer, |mut viewer| async move {
            let event = viewer.next().await?;
            Some((Ok::<_, Infallible>(Frame::data(event)), viewer))
        });
        with_type_and_body(StatusCode::OK, "text/event-stream", StreamBody::new(events).boxed_unsync())
    }

    fn probe(&self, probe: Probe, query: &str) -> Response<Body> {
        let verbose = query.split('&').any(|part| part == "verbose" || part.starts_with("verbose="));
        let detail = if verbose { Detail::Verbose } else { Detail::Terse };
        let checks = probe.checks(&self.window.vitals(), self.window.stale_limit);
        match verdict(probe, &checks, detail) {
            Ok(text) => plain(StatusCode::OK, &text),
            Err(text) => plain(StatusCode::INTERNAL_SERVER_ERROR, &text),
        }
    }

    fn metrics(&self, accept: &str) -> Response<Body> {
        let kind = Kind::of(accept);
        match self.exposition.encode(kind) {
            Ok(body) => with_type(StatusCode::OK, kind.content_type(), body.into()),
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("the metrics can't be written: {error}")),
        }
    }

    fn report(&self, accept: &str) -> Response<Body> {
        match self.window.report() {
            None => plain(StatusCode::SERVICE_UNAVAILABLE, "the report is not written yet: the operator starts"),
            Some(report) if accept.starts_with("text/plain") => plain(StatusCode::OK, &report.to_string()),
            Some(report) => json(&*report),
        }
    }
}

/// One open page.
struct Viewer {
    window: Arc<Window>,
    drawn: usize,
    _place: OwnedSemaphorePermit,
}

impl Viewer {
    async fn next(&mut self) -> Option<Bytes> {
        if self.drawn == DRAWINGS {
            return None;
        }
        if self.drawn > 0 {
            tokio::time::sleep(PACE).await;
        }
        self.drawn += 1;
        let drawing = page::moving_part(&*self.window.look().await);
        let mut event = String::with_capacity(drawing.len() + 64);
        for line in drawing.lines() {
            event.push_str("data: ");
            event.push_str(line);
            event.push('\n');
        }
        event.push('\n');
        Some(event.into())
    }
}

fn is_path(path: &str) -> bool {
    PATHS.trim_start_matches("GET ").split(", ").any(|known| known == path)
}

fn refused_method() -> Response<Body> {
    let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "it is only read here: GET or HEAD");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

fn json(value: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec_pretty(value) {
        Ok(mut body) => {
            body.push(b'\n');
            with_type(StatusCode::OK, "application/json", body.into())
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("it can't be written as JSON: {error}")),
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", format!("{text}\n").into())
}

fn with_type(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Body> {
    with_type_and_body(status, content_type, Full::new(body).boxed_unsync())
}

/// The headers that every answer has: it is of this moment, and of no other type than it says.
fn with_type_and_body(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers: [(HeaderName, &str); 3] =
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    for (name, value) in headers {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
