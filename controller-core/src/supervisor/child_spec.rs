//! Owns the description of one child: plain data that can be edited before the child is started.
//!
//! A spec runs nothing. `tree` starts what it describes, as often as the restart rule asks for.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::context::ChildContext;
use super::exit::{Exit, IntoExit};
use super::policy::{Delay, Terms};
use super::rule::{Restart, Shutdown};
use super::spec::Supervisor;
use crate::context::Read;
use crate::descriptor::{Descriptor, ResourceFacts};

/// One child of a [`Supervisor`], as OTP's child specification: what is started, and by which rules.
///
/// The fields are there to be read and edited; the builder methods of the same names read better in a chain.
///
/// ```
/// use controller_core::prelude::*;
/// use std::time::Duration;
/// let spec = ChildSpec::worker("mailer", |cx: ChildContext| async {
///     cx.ready();
///     cx.stopped().await;
///     Ok(())
/// })
/// .restart(Restart::Transient)
/// .shutdown(Shutdown::After(Duration::from_secs(30)));
/// assert_eq!((spec.id.as_str(), spec.restart), ("mailer", Restart::Transient));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ChildSpec {
    /// The child's name, unique in its supervisor.
    pub id: String,
    /// Whether it is started again when it ends. Permanent by default.
    pub restart: Restart,
    /// How it is stopped. Workers have five seconds, supervisors as long as their children need.
    pub shutdown: Shutdown,
    /// Whether its end may end its supervisor, which the supervisor's `auto_shutdown` says.
    pub significant: bool,
    /// The shortest and the longest time between its end and its restart. None by default, as in OTP.
    pub restart_delay: Option<(Duration, Duration)>,
    /// How long it may go without a sign of life before it is killed. None by default, as in OTP.
    pub health: Option<Duration>,
    /// How long it may go without yielding its thread before that is reported. None by default.
    pub blocked_after: Option<Duration>,
    start: Start,
    controller: Option<Box<ControllerFacts>>,
}

/// Whether a child works itself or supervises others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChildKind {
    /// It works.
    Worker,
    /// It is a [`Supervisor`].
    Supervisor,
}

/// What starting the child means.
#[derive(Clone)]
pub(crate) enum Start {
    Worker(Arc<dyn Fn(ChildContext) -> BoxFuture<'static, Exit> + Send + Sync>),
    Supervisor(Arc<Supervisor>),
}

/// What the operator checks and reports about a child that is a controller.
#[derive(Debug, Clone)]
pub(crate) struct ControllerFacts {
    pub(crate) descriptor: Descriptor,
    pub(crate) type_name: &'static str,
    /// `schema = derive`: what makes it.
    pub(crate) schema_of_type: Option<fn() -> serde_json::Value>,
    /// `reads(..)`.
    pub(crate) reads: Vec<Read>,
    /// `writes(..)`.
    pub(crate) writes: Vec<ResourceFacts>,
}

impl ChildSpec {
    /// A child that works. `start` is called for each start, so a restarted child begins afresh.
    ///
    /// The child says [`ChildContext::ready`] when what comes after it may start, and returns soon after
    /// [`ChildContext::stopped`].
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// let once = ChildSpec::worker("warm-up", |cx: ChildContext| async move {
    ///     cx.ready();
    ///     let port: u16 = "8080".parse()?;
    ///     assert_eq!(port, 8080);
    ///     Ok(())
    /// })
    /// .restart(Restart::Temporary);
    /// assert_eq!(once.kind(), ChildKind::Worker);
    /// ```
    pub fn worker<F, R>(id: impl Into<String>, start: F) -> Self
    where
        F: Fn(ChildContext) -> R + Send + Sync + 'static,
        R: Future + Send + 'static,
        R::Output: IntoExit,
    {
        let start = move |cx| start(cx).map(IntoExit::into_exit).boxed();
        Self::new(id.into(), Start::Worker(Arc::new(start)), Shutdown::default())
    }

    /// A child that supervises others, under the supervisor's own name.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// let spec = ChildSpec::supervisor(Supervisor::new("mail", Strategy::RestForOne));
    /// assert_eq!((spec.id.as_str(), spec.shutdown), ("mail", Shutdown::Infinity));
    /// ```
    #[must_use]
    pub fn supervisor(supervisor: Supervisor) -> Self {
        let id = supervisor.name().to_owned();
        Self::new(id, Start::Supervisor(Arc::new(supervisor)), Shutdown::Infinity)
    }

    fn new(id: String, start: Start, shutdown: Shutdown) -> Self {
        Self {
            id,
            restart: Restart::default(),
            shutdown,
            significant: false,
            restart_delay: None,
            health: None,
            blocked_after: None,
            start,
            controller: None,
        }
    }

