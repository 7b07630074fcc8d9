//! Owns the calls that reach a running supervisor, under OTP's names.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::child_handle::ChildHandle;
use super::child_spec::{ChildKind, ChildSpec, IntoChild};
use super::errand::Errand;
use super::error::SupervisorError;
use super::exit::Exit;

/// Reaches one supervisor by name, wherever it runs and however often it was restarted.
///
/// Calls wait while the supervisor starts or stops a child, as in OTP; so a child must not call its own
/// supervisor before it is ready.
///
/// ```
/// use controller_core::prelude::*;
/// # async fn example() -> Result {
/// let tree = Supervisor::new("workers", Strategy::OneForOne).start().await?;
/// let workers = tree.handle();
/// workers.start_child(ChildSpec::worker("one", |cx: ChildContext| async {
///     cx.ready();
///     cx.stopped().await;
///     Ok(())
/// })).await?;
/// assert_eq!(workers.count_children().await?.active, 1);
/// workers.terminate_child("one").await?;
/// workers.delete_child("one").await?;
/// tree.stop().await;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new()?.block_on(example()).map_err(|e| e.to_string())?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SupervisorHandle {
    name: Arc<str>,
    door: Arc<Door>,
}

/// Where the running instance of a supervisor takes calls.
#[derive(Default)]
pub(crate) struct Door {
    mailbox: Mutex<Option<mpsc::UnboundedSender<Call>>>,
    /// The number of the next child: no two children of all its instances have one.
    next_child: AtomicU64,
    /// What keeps the supervisor from its mailbox.
    errand: Mutex<Option<Errand>>,
}

/// Everything that can be asked of a running supervisor.
pub(crate) enum Call {
    Start(Box<ChildSpec>, Reply<Result<ChildHandle, SupervisorError>>),
    /// The same, made from the template.
    StartAlike(Box<ChildSpec>, Reply<Result<ChildHandle, SupervisorError>>),
    Terminate(String, Reply<Result<(), SupervisorError>>),
    TerminateAlike(ChildHandle, Reply<Result<(), SupervisorError>>),
    Restart(String, Reply<Result<ChildHandle, SupervisorError>>),
    Delete(String, Reply<Result<(), SupervisorError>>),
    Which(Reply<Vec<ChildInfo>>),
    WhichOne(String, Reply<Option<ChildInfo>>),
    Count(Reply<ChildCount>),
    Spec(String, Reply<Option<ChildSpec>>),
    /// From the supervisor to itself: the restart of this child failed and is tried again.
    TryAgain(u64),
}

pub(crate) type Reply<T> = oneshot::Sender<T>;

/// One child of a running supervisor.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Its name.
    pub id: String,
    /// Whether it runs.
    pub state: ChildState,
    /// Whether it works or supervises.
    pub kind: ChildKind,
    /// How often it was restarted.
    pub restarts: u64,
    /// How it ended the last time.
    pub last_exit: Option<Exit>,
    /// How long it has run without a restart. None where it does not run.
    pub uptime: Option<Duration>,
    /// How often it was seen blocking its thread in this run, where its spec has `blocked_after`.
    pub blocked: u64,
    /// The run that is under way. OTP's pid.
    pub handle: Option<ChildHandle>,
    /// Reaches the child where it is a supervisor itself.
    pub supervisor: Option<SupervisorHandle>,
    /// The controller that it runs, under the name of its figures.
    pub(crate) controller: Option<&'static str>,
}

/// Whether a child runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChildState {
    /// It runs.
    Running,
    /// Its restart failed, or waits for its delay.
    Restarting,
    /// It ended for good or was terminated. OTP's `undefined`.
    Ended,
}

/// The counts of `count_children`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ChildCount {
    /// All children, running or not.
    pub specs: usize,
    /// Those that run.
    pub active: usize,
    /// Those that are supervisors, running or not.
    pub supervisors: usize,
    /// Those that are workers, running or not.
    pub workers: usize,
}

impl SupervisorHandle {
    pub(crate) fn new(name: Arc<str>, door: Arc<Door>) -> Self {
        Self { name, door }
    }

