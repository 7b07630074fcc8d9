//! Owns a running supervisor: one loop that does what `policy` plans.
//!
//! Everything that can wake it is in [`Wake`]. While it starts or stops one child it hears only that child and
//! its own stop; what else happens meanwhile waits in order, as messages wait for OTP's supervisor.

mod alarms;
mod calls;
mod child;
mod start;
mod stop;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::blocked::Lookout;
use super::child_spec::{ChildSpec, Start};
use super::context::ChildContext;
use super::errand::{Busy, Errand, Verb};
use super::error::SupervisorError;
use super::exit::Exit;
use super::guard::Gone;
use super::handle::Call;
use super::line::Line;
use super::policy::{AfterExit, Ending, Entry, Pulse, Roster, Step, judge};
use super::spec::Supervisor;
use crate::env::Clock;
use alarms::{Alarm, Alarms};
use child::{Child, Run};
use start::Started;

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
    Alarm(u64, Alarm),
    Call(Call),
}

struct Tree {
    spec: Arc<Supervisor>,
    cx: ChildContext,
    clock: Clock,
    origin: Instant,
    roster: Roster<Child, Run>,
    /// The ends of children, which each tells from its own task.
    ends: mpsc::UnboundedReceiver<Gone>,
    tell_end: mpsc::UnboundedSender<Gone>,
    /// Ends that were heard while the loop waited for another child.
    gone: VecDeque<Gone>,
    alarms: Alarms,
    /// Who sees children that block, where one is to be seen.
    lookout: Option<Lookout>,
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
    tree.stop_all().await;
    end
}

enum Never {}

impl Tree {
    fn new(spec: Arc<Supervisor>, cx: ChildContext) -> Self {
        let clock = cx.scope().map_or_else(Clock::system, |scope| scope.clock.clone());
        let (itself, mailbox) = spec.door().open();
        let (tell_end, ends) = mpsc::unbounded_channel();
        let mut tree = Self {
            origin: clock.instant(),
            clock,
            cx,
            roster: Roster::new(spec.rules()),
            ends,
            tell_end,
            gone: VecDeque::new(),
            alarms: Alarms::default(),
            lookout: None,
            mailbox,
            itself,
            spec: Arc::clone(&spec),
        };
        for child in spec.shared_children() {
            tree.insert(Arc::clone(child));
        }
        tree
    }

    async fn run(&mut self) -> Result<Never, End> {
        self.roster.start_all();
        self.proceed().await?;
        self.cx.ready();
        loop {
            match self.wake().await {
                Wake::Stop => return Err(End::Stopped),
                Wake::Gone(gone) => self.child_gone(gone),
                Wake::Alarm(number, Alarm::Restart) => self.roster.due(number),
                Wake::Alarm(number, Alarm::Health(due)) => self.look_at(number, due).await,
                Wake::Call(call) => self.answer(call).await?,
            }
            self.proceed().await?;
        }
    }

