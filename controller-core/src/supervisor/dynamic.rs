//! Owns supervisors whose children are all made from one template: the successor of OTP's `simple_one_for_one`.
//!
//! It is a [`Supervisor`] with other rules for its calls; what runs it is the same tree.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::child_handle::ChildHandle;
use super::child_spec::{ChildSpec, IntoChild};
use super::error::SupervisorError;
use super::handle::{Call, ChildCount, ChildInfo, SupervisorHandle};
use super::policy::AutoShutdown;
use super::running::RunningSupervisor;
use super::spec::Supervisor;

/// A supervisor that starts without children and makes each from an argument: one for each session, file or tenant.
///
/// The template is a function from the argument to a [`ChildSpec`]. Restarts are `one_for_one`, with the same argument.
/// A child that ends for good is forgotten, whatever its restart rule. When the supervisor stops, all of its children
/// are asked at once and clean up side by side.
///
/// ```
/// use controller_core::prelude::*;
/// # async fn example() -> Result {
/// let sessions = DynamicSupervisor::new("sessions", |user: String| {
///     ChildSpec::worker("session", move |cx: ChildContext| {
///         let user = user.clone();
///         async move {
///             tracing::info!(user, "hello");
///             cx.ready();
///             cx.stopped().await;
///             Ok(())
///         }
///     })
///     .restart(Restart::Transient)
/// });
/// let handle = sessions.handle();
/// let tree = Supervisor::new("mail", Strategy::OneForOne).child(sessions).start().await?;
/// let ann = handle.start_child("ann".to_owned()).await?;
/// let bob = handle.start_child("bob".to_owned()).await?;
/// assert_eq!((ann.id(), handle.count_children().await?.active), ("session#0", 2));
/// handle.terminate_child(&bob).await?;
/// tree.stop().await;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new()?.block_on(example()).map_err(|e| e.to_string())?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct DynamicSupervisor<A> {
    supervisor: Supervisor,
    template: Arc<Template<A>>,
}

type Template<A> = dyn Fn(A) -> ChildSpec + Send + Sync;

impl<A> DynamicSupervisor<A> {
    /// A supervisor of this name. `template` is called for each child that is started; the spec's id gets a number, so
    /// that each child has its own.
    pub fn new<F, C>(name: impl Into<String>, template: F) -> Self
    where
        F: Fn(A) -> C + Send + Sync + 'static,
        C: IntoChild,
    {
        let template = Arc::new(move |argument| template(argument).into_child());
        Self { supervisor: Supervisor::alike(name.into()), template }
    }

    /// Gives up after more than `restarts` restarts within `period`, those of all children together.
    pub fn intensity(mut self, restarts: u32, period: Duration) -> Self {
        self.supervisor = self.supervisor.intensity(restarts, period);
        self
    }

    /// Ends by itself when significant children end by themselves.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.supervisor = self.supervisor.auto_shutdown(auto_shutdown);
        self
    }

    /// The supervisor's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.supervisor.name()
    }

    /// A handle that reaches the supervisor wherever it runs, after each of its restarts too.
    #[must_use]
    pub fn handle(&self) -> DynamicHandle<A> {
        DynamicHandle { supervisor: self.supervisor.handle(), template: Arc::clone(&self.template) }
    }

    /// Starts it on its own. OTP's `start_link`.
    ///
    /// # Errors
    /// The supervisor breaks a rule.
    pub async fn start(self) -> Result<RunningSupervisor, SupervisorError> {
        self.supervisor.start().await
    }
}

impl<A> IntoChild for DynamicSupervisor<A> {
    fn into_child(self) -> ChildSpec {
        ChildSpec::supervisor(self.supervisor)
    }
}

impl<A> fmt::Debug for DynamicSupervisor<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicSupervisor").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// Reaches one [`DynamicSupervisor`]. Cheap to clone.
pub struct DynamicHandle<A> {
    supervisor: SupervisorHandle,
    template: Arc<Template<A>>,
}

impl<A> DynamicHandle<A> {
    /// Makes a child from the template, starts it, and waits until it is ready.
    ///
    /// # Errors
    /// The spec that the template made breaks a rule, or the child failed to start.
    pub async fn start_child(&self, argument: A) -> Result<ChildHandle, SupervisorError> {
        let spec = Box::new((self.template)(argument));
        self.supervisor.call(|reply| Call::StartAlike(spec, reply)).await?
    }

    /// Stops a child by its `shutdown`, and forgets it. A handle of an earlier run of it will do; so does one of a child
    /// that has ended.
    ///
    /// # Errors
    /// It runs, and is no child of this supervisor.
    pub async fn terminate_child(&self, child: &ChildHandle) -> Result<(), SupervisorError> {
        let child = child.clone();
        self.supervisor.call(|reply| Call::TerminateAlike(child, reply)).await?
    }

    /// The children in the order they were started in.
    ///
    /// # Errors
    /// The supervisor does not run.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        self.supervisor.which_children().await
    }

    /// How many children there are. `specs` is 1: the template.
    ///
    /// # Errors
    /// The supervisor does not run.
    pub async fn count_children(&self) -> Result<ChildCount, SupervisorError> {
        self.supervisor.count_children().await
    }

    /// The spec that the template made for a child.
    ///
    /// # Errors
    /// There is no such child.
    pub async fn get_childspec(&self, child: &ChildHandle) -> Result<ChildSpec, SupervisorError> {
        self.supervisor.get_childspec(child.id()).await
    }

    /// The same supervisor without the argument's type. Calls that a template rules out answer `SimpleOneForOne` there.
    #[must_use]
    pub fn supervisor(&self) -> SupervisorHandle {
        self.supervisor.clone()
    }
}

impl<A> Clone for DynamicHandle<A> {
    fn clone(&self) -> Self {
        Self { supervisor: self.supervisor.clone(), template: Arc::clone(&self.template) }
    }
}

impl<A> fmt::Debug for DynamicHandle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicHandle").field("supervisor", &self.supervisor.name()).finish_non_exhaustive()
    }
}
