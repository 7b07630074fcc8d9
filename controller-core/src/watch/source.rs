//! The rim of the watch: sends the requests, reads the bodies, and keeps the deadlines. It decides nothing.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue, RETRY_AFTER};
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::api::{ListParams, WatchParams};
use kube::client::Body;

use super::WatchSpec;
use super::stream::Request;
use crate::descriptor::Content;
use crate::env::Connection;

/// No `Status` is longer.
const LONGEST_REFUSAL: usize = 64 << 10;

/// What came over the wire.
pub(super) enum Signal {
    Opened,
    Refused { code: u16, retry_after: Option<Duration>, body: Bytes },
    Chunk(Bytes),
    Ended,
    Failed(String),
}

/// One request at a time. Dropping what is being read closes it.
pub(super) struct Wire {
    connection: Connection,
    spec: WatchSpec,
    doing: Doing,
}

enum Doing {
    Nothing,
    Opening(BoxFuture<'static, Answer>),
    Reading(BoxStream<'static, Result<Bytes, String>>),
}

enum Answer {
    Opened(BoxStream<'static, Result<Bytes, String>>),
    Refused { code: u16, retry_after: Option<Duration>, body: Bytes },
    Failed(String),
}

impl Wire {
    pub(super) fn new(connection: Connection, spec: WatchSpec) -> Self {
        Self { connection, spec, doing: Doing::Nothing }
    }

    /// Drops what is being read.
    pub(super) fn close(&mut self) {
        self.doing = Doing::Nothing;
    }

    /// Drops what is being read, and asks this.
    pub(super) fn open(&mut self, request: &Request) {
        self.doing = match build(&self.spec, request) {
            Ok(request) => Doing::Opening(send(self.connection.client(), request).boxed()),
            Err(why) => Doing::Opening(futures::future::ready(Answer::Failed(why)).boxed()),
        };
    }

    /// Waits for what comes next. It may be dropped and called again.
    pub(super) async fn next(&mut self) -> Signal {
        self.connection.drive(self.doing.next()).await
    }

    /// Whether all that has come is at hand without anybody else's turn.
    pub(super) fn is_driven(&self) -> bool {
        self.connection.is_driven()
    }
}

impl Doing {
    async fn next(&mut self) -> Signal {
        match self {
            Doing::Nothing => futures::future::pending().await,
            Doing::Opening(answer) => match answer.await {
                Answer::Opened(body) => {
                    *self = Doing::Reading(body);
                    Signal::Opened
                }
                Answer::Refused { code, retry_after, body } => {
                    *self = Doing::Nothing;
                    Signal::Refused { code, retry_after, body }
                }
                Answer::Failed(why) => {
                    *self = Doing::Nothing;
                    Signal::Failed(why)
                }
            },
            Doing::Reading(body) => match body.next().await {
                Some(Ok(chunk)) => Signal::Chunk(chunk),
                Some(Err(why)) => {
                    *self = Doing::Nothing;
                    Signal::Failed(why)
                }
                None => {
                    *self = Doing::Nothing;
                    Signal::Ended
                }
            },
        }
    }
}

fn build(spec: &WatchSpec, request: &Request) -> Result<http::Request<Body>, String> {
    let resource = kube::core::Request::new(spec.path());
    let list = |limit, continue_token| {
        resource.list(&ListParams {
            label_selector: spec.labels.clone(),
            field_selector: spec.fields.clone(),
            limit,
            continue_token,
            ..ListParams::default()
        })
    };
    let watch = |seconds| WatchParams {
        label_selector: spec.labels.clone(),
        field_selector: spec.fields.clone(),
        timeout: Some(seconds),
        ..WatchParams::default()
    };
    let built = match request {
        Request::Page { limit, continue_token } => list(*limit, continue_token.clone()),
        Request::Probe => list(Some(1), None),
        Request::StreamList { seconds } => resource.watch(&watch(*seconds).initial_events(), ""),
        Request::Watch { from, seconds } => resource.watch(&watch(*seconds), &from.to_string()),
    };
    let accepted = accepted(spec.content, request);
    let mut request = built.map_err(|error| chain(&error))?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accepted));
    // The bytes are scanned as they come; to pack and unpack them would cost more than a cluster's network does.
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(request.map(Body::from))
}

/// What a request is to be answered with. A server that can't leave out all but the metadata sends whole objects.
fn accepted(content: Content, request: &Request) -> &'static str {
    match (content, request) {
        (Content::Whole, _) => "application/json",
        (Content::Metadata, Request::Page { .. } | Request::Probe) => {
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
        }
        (Content::Metadata, Request::StreamList { .. } | Request::Watch { .. }) => {
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
        }
    }
}

