//! Owns the admin port: a child of the operator that takes connections and lets [`Desk`] answer their requests.
//!
//! No client holds it up: a request that does not come, an answer that is not taken and one connection too many each
//! end a connection. Connections end with the child.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::FutureExt as _;
use futures::stream::FuturesUnordered;
use http::Request;
use http::header::ACCEPT;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::answer::{Asked, Desk};
use super::patience::Patient;
use super::window::Window;
use crate::env::spawn;
use crate::error::Failure;
use crate::supervisor::{ChildContext, ChildSpec};

/// What a client may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// So many connections are held; for one more the oldest is closed, so that a probe always gets through.
    connections: usize,
    /// The time for the head of a request, and between two requests.
    request: Duration,
    /// The time in which some of an answer has to be taken.
    answer: Duration,
    /// The bytes of a request's head.
    head: usize,
}

const LIMITS: Limits =
    Limits { connections: 64, request: Duration::from_secs(10), answer: Duration::from_secs(10), head: 16 * 1024 };

/// A system that gives no more connections is asked again after so long.
const REST: Duration = Duration::from_millis(100);

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
pub(crate) fn child(address: SocketAddr, window: Arc<Window>) -> ChildSpec {
    ChildSpec::worker("admin", move |cx| run(address, Arc::clone(&window), cx))
}

async fn run(address: SocketAddr, window: Arc<Window>, cx: ChildContext) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).await.map_err(|source| AdminError::Listen { address, source })?;
    let address = listener.local_addr().unwrap_or(address);
    window.listens_on(address);
    tracing::info!(operator = &*window.operator, %address, "the admin port listens");
    // A generator of its own: what is asked here changes no other choice.
    let scope =
        cx.scope().ok_or("the admin port shows an operator, and there is none: give it to `Operator::admin`")?;
    let desk = Arc::new(Desk::new(window, scope.chance.rng("admin port")));
    cx.ready();
    serve(&listener, &desk, LIMITS, cx.stopped()).await;
    Ok(())
}

/// Takes connections until `stopped`.
async fn serve(listener: &TcpListener, desk: &Arc<Desk>, limits: Limits, stopped: impl Future<Output = ()>) {
    tokio::pin!(stopped);
    let mut connections = FuturesUnordered::new();
    // By number, so that the first is the oldest.
    let mut open: BTreeMap<u64, AbortHandle> = BTreeMap::new();
    let mut next = 0;
    loop {
        tokio::select! {
            biased;
            () = &mut stopped => return,
            Some(number) = connections.next() => {
                open.remove(&number);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if open.len() >= limits.connections && let Some((_, oldest)) = open.pop_first() {
                        oldest.abort();
                    }
                    let number = next;
                    next += 1;
                    let task = spawn(talk(stream, Arc::clone(desk), limits));
                    open.insert(number, task.abort_handle());
                    connections.push(task.map(move |_| number));
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection to the admin port was not accepted");
                    tokio::time::sleep(REST).await;
                }
            },
        }
    }
}

/// Answers the requests of one connection.
async fn talk(stream: TcpStream, desk: Arc<Desk>, limits: Limits) {
    let service = service_fn(move |request: Request<Incoming>| {
        let desk = Arc::clone(&desk);
        async move {
            let (method, uri) = (request.method(), request.uri());
            let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
            let asked = Asked { method, path: uri.path(), query: uri.query().unwrap_or_default(), accept };
            Ok::<_, Infallible>(desk.answer(asked).await)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.request).max_buf_size(limits.head);
    let stream = Patient::new(TokioIo::new(stream), limits.answer);
    if let Err(error) = http.serve_connection(stream, service).await {
        tracing::debug!(%error, "a connection to the admin port ended early");
    }
}

#[cfg(test)]
mod tests;
