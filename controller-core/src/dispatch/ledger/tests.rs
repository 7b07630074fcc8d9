//! Histories of one controller, written as scripts and drawn at random.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::descriptor::{Callback, Descriptor, OnStart};
use crate::outcome::Action;
use crate::queue::Rate;

const ALL: &[Callback] = &[Callback::Add, Callback::Modify, Callback::Delete, Callback::Reconcile];
const PERIOD: Duration = Duration::from_secs(30);

/// An object: its uid and its version.
type Object = (u32, u32);

struct Bench {
    ledger: Ledger<Object>,
    now: Moment,
    rng: fastrand::Rng,
}

fn place(slot: u32) -> Place {
    Place { space: 0, slot }
}

impl Bench {
    fn new(written: &[Callback], at_start: Option<OnStart>) -> Self {
        Self::with_limits(written, at_start, Limits::default())
    }

    fn with_limits(written: &[Callback], at_start: Option<OnStart>, limits: Limits) -> Self {
        let mut descriptor = Descriptor::new("test", "v1", "Pod");
        for callback in written {
            descriptor = descriptor.on(*callback);
        }
        if let Some(at_start) = at_start {
            descriptor = descriptor.on_start(at_start);
        }
        let routes = Routes::of(descriptor.callbacks(), descriptor.at_start());
        let backoff = Backoff::new((Duration::from_millis(5), Duration::from_secs(60)));
        let ledger = Ledger::new(routes, backoff, descriptor.resync(), limits);
        Self { ledger, now: Moment::START, rng: fastrand::Rng::with_seed(1) }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        let _ = self.ledger.advance(self.now);
    }

    /// Goes on to the next deadline. Gives how far off it was.
    fn pass_to_deadline(&mut self) -> Duration {
        let from = self.now;
        let mut stood = 0;
        // A deadline that was put off stands in the list until its first time comes.
        while !self.ledger.has_ready() && stood < 100 {
            let Some(at) = self.ledger.next_deadline() else { break };
            self.now = at.max(self.now);
            let _ = self.ledger.advance(self.now);
            stood += 1;
        }
        self.now.since(from)
    }

    fn take(&mut self) -> Option<Job<Object>> {
        self.ledger.take(self.now)
    }

    fn done(&mut self, slot: u32, verdict: Verdict) -> Freed {
        self.ledger.done(place(slot), verdict, self.now, &mut self.rng)
    }

    /// Does one step of a script; gives what it shows.
    fn step(&mut self, step: &str) -> String {
        let words: Vec<&str> = step.split(' ').collect();
        let object = |text: &str| -> Object {
            let (uid, version) = text.split_once('.').expect("an object is written uid.version");
            (uid.parse().expect("a uid is a number"), version.parse().expect("a version is a number"))
        };
        let now = self.now;
        let freed = match words[0] {
            "found" => self.ledger.found(place(0), object(words[1]), now),
            "seen" => self.ledger.seen(place(0), object(words[1]), now),
            "beside" => self.ledger.changed_beside(place(0), object(words[1]), now),
            "pause" => {
                self.ledger.pause(place(0));
                self.ledger.seen(place(0), object(words[1]), now)
            }
            "pause-found" => {
                self.ledger.pause(place(0));
                self.ledger.found(place(0), object(words[1]), now)
            }
            "resume" => {
                assert!(self.ledger.resume(place(0)), "it is not paused");
                self.ledger.resumed(place(0), object(words[1]), now)
            }
            "gone" => self.ledger.gone(place(0), object(words[1]), now),
            "ask" => self.ledger.asked(place(0), Causes::MANUAL, now),
            "ok" => self.done(0, Verdict::Did(Action::Done)),
            "await" => self.done(0, Verdict::Did(Action::AwaitChange)),
            "requeue" => {
                self.done(0, Verdict::Did(Action::Requeue(Duration::from_secs(words[1].parse().expect("secs")))))
            }
            "fail" => self.done(0, Verdict::Failed(None)),
            "refuse" => self.done(0, Verdict::Refused),
            "invalid" => self.done(0, Verdict::Unreached),
            "wait" => {
                self.pass_to_deadline();
                Freed(None)
            }
            "run" => {
                return match self.take() {
                    None => "nothing".to_owned(),
                    Some(job) => {
                        let (uid, version) = job.object;
                        let before =
                            job.accepted.map(|(uid, version)| format!(" after {uid}.{version}")).unwrap_or_default();
                        let tries = if job.failures > 0 { format!(" failed {}", job.failures) } else { String::new() };
                        format!("{} {uid}.{version}{before} because {}{tries}", job.callback.name(), job.causes)
                    }
                };
            }
            other => panic!("no step {other}"),
        };
        if freed.0.is_some() { "freed".to_owned() } else { String::new() }
    }
}

