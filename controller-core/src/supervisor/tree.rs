//! Owns a running supervisor: one loop that does what `policy` decides.
//!
//! Everything that can wake it is in [`Wake`]. While it starts or stops one child it hears only that child and
//! its own stop; what else happens meanwhile waits in order, as messages wait for OTP's supervisor.

mod calls;
mod child;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::child_spec::{ChildSpec, Start};
use super::context::{ChildContext, Line};
use super::error::SupervisorError;
use super::exit::Exit;
use super::guard;
use super::handle::Call;
use super::policy::{self, AfterExit, Count, Intensity};
use super::rule::{Restart, Shutdown};
use super::spec::Supervisor;
use crate::env::{self, Clock};
use child::{Child, Gone, Running, State};

/// How long an aborted child may take to be gone. One that never awaits can't be aborted: it is reported and left.
const LEAK_LIMIT: Duration = Duration::from_secs(1);

/// How a supervisor ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// It was asked to.
    Stopped,
    /// It breaks a rule, or a child failed to start.
    Failed(SupervisorError),
    /// This child was restarted more often than the intensity allows.
    GaveUp { child: String, exit: Exit },
    /// The end of a significant child ended it.
    AutoShutdown,
}

/// Everything that can wake a supervisor's loop.
enum Wake {
    Stop,
    Gone(Gone),
    Call(Call),
}

/// What came of starting a child.
enum Started {
    Ready,
    Failed(Exit),
    /// The supervisor was asked to stop before the child was ready.
    Interrupted,
}

struct Tree {
    spec: Arc<Supervisor>,
    cx: ChildContext,
    clock: Clock,
    origin: Instant,
    intensity: Intensity,
    /// By number, which is the order of starting.
    children: BTreeMap<u64, Child>,
    numbers: BTreeMap<Arc<str>, u64>,
    next_number: u64,
    running: FuturesUnordered<Running>,
    /// Ends that were heard while the loop waited for another child.
    gone: VecDeque<Gone>,
    mailbox: mpsc::UnboundedReceiver<Call>,
    itself: mpsc::UnboundedSender<Call>,
}

/// Runs a supervisor until it is asked to stop or ends by its own rules. Its children are stopped by then.
pub(crate) async fn supervise(spec: Arc<Supervisor>, cx: ChildContext) -> End {
    if let Err(error) = spec.check() {
        return End::Failed(error);
    }
    let mut tree = Tree::new(spec, cx);
    let end = match tree.run().await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    for child in tree.numbers_in(0..=u64::MAX).into_iter().rev() {
        tree.terminate(child).await;
    }
    end
}

/// A child's future. Panics while it is made, run and dropped end this child alone.
fn launch(start: Start, cx: ChildContext) -> BoxFuture<'static, Exit> {
    match start {
        Start::Worker(start) => start(cx),
        Start::Supervisor(spec) => supervise(spec, cx).map(End::into_exit).boxed(),
    }
}

enum Never {}

impl Tree {
    fn new(spec: Arc<Supervisor>, cx: ChildContext) -> Self {
        let clock = cx.scope().map_or_else(Clock::system, |scope| scope.clock.clone());
        let (limit, period) = spec.limits();
        let (itself, mailbox) = spec.door().open();
        let mut tree = Self {
            origin: clock.instant(),
            clock,
            cx,
            intensity: Intensity::new(limit, period),
            children: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next_number: 0,
            running: FuturesUnordered::new(),
            gone: VecDeque::new(),
            mailbox,
            itself,
            spec: Arc::clone(&spec),
        };
        for child in spec.children() {
            tree.insert(child.clone());
        }
        tree
    }

