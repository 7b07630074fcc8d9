//! Owns the list of an operator's running controllers, for those who look at them from outside.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::engine::Engine;

/// The controllers that run now.
#[derive(Default)]
pub(crate) struct Live {
    engines: Mutex<Vec<Weak<Engine>>>,
    entered: Notify,
}

impl Live {
    pub(super) fn enter(&self, engine: &Arc<Engine>) {
        let mut engines = self.engines.lock();
        engines.retain(|engine| engine.strong_count() > 0);
        engines.push(Arc::downgrade(engine));
        drop(engines);
        self.entered.notify_waiters();
    }

    /// Those that run, in the order in which they started.
    pub(crate) fn engines(&self) -> Vec<Arc<Engine>> {
        self.engines.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Waits until the next one starts.
    pub(crate) async fn entered(&self) {
        self.entered.notified().await;
    }
}
