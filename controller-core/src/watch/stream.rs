//! The state machine of one watch: what to ask the API server next, and when.
//!
//! It sees what happened, never the wire: a list in pages or as a stream, the watch that follows, its bookmarks and
//! its ends. It knows the version up to which the cache is complete, and it starts a list again whenever that can't
//! be built upon: the server forgot it, never reached it, or tells a story that does not follow from it.

use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::list::ListMeta;
use super::scan::Refusal;
use crate::cache::ResourceVersion;

/// How many objects one page asks for.
const PAGE: u32 = 500;

/// No answer to a request within this is a failure.
const ANSWER: Duration = Duration::from_secs(30);

/// A list that says nothing for this long is given up.
const LIST_SILENCE: Duration = Duration::from_secs(30);

/// Bookmarks come about every minute; a watch without a byte for two of them is taken for dead. Where a server sends
/// no bookmarks, that costs a request every two minutes and a quarter.
const WATCH_SILENCE: Duration = Duration::from_secs(135);

/// A watch that ended sooner, and moved nothing, is a failure; else it is only asked for again.
const SHORT: Duration = Duration::from_secs(1);

/// After so many failures in a row a way of listing is given up for the other one.
const PATIENCE: u32 = 3;

/// What is asked of the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// A page of a list, or the whole list where there is no limit.
    Page { limit: Option<u32>, continue_token: Option<String> },
    /// A watch that begins with the list.
    StreamList { seconds: u32 },
    /// A watch from a version on.
    Watch { from: ResourceVersion, seconds: u32 },
    /// One object, for the sake of the version that the server is at.
    Probe,
}

/// What happened.
#[derive(Debug)]
pub(super) enum Input {
    /// The wait is over.
    Woke,
    /// The request is answered, and its body begins.
    Opened,
    /// The request is answered with a refusal.
    Refused(Refusal),
    /// There is no answer, or the body broke off.
    Failed(String),
    /// A page is complete.
    Page(ListMeta),
    /// An object was reported with this version.
    Moved(ResourceVersion),
    /// A bookmark.
    Bookmark { version: ResourceVersion, ends_list: bool },
    /// The watch said an error.
    Error(Refusal),
    /// A report contradicts what is known.
    Doubtful,
    /// The body ended in order.
    Ended,
    /// Nothing came for as long as `Stream::silence` says.
    Silent,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Drop what is being read, and ask this.
    Open(Request),
    /// Drop what is being read, and wait.
    Wait(Duration),
    /// What the list does not show from now on is gone at its end.
    BeginList,
    /// The list is complete.
    EndList,
    /// The list has to be read again.
    Relist(Relist),
    /// Something is in the way.
    Trouble(Trouble),
    /// The cluster is followed.
    Recovered,
}

/// Why a list is read again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Relist {
    #[error("the server has forgotten version {version}")]
    Forgotten { version: String },
    #[error("the server is at version {server}, before {version}: it was set back")]
    SetBack { version: String, server: String },
    #[error("the server does not know version {version} yet")]
    Future { version: String },
    #[error("an event contradicts the objects at hand")]
    Doubtful,
}

/// What is in the way. The same trouble is told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody answers.
    Unreachable { why: String },
    /// 404: the kind is not served.
    Missing,
    /// 401: who we are is not believed.
    Unauthorized { message: String },
    /// 403: what we ask for is not granted.
    Forbidden { message: String },
    /// 429 and 503: later.
    Busy { code: u16 },
    /// Any other answer.
    Refused { code: u16, message: String },
}

impl Trouble {
    /// Whether a log that had this one need not have `other`: texts may differ from one attempt to the next.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused { code, .. }, Self::Refused { code: other, .. }) => code == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// Where the machine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting { then: Ask },
    Opening { ask: Ask },
    Reading { ask: Ask, since: Instant, moved: bool },
}

