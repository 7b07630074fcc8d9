//! Owns how a child is started: its task, the wait until it is ready, and what is seen of it from then on.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use super::child::Run;
use super::{Tree, supervise};
use crate::env;
use crate::supervisor::blocked::Lookout;
use crate::supervisor::child_spec::{ChildKind, Start};
use crate::supervisor::context::ChildContext;
use crate::supervisor::errand::Verb;
use crate::supervisor::exit::Exit;
use crate::supervisor::guard::Guarded;
use crate::supervisor::line::Line;

/// How long a child may take to become ready before the log says what its siblings wait for, and how long until it says
/// so again.
const SLOW_START: Duration = Duration::from_secs(10);
const STILL_SLOW: Duration = Duration::from_secs(300);

/// What came of starting a child.
pub(super) enum Started {
    Ready,
    /// It said that there is nothing to run.
    Ignored,
    Failed(Exit),
    /// The supervisor was asked to stop before the child was ready.
    Interrupted,
}

/// A child's future. Panics while it is made, run and dropped end this child alone.
fn future_of(start: Start, cx: ChildContext) -> BoxFuture<'static, Exit> {
    match start {
        Start::Worker(start) => start(cx),
        Start::Supervisor(spec) => async move { cx.beating(supervise(spec, cx.clone())).await.into_exit() }.boxed(),
    }
}

impl Tree {
    /// Starts a child and waits until it is ready, however long that takes.
    pub(super) async fn start(&mut self, number: u64) -> Started {
        if self.cx.is_stopping() {
            return Started::Interrupted;
        }
        let Some(line) = self.launch(number) else { return Started::Interrupted };
        let _busy = self.busy(Verb::Starts, &line);
        let since = self.now();
        let mut slow = std::pin::pin!(tokio::time::sleep(SLOW_START));
        loop {
            let gone = tokio::select! {
                biased;
                () = line.readiness() => return self.is_ready(number, &line),
                () = self.cx.line().asked_to_stop() => return Started::Interrupted,
                Some(gone) = self.ends.recv() => gone,
                () = &mut slow => {
                    self.tell_of_slow_start(&line, self.now().saturating_sub(since));
                    slow.set(tokio::time::sleep(STILL_SLOW));
                    continue;
                }
            };
            if !Arc::ptr_eq(&gone.line, &line) {
                self.gone.push_back(gone);
                continue;
            }
            // It may have said ready and ended before this loop was polled.
            if line.is_ready() {
                self.gone.push_back(gone);
                return self.is_ready(number, &line);
            }
            self.ended(&line, gone.exit.clone());
            let ignored = line.is_ignored() && gone.exit.is_normal();
            return if ignored { Started::Ignored } else { Started::Failed(gone.exit) };
        }
    }

    /// The task of a child's next start.
    fn launch(&mut self, number: u64) -> Option<Arc<Line>> {
        let entry = self.roster.get(number)?;
        let (id, child) = (Arc::clone(&entry.id), &entry.child);
        let (launched, health, blocked_after) =
            (child.spec.start().clone(), child.spec.health, child.spec.blocked_after);
        let mut line = Line::new(number, id);
        if let Some(limit) = health {
            line = line.with_signs(limit, self.clock.clone(), self.origin);
        }
        let seen = blocked_after.map(|limit| {
            let supervisor = Arc::clone(self.spec.shared_name());
            (limit, self.lookout.get_or_insert_with(|| Lookout::start(supervisor)))
        });
        if let Some((limit, lookout)) = &seen {
            line = line.with_polls(lookout.polls(*limit));
        }
        let line = Arc::new(line);
        if let Some((_, lookout)) = seen {
            lookout.watch(&line);
        }
        let cx = ChildContext::new(Arc::clone(&line), self.cx.scope().cloned());
        let task = env::spawn(Guarded::new(Arc::clone(&line), self.tell_end.clone(), move || future_of(launched, cx)));
        self.roster.started(number, Run { line: Arc::clone(&line), task });
        Some(line)
    }

    /// A supervisor that takes long waits for a child of its own, and names that one.
    fn tell_of_slow_start(&self, line: &Line, waits: Duration) {
        let kind = self.roster.get(line.number()).map(|entry| entry.child.spec.kind());
        if kind == Some(ChildKind::Worker) {
            tracing::warn!(
                supervisor = self.spec.name(),
                child = line.id(),
                "a child has not said for {}s that it is ready, and what comes after it waits: call `cx.ready()`",
                waits.as_secs()
            );
        }
    }

    fn is_ready(&mut self, number: u64, line: &Line) -> Started {
        let now = self.now();
        self.roster.ready(number, now);
        if let Some(limit) = self.roster.get(number).and_then(|entry| entry.child.spec.health) {
            line.say_alive();
            self.expect_sign(number, now.saturating_add(limit));
        }
        Started::Ready
    }
}
