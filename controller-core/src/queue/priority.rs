//! Owns the order in which ready keys are served: first in, first out within a class.
//!
//! Events come before what the engine itself wants again, and that before the objects found at start. So that
//! nothing starves, of each eight keys served one comes from each of the classes below, where one waits.

use std::collections::VecDeque;

use super::key_state::Place;

/// How urgent a ready key is. The order is that of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Something happened to the object, or a callback or an outside trigger asked for the key.
    Event,
    /// A retry, a requeue or the resync tick.
    Again,
    /// The object was found when the controller started.
    Start,
}

/// Of this many keys served one is from each lower class.
const SHARE: u8 = 8;

/// The ready keys. A key that moved up leaves its old entry behind, which is passed over when it is met.
#[derive(Debug, Default)]
pub(super) struct Ready {
    lines: [VecDeque<Place>; 3],
    served: u8,
}

impl Ready {
    pub(super) fn push(&mut self, class: Class, place: Place) {
        self.lines[class as usize].push_back(place);
    }

    /// The next key for which `live` says that this entry is still the one that counts.
    pub(super) fn pop(&mut self, live: impl Fn(Place, Class) -> bool) -> Option<(Place, Class)> {
        self.served = (self.served + 1) % SHARE;
        let order = if self.served == 0 {
            // The two lower classes take turns in going first, so that a flood of one does not starve the other.
            [Class::Start, Class::Again, Class::Event]
        } else if self.served == SHARE / 2 {
            [Class::Again, Class::Start, Class::Event]
        } else {
            [Class::Event, Class::Again, Class::Start]
        };
        order.into_iter().find_map(|class| {
            let line = &mut self.lines[class as usize];
            while let Some(place) = line.pop_front() {
                if live(place, class) {
                    return Some((place, class));
                }
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(slot: u32) -> Place {
        Place { space: 0, slot }
    }

    #[test]
    fn events_come_first_and_nothing_starves() {
        let mut ready = Ready::default();
        for slot in 0..100 {
            ready.push(Class::Event, place(slot));
            ready.push(Class::Again, place(1000 + slot));
            ready.push(Class::Start, place(2000 + slot));
        }
        let served: Vec<(u32, Class)> =
            (0..32).filter_map(|_| ready.pop(|_, _| true)).map(|(place, class)| (place.slot, class)).collect();
        let of = |wanted: Class| {
            served.iter().filter(|(_, class)| *class == wanted).map(|(slot, _)| *slot).collect::<Vec<_>>()
        };
        assert_eq!(of(Class::Event), (0..24).collect::<Vec<_>>());
        assert_eq!(of(Class::Again), [1000, 1001, 1002, 1003]);
        assert_eq!(of(Class::Start), [2000, 2001, 2002, 2003]);
    }

    #[test]
    fn an_entry_that_no_longer_counts_is_passed_over() {
        let mut ready = Ready::default();
        (0..3).for_each(|slot| ready.push(Class::Event, place(slot)));
        assert_eq!(ready.pop(|place, _| place.slot == 2), Some((place(2), Class::Event)));
        assert_eq!(ready.pop(|_, _| true), None);
    }
}
