//! Owns what is seen of an operator from the admin port: its parts, gathered at its start, and looks at them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::health::Vitals;
use super::report::Report;
use super::snapshot::{self, Snapshot};
use crate::dispatch::{Live, WatchFigures};
use crate::env::Clock;
use crate::supervisor::{SupervisorHandle, Verb};

/// A look that is no older than this is shown to all who ask.
const FRESH: Duration = Duration::from_millis(250);

/// An operator, as the admin port sees it.
pub(crate) struct Window {
    pub(super) operator: Arc<str>,
    pub(super) live: Arc<Live>,
    pub(super) tree: SupervisorHandle,
    /// Cancelled when the operator is asked to stop.
    pub(super) stopping: CancellationToken,
    pub(super) stale_limit: Duration,
    pub(super) clock: Clock,
    since: Instant,
    started: AtomicBool,
    /// Where the admin port listens, where there is one.
    listens: Mutex<Option<SocketAddr>>,
    report: Mutex<Option<Arc<Report>>>,
    /// The last look, and when it was taken. Whoever looks holds the lock, so that many who ask are one who looks.
    last: tokio::sync::Mutex<Option<(Instant, Arc<Snapshot>)>>,
}

impl Window {
    pub(crate) fn new(
        operator: Arc<str>,
        live: Arc<Live>,
        tree: SupervisorHandle,
        stopping: CancellationToken,
        stale_limit: Duration,
        clock: Clock,
    ) -> Self {
        Self {
            operator,
            live,
            tree,
            stopping,
            stale_limit,
            since: clock.instant(),
            clock,
            started: AtomicBool::new(false),
            listens: Mutex::default(),
            report: Mutex::default(),
            last: tokio::sync::Mutex::default(),
        }
    }

    /// Every child has started.
    pub(crate) fn everything_started(&self) {
        self.started.store(true, Ordering::Release);
    }

    pub(super) fn listens_on(&self, address: SocketAddr) {
        *self.listens.lock() = Some(address);
    }

    /// Where the admin port listens.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        *self.listens.lock()
    }

    /// The report of the start is written.
    pub(crate) fn reported(&self, report: Arc<Report>) {
        *self.report.lock() = Some(report);
    }

    pub(super) fn report(&self) -> Option<Arc<Report>> {
        self.report.lock().clone()
    }

    pub(super) fn uptime(&self) -> Duration {
        self.clock.instant().saturating_duration_since(self.since)
    }

    /// The child that the operator starts or stops at the moment, with the way down to it, and how long that has taken.
    fn errand(&self) -> Option<(Verb, String, Duration)> {
        let (child, errand) = self.tree.errand()?.innermost();
        Some((errand.verb, child, self.clock.instant().saturating_duration_since(errand.since)))
    }

    pub(super) fn vitals(&self) -> Vitals {
        let figures = self.live.figures();
        Vitals {
            started: self.started.load(Ordering::Acquire),
            waits_for: self.errand().and_then(|(verb, child, takes)| (verb == Verb::Starts).then_some((child, takes))),
            stopping: self.stopping.is_cancelled(),
            controllers: self.live.phases(),
            watches: WatchFigures::each_once(figures.iter().flat_map(|figures| &figures.watches)).cloned().collect(),
        }
    }

    /// What there is to see now.
    pub(super) async fn look(&self) -> Arc<Snapshot> {
        let mut last = self.last.lock().await;
        let now = self.clock.instant();
        if let Some((taken, snapshot)) = &*last
            && now.saturating_duration_since(*taken) < FRESH
        {
            return Arc::clone(snapshot);
        }
        let snapshot = Arc::new(snapshot::take(self).await);
        *last = Some((self.clock.instant(), Arc::clone(&snapshot)));
        snapshot
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window").field("operator", &self.operator).finish_non_exhaustive()
    }
}
