//! Owns what a child knows of its supervisor: that it may say it is ready, and that it is asked to stop.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::line::Line;
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
    scope: Option<Arc<Scope>>,
}

impl ChildContext {
    /// One more context on this line. It counts: without any the child can't say ready any more.
    pub(super) fn new(line: Arc<Line>, scope: Option<Arc<Scope>>) -> Self {
        line.is_held();
        Self { line, scope }
    }

    /// The child's id in its supervisor.
    #[must_use]
    pub fn id(&self) -> &str {
        self.line.id()
    }

    /// Says that the child is started: what comes after it in its supervisor may start.
    ///
    /// A child that ends before it said so failed to start. One that lets go of its context can't say it any
    /// more, so it counts as started then. Only the first call does anything.
    pub fn ready(&self) {
        self.line.say_ready();
    }

    /// Says that this start has nothing to run, and that this is no failure. The child returns without an error after
    /// it, in place of [`ready`](Self::ready).
    ///
    /// OTP's `ignore`: the supervisor goes on with the next child and keeps the spec, unless it is temporary, so that
    /// `restart_child` can start it later.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// # fn wanted() -> bool { false }
    /// let spec = ChildSpec::worker("profiler", |cx: ChildContext| async move {
    ///     if !wanted() {
    ///         cx.ignore();
    ///         return Ok(());
    ///     }
    ///     cx.ready();
    ///     cx.stopped().await;
    ///     Ok(())
    /// });
    /// ```
    pub fn ignore(&self) {
        self.line.say_ignore();
    }

    /// Reports a sign of life. Where the child's spec has a [`health`](super::ChildSpec::health) limit, it must come at
    /// least that often, or the child is killed and restarted; elsewhere it does nothing. Controllers and supervisors show
    /// their own, as long as their loops get their turns.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// # async fn one_turn() {}
    /// let spec = ChildSpec::worker("poller", |cx: ChildContext| async move {
    ///     cx.ready();
    ///     while !cx.is_stopping() {
    ///         one_turn().await;
    ///         cx.alive();
    ///     }
    ///     Ok(())
    /// })
    /// .health(secs(30));
    /// ```
    pub fn alive(&self) {
        self.line.say_alive();
    }

    /// Ends when the supervisor asks the child to stop. What the child does then must fit into its `shutdown`.
    ///
    /// It takes the context, so the child needs no `move`; call it on a clone to wait for it more than once.
    pub fn stopped(self) -> impl Future<Output = ()> + Send + use<> {
        Line::stop_of(self)
    }

    /// Whether the supervisor asked the child to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.line.is_stopping()
    }

    /// Shows signs of life for `work`, as long as its task gets its turns: four within the health limit, if there is one.
    pub(crate) async fn beating<F: Future>(&self, work: F) -> F::Output {
        let Some(pause) = self.line.health().map(|limit| limit / 4) else { return work.await };
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                output = &mut work => return output,
                () = tokio::time::sleep(pause) => self.alive(),
            }
        }
    }

    /// What the operator gives to its children; none where the tree is not part of an operator.
    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        self.scope.as_ref()
    }

    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }
}

impl AsRef<Line> for ChildContext {
    fn as_ref(&self) -> &Line {
        &self.line
    }
}

impl Clone for ChildContext {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.line), self.scope.clone())
    }
}

impl Drop for ChildContext {
    fn drop(&mut self) {
        self.line.is_let_go();
    }
}

impl fmt::Debug for ChildContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildContext").field("id", &self.id()).field("stopping", &self.is_stopping()).finish()
    }
}
