//! The task that steps the world: it waits for changes and for what falls due, for as long as the cluster lives.

use std::sync::{Arc, Weak};

use tokio::task::JoinHandle;

use crate::cluster::Hub;

/// Starts the task on the present runtime. It holds the cluster only while it works, and ends with it.
#[expect(clippy::disallowed_methods, reason = "this room owns the world's one task")]
pub(crate) fn spawn(hub: &Arc<Hub>) -> JoinHandle<()> {
    tokio::spawn(run(Arc::downgrade(hub)))
}

async fn run(hub: Weak<Hub>) {
    loop {
        let Some(here) = hub.upgrade() else { return };
        let bell = here.bell.clone();
        let changed = bell.notified();
        let mut changed = std::pin::pin!(changed);
        changed.as_mut().enable();
        let now = here.clock.now();
        let next = here.step(|state| state.step_world(now));
        let until = next.map(|next| here.clock.instant(next));
        drop(here);
        match until {
            Some(until) => drop(tokio::time::timeout_at(until, changed).await),
            None => changed.await,
        }
    }
}