/// Each line is a step, and behind `=>` what it shows.
#[track_caller]
fn check(written: &[Callback], script: &str) {
    let mut bench = Bench::new(written, None);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (step, expect) = line.split_once(" => ").unwrap_or((line, ""));
        assert_eq!(bench.step(step), expect, "at `{line}`");
    }
}

#[test]
fn the_life_of_an_object() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         ok
         seen 1.2
         run => modify 1.2 after 1.1 because modified
         ok
         wait
         run => reconcile 1.2 after 1.2 because resync
         ok
         gone 1.3
         run => delete 1.3 after 1.2 because deleted
         ok => freed
         run => nothing",
    );
}

#[test]
fn an_object_found_at_start_is_reconciled_with_its_newest_version() {
    check(
        ALL,
        "found 1.1
         seen 1.2
         run => reconcile 1.2 because found+modified
         ok
         run => nothing",
    );
}

#[test]
fn many_changes_collapse_into_one_run_with_the_newest_object() {
    check(
        ALL,
        "seen 1.1
         seen 1.2
         seen 1.3
         run => add 1.3 because added
         ok
         seen 1.4
         seen 1.5
         run => modify 1.5 after 1.3 because modified
         ok
         run => nothing",
    );
}

#[test]
fn a_change_during_a_run_causes_exactly_one_more_run() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         seen 1.2
         seen 1.3
         run => nothing
         ok
         run => modify 1.3 after 1.1 because modified
         seen 1.4
         run => nothing
         ok
         run => modify 1.4 after 1.3 because modified
         ok
         run => nothing",
    );
    check(
        &[Callback::Reconcile],
        "seen 1.1
         run => reconcile 1.1 because added
         seen 1.2
         ok
         run => reconcile 1.2 after 1.1 because modified
         ok
         run => nothing",
    );
}

#[test]
fn a_failed_add_is_retried_as_add_with_the_newest_object() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         fail
         run => nothing
         wait
         run => add 1.1 because added+retry failed 1
         fail
         seen 1.2
         run => add 1.2 because added failed 2
         seen 1.3
         fail
         run => add 1.3 because added failed 3
         ok
         seen 1.4
         run => modify 1.4 after 1.3 because modified",
    );
}

#[test]
fn an_add_that_never_started_is_dropped_and_one_that_started_is_followed_by_delete() {
    check(
        ALL,
        "seen 1.1
         gone 1.1 => freed
         run => nothing",
    );
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         gone 1.2
         run => nothing
         ok
         run => delete 1.2 because deleted
         ok => freed",
    );
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         fail
         gone 1.1
         run => delete 1.1 because deleted failed 1
         fail
         wait
         run => delete 1.1 because deleted+retry failed 2
         ok => freed",
    );
}

#[test]
fn a_new_uid_is_delete_then_add() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         ok
         gone 1.1
         seen 2.7
         run => delete 1.1 after 1.1 because deleted
         seen 2.8
         ok
         run => add 2.8 because added
         ok
         run => nothing",
    );
}

#[test]
fn an_object_that_came_back_waits_for_the_delete_of_the_one_before() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         ok
         gone 1.1
         run => delete 1.1 after 1.1 because deleted
         fail
         run => nothing
         seen 2.1
         run => delete 1.1 after 1.1 because deleted failed 1
         gone 2.1
         seen 3.1
         ok
         run => add 3.1 because added
         ok",
    );
}

#[test]
fn a_new_event_on_a_key_in_backoff_runs_at_once_and_keeps_the_failures() {
    check(
        &[Callback::Modify, Callback::Reconcile],
        "found 1.1
         run => reconcile 1.1 because found
         fail
         seen 1.2
         run => modify 1.2 because modified failed 1
         ok
         run => nothing
         wait
         run => reconcile 1.2 after 1.2 because found+retry failed 1
         ok
         seen 1.3
         run => modify 1.3 after 1.2 because modified",
    );
}

