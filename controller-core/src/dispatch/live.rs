//! Owns the list of an operator's running controllers, for those who look at them from outside.

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
    /// How many controllers the operator has, once its tree is made.
    expected: Option<usize>,
    /// How many have begun to run so far, restarts included.
    entered: usize,
    requests: Requests,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    /// The operator's tree has so many controllers.
    pub(crate) fn expect(&self, controllers: usize) {
        self.list.lock().expected = Some(controllers);
        self.has_moved();
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

    pub(super) fn enter(&self, engine: &Arc<Engine>) {
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
