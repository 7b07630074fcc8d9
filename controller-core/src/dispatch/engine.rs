//! Owns one running controller: its ledger, its workers, and what they share.
//!
//! Deltas come in on the watches' tasks and are decided on under one short lock. Workers wait in the [`Crew`] and
//! take jobs under the same lock; no user code and no await is ever inside it.

use std::any::TypeId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Scope;
use super::barrier::{Barrier, CacheId};
use super::counters::Counters;
use super::crew::{Crew, Take};
use super::decide::{Routes, Verdict};
use super::ear::Ear;
use super::filter::Filters;
use super::invoke::{Invocation, invoke};
use super::ledger::Ledger;
use super::pace::Pace;
#[cfg(feature = "testing")]
use super::probe::Probe;
use super::reach::RunReach;
use super::reads::{Found, ReadCache};
use super::resolve::Resource;
use super::rewrites::{OwnWrite, Rewrites};
use super::run::{Conclusion, Ended, Tally, conclude, reached, versions};
use super::watchdog::Seat;
use super::writes::{Question, Write};
use crate::cache::{Entry, ResourceVersion, View};
use crate::context::{Cache, Event, RunFacts};
use crate::descriptor::Callback;
use crate::erased::ErasedController;
use crate::key::Key;
use crate::queue::{Backoff, Causes, Freed, Job, Limits, Moment, Place};
use crate::schema::Schema;
use crate::status::{Recorder, Subject};
use crate::watch::{Subscription, WatchSpec};

/// One running controller.
pub(crate) struct Engine {
    pub(super) controller: Arc<dyn ErasedController>,
    pub(super) scope: Arc<Scope>,
    resource: Resource,
    schema: Option<Schema>,
    pub(super) filters: Filters,
    recorder: Recorder,
    pub(super) counters: Arc<Counters>,
    origin: Instant,
    pub(super) state: Mutex<State>,
    /// Where the workers' runs are seen.
    pub(super) seats: Mutex<Vec<Arc<Seat>>>,
    /// The workers, and the controller's loop: it waits for an earlier deadline, a question to the server, or the end
    /// that panics bring.
    pub(super) crew: Crew,
    stop: CancellationToken,
}

pub(super) struct State {
    pub(super) ledger: Ledger<Entry>,
    pub(super) watches: Vec<Watch>,
    /// Watches whose first list is complete.
    pub(super) synced: usize,
    /// What callbacks read besides.
    pub(super) reads: Vec<ReadCache>,
    /// Watches of `reads` whose first list is complete.
    pub(super) reads_synced: usize,
    /// Which keys wait for the caches to show what they wrote.
    pub(super) barrier: Barrier,
    /// Which keys keep on rewriting themselves.
    pub(super) rewrites: Rewrites,
    /// Writes that the controller's loop is to ask the server about.
    pub(super) questions: Vec<Question>,
    rng: fastrand::Rng,
    /// The deadline that the controller's loop sleeps for.
    armed: Moment,
    /// Which version of an object was told last that it is invalid.
    warned: BTreeMap<Place, ResourceVersion>,
    /// How long each callback usually takes.
    paces: BTreeMap<Callback, Pace>,
    /// When callbacks panicked, as far as it may matter.
    panics: VecDeque<Moment>,
    escalated: Option<String>,
}

/// One of the controller's watches. Its place in the list is the space of its slots.
pub(super) struct Watch {
    pub(super) spec: WatchSpec,
    pub(super) subscription: Subscription,
}

/// A job that begins.
struct Taken {
    job: Job<Entry>,
    at: Moment,
    /// How long its callback usually takes.
    median: Option<Duration>,
}

/// A job that ended.
struct Done {
    verdict: Verdict,
    writes: Vec<Write>,
    /// What it wrote to its own object.
    own: Vec<OwnWrite>,
    at: Moment,
}

