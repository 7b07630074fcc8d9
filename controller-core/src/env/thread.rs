//! Owns the one thread of the machine's that an operator has beside its runtime, and the time that it sees.
//!
//! A callback that blocks its thread also stops every timer of that thread, so who watches over callbacks stands
//! outside of the runtime and counts the machine's own time: paused time does not stop it, and nothing that it sees
//! goes back into the engine's decisions.

use std::ops::ControlFlow;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// The machine's monotonic time, whatever the runtime's clock shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch {
    origin: Instant,
}

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this room owns the time that watches over callbacks")]
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The time since the start.
    #[expect(clippy::disallowed_methods, reason = "this room owns the time that watches over callbacks")]
    pub(crate) fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.origin)
    }
}

/// A thread that does one thing again and again. Dropping it ends the thread, without waiting for it.
#[derive(Debug)]
pub(crate) struct Thread {
    _hangs_up: SyncSender<()>,
}

impl Thread {
    /// Calls `act` each `period` until it breaks or the thread is dropped.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(crate) fn every(
        period: Duration,
        name: &str,
        mut act: impl FnMut() -> ControlFlow<()> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (hangs_up, hears) = sync_channel::<()>(0);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = hears.recv_timeout(period) {
                if act().is_break() {
                    return;
                }
            }
        })?;
        Ok(Self { _hangs_up: hangs_up })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_ends_when_it_breaks_and_when_it_is_dropped() {
        let (said, hears) = sync_channel(0);
        let mut turns = 0;
        let thread = Thread::every(Duration::from_millis(1), "turns", move || {
            turns += 1;
            let heard = said.send(turns);
            if heard.is_err() || turns == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(hears.iter().collect::<Vec<_>>(), [1, 2, 3]);
        drop(thread);

        let (said, hears) = sync_channel::<()>(0);
        let keeps = Thread::every(Duration::from_secs(3600), "sleeps", move || {
            let _said = &said;
            ControlFlow::Continue(())
        });
        drop(keeps);
        assert!(hears.recv().is_err(), "the thread is gone, and its end of the channel with it");
    }
}
