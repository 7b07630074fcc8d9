//! What can go wrong between a client and the API server, at a test's word.
//!
//! [`Faults`] is the typed handle; `rules` keeps what is armed and decides, `target` reads what a request is about,
//! `refusal` words the answers. The fronts carry the decisions out. Nothing here changes an object.

mod refusal;
mod requests;
mod rules;
mod target;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use refusal::Refusal;
pub use requests::Requests;
use rules::Effect;
pub(crate) use rules::{Blow, Level, Plan, RuleId, Rules, Strike, WatchId};
pub(crate) use target::Target;
pub use target::Verb;

use crate::cluster::Hub;

/// Breaks a cluster in the ways real ones break, deterministically.
///
/// A handle is cheap to clone. Rules are looked at in the order in which they were armed; each of them gives back a
/// [`Fault`] that tells how often it has struck and can lift it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// use controller_testkit::{Cluster, Refusal, Requests};
///
/// let cluster = Cluster::new();
/// let faults = cluster.faults();
///
/// // The second create of a ConfigMap is lost after the server has done it.
/// faults.on(Requests::create("configmaps")).nth(2).reset_after_commit();
/// // Every list of pods finds the server busy, three times.
/// faults.on(Requests::list("pods")).times(3).answer(Refusal::status(503));
/// // The watch of pods breaks after its fourth event.
/// faults.watches_of("pods").cut_after(4);
/// # });
/// ```
#[derive(Clone)]
pub struct Faults {
    hub: Arc<Hub>,
}

impl Faults {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Faults { hub }
    }

    /// Says that something is to happen to requests; what, say the methods of [`On`].
    pub fn on(&self, requests: Requests) -> On {
        On { faults: self.clone(), requests, skip: 0, left: Some(1), share: None }
    }

    /// Says that something is to happen to every watch.
    pub fn watches(&self) -> Watches {
        self.watches_where(Requests::any())
    }

    /// Says that something is to happen to the watches of a resource, by its plural.
    pub fn watches_of(&self, resource: impl Into<String>) -> Watches {
        self.watches_where(Requests::of(resource))
    }

    /// Says that something is to happen to those watches that these requests opened.
    pub fn watches_where(&self, watches: Requests) -> Watches {
        Watches { faults: self.clone(), watches, left: Some(1) }
    }

    /// Takes the server down: connections are closed and requests fail, until [`Faults::up`].
    ///
    /// Nothing in the store is lost, and the HTTPS front keeps its port.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use controller_testkit::Cluster;
    ///
    /// let cluster = Cluster::new();
    /// cluster.faults().down();
    /// assert!(cluster.client().apiserver_version().await.is_err());
    /// // The event log is lost on the way: watches that resume are told to list again.
    /// cluster.faults().forget();
    /// cluster.faults().up();
    /// assert!(cluster.client().apiserver_version().await.is_ok());
    /// # });
    /// ```
    pub fn down(&self) {
        self.hub.with(|state| state.rules.set_down(true));
        self.hub.power.notify_waiters();
    }

    /// Brings the server up again.
    pub fn up(&self) {
        self.hub.with(|state| state.rules.set_down(false));
        self.hub.power.notify_waiters();
    }

    /// Compacts the event log up to now: a watch that starts from an older resource version is told `410 Gone`,
    /// and so is a list that continues from one.
    ///
    /// Watches that are open and up to date go on.
    pub fn forget(&self) {
        let now = self.hub.clock.now();
        self.hub.with(|state| state.forget(now));
    }

    /// Refuses streaming lists (`sendInitialEvents`), as servers did before they knew them.
    pub fn no_streaming_lists(&self) {
        self.hub.with(|state| state.rules.no_streaming_lists = true);
    }

    /// Gives pages of at most so many items, whatever limit a list asks for, or none.
    pub fn page_size(&self, items: NonZeroUsize) {
        self.hub.with(|state| state.rules.page_size = Some(items));
    }

    /// Lifts every fault; the server stays down if it is.
    pub fn clear(&self) {
        self.hub.with(|state| state.rules.lift_all());
    }

    /// How many watches are open.
    pub fn open_watches(&self) -> usize {
        self.hub.with(|state| state.rules.open_watches())
    }

    fn fault(&self, id: RuleId) -> Fault {
        Fault { faults: self.clone(), id }
    }
}