    /// Another name.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Another restart rule.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Another way to be stopped.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Its end may end the supervisor. Only a transient or temporary child can be significant, since a
    /// permanent one never ends for good.
    #[must_use]
    pub fn significant(mut self) -> Self {
        self.significant = true;
        self
    }

    /// Waits before each restart: `min` the first time, twice as long each time after that, up to `max`. One that ran
    /// for longer than `max` begins with `min` again. OTP restarts at once.
    ///
    /// The restart is counted against the supervisor's intensity when the child ends, as without a delay. Siblings that
    /// the strategy restarts with it are stopped first and wait too. Calls and a stop are heard meanwhile.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// # async fn work() {}
    /// let spec = ChildSpec::worker("feed", |cx: ChildContext| async move {
    ///     cx.ready();
    ///     work().await;
    ///     Ok(())
    /// })
    /// .restart_delay(secs(1), secs(60));
    /// ```
    #[must_use]
    pub fn restart_delay(mut self, min: Duration, max: Duration) -> Self {
        self.restart_delay = Some((min, max));
        self
    }

    /// Kills the child, and restarts it by its rule, where it has been ready and shown no sign of life for `limit`:
    /// neither [`ChildContext::ready`] nor [`ChildContext::alive`]. OTP knows no such limit.
    ///
    /// Where the clock jumps, or the process stood still, by more than the limit, the child gets another one.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// # async fn one_turn() {}
    /// let spec = ChildSpec::worker("loop", |cx: ChildContext| async move {
    ///     cx.ready();
    ///     loop {
    ///         one_turn().await;
    ///         cx.alive();
    ///     }
    /// #   #[allow(unreachable_code)]
    /// #   Ok(())
    /// })
    /// .health(secs(30));
    /// ```
    #[must_use]
    pub fn health(mut self, limit: Duration) -> Self {
        self.health = Some(limit);
        self
    }

    /// Reports the child, in the log and by `which_children`, where it holds its thread for `limit` without an await:
    /// others wait for that thread then, and nothing can stop the child.
    ///
    /// A thread beside the runtime looks, so this is real time also where the runtime's is paused.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// let spec = ChildSpec::worker("hasher", |cx: ChildContext| async move { cx.ready() }).blocked_after(secs(1));
    /// ```
    #[must_use]
    pub fn blocked_after(mut self, limit: Duration) -> Self {
        self.blocked_after = Some(limit);
        self
    }

    /// Whether it works or supervises.
    #[must_use]
    pub fn kind(&self) -> ChildKind {
        match self.start {
            Start::Worker(_) => ChildKind::Worker,
            Start::Supervisor(_) => ChildKind::Supervisor,
        }
    }

    /// The child is a controller: its rules and name come from the descriptor.
    pub(crate) fn controller(mut self, facts: ControllerFacts) -> Self {
        self.restart = facts.descriptor.restart_rule();
        self.shutdown = facts.descriptor.shutdown_rule();
        self.significant = facts.descriptor.is_significant();
        self.controller = Some(Box::new(facts));
        self
    }

    /// What the restart rules need to know of it.
    pub(super) fn terms(&self) -> Terms {
        let delay = self.restart_delay.map(|(min, max)| Delay { min, max });
        Terms { restart: self.restart, significant: self.significant, delay }
    }

    pub(crate) fn start(&self) -> &Start {
        &self.start
    }

    pub(crate) fn controller_facts(&self) -> Option<&ControllerFacts> {
        self.controller.as_deref()
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("restart", &self.restart)
            .field("shutdown", &self.shutdown)
            .field("significant", &self.significant)
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// What can stand under a supervisor: a [`ChildSpec`], a [`Supervisor`], a controller.
///
/// ```
/// use controller_core::prelude::*;
/// let tree = Supervisor::new("all", Strategy::OneForOne)
///     .child(Supervisor::new("mail", Strategy::OneForAll))
///     .child(ChildSpec::worker("clock", |cx: ChildContext| async {
///         cx.stopped().await;
///         Ok(())
///     }));
/// assert_eq!(tree.children().map(|child| child.id.as_str()).collect::<Vec<_>>(), ["mail", "clock"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a child of a supervisor",
    label = "not a child",
    note = "give a `ChildSpec`, a `Supervisor`, or a type with `#[controller(..)]` on its impl",
    note = "`ChildSpec::worker(\"name\", |cx| async move {{ .. }})` makes a child of any future"
)]
pub trait IntoChild {
    /// The child's description.
    fn into_child(self) -> ChildSpec;
}

impl IntoChild for ChildSpec {
    fn into_child(self) -> ChildSpec {
        self
    }
}

impl IntoChild for Supervisor {
    fn into_child(self) -> ChildSpec {
        ChildSpec::supervisor(self)
    }
}
