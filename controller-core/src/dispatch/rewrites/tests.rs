//! Runs and versions of one object, as scripts and drawn at random.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const PLACE: Place = Place { space: 0, slot: 7 };

fn version(number: u64) -> ResourceVersion {
    ResourceVersion::new(&number.to_string())
}

/// One object and its runs. Each version that comes in asks for a run.
#[derive(Default)]
struct Bench {
    rewrites: Rewrites,
    newest: u64,
    given: u64,
    running: bool,
    arrived: u32,
    pending: bool,
}

impl Bench {
    fn see(&mut self, number: u64) -> bool {
        (self.newest, self.pending) = (number, true);
        if self.running {
            self.arrived += 1;
            return false;
        }
        let cooled = self.rewrites.shown(PLACE, &version(number));
        self.rewrites.settle(PLACE, || true);
        cooled
    }

    fn begin(&mut self) {
        self.rewrites.begins(PLACE, self.pending);
        (self.given, self.running, self.arrived, self.pending) = (self.newest, true, 0, false);
    }

    fn end(&mut self, writes: Vec<OwnWrite>) -> Option<Heat> {
        self.running = false;
        let (given, newest) = (version(self.given), version(self.newest));
        let heat = self.rewrites.ends(PLACE, End { writes, given: &given, newest: &newest, arrived: self.arrived });
        let pending = self.pending;
        self.rewrites.settle(PLACE, || pending);
        heat
    }

    fn count(&self) -> u32 {
        self.rewrites.chains.get(&PLACE).map_or(0, |chain| chain.rewrites)
    }

    /// One run that writes a new version, which comes in after it.
    fn rewrite(&mut self) -> Option<Heat> {
        self.begin();
        let made = self.newest + 1;
        let heat = self.end(vec![OwnWrite::At(version(made))]);
        assert!(!self.see(made));
        heat
    }
}

/// What each step of a script leaves: the rewrites in a row.
#[track_caller]
fn check(script: &str) {
    let mut bench = Bench::default();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (step, expect) = line.split_once(" => ").unwrap_or((line, ""));
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        match word {
            "see" => drop(bench.see(rest.parse().expect("a version"))),
            "begin" => bench.begin(),
            "end" => {
                let write = |word: &str| match word {
                    "?" => OwnWrite::Unsure,
                    number => OwnWrite::At(ResourceVersion::new(number)),
                };
                assert_eq!(bench.end(rest.split_whitespace().map(write).collect()), None);
            }
            other => panic!("no step {other}"),
        }
        if !expect.is_empty() {
            assert_eq!(bench.count().to_string(), expect, "at `{line}`");
        }
    }
    assert!(bench.rewrites.is_empty(), "the script ends with nothing left: {:?}", bench.rewrites);
}

#[test]
fn a_status_written_once_is_no_loop() {
    check(
        "see 1
         begin
         end 2 => 1
         see 2
         begin
         end => 0",
    );
    // Where it comes in while the run goes on.
    check(
        "see 1
         begin
         see 2
         end 2 => 1
         begin
         end => 0",
    );
    // A write that changes nothing is none.
    check(
        "see 1
         begin
         end 1 => 0
         begin
         end 1 1 => 0",
    );
}

#[test]
fn runs_that_their_own_writes_cause_are_a_chain() {
    check(
        "see 1
         begin
         end 2 3 => 1
         see 2
         see 3
         begin
         see 4
         end 4 4 => 2
         begin
         end 5 => 3
         see 5
         begin
         end => 0",
    );
    // The watch was broken: a version was passed over.
    check(
        "see 1
         begin
         end 2 3 => 1
         see 3
         begin
         end 4 => 2
         see 4
         begin
         end",
    );
}

#[test]
fn a_change_from_outside_ends_a_chain() {
    for others in ["see 2", "see 3\n see 2"] {
        check(&format!(
            "see 1
             begin
             end 3 => 1
             {others} => 0
             see 3
             begin
             end 4 => 1
             see 4
             begin
             end"
        ));
    }
    // While the run is under way, in whichever order.
    check(
        "see 1
         begin
         see 2
         see 3
         end 3 => 0
         begin
         end 4 => 1
         see 4
         begin
         end",
    );
}

#[test]
fn a_run_that_something_else_causes_begins_anew() {
    check(
        "see 1
         begin
         end 2 => 1
         see 2
         begin
         end 3 => 2
         begin
         end 4 => 1
         see 3
         see 4
         begin
         end",
    );
}

#[test]
fn a_write_without_an_answer_may_have_made_one_version() {
    check(
        "see 1
         begin
         end ? => 1
         see 2 => 1
         begin
         end ? => 2
         see 3 => 2
         see 4 => 0
         begin
         end",
    );
    // One that never took place takes no other's version for its own once the next run has begun.
    check(
        "see 1
         begin
         end ? ? ? => 1
         begin
         end => 0
         see 2
         begin
         end",
    );
}

