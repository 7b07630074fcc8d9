//! Owns what follows from a run's writes: its key waits until the caches show them.

use std::time::Duration;

use kube::core::Request;
use kube::core::params::GetParams;
use serde_json::Value;

use super::barrier::{CacheId, Until};
use super::engine::{Engine, State};
use crate::cache::{ResourceVersion, View};
use crate::context::{Target, Written};
use crate::key::Key;
use crate::queue::{Backoff, Freed, Moment, Place};

/// How long a key waits at most for the caches to show its writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// The waits between two tries to ask the server about a write.
const BETWEEN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

/// A write of which it is not sure whether it took place.
#[derive(Debug)]
pub(super) struct Question {
    place: Place,
    target: Target,
    key: Key,
}

/// What a run wrote; none where no answer came.
pub(super) type Write = (Target, Option<Written>);

impl State {
    /// The caches that hold an object, or would: each with its number, what it shows, and whether it has selectors.
    fn caches_of(&self, target: &Target, key: &Key) -> Vec<(CacheId, View, bool)> {
        let own = self
            .watches
            .iter()
            .enumerate()
            .map(|(space, watch)| (CacheId { cache: 0, space }, &watch.spec, &watch.subscription));
        let read = self.reads.iter().enumerate().flat_map(|(cache, read)| {
            let spaces = read.spaces.iter().enumerate();
            spaces.map(move |(space, part)| (CacheId { cache: cache + 1, space }, &part.spec, &part.subscription))
        });
        let holds = |spec: &crate::watch::WatchSpec| {
            let here = spec.namespace.as_deref().is_none_or(|namespace| key.namespace() == Some(namespace));
            spec.group == target.group && spec.plural == target.plural && here
        };
        own.chain(read)
            .filter(|(_, spec, _)| holds(spec))
            .map(|(id, spec, subscription)| {
                (id, subscription.view().clone(), spec.labels.is_some() || spec.fields.is_some())
            })
            .collect()
    }

    /// The key waits until each cache shows this of an object, as far as it does not yet.
    fn wait(&mut self, place: Place, target: &Target, key: &Key, until: &Until) {
        for (cache, view, selective) in self.caches_of(target, key) {
            let shown = view.find(key).map(|(_, entry)| entry);
            let left_out_by_a_selector = selective && shown.is_none();
            if !left_out_by_a_selector && !until.is_met(shown.as_ref()) {
                self.barrier.wait(place, cache, key.clone(), until.clone());
            }
        }
    }

    /// The key may not run before the barrier frees it, or its time has passed.
    fn hold(&mut self, place: Place, now: Moment) -> Freed {
        let until = if self.barrier.is_asking(place) { Moment::NEVER } else { now.after(PATIENCE) };
        self.ledger.hold(place, until, now)
    }
}

impl Engine {
    /// Takes in what a run wrote, before the run counts as ended.
    pub(super) fn wrote(&self, state: &mut State, place: Place, writes: Vec<Write>, now: Moment) {
        for (target, written) in writes {
            match (written, target.key.clone()) {
                (Some(Written::Refused), _) => {}
                (Some(Written::At { key, version }), _) => {
                    state.wait(place, &target, &key, &Until::At(ResourceVersion::new(&version)));
                }
                (Some(Written::Going { key, version }), _) => {
                    state.wait(place, &target, &key, &Until::AtOrGone(ResourceVersion::new(&version)));
                }
                (Some(Written::Gone { key, uid }), _) => state.wait(place, &target, &key, &Until::Gone(uid)),
                (None, Some(key)) => {
                    if !state.caches_of(&target, &key).is_empty() {
                        state.barrier.ask(place);
                        state.questions.push(Question { place, target, key });
                    }
                }
                // Nobody knows the name that the server may have chosen.
                (None, None) => state.barrier.wait_blindly(place),
            }
        }
        if state.barrier.holds(place) {
            let Freed(_) = state.hold(place, now);
        }
        if !state.questions.is_empty() {
            self.crew.alarm();
        }
    }

    /// What the server is to be asked.
    pub(super) fn questions(&self) -> Vec<Question> {
        std::mem::take(&mut self.state.lock().questions)
    }

    /// Asks the server, for as long as it takes, how the object of an unsure write stands; then the caches have to show
    /// at least that.
    pub(super) async fn settle(&self, question: Question) {
        let Question { place, target, key } = question;
        let backoff = Backoff::new(BETWEEN);
        let mut rng = self.scope.chance.rng(&format!("{} asks for {key}", self.name()));
        let (mut tries, mut told) = (0, false);
        let until = loop {
            let refusal = match self.ask_for(&target, &key).await {
                Ok(until) => break until,
                Err(refusal) => refusal,
            };
            if refusal.is_some() && !told {
                self.complain_of_silence(&target, &key, refusal);
                told = true;
            }
            tries += 1;
            tokio::time::sleep(backoff.delay(tries, &mut rng)).await;
        };
        let now = self.now();
        let mut state = self.state.lock();
        state.wait(place, &target, &key, &until);
        let freed =
            if state.barrier.answered(place) { state.ledger.release(place, now) } else { state.hold(place, now) };
        self.after(&mut state, freed);
    }

    /// How an object stands now: a read without a version is consistent. An error where there was no answer, with the
    /// status where a person has to mend it.
    async fn ask_for(&self, target: &Target, key: &Key) -> Result<Until, Option<u16>> {
        let request = Request::new(target.path.clone()).get(key.name(), &GetParams::default()).map_err(|_| None)?;
        match self.client().request::<Value>(request).await {
            Ok(object) => {
                let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str).ok_or(None)?;
                Ok(Until::At(ResourceVersion::new(version)))
            }
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Until::Gone(None)),
            Err(error) => {
                let refusal = match &error {
                    kube::Error::Api(status) if matches!(status.code, 401 | 403 | 405) => Some(status.code),
                    _ => None,
                };
                let error = crate::error::chain(&error);
                tracing::debug!(controller = self.name(), %key, error, "could not ask whether a write took place");
                Err(refusal)
            }
        }
    }

    /// The key waits for an answer that the server refuses to give.
    fn complain_of_silence(&self, target: &Target, key: &Key, refusal: Option<u16>) {
        let (controller, code) = (self.name(), refusal.unwrap_or_default());
        let Target { path, plural, .. } = target;
        tracing::warn!(
            controller,
            "may not ask whether a write of {plural} {key} took place (GET {path}/{}: {code}): grant get on {plural}; the key that wrote it waits for the answer",
            key.name()
        );
    }
}