#[test]
fn a_refused_object_is_tried_again_when_it_changes() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         refuse
         wait
         run => nothing
         seen 1.2
         run => add 1.2 after 1.1 because added
         ok",
    );
}

#[test]
fn an_invalid_object_has_never_been_heard_of() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         invalid
         wait
         run => nothing
         gone 1.1 => freed
         seen 1.1
         run => add 1.1 because added
         gone 1.1
         invalid => freed
         run => nothing",
    );
}

#[test]
fn await_change_has_no_tick_and_the_earliest_requeue_wins() {
    check(
        ALL,
        "found 1.1
         run => reconcile 1.1 because found
         await
         wait
         run => nothing
         ask
         run => reconcile 1.1 after 1.1 because manual
         requeue 5
         seen 1.2
         run => modify 1.2 after 1.1 because modified
         requeue 50
         wait
         run => reconcile 1.2 after 1.2 because requeue
         ok",
    );
}

#[test]
fn asking_during_an_add_leads_to_a_reconcile_after_it() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         ask
         seen 1.2
         ok
         run => modify 1.2 after 1.1 because modified+manual
         ok
         run => reconcile 1.2 after 1.2 because manual
         ok
         run => nothing",
    );
}

#[test]
fn a_requeue_without_reconcile_calls_the_callback_that_asked() {
    check(
        &[Callback::Add],
        "seen 1.1
         run => add 1.1 because added
         requeue 3
         wait
         run => add 1.1 after 1.1 because requeue
         ok
         wait
         run => nothing",
    );
}

#[test]
fn a_delete_may_ask_to_be_called_again() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         ok
         gone 1.1
         run => delete 1.1 after 1.1 because deleted
         requeue 3
         wait
         run => delete 1.1 after 1.1 because requeue
         ok => freed",
    );
}

#[test]
fn retries_wait_longer_each_time_and_ticks_come_once_a_period() {
    let mut bench = Bench::new(ALL, None);
    let _ = bench.ledger.found(place(0), (1, 1), bench.now);
    for failures in 1..12 {
        assert!(bench.take().is_some());
        let _ = bench.done(0, Verdict::Failed(None));
        let whole = Duration::from_millis(5) * (1 << (failures - 1));
        let waited = bench.pass_to_deadline();
        assert!(waited >= whole / 2 && waited <= whole, "{waited:?} after {failures}");
    }
    for turn in 0..20 {
        assert!(bench.take().is_some());
        let _ = bench.done(0, Verdict::Did(Action::Done));
        let waited = bench.pass_to_deadline().as_secs_f64() / PERIOD.as_secs_f64();
        let expect = if turn == 0 { 0.5..=1.5 } else { 0.9..=1.1 };
        assert!(expect.contains(&waited), "tick {turn} after {waited} periods");
    }
    assert_eq!(bench.ledger.delays(), 11);
}

#[test]
fn first_ticks_are_spread_over_the_period() {
    let mut bench = Bench::new(&[Callback::Reconcile], None);
    for slot in 0..3000 {
        let _ = bench.ledger.found(place(slot), (1, 1), bench.now);
    }
    while let Some(job) = bench.take() {
        let _ = bench.done(job.place.slot, Verdict::Did(Action::Done));
    }
    for second in 0..45 {
        bench.pass(Duration::from_secs(1));
        let due: usize = bench.ledger.depth().ready.iter().sum();
        assert!(due <= 150, "{due} ticks in second {second}");
        while let Some(job) = bench.take() {
            let _ = bench.done(job.place.slot, Verdict::Did(Action::AwaitChange));
        }
    }
}

#[test]
fn events_come_before_ticks_and_those_before_the_list_of_the_start() {
    let mut bench = Bench::new(&[Callback::Reconcile], None);
    for slot in 0..3 {
        let _ = bench.ledger.found(place(slot), (1, 1), bench.now);
    }
    let _ = bench.ledger.seen(place(7), (1, 1), bench.now);
    let _ = bench.ledger.seen(place(2), (1, 2), bench.now);
    let order: Vec<u32> = std::iter::from_fn(|| bench.take()).map(|job| job.place.slot).collect();
    assert_eq!(order, [7, 2, 0, 1]);
}