#[test]
fn own_versions_that_no_run_follows_from_are_forgotten() {
    // As with a status that `when(generation)` does not ask for: it comes in after the run, or while it goes on.
    let mut bench = Bench::default();
    bench.see(1);
    bench.begin();
    assert_eq!(bench.end(vec![OwnWrite::At(version(2))]), None);
    bench.rewrites.settle(PLACE, || false);
    assert!(!bench.rewrites.is_empty(), "it has not come in yet");
    assert!(!bench.rewrites.shown(PLACE, &version(2)));
    bench.rewrites.settle(PLACE, || false);
    assert!(bench.rewrites.is_empty());
    (bench.newest, bench.pending) = (2, false);
    bench.begin();
    (bench.newest, bench.arrived) = (3, 1);
    assert_eq!(bench.end(vec![OwnWrite::At(version(3))]), None);
    assert!(bench.rewrites.is_empty());
}

#[test]
fn a_hot_loop_waits_longer_each_time_until_it_is_mended() {
    let mut bench = Bench::default();
    bench.see(1);
    let heats: Vec<Option<Heat>> = (0..30).map(|_| bench.rewrite()).collect();
    assert!(heats[..10].iter().all(Option::is_none), "ten rewrites are no loop");
    let waits: Vec<u128> = heats[10..].iter().flatten().map(|heat| heat.wait.as_millis()).collect();
    assert_eq!(waits[..10], [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
    assert!(waits[10..].iter().all(|wait| *wait == 30_000) && waits.len() == 20);
    assert_eq!(heats.iter().flatten().filter(|heat| heat.is_news()).count(), 1);
    assert_eq!(bench.rewrites.hot(), 1);
    bench.begin();
    assert_eq!(bench.end(vec![OwnWrite::At(version(bench.newest))]), None);
    assert!(bench.rewrites.is_empty() && bench.rewrites.hot() == 0);
    assert_eq!(Heat::of(u32::MAX).map(|heat| heat.wait), Some(WAITS.1));
}

#[test]
fn a_change_from_outside_cools_a_hot_loop_once() {
    let mut bench = Bench::default();
    bench.see(1);
    for _ in 0..11 {
        bench.rewrite();
    }
    assert_eq!(bench.rewrites.hot(), 1);
    assert!(bench.see(bench.newest + 1), "it ends the loop");
    assert!(!bench.see(bench.newest + 1));
    assert!(bench.rewrites.is_empty());
}

/// What happens in one run, and until the next one.
#[derive(Debug, Clone)]
struct Round {
    /// Whose versions are made while the run is under way: its own, or others'.
    made: Vec<bool>,
    /// How many versions come in while it is under way, and after it.
    during: usize,
    after: usize,
    /// Others' versions after it.
    others: usize,
}

fn round() -> impl Strategy<Value = Round> {
    let often = |mine: u32| proptest::bool::weighted(f64::from(mine) / 10.0);
    let made = prop_oneof![
        6 => Just(vec![true]),
        1 => Just(vec![]),
        2 => proptest::collection::vec(often(7), 0..3),
    ];
    (made, 0usize..3, prop_oneof![4 => Just(9usize), 1 => 0usize..3], prop_oneof![9 => Just(0usize), 1 => 1usize..3])
        .prop_map(|(made, during, after, others)| Round { made, during, after, others })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever knows the author of each version counts the same rewrites in a row.
    #[test]
    fn the_count_is_that_of_one_who_knows_all_authors(rounds in proptest::collection::vec(round(), 1..60)) {
        let mut bench = Bench::default();
        let mut made = 0;
        let mut on_the_way: VecDeque<(u64, bool)> = VecDeque::new();
        // What came in since the last run began: whether all of it is its own.
        let (mut came, mut own) = (0, true);
        let mut count = 0;
        for Round { made: authors, during, after, others } in rounds {
            let continues = came > 0 && own;
            (came, own) = (0, true);
            bench.begin();
            let mut writes = Vec::new();
            for mine in authors {
                made += 1;
                on_the_way.push_back((made, mine));
                if mine {
                    writes.push(OwnWrite::At(version(made)));
                }
            }
            for (number, mine) in on_the_way.drain(..during.min(on_the_way.len())) {
                (came, own) = (came + 1, own && mine);
                bench.see(number);
            }
            let wrote = !writes.is_empty();
            let heat = bench.end(writes);
            count = if wrote && own { if continues { count + 1 } else { 1 } } else { 0 };
            prop_assert_eq!(bench.count(), count);
            prop_assert_eq!(heat.map(|heat| heat.rewrites), (count > PATIENCE).then_some(count));
            (0..others).for_each(|_| {
                made += 1;
                on_the_way.push_back((made, false));
            });
            for (number, mine) in on_the_way.drain(..after.min(on_the_way.len())) {
                (came, own) = (came + 1, own && mine);
                let cooled = bench.see(number);
                prop_assert_eq!(cooled, !mine && count > PATIENCE);
                count = if mine { count } else { 0 };
                prop_assert_eq!(bench.count(), count);
            }
        }
    }
}
