//! Owns the limits that a controller sets to its runs: how many may begin, of all keys together and of each.

use std::collections::{BTreeMap, BTreeSet};

use super::key_state::Place;
use super::moment::Moment;
use super::rate::{Bucket, Rate};
use crate::descriptor::{Descriptor, RateLimit};

/// The limits that a controller sets; without one there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Limits {
    /// For all keys together.
    pub(crate) all: Option<Rate>,
    /// For each key.
    pub(crate) each: Option<Rate>,
}

impl Limits {
    /// What the options `rate_limit` and `key_rate_limit` say.
    pub(crate) fn of(descriptor: &Descriptor) -> Self {
        let rate = |RateLimit { runs, per, burst }| Rate::new(runs, per, burst);
        let [all, each] = descriptor.rate_limits().map(|limit| limit.map(rate));
        Self { all, each }
    }
}

/// Buckets that are kept before the full ones are looked for.
const KEPT: usize = 1_024;

/// What is left of the limits.
#[derive(Debug, Default)]
pub(super) struct Gate {
    limits: Limits,
    all: Bucket,
    /// Those of keys that ran lately: a key without one has a full bucket.
    each: BTreeMap<Place, Bucket>,
    /// How many of them there may be before the full ones are dropped.
    kept: usize,
    /// Keys that stepped out of their line because they had no token.
    parked: BTreeSet<Place>,
    /// A key was to be served, and there was no token for it until this moment.
    shut_until: Option<Moment>,
    /// Runs that waited for a token.
    delayed: u64,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, kept: KEPT, ..Self::default() }
    }

    /// Until when no key may run; none where one may.
    pub(super) fn is_shut(&self, now: Moment) -> Option<Moment> {
        self.limits.all.map(|rate| self.all.free_at(rate)).filter(|free| *free > now)
    }

    /// Until when this key may not run; none where it may.
    pub(super) fn is_shut_for(&self, place: Place, now: Moment) -> Option<Moment> {
        let rate = self.limits.each?;
        let bucket = self.each.get(&place)?;
        Some(bucket.free_at(rate)).filter(|free| *free > now)
    }

    /// A key waits until the gate opens for all.
    pub(super) fn wait(&mut self, until: Moment) {
        if self.shut_until.is_none() {
            self.delayed += 1;
        }
        self.shut_until = Some(until);
    }

    /// This key steps out of its line. Gives whether it had not yet.
    pub(super) fn park(&mut self, place: Place) -> bool {
        let news = self.parked.insert(place);
        self.delayed += u64::from(news);
        news
    }

    /// This key may step back.
    pub(super) fn unpark(&mut self, place: Place) {
        self.parked.remove(&place);
    }

    /// A run of this key begins.
    pub(super) fn pass(&mut self, place: Place, now: Moment) {
        self.shut_until = None;
        if let Some(rate) = self.limits.all {
            self.all.take(rate, now);
        }
        if let Some(rate) = self.limits.each {
            self.each.entry(place).or_default().take(rate, now);
            if self.each.len() > self.kept {
                self.each.retain(|_, bucket| !bucket.is_full(now));
                self.kept = KEPT.max(2 * self.each.len());
            }
        }
    }

    /// The key is no more: who comes to its slot begins with a full bucket.
    pub(super) fn forget(&mut self, place: Place) {
        if self.limits.each.is_some() {
            self.each.remove(&place);
            self.parked.remove(&place);
        }
    }

    /// Time passes.
    pub(super) fn advance(&mut self, now: Moment) {
        self.shut_until = self.shut_until.filter(|until| *until > now);
    }

    /// When a key that waits for the gate can be served.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.shut_until
    }

    pub(super) fn parked(&self) -> impl Iterator<Item = Place> {
        self.parked.iter().copied()
    }

    pub(super) fn delayed(&self) -> u64 {
        self.delayed
    }
}
