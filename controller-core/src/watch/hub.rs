//! Owns sharing: one watch for all who declare the same, and what each of them is told.
//!
//! Everything is told from the watch's own task. A subscriber that comes late is given the objects at hand between
//! two changes, so nothing is lost or told twice between the two.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
#[cfg(feature = "compressed")]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::health::Vitals;
use super::message;
use super::narrow::{Filter, Narrow};
use super::pump::{Listener, Note, Pump, Tally, Task};
use super::source::{Signal, Wire};
use super::{Health, WatchSpec};
use crate::cache::{Entry, Slot, Store, SubscriberId, View};
use crate::env::{self, Chance, Clock, Connections, panic_message, spawn};

/// How long a watch rests after a bug of ours.
const AFTER_A_BUG: Duration = Duration::from_secs(1);

/// After so many chunks of a body those who were told are woken, although there is more.
const BATCH: u32 = 32;

/// What a subscriber is told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Delta<'a> {
    /// An object is new or has another version.
    Upsert {
        slot: Slot,
        entry: &'a Entry,
        /// The version that was told last.
        before: Option<&'a Entry>,
        /// Told before this subscriber's `Synced`.
        initial: bool,
    },
    /// An object is gone. The slot stays the subscriber's until it releases it.
    Remove {
        slot: Slot,
        /// The last version seen.
        entry: &'a Entry,
    },
    /// The first list is complete: told once to each subscriber.
    Synced,
}

/// One who is told of changes.
pub(crate) trait Sink: Send + Sync + 'static {
    /// It is called on the watch's task, one delta at a time, in order, with no lock held. It must be quick: decide,
    /// enqueue, notify.
    fn deliver(&self, delta: Delta<'_>);

    /// No more is at hand: whoever waits for what was delivered may be woken. It comes after each delivery, sooner or
    /// later, so that one waking serves many changes.
    fn flush(&self) {}
}

/// All watches of an operator.
#[derive(Clone)]
pub(crate) struct Hub {
    parts: Arc<Parts>,
}

struct Parts {
    connections: Connections,
    clock: Clock,
    chance: Chance,
    /// The API server, for messages.
    url: Option<String>,
    /// What the operator's controllers declare, so that a narrower one waits for no wider one to come.
    declared: Vec<WatchSpec>,
    watches: Mutex<BTreeMap<WatchSpec, Weak<Running>>>,
}

/// One running watch. The last subscription drops it, and with it the task.
struct Running {
    board: Arc<Board>,
    _task: env::Task<()>,
    /// Compresses what nobody asks for, once somebody wants that.
    #[cfg(feature = "compressed")]
    cooler: OnceLock<env::Task<()>>,
}

/// What the watch's task and its subscribers share.
struct Board {
    spec: WatchSpec,
    store: Arc<Store>,
    vitals: Mutex<Vitals>,
    tally: Arc<Tally>,
    orders: Mutex<Vec<Order>>,
    /// The task alone waits here.
    ordered: Notify,
    next_id: AtomicU32,
}

enum Order {
    Join(Arc<Member>),
    Leave(SubscriberId),
}

/// One subscriber, as the watch's task sees it.
struct Member {
    id: SubscriberId,
    sink: Arc<dyn Sink>,
    synced: AtomicBool,
    when_synced: Notify,
}

/// The subscribers that joined, in the order in which they did. It lives on the watch's task.
#[derive(Default)]
struct Audience {
    members: Vec<Arc<Member>>,
}

/// A subscriber's part in a watch. Dropping it ends the part; the last one ends the watch.
pub(crate) struct Subscription {
    /// What it was declared to show.
    view: View,
    /// Where a wider watch serves.
    filter: Option<Arc<Filter>>,
    member: Arc<Member>,
    running: Arc<Running>,
}

impl Hub {
    /// The watches of an operator whose controllers declare these.
    pub(crate) fn new(
        connections: Connections,
        clock: Clock,
        chance: Chance,
        url: Option<String>,
        declared: Vec<WatchSpec>,
    ) -> Self {
        Self { parts: Arc::new(Parts { connections, clock, chance, url, declared, watches: Mutex::default() }) }
    }

