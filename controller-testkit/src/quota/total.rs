//! What all objects of a namespace use together.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::charge::written;
use super::measure::Measure;
use super::scope::is_within;
use crate::kinds::{Amount, Amounts, add, amounts};

/// The status that a quota should have, below its name, of all objects of these resources. What nobody counts stays as it was
/// told.
pub(crate) fn total<'a>(
    quota: &Value,
    resources: impl Iterator<Item = (&'a Measure, impl Iterator<Item = &'a Value>)>,
    now: Timestamp,
) -> Value {
    let hard = amounts(quota.pointer("/spec/hard"));
    let mut used = amounts(quota.pointer("/status/used"));
    let mut counted = Amounts::new();
    for (measure, objects) in resources {
        for name in hard.keys().filter(|name| measure.counts(name)) {
            counted.entry(name.clone()).or_insert(Amount::of(0));
        }
        for object in objects.filter(|object| is_within(quota, measure, object)) {
            add(&mut counted, measure.usage(object, now));
        }
    }
    used.extend(counted);
    used.retain(|name, _| hard.contains_key(name));
    let limits = quota.pointer("/spec/hard").cloned().unwrap_or_else(|| Map::new().into());
    json!({"status": {"hard": limits, "used": written(&used)}})
}
