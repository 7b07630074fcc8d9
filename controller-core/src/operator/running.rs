//! Owns an operator that runs: stopping it, and how its end reads as an exit code.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::life::live_out;
use super::{Operator, OperatorHandle};
use crate::admin::Window;
use crate::dispatch::Live;
use crate::env::{self, Ended, Task};
use crate::supervisor::SupervisorHandle;

/// An operator that runs beside the program. Dropping it aborts everything; [`stop`](Self::stop) stops in order.
///
/// ```
/// # use controller_core::prelude::*;
/// # use controller_core::kube;
/// # async fn example(client: kube::Client) {
/// let running = Operator::new("pods").client(client).spawn();
/// assert_eq!(running.stop().await, ExitCode::SUCCESS);
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping it aborts the operator"]
pub struct Running {
    name: Arc<str>,
    tree: SupervisorHandle,
    stop: CancellationToken,
    task: Task<Verdict>,
    verdict: Option<Verdict>,
    live: Arc<Live>,
    window: Arc<Window>,
}

/// How an operator ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stopped,
    FailedToStart,
    GaveUp,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Stopped => Self::SUCCESS,
            Verdict::FailedToStart => Self::from(1),
            Verdict::GaveUp => Self::from(3),
        }
    }
}

impl Running {
    pub(super) fn start(mut operator: Operator) -> Self {
        let stop = CancellationToken::new();
        let name = Arc::clone(&operator.name);
        let live = Arc::clone(&operator.live);
        let (root, window) = operator.take_tree(&stop);
        let tree = root.handle();
        let driven = live_out(operator, root, Arc::clone(&window), stop.clone());
        let over = live.over().drop_guard();
        let task = env::spawn(async move {
            let _over = over;
            driven.await
        });
        Self { name, tree, stop, task, verdict: None, live, window }
    }

    /// Stops in order: controllers first, each with the time of its `shutdown`.
    pub async fn stop(mut self) -> ExitCode {
        self.ask_to_stop();
        self.verdict().await.into()
    }

    /// Waits until the operator has nothing left to do: each controller runs, its caches show what the server has,
    /// and nothing is queued, running, or waiting for a retry or for a requeue before the next resync tick.
    ///
    /// It never ends where a callback fails for ever or asks for requeues without end.
    ///
    /// # Panics
    /// Where the operator has ended or ends meanwhile: it failed to start, or gave up. Its log says why.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # async fn example(running: &Running) {
    /// running.settled().await;
    /// # }
    /// ```
    #[cfg(feature = "testing")]
    pub async fn settled(&self) {
        let over = self.live.over();
        tokio::select! {
            biased;
            () = over.cancelled() => panic!("operator {} has ended, so it can't settle: its log says why", self.name),
            () = crate::testing::settled(&self.live) => {}
        }
    }

    /// What the engine does from now on, one thing after another: for oracles that check its order.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn probes(&self) -> crate::testing::Probes {
        self.live.probes()
    }

    /// Waits until the operator ends by itself: it failed to start, or gave up.
    pub async fn ended(&mut self) -> ExitCode {
        self.verdict().await.into()
    }

    /// Reaches the operator's controllers: see [`OperatorHandle`].
    #[must_use]
    pub fn handle(&self) -> OperatorHandle {
        OperatorHandle::new(Arc::clone(&self.live))
    }

    /// Reaches the operator's own supervisor for calls such as `which_children`. Until the tree starts it answers
    /// that it does not run.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # async fn example(running: &Running) -> Result {
    /// for child in running.tree().which_children().await? {
    ///     tracing::info!(id = child.id, state = ?child.state, restarts = child.restarts);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tree(&self) -> SupervisorHandle {
        self.tree.clone()
    }

    /// Where the [admin port](Operator::admin) listens. None until it does, and where there is none.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # use controller_core::kube;
    /// # async fn example(client: kube::Client) {
    /// let running = Operator::new("pods").client(client).admin(([127, 0, 0, 1], 0)).spawn();
    /// // Once it has started:
    /// if let Some(address) = running.admin_address() {
    ///     println!("http://{address}/");
    /// }
    /// # running.stop().await;
    /// # }
    /// ```
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.window.address()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    pub(super) async fn verdict(&mut self) -> Verdict {
        if let Some(verdict) = self.verdict {
            return verdict;
        }
        let verdict = match (&mut self.task).await {
            Ended::Value(verdict) => verdict,
            Ended::Panic(message) => {
                tracing::error!(operator = &*self.name, "the operator itself panicked: {message}");
                Verdict::GaveUp
            }
            Ended::Aborted => Verdict::GaveUp,
        };
        *self.verdict.insert(verdict)
    }
}
