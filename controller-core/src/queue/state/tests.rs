//! Floods of keys of all classes, drawn at random: the order of service, with limits and without.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::queue::Rate;

const CLASSES: [Class; 3] = [Class::Event, Class::Again, Class::Start];

struct Bench {
    queue: Queue<u32>,
    now: Moment,
    rng: fastrand::Rng,
}

fn place(slot: u32) -> Place {
    Place { space: 0, slot }
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let backoff = Backoff::new((millis(5), Duration::from_secs(60)));
        Self { queue: Queue::new(backoff, None, limits), now: Moment::START, rng: fastrand::Rng::with_seed(1) }
    }

    /// Makes a key ready in a class. One of the class in between is made by a requeue that is due at once.
    fn want(&mut self, slot: u32, class: Class) {
        let causes = if class == Class::Start { Causes::FOUND } else { Causes::MODIFIED };
        let run = Plan::Run { callback: Callback::Reconcile, standing: Standing::Known };
        if class == Class::Again {
            let key = self.queue.keys.get_or_new(place(slot));
            (key.object, key.standing) = (Some(slot), Standing::Known);
            (key.due_at, key.requeued) = (self.now, Some(Callback::Reconcile));
            let Freed(_) = self.queue.refresh(place(slot), self.now);
            self.advance();
        } else {
            let Freed(_) = self.queue.apply(place(slot), Shift::Seen(slot), run, causes, self.now);
        }
    }

    fn advance(&mut self) {
        let freed = self.queue.advance(self.now);
        assert!(freed.is_empty(), "every object is still there");
    }

    /// How long the key that is ready longest has been so, and its slot, which is its object here.
    fn oldest(&self) -> Option<(Duration, u32)> {
        let (age, slot) = self.queue.oldest(self.now)?;
        Some((age, *slot.expect("its object is there")))
    }

    fn take(&mut self) -> Option<u32> {
        self.queue.take(self.now).map(|job| job.place.slot)
    }

    fn done(&mut self, slot: u32) {
        let after = After { standing: Standing::Known, accepted: true, reached: true, next: Next::Await };
        let (_, Freed(freed)) = self.queue.done(place(slot), after, self.now, &mut self.rng);
        assert_eq!(freed, None);
    }

    fn ready(&self) -> usize {
        self.queue.depth().ready.iter().sum()
    }

    /// Goes on to the next deadline where nothing can be taken. Gives what is taken.
    fn next(&mut self) -> Option<u32> {
        loop {
            if let Some(slot) = self.take() {
                return Some(slot);
            }
            self.now = self.queue.next_deadline()?.max(self.now);
            self.advance();
        }
    }
}

/// What comes in between two services: keys and their classes.
fn flood() -> impl Strategy<Value = Vec<(u32, Class)>> {
    proptest::collection::vec((0u32..40, proptest::sample::select(CLASSES.to_vec())), 0..6)
}