    async fn wake(&mut self) -> Wake {
        loop {
            if self.cx.is_stopping() {
                return Wake::Stop;
            }
            if let Some(gone) = self.gone.pop_front() {
                return Wake::Gone(gone);
            }
            if let Some((number, alarm)) = self.alarms.rings(self.now()) {
                return Wake::Alarm(number, alarm);
            }
            let alarm = self.alarms.next().and_then(|at| self.origin.checked_add(at));
            let rings = async {
                match alarm {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.cx.line().asked_to_stop() => return Wake::Stop,
                Some(gone) = self.ends.recv() => return Wake::Gone(gone),
                () = rings => {}
                Some(call) = self.mailbox.recv() => return Wake::Call(call),
            }
        }
    }

    /// Does what is planned, until nothing is.
    async fn proceed(&mut self) -> Result<(), End> {
        while let Some(step) = self.roster.next() {
            match step {
                Step::Stop(number) => self.terminate(number).await,
                Step::Start(number) => match self.start(number).await {
                    Started::Ready => {}
                    Started::Ignored => self.roster.ignored(number),
                    Started::Interrupted => return Err(End::Stopped),
                    Started::Failed(exit) => {
                        let (supervisor, child) = (self.spec.name(), &*self.id(number));
                        tracing::error!(supervisor, child, reason = %exit, "a child failed to start");
                        self.roster.failed(number);
                    }
                },
                // Through the mailbox, so that calls and a stop are heard between two tries.
                Step::TryAgain(number) => {
                    let _ = self.itself.send(Call::TryAgain(number));
                }
                Step::Later(number, wait) => self.alarms.set(number, Alarm::Restart, self.now().saturating_add(wait)),
                Step::End(ending) => return Err(self.end_of(ending)),
            }
        }
        Ok(())
    }

    /// A child ended by itself.
    fn child_gone(&mut self, Gone { line, exit }: Gone) {
        let number = line.number();
        // One that was left behind may end too: that is the end of an earlier start.
        let is_present = |run: &Run| Arc::ptr_eq(&run.line, &line);
        if !self.roster.get(number).and_then(Entry::run).is_some_and(is_present) {
            return;
        }
        self.ended(&line, exit.clone());
        self.alarms.cancel(number);
        let now = self.now();
        let after = self.roster.exited(number, exit.is_normal(), now);
        self.tell(number, line.id(), &exit, after);
    }

    /// How one start of a child ended, for those who ask.
    fn ended(&mut self, line: &Line, exit: Exit) {
        line.say_exit(exit.clone());
        if let Some(child) = self.roster.child_mut(line.number()) {
            child.last_exit = Some(exit);
        }
    }

    /// The turn of a child whose start failed.
    fn try_again(&mut self, number: u64) {
        let now = self.now();
        let after = self.roster.again(number, now);
        let Some(entry) = self.roster.get(number) else { return };
        let (id, exit) = (Arc::clone(&entry.id), entry.child.last_exit.clone().unwrap_or(Exit::Killed));
        self.tell(number, &id, &exit, after);
    }

    /// One line of the log for what follows from an end.
    fn tell(&mut self, number: u64, id: &str, exit: &Exit, after: Option<AfterExit>) {
        let supervisor = Arc::clone(&self.spec);
        let (supervisor, rules) = (supervisor.name(), *self.roster.rules());
        let (limit, period) = (rules.intensity, rules.period);
        let restarts = self.roster.child_mut(number).map_or(0, |child| {
            child.restarts += u64::from(matches!(after, Some(AfterExit::Restarts(_))));
            child.restarts
        });
        match after {
            None => {}
            Some(AfterExit::Restarts(count)) => tracing::warn!(
                supervisor,
                child = id,
                reason = %exit,
                restarts,
                "restarting a child, the supervisor's restart {count} of at most {limit} in {period:?}"
            ),
            Some(AfterExit::TooMany(count)) => tracing::error!(
                supervisor,
                child = id,
                reason = %exit,
                restarts,
                "giving up: restart {count} in {period:?} is more than {limit}"
            ),
            Some(AfterExit::Kept | AfterExit::Forgotten) if exit.is_normal() => {
                tracing::info!(supervisor, child = id, reason = %exit, "a child ended");
            }
            Some(AfterExit::Kept | AfterExit::Forgotten) => {
                tracing::error!(supervisor, child = id, reason = %exit, "a child ended and is not restarted");
            }
        }
    }

    fn end_of(&self, ending: Ending) -> End {
        let named = |number| (self.id(number).to_string(), self.last_exit(number));
        match ending {
            Ending::FailedToStart(number) => {
                let (id, exit) = named(number);
                End::Failed(SupervisorError::FailedToStart { id, exit })
            }
            Ending::GaveUp(number) => {
                let (child, exit) = named(number);
                End::GaveUp { child, exit }
            }
            Ending::AutoShutdown => {
                tracing::info!(supervisor = self.spec.name(), "the end of a significant child ends its supervisor");
                End::AutoShutdown
            }
        }
    }

    fn expect_sign(&mut self, number: u64, due: Duration) {
        self.alarms.set(number, Alarm::Health(due), due);
    }

    /// The health limit of a child is over: it has shown a sign of life, or is killed as if it had crashed.
    async fn look_at(&mut self, number: u64, due: Duration) {
        let Some(entry) = self.roster.get(number) else { return };
        let (Some(run), Some(limit)) = (entry.run(), entry.child.spec.health) else { return };
        match judge(limit, run.line.last_sign(), due, self.now()) {
            Pulse::LooksAgain(at) => self.expect_sign(number, at),
            Pulse::Deaf => {
                let (line, supervisor) = (Arc::clone(&run.line), self.spec.name());
                tracing::warn!(
                    supervisor,
                    child = line.id(),
                    "a child has shown no sign of life for {limit:?}: it is killed"
                );
                let exit = self.kill(number).await;
                self.child_gone(Gone { line, exit });
            }
        }
    }

    fn insert(&mut self, spec: Arc<ChildSpec>) -> u64 {
        let number = self.spec.door().number();
        self.insert_as(number, spec);
        number
    }

    fn insert_as(&mut self, number: u64, spec: Arc<ChildSpec>) {
        let (id, terms) = (Arc::from(spec.id.as_str()), spec.terms());
        self.roster.insert(number, id, terms, Child { spec, restarts: 0, last_exit: None });
    }

    /// Says what the supervisor does while it hears no calls, until what it gives is dropped.
    fn busy(&self, verb: Verb, line: &Line) -> Busy {
        let below = self.roster.get(line.number()).and_then(|entry| match entry.child.spec.start() {
            Start::Supervisor(supervisor) => Some(supervisor.handle()),
            Start::Worker(_) => None,
        });
        let errand = Errand { verb, child: line.shared_id(), since: self.clock.instant(), below };
        Busy::with(self.spec.door(), errand)
    }

    /// The time since the supervisor started.
    fn now(&self) -> Duration {
        self.clock.instant().saturating_duration_since(self.origin)
    }

    fn id(&self, number: u64) -> Arc<str> {
        self.roster.get(number).map_or_else(|| Arc::from(""), |entry| Arc::clone(&entry.id))
    }

    fn last_exit(&self, number: u64) -> Exit {
        self.roster.get(number).and_then(|entry| entry.child.last_exit.clone()).unwrap_or(Exit::Killed)
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
