//! Quotas: what of them is used, counted anew whenever something in their namespace changes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Clockwork;
use super::budgets::patch_of;
use super::hand::{Hand, Seen, kind};
use super::object;
use super::queue::{Place, Work, within};
use super::rollout::difference;
use crate::quota::{Measure, total};
use crate::store::Change;

impl Clockwork {
    /// Notes what a change means for quotas: of one itself, or of what it may count.
    pub(super) fn see_quota(&mut self, place: &Place, change: Change, now: Timestamp) {
        if kind::QUOTAS.is(place) {
            match change {
                Change::Deleted => drop(self.quotas.remove(place)),
                _ => drop(self.quotas.insert(place.clone())),
            }
        }
        let Some(namespace) = place.namespace().filter(|_| !self.quotas.is_empty()) else { return };
        for quota in within(&self.quotas, &kind::QUOTAS.table(), namespace) {
            self.queue.add(Work::Quota(quota.clone()), now);
        }
    }

    /// Brings the status of a quota up to date.
    pub(super) fn quota(&self, place: &Place, hand: &mut Hand<'_>) {
        let Some(quota) = hand.get(place) else { return };
        let hard = object::map(&quota, "/spec/hard");
        let counted: Vec<(Measure, Vec<Seen>)> = resources(hand)
            .into_iter()
            .filter_map(|(group, plural)| Some((Measure::of(&group, &plural)?, group, plural)))
            .filter(|(measure, ..)| hard.keys().any(|name| measure.counts(name)))
            .map(|(measure, group, plural)| {
                let places = hand.places_within(&group, &plural, place.namespace().unwrap_or_default());
                (measure, places.iter().filter_map(|place| hand.get(place)).collect())
            })
            .collect();
        let counted = counted.iter().map(|(measure, objects)| (measure, objects.iter().map(|object| &**object)));
        let told = total(&quota, counted, hand.now());
        let parts = ["hard", "used"].map(|part| {
            let [old, new] = [&*quota, &told].map(|of| object::map(of, &format!("/status/{part}")));
            (part.to_owned(), if old == new { Value::from(old) } else { patch_of(&old, new) })
        });
        if let Some(patch) = difference(&quota, Map::from_iter(parts)) {
            hand.patch_status(place, &patch);
        }
    }
}

/// Every resource whose objects are in namespaces.
fn resources(hand: &Hand<'_>) -> BTreeSet<(String, String)> {
    let catalog = hand.server().catalog();
    let versions =
        catalog.groups().iter().flat_map(|group| group.versions.iter().map(|version| (&group.name, version)));
    let all = versions.flat_map(|(group, version)| catalog.resources(group, version));
    let stored = all.filter(|resource| resource.namespaced && resource.is_stored());
    stored.map(|resource| (resource.group.clone(), resource.plural.clone())).collect()
}

#[cfg(test)]
mod tests;