impl State {
    /// A slot that is no longer needed may be given to another object.
    pub(super) fn give_back(&mut self, Freed(freed): Freed) {
        let Some(place) = freed else { return };
        self.warned.remove(&place);
        if let Some(watch) = self.watches.get(usize::from(place.space)) {
            watch.subscription.release(place.slot);
        }
    }

    /// Whether each cache that callbacks read is complete.
    fn can_read(&self) -> bool {
        self.reads_synced >= self.reads.iter().map(|cache| cache.spaces.len()).sum()
    }

    /// Everything that is watched, the controller's own objects first.
    pub(super) fn subscriptions(&self) -> impl Iterator<Item = (&WatchSpec, &Subscription)> {
        let own = self.watches.iter().map(|watch| (&watch.spec, &watch.subscription));
        let read = self.reads.iter().flat_map(|cache| &cache.spaces);
        own.chain(read.map(|space| (&space.spec, &space.subscription)))
    }
}

impl Engine {
    pub(super) fn new(
        controller: Arc<dyn ErasedController>,
        scope: Arc<Scope>,
        resource: Resource,
        schema: Option<Schema>,
        filters: Filters,
    ) -> Arc<Self> {
        let descriptor = controller.descriptor();
        let routes = Routes::of(descriptor.callbacks(), descriptor.at_start());
        let ledger =
            Ledger::new(routes, Backoff::new(descriptor.backoff_bounds()), descriptor.resync(), Limits::of(descriptor));
        let reporter: Arc<str> = descriptor.name().into();
        let instance = Arc::clone(&scope.operator);
        let state = State {
            ledger,
            watches: Vec::new(),
            synced: 0,
            reads: Vec::new(),
            reads_synced: 0,
            barrier: Barrier::default(),
            rewrites: Rewrites::default(),
            questions: Vec::new(),
            rng: scope.chance.rng(descriptor.name()),
            armed: Moment::NEVER,
            warned: BTreeMap::new(),
            paces: BTreeMap::new(),
            panics: VecDeque::new(),
            escalated: None,
        };
        Arc::new(Self {
            recorder: Recorder::new(reporter, instance, scope.clock.clone()),
            origin: scope.clock.instant(),
            controller,
            scope,
            resource,
            schema,
            filters,
            counters: Arc::default(),
            seats: Mutex::default(),
            state: Mutex::new(state),
            crew: Crew::default(),
            stop: CancellationToken::new(),
        })
    }

    /// Takes part in one watch for each namespace, and in those of what is read besides.
    pub(super) fn subscribe(self: &Arc<Self>, specs: Vec<WatchSpec>, reads: Vec<Found>) {
        // The first deltas wait for the lock, so that none finds its watch missing.
        let mut state = self.state.lock();
        for (cache, found) in reads.into_iter().enumerate() {
            let cache = ReadCache::subscribe(self, &self.scope, cache, found);
            state.reads.push(cache);
        }
        for (space, spec) in (0..).zip(specs) {
            let ear = Arc::new(Ear::new(Arc::clone(self), space));
            let subscription = self.scope.hub.subscribe(&spec, ear);
            if self.controller.compresses() {
                subscription.compress();
            }
            state.watches.push(Watch { spec, subscription });
        }
    }

    /// Ends the part in all watches: without this the watches and the controller would keep each other alive.
    pub(super) fn unsubscribe(&self) {
        let mut state = self.state.lock();
        let parts = (std::mem::take(&mut state.watches), std::mem::take(&mut state.reads));
        drop(state);
        drop(parts);
    }

    /// The cache of a kind that callbacks read.
    pub(super) fn cache(&self, of: TypeId) -> Option<Arc<dyn Cache>> {
        self.state.lock().reads.iter().find(|cache| cache.of == of).map(ReadCache::shelf)
    }

    pub(crate) fn client(&self) -> Client {
        self.scope.client.clone()
    }

    pub(super) fn wall_time(&self) -> Timestamp {
        self.scope.clock.now()
    }

    pub(super) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    pub(super) fn now(&self) -> Moment {
        Moment::since_start(self.scope.clock.instant().saturating_duration_since(self.origin))
    }

