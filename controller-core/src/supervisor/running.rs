//! Owns the top of a running tree: starting it, stopping it, and the news of its end.

use std::sync::Arc;

use super::context::ChildContext;
use super::error::SupervisorError;
use super::exit::Exit;
use super::handle::SupervisorHandle;
use super::line::Line;
use super::spec::Supervisor;
use super::tree::{self, End};
use crate::dispatch::Scope;
use crate::env::{self, Ended, Task};

/// A supervisor that runs. Dropping it aborts the whole tree; [`stop`](Self::stop) stops it in order.
///
/// ```
/// use controller_core::prelude::*;
/// # async fn example() -> Result {
/// let tree = Supervisor::new("workers", Strategy::OneForOne).start().await?;
/// assert!(tree.handle().which_children().await?.is_empty());
/// tree.stop().await;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new()?.block_on(example()).map_err(|e| e.to_string())?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping it aborts the tree"]
pub struct RunningSupervisor {
    handle: SupervisorHandle,
    line: Arc<Line>,
    task: Task<End>,
}

impl Supervisor {
    /// Starts the tree and waits until every child is ready. OTP's `start_link`.
    ///
    /// It needs no operator; a controller in it does. It must be called on a tokio runtime with time enabled.
    ///
    /// # Errors
    /// A spec breaks a rule, or a child failed to start; those before it are stopped again by then.
    pub async fn start(self) -> Result<RunningSupervisor, SupervisorError> {
        let mut running = self.launch(None);
        match running.ready_or_end().await {
            None => Ok(running),
            Some(End::Failed(error)) => Err(error),
            // Nobody else could stop it before it was given away.
            Some(_) => Err(SupervisorError::NotRunning { supervisor: running.handle.name().to_owned() }),
        }
    }

    /// Starts the tree and waits for nothing.
    pub(crate) fn launch(self, scope: Option<Arc<Scope>>) -> RunningSupervisor {
        let handle = self.handle();
        let line = Arc::new(Line::new(0, Arc::clone(self.shared_name())));
        let task = env::spawn(tree::supervise(Arc::new(self), ChildContext::new(Arc::clone(&line), scope)));
        RunningSupervisor { handle, line, task }
    }
}

impl RunningSupervisor {
    /// Reaches the supervisor for calls.
    #[must_use]
    pub fn handle(&self) -> SupervisorHandle {
        self.handle.clone()
    }

    /// Stops the children in reverse order, each by its `shutdown`.
    pub async fn stop(mut self) -> Exit {
        self.stopped().await.into_exit()
    }

    /// Waits until the supervisor ends: it gave up, or a significant child ended it.
    pub async fn exited(&mut self) -> Exit {
        self.end().await.into_exit()
    }

    /// Asks the tree to stop and waits until it has.
    pub(crate) async fn stopped(&mut self) -> End {
        self.line.ask_to_stop();
        self.end().await
    }

    /// None once every child is ready; the end where it came before.
    pub(crate) async fn ready_or_end(&mut self) -> Option<End> {
        tokio::select! {
            biased;
            () = self.line.readiness() => None,
            end = Self::end_of(&mut self.task) => Some(end),
        }
    }

    pub(crate) async fn end(&mut self) -> End {
        Self::end_of(&mut self.task).await
    }

    async fn end_of(task: &mut Task<End>) -> End {
        match task.await {
            Ended::Value(end) => end,
            // The loop itself does not panic, and only the runtime's own end aborts it.
            Ended::Panic(message) => End::GaveUp { child: "supervisor".to_owned(), exit: Exit::Panic(message.into()) },
            Ended::Aborted => End::Stopped,
        }
    }
}
