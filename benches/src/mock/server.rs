//! The rim: connections, requests, and commands on standard input.

use std::convert::Infallible;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::answer::Answer;
use super::cluster::{Batch, Cluster, Followed};
use super::script::{Command, perform};
use super::wire::{Format, Kind, Wire, status};
use super::{discovery, protobuf, tls};
use crate::corpus::Corpus;
use crate::template::Face;

/// Batches that wait for a client.
const ROOM: usize = 4;

/// A list, and the replay of a watch, are sent in pieces of about this many bytes.
const PIECE: usize = 128 << 10;

/// An idle watch gets a bookmark this often.
const BOOKMARKS: Duration = Duration::from_secs(60);

/// What is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which kind of object.
    pub corpus: Corpus,
    /// How many of them.
    pub objects: u32,
    /// A file with the object in protobuf, its holes in it.
    pub protobuf: Option<PathBuf>,
    /// HTTPS, with a certificate that nobody vouches for.
    pub tls: bool,
}

/// What connections and commands share.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Cluster>>);

impl Shared {
    pub(super) fn new(corpus: Corpus, objects: u32, protobuf: Option<&[u8]>) -> anyhow::Result<Self> {
        let cluster = Cluster::new(Wire::new(corpus, protobuf)?, objects);
        Ok(Self(Arc::new(Mutex::new(cluster))))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until standard input ends. The first line of output is the URL.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let protobuf = options.protobuf.as_ref().map(std::fs::read).transpose().context("the protobuf can't be read")?;
    let shared = Shared::new(options.corpus, options.objects, protobuf.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let tls = options.tls.then(tls::acceptor).transpose()?;
        let scheme = if options.tls { "https" } else { "http" };
        say(&format!("{scheme}://{}", listener.local_addr()?))?;
        tokio::spawn(accept(listener, shared.clone(), tls));
        tokio::spawn(bookmarks(shared.clone()));
        let mut commands = commands();
        while let Some(command) = commands.recv().await {
            let done = perform(&shared, command?).await;
            say(&serde_json::to_string(&done)?)?;
        }
        Ok(())
    })
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Standard input blocks: a thread reads it.
fn commands() -> mpsc::UnboundedReceiver<anyhow::Result<Command>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let command = line.map_err(Into::into).and_then(|line| Ok(serde_json::from_str(&line)?));
            if sender.send(command).is_err() {
                return;
            }
        }
    });
    receiver
}

pub(super) async fn accept(listener: TcpListener, shared: Shared, tls: Option<TlsAcceptor>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (shared, tls) = (shared.clone(), tls.clone());
        tokio::spawn(async move {
            // A socket that refuses is slower, no more.
            let _ = socket.set_nodelay(true);
            match tls {
                None => serve(socket, shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(socket).await {
                        serve(stream, shared).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Shared) {
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(&shared, &request)) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new());
    // A client that goes away ends its connection with an error.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn bookmarks(shared: Shared) {
    loop {
        tokio::time::sleep(BOOKMARKS).await;
        let marks: Vec<_> = {
            let cluster = shared.lock();
            let mark = |format| cluster.wire.bookmark(format, cluster.version(), false);
            cluster.watchers().iter().map(|watcher| (watcher.batches.clone(), mark(watcher.format))).collect()
        };
        for (batches, bytes) in marks {
            // A busy watch needs none.
            let _ = batches.try_send(Batch { each: bytes.len(), bytes });
        }
    }
}

fn answer(shared: &Shared, request: &Request<Incoming>) -> Response<Answer> {
    let path = request.uri().path().trim_end_matches('/');
    if let Some(text) = discovery::answer(path) {
        return json(StatusCode::OK, text.into());
    }
    let corpus = shared.lock().wire.corpus();
    if request.method() != Method::GET || !is_collection(corpus, path) {
        return json(StatusCode::NOT_FOUND, status(404, "NotFound", "not served here").into());
    }
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = shared.lock().wire.format(accept);
    let query = Query::parse(request.uri().query().unwrap_or_default());
    if query.watch { watch(shared, format, &query) } else { list(shared, format, &query) }
}

/// Whether the path is that of the kind's objects in all namespaces, or in the one that has all of them.
fn is_collection(corpus: Corpus, path: &str) -> bool {
    let root = if corpus.api_version().contains('/') { "/apis" } else { "/api" };
    let inside = path.strip_prefix(root).and_then(|path| path.strip_prefix('/'));
    let inside = inside.and_then(|path| path.strip_prefix(corpus.api_version()));
    let inside = inside.map(|path| path.strip_prefix("/namespaces/default").unwrap_or(path));
    inside.and_then(|path| path.strip_prefix('/')) == Some(corpus.plural())
}

/// What is understood of a query.
#[derive(Debug, Default)]
struct Query {
    watch: bool,
    initial_events: bool,
    version: Option<u64>,
    limit: Option<usize>,
    from: usize,
    seconds: Option<u64>,
}

impl Query {
    fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for (key, value) in text.split('&').filter_map(|part| part.split_once('=')) {
            match key {
                "watch" => query.watch = matches!(value, "1" | "true"),
                "sendInitialEvents" => query.initial_events = value == "true",
                "resourceVersion" => query.version = value.parse().ok(),
                "limit" => query.limit = value.parse().ok().filter(|limit| *limit > 0),
                "continue" => query.from = value.parse().unwrap_or(0),
                "timeoutSeconds" => query.seconds = value.parse().ok(),
                _ => {}
            }
        }
        query
    }
}

fn json(code: StatusCode, text: Bytes) -> Response<Answer> {
    let mut response = Response::new(text.into());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}

fn streamed(format: Format, watch: bool, batches: mpsc::Receiver<Batch>) -> Response<Answer> {
    let media_type = match (format, watch) {
        (Format::Json, _) => "application/json".to_owned(),
        (Format::Protobuf, false) => protobuf::MEDIA_TYPE.to_owned(),
        (Format::Protobuf, true) => format!("{};stream=watch", protobuf::MEDIA_TYPE),
    };
    let mut response = Response::new(Answer::stream(batches));
    response.headers_mut().insert(CONTENT_TYPE, media_type.parse().expect("a media type is a header value"));
    response
}

fn list(shared: &Shared, format: Format, query: &Query) -> Response<Answer> {
    let (sender, receiver) = mpsc::channel(ROOM);
    // From its cache, which is what version 0 asks for, an API server gives all at once.
    let limit = query.limit.filter(|_| query.version != Some(0)).unwrap_or(usize::MAX);
    let (shared, from) = (shared.clone(), query.from);
    tokio::spawn(async move {
        let (list, faces) = {
            let cluster = shared.lock();
            let (faces, next) = cluster.page(from, limit);
            let remaining = cluster.remaining(next);
            let next = (remaining > 0).then(|| (next.to_string(), remaining));
            (cluster.wire.list(format, cluster.version(), faces.len(), next), faces)
        };
        let mut out = list.head.to_vec();
        for (index, face) in faces.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(list.between);
            }
            shared.lock().wire.item(format, *face, &mut out);
            if out.len() >= PIECE && push(&sender, &mut out, usize::MAX).await.is_none() {
                return;
            }
        }
        out.extend_from_slice(list.tail);
        push(&sender, &mut out, usize::MAX).await;
    });
    streamed(format, false, receiver)
}

