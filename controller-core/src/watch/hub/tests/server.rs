//! Owns a server of one kind whose history is a script, in the bytes of the wire, and what is done to its answers.
//!
//! Beside the bytes it keeps the truth: what one who believed each whole line and each whole list was told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::env::Clock;

/// What happened, at versions 1, 2, 3 ...
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// An object with this name and uid was written.
    Put(&'static str, &'static str),
    Del(&'static str),
    /// Something happened to another kind: the version moves on, and a bookmark says so.
    Mark,
}

/// The objects at a version: name to uid and version.
pub(super) type Objects = BTreeMap<&'static str, (&'static str, usize)>;

pub(super) fn objects_at(log: &[Op], version: usize) -> Objects {
    let mut objects = Objects::new();
    for (at, op) in (1..).zip(log.iter().take(version)) {
        match op {
            Op::Put(name, uid) => drop(objects.insert(name, (uid, at))),
            Op::Del(name) => drop(objects.remove(name)),
            Op::Mark => {}
        }
    }
    objects
}

/// What was told of each name: `+uid@version`, `~uid@version` and `-uid`.
pub(super) type Tape = BTreeMap<String, Vec<String>>;

/// What one is told who believes each whole line and each whole list.
#[derive(Default)]
pub(super) struct Truth {
    known: Objects,
    listed: BTreeSet<&'static str>,
    pub(super) tape: Tape,
    /// Lists that were complete.
    pub(super) lists: usize,
}

impl Truth {
    fn say(&mut self, name: &str, what: String) {
        self.tape.entry(name.to_owned()).or_default().push(what);
    }

    fn shows(&mut self, name: &'static str, uid: &'static str, version: usize) {
        self.listed.insert(name);
        match self.known.insert(name, (uid, version)) {
            None => self.say(name, format!("+{uid}@{version}")),
            Some(known) if known == (uid, version) => {}
            Some((same, _)) if same == uid => self.say(name, format!("~{uid}@{version}")),
            Some((other, _)) => {
                self.say(name, format!("-{other}"));
                self.say(name, format!("+{uid}@{version}"));
            }
        }
    }

    fn hides(&mut self, name: &'static str) {
        if let Some((uid, _)) = self.known.remove(name) {
            self.say(name, format!("-{uid}"));
        }
    }

    fn begins(&mut self) {
        self.listed.clear();
    }

    fn ends(&mut self) {
        self.lists += 1;
        let unseen: Vec<_> = self.known.keys().filter(|name| !self.listed.contains(*name)).copied().collect();
        for name in unseen {
            self.hides(name);
        }
    }
}

/// An answer that is no success.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) code: u16,
    /// The header; a number of seconds, or anything else that servers put there.
    pub(super) retry_after: Option<&'static str>,
    pub(super) body: String,
}

impl Refusal {
    /// With a `Status` that has these members besides.
    pub(super) fn status(code: u16, members: &str) -> Self {
        let body = format!(r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no"{members}}}"#);
        Self { code, retry_after: None, body }
    }

    pub(super) fn later(self, retry_after: &'static str) -> Self {
        Self { retry_after: Some(retry_after), ..self }
    }

    /// As an event of a watch.
    pub(super) fn line(&self) -> String {
        format!(r#"{{"type":"ERROR","object":{}}}"#, self.body) + "\n"
    }
}

/// What one of the next requests finds.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    AsUsual,
    Refused(Refusal),
    /// The connection breaks before an answer.
    Reset,
    /// No answer.
    Hang,
    /// The connection breaks, or ends in order, after so many bytes of the body.
    Torn {
        bytes: usize,
        in_order: bool,
    },
    /// The connection goes silent after so many bytes.
    Stuck {
        bytes: usize,
    },
}

/// What a watch finds that asks from a version which the server has not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Future {
    TooLarge,
    Silence,
    Bookmark,
}

/// Where bodies are cut into chunks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chunks {
    /// One for each thing that is said.
    Whole,
    Of(NonZeroUsize),
    /// And once more behind so many bytes of all that was sent.
    SplitAt(usize),
}

type Sender = UnboundedSender<Result<Frame<Bytes>, io::Error>>;

