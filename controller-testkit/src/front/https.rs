//! The front on a socket: HTTP/1.1 and HTTP/2, over TLS or plain.
//!
//! It owns the port, the connections and their tasks. A connection is a task of its own, so a slow client holds up
//! nobody. While the server is down the port stays reserved but nobody listens on it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::serve::ServeError;
use super::service::read;
use super::subject::Peer;
use super::websocket::{self, Handshake};
use super::{AnswerBody, Door, gzip};
use crate::auth::{Caller, User};

/// How long a client may take over its TLS handshake or the head of a request.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long connections may take to end once the server stops.
const FAREWELL: Duration = Duration::from_secs(2);
/// What is waited before a failed accept or listen is tried again.
const BREATH: Duration = Duration::from_millis(50);
/// How many clients may come at once; the system may allow fewer.
const BACKLOG: u32 = 4096;
/// Many watches share one HTTP/2 connection.
const STREAMS: u32 = 1_000;
/// Room in flight for one HTTP/2 stream and connection: a page of a big list.
const WINDOW: u32 = 1 << 20;

/// A loopback port that is ours, whether somebody listens on it or not.
pub(crate) struct Address {
    address: SocketAddr,
    /// A socket that is bound and never listens, which keeps the port from others while the server is down.
    reservation: Option<TcpSocket>,
    listener: Option<TcpListener>,
}

impl Address {
    /// Takes the port, or a free one for 0, and listens.
    pub(crate) fn reserve(port: u16) -> Result<Address, ServeError> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listen = |source| ServeError::Listen { address: wanted, source };
        let (reservation, address) = bound(wanted).map_err(listen)?;
        let mut address = Address { address, reservation: Some(reservation), listener: None };
        if address.listen().is_err() {
            // Not every system lets two sockets share an address on which one of them listens.
            address.reservation = None;
            address.listen().map_err(listen)?;
        }
        Ok(address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    fn listen(&mut self) -> io::Result<()> {
        if self.listener.is_none() {
            let (socket, _) = bound(self.address)?;
            self.listener = Some(socket.listen(BACKLOG)?);
        }
        Ok(())
    }

    fn hang_up(&mut self) {
        self.listener = None;
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        match &self.listener {
            Some(listener) => listener.accept().await.map(|(stream, _)| stream),
            None => std::future::pending().await,
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// Serves one port.
pub(crate) struct Front {
    door: Door,
    tls: Option<TlsAcceptor>,
    /// How requests' users are known; none takes everyone for an administrator.
    caller: Option<Caller>,
    stop: CancellationToken,
    /// The tasks of connections that have become WebSockets.
    sockets: Mutex<JoinSet<()>>,
}

impl Front {
    pub(crate) fn new(door: Door, tls: Option<TlsAcceptor>, caller: Option<Caller>, stop: CancellationToken) -> Front {
        Front { door, tls, caller, stop, sockets: Mutex::default() }
    }

    /// Accepts connections until it is told to stop.
    pub(crate) async fn run(self, mut address: Address) {
        let front = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            let power = front.door.hub().power.notified();
            let mut power = std::pin::pin!(power);
            power.as_mut().enable();
            if front.door.is_down() {
                address.hang_up();
                connections.shutdown().await;
            } else if address.listen().is_err() {
                tokio::time::sleep(BREATH).await;
                continue;
            }
            tokio::select! {
                biased;
                () = front.stop.cancelled() => break,
                () = &mut power => {}
                Some(_) = connections.join_next() => {}
                accepted = address.accept() => match accepted {
                    Ok(stream) => drop(connections.spawn(front.clone().connection(stream))),
                    // Out of files, or a client that has gone again.
                    Err(_) => tokio::time::sleep(BREATH).await,
                },
            }
        }
        address.hang_up();
        let mut sockets = std::mem::take(&mut *front.sockets.lock());
        let farewell = async {
            while connections.join_next().await.is_some() {}
            while sockets.join_next().await.is_some() {}
        };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
        connections.shutdown().await;
        sockets.shutdown().await;
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        // Latency is what it costs to wait for more bytes; a client without the option is served as well.
        let _ = stream.set_nodelay(true);
        match self.tls.clone() {
            Some(tls) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
                    let certificates = stream.get_ref().1.peer_certificates();
                    let user = certificates.and_then(|shown| Peer::of(shown.first()?)).map(user_of);
                    let caller = user.or_else(|| self.caller.clone());
                    self.speak(stream, caller).await;
                }
            }
            None => {
                let caller = self.caller.clone();
                self.speak(stream, caller).await;
            }
        }
    }

    async fn speak(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        caller: Option<Caller>,
    ) {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        let front = self.clone();
        let service = service_fn(move |request| front.clone().respond(request, caller.clone()));
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        // A broken connection is the client's affair.
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = self.stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn respond(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        caller: Option<Caller>,
    ) -> io::Result<Response<AnswerBody>> {
        let clock = &self.door.hub().clock;
        let asked = clock.now();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let agent = request.headers().get(USER_AGENT).cloned();
        let squeezes = gzip::is_accepted(request.headers());
        let handshake = websocket::handshake(&request);
        let upgrade = handshake.is_some().then(|| hyper::upgrade::on(&mut request));
        if upgrade.is_some() {
            websocket::authorize(&mut request);
        }
        let mut request = read(request).await?;
        if let Some(caller) = caller {
            request.extensions_mut().insert(caller);
        }
        let answer = self.door.answer(request).await;
        let took = clock.now().duration_since(asked);
        let status = answer.as_ref().map_or(0, |response| response.status().as_u16());
        let agent = agent.as_ref().and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let (at, took_us) = (asked, u64::try_from(took.as_micros()).unwrap_or_default());
        tracing::debug!(target: "controller_testkit::requests", %at, %method, %uri, status, took_us, agent);
        let answer = answer?;
        match (handshake, upgrade) {
            (Some(handshake), Some(upgrade)) if answer.body().is_stream() && !is_protobuf(&answer) => match handshake {
                Handshake::Refused(code, why) => return Ok(websocket::refusing(code, why)),
                Handshake::Accepted(accepted) => {
                    self.spawn_socket(upgrade, answer.into_body());
                    Ok(websocket::switching(accepted))
                }
            },
            _ if squeezes => Ok(gzip::squeezed(answer)),
            _ => Ok(answer),
        }
        .map(|answer| answer.map(|body| body.until(self.stop.clone().cancelled_owned())))
    }

    /// Goes on with a watch once the client's connection is a WebSocket.
    fn spawn_socket(&self, upgrade: OnUpgrade, watch: AnswerBody) {
        let stop = self.stop.clone();
        let mut sockets = self.sockets.lock();
        while sockets.try_join_next().is_some() {}
        sockets.spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                // A broken connection is the client's affair.
                let _ = websocket::run(TokioIo::new(upgraded), watch, stop).await;
            }
        });
    }
}

/// A watch whose events are no lines of text has no frames here: it goes on as it is.
fn is_protobuf(answer: &Response<AnswerBody>) -> bool {
    let media = answer.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok());
    media.is_some_and(|media| media.starts_with("application/vnd.kubernetes.protobuf"))
}

/// The user whom a certificate names.
fn user_of(peer: Peer) -> Caller {
    let user = peer.groups.into_iter().fold(User::new(peer.user), User::group);
    Caller::User(Arc::new(user.arrived()))
}
