//! Owns the thread from a request back to the run that sent it.
//!
//! A client is shared by all, and a request does not say who sends it. So whoever polls a callback names it for as long
//! as the poll takes, and the client tells what was written to whoever is named. A request that a callback hands to
//! another task is not told of.

use std::cell::RefCell;
use std::sync::Arc;

use http::{Method, Request, Response};
use kube::client::Body;
use serde::Deserialize;

/// Who wants to know what is written while it is polled.
pub(crate) trait Tracer: Send + Sync {
    /// This is about to be sent. A number where its end is to be told too.
    fn begins(&self, method: &Method, path: &str) -> Option<usize>;
    /// The server answered. A write whose end is not told may or may not have taken place.
    fn ends(&self, write: usize, answer: Wrote);
}

/// What the server made of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// It refused, or the answer is no object.
    Nothing,
    /// The object of this name stands at this version.
    At { name: String, version: String },
}

thread_local! {
    static POLLED: RefCell<Option<Arc<dyn Tracer>>> = const { RefCell::new(None) };
}

/// Names who is polled for as long as `poll` takes, also where it panics.
pub(crate) fn polled_for<T>(tracer: Arc<dyn Tracer>, poll: impl FnOnce() -> T) -> T {
    struct Reset(Option<Arc<dyn Tracer>>);
    impl Drop for Reset {
        fn drop(&mut self) {
            POLLED.set(self.0.take());
        }
    }
    let _reset = Reset(POLLED.replace(Some(tracer)));
    poll()
}

/// A write that somebody wants to know the end of.
pub(super) struct Traced {
    tracer: Arc<dyn Tracer>,
    write: usize,
}

/// Whether anybody wants to know of this request.
pub(super) fn trace(request: &Request<Body>) -> Option<Traced> {
    if request.method().is_safe() {
        return None;
    }
    let tracer = POLLED.with_borrow(Clone::clone)?;
    let write = tracer.begins(request.method(), request.uri().path())?;
    Some(Traced { tracer, write })
}

/// The part of an object that tells which version it is.
#[derive(Deserialize)]
struct Head {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    resource_version: String,
}

impl Traced {
    /// Tells what the server answered, and gives the answer on as it was.
    pub(super) async fn answered(
        self,
        answer: Result<Response<Body>, kube::Error>,
    ) -> Result<Response<Body>, kube::Error> {
        let answer = answer?;
        let status = answer.status();
        // A server that failed may have written all the same.
        if status.is_server_error() {
            return Ok(answer);
        }
        if !status.is_success() {
            self.tracer.ends(self.write, Wrote::Nothing);
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let bytes = body.collect_bytes().await?;
        let wrote = match serde_json::from_slice::<Head>(&bytes) {
            Ok(Head { metadata: Metadata { name, resource_version } }) if !resource_version.is_empty() => {
                Wrote::At { name, version: resource_version }
            }
            _ => Wrote::Nothing,
        };
        self.tracer.ends(self.write, wrote);
        Ok(Response::from_parts(parts, Body::from(bytes)))
    }
}