    /// Starts a watch, or takes part in the one that runs. Where another controller declares a wider one, that serves.
    ///
    /// The sink is given the objects at hand as initial upserts, then `Synced` once the first list is complete, and
    /// every change from there on.
    pub(crate) fn subscribe(&self, spec: &WatchSpec, sink: Arc<dyn Sink>) -> Subscription {
        let (served_by, narrow) = self.serving(spec);
        let running = self.running(served_by);
        let store = running.board.store.clone();
        let id = SubscriberId(running.board.next_id.fetch_add(1, Ordering::Relaxed));
        let filter = narrow.clone().map(|narrow| Arc::new(Filter::new(narrow, sink.clone(), store.clone(), id)));
        let sink = filter.clone().map_or(sink, |filter| filter);
        let member = Arc::new(Member { id, sink, synced: AtomicBool::new(false), when_synced: Notify::new() });
        running.board.order(Order::Join(member.clone()));
        Subscription { view: View::new(store, narrow), filter, member, running }
    }

    /// The watch that shows what is declared, and which part of it that is.
    fn serving(&self, spec: &WatchSpec) -> (WatchSpec, Option<Arc<Narrow>>) {
        let declared = &self.parts.declared;
        // The widest, so that one watch serves all.
        let widest = |wide: &&WatchSpec| {
            wide.covers(spec) && declared.iter().all(|other| !other.covers(wide) || wide.covers(other))
        };
        let Some(wide) = declared.iter().find(widest) else { return (spec.clone(), None) };
        match Narrow::between(wide, spec) {
            Some(narrow) => (WatchSpec { plural: spec.plural.clone(), ..wide.clone() }, Some(Arc::new(narrow))),
            None => (spec.clone(), None),
        }
    }

    fn running(&self, spec: WatchSpec) -> Arc<Running> {
        let mut watches = self.parts.watches.lock();
        if let Some(running) = watches.get(&spec).and_then(Weak::upgrade) {
            return running;
        }
        watches.retain(|_, watch| watch.strong_count() > 0);
        let board = Arc::new(Board::new(spec.clone(), &self.parts.clock));
        let task = spawn(run(board.clone(), self.parts.clone()));
        let running = Arc::new(Running {
            board,
            _task: task,
            #[cfg(feature = "compressed")]
            cooler: OnceLock::new(),
        });
        watches.insert(spec, Arc::downgrade(&running));
        running
    }
}

impl Subscription {
    /// The objects that it shows.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// The watch that serves it.
    pub(crate) fn spec(&self) -> &WatchSpec {
        &self.running.board.spec
    }

    /// From now on the watch keeps compressed what nobody asks for in a while.
    pub(crate) fn compress(&self) {
        #[cfg(feature = "compressed")]
        self.running.cooler.get_or_init(|| {
            self.running.board.store.will_compress();
            spawn(cool(self.running.board.clone()))
        });
    }

    /// How many objects that watch holds.
    pub(crate) fn objects(&self) -> usize {
        self.running.board.store.len()
    }

    /// How far the watch can be relied on.
    pub(crate) fn health(&self) -> Health {
        self.running.board.vitals.lock().health()
    }

    /// When bytes came last.
    pub(crate) fn sign_of_life(&self) -> Instant {
        self.running.board.vitals.lock().sign_of_life()
    }

    /// What went through the watch so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.running.board.tally
    }

    /// Waits until this subscriber was told `Synced`.
    #[cfg_attr(not(test), expect(dead_code, reason = "readiness waits for it"))]
    pub(crate) async fn synced(&self) {
        loop {
            let told = self.member.when_synced.notified();
            tokio::pin!(told);
            // Waiting starts before the look, so that a sync in between is not missed.
            told.as_mut().enable();
            if self.member.synced.load(Ordering::Acquire) {
                return;
            }
            told.await;
        }
    }

    /// The object of this slot went, its `Remove` was told, and the subscriber will not speak of the slot again
    /// before the next `Upsert` of it. Call it under the lock under which the sink takes deliveries; without it the
    /// slot is never given to another key.
    pub(crate) fn release(&self, slot: Slot) {
        if let Some(filter) = &self.filter {
            filter.released(slot);
        }
        self.running.board.store.release(self.member.id, slot);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.running.board.order(Order::Leave(self.member.id));
    }
}

