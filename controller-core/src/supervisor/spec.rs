//! Owns the description of a supervisor: plain data, until something starts it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::child_spec::{ChildSpec, IntoChild, Start};
use super::error::SupervisorError;
use super::handle::{Door, SupervisorHandle};
use super::policy::{AutoShutdown, Strategy};
use super::rule::{Restart, Shutdown};

/// A supervisor and its children, as OTP's: started in order, stopped in reverse, started again by rule.
///
/// ```
/// use controller_core::prelude::*;
/// let tree = Supervisor::new("mail", Strategy::RestForOne)
///     .intensity(5, secs(10))
///     .child(ChildSpec::worker("queue", |cx: ChildContext| async {
///         cx.ready();
///         cx.stopped().await;
///         Ok(())
///     }))
///     .child(Supervisor::new("senders", Strategy::OneForOne));
/// assert_eq!(tree.children().count(), 2);
/// ```
#[must_use]
pub struct Supervisor {
    name: Arc<str>,
    strategy: Strategy,
    intensity: u32,
    period: Duration,
    auto_shutdown: AutoShutdown,
    children: Vec<ChildSpec>,
    door: Arc<Door>,
}

impl Supervisor {
    /// A supervisor without children, with OTP's customary limit: more than 3 restarts in 5 seconds are too many.
    pub fn new(name: impl Into<String>, strategy: Strategy) -> Self {
        Self {
            name: Arc::from(name.into()),
            strategy,
            intensity: 3,
            period: Duration::from_secs(5),
            auto_shutdown: AutoShutdown::default(),
            children: Vec::new(),
            door: Arc::default(),
        }
    }

    /// Gives up after more than `restarts` restarts within `period`.
    pub fn intensity(mut self, restarts: u32, period: Duration) -> Self {
        self.intensity = restarts;
        self.period = period;
        self
    }

    /// Ends by itself when significant children end by themselves.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// One more child, after those that are there.
    pub fn child(mut self, child: impl IntoChild) -> Self {
        self.children.push(child.into_child());
        self
    }

    /// The supervisor's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The children in the order they start in.
    pub fn children(&self) -> impl Iterator<Item = &ChildSpec> {
        self.children.iter()
    }

    /// A handle that reaches the supervisor wherever it runs, after each of its restarts too.
    ///
    /// Take it before the supervisor is given away.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// let workers = Supervisor::new("workers", Strategy::OneForOne);
    /// let handle = workers.handle();
    /// let operator = Operator::new("shop").supervisor(workers);
    /// # drop((handle, operator));
    /// ```
    #[must_use]
    pub fn handle(&self) -> SupervisorHandle {
        SupervisorHandle::new(Arc::clone(&self.name), Arc::clone(&self.door))
    }

    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    pub(crate) fn strategy(&self) -> Strategy {
        self.strategy
    }

    pub(crate) fn limits(&self) -> (u32, Duration) {
        (self.intensity, self.period)
    }

    pub(crate) fn auto_shutdown_rule(&self) -> AutoShutdown {
        self.auto_shutdown
    }

    /// Whether the supervisor may start: its own children only, since a nested one checks itself.
    pub(crate) fn check(&self) -> Result<(), SupervisorError> {
        if self.period.is_zero() {
            return Err(SupervisorError::NoPeriod { supervisor: self.name.to_string() });
        }
        let mut ids = std::collections::BTreeSet::new();
        for child in &self.children {
            self.check_child(child)?;
            if !ids.insert(child.id.as_str()) {
                return Err(SupervisorError::DuplicateId { supervisor: self.name.to_string(), id: child.id.clone() });
            }
        }
        Ok(())
    }

    /// OTP's rules for one child, which a child started later must keep too.
    pub(crate) fn check_child(&self, child: &ChildSpec) -> Result<(), SupervisorError> {
        if !child.significant {
            return Ok(());
        }
        if child.restart == Restart::Permanent {
            return Err(SupervisorError::SignificantPermanent { id: child.id.clone() });
        }
        if self.auto_shutdown == AutoShutdown::Never {
            return Err(SupervisorError::SignificantNever { supervisor: self.name.to_string(), id: child.id.clone() });
        }
        Ok(())
    }

    /// The same checks for the whole tree below, so that an operator refuses it before anything starts.
    pub(crate) fn check_tree(&self) -> Result<(), SupervisorError> {
        self.check()?;
        self.children.iter().try_for_each(|child| match child.start() {
            Start::Supervisor(supervisor) => supervisor.check_tree(),
            Start::Worker(_) => Ok(()),
        })
    }

    /// Every child of the tree that is not a supervisor, in the order they start in.
    pub(crate) fn each_worker<'a>(&'a self, visit: &mut dyn FnMut(&'a ChildSpec)) {
        for child in &self.children {
            match child.start() {
                Start::Supervisor(supervisor) => supervisor.each_worker(visit),
                Start::Worker(_) => visit(child),
            }
        }
    }

    /// The longest time that stopping the tree can take; none where a child may take for ever.
    pub(crate) fn longest_stop(&self) -> Option<Duration> {
        self.children.iter().try_fold(Duration::ZERO, |sum, child| {
            let own = match (child.shutdown, child.start()) {
                (Shutdown::After(limit), _) => limit,
                (Shutdown::BrutalKill, _) => Duration::ZERO,
                (Shutdown::Infinity, Start::Supervisor(supervisor)) => supervisor.longest_stop()?,
                (Shutdown::Infinity, Start::Worker(_)) => return None,
            };
            Some(sum.saturating_add(own))
        })
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("name", &self.name)
            .field("strategy", &self.strategy)
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}
