//! Admission webhooks and policies: which have a say in a change, what they are told, and what their answers mean.
//!
//! Policies are expressions, which are run at once; webhooks are called. A call is decided on here and not made: whoever
//! handles a request says which [`Call`] it waits for, a front makes the call, and the request is handled anew with the
//! [`Reply`]. It comes to the same point then, since time and chance are those of the first time; a call whose review
//! has become another one is made again. Nothing is stored before the last reply is there.

mod reach;
mod condition;
mod hook;
mod review;
mod policy;
mod mutation;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

pub(crate) use hook::{Hook, Kind};
pub(crate) use mutation::Mutation;
pub(crate) use policy::{Denial, Policy};
pub(crate) use reach::Reach;
pub(crate) use review::{Change, Operation, Verdict, kind_of_part, review, verdict};

/// A call that a request waits for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) host: Host,
    /// The authorities that may vouch for the host, in PEM; without them nobody's word counts.
    pub(crate) authorities: Vec<u8>,
    pub(crate) seconds: u64,
    pub(crate) review: Value,
}

impl Call {
    /// The authorities in a `caBundle`.
    pub(crate) fn authorities(bundle: &str) -> Vec<u8> {
        STANDARD.decode(bundle).unwrap_or_default()
    }
}

/// Where a webhook listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Url(String),
    Service {
        namespace: String,
        name: String,
        port: u64,
        path: String,
    },
    /// The configuration names neither.
    Nowhere,
}

/// What a call came to: the body of an answer, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Answer(Value),
    Failed(String),
}

/// The calls of one request: those that were made, and the one that it waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    made: Vec<(Call, Reply)>,
    at: usize,
    wanted: Option<Call>,
}

impl Calls {
    /// The reply to a call, if it has been made; the first that has not is the one that is waited for.
    pub(crate) fn reply(&mut self, call: Call) -> Option<Reply> {
        if let Some((made, reply)) = self.made.get(self.at)
            && *made == call
        {
            self.at += 1;
            return Some(reply.clone());
        }
        // What was told later was told of something that is no more.
        self.made.truncate(self.at);
        self.wanted = Some(call);
        None
    }

    /// The call that is waited for.
    pub(crate) fn wanted(&self) -> Option<&Call> {
        self.wanted.as_ref()
    }

    /// The same with the reply to the call that was waited for, from its beginning.
    pub(crate) fn with(mut self, reply: Reply) -> Self {
        if let Some(call) = self.wanted.take() {
            self.made.push((call, reply));
        }
        self.at = 0;
        self
    }
}

/// A request that waits for a call; travels with the request.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) calls: Calls,
    /// When it was handled first.
    pub(crate) now: Timestamp,
    /// The chance that it had then.
    pub(crate) rng: fastrand::Rng,
}
