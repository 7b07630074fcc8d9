//! Owns what the engine tells of itself to tests: the stream that oracles read.

use std::fmt;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::descriptor::Callback;
use crate::key::Key;

/// One thing that the engine did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Probe {
    /// A controller was told of an object in this version.
    Seen {
        /// The controller's name.
        controller: &'static str,
        /// The object.
        key: Key,
        /// Its resourceVersion.
        version: String,
    },
    /// A controller was told that an object is gone.
    Gone {
        /// The controller's name.
        controller: &'static str,
        /// The object.
        key: Key,
        /// The resourceVersion that was seen last.
        version: String,
    },
    /// A run began.
    Started {
        /// The controller's name.
        controller: &'static str,
        /// The object.
        key: Key,
        /// The callback that is called.
        callback: Callback,
        /// The resourceVersion that it is given.
        version: String,
    },
    /// A run ended.
    Ended {
        /// The controller's name.
        controller: &'static str,
        /// The object.
        key: Key,
        /// The callback that was called.
        callback: Callback,
        /// Whether it will be tried again without a change.
        retried: bool,
    },
}

/// Everything that the engine does from the moment this was asked for, in order.
///
/// ```
/// # use controller_core::prelude::*;
/// # async fn example(running: &Running) {
/// let mut probes = running.probes();
/// running.settled().await;
/// for probe in probes.so_far() {
///     println!("{probe:?}");
/// }
/// # }
/// ```
pub struct Probes(mpsc::UnboundedReceiver<Probe>);

impl Probes {
    /// What was done since the last call.
    pub fn so_far(&mut self) -> Vec<Probe> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }

    /// The next thing; none once the operator has ended.
    pub async fn next(&mut self) -> Option<Probe> {
        self.0.recv().await
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probes").finish_non_exhaustive()
    }
}

/// Those who listen.
#[derive(Default)]
pub(super) struct Listeners(Mutex<Vec<mpsc::UnboundedSender<Probe>>>);

impl Listeners {
    pub(super) fn listen(&self) -> Probes {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.0.lock().push(sender);
        Probes(receiver)
    }

    /// Makes the probe only where somebody listens.
    pub(super) fn tell(&self, make: impl FnOnce() -> Probe) {
        let mut listeners = self.0.lock();
        if listeners.is_empty() {
            return;
        }
        let probe = make();
        listeners.retain(|listener| listener.send(probe.clone()).is_ok());
    }
}
