//! The heart of the server: a request and the time go in, an answer comes out.
//!
//! It knows HTTP's requests and answers but no sockets, no tasks, no clock and no chance of its own: the fronts own
//! those. What a kind allows comes from the catalog and the rooms behind it; what is stored and in which order, from
//! the store. What is not modelled is refused with a Status that says so.

// The modules stand in the order in which a request meets them.
mod access;
mod flows;
mod first;
mod handle;
mod site;
mod open_api;
mod route;
mod query;
mod accept;
mod scope;
mod fields;
mod read;
mod components;
mod page;
mod watch;
mod present;
mod convert;
mod write;
mod webhooks;
mod policies;
mod mutations;
mod body;
mod fault;
mod create;
mod admit;
mod ranges;
mod accounts;
mod secrets;
mod security;
mod quotas;
mod priorities;
mod etcd;
mod runtimes;
mod classes;
mod certificates;
mod nodes;
mod restore;
mod part;
mod update;
mod generation;
mod amend;
mod patched;
mod owners;
mod delete;
mod subresource;
mod scale;
mod pods;
mod connect;
mod evictions;
mod review;
mod deadline;
mod definitions;
mod companions;
mod services;
mod shape;
mod rules;
pub(crate) mod meta;
mod reply;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use jiff::{SignedDuration, Timestamp};

use crate::admission::Call;
use crate::auth::Gate;
use crate::catalog::Catalog;
use crate::store::{Event, Store};

use accounts::Accounts;
pub(crate) use definitions::DEFINITIONS;
pub(crate) use evictions::disruption_told;
pub(crate) use first::objects as first_objects;
pub(crate) use handle::answered;
pub(crate) use meta::uid as new_uid;
pub use restore::RestoreError;
pub(crate) use route::decode;
pub(crate) use watch::{Frame, Next, Watch};

/// One API server with all that it stores.
#[derive(Debug)]
pub(crate) struct Server {
    store: Store,
    catalog: Catalog,
    gate: Gate,
    /// The policies that were asked last.
    shelf: policies::Shelf,
    accounts: Accounts,
    flows: flows::Flows,
    /// How long the log is kept.
    log_kept: SignedDuration,
    /// When the log got how far, oldest first.
    marks: VecDeque<Mark>,
}

/// A stretch of the log.
#[derive(Debug)]
struct Mark {
    since: Timestamp,
    until: Timestamp,
    rv: u64,
}

/// How long the log is kept unless said otherwise. A real cluster forgets every five minutes what is older than that, so
/// there an event goes at between five minutes and this age.
const LOG_KEPT: SignedDuration = SignedDuration::from_mins(10);
/// The log is forgotten in so many stretches.
const STRETCHES: i32 = 64;
/// No log is longer, however young.
const LOG_ROOM: usize = 100_000;
/// Nor do the versions in it that are there no more take more bytes than this.
const LOG_WEIGHT: usize = 256 << 20;

/// What a request gets.
#[derive(Debug)]
pub(crate) enum Answer {
    Whole(Response<Bytes>),
    /// A body that goes on: its lines come from [`Server::watch_frames`].
    Watch {
        head: Response<()>,
        watch: Watch,
    },
    /// Not before this call has been made: hand the request in again with the reply.
    Call {
        call: Box<Call>,
        request: Request<Bytes>,
    },
    /// Not yet: hand the request in again when the store has changed, at the latest at this time.
    Later {
        until: Timestamp,
        request: Request<Bytes>,
    },
}

impl Answer {
    fn headers_mut(&mut self) -> &mut HeaderMap {
        match self {
            Self::Whole(response) => response.headers_mut(),
            Self::Watch { head, .. } => head.headers_mut(),
            Self::Later { request, .. } | Self::Call { request, .. } => request.headers_mut(),
        }
    }
}

impl Server {
    /// A server that has nothing stored and serves the built-in kinds.
    #[cfg(test)]
    pub(crate) fn new() -> Self {
        Self::over(Store::new())
    }

    /// A server over what has been stored before.
    pub(crate) fn over(store: Store) -> Self {
        let (catalog, gate, marks) = (Catalog::builtin(), Gate::default(), VecDeque::new());
        let (shelf, accounts, flows) = (policies::Shelf::default(), Accounts::default(), flows::Flows::default());
        Self { store, catalog, gate, shelf, accounts, flows, log_kept: LOG_KEPT, marks }
    }

    /// Takes this store for the empty one that it has.
    pub(crate) fn take(&mut self, store: Store) {
        self.store = store;
    }

    /// Keeps the log so long and no longer.
    pub(crate) fn keep_log(&mut self, kept: SignedDuration) {
        self.log_kept = kept;
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Everything that is stored, to look at; what is written goes through [`Server::handle`].
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The resourceVersion of the last change.
    pub(crate) fn current_rv(&self) -> u64 {
        self.store.current_rv()
    }

    /// Forgets the event log up to a version: older watches and lists are answered with 410 from then on.
    pub(crate) fn compact(&mut self, upto: u64) {
        self.store.compact(upto);
    }

    /// Notes how far the log has got by now, and forgets what is old, as a real cluster's storage is told to.
    pub(crate) fn age(&mut self, now: Timestamp) {
        let rv = self.store.current_rv();
        match self.marks.back_mut() {
            Some(mark) if mark.rv == rv => {}
            Some(mark) if now.duration_since(mark.since) < self.log_kept / STRETCHES => {
                (mark.until, mark.rv) = (now, rv);
            }
            _ => self.marks.push_back(Mark { since: now, until: now, rv }),
        }
        let kept = self.log_kept;
        let old = self.marks.iter().take_while(|mark| now.duration_since(mark.until) >= kept).count();
        if let Some(mark) = self.marks.drain(..old).next_back() {
            self.store.forget(mark.rv);
        }
        self.store.shorten(LOG_ROOM, LOG_WEIGHT);
    }

    /// Every change after a version, oldest first.
    pub(crate) fn events_after(&self, rv: u64) -> impl Iterator<Item = &Arc<Event>> {
        self.store.all_events_after(rv)
    }
}
