//! Owns the description of one child: plain data that can be edited before the child is started.
//!
//! A spec runs nothing. `tree` starts what it describes, as often as the restart rule asks for.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::context::ChildContext;
use super::exit::{Exit, IntoExit};
use super::rule::{Restart, Shutdown};
use super::spec::Supervisor;
use crate::context::Read;
use crate::descriptor::Descriptor;

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
        Self { id, restart: Restart::default(), shutdown, significant: false, start, controller: None }
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