/// A fault that has been set.
///
/// Dropping it changes nothing.
///
/// ```
/// # use controller_testkit::{Cluster, Requests};
/// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # let _entered = rt.enter();
/// let fault = Cluster::new().faults().on(Requests::list("pods")).always().reset();
/// assert_eq!(fault.fired(), 0);
/// fault.lift();
/// ```
#[derive(Clone)]
pub struct Fault {
    faults: Faults,
    id: RuleId,
}

impl Fault {
    /// How often it has struck.
    pub fn fired(&self) -> usize {
        self.faults.hub.with(|state| state.rules.fired(self.id))
    }

    /// Takes it back: what it holds up goes on.
    pub fn lift(&self) {
        self.faults.hub.with(|state| state.rules.lift(self.id));
    }
}

/// What is to happen to requests: first how many of them, then what. Unless said otherwise, the next one.
#[must_use = "say what is to happen: `answer`, `reset`, `delay`, …"]
pub struct On {
    faults: Faults,
    requests: Requests,
    skip: usize,
    left: Option<usize>,
    share: Option<f64>,
}

impl On {
    /// The k-th of them, counted from now; the next one is the first.
    pub fn nth(mut self, k: usize) -> Self {
        self.skip = k.saturating_sub(1);
        self
    }

    /// So many of them in a row, from the k-th if [`On::nth`] is given too.
    pub fn times(mut self, times: usize) -> Self {
        self.left = Some(times);
        self
    }

    /// Every one of them, until the fault is lifted.
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    /// This share of them (0 to 1), drawn from the cluster's seed, until the fault is lifted.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use controller_testkit::{Cluster, Refusal, Requests};
    ///
    /// let cluster = Cluster::builder().seed(7).build();
    /// cluster.faults().on(Requests::any()).share(0.1).answer(Refusal::status(503));
    /// # });
    /// ```
    pub fn share(mut self, share: f64) -> Self {
        self.share = Some(share);
        self.always()
    }

    /// Answers in the server's stead; nothing is done.
    ///
    /// For a watch this is the HTTP status to the request that opens it.
    pub fn answer(self, refusal: Refusal) -> Fault {
        self.arm(Effect::Before(Blow::Answer(refusal)))
    }

    /// Lets the server do what was asked, and then gives this answer in place of its own.
    pub fn answer_after_commit(self, refusal: Refusal) -> Fault {
        self.arm(Effect::After(Blow::Answer(refusal)))
    }

    /// Breaks the connection before the server has seen the request.
    pub fn reset(self) -> Fault {
        self.arm(Effect::Before(Blow::Reset))
    }

    /// Lets the server do what was asked, and then breaks the connection before any of its answer.
    pub fn reset_after_commit(self) -> Fault {
        self.arm(Effect::After(Blow::Reset))
    }

    /// Lets the client wait for so long before the server sees the request.
    pub fn delay(self, delay: Duration) -> Fault {
        self.arm(Effect::Delay(delay))
    }

    /// Never answers; the server does not see the request. It ends when the fault is lifted, with a broken connection.
    pub fn hang(self) -> Fault {
        self.arm(Effect::Before(Blow::Hang))
    }

    /// Breaks the connection after so many bytes of the answer's body.
    pub fn truncate(self, bytes: usize) -> Fault {
        self.arm(Effect::Truncate(bytes))
    }

    /// Sends the answer's body in pieces of so many bytes.
    pub fn chunks(self, bytes: NonZeroUsize) -> Fault {
        self.arm(Effect::Pieces(bytes))
    }

    /// Puts this text in the place of a list's item of this index (from 0), or behind the last one: a malformed
    /// object, or one that is no JSON at all.
    pub fn replace_item(self, index: usize, text: impl Into<String>) -> Fault {
        self.arm(Effect::Item { index, text: text.into() })
    }

    /// Gives these bytes as the answer's body, with the server's own status and headers.
    pub fn replace_body(self, body: impl Into<Bytes>) -> Fault {
        self.arm(Effect::Body(body.into()))
    }

    fn arm(self, effect: Effect) -> Fault {
        let id = self.faults.hub.with(|state| state.rules.arm(self.requests, self.skip, self.left, self.share, effect));
        self.faults.fault(id)
    }
}

