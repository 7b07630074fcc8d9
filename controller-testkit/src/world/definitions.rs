//! Deleting a CustomResourceDefinition: its objects go first, then its finalizer.

use serde_json::{Value, json};

use super::Clockwork;
use super::hand::Hand;
use super::object::{self, Condition, Stamps};
use super::queue::{Place, Work};

const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

impl Clockwork {
    pub(super) fn definition(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(definition) = hand.get(place) else { return };
        if !object::is_deleting(&definition) || !object::has_finalizer(&definition, CLEANUP) {
            return;
        }
        let (group, plural) =
            (object::text(&definition, "/spec/group"), object::text(&definition, "/spec/names/plural"));
        let instances = hand.places(group, plural);
        if instances.is_empty() {
            let kept = object::finalizers_but(&definition, CLEANUP);
            hand.patch(place, &json!({"metadata": {"finalizers": kept}}));
            return;
        }
        let mut conditions: Vec<Value> = object::items(&definition, "/status/conditions").to_vec();
        let terminating = Condition {
            kind: "Terminating",
            status: "True",
            reason: "InstanceDeletionInProgress",
            message: "CustomResource deletion is in progress",
        };
        object::set_condition(&mut conditions, terminating, Stamps::Transition, hand.now());
        if conditions != object::items(&definition, "/status/conditions") {
            hand.patch_status(place, &json!({"status": {"conditions": conditions}}));
        }
        for instance in &instances {
            hand.delete(instance, "", "Background");
        }
        if hand.places(group, plural).is_empty() {
            self.queue.add(Work::Definition(place.clone()), hand.now());
        } else {
            // Some have finalizers of their own: whoever removes them need not know of the definition.
            self.queue.add(Work::Definition(place.clone()), hand.after(self.pace));
        }
    }
}
