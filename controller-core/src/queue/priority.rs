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

/// What is to be done with a key whose turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is served.
    Serve,
    /// It steps out of the line, and comes [back](Ready::back) later.
    Park,
    /// The entry no longer counts.
    Drop,
}

/// An entry of a line. A key gives each of its entries another number, so that an old one is known as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    slot: u32,
    space: u16,
    pub(super) number: u16,
}

impl Ticket {
    pub(super) fn new(Place { space, slot }: Place, number: u16) -> Self {
        Self { slot, space, number }
    }

    pub(super) fn place(self) -> Place {
        Place { space: self.space, slot: self.slot }
    }
}

/// The ready keys. A key that moved up leaves its old entry behind, which is passed over when it is met.
#[derive(Debug, Default)]
pub(super) struct Ready {
    lines: [VecDeque<Ticket>; 3],
    /// Keys whose turn came before they could be served, and that can be now: they go before their line.
    back: [VecDeque<Ticket>; 3],
    served: u8,
}

impl Ready {
    pub(super) fn push(&mut self, class: Class, ticket: Ticket) {
        self.lines[class as usize].push_back(ticket);
    }

    /// A key that stepped out of its line goes before all that still stand there: their turn came after its own.
    pub(super) fn back(&mut self, class: Class, ticket: Ticket) {
        self.back[class as usize].push_back(ticket);
    }

    /// Every entry, also such as no longer count.
    pub(super) fn iter(&self) -> impl Iterator<Item = Place> {
        self.back.iter().chain(&self.lines).flatten().map(|ticket| ticket.place())
    }

    /// The next key that is to be served.
    pub(super) fn pop(&mut self, mut turn: impl FnMut(Ticket) -> Turn) -> Option<(Place, Class)> {
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
            let (back, line) = (&mut self.back[class as usize], &mut self.lines[class as usize]);
            while let Some(ticket) = back.pop_front().or_else(|| line.pop_front()) {
                if turn(ticket) == Turn::Serve {
                    return Some((ticket.place(), class));
                }
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(slot: u32) -> Ticket {
        Ticket::new(Place { space: 0, slot }, 0)
    }

    #[test]
    fn a_ticket_is_small() {
        assert_eq!(size_of::<Ticket>(), 8);
    }

    #[test]
    fn events_come_first_and_nothing_starves() {
        let mut ready = Ready::default();
        for slot in 0..100 {
            ready.push(Class::Event, ticket(slot));
            ready.push(Class::Again, ticket(1000 + slot));
            ready.push(Class::Start, ticket(2000 + slot));
        }
        let served: Vec<(u32, Class)> =
            (0..32).filter_map(|_| ready.pop(|_| Turn::Serve)).map(|(place, class)| (place.slot, class)).collect();
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
        (0..3).for_each(|slot| ready.push(Class::Event, ticket(slot)));
        let turn = |ticket: Ticket| if ticket.slot == 2 { Turn::Serve } else { Turn::Drop };
        assert_eq!(ready.pop(turn), Some((ticket(2).place(), Class::Event)));
        assert_eq!(ready.pop(turn), None);
    }
}
