//! What all clients of one cluster share: the server behind its lock, the armed faults, chance and the clock.
//!
//! The lock is held for one synchronous step at a time and never across an await. Whoever changes something wakes
//! everyone who waits; they look again in the order in which they began to wait.

use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::clock::Clock;
use crate::faults::Rules;
use crate::server::Server;
use crate::view::History;
use crate::world::Clockwork;

/// The shared heart of a [`Cluster`](super::Cluster).
pub(crate) struct Hub {
    pub(crate) clock: Clock,
    /// Rung when the store, a fault or the power has changed.
    pub(crate) changed: Notify,
    /// Rung with it, for the world's task alone, which outlives no cluster and so must not hold one.
    pub(crate) bell: Arc<Notify>,
    /// Rung when the server has gone down or come up.
    pub(crate) power: Notify,
    state: Mutex<State>,
}

/// What the lock guards.
pub(crate) struct State {
    pub(crate) server: Server,
    pub(crate) rng: fastrand::Rng,
    pub(crate) rules: Rules,
    pub(crate) history: History,
    pub(crate) world: Clockwork,
    /// The resource version of the last time that everyone was woken.
    woken_at: u64,
}

impl Hub {
    pub(crate) fn new(clock: Clock, server: Server, world: Clockwork, rng: fastrand::Rng) -> Self {
        let woken_at = server.current_rv();
        let (rules, history) = (Rules::default(), History::default());
        let state = State { server, rng, rules, history, world, woken_at };
        let state = Mutex::new(state);
        Hub { clock, changed: Notify::new(), bell: Arc::default(), power: Notify::new(), state }
    }

    /// Does one step that may change faults or the power, and wakes everyone.
    pub(crate) fn with<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        let done = {
            let mut state = self.state.lock();
            let done = step(&mut state);
            state.woken_at = state.server.current_rv();
            done
        };
        self.wake();
        done
    }

    fn wake(&self) {
        self.changed.notify_waiters();
        self.bell.notify_one();
    }

    /// Does one step on the store, and wakes everyone if the store has changed.
    pub(crate) fn step<T>(&self, step: impl FnOnce(&mut State) -> T) -> T {
        let (done, moved) = {
            let mut state = self.state.lock();
            let done = step(&mut state);
            let rv = state.server.current_rv();
            let moved = rv != state.woken_at;
            if moved {
                state.woken_at = rv;
                if state.rules.some_are_late() {
                    let now = self.clock.now();
                    state.history.note(rv, now);
                } else {
                    state.history.clear();
                }
            }
            (done, moved)
        };
        if moved {
            self.wake();
        }
        done
    }
}

impl State {
    /// Steps the world, which writes to nothing while the server is down.
    pub(crate) fn step_world(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.rules.is_down() {
            return None;
        }
        self.world.step(&mut self.server, now, &mut self.rng)
    }

    /// Forgets the event log, once the world has read it.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.world.take_in(&self.server, now);
        let rv = self.server.current_rv();
        self.server.compact(rv);
    }
}