/// A request as the machine thinks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ask {
    Page { continue_token: Option<String> },
    StreamList,
    Watch,
    Probe,
}

/// The state machine of one watch.
#[derive(Debug)]
pub(super) struct Stream {
    state: State,
    /// The cache is complete up to here.
    position: Option<ResourceVersion>,
    /// Whether the server can stream a list, as far as is known.
    streams: bool,
    /// Lists that a forgotten version broke off, in a row.
    broken_lists: u32,
    /// Streamed lists that were answered and broke off, in a row.
    broken_streams: u32,
    trouble: Option<Trouble>,
    backoff: Backoff,
}

impl Stream {
    /// It begins with `Input::Woke`.
    pub(super) fn new(rng: fastrand::Rng) -> Self {
        Self {
            state: State::Waiting { then: Ask::StreamList },
            position: None,
            streams: true,
            broken_lists: 0,
            broken_streams: 0,
            trouble: None,
            backoff: Backoff::new(rng),
        }
    }

    /// The version up to which the cache is complete. None before the first list is.
    pub(super) fn position(&self) -> Option<&ResourceVersion> {
        self.position.as_ref()
    }

    /// Whether what is read belongs to a list.
    pub(super) fn lists(&self) -> bool {
        matches!(self.state, State::Reading { ask: Ask::Page { .. } | Ask::StreamList, .. })
    }

    /// How long nothing may come in this state before `Input::Silent`.
    pub(super) fn silence(&self) -> Duration {
        match &self.state {
            State::Reading { ask: Ask::Watch, .. } => WATCH_SILENCE,
            State::Reading { .. } => LIST_SILENCE,
            State::Opening { .. } | State::Waiting { .. } => ANSWER,
        }
    }

    /// The next state, and what is to be done. An event that moves a healthy watch on asks for nothing.
    pub(super) fn step(&mut self, now: Instant, input: Input) -> Vec<Action> {
        match input {
            Input::Woke => self.woke(),
            Input::Opened => self.opened(now),
            Input::Refused(refusal) | Input::Error(refusal) => self.refused(refusal),
            Input::Failed(why) => self.failed(why),
            Input::Page(meta) => self.page(meta),
            Input::Moved(version) => {
                self.moved(version);
                Vec::new()
            }
            Input::Bookmark { version, ends_list } => self.bookmark(version, ends_list),
            Input::Doubtful => self.relist(Relist::Doubtful),
            Input::Ended => self.ended(now),
            Input::Silent => self.silent(),
        }
    }

    fn woke(&mut self) -> Vec<Action> {
        match &self.state {
            State::Waiting { then } => self.open(then.clone()),
            _ => Vec::new(),
        }
    }

    fn open(&mut self, ask: Ask) -> Vec<Action> {
        let mut actions = Vec::with_capacity(2);
        if matches!(ask, Ask::StreamList | Ask::Page { continue_token: None }) {
            actions.push(Action::BeginList);
        }
        let request = match (&ask, &self.position) {
            (Ask::Page { continue_token }, _) => Request::Page {
                // Without a limit the server answers from memory, at one version.
                limit: (self.broken_lists < PATIENCE).then_some(PAGE),
                continue_token: continue_token.clone(),
            },
            (Ask::Probe, Some(_)) => Request::Probe,
            (Ask::Watch, Some(from)) => Request::Watch { from: from.clone(), seconds: self.backoff.watch_seconds() },
            (Ask::StreamList | Ask::Probe | Ask::Watch, _) => {
                Request::StreamList { seconds: self.backoff.watch_seconds() }
            }
        };
        actions.push(Action::Open(request));
        self.state = State::Opening { ask };
        actions
    }

    fn wait(&mut self, wait: Duration, then: Ask) -> Vec<Action> {
        if wait.is_zero() {
            return self.open(then);
        }
        self.state = State::Waiting { then };
        vec![Action::Wait(wait)]
    }