    /// Starts one more child, after those that are there, and waits until it is ready.
    ///
    /// # Errors
    /// The id is taken (`AlreadyStarted`, `AlreadyPresent`), the spec breaks a rule, or the child failed to
    /// start; then its spec is not kept.
    pub async fn start_child(&self, child: impl IntoChild) -> Result<ChildHandle, SupervisorError> {
        let spec = Box::new(child.into_child());
        self.call(|reply| Call::Start(spec, reply)).await?
    }

    /// Stops a child by its `shutdown`. It is not restarted; its spec stays, unless it is temporary.
    ///
    /// # Errors
    /// There is no such child.
    pub async fn terminate_child(&self, id: impl Into<String>) -> Result<(), SupervisorError> {
        let id = id.into();
        self.call(|reply| Call::Terminate(id, reply)).await?
    }

    /// Starts a child again that ended or was terminated.
    ///
    /// # Errors
    /// There is no such child, it runs, it is being restarted, or it failed to start.
    pub async fn restart_child(&self, id: impl Into<String>) -> Result<ChildHandle, SupervisorError> {
        let id = id.into();
        self.call(|reply| Call::Restart(id, reply)).await?
    }

    /// Forgets the spec of a child that does not run.
    ///
    /// # Errors
    /// There is no such child, it runs, or it is being restarted.
    pub async fn delete_child(&self, id: impl Into<String>) -> Result<(), SupervisorError> {
        let id = id.into();
        self.call(|reply| Call::Delete(id, reply)).await?
    }

    /// The children in the order they start in.
    ///
    /// # Errors
    /// The supervisor does not run.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        self.call(Call::Which).await
    }

    /// One child, by its id.
    ///
    /// # Errors
    /// There is no such child.
    pub async fn which_child(&self, id: impl Into<String>) -> Result<ChildInfo, SupervisorError> {
        let id = id.into();
        let found = self.call(|reply| Call::WhichOne(id.clone(), reply)).await?;
        found.ok_or_else(|| SupervisorError::NotFound { supervisor: self.name.to_string(), id })
    }

    /// How many children there are.
    ///
    /// # Errors
    /// The supervisor does not run.
    pub async fn count_children(&self) -> Result<ChildCount, SupervisorError> {
        self.call(Call::Count).await
    }

    /// The spec of a child.
    ///
    /// # Errors
    /// There is no such child.
    pub async fn get_childspec(&self, id: impl Into<String>) -> Result<ChildSpec, SupervisorError> {
        let id = id.into();
        let found = self.call(|reply| Call::Spec(id.clone(), reply)).await?;
        found.ok_or_else(|| SupervisorError::NotFound { supervisor: self.name.to_string(), id })
    }

    /// The supervisor's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the supervisor does at the moment, where that keeps it from answering calls.
    pub(crate) fn errand(&self) -> Option<Errand> {
        self.door.errand.lock().clone()
    }

    pub(super) async fn call<T>(&self, call: impl FnOnce(Reply<T>) -> Call) -> Result<T, SupervisorError> {
        let gone = || SupervisorError::NotRunning { supervisor: self.name.to_string() };
        let mailbox = self.door.mailbox.lock().clone().ok_or_else(gone)?;
        let (reply, answer) = oneshot::channel();
        mailbox.send(call(reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }
}

impl Door {
    /// Opens the door for a new instance, in place of the one before.
    pub(crate) fn open(&self) -> (mpsc::UnboundedSender<Call>, mpsc::UnboundedReceiver<Call>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.mailbox.lock() = Some(sender.clone());
        (sender, receiver)
    }

    pub(super) fn set_errand(&self, errand: Option<Errand>) {
        *self.errand.lock() = errand;
    }

    pub(super) fn number(&self) -> u64 {
        self.next_child.fetch_add(1, Ordering::Relaxed)
    }
}

impl fmt::Debug for SupervisorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisorHandle").field("name", &self.name).finish_non_exhaustive()
    }
}