#[test]
fn a_closed_ledger_hands_out_nothing() {
    let mut bench = Bench::new(ALL, None);
    let _ = bench.ledger.seen(place(0), (1, 1), bench.now);
    bench.ledger.close();
    assert!(bench.take().is_none() && !bench.ledger.has_ready());
}

#[test]
fn settled_means_that_only_resync_ticks_are_left() {
    let mut bench = Bench::new(ALL, None);
    let states: Vec<bool> = ["found 1.1", "run", "fail", "wait", "run", "requeue 5", "wait", "run", "ok"]
        .into_iter()
        .map(|step| {
            bench.step(step);
            bench.ledger.is_settled()
        })
        .collect();
    assert_eq!(states, [false, false, false, false, false, false, false, false, true]);
}

/// One thing that may happen.
#[derive(Debug, Clone)]
enum Step {
    Appear(u32),
    Change(u32),
    Pause(u32),
    Resume(u32),
    Go(u32),
    Ask(u32),
    /// The key is kept from running for so many milliseconds: by the barrier, or because it is slowed.
    Hold(u32, u64),
    Slow(u32, u64),
    Release(u32),
    Take,
    End(usize, Verdict),
    Pass(u64),
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        4 => Just(Verdict::Did(Action::Done)),
        1 => Just(Verdict::Did(Action::AwaitChange)),
        1 => (0u64..40).prop_map(|secs| Verdict::Did(Action::Requeue(Duration::from_secs(secs)))),
        3 => Just(Verdict::Failed(None)),
        1 => (0u64..40).prop_map(|secs| Verdict::Failed(Some(Duration::from_secs(secs)))),
        1 => Just(Verdict::Refused),
        1 => Just(Verdict::Unreached),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let slot = || 0u32..3;
    prop_oneof![
        3 => slot().prop_map(Step::Appear),
        4 => slot().prop_map(Step::Change),
        1 => slot().prop_map(Step::Pause),
        1 => slot().prop_map(Step::Resume),
        2 => slot().prop_map(Step::Go),
        1 => slot().prop_map(Step::Ask),
        1 => (slot(), 0u64..60_000).prop_map(|(slot, millis)| Step::Hold(slot, millis)),
        1 => (slot(), 0u64..60_000).prop_map(|(slot, millis)| Step::Slow(slot, millis)),
        1 => slot().prop_map(Step::Release),
        6 => Just(Step::Take),
        6 => (0usize..3, any_verdict()).prop_map(|(which, verdict)| Step::End(which, verdict)),
        2 => (0u64..60_000).prop_map(Step::Pass),
    ]
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let rate = || {
        proptest::option::of(
            (1u32..4, 1u64..20_000, 1u32..3)
                .prop_map(|(runs, per, burst)| Rate::new(runs, Duration::from_millis(per), burst)),
        )
    };
    prop_oneof![1 => Just(Limits::default()), 1 => (rate(), rate()).prop_map(|(all, each)| Limits { all, each })]
}

fn any_callbacks() -> impl Strategy<Value = Vec<Callback>> {
    proptest::sample::subsequence(ALL.to_vec(), 1..=4)
}

/// What a user could have seen of one key, kept in the most naive way.
#[derive(Debug, Default)]
struct Seen {
    /// The object in the cluster.
    there: Option<Object>,
    /// Callbacks were called for this uid.
    heard_of: Option<u32>,
    /// The `add` of this uid went well.
    added: Option<u32>,
    deleted: Option<u32>,
    newest_handed: Object,
    last_uid: u32,
    /// The newest version whose run went well or was refused.
    settled: Object,
    /// The object that is there is paused.
    paused: bool,
}

struct World {
    bench: Bench,
    written: Vec<Callback>,
    keys: BTreeMap<u32, Seen>,
    running: BTreeMap<u32, Job<Object>>,
    limited: bool,
}

impl World {
    fn new(written: Vec<Callback>, limits: Limits) -> Self {
        let bench = Bench::with_limits(&written, None, limits);
        let limited = limits != Limits::default();
        Self { bench, written, keys: BTreeMap::new(), running: BTreeMap::new(), limited }
    }

    fn does(&self, callback: Callback) -> bool {
        self.written.contains(&callback)
    }

