//! What a change adds to what is used, and whether that is too much.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::measure::Measure;
use super::scope::is_within;
use crate::kinds::{Amount, Amounts, add, amounts};

/// A change of one object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) measure: &'a Measure,
    /// The subresource; empty for the object itself.
    pub(crate) part: &'a str,
    pub(crate) new: &'a Value,
    /// None of a new object.
    pub(crate) old: Option<&'a Value>,
    pub(crate) now: Timestamp,
}

/// The quotas that the change is charged to, with what is used then; or why it may not be.
pub(crate) fn charge<'a>(
    quotas: impl Iterator<Item = &'a Value>,
    asked: &Asked<'_>,
) -> Result<Vec<(&'a Value, Value)>, String> {
    let Asked { measure, part, new, old, now } = *asked;
    let mut meant = Vec::new();
    for quota in quotas {
        let [hard, used] = ["/status/hard", "/status/used"].map(|of| amounts(quota.pointer(of)));
        let limited: Vec<&str> = hard.keys().map(String::as_str).filter(|name| measure.counts(name)).collect();
        if limited.is_empty() || !is_within(quota, measure, new) {
            continue;
        }
        if let Some(why) = measure.unsaid(&limited, new) {
            return Err(format!("failed quota: {}: {why}", name(quota)));
        }
        if limited.iter().any(|name| !used.contains_key(*name)) {
            return Err(format!("status unknown for quota: {}, resources: {}", name(quota), limited.join(",")));
        }
        meant.push((quota, hard, used));
    }
    if meant.is_empty() {
        return Ok(Vec::new());
    }
    let whole = measure.usage(new, now);
    let before = old.map(|old| (old, measure.usage(old, now)));
    let mut charged = Vec::new();
    for (quota, hard, mut used) in meant {
        // What the object used in the same quota before is charged already.
        let known = before.as_ref().filter(|(old, _)| is_within(quota, measure, old)).map(|(_, usage)| usage);
        let more = |(name, amount): (&String, &Amount)| {
            let known = known.and_then(|known| known.get(name)).copied().unwrap_or_default();
            let more = amount.beyond(known)?;
            hard.contains_key(name).then(|| (name.clone(), more))
        };
        let more: Amounts = whole.iter().filter_map(more).collect();
        let before = used.clone();
        add(&mut used, more.clone());
        let is_over = |name: &&String| used.get(*name) > hard.get(*name);
        let over: Vec<&String> = more.keys().filter(is_over).collect();
        // What is told of an object is so, whether there is room for it or not.
        if part != "status" && !over.is_empty() {
            let [more, before, hard] = [&more, &before, &hard].map(|of| {
                let shown = over.iter().map(|name| {
                    let amount = of.get(*name).copied().unwrap_or_default();
                    format!("{name}={amount}")
                });
                shown.collect::<Vec<_>>().join(",")
            });
            let name = name(quota);
            return Err(format!("exceeded quota: {name}, requested: {more}, used: {before}, limited: {hard}"));
        }
        if !more.is_empty() {
            charged.push((quota, written(&used)));
        }
    }
    Ok(charged)
}

/// Amounts as an object carries them.
pub(super) fn written(amounts: &Amounts) -> Value {
    amounts.iter().map(|(name, amount)| (name.clone(), json!(amount.to_string()))).collect()
}

fn name(quota: &Value) -> &str {
    quota.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}
