//! Watches: where each begins, and the lines that are ready for it.
//!
//! A [`Watch`] is a cursor over the event log and owns nothing that the store would have to keep. Whoever drives it
//! asks for lines with [`Server::watch_frames`], says how far the client may see, and is told when to ask again.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Server;
use super::accept::{Accepted, Media};
use super::present::Look;
use super::query::ListOptions;
use super::read::parse_version;
use super::scope::Scope;
use crate::protobuf::encode_event;
use crate::status::{self, ApiError};
use crate::store::{Change, Event, Object};
use crate::table::Header;

const BOOKMARK_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// How long before its end a watch is told once more how far it has come, for the client to go on from there.
const LAST_BOOKMARK: SignedDuration = SignedDuration::from_secs(2);
/// How long a streaming list waits for a version from the future.
pub(crate) const PATIENCE: SignedDuration = SignedDuration::from_secs(3);

/// A client's place in the event log.
#[derive(Debug)]
pub(crate) struct Watch {
    scope: Scope,
    look: Look,
    media: Media,
    start: Start,
    /// The objects of the beginning that are still to be sent as added.
    initial: VecDeque<Arc<Object>>,
    /// The version whose reaching is marked once `initial` is empty.
    initial_end: Option<u64>,
    /// Every event up to here has been looked at.
    seen: u64,
    /// When the next bookmark is due, if the client wants any.
    bookmark_at: Option<Timestamp>,
    ends_at: Timestamp,
    columns_sent: bool,
    /// The generation of the catalog that is known to serve the resource as it was at the start.
    served_in: u64,
}

/// What stands between a watch and its first event.
#[derive(Debug)]
enum Start {
    Under,
    /// A streaming list from a version that the store has not reached.
    Awaiting {
        rv: u64,
        until: Timestamp,
        mark: bool,
    },
    /// One error event, then the end.
    Refused(ApiError),
    Over,
}

/// One line for the client.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    event: bool,
}

impl Frame {
    /// Whether it tells of an object, and not of the watch itself.
    pub(crate) fn is_event(&self) -> bool {
        self.event
    }

    fn event(bytes: Bytes) -> Self {
        Self { bytes, event: true }
    }

    fn aside(bytes: Bytes) -> Self {
        Self { bytes, event: false }
    }
}

/// The lines that are ready, and what comes then.
#[derive(Debug)]
pub(crate) struct Frames {
    pub(crate) ready: Vec<Frame>,
    pub(crate) next: Next,
}

/// When to ask a watch again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// At once: the batch was full.
    More,
    /// When the store has changed, or at this time.
    Wait { until: Option<Timestamp> },
    /// Never: the answer is complete.
    End,
}