    fn step(&mut self, step: Step) {
        let now = self.bench.now;
        match step {
            Step::Appear(slot) => {
                let key = self.keys.entry(slot).or_default();
                if key.there.is_none() {
                    key.last_uid += 1;
                    key.there = Some((key.last_uid, 1));
                    let Freed(freed) = self.bench.ledger.seen(place(slot), (key.last_uid, 1), now);
                    assert_eq!(freed, None);
                }
            }
            Step::Change(slot) => {
                if let Some((uid, version)) = self.keys.entry(slot).or_default().there.as_mut() {
                    *version += 1;
                    let Freed(freed) = self.bench.ledger.seen(place(slot), (*uid, *version), now);
                    assert_eq!(freed, None);
                }
            }
            Step::Pause(slot) => {
                let key = self.keys.entry(slot).or_default();
                if let Some((uid, version)) = key.there.as_mut() {
                    *version += 1;
                    assert_eq!(self.bench.ledger.pause(place(slot)), !key.paused);
                    key.paused = true;
                    let Freed(freed) = self.bench.ledger.seen(place(slot), (*uid, *version), now);
                    assert_eq!(freed, None);
                }
            }
            Step::Resume(slot) => self.resume(slot),
            Step::Go(slot) => {
                let key = self.keys.entry(slot).or_default();
                if let Some(last) = key.there.take() {
                    key.paused = false;
                    let _ = self.bench.ledger.gone(place(slot), last, now);
                }
            }
            Step::Ask(slot) => {
                let _ = self.bench.ledger.asked(place(slot), Causes::MANUAL, now);
            }
            Step::Hold(slot, millis) if self.is_there(slot) => {
                let _ = self.bench.ledger.hold(place(slot), now.after(Duration::from_millis(millis)), now);
            }
            Step::Slow(slot, millis) if self.is_there(slot) => {
                let _ = self.bench.ledger.slow(place(slot), now.after(Duration::from_millis(millis)), now);
            }
            Step::Hold(..) | Step::Slow(..) => {}
            Step::Release(slot) => {
                let _ = self.bench.ledger.release(place(slot), now);
                let _ = self.bench.ledger.speed_up(place(slot), now);
            }
            Step::Take => drop(self.take()),
            Step::End(which, verdict) => {
                if let Some(slot) = self.running.keys().nth(which).copied() {
                    self.end(slot, verdict);
                }
            }
            Step::Pass(millis) => self.bench.pass(Duration::from_millis(millis)),
        }
    }

    /// The object that is there is no longer paused.
    fn resume(&mut self, slot: u32) {
        let key = self.keys.entry(slot).or_default();
        assert_eq!(self.bench.ledger.resume(place(slot)), key.paused);
        if let Some((uid, version)) = key.there.as_mut().filter(|_| key.paused) {
            *version += 1;
            key.paused = false;
            let Freed(freed) = self.bench.ledger.resumed(place(slot), (*uid, *version), self.bench.now);
            assert_eq!(freed, None);
        }
    }

    fn is_there(&self, slot: u32) -> bool {
        self.keys.get(&slot).is_some_and(|key| key.there.is_some())
    }

    /// Gives whether there was a job to take.
    fn take(&mut self) -> bool {
        let Some(job) = self.bench.take() else {
            let ready = self.bench.ledger.has_ready();
            assert!(!ready || self.limited, "the queue says that a job is ready and gives none");
            let deadline = self.bench.ledger.next_deadline();
            assert!(!ready || deadline.is_some(), "a job waits for a token, and nobody wakes for it");
            return false;
        };
        let slot = job.place.slot;
        assert!(self.does(job.callback), "{:?} is not written", job.callback);
        let key = self.keys.entry(slot).or_default();
        assert!(job.object >= key.newest_handed, "{job:?} goes back behind {:?}", key.newest_handed);
        key.newest_handed = job.object;
        let uid = job.object.0;
        match job.callback {
            Callback::Delete => {
                assert!(key.there.is_none_or(|(there, _)| there > uid), "{job:?} is there");
                assert!(key.deleted < Some(uid), "{job:?} has been deleted before");
                // Without add and reconcile an object is known as soon as it is seen.
                let heard = key.heard_of >= Some(uid);
                let quiet = !self.written.contains(&Callback::Add) && !self.written.contains(&Callback::Reconcile);
                assert!(heard || quiet, "{job:?} was never heard of");
            }
            Callback::Add => assert!(key.added < Some(uid) || job.causes.has(Causes::REQUEUE), "{job:?} was added"),
            Callback::Modify if self.written.contains(&Callback::Add) => {
                assert!(key.added >= Some(uid), "{job:?} was not added");
            }
            _ => {}
        }
        if job.callback != Callback::Delete {
            assert!(!key.paused, "{job:?} is paused");
            assert_eq!(Some(job.object), key.there, "not the newest");
            let owed = key.heard_of.filter(|_| self.written.contains(&Callback::Delete));
            assert!(
                owed.is_none_or(|before| before == uid || key.deleted >= Some(before)),
                "{job:?} before the delete"
            );
        }
        assert!(self.running.insert(slot, job).is_none(), "two workers on one key");
        true
    }

