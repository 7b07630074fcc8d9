//! Owns what a child knows of its supervisor: that it may say it is ready, and that it is asked to stop.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::dispatch::Scope;

/// A child's line to its supervisor. Cheap to clone.
///
/// ```
/// use controller_core::prelude::*;
/// # async fn work() {}
/// let spec = ChildSpec::worker("poller", |cx: ChildContext| async move {
///     cx.ready();
///     while !cx.is_stopping() {
///         tokio::select! {
///             biased;
///             () = cx.clone().stopped() => {}
///             () = work() => {}
///         }
///     }
///     Ok(())
/// });
/// ```
pub struct ChildContext {
    line: Arc<Line>,
}

/// Both ends of the line between a supervisor and one start of one child.
pub(crate) struct Line {
    id: Arc<str>,
    stop: CancellationToken,
    ready: Notify,
    said_ready: AtomicBool,
    contexts: AtomicUsize,
    scope: Option<Arc<Scope>>,
}

impl ChildContext {
    /// The child's id in its supervisor.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.line.id
    }

    /// Says that the child is started: what comes after it in its supervisor may start.
    ///
    /// A child that ends before it said so failed to start. One that lets go of its context can't say it any
    /// more, so it counts as started then. Only the first call does anything.
    pub fn ready(&self) {
        self.line.say_ready();
    }

    /// Ends when the supervisor asks the child to stop. What the child does then must fit into its `shutdown`.
    ///
    /// It takes the context, so the child needs no `move`; call it on a clone to wait for it more than once.
    pub async fn stopped(self) {
        self.line.stop.cancelled().await;
    }

    /// Whether the supervisor asked the child to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.line.stop.is_cancelled()
    }

    /// What the operator gives to its children; none where the tree is not part of an operator.
    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        self.line.scope.as_ref()
    }

    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.line
    }
}

impl Clone for ChildContext {
    fn clone(&self) -> Self {
        self.line.context()
    }
}

impl Drop for ChildContext {
    fn drop(&mut self) {
        self.line.contexts.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for ChildContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildContext").field("id", &self.id()).field("stopping", &self.is_stopping()).finish()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Line {
    pub(crate) fn new(id: Arc<str>, scope: Option<Arc<Scope>>) -> Arc<Self> {
        Arc::new(Self {
            id,
            stop: CancellationToken::new(),
            ready: Notify::new(),
            said_ready: AtomicBool::new(false),
            contexts: AtomicUsize::new(0),
            scope,
        })
    }

    /// One more context on this line.
    pub(crate) fn context(self: &Arc<Self>) -> ChildContext {
        self.contexts.fetch_add(1, Ordering::AcqRel);
        ChildContext { line: Arc::clone(self) }
    }

    pub(crate) fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    pub(crate) fn say_ready(&self) {
        if !self.said_ready.swap(true, Ordering::AcqRel) {
            self.ready.notify_one();
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.said_ready.load(Ordering::Acquire)
    }

    /// Whether nobody is left who could say that the child is ready.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.contexts.load(Ordering::Acquire) == 0
    }

    /// Ends when the child said that it is ready. Only its supervisor waits for it.
    pub(crate) async fn readiness(&self) {
        self.ready.notified().await;
    }

    pub(crate) async fn asked_to_stop(&self) {
        self.stop.cancelled().await;
    }
}
