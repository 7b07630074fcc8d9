//! Owns what follows from a hot loop: the key is slowed, named in the log, and told so.

use super::engine::{Engine, State};
use super::rewrites::{End, Heat, OwnWrite};
use crate::cache::{Entry, ResourceVersion};
use crate::context::Event;
use crate::descriptor::Callback;
use crate::queue::{Freed, Job, Moment, Place};

impl State {
    /// A run begins.
    pub(super) fn run_begins(&mut self, job: &Job<Entry>) {
        if !self.rewrites.is_empty() {
            self.rewrites.begins(job.place, job.causes.has_change());
        }
    }

    /// A run is about to be told of as ended: where it keeps on rewriting its object, the next one is slowed.
    pub(super) fn run_ends(
        &mut self,
        place: Place,
        given: &ResourceVersion,
        writes: Vec<OwnWrite>,
        now: Moment,
    ) -> Option<Heat> {
        if writes.is_empty() && self.rewrites.is_empty() {
            return None;
        }
        let Some((newest, arrived)) = self.ledger.arrived(place) else {
            self.rewrites.forget(place);
            return None;
        };
        let heat = self.rewrites.ends(place, End { writes, given, newest: &newest.version(), arrived })?;
        let Freed(_) = self.ledger.slow(place, now.after(heat.wait), now);
        Some(heat)
    }

    /// The end of a run was decided on.
    pub(super) fn run_ended(&mut self, place: Place) {
        if !self.rewrites.is_empty() {
            self.rewrites.settle(place, || self.ledger.is_pending(place));
        }
    }

    /// A version came in and was decided on.
    pub(super) fn version_came(&mut self, place: Place, version: &ResourceVersion, now: Moment) {
        if self.rewrites.is_empty() || self.ledger.is_running(place) {
            return;
        }
        if self.rewrites.shown(place, version) {
            let Freed(_) = self.ledger.speed_up(place, now);
        }
        self.rewrites.settle(place, || self.ledger.is_pending(place));
    }
}

impl Engine {
    /// Says that an object is rewritten without end: once for each loop.
    pub(super) async fn tell_of_loop(&self, object: &Entry, callback: Callback, heat: Heat) {
        if !heat.is_news() {
            return;
        }
        self.counters.hot_loops.add_one();
        let (controller, key, rewrites) = (self.name(), object.key(), heat.rewrites);
        tracing::warn!(
            controller, %key, callback = callback.name(), rewrites,
            "{rewrites} runs in a row were caused by nothing but what the run before wrote to its own object: it is slowed; write only what differs, or compare before you write; `when(generation)` ignores status"
        );
        let text = format!(
            "{rewrites} runs of {controller} in a row were caused by its own writes to this object: it is slowed until a run leaves the object as it is"
        );
        self.write(object, callback, vec![Event::warning("HotLoop", text)]).await;
    }
}
