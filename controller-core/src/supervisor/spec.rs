//! Owns the description of a supervisor: plain data, until something starts it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::child_spec::{ChildSpec, IntoChild, Start};
use super::error::SupervisorError;
use super::handle::{Door, SupervisorHandle};
use super::policy::{self, AutoShutdown, Children, Rules, Strategy};
use super::rule::Shutdown;

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
    kin: Children,
    intensity: u32,
    period: Duration,
    auto_shutdown: AutoShutdown,
    /// What runs shares them.
    children: Vec<Arc<ChildSpec>>,
    door: Arc<Door>,
}

impl Supervisor {
    /// A supervisor without children, with OTP's customary limit: more than 3 restarts in 5 seconds are too many.
    pub fn new(name: impl Into<String>, strategy: Strategy) -> Self {
        Self::with(name.into(), Children::Listed(strategy))
    }

    /// A supervisor whose children come from one template.
    pub(super) fn alike(name: String) -> Self {
        Self::with(name, Children::Alike)
    }

    fn with(name: String, kin: Children) -> Self {
        Self {
            name: Arc::from(name),
            kin,
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
        self.children.push(Arc::new(child.into_child()));
        self
    }

    /// The supervisor's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The children in the order they start in.
    pub fn children(&self) -> impl Iterator<Item = &ChildSpec> {
        self.children.iter().map(Arc::as_ref)
    }

    pub(super) fn shared_children(&self) -> impl Iterator<Item = &Arc<ChildSpec>> {
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

    /// Whether the whole tree below may start: OTP's `check_childspecs/2`. `start` and the operator check it too.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// let twice = |id: &str| ChildSpec::worker(id, |cx: ChildContext| async move { cx.ready() });
    /// let tree = Supervisor::new("tree", Strategy::OneForOne).child(twice("a")).child(twice("a"));
    /// assert!(tree.check_childspecs().is_err());
    /// ```
    ///
    /// # Errors
    /// The first rule that a spec breaks.
    pub fn check_childspecs(&self) -> Result<(), SupervisorError> {
        self.check()?;
        self.children.iter().try_for_each(|child| match child.start() {
            Start::Supervisor(supervisor) => supervisor.check_childspecs(),
            Start::Worker(_) => Ok(()),
        })
    }

    pub(super) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn door(&self) -> &Arc<Door> {
        &self.door
    }

    pub(super) fn rules(&self) -> Rules {
        Rules { children: self.kin, auto_shutdown: self.auto_shutdown, intensity: self.intensity, period: self.period }
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

    /// The rules for one child, which a child started later must keep too.
    pub(crate) fn check_child(&self, child: &ChildSpec) -> Result<(), SupervisorError> {
        let refused = |refusal| SupervisorError::refused(refusal, &self.name, child.id.clone());
        policy::check(child.terms(), self.auto_shutdown).map_err(refused)?;
        let id = || child.id.clone();
        match child.restart_delay {
            Some((min, max)) if min > max => return Err(SupervisorError::InvalidRestartDelay { id: id(), min, max }),
            _ => {}
        }
        for (limit, given) in [("health", child.health), ("blocked_after", child.blocked_after)] {
            if given.is_some_and(|given| given.is_zero()) {
                return Err(SupervisorError::NoLimit { id: id(), limit });
            }
        }
        Ok(())
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
            .field("strategy", &self.kin)
            .field("children", &self.children)
            .finish_non_exhaustive()
    }
}