impl Server {
    /// Starts a watch; what is wrong with its beginning is said in the stream, as the real server does.
    pub(crate) fn start_watch(
        &self,
        scope: Scope,
        options: &ListOptions,
        accepted: Accepted,
        look: Look,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Watch, ApiError> {
        let wanted = parse_version(&options.resource_version).map_err(ApiError::unforeseen)?;
        let seconds = match options.timeout_seconds {
            Some(seconds) if seconds > 0 => seconds,
            _ => rng.i64(1800..3600),
        };
        let after = |span: SignedDuration| now.checked_add(span).unwrap_or(Timestamp::MAX);
        let ends_at = after(SignedDuration::from_secs(seconds));
        let mut watch = Watch {
            look: Look { form: accepted.form, ..look },
            media: accepted.media,
            start: Start::Under,
            initial: VecDeque::new(),
            initial_end: None,
            seen: self.store.current_rv(),
            bookmark_at: options.bookmarks.then(|| next_bookmark(now, ends_at)).flatten(),
            ends_at,
            columns_sent: false,
            served_in: self.catalog.generation(),
            scope,
        };
        let current = self.store.current_rv();
        match (options.send_initial_events, wanted.unwrap_or(0)) {
            (Some(true), rv) if rv > current => {
                watch.start = Start::Awaiting { rv, until: after(PATIENCE), mark: options.bookmarks };
            }
            (Some(true), _) | (None, 0) => self.begin(&mut watch, options.bookmarks),
            (Some(false), 0) => {}
            (_, rv) if self.store.is_too_old(&watch.scope.table, rv) => {
                watch.start = Start::Refused(ApiError::too_old(rv, self.store.oldest_rv(&watch.scope.table)));
            }
            (_, rv) => watch.seen = rv,
        }
        self.foresee(&watch);
        Ok(watch)
    }

    /// Has a webhook convert what a watch is about to show: its lines can't wait for one.
    fn foresee(&self, watch: &Watch) {
        let resource = &watch.scope.resource;
        let Some(converter) = resource.converter() else { return };
        converter.is_watched_in(&resource.api_version());
        for object in &watch.initial {
            let _ = watch.look.converted(resource, object);
        }
        for event in self.store.events_after(&watch.scope.table, watch.seen) {
            converter.wish(&event.object.value());
        }
    }

    /// Puts what there is now before everything else.
    fn begin(&self, watch: &mut Watch, mark: bool) {
        let objects = self.store.scan(&watch.scope.table, watch.scope.range(""));
        watch.initial = objects
            .filter(|(key, object)| watch.scope.selects(key, object))
            .map(|(_, object)| object.clone())
            .collect();
        watch.seen = self.store.current_rv();
        watch.initial_end = mark.then_some(watch.seen);
        watch.start = Start::Under;
    }

    /// The next lines of a watch, at most `batch` of them, for a client that sees the store up to `upto`.
    pub(crate) fn watch_frames(&mut self, watch: &mut Watch, upto: u64, now: Timestamp, batch: usize) -> Frames {
        let mut ready = Vec::new();
        let next = self.fill(watch, upto, now, batch.max(1), &mut ready);
        if watch.media == Media::Protobuf {
            for frame in &mut ready {
                frame.bytes = watch.written(&frame.bytes);
            }
        }
        Frames { ready, next }
    }

    fn fill(&self, watch: &mut Watch, upto: u64, now: Timestamp, batch: usize, ready: &mut Vec<Frame>) -> Next {
        if let Start::Awaiting { rv, until, mark } = watch.start {
            let current = self.store.current_rv();
            if rv <= current {
                self.begin(watch, mark);
            } else if now < until {
                return Next::Wait { until: Some(until) };
            } else {
                watch.start = Start::Refused(ApiError::too_new(rv, current));
            }
        }
        if let Start::Refused(error) = &watch.start {
            ready.push(Frame::aside(status::line(&error.to_value())));
            watch.start = Start::Over;
        }
        if matches!(watch.start, Start::Over) {
            return Next::End;
        }
        while let Some(object) = watch.initial.pop_front() {
            ready.push(watch.show(&object, Change::Added, now));
            if ready.len() >= batch {
                return Next::More;
            }
        }
        if let Some(rv) = watch.initial_end.take() {
            ready.push(Frame::aside(watch.look.bookmark(&watch.scope.resource, rv, true, now)));
        }
        if self.store.has_forgotten(&watch.scope.table, watch.seen) {
            watch.start = Start::Refused(ApiError::too_old(watch.seen, self.store.oldest_rv(&watch.scope.table)));
            return self.fill(watch, upto, now, batch, ready);
        }
        for event in self.store.events_after(&watch.scope.table, watch.seen) {
            if event.rv > upto {
                break;
            }
            if ready.len() >= batch {
                return Next::More;
            }
            watch.seen = event.rv;
            match (watch.meaning(event), &event.previous) {
                (None, _) => {}
                // What leaves the selection is shown as it was within it.
                (Some(Change::Deleted), Some(previous)) if event.change != Change::Deleted => {
                    let mut last = Arc::unwrap_or_clone(previous.value());
                    super::meta::of(&mut last).insert("resourceVersion".into(), event.rv.to_string().into());
                    let last = Object::new(last, event.rv, Change::Deleted, previous.written_under);
                    ready.push(watch.show(&last, Change::Deleted, now));
                }
                (Some(change), _) => ready.push(watch.show(&event.object, change, now)),
            }
        }
        if now >= watch.ends_at {
            return Next::End;
        }
        if upto >= self.store.current_rv() && watch.served_in != self.catalog.generation() {
            // What becomes of a changed definition's objects is another storage's to tell.
            if !self.catalog.still_serves(&watch.scope.resource) {
                return Next::End;
            }
            watch.served_in = self.catalog.generation();
        }
        watch.seen = watch.seen.max(upto.min(self.store.current_rv()));
        if watch.bookmark_at.is_some_and(|due| due <= now) {
            watch.bookmark_at = next_bookmark(now, watch.ends_at);
            ready.push(Frame::aside(watch.look.bookmark(&watch.scope.resource, watch.seen, false, now)));
        }
        Next::Wait { until: Some(watch.bookmark_at.map_or(watch.ends_at, |due| due.min(watch.ends_at))) }
    }
}

/// When a watch that ends then is to get its next bookmark: every now and then, and shortly before its end.
fn next_bookmark(now: Timestamp, ends_at: Timestamp) -> Option<Timestamp> {
    let last = ends_at.checked_sub(LAST_BOOKMARK).ok()?;
    let due = now.checked_add(BOOKMARK_EVERY).map_or(last, |due| due.min(last));
    (due > now).then_some(due)
}

impl Watch {
    /// The store's table that it follows: no other change concerns it.
    pub(crate) fn table(&self) -> &str {
        &self.scope.table
    }

    /// A line as this client reads it. What is no event, as faults would have it, stays what it is.
    pub(crate) fn written(&self, line: &Bytes) -> Bytes {
        if self.media != Media::Protobuf {
            return line.clone();
        }
        let event: Option<Value> = serde_json::from_slice(line).ok();
        let encoded = event.and_then(|event| encode_event(event.get("type")?.as_str()?, event.get("object")?));
        encoded.map_or_else(|| line.clone(), Bytes::from)
    }

    /// What an event is to this client: an object that enters the selection was added, one that leaves was deleted.
    fn meaning(&self, event: &Event) -> Option<Change> {
        if !self.scope.has_key(&event.key) {
            return None;
        }
        let was = event.previous.as_ref().is_some_and(|previous| self.scope.selects(&event.key, previous));
        let is = event.change != Change::Deleted && self.scope.selects(&event.key, &event.object);
        match (was, is) {
            (false, true) => Some(Change::Added),
            (true, true) => Some(Change::Modified),
            (true, false) => Some(Change::Deleted),
            (false, false) => None,
        }
    }

    fn show(&mut self, object: &Object, change: Change, now: Timestamp) -> Frame {
        let header = if std::mem::replace(&mut self.columns_sent, true) { Header::Omitted } else { Header::Columns };
        Frame::event(self.look.line(&self.scope.resource, object, change, header, now))
    }
}
