//! Owns what a callback reaches while it runs: the engine's side of [`Context`](crate::context::Context).

use std::any::TypeId;
use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use jiff::Timestamp;
use kube::Client;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::resolve::Resource;
use super::rewrites::OwnWrite;
use super::writes::Write;
use crate::cache::Uid;
use crate::context::{Cache, Event, Reach, Target, WriteId, Written};
use crate::key::Key;
use crate::queue::Causes;

/// One run's way to the outside.
pub(super) struct RunReach {
    engine: Arc<Engine>,
    key: Key,
    uid: Option<Uid>,
    /// Made for the first one who asks for it.
    time_is_up: OnceLock<CancellationToken>,
    events: Mutex<Vec<Event>>,
    /// What was sent, in order.
    writes: Mutex<Vec<Write>>,
    /// What was sent to the run's own object, also past the context; none where it made no version.
    trail: Mutex<Vec<Option<OwnWrite>>>,
}

impl RunReach {
    pub(super) fn new(engine: Arc<Engine>, key: Key, uid: Option<Uid>) -> Arc<Self> {
        Arc::new(Self {
            engine,
            key,
            uid,
            time_is_up: OnceLock::new(),
            events: Mutex::default(),
            writes: Mutex::default(),
            trail: Mutex::default(),
        })
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    pub(super) fn resource(&self) -> &Resource {
        self.engine.resource()
    }

    pub(super) fn trail(&self) -> &Mutex<Vec<Option<OwnWrite>>> {
        &self.trail
    }

    /// What the callback wrote to its own object.
    pub(super) fn take_trail(&self) -> Vec<OwnWrite> {
        std::mem::take(&mut *self.trail.lock()).into_iter().flatten().collect()
    }

    /// Tells the callback that its time is up.
    pub(super) fn cancel(&self) {
        self.time_is_up().cancel();
    }

    fn time_is_up(&self) -> &CancellationToken {
        self.time_is_up.get_or_init(CancellationToken::new)
    }

    /// What the callback wrote, also one that failed or panicked. A write without an answer may have taken place.
    pub(super) fn take_writes(&self) -> Vec<Write> {
        std::mem::take(&mut *self.writes.lock())
    }

    /// The events that the callback left, also one that failed or panicked.
    pub(super) fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock())
    }
}

impl Reach for RunReach {
    fn client(&self) -> Client {
        self.engine.client()
    }

    fn now(&self) -> Timestamp {
        self.engine.wall_time()
    }

    fn cancelled(&self) -> BoxFuture<'static, ()> {
        let (stop, time_is_up) = (self.engine.stopping(), self.time_is_up().clone());
        Box::pin(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = time_is_up.cancelled() => {}
            }
        })
    }

    fn event(&self, event: Event) {
        self.events.lock().push(event);
    }

    fn enqueue(&self, key: Key) {
        self.engine.ask(&key, Causes::MANUAL);
    }

    fn uid(&self) -> Option<String> {
        self.uid.as_ref().map(ToString::to_string)
    }

    fn cache(&self, of: TypeId) -> Option<Arc<dyn Cache>> {
        self.engine.cache(of)
    }

    fn manager(&self) -> String {
        self.engine.name().to_owned()
    }

    fn begins(&self, target: Target) -> WriteId {
        let mut writes = self.writes.lock();
        writes.push((target, None));
        WriteId(writes.len() - 1)
    }

    fn ends(&self, WriteId(write): WriteId, written: Written) {
        if let Some((_, end)) = self.writes.lock().get_mut(write) {
            *end = Some(written);
        }
    }
}
