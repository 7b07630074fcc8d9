//! Owns the list of an operator's running controllers, for those who look at them from outside.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::figures::Figures;
#[cfg(feature = "testing")]
use super::probe::{Listeners, Probe, Probes};
use crate::env::Requests;

/// The controllers that run now.
#[derive(Default)]
pub(crate) struct Live {
    list: Mutex<List>,
    /// Whoever wants to see all of them settled waits here.
    moved: Notify,
    /// The operator has ended.
    over: CancellationToken,
    #[cfg(feature = "testing")]
    listeners: Listeners,
}

#[derive(Default)]
struct List {
    engines: Vec<Weak<Engine>>,
    /// Where each controller is in its life, by its name, and which of its starts says so.
    lives: BTreeMap<&'static str, (u64, Phase)>,
    starts: u64,
    /// How many controllers the operator has, once its tree is made.
    expected: Option<usize>,
    /// How many have begun to run so far, restarts included.
    entered: usize,
    requests: Requests,
}

/// Where a controller is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its turn to start has not come.
    Expected,
    /// It asks the API server about what it watches; where it waits for something, this is what for.
    Waits(Option<Arc<str>>),
    /// It takes part in its watches, and runs callbacks.
    Runs,
    /// It stopped because it was asked to.
    Stopped,
    /// It ended by an error or a panic, or was aborted.
    Failed,
}

/// One start of a controller, for as long as it lives.
pub(super) struct Start<'a> {
    live: &'a Live,
    name: &'static str,
    number: u64,
    end: Phase,
}

impl Start<'_> {
    /// Something that the controller needs is not there.
    pub(super) fn waits(&self, what_for: &str) {
        self.turn_to(Phase::Waits(Some(what_for.into())));
    }

    /// The controller was asked to stop, and did.
    pub(super) fn stopped(mut self) {
        self.end = Phase::Stopped;
    }

    fn turn_to(&self, phase: Phase) {
        let mut list = self.live.list.lock();
        // What an earlier start, left behind, says of itself is no longer true of the controller.
        if let Some((number, life)) = list.lives.get_mut(self.name)
            && *number == self.number
        {
            *life = phase;
        }
    }
}

impl Drop for Start<'_> {
    fn drop(&mut self) {
        self.turn_to(self.end.clone());
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    /// The operator's tree has these controllers.
    pub(crate) fn expect(&self, controllers: &[&'static str]) {
        let mut list = self.list.lock();
        list.expected = Some(controllers.len());
        for name in controllers {
            list.lives.entry(name).or_insert((0, Phase::Expected));
        }
        drop(list);
        self.has_moved();
    }

    /// A controller begins a start of its.
    pub(super) fn start(&self, name: &'static str) -> Start<'_> {
        let mut list = self.list.lock();
        list.starts += 1;
        let number = list.starts;
        list.lives.insert(name, (number, Phase::Waits(None)));
        Start { live: self, name, number, end: Phase::Failed }
    }

    /// Where each controller is in its life.
    pub(crate) fn phases(&self) -> Vec<(&'static str, Phase)> {
        self.list.lock().lives.iter().map(|(name, (_, phase))| (*name, phase.clone())).collect()
    }

    /// Cancelled when the operator ends, however it does.
    pub(crate) fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// The engine's doings from now on.
    #[cfg(feature = "testing")]
    pub(crate) fn probes(&self) -> Probes {
        self.listeners.listen()
    }

    #[cfg(feature = "testing")]
    pub(super) fn tell(&self, make: impl FnOnce() -> Probe) {
        self.listeners.tell(make);
    }

    pub(super) fn enter(&self, start: &Start<'_>, engine: &Arc<Engine>) {
        start.turn_to(Phase::Runs);
        let mut list = self.list.lock();
        list.engines.retain(|engine| engine.strong_count() > 0);
        list.engines.push(Arc::downgrade(engine));
        list.entered += 1;
        drop(list);
        self.has_moved();
    }

    /// Something happened in one of the controllers.
    pub(super) fn has_moved(&self) {
        self.moved.notify_waiters();
    }

    /// The operator's requests are counted here from now on.
    pub(crate) fn count_in(&self, requests: Requests) {
        self.list.lock().requests = requests;
    }

    pub(crate) fn requests(&self) -> Requests {
        self.list.lock().requests.clone()
    }

    /// The controller of this name, where it runs.
    pub(crate) fn named(&self, name: &str) -> Option<Arc<Engine>> {
        let list = self.list.lock();
        let mut running = list.engines.iter().rev().filter_map(Weak::upgrade);
        running.find(|engine| engine.name() == name && !engine.is_closed())
    }

    /// What there is to measure of each that runs.
    pub(crate) fn figures(&self) -> Vec<Figures> {
        let running: Vec<Arc<Engine>> = {
            let list = self.list.lock();
            list.engines.iter().filter_map(Weak::upgrade).filter(|engine| !engine.is_closed()).collect()
        };
        running.iter().map(|engine| engine.figures()).collect()
    }

    /// Those that run, in the order in which they started; none until each has started once.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only tests wait for an operator to settle"))]
    pub(crate) fn engines(&self) -> Option<Vec<Arc<Engine>>> {
        let list = self.list.lock();
        let all = list.expected.is_some_and(|expected| list.entered >= expected);
        all.then(|| list.engines.iter().filter_map(Weak::upgrade).filter(|engine| !engine.is_closed()).collect())
    }

    /// Waits until `look` finds what it looks for, and looks again whenever something moved.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only tests wait for an operator to settle"))]
    pub(crate) async fn until<T>(&self, look: impl Fn(&Self) -> Option<T>) -> T {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if let Some(found) = look(self) {
                return found;
            }
            moved.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_goes_through_its_phases() {
        let live = Live::default();
        let phase = || live.phases().into_iter().map(|(_, phase)| phase).next();
        live.expect(&["web"]);
        assert_eq!(phase(), Some(Phase::Expected));
        let start = live.start("web");
        assert_eq!(phase(), Some(Phase::Waits(None)));
        start.waits("no kind Web");
        assert_eq!(phase(), Some(Phase::Waits(Some("no kind Web".into()))));
        start.turn_to(Phase::Runs);
        live.expect(&["web"]);
        assert_eq!(phase(), Some(Phase::Runs), "it is expected no more");
        start.stopped();
        assert_eq!(phase(), Some(Phase::Stopped));
        drop(live.start("web"));
        assert_eq!(phase(), Some(Phase::Failed), "nobody said that it was asked to");
    }

    #[test]
    fn what_a_start_that_is_left_behind_says_is_not_heard() {
        let live = Live::default();
        let leaked = live.start("web");
        let present = live.start("web");
        present.turn_to(Phase::Runs);
        leaked.waits("no kind Web");
        drop(leaked);
        assert_eq!(live.phases(), [("web", Phase::Runs)]);
        drop(present);
        assert_eq!(live.phases(), [("web", Phase::Failed)]);
    }
}