    async fn run(&mut self) -> Result<Never, End> {
        for number in self.numbers_in(0..=u64::MAX) {
            match self.start(number).await {
                Started::Ready => {}
                Started::Interrupted => return Err(End::Stopped),
                Started::Failed(exit) => {
                    let id = self.id(number).to_string();
                    tracing::error!(supervisor = self.spec.name(), child = id, reason = %exit, "a child failed to start");
                    return Err(End::Failed(SupervisorError::FailedToStart { id, exit }));
                }
            }
        }
        self.cx.ready();
        loop {
            match self.wake().await {
                Wake::Stop => return Err(End::Stopped),
                Wake::Gone(gone) => self.child_gone(gone).await?,
                Wake::Call(call) => self.answer(call).await?,
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        if self.cx.is_stopping() {
            return Wake::Stop;
        }
        if let Some(gone) = self.gone.pop_front() {
            return Wake::Gone(gone);
        }
        tokio::select! {
            biased;
            () = self.cx.line().asked_to_stop() => Wake::Stop,
            Some(gone) = self.running.next() => Wake::Gone(gone),
            Some(call) = self.mailbox.recv() => Wake::Call(call),
        }
    }

    /// A child ended by itself.
    async fn child_gone(&mut self, gone: Gone) -> Result<(), End> {
        let Some(child) = self.children.get_mut(&gone.child).filter(|child| child.starts == gone.start) else {
            return Ok(());
        };
        if !matches!(child.state, State::Up { .. }) {
            return Ok(());
        }
        child.state = State::Down;
        child.last_exit = Some(gone.exit.clone());
        let after = policy::after_exit(child.spec.restart, gone.exit.is_normal());
        if after == AfterExit::Restart {
            return self.restart(gone.child, gone.exit).await;
        }
        let (id, significant) = (Arc::clone(&child.id), child.spec.significant);
        if gone.exit.is_normal() {
            tracing::info!(supervisor = self.spec.name(), child = &*id, reason = %gone.exit, "a child ended");
        } else {
            tracing::error!(supervisor = self.spec.name(), child = &*id, reason = %gone.exit, "a child ended and is not restarted");
        }
        if after == AfterExit::Forget {
            self.forget(gone.child);
        }
        let others = self.children.values().filter(|child| child.spec.significant);
        let alive = others.map(|child| !matches!(child.state, State::Down));
        if policy::shuts_down(self.spec.auto_shutdown_rule(), significant, alive) {
            tracing::info!(
                supervisor = self.spec.name(),
                child = &*id,
                "the end of a significant child ends its supervisor"
            );
            return Err(End::AutoShutdown);
        }
        Ok(())
    }

    /// Counts a restart and does it, with the siblings that the strategy takes along.
    async fn restart(&mut self, number: u64, exit: Exit) -> Result<(), End> {
        let now = self.clock.instant().saturating_duration_since(self.origin);
        let count = self.intensity.add(now);
        let Some(child) = self.children.get_mut(&number) else { return Ok(()) };
        let (limit, period) = self.spec.limits();
        match count {
            Count::Within(count) => {
                child.restarts += 1;
                tracing::warn!(
                    supervisor = self.spec.name(),
                    child = &*child.id,
                    reason = %exit,
                    restarts = child.restarts,
                    "restarting a child, the supervisor's restart {count} of at most {limit} in {period:?}"
                );
            }
            Count::Exceeded(count) => {
                child.state = State::Down;
                let id = child.id.to_string();
                tracing::error!(
                    supervisor = self.spec.name(),
                    child = id,
                    reason = %exit,
                    restarts = child.restarts,
                    "giving up: restart {count} in {period:?} is more than {limit}"
                );
                return Err(End::GaveUp { child: id, exit });
            }
        }
        let group = self.numbers_in(policy::restarted(self.spec.strategy(), number));
        for sibling in group.iter().rev() {
            self.terminate(*sibling).await;
            if self.children.get(sibling).is_some_and(|child| child.spec.restart == Restart::Temporary) {
                self.forget(*sibling);
            }
        }
        for sibling in group {
            if !self.children.contains_key(&sibling) {
                continue;
            }
            match self.start(sibling).await {
                Started::Ready => {}
                Started::Interrupted => return Err(End::Stopped),
                Started::Failed(exit) => {
                    tracing::error!(supervisor = self.spec.name(), child = &*self.id(sibling), reason = %exit, "a restart failed");
                    if let Some(child) = self.children.get_mut(&sibling) {
                        child.state = State::Restarting;
                    }
                    // Through the mailbox, so that calls and a stop are heard between two tries.
                    let _ = self.itself.send(Call::TryAgain(sibling));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Starts a child and waits until it is ready, however long that takes.
    async fn start(&mut self, number: u64) -> Started {
        if self.cx.is_stopping() {
            return Started::Interrupted;
        }
        let Some(child) = self.children.get_mut(&number) else { return Started::Interrupted };
        child.starts += 1;
        let start = child.starts;
        let line = Line::new(Arc::clone(&child.id), self.cx.scope().cloned());
        let (launched, cx) = (child.spec.start().clone(), line.context());
        let task = env::spawn(guard::run(Arc::clone(&line), move || launch(launched, cx)));
        let since = self.clock.instant();
        child.state = State::Up { line: Arc::clone(&line), abort: task.abort_handle(), since };
        self.running.push(Running { child: number, start, task });
        loop {
            let gone = tokio::select! {
                biased;
                () = line.readiness() => return Started::Ready,
                () = self.cx.line().asked_to_stop() => return Started::Interrupted,
                Some(gone) = self.running.next() => gone,
            };
            if (gone.child, gone.start) != (number, start) {
                self.gone.push_back(gone);
                continue;
            }
            // It may have said ready and ended before this loop was polled.
            if line.is_ready() {
                self.gone.push_back(gone);
                return Started::Ready;
            }
            if let Some(child) = self.children.get_mut(&number) {
                child.state = State::Down;
                child.last_exit = Some(gone.exit.clone());
            }
            return Started::Failed(gone.exit);
        }
    }

    /// Stops a child by its `shutdown` and waits until it is gone.
    async fn terminate(&mut self, number: u64) {
        let Some(child) = self.children.get_mut(&number) else { return };
        let State::Up { line, abort, .. } = std::mem::replace(&mut child.state, State::Down) else { return };
        let (id, start, shutdown) = (Arc::clone(&child.id), child.starts, child.spec.shutdown);
        let gone = match shutdown {
            Shutdown::BrutalKill => None,
            Shutdown::After(limit) => {
                line.ask_to_stop();
                self.gone_within(number, start, Some(limit)).await
            }
            Shutdown::Infinity => {
                line.ask_to_stop();
                self.gone_within(number, start, None).await
            }
        };
        let supervisor = self.spec.name();
        let exit = match gone {
            Some(Exit::Normal | Exit::Shutdown) => {
                tracing::debug!(supervisor, child = &*id, "a child stopped");
                Exit::Shutdown
            }
            Some(exit) => {
                tracing::warn!(supervisor, child = &*id, reason = %exit, "a child failed while it was stopped");
                exit
            }
            None => {
                abort.abort();
                let supervisor = Arc::clone(&self.spec);
                let supervisor = supervisor.name();
                let gone = self.gone_within(number, start, Some(LEAK_LIMIT)).await;
                match (&gone, shutdown) {
                    (None, _) => tracing::error!(
                        supervisor,
                        child = &*id,
                        "a child is leaked: it was aborted and goes on without an await; it is left behind"
                    ),
                    (Some(_), Shutdown::BrutalKill) => tracing::debug!(supervisor, child = &*id, "a child was killed"),
                    (Some(_), _) => {
                        tracing::warn!(
                            supervisor,
                            child = &*id,
                            "a child did not stop within {shutdown} and was aborted"
                        );
                    }
                }
                gone.filter(|exit| matches!(exit, Exit::Panic(_))).unwrap_or(Exit::Killed)
            }
        };
        if let Some(child) = self.children.get_mut(&number) {
            child.last_exit = Some(exit);
        }
    }

    /// Waits for the end of one start of a child. Other ends are kept for later.
    async fn gone_within(&mut self, child: u64, start: u64, limit: Option<Duration>) -> Option<Exit> {
        if let Some(at) = self.gone.iter().position(|gone| (gone.child, gone.start) == (child, start)) {
            return self.gone.remove(at).map(|gone| gone.exit);
        }
        let deadline = limit.map(|limit| self.clock.instant().checked_add(limit));
        let timer = async {
            match deadline.flatten() {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let mut timer = std::pin::pin!(timer);
        loop {
            tokio::select! {
                biased;
                Some(gone) = self.running.next() => {
                    if (gone.child, gone.start) == (child, start) {
                        return Some(gone.exit);
                    }
                    self.gone.push_back(gone);
                }
                () = &mut timer => return None,
            }
        }
    }

    fn insert(&mut self, spec: ChildSpec) -> u64 {
        let (number, id) = (self.next_number, Arc::<str>::from(spec.id.as_str()));
        self.next_number += 1;
        self.numbers.insert(Arc::clone(&id), number);
        let child = Child { id, spec, state: State::Down, starts: 0, restarts: 0, last_exit: None };
        self.children.insert(number, child);
        number
    }

    fn forget(&mut self, number: u64) {
        if let Some(child) = self.children.remove(&number) {
            self.numbers.remove(&child.id);
        }
    }

    fn find(&self, id: &str) -> Option<u64> {
        self.numbers.get(id).copied()
    }

    fn id(&self, number: u64) -> Arc<str> {
        self.children.get(&number).map_or_else(|| Arc::from(""), |child| Arc::clone(&child.id))
    }

    fn not_found(&self, id: String) -> SupervisorError {
        SupervisorError::NotFound { supervisor: self.spec.name().to_owned(), id }
    }

    fn numbers_in(&self, range: std::ops::RangeInclusive<u64>) -> Vec<u64> {
        self.children.range(range).map(|(number, _)| *number).collect()
    }
}

impl End {
    /// What a parent sees: a supervisor that gave up ends with `Shutdown`, as in OTP.
    pub(crate) fn into_exit(self) -> Exit {
        match self {
            Self::Failed(error) => Exit::error(error),
            Self::Stopped | Self::GaveUp { .. } | Self::AutoShutdown => Exit::Shutdown,
        }
    }
}