type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

pub(super) struct Server {
    pub(super) log: Vec<Op>,
    /// How much of the log has happened.
    pub(super) now: usize,
    /// Versions before this are forgotten.
    pub(super) compacted: usize,
    /// What is said of a version that is forgotten.
    pub(super) gone: Refusal,
    pub(super) future: Future,
    /// None for a server that streams lists.
    pub(super) page: Option<NonZeroUsize>,
    pub(super) chunks: Chunks,
    /// The next watch begins with so many operations before its version.
    pub(super) repeats: usize,
    /// The next watch begins with all objects, as if they were new.
    pub(super) adds_again: bool,
    /// What the next requests find.
    pub(super) plan: VecDeque<Reply>,
    /// Nobody answers.
    pub(super) down: bool,
    pub(super) asked: Vec<(Instant, String)>,
    pub(super) truth: Truth,
    /// Bytes of all bodies so far.
    pub(super) sent: usize,
    open: Option<Sender>,
    /// Bodies in which nothing comes any more.
    stuck: Vec<Sender>,
}

enum Wire {
    Answer(Answer),
    Reset,
    Hang,
}

pub(super) fn object(name: &str, uid: &str, version: usize) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"default","uid":"{uid}","managedFields":[{{"f":"}}\""}}],"resourceVersion":"{version}"}},"spec":{{"at":{version}}}}}"#
    )
}

