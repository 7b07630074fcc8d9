//! What all clients of one cluster share: the server behind its lock, the armed faults, chance and the clock.
//!
//! The lock is held for one synchronous step at a time and never across an await. Whoever changes something wakes
//! everyone who waits; they look again in the order in which they began to wait.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::clock::Clock;
use super::log::Tape;
use crate::admission::Call;
use crate::faults::Rules;
use crate::front::Hosts;
use crate::journal::{Journal, Mark};
use crate::server::{DEFINITIONS, Server};
use crate::view::History;
use crate::world::{Clockwork, Ticket};

/// The shared heart of a [`Cluster`](super::Cluster).
pub(crate) struct Hub {
    pub(crate) clock: Clock,
    /// Rung when the store, a fault or the power has changed.
    pub(crate) changed: Arc<Notify>,
    /// Rung with it, for the world's task alone, which outlives no cluster and so must not hold one.
    pub(crate) bell: Arc<Notify>,
    /// Rung when the server has gone down or come up.
    pub(crate) power: Notify,
    /// Whom webhooks may call in process.
    pub(crate) hosts: Arc<Hosts>,
    /// How far the state file has got, where there is one.
    mark: Option<Mark>,
    state: Mutex<State>,
}

/// What the lock guards.
pub(crate) struct State {
    pub(crate) server: Server,
    pub(crate) rng: fastrand::Rng,
    pub(crate) rules: Rules,
    pub(crate) history: History,
    pub(crate) log: Tape,
    pub(crate) world: Clockwork,
    /// Takes every change, where there is a state file.
    journal: Option<Journal>,
    /// The resource version of the last time that everyone was woken.
    woken_at: u64,
    /// Rung for the watches of one table each, so that a change wakes none that it does not concern.
    bells: BTreeMap<String, Arc<Notify>>,
}

impl Hub {
    pub(crate) fn new(
        clock: Clock,
        server: Server,
        world: Clockwork,
        rng: fastrand::Rng,
        journal: Option<Journal>,
    ) -> Self {
        let woken_at = server.current_rv();
        let (rules, history) = (Rules::default(), History::default());
        let mark = journal.as_ref().map(Journal::mark);
        let (log, bells) = (Tape::default(), BTreeMap::new());
        let state = Mutex::new(State { server, rng, rules, history, log, world, journal, woken_at, bells });
        Hub {
            clock,
            changed: Arc::default(),
            bell: Arc::default(),
            power: Notify::new(),
            mark,
            hosts: Arc::default(),
            state,
        }
    }

    /// Does one step that may change faults or the power, and wakes everyone.
    pub(crate) fn with<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        let (done, bells) = {
            let mut state = self.state.lock();
            let done = step(&mut state);
            state.moved(self);
            (done, state.bells.values().cloned().collect())
        };
        self.wake(bells);
        done
    }

    fn wake(&self, bells: Vec<Arc<Notify>>) {
        self.changed.notify_waiters();
        for bell in bells {
            bell.notify_waiters();
        }
        self.bell.notify_one();
    }

    /// Up to which resourceVersion clients may be told of changes: what a crash could undo is nobody's to know.
    pub(crate) fn told(&self) -> u64 {
        self.mark.as_ref().map_or(u64::MAX, Mark::durable)
    }

    /// Waits until clients may be told of what the store has at this resourceVersion; an error is why they never may.
    pub(crate) async fn settled(&self, rv: u64) -> Result<(), String> {
        match &self.mark {
            Some(mark) => mark.reached(rv).await,
            None => Ok(()),
        }
    }

    /// Does one step on the store, and wakes everyone whom its changes concern.
    pub(crate) fn step<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        let (done, bells) = {
            let mut state = self.state.lock();
            let done = step(&mut state);
            (done, state.moved(self))
        };
        if let Some(bells) = bells {
            self.wake(bells);
        }
        done
    }
}

impl State {
    /// What rings when something in a table has changed.
    pub(crate) fn bell(&mut self, table: &str) -> Arc<Notify> {
        match self.bells.get(table) {
            Some(bell) => bell.clone(),
            None => self.bells.entry(table.to_owned()).or_default().clone(),
        }
    }

    /// The bells to ring since the last time, if the store has changed. Where there is a state file the world alone is
    /// told at once: everyone else hears of it when it is on the disk.
    fn moved(&mut self, hub: &Hub) -> Option<Vec<Arc<Notify>>> {
        let rv = self.server.current_rv();
        if rv == self.woken_at {
            return None;
        }
        let mut tables: Vec<&str> = self.server.events_after(self.woken_at).map(|event| &*event.table).collect();
        tables.sort_unstable();
        tables.dedup();
        let mut bells: Vec<Arc<Notify>> = match tables.contains(&DEFINITIONS) {
            // Watches end with the definition of what they watch.
            true => self.bells.values().cloned().collect(),
            false => tables.iter().filter_map(|table| self.bells.get(*table).cloned()).collect(),
        };
        if let Some(journal) = &self.journal {
            bells.push(hub.changed.clone());
            journal.add(self.server.store(), self.woken_at, bells);
            bells = Vec::new();
        }
        self.woken_at = rv;
        let now = hub.clock.now();
        if self.rules.some_are_late() {
            self.history.note(rv, now);
        } else {
            self.history.clear();
        }
        self.server.age(now);
        Some(bells)
    }

    /// What is kept beside the objects, where there is a state file.
    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    /// Steps the world, which writes to nothing while the server is down. Says when there is more to do, and which
    /// webhooks are to be called until then.
    pub(crate) fn step_world(&mut self, now: Timestamp) -> (Option<Timestamp>, Vec<(Ticket, Call)>) {
        if self.rules.is_down() {
            return (None, Vec::new());
        }
        (self.world.step(&mut self.server, now, &mut self.rng), self.world.calls())
    }

    /// Forgets the event log, once the world has read it.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.world.take_in(&self.server, now);
        let rv = self.server.current_rv();
        self.server.compact(rv);
    }
}
