//! The answers that a fault gives in the server's stead.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

use crate::status;

/// An error answer with a `Status` body, worded as the API server words it.
///
/// ```
/// use controller_testkit::Refusal;
/// use std::time::Duration;
///
/// let busy = Refusal::status(429).retry_after(Duration::from_secs(2));
/// let broken = Refusal::status(500).message("etcdserver: request timed out");
/// # let _ = (busy, broken);
/// ```
#[derive(Debug, Clone)]
pub struct Refusal {
    code: u16,
    message: Option<String>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// The usual answer of this HTTP status code.
    pub fn status(code: u16) -> Self {
        Refusal { code, message: None, retry_after: None }
    }

    /// `410 Gone`: the resource version asked for has been compacted.
    pub fn gone() -> Self {
        Refusal::status(410)
    }

    /// `403 Forbidden`, as for a permission that is missing.
    pub fn forbidden() -> Self {
        Refusal::status(403)
    }

    /// Says this in place of the usual message.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Asks the client to wait: the `Retry-After` header, and `details.retryAfterSeconds`.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The `Status` object.
    pub(crate) fn body(&self) -> Value {
        let (reason, usual) = usual(self.code);
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message.as_deref().unwrap_or(usual),
            "code": self.code,
        });
        if !reason.is_empty() {
            status["reason"] = json!(reason);
        }
        if let Some(wait) = self.retry_after {
            status["details"] = json!({"retryAfterSeconds": whole_seconds(wait)});
        }
        status
    }

    /// The whole HTTP answer.
    pub(crate) fn response(&self) -> http::Response<Bytes> {
        let mut body = Vec::new();
        status::write(&mut body, &self.body());
        let mut response = http::Response::new(Bytes::from(body));
        *response.status_mut() =
            http::StatusCode::from_u16(self.code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        response
    }

    /// The refusal as the `ERROR` line of a watch.
    pub(crate) fn line(&self) -> Bytes {
        status::line(&self.body())
    }
}

/// `Retry-After` has whole seconds only; a part of one counts as one.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The reason and message that go with a code.
fn usual(code: u16) -> (&'static str, &'static str) {
    match code {
        400 => ("BadRequest", "the server rejected our request for an unknown reason"),
        401 => ("Unauthorized", "Unauthorized"),
        403 => ("Forbidden", "forbidden: refused by an injected fault"),
        404 => ("NotFound", "the server could not find the requested resource"),
        405 => ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
        409 => ("Conflict", "the server reported a conflict"),
        410 => ("Expired", "too old resource version"),
        413 => ("RequestEntityTooLarge", "the request is too large"),
        422 => ("Invalid", "the server rejected our request due to an error in our request"),
        429 => ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
        500 => ("InternalError", "Internal error occurred: refused by an injected fault"),
        503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
        504 => ("Timeout", "the server was unable to return a response in the time allotted"),
        _ => ("", "refused by an injected fault"),
    }
}
