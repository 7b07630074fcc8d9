//! Owns the admin port: a child of the operator that answers HTTP/1.1 requests.
//!
//! It answers `GET /metrics`, and every other path with what there is. Connections end with the child.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::metrics::{Exposition, Kind};
use crate::env::{Task, spawn};
use crate::supervisor::ChildSpec;

/// So many connections are answered side by side; more wait.
const CONNECTIONS: usize = 64;

/// Why the admin port can't be served.
#[derive(Debug, thiserror::Error)]
enum AdminError {
    #[error("the admin port can't listen on {address}: choose another address with `.admin(..)`")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
}

/// The child that serves the admin port on `address`.
pub(crate) fn child(address: SocketAddr) -> ChildSpec {
    ChildSpec::worker("admin", move |cx| async move {
        let listener = TcpListener::bind(address).await.map_err(|source| AdminError::Listen { address, source })?;
        let exposition = cx.scope().map(|scope| Exposition::new(Arc::clone(&scope.live), scope.requests.clone()));
        tracing::info!(address = %listener.local_addr().unwrap_or(address), "the admin port listens: GET /metrics");
        cx.ready();
        let stopped = cx.stopped();
        tokio::pin!(stopped);
        let exposition = exposition.map(Arc::new);
        let mut connections: FuturesUnordered<Task<()>> = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => return crate::error::Result::Ok(()),
                Some(_) = connections.next() => {}
                accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                    Ok((stream, _)) => connections.push(spawn(serve(stream, exposition.clone()))),
                    Err(error) => tracing::debug!(%error, "a connection to the admin port was not accepted"),
                },
            }
        }
    })
}

async fn serve(stream: TcpStream, exposition: Option<Arc<Exposition>>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), accept(&request), exposition.as_deref());
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    // A client that connects and says nothing does not keep its place.
    http.timer(TokioTimer::new()).header_read_timeout(std::time::Duration::from_secs(10));
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection to the admin port ended early");
    }
}

fn accept(request: &Request<Incoming>) -> &str {
    request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default()
}

fn answer(method: &Method, path: &str, accept: &str, exposition: Option<&Exposition>) -> Response<Full<Bytes>> {
    if path != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "there is no such page: GET /metrics");
    }
    if method != Method::GET && method != Method::HEAD {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "GET /metrics");
        answer.headers_mut().insert(ALLOW, http::HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let Some(exposition) = exposition else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "the admin port runs outside of an operator");
    };
    let kind = Kind::of(accept);
    match exposition.encode(kind) {
        Ok(body) => with_type(StatusCode::OK, kind.content_type(), body.into()),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("the metrics can't be written: {error}")),
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    with_type(status, "text/plain; charset=utf-8", format!("{text}\n").into())
}

fn with_type(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    answer
}
