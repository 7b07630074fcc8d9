//! Writes of the world that wait for a webhook. The call is made by the world's task. Then the work that wrote is done
//! anew, and where it comes to the same write, that one goes on; what it decides otherwise by then is not written.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use http::Request;

use super::queue::Work;
use crate::admission::{Call, Reply};
use crate::server::answered;

/// Whose reply it is that a call gets.
#[derive(Debug)]
pub(crate) struct Ticket(Waiter);

#[derive(Debug)]
enum Waiter {
    /// This work waits for it.
    Work(Work),
    /// Nobody does: what is written there is an event.
    Event(u64),
}

/// A write that waits for a call.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) call: Box<Call>,
    pub(super) request: Request<Bytes>,
}

#[derive(Debug)]
enum Held {
    Asked(Request<Bytes>),
    Answered(Request<Bytes>),
}

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    works: BTreeMap<Work, Held>,
    events: BTreeMap<u64, Request<Bytes>>,
    /// Events that may be written now.
    ready: VecDeque<Request<Bytes>>,
    /// Calls that have yet to be made.
    calls: Vec<(Ticket, Call)>,
    events_so_far: u64,
}

impl Waiting {
    /// Whether a work is not to be done yet.
    pub(super) fn holds(&self, work: &Work) -> bool {
        matches!(self.works.get(work), Some(Held::Asked(_)))
    }

    /// The write with which a work goes on.
    pub(super) fn answered(&mut self, work: &Work) -> Option<Request<Bytes>> {
        match self.works.remove(work) {
            Some(Held::Answered(request)) => Some(request),
            _ => None,
        }
    }

    /// An event that may be written.
    pub(super) fn ready(&mut self) -> Option<Request<Bytes>> {
        self.ready.pop_front()
    }

    pub(super) fn hold(&mut self, work: &Work, Wanted { call, request }: Wanted) {
        self.works.insert(work.clone(), Held::Asked(request));
        self.calls.push((Ticket(Waiter::Work(work.clone())), *call));
    }

    pub(super) fn hold_event(&mut self, Wanted { call, request }: Wanted) {
        self.events_so_far += 1;
        self.events.insert(self.events_so_far, request);
        self.calls.push((Ticket(Waiter::Event(self.events_so_far)), *call));
    }

    /// The calls to be made now.
    pub(super) fn calls(&mut self) -> Vec<(Ticket, Call)> {
        std::mem::take(&mut self.calls)
    }

    /// Takes in what a call came to. Gives the work that may go on.
    pub(super) fn reply(&mut self, ticket: Ticket, reply: Reply) -> Option<Work> {
        match ticket.0 {
            Waiter::Work(work) => {
                if let Some(Held::Asked(request)) = self.works.remove(&work) {
                    self.works.insert(work.clone(), Held::Answered(answered(request, reply)));
                }
                Some(work)
            }
            Waiter::Event(number) => {
                self.ready.extend(self.events.remove(&number).map(|request| answered(request, reply)));
                None
            }
        }
    }
}