impl Board {
    fn new(spec: WatchSpec, clock: &Clock) -> Self {
        Self {
            spec,
            store: Arc::new(Store::new()),
            vitals: Mutex::new(Vitals::new(clock.instant().into_std())),
            tally: Arc::default(),
            orders: Mutex::default(),
            ordered: Notify::new(),
            next_id: AtomicU32::new(0),
        }
    }

    fn order(&self, order: Order) {
        self.orders.lock().push(order);
        self.ordered.notify_one();
    }

    /// Waits until somebody joins or leaves.
    async fn ordered(&self) {
        self.ordered.notified().await;
    }

    /// Lets those in who came, and those out who left.
    fn serve(&self, audience: &mut Audience) {
        let orders = std::mem::take(&mut *self.orders.lock());
        for order in orders {
            match order {
                Order::Join(member) => audience.welcome(member, &self.store),
                Order::Leave(id) => {
                    audience.members.retain(|member| member.id != id);
                    self.store.leave(id);
                }
            }
        }
    }
}

impl Audience {
    fn welcome(&mut self, member: Arc<Member>, store: &Store) {
        store.join(member.id);
        for (slot, entry) in store.snapshot() {
            member.sink.deliver(Delta::Upsert { slot, entry: &entry, before: None, initial: true });
        }
        if store.synced() {
            member.tell_synced();
        }
        self.members.push(member);
    }

    fn upsert(&self, slot: Slot, entry: &Entry, before: Option<&Entry>) {
        for member in &self.members {
            let initial = !member.synced.load(Ordering::Relaxed);
            member.sink.deliver(Delta::Upsert { slot, entry, before, initial });
        }
    }

    fn remove(&self, slot: Slot, entry: &Entry) {
        for member in &self.members {
            member.sink.deliver(Delta::Remove { slot, entry });
        }
    }

    fn flush(&self) {
        for member in &self.members {
            member.sink.flush();
        }
    }

    /// The first list is complete. Those who know it are not told again.
    fn synced(&self) {
        for member in self.members.iter().filter(|member| !member.synced.load(Ordering::Relaxed)) {
            member.tell_synced();
        }
    }
}

impl Member {
    fn tell_synced(&self) {
        self.sink.deliver(Delta::Synced);
        self.synced.store(true, Ordering::Release);
        self.when_synced.notify_waiters();
    }
}

/// How often some objects are looked at, whether they can be compressed.
#[cfg(feature = "compressed")]
const COOLING: Duration = Duration::from_millis(250);

/// A round over all objects takes so many looks: a minute.
#[cfg(feature = "compressed")]
const LOOKS: usize = 240;

/// Compresses what nobody asks for, a few objects at a time.
#[cfg(feature = "compressed")]
async fn cool(board: Arc<Board>) {
    let (mut from, mut tried_with) = (0, 0);
    // Soon at first: what a list shows before there is a dictionary is kept as it came for a while.
    let mut pause = COOLING / 64;
    loop {
        tokio::time::sleep(pause).await;
        pause = COOLING.min(pause * 2);
        match board.store.learn(tried_with) {
            Ok(objects) => tried_with = objects,
            Err(error) => {
                tried_with = board.store.len();
                tracing::debug!(watch = %board.spec, objects = tried_with, %error, "no dictionary can be made yet");
            }
        }
        from = board.store.cool(from, board.store.len() / LOOKS + 64);
    }
}

/// The task of one watch: serves the subscribers, and carries what the wire brings to the pump.
async fn run(board: Arc<Board>, parts: Arc<Parts>) {
    let mut audience = Audience::default();
    let mut rng = parts.chance.rng(&format!("watch {}", board.spec));
    loop {
        let followed = follow(&board, &parts, &mut audience, rng.fork());
        // A bug in here must not leave a cache that stands still without a word.
        let Err(panic) = AssertUnwindSafe(followed).catch_unwind().await;
        let why = format!("the watch failed by a bug and starts again: {}", panic_message(&*panic));
        tracing::error!(watch = %board.spec, "{why}");
        board.vitals.lock().troubled(&why);
        tokio::time::sleep(AFTER_A_BUG).await;
    }
}