fn event(kind: &str, object: &str) -> String {
    format!(r#"{{"type":"{kind}","object":{object}}}"#) + "\n"
}

fn bookmark(version: usize, ends_list: bool) -> String {
    let annotations = if ends_list { r#","annotations":{"k8s.io/initial-events-end":"true"}"# } else { "" };
    event("BOOKMARK", &format!(r#"{{"metadata":{{"resourceVersion":"{version}"{annotations}}}}}"#))
}

impl Server {
    pub(super) fn new(log: &[Op], now: usize, page: Option<NonZeroUsize>) -> Self {
        Self {
            log: log.to_vec(),
            now,
            compacted: 0,
            gone: Refusal::status(410, r#","reason":"Expired","code":410"#),
            future: Future::TooLarge,
            page,
            chunks: Chunks::Whole,
            repeats: 0,
            adds_again: false,
            plan: VecDeque::new(),
            down: false,
            asked: Vec::new(),
            truth: Truth::default(),
            sent: 0,
            open: None,
            stuck: Vec::new(),
        }
    }

    pub(super) fn objects(&self) -> Objects {
        objects_at(&self.log, self.now)
    }

    /// Whether a watch is open in which things come.
    pub(super) fn is_watched(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.is_closed())
    }

    /// The line of the operation at a version.
    pub(super) fn line(&self, version: usize) -> String {
        let before = objects_at(&self.log, version - 1);
        match self.log.get(version - 1).expect("the version is in the log") {
            Op::Put(name, uid) => {
                let kind = if before.contains_key(name) { "MODIFIED" } else { "ADDED" };
                event(kind, &object(name, uid, version))
            }
            Op::Del(name) => event("DELETED", &object(name, before.get(name).expect("it is there").0, version)),
            Op::Mark => bookmark(version, false),
        }
    }

    /// The next operation of the log happens.
    pub(super) fn happens(&mut self) {
        self.now += 1;
        if self.is_watched() {
            let line = self.line(self.now);
            self.say(&line);
            self.told(self.now);
        }
    }

    /// The line of the operation at a version came whole.
    pub(super) fn told(&mut self, version: usize) {
        match self.log.get(version - 1).copied() {
            Some(Op::Put(name, uid)) => self.truth.shows(name, uid, version),
            Some(Op::Del(name)) => self.truth.hides(name),
            Some(Op::Mark) | None => {}
        }
    }

    /// Says this to the watch that is open.
    pub(super) fn say(&mut self, text: &str) {
        let Some(open) = self.open.take() else { return };
        self.send(&open, text.as_bytes());
        self.open = Some(open);
    }

    /// The watch that is open ends in order.
    pub(super) fn end(&mut self) {
        self.open = None;
    }

    /// The watch that is open breaks off.
    pub(super) fn reset(&mut self) {
        if let Some(open) = self.open.take() {
            // One who left does not hear of it.
            let _ = open.unbounded_send(Err(io::Error::other("connection reset")));
        }
    }

    /// Nothing comes any more in the watch that is open.
    pub(super) fn falls_silent(&mut self) {
        self.stuck.extend(self.open.take());
    }

    /// From now on only so much of the log has happened, and these operations come next.
    pub(super) fn set_back(&mut self, to: usize, then: &[Op]) {
        self.log.truncate(to);
        self.log.extend_from_slice(then);
        self.now = to;
    }

    fn send(&mut self, to: &Sender, bytes: &[u8]) {
        let (first, rest) = match self.chunks {
            Chunks::SplitAt(at) if at > self.sent && at < self.sent + bytes.len() => bytes.split_at(at - self.sent),
            Chunks::Whole | Chunks::SplitAt(_) | Chunks::Of(_) => (bytes, &[][..]),
        };
        let size = if let Chunks::Of(size) = self.chunks { size.get() } else { usize::MAX };
        for chunk in first.chunks(size).chain(rest.chunks(size)) {
            // One who left does not hear of it.
            let _ = to.unbounded_send(Ok(Frame::data(Bytes::copy_from_slice(chunk))));
        }
        self.sent += bytes.len();
    }

    fn refuse(refusal: &Refusal) -> Wire {
        let mut answer = Response::builder().status(refusal.code);
        if let Some(seconds) = refusal.retry_after {
            answer = answer.header("Retry-After", seconds);
        }
        let body = http_body_util::Full::new(Bytes::from(refusal.body.clone()));
        let body = body.map_err(|never| match never {}).boxed_unsync();
        Wire::Answer(answer.body(body).expect("a status and a header"))
    }

    /// Gives the body to send, or what is said instead. `whole` if the client will see all of it.
    fn list(&mut self, limited: bool, token: Option<&str>, whole: bool) -> Result<String, Refusal> {
        let (version, from) = match token.map(|token| token.split_once('-').expect("our token")) {
            Some((version, from)) => (version.parse().expect("a version"), from.parse().expect("a number")),
            None => (self.now, 0),
        };
        if token.is_some() && version < self.compacted {
            return Err(self.gone.clone());
        }
        let objects = objects_at(&self.log, version);
        let size = self.page.filter(|_| limited).map_or(usize::MAX, NonZeroUsize::get);
        let page: Vec<_> = objects.iter().skip(from).take(size).collect();
        let next = from.saturating_add(size);
        let next = (next < objects.len()).then(|| format!(r#","continue":"{version}-{next}""#));
        if whole {
            if token.is_none() {
                self.truth.begins();
            }
            page.iter().for_each(|(name, (uid, version))| self.truth.shows(name, uid, *version));
            if next.is_none() {
                self.truth.ends();
            }
        }
        let items: Vec<String> = page.iter().map(|(name, (uid, version))| object(name, uid, *version)).collect();
        let (items, next) = (items.join(","), next.unwrap_or_default());
        Ok(format!(
            r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"{version}"{next}}},"items":[{items}]}}"#
        ))
    }

    fn streamed_list(&mut self, whole: bool) -> String {
        let objects = self.objects();
        if whole {
            self.truth.begins();
            objects.iter().for_each(|(name, (uid, version))| self.truth.shows(name, uid, *version));
            self.truth.ends();
        }
        let lines = objects.iter().map(|(name, (uid, version))| event("ADDED", &object(name, uid, *version)));
        lines.chain([bookmark(self.now, true)]).collect()
    }

    /// What a watch from a version begins with.
    fn watch(&mut self, from: usize, whole: bool) -> Result<String, Refusal> {
        if from < self.compacted {
            return Err(self.gone.clone());
        }
        if from > self.now {
            return match self.future {
                Future::TooLarge => Err(too_large()),
                Future::Silence => Ok(String::new()),
                Future::Bookmark => Ok(bookmark(self.now, false)),
            };
        }
        let mut lines = String::new();
        if std::mem::take(&mut self.adds_again) {
            let objects = objects_at(&self.log, from);
            lines.extend(objects.iter().map(|(name, (uid, version))| event("ADDED", &object(name, uid, *version))));
        }
        let repeats = std::mem::take(&mut self.repeats);
        lines.extend((from.saturating_sub(repeats)..self.now).map(|at| self.line(at + 1)));
        if whole {
            (from..self.now).for_each(|at| self.told(at + 1));
        }
        Ok(lines)
    }

    fn answer(&mut self, query: &str, now: Instant) -> Wire {
        let query: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let (streams, watches) = (query.contains_key("sendInitialEvents"), query.contains_key("watch"));
        let (limit, token) = (query.get("limit").copied(), query.get("continue").copied());
        let from = query.get("resourceVersion").copied().unwrap_or_default();
        self.asked.push((
            now,
            match (streams, watches, token) {
                (true, _, _) => "stream".to_owned(),
                (_, true, _) => format!("watch {from}"),
                (_, _, Some(token)) => format!("page {token}"),
                (_, _, None) if limit == Some("1") => "probe".to_owned(),
                (_, _, None) => "list".to_owned(),
            },
        ));
        if self.down {
            return Wire::Reset;
        }
        let reply = self.plan.pop_front().unwrap_or(Reply::AsUsual);
        let whole = matches!(reply, Reply::AsUsual);
        let (mut bytes, mut stuck, mut in_order) = (usize::MAX, false, true);
        match &reply {
            Reply::AsUsual => {}
            Reply::Refused(refusal) => return Self::refuse(refusal),
            Reply::Reset => return Wire::Reset,
            Reply::Hang => return Wire::Hang,
            Reply::Torn { bytes: count, in_order: ends } => (bytes, in_order) = (*count, *ends),
            Reply::Stuck { bytes: count } => (bytes, stuck) = (*count, true),
        }
        let probes = limit == Some("1");
        let body = match (streams, watches) {
            (true, _) if self.page.is_some() => Err(Refusal::status(400, r#","reason":"BadRequest","code":400"#)),
            (true, _) => Ok(self.streamed_list(whole)),
            (_, true) => self.watch(from.parse().expect("our version"), whole),
            _ => self.list(limit.is_some(), token, whole && !probes),
        };
        let body = match body {
            Ok(body) => body,
            Err(refusal) => return Self::refuse(&refusal),
        };
        let (sender, receiver) = unbounded();
        let cut = body.len() > bytes;
        let body = body.as_bytes();
        self.send(&sender, body.get(..bytes).unwrap_or(body));
        if stuck {
            self.stuck.push(sender);
        } else if cut && !in_order {
            sender.unbounded_send(Err(io::Error::other("connection reset"))).expect("the receiver is here");
        } else if !cut && watches {
            self.open = Some(sender);
        }
        Wire::Answer(Response::new(StreamBody::new(receiver).boxed_unsync()))
    }
}

/// What is said to one who asks from a version to come.
pub(super) fn too_large() -> Refusal {
    Refusal::status(
        504,
        r#","reason":"Timeout","code":504,"details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}],"retryAfterSeconds":1}"#,
    )
}

/// A client of several servers, each behind its plural.
pub(super) fn client(servers: &[(&'static str, Arc<Mutex<Server>>)]) -> Client {
    let (servers, clock) = (servers.to_vec(), Clock::system());
    let service = tower::service_fn(move |request: Request<Body>| {
        let plural = request.uri().path().rsplit('/').next().unwrap_or_default();
        let (_, server) = servers.iter().find(|(name, _)| *name == plural).expect("a kind that is served");
        let wire = server.lock().answer(request.uri().query().unwrap_or_default(), clock.instant());
        async move {
            match wire {
                Wire::Answer(answer) => Ok(answer),
                Wire::Reset => Err(io::Error::other("connection refused")),
                Wire::Hang => std::future::pending().await,
            }
        }
    });
    Client::new(service, "default")
}

/// How long after `start` each request came.
pub(super) fn times(asked: &[(Instant, String)], start: Instant) -> Vec<(Duration, String)> {
    asked.iter().map(|(at, what)| (at.saturating_duration_since(start), what.clone())).collect()
}