    /// Asks for a run of a key because the program said so.
    pub(crate) fn enqueue(&self, key: &Key) {
        self.ask(key, Causes::MANUAL);
    }

    /// Asks for a run of a key. A key that is not there is passed over.
    pub(crate) fn ask(&self, key: &Key, causes: Causes) {
        let now = self.now();
        let mut state = self.state.lock();
        let found = (0..).zip(&state.watches).find_map(|(space, watch)| {
            let (slot, _) = watch.subscription.view().find(key)?;
            Some(Place { space, slot })
        });
        let Some(place) = found else {
            tracing::debug!(controller = self.name(), %key, "asked for a run of an object that is not there");
            return;
        };
        let freed = state.ledger.asked(place, causes, now);
        self.after(&mut state, freed);
    }

    /// Runs jobs until the controller stops.
    pub(super) async fn work(self: Arc<Self>) {
        let seat = self.scope.watchdog.seat(self.name(), Arc::clone(&self.counters));
        self.seats.lock().push(Arc::clone(&seat));
        self.crew.work(|| self.take(), |taken| self.run(taken, &seat)).await;
    }

    fn take(&self) -> Take<Taken> {
        let now = self.now();
        let mut state = self.state.lock();
        let (may_begin, armed) = (state.can_read(), state.armed);
        let job = match self.crew.take(&mut state.ledger, may_begin, now, armed) {
            Take::Job(job) => job,
            Take::Nothing => return Take::Nothing,
            Take::Closed => return Take::Closed,
        };
        state.run_begins(&job);
        if state.barrier.give_up(job.place) {
            self.counters.stale.add_one();
            let key = job.object.key();
            tracing::debug!(controller = self.name(), %key, "the caches do not show yet what the last run wrote");
        }
        let median = state.paces.get(&job.callback).and_then(Pace::median);
        Take::Job(Taken { job, at: now, median })
    }

    async fn run(self: &Arc<Self>, taken: Taken, seat: &Seat) {
        let Taken { job, at: began, median } = taken;
        let place = job.place;
        self.counters.queue_seconds.observe(job.waited.as_secs_f64());
        let object = job.object.clone();
        let key = object.key();
        let callback = job.callback;
        let span = tracing::info_span!(
            "run",
            controller = self.name(),
            %key,
            callback = callback.name(),
            cause = %job.causes,
            attempt = job.failures + 1,
        );
        #[cfg(feature = "testing")]
        self.scope.live.tell(|| {
            let version = job.object.version().to_string();
            Probe::Started { controller: self.name(), key: key.clone(), callback, version }
        });
        seat.begin(key.clone(), callback.name(), median);
        let Done { verdict, writes, own, at: now } =
            self.run_in_span(job, key.clone(), began, seat).instrument(span).await;
        let took = seat.end();
        #[cfg(feature = "testing")]
        self.scope.live.tell(|| {
            let retried = matches!(verdict, Verdict::Failed(_));
            Probe::Ended { controller: self.name(), key: key.clone(), callback, retried }
        });
        self.counters.work_seconds.observe(now.since(began).as_secs_f64());
        let heat = {
            let mut state = self.state.lock();
            state.paces.entry(callback).or_default().note(took);
            self.wrote(&mut state, place, writes, now);
            let heat = state.run_ends(place, &object.version(), own, now);
            let State { ledger, rng, .. } = &mut *state;
            let freed = ledger.done(place, verdict, now, rng);
            state.run_ended(place);
            self.after(&mut state, freed);
            heat
        };
        if let Some(heat) = heat {
            self.tell_of_loop(&object, callback, heat).await;
        }
    }