    /// How a list begins with this server.
    fn list(&self) -> Ask {
        if self.streams { Ask::StreamList } else { Ask::Page { continue_token: None } }
    }

    fn opened(&mut self, now: Instant) -> Vec<Action> {
        let State::Opening { ask } = &self.state else { return Vec::new() };
        let ask = ask.clone();
        let follows = ask == Ask::Watch;
        self.state = State::Reading { ask, since: now, moved: false };
        if follows { self.recovered() } else { Vec::new() }
    }

    fn recovered(&mut self) -> Vec<Action> {
        self.trouble = None;
        vec![Action::Recovered]
    }

    fn page(&mut self, meta: ListMeta) -> Vec<Action> {
        let State::Reading { ask, .. } = &self.state else { return Vec::new() };
        if *ask == Ask::Probe {
            return self.probed(meta);
        }
        if meta.continue_token.is_some() {
            return self.open(Ask::Page { continue_token: meta.continue_token });
        }
        let Some(version) = meta.version else {
            return self.failed("the list has no metadata.resourceVersion".to_owned());
        };
        let mut actions = self.listed(ResourceVersion::new(&version));
        actions.extend(self.open(Ask::Watch));
        actions
    }

    fn listed(&mut self, version: ResourceVersion) -> Vec<Action> {
        self.position = Some(version);
        self.broken_lists = 0;
        self.broken_streams = 0;
        let mut actions = vec![Action::EndList];
        actions.extend(self.recovered());
        actions
    }

    /// A server that is behind us was restored from a backup: a watch from our version would be silent for long.
    fn probed(&mut self, meta: ListMeta) -> Vec<Action> {
        let server = meta.version.as_deref().map(ResourceVersion::new);
        match (server, &self.position) {
            (Some(server), Some(position)) if server.is_before(position) => {
                let (version, server) = (position.to_string(), server.to_string());
                self.relist(Relist::SetBack { version, server })
            }
            _ => self.open(Ask::Watch),
        }
    }

    fn moved(&mut self, version: ResourceVersion) {
        let State::Reading { ask: Ask::Watch, moved, .. } = &mut self.state else { return };
        self.backoff.succeeded();
        if self.position.as_ref().is_none_or(|position| !version.is_before(position) && version != *position) {
            self.position = Some(version);
            *moved = true;
        }
    }

    fn bookmark(&mut self, version: ResourceVersion, ends_list: bool) -> Vec<Action> {
        let State::Reading { ask, since, .. } = &self.state else { return Vec::new() };
        let since = *since;
        match (ask, ends_list) {
            (Ask::StreamList, true) => {
                self.state = State::Reading { ask: Ask::Watch, since, moved: true };
                self.listed(version)
            }
            // An old server takes the request for a plain watch, and would never say that the list is complete.
            (Ask::StreamList, false) => {
                self.streams = false;
                self.open(Ask::Page { continue_token: None })
            }
            _ => match &self.position {
                Some(position) if version.is_before(position) => {
                    let (version, server) = (position.to_string(), version.to_string());
                    self.relist(Relist::SetBack { version, server })
                }
                _ => {
                    self.moved(version);
                    Vec::new()
                }
            },
        }
    }

    fn ask(&self) -> Ask {
        match &self.state {
            State::Waiting { then: ask } | State::Opening { ask } | State::Reading { ask, .. } => ask.clone(),
        }
    }