async fn follow(board: &Board, parts: &Parts, audience: &mut Audience, rng: fastrand::Rng) -> Infallible {
    let mut pump = Pump::new(&board.spec, board.store.clone(), board.tally.clone(), rng);
    let mut wire = Wire::new(parts.connections.open(), board.spec.clone());
    let now = || parts.clock.instant();
    let mut deadline = now();
    let timer = tokio::time::sleep_until(deadline);
    tokio::pin!(timer);
    let mut waits = true;
    let mut unflushed = 0;
    loop {
        board.serve(audience);
        match pump.task() {
            None => {}
            Some(Task::Open(request)) => {
                tracing::debug!(watch = %board.spec, ?request, "asks");
                wire.open(&request);
                waits = false;
                deadline = now() + pump.silence();
                timer.as_mut().reset(deadline);
            }
            Some(Task::Wait(wait)) => {
                wire.close();
                waits = true;
                deadline = now() + wait;
                timer.as_mut().reset(deadline);
            }
        }
        let told = |at: tokio::time::Instant| Told { board, audience, url: parts.url.as_deref(), now: at.into_std() };
        let signal = match at_hand(&mut wire, unflushed).await {
            Some(signal) => {
                unflushed += 1;
                signal
            }
            None => {
                unflushed = 0;
                audience.flush();
                tokio::select! {
                    biased;
                    () = board.ordered() => continue,
                    signal = wire.next() => signal,
                    () = &mut timer => {
                        // Each chunk moves the deadline; the timer itself is only set again when it fires.
                        if now() < deadline {
                            timer.as_mut().reset(deadline);
                            continue;
                        }
                        let mut told = told(now());
                        if waits {
                            pump.woke(told.now, &mut told);
                        } else {
                            wire.close();
                            pump.silent(told.now, &mut told);
                        }
                        continue;
                    }
                }
            }
        };
        let at = now();
        let mut told = told(at);
        board.store.set_telling(true);
        match signal {
            Signal::Opened => pump.opened(told.now, &mut told),
            Signal::Refused { code, retry_after, body } => {
                pump.refused(told.now, code, retry_after, &body, &mut told);
            }
            Signal::Chunk(chunk) => {
                board.vitals.lock().alive(told.now);
                pump.chunk(told.now, &chunk, &mut told);
            }
            Signal::Ended => pump.ended(told.now, &mut told),
            Signal::Failed(why) => pump.failed(told.now, why, &mut told),
        }
        board.store.set_telling(false);
        // A body that always has more must not keep others from their turn.
        tokio::task::consume_budget().await;
        deadline = at + pump.silence();
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
    }
}

/// What comes next, where it is there already. `unflushed` counts the chunks whose changes nobody was woken for.
async fn at_hand(wire: &mut Wire, unflushed: u32) -> Option<Signal> {
    if unflushed == BATCH {
        return None;
    }
    if let Some(signal) = wire.next().now_or_never() {
        return Some(signal);
    }
    if unflushed == 0 {
        return None;
    }
    if wire.is_driven() {
        return None;
    }
    // The connection hands on one chunk at a time, and may have the next one ready once it had its turn.
    tokio::task::yield_now().await;
    wire.next().now_or_never()
}

/// Tells the subscribers what changed, and log and health what happened.
struct Told<'a> {
    board: &'a Board,
    audience: &'a Audience,
    url: Option<&'a str>,
    now: Instant,
}

impl Listener for Told<'_> {
    fn upsert(&mut self, slot: Slot, entry: &Entry, before: Option<&Entry>) {
        self.audience.upsert(slot, entry, before);
    }

    fn remove(&mut self, slot: Slot, entry: &Entry) {
        self.audience.remove(slot, entry);
    }

    fn synced(&mut self) {
        self.board.vitals.lock().synced();
        self.audience.synced();
    }

    fn note(&mut self, note: Note<'_>) {
        let spec = &self.board.spec;
        match (&note, message::note(&note)) {
            (Note::Trouble(trouble), _) => {
                let why = message::trouble(trouble, spec, self.url);
                tracing::warn!(watch = %spec, "{why}");
                self.board.vitals.lock().troubled(&why);
            }
            (Note::Recovered, _) => {
                if self.board.vitals.lock().recovered(self.now) {
                    tracing::info!(watch = %spec, "follows {} again", message::server(self.url));
                }
            }
            (Note::Relist(_), Some(words)) => {
                tracing::info!(watch = %spec, "{words}");
                self.board.vitals.lock().troubled(&words);
            }
            (_, Some(words)) => tracing::warn!(watch = %spec, "{words}"),
            (_, None) => {}
        }
    }
}

#[cfg(test)]
mod tests;
