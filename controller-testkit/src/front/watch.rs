//! The body of a watch: asks the server for the lines that are ready, and waits for more.
//!
//! A line is one shared `Bytes` from the store to the socket. Lines are taken in batches under one lock; the faults
//! are asked about each only while some rule speaks of watches.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Sleep;

use super::body::{broken_connection, pieces};
use crate::cluster::{Hub, HubState};
use crate::faults::{Level, Strike, WatchId};
use crate::server::{Frame, Next, Watch};

/// Lines taken under one lock: enough to make its cost nothing, few enough to let others in.
const BATCH: usize = 128;

/// One open watch.
pub(crate) struct Feed {
    hub: Arc<Hub>,
    /// Rung when what it follows has changed, or a fault.
    bell: Arc<Notify>,
    id: WatchId,
    watch: Watch,
    /// Taken from the server, not yet shown: a fault stands between.
    taken: VecDeque<Frame>,
    /// Shown: goes out as it is.
    ready: VecDeque<Bytes>,
    /// What comes when `ready` is empty, if it is decided.
    last: Option<Last>,
    outages: u64,
    steady: bool,
    /// Goes off at a time that is the same for many events.
    timer: Option<Timer>,
}

struct Timer {
    at: Timestamp,
    sleep: Pin<Box<Sleep>>,
}

/// How a watch ends.
#[derive(Clone, Copy)]
enum Last {
    Clean,
    Broken,
}

/// What to wait for before looking again.
enum Wait {
    Nothing,
    Change,
    ChangeOr(Timestamp),
}

impl Feed {
    pub(crate) fn new(hub: Arc<Hub>, bell: Arc<Notify>, id: WatchId, watch: Watch, outages: u64, steady: bool) -> Self {
        let (taken, ready) = (VecDeque::new(), VecDeque::new());
        Feed { hub, bell, id, watch, taken, ready, last: None, outages, steady, timer: None }
    }

    pub(crate) fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        futures::stream::unfold(self, |mut feed| async move { feed.next().await.map(|line| (line, feed)) })
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(Ok(line));
            }
            match self.last {
                Some(Last::Clean) => return None,
                Some(Last::Broken) => {
                    self.last = Some(Last::Clean);
                    return Some(Err(broken_connection()));
                }
                None => {}
            }
            let (hub, bell) = (self.hub.clone(), self.bell.clone());
            let changed = bell.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            let now = hub.clock.now();
            let wait = hub.step(|state| self.fill(state, now));
            match wait {
                Wait::Nothing => {}
                Wait::Change => changed.await,
                Wait::ChangeOr(until) => {
                    let timer = self.timer_at(until);
                    tokio::select! {
                        biased;
                        () = changed => {}
                        () = timer.sleep.as_mut() => self.timer = None,
                    }
                }
            }
        }
    }

    /// The timer that goes off then: the last one, if it was for that time.
    fn timer_at(&mut self, at: Timestamp) -> &mut Timer {
        let last = self.timer.take().filter(|timer| timer.at == at);
        let sleep = || Box::pin(tokio::time::sleep_until(self.hub.clock.instant(at)));
        let timer = last.unwrap_or_else(|| Timer { at, sleep: sleep() });
        self.timer.insert(timer)
    }

    /// Moves what may be shown now into `ready`, or decides the end, or says what to wait for.
    fn fill(&mut self, state: &mut HubState, now: Timestamp) -> Wait {
        if self.steady || state.rules.leaves_watches_alone() {
            if !self.steady && state.rules.outages() != self.outages {
                self.last = Some(Last::Broken);
                return Wait::Nothing;
            }
            self.ready.extend(self.taken.drain(..).map(|frame| frame.bytes));
            let upto = state.server.current_rv().min(self.hub.told());
            let frames = state.server.watch_frames(&mut self.watch, upto, now, BATCH);
            self.ready.extend(frames.ready.into_iter().map(|frame| frame.bytes));
            return self.waiting(frames.next, None);
        }
        self.fill_with_faults(state, now)
    }

    fn fill_with_faults(&mut self, state: &mut HubState, now: Timestamp) -> Wait {
        if state.rules.outages() != self.outages {
            self.last = Some(Last::Broken);
            return Wait::Nothing;
        }
        let mut chunks: Option<NonZeroUsize> = None;
        let mut silent = false;
        for level in state.rules.levels(self.id) {
            match level {
                Level::Chunks(size) => chunks = Some(size),
                Level::Silent => silent = true,
                Level::Held(_) | Level::Late(_) => {}
            }
        }
        let store = state.server.current_rv().min(self.hub.told());
        let horizon = state.history.horizon(store, state.rules.levels(self.id), now);
        let mut next = None;
        if self.taken.is_empty() && !silent {
            let frames = state.server.watch_frames(&mut self.watch, horizon.upto, now, BATCH);
            self.taken.extend(frames.ready);
            next = Some(frames.next);
        }
        loop {
            match state.rules.due(self.id) {
                Some(Strike::Say(bytes)) => {
                    self.ready.push_back(self.watch.written(&bytes));
                    continue;
                }
                Some(Strike::SayAndEnd(bytes)) => {
                    self.ready.push_back(self.watch.written(&bytes));
                    self.last = Some(Last::Clean);
                }
                Some(Strike::End) => self.last = Some(Last::Clean),
                Some(Strike::Cut) => self.last = Some(Last::Broken),
                None => {}
            }
            if self.last.is_some() || silent {
                break;
            }
            let Some(frame) = self.taken.pop_front() else { break };
            if frame.is_event() {
                state.rules.delivered(self.id);
            }
            self.ready.push_back(frame.bytes);
        }
        if let Some(size) = chunks {
            self.ready = in_pieces(&self.ready, size.get());
        }
        match next {
            _ if self.last.is_some() => Wait::Nothing,
            _ if silent => Wait::Change,
            Some(next) => self.waiting(next, horizon.until),
            None => Wait::Nothing,
        }
    }

    fn waiting(&mut self, next: Next, sooner: Option<Timestamp>) -> Wait {
        match next {
            Next::End => {
                self.last = Some(Last::Clean);
                Wait::Nothing
            }
            _ if !self.ready.is_empty() => Wait::Nothing,
            Next::More => Wait::Nothing,
            Next::Wait { until } => match [until, sooner].into_iter().flatten().min() {
                Some(until) => Wait::ChangeOr(until),
                None => Wait::Change,
            },
        }
    }
}

/// The same bytes, in pieces that heed no line's end.
fn in_pieces(lines: &VecDeque<Bytes>, size: usize) -> VecDeque<Bytes> {
    let mut joined = BytesMut::with_capacity(lines.iter().map(Bytes::len).sum());
    for line in lines {
        joined.extend_from_slice(line);
    }
    pieces(joined.freeze(), size)
}

impl Drop for Feed {
    fn drop(&mut self) {
        let id = self.id;
        self.hub.step(|state| state.rules.closed(id));
    }
}