/// How many are served at most until the one that had so many before it in its class.
fn bound(class: Class, before: usize) -> usize {
    match class {
        // At least six of eight are events, where there are any: a turn of another class comes every fourth time.
        Class::Event => (before + 1) + before / 3 + 1,
        // One of eight is of each lower class.
        Class::Again | Class::Start => (before + 1) * 8,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing starves: whatever comes in, a ready key is served after so many others as the shares say.
    #[test]
    fn every_ready_key_is_served_within_the_bound_of_its_share(floods in proptest::collection::vec(flood(), 1..120)) {
        let mut bench = Bench::new(Limits::default());
        // The class of each ready key, how many of it stood before, and how many were served until then.
        let mut waits: BTreeMap<u32, (Class, usize, usize)> = BTreeMap::new();
        let mut served = 0;
        for step in 0..floods.len() + 2_000 {
            for (slot, class) in floods.get(step).into_iter().flatten() {
                let up = waits.get(slot).is_none_or(|(now, ..)| class < now);
                if up {
                    let before = bench.queue.depth().ready[*class as usize];
                    waits.insert(*slot, (*class, before, served));
                }
                bench.want(*slot, *class);
            }
            let Some(slot) = bench.take() else {
                prop_assert!(waits.is_empty(), "{waits:?} are ready and not served");
                continue;
            };
            served += 1;
            bench.done(slot);
            let (class, before, from) = waits.remove(&slot).expect("what is served was ready");
            let took = served - from;
            prop_assert!(took <= bound(class, before), "{slot} of {class:?} behind {before} was served as number {took}");
        }
        prop_assert_eq!(bench.ready(), 0);
    }

    /// A limit for all changes when keys are served, and never in which order.
    #[test]
    fn a_limit_for_all_keeps_the_order(floods in proptest::collection::vec(flood(), 1..40), runs in 1u32..20) {
        let rate = Rate::new(runs, Duration::from_secs(1), 3);
        let [mut free, mut limited] = [None, Some(rate)].map(|all| Bench::new(Limits { all, each: None }));
        for (slot, class) in floods.into_iter().flatten() {
            free.want(slot, class);
            limited.want(slot, class);
        }
        let mut times = Vec::new();
        while let Some(slot) = limited.next() {
            prop_assert_eq!(free.take(), Some(slot));
            times.push(limited.now);
        }
        prop_assert_eq!(free.take(), None);
        for (at, time) in times.iter().enumerate().skip(3) {
            prop_assert_eq!(time.since(Moment::START), Duration::from_secs(1) / runs * (at as u32 - 2));
        }
        prop_assert_eq!(limited.queue.limited() as usize, times.len().saturating_sub(3));
    }

    /// A limit for each key holds for each key and holds up no other one: a key that has a token is taken at once.
    #[test]
    fn a_limit_for_each_key_holds_up_no_other(
        floods in proptest::collection::vec((flood(), 0u64..400), 1..60),
        burst in 1u32..3,
    ) {
        let rate = Rate::new(1, Duration::from_secs(1), burst);
        let mut bench = Bench::new(Limits { all: None, each: Some(rate) });
        let mut runs: BTreeMap<u32, Vec<Moment>> = BTreeMap::new();
        let calm = (0..40).map(|_| (Vec::new(), 1_000));
        for (flood, wait) in floods.into_iter().chain(calm) {
            for (slot, class) in flood {
                bench.want(slot, class);
            }
            let until = bench.now.after(millis(wait));
            loop {
                while let Some(slot) = bench.take() {
                    bench.done(slot);
                    runs.entry(slot).or_default().push(bench.now);
                }
                // Whoever is still ready has run too often lately.
                for slot in bench.queue.gate.parked().map(|place| place.slot) {
                    let last = runs.get(&slot).map_or(0, |runs| {
                        runs.iter().filter(|run| bench.now.since(**run) < Duration::from_secs(u64::from(burst))).count()
                    });
                    prop_assert!(last >= burst as usize, "{slot} ran {last} times lately and was passed over");
                }
                prop_assert_eq!(bench.queue.gate.parked().count(), bench.ready());
                let Some(deadline) = bench.queue.next_deadline().filter(|at| *at <= until) else { break };
                bench.now = deadline.max(bench.now);
                bench.advance();
            }
            bench.now = until;
            bench.advance();
        }
        prop_assert_eq!(bench.ready(), 0, "each is served in the end");
        for runs in runs.values() {
            for pair in runs.windows(burst as usize + 1) {
                prop_assert!(pair[pair.len() - 1].since(pair[0]) >= Duration::from_secs(1));
            }
        }
    }
}

#[test]
fn a_key_whose_token_comes_back_goes_before_those_whose_turn_came_later() {
    let rate = Rate::new(1, Duration::from_secs(1), 1);
    let mut bench = Bench::new(Limits { all: None, each: Some(rate) });
    bench.want(1, Class::Event);
    assert_eq!(bench.take(), Some(1));
    bench.done(1);
    bench.want(1, Class::Event);
    bench.want(2, Class::Event);
    assert_eq!(bench.take(), Some(2), "it is passed over");
    bench.done(2);
    assert_eq!(bench.take(), None);
    assert_eq!((bench.ready(), bench.queue.limited()), (1, 1), "it is ready all the same");
    bench.now = bench.now.after(millis(999));
    bench.want(3, Class::Event);
    bench.want(4, Class::Event);
    assert_eq!(bench.oldest(), Some((millis(999), 1)));
    bench.now = bench.now.after(millis(1));
    bench.advance();
    assert_eq!((bench.take(), bench.take(), bench.take()), (Some(1), Some(3), Some(4)));
    assert_eq!(bench.oldest(), None);
}

#[test]
fn the_oldest_is_the_one_that_is_ready_longest_whatever_its_class() {
    let mut bench = Bench::new(Limits::default());
    bench.want(1, Class::Start);
    bench.now = bench.now.after(millis(10));
    bench.want(2, Class::Event);
    assert_eq!(bench.oldest(), Some((millis(10), 1)));
    bench.want(1, Class::Event);
    assert_eq!(bench.take(), Some(2));
    assert_eq!(bench.oldest(), Some((millis(10), 1)), "its age stays as it moves up");
    assert_eq!(bench.take(), Some(1));
}

#[test]
fn to_run_now_never_touches_a_timer() {
    let mut bench = Bench::new(Limits::default());
    bench.queue.resync = Some(Duration::from_secs(30));
    let tick = After { standing: Standing::Known, accepted: true, reached: true, next: Next::Tick };
    let timer = |bench: &Bench| {
        let peg = bench.queue.key(place(1)).map(|key| key.peg);
        (bench.queue.wheel.first(), peg.filter(|peg| *peg != Peg::NONE))
    };
    for run in 0..1_000 {
        bench.now = bench.now.after(millis(1));
        let stood = timer(&bench);
        assert_eq!(stood.0.is_some(), run > 0, "a key that never ran has no timer");
        bench.want(1, Class::Event);
        assert_eq!(bench.take(), Some(1));
        assert_eq!(timer(&bench), stood);
        let (_, Freed(_)) = bench.queue.done(place(1), tick, bench.now, &mut bench.rng);
    }
}
