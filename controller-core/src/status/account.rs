//! Owns which events are written: the same event again counts up the one that is there, and an object that
//! gives rise to events without end is held back.
//!
//! It is pure. The rules are those of client-go's recorder, so that `kubectl describe` shows what people know:
//! events with the same words are one event with a count, and an object may have 25 at once and then one more every
//! five minutes.

use std::collections::BTreeMap;

/// Objects and events that are remembered; those longest unheard of make room.
const REMEMBERED: usize = 4096;

/// Events that an object may have at once.
const BURST: f64 = 25.0;

/// Seconds until an object that used up its burst may have one more.
const REFILL: f64 = 300.0;

/// What makes two events the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Words {
    /// The uid of the object, or its name where it has none.
    pub(super) object: String,
    pub(super) severity: &'static str,
    pub(super) reason: String,
    pub(super) message: String,
}

/// What to do with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Create it under a new name.
    New,
    /// Count up the event of this name.
    Again { name: String, count: u32 },
    /// Write nothing.
    HeldBack,
}

#[derive(Debug)]
struct Known {
    name: String,
    count: u32,
    used: u64,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    /// Seconds since the start of the clock.
    at: f64,
    used: u64,
}

/// The events that were written.
#[derive(Debug, Default)]
pub(super) struct Account {
    known: BTreeMap<Words, Known>,
    buckets: BTreeMap<String, Bucket>,
    uses: u64,
    /// The stamp of the event that was created last.
    stamp: i128,
}

impl Account {
    /// A number for the name of a new event: its time in nanoseconds, or the next number where that was used.
    pub(super) fn stamp(&mut self, nanos: i128) -> i128 {
        self.stamp = nanos.max(self.stamp + 1);
        self.stamp
    }

    /// Decides on an event. `now` is in seconds.
    pub(super) fn enter(&mut self, words: &Words, now: f64) -> Entry {
        self.uses += 1;
        let uses = self.uses;
        let full = || Bucket { left: BURST, at: now, used: uses };
        let bucket = self.buckets.entry(words.object.clone()).or_insert_with(full);
        bucket.left = (bucket.left + (now - bucket.at).max(0.0) / REFILL).min(BURST);
        (bucket.at, bucket.used) = (now, uses);
        if bucket.left < 1.0 {
            return Entry::HeldBack;
        }
        bucket.left -= 1.0;
        match self.known.get_mut(words) {
            Some(known) => {
                known.count += 1;
                known.used = uses;
                Entry::Again { name: known.name.clone(), count: known.count }
            }
            None => Entry::New,
        }
    }

    /// The event was created under this name.
    pub(super) fn created(&mut self, words: Words, name: String) {
        let used = self.uses;
        self.known.insert(words, Known { name, count: 1, used });
        make_room(&mut self.known, |known| known.used);
        make_room(&mut self.buckets, |bucket| bucket.used);
    }

    /// The event is no longer there: the server forgets events after an hour.
    pub(super) fn forgotten(&mut self, words: &Words) {
        self.known.remove(words);
    }
}

/// Forgets the older half once there are too many, so that the search for the oldest is rare.
fn make_room<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, used: impl Fn(&V) -> u64) {
    if map.len() <= REMEMBERED {
        return;
    }
    let mut uses: Vec<u64> = map.values().map(&used).collect();
    uses.sort_unstable();
    let middle = uses.get(uses.len() / 2).copied().unwrap_or_default();
    map.retain(|_, value| used(value) >= middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(object: &str, message: &str) -> Words {
        Words { object: object.into(), severity: "Normal", reason: "Tested".into(), message: message.into() }
    }

    #[test]
    fn the_same_event_again_counts_up() {
        let mut account = Account::default();
        assert_eq!(account.enter(&words("a", "x"), 0.0), Entry::New);
        account.created(words("a", "x"), "a.1".into());
        assert_eq!(account.enter(&words("a", "x"), 1.0), Entry::Again { name: "a.1".into(), count: 2 });
        assert_eq!(account.enter(&words("a", "x"), 2.0), Entry::Again { name: "a.1".into(), count: 3 });
        assert_eq!(account.enter(&words("a", "y"), 2.0), Entry::New);
        assert_eq!(account.enter(&words("b", "x"), 2.0), Entry::New);
        account.forgotten(&words("a", "x"));
        assert_eq!(account.enter(&words("a", "x"), 3.0), Entry::New);
    }

    #[test]
    fn an_object_with_events_without_end_is_held_back() {
        let mut account = Account::default();
        let written = |account: &mut Account, object: &str, now: f64| {
            (0..100).filter(|at| account.enter(&words(object, &at.to_string()), now) != Entry::HeldBack).count()
        };
        assert_eq!(written(&mut account, "a", 0.0), 25);
        assert_eq!(written(&mut account, "b", 0.0), 25);
        assert_eq!(written(&mut account, "a", 301.0), 1);
        assert_eq!(written(&mut account, "a", 301.0 + 3.0 * REFILL), 3);
    }

    #[test]
    fn two_events_of_one_moment_have_two_names() {
        let mut account = Account::default();
        assert_eq!([account.stamp(7), account.stamp(7), account.stamp(8), account.stamp(20)], [7, 8, 9, 20]);
    }

    #[test]
    fn memory_stays_bounded() {
        let mut account = Account::default();
        for object in 0..20_000 {
            let words = words(&object.to_string(), "x");
            account.enter(&words, 0.0);
            account.created(words, "n".into());
        }
        assert!(account.known.len() <= REMEMBERED && account.buckets.len() <= REMEMBERED);
        assert!(account.known.contains_key(&words("19999", "x")));
    }
}