    fn end(&mut self, slot: u32, verdict: Verdict) {
        let Some(job) = self.running.remove(&slot) else { return };
        let key = self.keys.entry(slot).or_default();
        let (uid, _) = job.object;
        if verdict != Verdict::Unreached {
            key.heard_of = key.heard_of.max(Some(uid));
        }
        let finished = !matches!(verdict, Verdict::Failed(_));
        let again = matches!(verdict, Verdict::Did(Action::Requeue(_)));
        if job.callback == Callback::Delete && finished && !again {
            key.deleted = Some(uid);
        }
        if matches!(verdict, Verdict::Did(_)) && job.callback != Callback::Delete {
            key.added = key.added.max(Some(uid));
        }
        if finished {
            key.settled = key.settled.max(job.object);
        }
        let _ = self.bench.done(slot, verdict);
    }

    /// From here on all goes well. What was owed must come, and what is paused once it is resumed.
    fn calm_down(&mut self) {
        self.run_all();
        let paused = self.keys.values().filter(|key| key.paused).count();
        assert!(self.bench.ledger.is_settled(), "{:?}", self.bench.ledger.depth());
        assert_eq!(self.bench.ledger.depth(), Depth { paused, ..Depth::default() });
        let slots: Vec<u32> = self.keys.keys().copied().collect();
        slots.into_iter().for_each(|slot| self.resume(slot));
        self.run_all();
        self.check_what_was_owed();
    }

    fn run_all(&mut self) {
        for _ in 0..200 {
            loop {
                let slots: Vec<u32> = self.running.keys().copied().collect();
                slots.into_iter().for_each(|slot| self.end(slot, Verdict::Did(Action::AwaitChange)));
                if !self.take() {
                    break;
                }
            }
            if let Some(at) = self.bench.ledger.next_deadline() {
                self.bench.now = at.max(self.bench.now);
                let _ = self.bench.ledger.advance(self.bench.now);
            }
        }
    }