    /// Gives what is said of the run, what it wrote, and what of that to its own object.
    async fn run_in_span(self: &Arc<Self>, job: Job<Entry>, key: Key, began: Moment, seat: &Seat) -> Done {
        let Job { place, callback, object, accepted, causes, failures, waited } = job;
        tracing::debug!(?waited, "runs");
        let reach = RunReach::new(Arc::clone(self), key.clone(), object.uid());
        let previous = accepted.as_ref().filter(|_| callback == Callback::Modify).map(|entry| entry.bytes());
        let mut ended = None;
        for version in versions(callback, object.clone(), accepted) {
            let facts = RunFacts {
                key: key.clone(),
                cause: causes.told(failures),
                attempt: failures.saturating_add(1),
                previous: previous.clone(),
            };
            let invocation = Invocation {
                controller: &*self.controller,
                schema: self.schema.as_ref(),
                counters: &self.counters,
                callback,
                facts,
                reach: Arc::clone(&reach),
                seat,
            };
            let this = invoke(invocation, version.bytes()).await;
            let done = reached(&this);
            // What is said of a delete that reached nothing is said of the version that was seen last.
            if done || ended.is_none() {
                ended = Some(this);
            }
            if done {
                break;
            }
        }
        let at = self.now();
        self.counters.reconcile_seconds.observe(at.since(began).as_secs_f64());
        let (writes, own) = (reach.take_writes(), reach.take_trail());
        let Some(ended) = ended else { return Done { verdict: Verdict::Unreached, writes, own, at } };
        let Conclusion { verdict, tally, complaint, warning } = conclude(&ended);
        self.count(&ended, tally);
        if warning.is_some() {
            self.counters.invalid.add_one();
        }
        if let Some(complaint) = complaint {
            self.complain(&ended, &key, callback, failures, &complaint);
        }
        if let Ended::Panicked(report) = &ended {
            self.panicked(report);
        }
        let mut events = reach.take_events();
        events.extend(warning.filter(|_| self.warns(place, &object.version())));
        if events.is_empty() {
            return Done { verdict, writes, own, at };
        }
        self.write(&object, callback, events).await;
        Done { verdict, writes, own, at: self.now() }
    }

    fn count(&self, ended: &Ended, tally: Tally) {
        let counters = &self.counters;
        match tally {
            Tally::Success => counters.succeeded.add_one(),
            Tally::RequeueAfter => counters.requeued.add_one(),
            Tally::Error => counters.failed.add_one(),
            Tally::Terminal => {
                counters.failed.add_one();
                counters.terminal.add_one();
            }
        }
        match ended {
            Ended::Answered(_) => {}
            Ended::Panicked(_) => counters.panics.add_one(),
            Ended::TimedOut(_) => counters.timeouts.add_one(),
            Ended::Invalid(_) | Ended::Undecodable(_) => {}
        }
    }

    fn complain(&self, ended: &Ended, key: &Key, callback: Callback, failures: u32, complaint: &str) {
        let (controller, callback, attempt) = (self.name(), callback.name(), failures.saturating_add(1));
        match ended {
            Ended::Panicked(_) => tracing::error!(controller, %key, callback, attempt, "{callback} {complaint}"),
            Ended::Answered(_) | Ended::TimedOut(_) => {
                tracing::warn!(controller, %key, callback, attempt, "{callback} {complaint}");
            }
            Ended::Invalid(_) | Ended::Undecodable(_) => {
                tracing::warn!(controller, %key, callback, "{complaint}; no callback sees it until it changes");
            }
        }
    }

    /// Whether this version of an object has not yet been told that it is invalid.
    fn warns(&self, place: Place, version: &ResourceVersion) -> bool {
        let mut state = self.state.lock();
        let told = state.warned.insert(place, version.clone());
        told.as_ref() != Some(version)
    }

    /// Counts a panic towards the escalation that the controller may ask for.
    fn panicked(&self, report: &str) {
        let Some((panics, within)) = self.controller.descriptor().escalation() else { return };
        let now = self.now();
        let mut state = self.state.lock();
        state.panics.push_back(now);
        while state.panics.front().is_some_and(|first| now.since(*first) > within) {
            state.panics.pop_front();
        }
        if state.panics.len() >= usize::try_from(panics.max(1)).unwrap_or(usize::MAX) && state.escalated.is_none() {
            state.escalated = Some(match state.panics.len() {
                1 => format!("a callback panicked: {report}"),
                panics => format!("{panics} panics of callbacks within {within:?}; the last: {report}"),
            });
            self.crew.alarm();
        }
    }

