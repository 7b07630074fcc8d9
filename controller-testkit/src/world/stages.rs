//! What plays the stages that a user has given the world.
//!
//! The first of them that fits an object is its next, before any of the world's own. It comes once the object has been as
//! it is for the stage's delay.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Clockwork;
use super::hand::Hand;
use super::queue::{Place, Work};
use super::stage::Stage;
use crate::store::{Change, Object};

/// Whatever a stage's delay: time goes on between two of them.
const SOONEST: SignedDuration = SignedDuration::from_millis(1);

impl Clockwork {
    /// The stage of a user's that is an object's next.
    pub(super) fn stage_of(&self, object: &Value) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.fits(object))
    }

    /// Whether a user has put a stage in the place of what the world has by that name.
    pub(super) fn is_replaced(&self, name: &str) -> bool {
        self.stages.iter().any(|stage| stage.name == name)
    }

    pub(super) fn see_staged(&mut self, place: &Place, object: &Object, change: Change, now: Timestamp) {
        if self.stages.is_empty() {
            return;
        }
        let work = Work::Stage(place.clone());
        self.queue.drop(&work);
        if change == Change::Deleted {
            return;
        }
        if let Some(stage) = self.stage_of(&object.value()) {
            let given = stage.delay.map(|delay| SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX));
            let wait = given.unwrap_or(self.pace).max(SOONEST);
            self.queue.add(work, now.checked_add(wait).unwrap_or(Timestamp::MAX));
        }
    }

    /// Takes an object through its next stage.
    pub(super) fn stage(&self, place: &Place, hand: &mut Hand<'_>) {
        let Some(object) = hand.get(place) else { return };
        let Some(Stage { name, next, .. }) = self.stage_of(&object) else { return };
        if let Some(told) = &next.event {
            hand.tell_as(told, &object);
        }
        if let Some(finalizers) = next.finalizers.change(&object) {
            hand.patch(place, &json!({"metadata": {"finalizers": finalizers}}));
        }
        match next.status.as_ref().map(|status| status.render(&object, hand.now())) {
            Some(Ok(status)) if hand.has_status(place) => hand.patch_status(place, &json!({"status": status})),
            Some(Ok(status)) => hand.patch(place, &json!({"status": status})),
            Some(Err(why)) => {
                tracing::warn!(target: "controller_testkit::world", stage = name, object = %place.key, why, "a stage fails");
            }
            None => {}
        }
        if next.delete {
            hand.delete(place, "", "Background");
        }
    }
}
