//! Every schedule of workers, watch, loop and outside triggers, as far as chance and time allow: the real ledger and
//! the real crew, with a lock and threads that shuttle schedules.
//!
//! A schedule in which all threads wait for each other is a panic of shuttle's. So that a wake-up that reaches only a
//! busy worker is one as well, slow runs end once all else is done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures::future::{Either, select};
use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::Mutex;
use shuttle::thread;
use tokio::sync::Notify;

use super::*;
use crate::descriptor::{Callback, Descriptor};
use crate::dispatch::decide::{Routes, Verdict};
use crate::outcome::Action;
use crate::queue::{Backoff, Causes, Freed, Limits, Place};

/// Its uid and its version.
type Object = (u32, u32);

/// How many keys there are. The runs of key 0 are slow, but for its deletes.
const KEYS: u32 = 3;

/// What is known of one key, kept in the most naive way.
#[derive(Default)]
struct Truth {
    there: Option<Object>,
    uids: u32,
    /// Something happened that no run has seen yet.
    pending: bool,
    /// The uids that a run was given.
    heard: BTreeSet<u32>,
    /// Whose `delete` is owed.
    owed: VecDeque<u32>,
    running: Option<(Callback, Object)>,
    handed: Object,
}

struct State {
    ledger: Ledger<Object>,
    armed: Moment,
    now: Moment,
    rng: fastrand::Rng,
    keys: BTreeMap<u32, Truth>,
    /// The caches that callbacks read are complete.
    may_begin: bool,
    /// Those who tell what happens and have not ended.
    tellers: u32,
    /// The loop's deadline, where it sleeps.
    sleeper: Option<(Moment, Waker)>,
    /// The slow run is under way.
    slow: bool,
    over: bool,
}

struct Stage {
    state: Mutex<State>,
    crew: Crew,
    /// Something changed: who waits for a state looks again.
    moved: Notify,
}

fn place(slot: u32) -> Place {
    Place { space: 0, slot }
}

impl State {
    fn key(&mut self, slot: u32) -> &mut Truth {
        self.keys.entry(slot).or_default()
    }

    /// Everything but the slow run is done.
    fn is_calm(&self) -> bool {
        let depth = self.ledger.depth();
        let others = depth.ready.iter().sum::<usize>() + depth.retrying + depth.running;
        self.tellers == 0 && others == usize::from(self.slow)
    }
}

impl Stage {
    fn new(tellers: u32) -> Self {
        let descriptor = Descriptor::new("explored", "v1", "Pod").on(Callback::Reconcile).on(Callback::Delete);
        let routes = Routes::of(descriptor.callbacks(), descriptor.at_start());
        let backoff = Backoff::new((Duration::from_millis(5), Duration::from_millis(20)));
        let state = State {
            ledger: Ledger::new(routes, backoff, None, Limits::default()),
            armed: Moment::NEVER,
            now: Moment::START,
            rng: fastrand::Rng::with_seed(1),
            keys: BTreeMap::new(),
            may_begin: false,
            tellers,
            sleeper: None,
            slow: false,
            over: false,
        };
        Self { state: Mutex::new(state), crew: Crew::default(), moved: Notify::new() }
    }