/// Hands on what was written, in chunks of one size. None when nobody reads any more.
async fn push(batches: &mpsc::Sender<Batch>, out: &mut Vec<u8>, each: usize) -> Option<()> {
    let bytes = Bytes::from(std::mem::replace(out, Vec::with_capacity(out.len())));
    batches.send(Batch { bytes, each }).await.ok()
}

fn watch(shared: &Shared, format: Format, query: &Query) -> Response<Answer> {
    let (sender, receiver) = mpsc::channel(ROOM);
    let shared = shared.clone();
    let (initial, seconds) = (query.initial_events, query.seconds.unwrap_or(3600));
    let since = query.version.filter(|version| *version > 0);
    tokio::spawn(async move {
        if let Some(id) = begin_watch(&shared, format, initial, since, &sender).await {
            // The cluster holds the other sender: when it lets go, the watch ends.
            drop(sender);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            shared.lock().end_watch(id);
        }
    });
    streamed(format, true, receiver)
}

async fn begin_watch(
    shared: &Shared,
    format: Format,
    initial: bool,
    since: Option<u64>,
    batches: &mpsc::Sender<Batch>,
) -> Option<u64> {
    let mut since = match since {
        Some(since) if since < shared.lock().oldest() => {
            let mut expired = shared.lock().wire.expired(format).to_vec();
            push(batches, &mut expired, usize::MAX).await;
            return None;
        }
        Some(since) => since,
        None => {
            let (faces, version) = {
                let cluster = shared.lock();
                (cluster.page(0, usize::MAX).0, cluster.version())
            };
            replay(shared, format, faces.into_iter().map(|face| (Kind::Added, face)), batches).await?;
            version
        }
    };
    if initial {
        let mut mark = shared.lock().wire.bookmark(format, since, true).to_vec();
        push(batches, &mut mark, usize::MAX).await?;
    }
    loop {
        let followed = shared.lock().follow(since, format, batches);
        match followed {
            Followed::Watching { id } => return Some(id),
            Followed::Missed { events, upto } => {
                replay(shared, format, events.into_iter(), batches).await?;
                since = upto;
            }
        }
    }
}

async fn replay(
    shared: &Shared,
    format: Format,
    events: impl Iterator<Item = (Kind, Face)>,
    batches: &mpsc::Sender<Batch>,
) -> Option<()> {
    let (mut out, mut last) = (Vec::new(), Kind::Added);
    for (kind, face) in events {
        let each = shared.lock().wire.event_size(format, last);
        if !out.is_empty() && (kind != last || out.len() >= PIECE) {
            push(batches, &mut out, each).await?;
        }
        last = kind;
        shared.lock().wire.event(format, kind, face, &mut out);
    }
    let each = shared.lock().wire.event_size(format, last);
    if out.is_empty() { Some(()) } else { push(batches, &mut out, each).await }
}