    pub(super) async fn write(&self, object: &Entry, callback: Callback, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let subject = Subject {
            api_version: self.resource.api_version.clone(),
            kind: self.resource.kind.clone(),
            key: object.key(),
            uid: object.uid().map(|uid| uid.to_string()),
            version: object.version().to_string(),
        };
        let doing = match callback {
            Callback::Add => "Add",
            Callback::Modify => "Modify",
            Callback::Delete => "Delete",
            Callback::Reconcile => "Reconcile",
        };
        for event in events {
            self.recorder.record(&self.scope.client, &subject, &event, doing).await;
        }
    }

    /// A cache shows this version of an object, or that it went: whoever waited for that may run.
    pub(super) fn shows(&self, state: &mut State, cache: CacheId, entry: &Entry, is_there: bool) {
        // Nobody waits, nearly always: then no key is made.
        if state.barrier.is_empty() {
            return;
        }
        let free = state.barrier.shown(cache, &entry.key(), is_there.then_some(entry));
        for place in free {
            let freed = state.ledger.release(place, self.now());
            self.after(state, freed);
        }
    }

    /// Wakes those for whom there is something to do.
    pub(super) fn wake(&self) {
        let mut state = self.state.lock();
        self.after(&mut state, Freed(None));
    }

    /// What follows each change of the ledger: slots are given back, and those who wait are woken.
    pub(super) fn after(&self, state: &mut State, freed: Freed) {
        state.give_back(freed);
        self.crew.changed(&state.ledger, state.can_read(), state.armed);
        self.scope.live.has_moved();
    }

    /// Makes ready what is due, and gives the next deadline.
    pub(super) fn advance(&self) -> Option<Instant> {
        let now = self.now();
        let mut state = self.state.lock();
        let freed = state.ledger.advance(now);
        let deadline = state.ledger.next_deadline();
        state.armed = deadline.unwrap_or(Moment::NEVER);
        for place in freed {
            self.after(&mut state, Freed(Some(place)));
        }
        self.after(&mut state, Freed(None));
        deadline.map(|deadline| self.origin + deadline.since(Moment::START))
    }

    /// Waits until a deadline comes that is earlier than the last one given, or panics end the controller.
    pub(super) async fn alarmed(&self) {
        self.crew.alarmed().await;
    }

    /// Why the controller has to end, where too many callbacks panicked.
    pub(super) fn escalated(&self) -> Option<String> {
        self.state.lock().escalated.take()
    }

    /// From now on no run begins, and those under way are told to end.
    pub(super) fn close(&self) {
        self.state.lock().ledger.close();
        self.stop.cancel();
        self.crew.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().ledger.is_closed()
    }

    /// Whether the first lists are complete and nothing is left to do before the next resync tick.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only tests wait for an operator to settle"))]
    pub(crate) fn is_settled(&self) -> bool {
        let state = self.state.lock();
        state.synced == state.watches.len() && state.can_read() && state.ledger.is_settled()
    }

    /// What is declared, and what is seen of it.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only tests wait for an operator to settle"))]
    pub(crate) fn watched(&self) -> Vec<(WatchSpec, View)> {
        let state = self.state.lock();
        state.subscriptions().map(|(spec, subscription)| (spec.clone(), subscription.view().clone())).collect()
    }

    pub(super) fn resource(&self) -> &Resource {
        &self.resource
    }

    pub(super) fn name(&self) -> &'static str {
        self.controller.descriptor().name()
    }
}

/// The time after which an unanswered question of the start is asked again, at most.
pub(super) const PATIENCE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

#[cfg(test)]
mod tests;