    fn refused(&mut self, refusal: Refusal) -> Vec<Action> {
        let ask = self.ask();
        let Refusal { code, message, .. } = refusal;
        let version = || self.position.as_ref().map_or_else(|| "0".to_owned(), ToString::to_string);
        if code == 410 || matches!(refusal.reason.as_str(), "Expired" | "Gone") {
            return match ask {
                // The token that may come with it leads to a list of two versions, which no watch can follow.
                Ask::Page { .. } | Ask::StreamList => {
                    self.broken_lists += 1;
                    let wait = self.backoff.soon();
                    self.wait(wait, self.list())
                }
                Ask::Watch | Ask::Probe => {
                    let version = version();
                    self.relist(Relist::Forgotten { version })
                }
            };
        }
        if refusal.version_too_large && ask == Ask::Watch {
            let version = version();
            return self.relist(Relist::Future { version });
        }
        if ask == Ask::StreamList && matches!(code, 400 | 405 | 406 | 415 | 422 | 501) {
            self.streams = false;
            return self.open(Ask::Page { continue_token: None });
        }
        let asked = refusal.retry_after_seconds.map(Duration::from_secs);
        let (trouble, wait, then) = match (code, asked) {
            (404, _) => {
                self.position = None;
                (Trouble::Missing, self.backoff.refusal(), self.list())
            }
            (401, _) => (Trouble::Unauthorized { message }, self.backoff.refusal(), ask),
            (403, _) => (Trouble::Forbidden { message }, self.backoff.refusal(), ask),
            (429 | 503, asked) => (Trouble::Busy { code }, self.backoff.not_before(asked.unwrap_or_default()), ask),
            (_, Some(asked)) => (Trouble::Refused { code, message }, self.backoff.not_before(asked), ask),
            // A request that is wrong in itself stays wrong.
            (400..500, None) => (Trouble::Refused { code, message }, self.backoff.refusal(), self.list()),
            (_, None) => (Trouble::Refused { code, message }, self.backoff.failure(), ask),
        };
        let mut actions = self.troubled(trouble);
        actions.extend(self.wait(wait, then));
        actions
    }

    fn failed(&mut self, why: String) -> Vec<Action> {
        let answered = matches!(self.state, State::Reading { ask: Ask::Watch, .. });
        let then = match self.ask() {
            // What answers next may be another server, or the same one restored.
            Ask::Watch | Ask::Probe => Ask::Probe,
            // Only an answer that breaks off says something of the way of listing: nobody may answer at all.
            Ask::StreamList if matches!(self.state, State::Reading { .. }) => {
                self.broken_streams += 1;
                self.streams = self.broken_streams < PATIENCE;
                self.list()
            }
            ask => ask,
        };
        // A watch that breaks off is daily life: it is trouble once nobody takes it up again.
        let mut actions = if answered { Vec::new() } else { self.troubled(Trouble::Unreachable { why }) };
        let wait = self.backoff.failure();
        actions.extend(self.wait(wait, then));
        actions
    }

    fn troubled(&mut self, trouble: Trouble) -> Vec<Action> {
        if self.trouble.as_ref().is_some_and(|known| known.is_like(&trouble)) {
            return Vec::new();
        }
        self.trouble = Some(trouble.clone());
        vec![Action::Trouble(trouble)]
    }

    fn relist(&mut self, why: Relist) -> Vec<Action> {
        let wait = self.backoff.soon();
        let mut actions = vec![Action::Relist(why)];
        actions.extend(self.wait(wait, self.list()));
        actions
    }

    fn ended(&mut self, now: Instant) -> Vec<Action> {
        match &self.state {
            State::Reading { ask: Ask::Watch, since, moved } => {
                if *moved || now.saturating_duration_since(*since) >= SHORT {
                    return self.open(Ask::Watch);
                }
                let wait = self.backoff.failure();
                self.wait(wait, Ask::Watch)
            }
            _ => self.failed("the answer ended before it was complete".to_owned()),
        }
    }

    fn silent(&mut self) -> Vec<Action> {
        match &self.state {
            State::Reading { ask: Ask::Watch, .. } => self.open(Ask::Probe),
            // Some servers and proxies take the request and never say that the list is complete.
            State::Reading { ask: Ask::StreamList, .. } => {
                self.streams = false;
                self.open(Ask::Page { continue_token: None })
            }
            State::Waiting { .. } => Vec::new(),
            _ => {
                let seconds = self.silence().as_secs();
                self.failed(format!("no answer within {seconds} s"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