/// What is to happen to watches.
///
/// A streaming list is a watch too. Events are `ADDED`, `MODIFIED` and `DELETED` lines; bookmarks do not count.
/// What is set for "after n events" is counted in each watch from now, or from its start if that is later, and
/// strikes the first watch that gets there, once, unless [`Watches::times`] or [`Watches::always`] says otherwise.
#[must_use = "say what is to happen: `cut`, `end_after`, `silence`, …"]
pub struct Watches {
    faults: Faults,
    watches: Requests,
    left: Option<usize>,
}

impl Watches {
    /// Strikes so many watches, each at its n-th event.
    pub fn times(mut self, times: usize) -> Self {
        self.left = Some(times);
        self
    }

    /// Strikes every watch at its n-th event, until the fault is lifted.
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    /// Breaks the connections of those that are open now.
    pub fn cut(self) -> Fault {
        self.now(Strike::Cut)
    }

    /// Breaks the connection after the n-th event, before any later byte; 0 is before the first.
    pub fn cut_after(self, events: usize) -> Fault {
        self.after(events, Strike::Cut)
    }

    /// Ends those that are open now, as the server does at their time limit.
    pub fn end(self) -> Fault {
        self.now(Strike::End)
    }

    /// Ends the answer cleanly after the n-th event.
    pub fn end_after(self, events: usize) -> Fault {
        self.after(events, Strike::End)
    }

    /// Tells those that are open now, by an `ERROR` event with code 410, that their resource version is too old.
    pub fn gone(self) -> Fault {
        self.refuse(Refusal::gone())
    }

    /// The same after the n-th event.
    pub fn gone_after(self, events: usize) -> Fault {
        self.refuse_after(events, Refusal::gone())
    }

    /// Sends those that are open now this `Status` as an `ERROR` event, and ends them.
    pub fn refuse(self, refusal: Refusal) -> Fault {
        self.now(Strike::SayAndEnd(refusal.line()))
    }

    /// The same after the n-th event.
    pub fn refuse_after(self, events: usize, refusal: Refusal) -> Fault {
        self.after(events, Strike::SayAndEnd(refusal.line()))
    }

    /// Sends those that are open now these bytes, as they are: a malformed line, an event of an unknown type, a
    /// part of a line. They go on as if nothing had happened.
    ///
    /// ```
    /// # use controller_testkit::Cluster;
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # let _entered = rt.enter();
    /// let cluster = Cluster::new();
    /// cluster.faults().watches_of("pods").say("{\"type\":\"ADDED\",\"object\":{}}\n");
    /// ```
    pub fn say(self, bytes: impl Into<Bytes>) -> Fault {
        self.now(Strike::Say(bytes.into()))
    }

    /// The same after the n-th event.
    pub fn say_after(self, events: usize, bytes: impl Into<Bytes>) -> Fault {
        self.after(events, Strike::Say(bytes.into()))
    }

    /// Sends nothing any more on present and future watches, though they are accepted and stay open. When the
    /// fault is lifted, what was held back is sent.
    pub fn silence(self) -> Fault {
        self.level(Level::Silent)
    }

    /// Shows no change that is made from now on; bookmarks go on, at the last resource version that is shown.
    /// When the fault is lifted, what was held back is sent.
    pub fn hold(self) -> Fault {
        let id = self.faults.hub.with(|state| {
            let now = state.server.current_rv();
            state.rules.level(self.watches, Level::Held(now))
        });
        self.faults.fault(id)
    }

    /// Shows every change so much later than it is made.
    pub fn delay(self, delay: Duration) -> Fault {
        self.level(Level::Late(delay))
    }

    /// Sends the answer in pieces of so many bytes, which heed no line's end.
    pub fn chunks(self, bytes: NonZeroUsize) -> Fault {
        self.level(Level::Chunks(bytes))
    }

    fn now(self, strike: Strike) -> Fault {
        let id = self.faults.hub.with(|state| state.rules.strike_now(&self.watches, &strike));
        self.faults.fault(id)
    }

    fn after(self, events: usize, strike: Strike) -> Fault {
        let id = self.faults.hub.with(|state| state.rules.strike_after(self.watches, events, self.left, strike));
        self.faults.fault(id)
    }

    fn level(self, level: Level) -> Fault {
        let id = self.faults.hub.with(|state| state.rules.level(self.watches, level));
        self.faults.fault(id)
    }
}