async fn send(client: Client, request: http::Request<Body>) -> Answer {
    let response = match client.send(request).await {
        Ok(response) => response,
        Err(error) => return Answer::Failed(chain(&error)),
    };
    let (head, body) = response.into_parts();
    if head.status.is_success() {
        let body = body.into_data_stream();
        return Answer::Opened(body.map(|chunk| chunk.map_err(|error| chain(&error))).boxed());
    }
    let seconds = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = Limited::new(body, LONGEST_REFUSAL).collect().await.map(|body| body.to_bytes());
    Answer::Refused {
        code: head.status.as_u16(),
        retry_after: seconds.map(Duration::from_secs),
        body: body.unwrap_or_default(),
    }
}

/// An error with its causes, each said once: what went wrong stands at the end of the chain.
fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !words.contains(&next) {
            words = format!("{words}: {next}");
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::ResourceVersion;

    #[test]
    fn requests_ask_for_what_the_machine_says() {
        let spec = WatchSpec {
            group: String::new(),
            version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
            namespace: Some("a".into()),
            labels: Some("app in (x,y)".into()),
            ..WatchSpec::default()
        };
        let check = |request: Request, expect: &[&str]| {
            let built = build(&spec, &request).expect("a request");
            let (path, query) =
                built.uri().path_and_query().and_then(|whole| whole.as_str().split_once('?')).expect("a query");
            assert_eq!(path, "/api/v1/namespaces/a/pods");
            let mut parts: Vec<_> = query.split('&').filter(|part| !part.is_empty()).collect();
            parts.sort_unstable();
            assert_eq!(parts, expect, "{request:?}");
            assert_eq!(built.headers().get("accept-encoding").map(HeaderValue::as_bytes), Some(&b"identity"[..]));
        };
        let selector = "labelSelector=app+in+%28x%2Cy%29";
        check(Request::Page { limit: Some(500), continue_token: None }, &[selector, "limit=500"]);
        check(
            Request::Page { limit: Some(500), continue_token: Some("t/=".into()) },
            &["continue=t%2F%3D", selector, "limit=500"],
        );
        check(Request::Page { limit: None, continue_token: None }, &[selector]);
        check(Request::Probe, &[selector, "limit=1"]);
        check(
            Request::StreamList { seconds: 280 },
            &[
                "allowWatchBookmarks=true",
                selector,
                "resourceVersion=",
                "resourceVersionMatch=NotOlderThan",
                "sendInitialEvents=true",
                "timeoutSeconds=280",
                "watch=true",
            ],
        );
        check(
            Request::Watch { from: ResourceVersion::new("77"), seconds: 280 },
            &["allowWatchBookmarks=true", selector, "resourceVersion=77", "timeoutSeconds=280", "watch=true"],
        );
    }

    #[test]
    fn metadata_alone_is_asked_for_by_what_is_accepted() {
        let check = |content, request: Request, expect: &str| {
            assert!(accepted(content, &request).starts_with(expect), "{request:?}");
        };
        let (page, watch) = (|| Request::Probe, || Request::StreamList { seconds: 1 });
        check(Content::Whole, page(), "application/json");
        check(Content::Whole, watch(), "application/json");
        check(Content::Metadata, page(), "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
        check(Content::Metadata, watch(), "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
    }
}
