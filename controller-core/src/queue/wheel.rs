//! Owns the deadlines of delayed keys, soonest first: a hierarchical timing wheel.
//!
//! Time is cut into ticks of about a millisecond. What is due up to the tick under way stands sorted in `near`. What is
//! due later stands unsorted in one of the wheel's slots: level 0 has one for each tick of the next 64, level 1 one for
//! each 64 ticks, and so on. When nothing is near, the wheel turns to its next slot that has something in it, and what
//! stands there goes one level down or more. So to put a deadline in and to take it out again costs the same however
//! many there are, and what comes due comes in exact order: by moment, then by key.
//!
//! The wheel may turn ahead of the time. What comes in before the place where it stands is near, and still in order.

use std::collections::BTreeSet;

use super::key_state::Place;
use super::moment::Moment;

/// A tick is 2^20 nanoseconds.
const TICK: u32 = 20;

/// Each level has 2^6 slots.
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;

/// Enough for every moment there is.
const LEVELS: usize = (u64::BITS - TICK).div_ceil(BITS) as usize;

/// Where a deadline stands, for the key to take it out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Peg(u32);

impl Peg {
    /// Stands for no deadline.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// A deadline: a link of its slot's list where it is not near.
#[derive(Debug, Clone, Copy)]
struct Pin {
    at: Moment,
    place: Place,
    before: Peg,
    behind: Peg,
}

/// The deadlines of a queue.
#[derive(Debug)]
pub(super) struct Wheel {
    pins: Vec<Pin>,
    /// The first of the pins that are not in use, each of which names the next.
    unused: Peg,
    /// The first pin of each slot.
    slots: [[Peg; SLOTS]; LEVELS],
    /// Which slots of each level have something in them.
    filled: [u64; LEVELS],
    /// How far it has turned.
    tick: u64,
    near: BTreeSet<(Moment, Place, Peg)>,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            pins: Vec::new(),
            unused: Peg::NONE,
            slots: [[Peg::NONE; SLOTS]; LEVELS],
            filled: [0; LEVELS],
            tick: 0,
            near: BTreeSet::new(),
        }
    }
}

/// The tick of a moment.
fn tick_of(at: Moment) -> u64 {
    at.nanos() >> TICK
}

impl Wheel {
    /// Puts a deadline in.
    pub(super) fn insert(&mut self, at: Moment, place: Place) -> Peg {
        let pin = Pin { at, place, before: Peg::NONE, behind: Peg::NONE };
        let peg = self.unused;
        let peg = match self.pins.get_mut(peg.0 as usize) {
            Some(unused) => {
                self.unused = unused.behind;
                *unused = pin;
                peg
            }
            None => {
                self.pins.push(pin);
                Peg(u32::try_from(self.pins.len() - 1).unwrap_or(u32::MAX))
            }
        };
        self.hang(peg);
        self.turn();
        peg
    }

    /// Takes a deadline out again.
    pub(super) fn remove(&mut self, peg: Peg) {
        let Some(pin) = self.pins.get(peg.0 as usize).copied() else { return };
        match self.slot_of(pin.at) {
            None => drop(self.near.remove(&(pin.at, pin.place, peg))),
            Some((level, slot)) => {
                match self.pins.get_mut(pin.before.0 as usize) {
                    Some(before) => before.behind = pin.behind,
                    None => {
                        self.slots[level][slot] = pin.behind;
                        if pin.behind == Peg::NONE {
                            self.filled[level] &= !(1 << slot);
                        }
                    }
                }
                if let Some(behind) = self.pins.get_mut(pin.behind.0 as usize) {
                    behind.before = pin.before;
                }
            }
        }
        self.free(peg);
        self.turn();
    }

    /// When a deadline is; never, where it stands for none.
    pub(super) fn at(&self, peg: Peg) -> Moment {
        self.pins.get(peg.0 as usize).map_or(Moment::NEVER, |pin| pin.at)
    }

    /// The soonest deadline.
    pub(super) fn first(&self) -> Option<Moment> {
        self.near.first().map(|(at, ..)| *at)
    }

    /// Takes out the soonest deadline where it is not after `now`.
    pub(super) fn pop(&mut self, now: Moment) -> Option<Place> {
        if self.first()? > now {
            return None;
        }
        let (_, place, peg) = self.near.pop_first()?;
        self.free(peg);
        self.turn();
        Some(place)
    }

    fn free(&mut self, peg: Peg) {
        if let Some(pin) = self.pins.get_mut(peg.0 as usize) {
            pin.behind = self.unused;
            self.unused = peg;
        }
    }