    /// Changes the state as the engine does: under the lock, and with what is to be said of it.
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().expect("nobody panics under it");
        let changed = change(&mut state);
        self.crew.changed(&state.ledger, state.may_begin, state.armed);
        drop(state);
        self.moved.notify_waiters();
        changed
    }

    /// Waits for a state.
    async fn until(&self, holds: impl Fn(&State) -> bool) {
        loop {
            let mut moved = pin!(self.moved.notified());
            moved.as_mut().enable();
            if holds(&self.state.lock().expect("nobody panics under it")) {
                return;
            }
            moved.await;
        }
    }

    /// Something happens to a key.
    fn happens(&self, slot: u32, what: u32) {
        self.with(|state| {
            let now = state.now;
            let key = state.key(slot);
            let Freed(_) = match (what, key.there) {
                // It goes.
                (0, Some(last)) => {
                    key.there = None;
                    key.pending = false;
                    if key.heard.contains(&last.0) {
                        key.owed.push_back(last.0);
                    }
                    state.ledger.gone(place(slot), last, now)
                }
                // Somebody asks for a run.
                (1, there) => {
                    key.pending |= there.is_some();
                    state.ledger.asked(place(slot), Causes::MANUAL, now)
                }
                // It changes, or appears.
                (_, Some((uid, version))) => {
                    key.there = Some((uid, version + 1));
                    key.pending = true;
                    state.ledger.seen(place(slot), (uid, version + 1), now)
                }
                (_, None) => {
                    key.uids += 1;
                    let object = (key.uids, 1);
                    key.there = Some(object);
                    key.pending = true;
                    state.ledger.seen(place(slot), object, now)
                }
            };
        });
    }

    fn take(&self) -> Take<Job<Object>> {
        let mut state = self.state.lock().expect("nobody panics under it");
        let (now, armed, may_begin) = (state.now, state.armed, state.may_begin);
        let taken = self.crew.take(&mut state.ledger, may_begin, now, armed);
        let Take::Job(job) = &taken else { return taken };
        let (callback, object) = (job.callback, job.object);
        let key = state.key(job.place.slot);
        assert_eq!(key.running, None, "a key is with two workers");
        key.running = Some((callback, object));
        assert!(object >= key.handed, "{object:?} after {:?}: versions go back", key.handed);
        key.handed = object;
        if callback == Callback::Delete {
            assert_eq!(Some(&object.0), key.owed.front(), "a delete that nobody owes");
        } else {
            assert_eq!(Some(object), key.there, "not the newest");
            assert!(key.pending && key.owed.is_empty(), "a run that nothing asked for, or before a delete");
            key.pending = false;
            key.heard.insert(object.0);
            state.slow |= job.place.slot == 0;
        }
        taken
    }

    async fn run(&self, job: Job<Object>) {
        let slot = job.place.slot;
        let slow = {
            let state = self.state.lock().expect("nobody panics under it");
            state.slow && slot == 0
        };
        if slow {
            self.until(|state| state.over || state.is_calm()).await;
        }
        shuttle::future::yield_now().await;
        // Few enough failures for every key to come to its end.
        let fails = job.failures < 2 && !slow && thread_rng().gen_bool(0.3);
        self.with(|state| {
            state.slow &= slot != 0;
            let verdict = if fails { Verdict::Failed(None) } else { Verdict::Did(Action::AwaitChange) };
            let key = state.key(slot);
            let (callback, (uid, _)) = key.running.take().expect("it runs");
            match (callback, fails) {
                (Callback::Delete, false) => drop(key.owed.pop_front()),
                (Callback::Delete, true) => {}
                (_, true) => key.pending |= key.there.is_some_and(|(there, _)| there == uid),
                (_, false) => {}
            }
            let State { ledger, rng, now, .. } = state;
            let Freed(_) = ledger.done(place(slot), verdict, *now, rng);
        });
    }

    /// The controller's loop: makes ready what is due, and sleeps until the next deadline.
    async fn keep_deadlines(&self) {
        loop {
            let deadline = self.with(|state| {
                let _freed = state.ledger.advance(state.now);
                state.armed = state.ledger.next_deadline().unwrap_or(Moment::NEVER);
                (!state.over).then_some(state.armed)
            });
            let Some(deadline) = deadline else { return };
            let due = std::future::poll_fn(|cx| {
                let mut state = self.state.lock().expect("nobody panics under it");
                if state.now >= deadline {
                    return Poll::Ready(());
                }
                state.sleeper = (!deadline.is_never()).then(|| (deadline, cx.waker().clone()));
                self.moved.notify_waiters();
                Poll::Pending
            });
            match select(pin!(self.crew.alarmed()), pin!(due)).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        }
    }

    /// Time passes to the deadline that the loop sleeps for.
    async fn pass_time(&self) {
        loop {
            self.until(|state| state.over || state.sleeper.is_some()).await;
            let mut state = self.state.lock().expect("nobody panics under it");
            if state.over {
                return;
            }
            if let Some((deadline, waker)) = state.sleeper.take() {
                state.now = state.now.max(deadline);
                drop(state);
                waker.wake();
            }
        }
    }
}

/// One schedule. `early` closes the controller while there is work left.
fn explore(early: bool) {
    let stage = Arc::new(Stage::new(2));
    // Runs begin amid what happens, or when all of it has.
    let begins = thread_rng().gen_range(0..8);
    let mut threads = Vec::new();
    for _ in 0..2 {
        let stage = Arc::clone(&stage);
        threads.push(thread::spawn(move || block_on(stage.crew.work(|| stage.take(), |job| stage.run(job)))));
    }
    // A watch, and somebody from outside.
    for chances in [[0, 1, 2, 3, 4], [1, 1, 2, 1, 2]] {
        let stage = Arc::clone(&stage);
        threads.push(thread::spawn(move || {
            for nth in 0..5 {
                let (slot, what) = (thread_rng().gen_range(0..KEYS), thread_rng().gen_range(0..5));
                stage.happens(slot, chances[what]);
                if nth == begins {
                    stage.with(|state| state.may_begin = true);
                }
                thread::yield_now();
            }
            let last = {
                // Nothing happened: nobody is told but those who wait for this.
                let mut state = stage.state.lock().expect("nobody panics under it");
                state.tellers -= 1;
                state.tellers == 0 && !state.may_begin
            };
            if last {
                stage.with(|state| state.may_begin = true);
            }
            stage.moved.notify_waiters();
        }));
    }
    let [one, other] = [Arc::clone(&stage), Arc::clone(&stage)];
    threads.push(thread::spawn(move || block_on(one.keep_deadlines())));
    threads.push(thread::spawn(move || block_on(other.pass_time())));
    if !early {
        block_on(stage.until(|state| state.tellers == 0 && state.ledger.is_settled()));
        let state = stage.state.lock().expect("nobody panics under it");
        for (slot, key) in &state.keys {
            assert!(!key.pending && key.owed.is_empty() && key.running.is_none(), "key {slot} was left behind");
        }
    }
    // The end, as the controller's loop brings it.
    stage.with(|state| {
        state.over = true;
        state.ledger.close();
    });
    stage.crew.close();
    stage.crew.alarm();
    for thread in threads {
        thread.join().expect("no panic");
    }
}

/// How many schedules of each kind: `just explore` asks for many more.
fn schedules() -> usize {
    std::env::var("SCHEDULES").ok().and_then(|asked| asked.parse().ok()).unwrap_or(500)
}

#[test]
fn in_every_schedule_each_key_comes_to_its_end() {
    shuttle::check_random(|| explore(false), schedules());
    for depth in 1..=3 {
        shuttle::check_pct(|| explore(false), schedules() / 3, depth);
    }
}

#[test]
fn in_every_schedule_a_close_ends_all_workers() {
    shuttle::check_random(|| explore(true), schedules());
    shuttle::check_pct(|| explore(true), schedules() / 3, 3);
}
