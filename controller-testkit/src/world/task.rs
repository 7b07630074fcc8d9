//! The task that steps the world: it waits for changes, for what falls due and for webhooks, for as long as the cluster
//! lives.

use std::sync::{Arc, Weak};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::task::JoinHandle;

use crate::cluster::Hub;

/// Starts the task on the present runtime. It holds the cluster only while it works, and ends with it.
#[expect(clippy::disallowed_methods, reason = "this room owns the world's one task")]
pub(crate) fn spawn(hub: &Arc<Hub>) -> JoinHandle<()> {
    tokio::spawn(run(Arc::downgrade(hub)))
}

async fn run(hub: Weak<Hub>) {
    let mut calls = FuturesUnordered::new();
    loop {
        let Some(here) = hub.upgrade() else { return };
        let bell = here.bell.clone();
        let changed = bell.notified();
        let mut changed = std::pin::pin!(changed);
        changed.as_mut().enable();
        let now = here.clock.now();
        let (next, wanted) = here.step(|state| state.step_world(now));
        let hosts = &here.hosts;
        calls.extend(wanted.into_iter().map(|(ticket, call)| {
            let hosts = hosts.clone();
            async move { (ticket, hosts.call(&call).await) }
        }));
        let until = next.map(|next| here.clock.instant(next));
        drop(here);
        let something = async {
            match until {
                Some(until) => drop(tokio::time::timeout_at(until, changed).await),
                None => changed.await,
            }
        };
        tokio::select! {
            biased;
            Some((ticket, reply)) = calls.next() => {
                let Some(here) = hub.upgrade() else { return };
                let now = here.clock.now();
                here.step(|state| state.world.reply(ticket, reply, now));
            }
            () = something => {}
        }
    }
}