    /// The slot of a moment; none where it is near. It is the same until the wheel turns to that slot.
    fn slot_of(&self, at: Moment) -> Option<(usize, usize)> {
        let tick = tick_of(at);
        if tick <= self.tick {
            return None;
        }
        let level = (tick ^ self.tick).ilog2() / BITS;
        Some((level as usize, (tick >> (level * BITS)) as usize % SLOTS))
    }

    /// Puts a pin where it belongs.
    fn hang(&mut self, peg: Peg) {
        let Some(pin) = self.pins.get(peg.0 as usize).copied() else { return };
        let Some((level, slot)) = self.slot_of(pin.at) else {
            self.near.insert((pin.at, pin.place, peg));
            return;
        };
        let first = std::mem::replace(&mut self.slots[level][slot], peg);
        self.filled[level] |= 1 << slot;
        if let Some(behind) = self.pins.get_mut(first.0 as usize) {
            behind.before = peg;
        }
        if let Some(pin) = self.pins.get_mut(peg.0 as usize) {
            (pin.before, pin.behind) = (Peg::NONE, first);
        }
    }

    /// Turns until something is near, or nothing is left.
    fn turn(&mut self) {
        while self.near.is_empty() {
            // Everything on a lower level comes before everything on a higher one.
            let Some(level) = self.filled.iter().position(|filled| *filled != 0) else { return };
            let slot = self.filled[level].trailing_zeros();
            let width = level as u32 * BITS;
            let above = self.tick >> width >> BITS;
            self.tick = (above << BITS | u64::from(slot)) << width;
            self.filled[level] &= !(1 << slot);
            let mut peg = std::mem::replace(&mut self.slots[level][slot as usize], Peg::NONE);
            while let Some(pin) = self.pins.get(peg.0 as usize).copied() {
                self.hang(peg);
                peg = pin.behind;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One thing that a queue does.
    #[derive(Debug, Clone)]
    enum Step {
        /// A key waits for so many nanoseconds, in place of what it waited for.
        Wait(u32, u64),
        /// A key waits no more.
        Stop(u32),
        /// So many nanoseconds pass.
        Pass(u64),
    }

    /// Short and long times, to all levels of the wheel.
    fn nanos() -> impl Strategy<Value = u64> {
        (0u32..64, any::<u64>()).prop_map(|(shift, noise)| noise >> shift)
    }

    fn step() -> impl Strategy<Value = Step> {
        let near = prop_oneof![2 => 0u64..5_000_000, 2 => 0u64..100_000_000_000, 1 => nanos()];
        let slot = 0u32..64;
        prop_oneof![
            6 => (slot.clone(), near).prop_map(|(slot, nanos)| Step::Wait(slot, nanos)),
            2 => slot.prop_map(Step::Stop),
            1 => prop_oneof![0u64..3_000_000, 0u64..10_000_000_000, nanos()].prop_map(Step::Pass),
        ]
    }

    fn place(slot: u32) -> Place {
        Place { space: (slot % 3) as u16, slot }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        /// It does what a sorted set does.
        #[test]
        fn it_is_a_sorted_set(steps in proptest::collection::vec(step(), 0..200)) {
            let mut wheel = Wheel::default();
            let mut set = BTreeSet::new();
            let mut pegs = std::collections::BTreeMap::new();
            let mut now = Moment::START;
            for step in steps {
                match step {
                    Step::Wait(slot, nanos) => {
                        let at = now.after(std::time::Duration::from_nanos(nanos));
                        if let Some((at, peg)) = pegs.remove(&place(slot)) {
                            wheel.remove(peg);
                            set.remove(&(at, place(slot)));
                        }
                        pegs.insert(place(slot), (at, wheel.insert(at, place(slot))));
                        set.insert((at, place(slot)));
                    }
                    Step::Stop(slot) => {
                        if let Some((at, peg)) = pegs.remove(&place(slot)) {
                            wheel.remove(peg);
                            set.remove(&(at, place(slot)));
                        }
                    }
                    Step::Pass(nanos) => {
                        now = now.after(std::time::Duration::from_nanos(nanos));
                        while let Some(popped) = wheel.pop(now) {
                            prop_assert_eq!(set.pop_first().map(|(_, place)| place), Some(popped));
                            pegs.remove(&popped);
                        }
                    }
                }
                prop_assert_eq!(wheel.first(), set.first().map(|(at, _)| *at));
            }
            while let Some(popped) = wheel.pop(Moment::NEVER) {
                prop_assert_eq!(set.pop_first().map(|(_, place)| place), Some(popped));
            }
            prop_assert!(set.is_empty());
            prop_assert!(wheel.pins.len() <= 64, "pins are used again");
            prop_assert_eq!(wheel.filled, [0; LEVELS]);
        }
    }

    #[test]
    fn a_deadline_is_small() {
        assert_eq!(size_of::<Pin>(), 24);
    }
}