    fn check_what_was_owed(&self) {
        assert!(self.bench.ledger.is_settled(), "{:?}", self.bench.ledger.depth());
        assert_eq!(self.bench.ledger.depth(), Depth::default());
        assert_eq!(self.bench.ledger.next_deadline(), None);
        let (sees_new, sees_changes) = (
            self.does(Callback::Add) || self.does(Callback::Reconcile),
            self.does(Callback::Modify) || self.does(Callback::Reconcile),
        );
        for (slot, key) in &self.keys {
            if let Some((uid, version)) = key.there {
                let owed = if sees_changes && (sees_new || version > 1) { (uid, version) } else { (0, 0) };
                assert!(key.settled >= owed, "key {slot} was left behind: {key:?}");
                let owed = if sees_new { (uid, 1) } else { (0, 0) };
                assert!(key.settled >= owed, "key {slot} was not added: {key:?}");
            } else if self.does(Callback::Delete)
                && let Some(uid) = key.heard_of
            {
                assert!(key.deleted >= Some(uid), "key {slot} was not deleted: {key:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_is_out_of_order(
        written in any_callbacks(),
        limits in any_limits(),
        steps in proptest::collection::vec(any_step(), 0..80),
    ) {
        let mut world = World::new(written, limits);
        steps.into_iter().for_each(|step| world.step(step));
        world.calm_down();
    }
}

#[test]
fn a_change_that_is_filtered_out_runs_nothing_and_is_what_the_next_run_sees() {
    check(
        ALL,
        "found 1.1
        run => reconcile 1.1 because found
        ok
        beside 1.2
        run => nothing
        seen 1.3
        beside 1.4
        run => modify 1.4 after 1.1 because modified
        beside 1.5
        ok
        run => nothing
        ask
        run => reconcile 1.5 after 1.4 because manual",
    );
}

#[test]
fn a_change_that_is_filtered_out_neither_hurries_a_retry_nor_is_lost_on_it() {
    check(
        ALL,
        "seen 1.1
        run => add 1.1 because added
        beside 1.2
        fail
        beside 1.3
        run => nothing
        wait
        run => add 1.3 because added+retry failed 1
        ok
        run => nothing",
    );
}

#[test]
fn an_object_that_no_callback_could_see_is_tried_again_with_a_change_that_is_filtered_out() {
    check(
        ALL,
        "found 1.1
        run => reconcile 1.1 because found
        invalid
        run => nothing
        beside 1.2
        run => reconcile 1.2 because modified
        beside 1.3
        invalid
        run => reconcile 1.3 because modified
        ok
        beside 1.4
        run => nothing",
    );
}

#[test]
fn while_an_object_is_paused_nothing_runs_and_one_run_with_the_newest_follows() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         ok
         seen 1.2
         pause 1.3
         run => nothing
         ask
         seen 1.4
         wait
         run => nothing
         resume 1.5
         run => modify 1.5 after 1.1 because modified+resync+manual
         ok
         run => nothing",
    );
    // The end of a pause counts whatever the option `when` asks for, also where it is all that changed.
    check(
        &[Callback::Reconcile],
        "found 1.1
         run => reconcile 1.1 because found
         ok
         pause 1.2
         beside 1.3
         resume 1.4
         run => reconcile 1.4 after 1.1 because modified
         ok
         run => nothing",
    );
}

#[test]
fn the_add_of_an_object_that_came_paused_is_its_first_run() {
    check(
        ALL,
        "pause 1.1
         run => nothing
         seen 1.2
         resume 1.3
         run => add 1.3 because added
         ok
         run => nothing",
    );
    check(
        ALL,
        "pause-found 1.1
         run => nothing
         resume 1.2
         run => reconcile 1.2 because found+modified
         ok
         run => nothing",
    );
}

#[test]
fn a_run_under_way_ends_as_it_would_and_its_retry_waits_for_the_end_of_the_pause() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         pause 1.2
         fail
         wait
         run => nothing
         resume 1.3
         run => add 1.3 because added+retry failed 1
         ok
         run => nothing",
    );
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         seen 1.2
         pause 1.3
         ok
         run => nothing
         resume 1.4
         run => modify 1.4 after 1.1 because modified
         ok
         run => nothing",
    );
    // Paused and resumed while it ran: one more run, as with any change.
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         pause 1.2
         resume 1.3
         ok
         run => modify 1.3 after 1.1 because modified
         ok
         run => nothing",
    );
}

#[test]
fn an_object_that_goes_while_it_is_paused_is_deleted_where_a_callback_knew_it() {
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         ok
         pause 1.2
         gone 1.3
         run => delete 1.3 after 1.1 because deleted
         ok => freed",
    );
    check(ALL, "pause 1.1\n gone 1.2 => freed\n run => nothing");
    check(ALL, "pause-found 1.1\n gone 1.2\n run => delete 1.2 because deleted\n ok => freed");
    // Who comes back paused keeps the delete of the one before from nothing.
    check(
        ALL,
        "seen 1.1
         run => add 1.1 because added
         ok
         gone 1.2
         pause 2.1
         run => delete 1.2 after 1.1 because deleted
         fail
         wait
         run => delete 1.2 after 1.1 because deleted+retry failed 1
         ok
         run => nothing
         resume 2.2
         run => add 2.2 because added
         ok",
    );
}

#[test]
fn a_paused_key_is_not_waited_for() {
    let mut bench = Bench::new(ALL, None);
    for step in ["found 1.1", "run", "requeue 5", "pause 1.2"] {
        bench.step(step);
    }
    assert!(bench.ledger.is_settled());
    assert_eq!((bench.ledger.depth().paused, bench.ledger.skipped().paused), (1, 1));
    bench.step("wait");
    assert!(bench.ledger.is_settled() && !bench.ledger.has_ready());
    bench.step("resume 1.3");
    assert!(!bench.ledger.is_settled());
    assert_eq!(bench.ledger.depth().paused, 0);
}
