//! Owns how children are stopped: one at a time by their `shutdown`, or all at once where they come from a template.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Tree;
use crate::supervisor::errand::Verb;
use crate::supervisor::exit::Exit;
use crate::supervisor::guard::Gone;
use crate::supervisor::line::Line;
use crate::supervisor::policy::Children;
use crate::supervisor::rule::Shutdown;

/// How long an aborted child may take to be gone. One that never awaits can't be aborted: it is reported and left.
const LEAK_LIMIT: Duration = Duration::from_secs(1);

/// One child that is being stopped.
#[derive(Clone)]
struct Leaving {
    line: Arc<Line>,
    abort: AbortHandle,
    shutdown: Shutdown,
}

/// How far the stop of one of many children is.
enum Stage {
    /// It has its `shutdown`.
    Asked,
    /// It has [`LEAK_LIMIT`].
    Aborted,
}

impl Tree {
    /// Stops every child: in reverse order, or side by side where they are alike.
    pub(super) async fn stop_all(&mut self) {
        let running = self.roster.running();
        match self.roster.rules().children {
            Children::Listed(_) => {
                for number in running {
                    self.terminate(number).await;
                }
            }
            Children::Alike => self.terminate_together(running).await,
        }
    }

    /// Stops a child by its `shutdown` and waits until it is gone.
    pub(super) async fn terminate(&mut self, number: u64) {
        if let Some(leaving) = self.leaving(number) {
            let _busy = self.busy(Verb::Stops, &leaving.line);
            let limit = match leaving.shutdown {
                Shutdown::BrutalKill => None,
                Shutdown::After(limit) => Some(Some(limit)),
                Shutdown::Infinity => Some(None),
            };
            let gone = match limit {
                None => None,
                Some(limit) => {
                    leaving.line.ask_to_stop();
                    self.gone_within(&leaving.line, limit).await
                }
            };
            match gone {
                Some(exit) => self.left(&leaving, exit),
                None => {
                    leaving.abort.abort();
                    let gone = self.gone_within(&leaving.line, Some(LEAK_LIMIT)).await;
                    self.aborted(&leaving, gone);
                }
            }
        }
        self.alarms.cancel(number);
        self.roster.stopped(number);
    }

    /// Aborts a child and waits until it is gone. What follows from its end is the caller's to say.
    pub(super) async fn kill(&mut self, number: u64) -> Exit {
        let Some(leaving) = self.leaving(number) else { return Exit::Killed };
        leaving.abort.abort();
        let gone = self.gone_within(&leaving.line, Some(LEAK_LIMIT)).await;
        if gone.is_none() {
            self.tell_of_leak(leaving.line.id());
        }
        gone.unwrap_or(Exit::Killed)
    }

    /// Asks all of them to stop, then waits: each has its own time, and all times run side by side.
    async fn terminate_together(&mut self, numbers: Vec<u64>) {
        let now = self.clock.instant();
        let (mut leaving, mut deadlines) = (BTreeMap::new(), BTreeSet::new());
        for number in numbers {
            let Some(child) = self.leaving(number) else { continue };
            let limit = match child.shutdown {
                Shutdown::BrutalKill => Some(Duration::ZERO),
                Shutdown::After(limit) => Some(limit),
                Shutdown::Infinity => None,
            };
            if child.shutdown != Shutdown::BrutalKill {
                child.line.ask_to_stop();
            }
            deadlines.extend(limit.and_then(|limit| now.checked_add(limit)).map(|at| (at, number)));
            leaving.insert(number, (child, Stage::Asked));
        }
        while !leaving.is_empty() {
            let gone = match self.gone.pop_front() {
                Some(gone) => Some(gone),
                None => self.next_gone(deadlines.first().map(|(at, _)| *at)).await,
            };
            if let Some(gone) = gone {
                // One that was left behind may end now too: that is the end of an earlier start.
                let number = gone.line.number();
                if leaving.get(&number).is_none_or(|(child, _)| !Arc::ptr_eq(&child.line, &gone.line)) {
                    continue;
                }
                match leaving.remove(&number) {
                    Some((child, Stage::Aborted)) => self.aborted(&child, Some(gone.exit)),
                    Some((child, Stage::Asked)) => self.left(&child, gone.exit),
                    None => {}
                }
                self.roster.stopped(number);
                continue;
            }
            let Some((at, number)) = deadlines.pop_first() else { continue };
            match leaving.get_mut(&number) {
                None => {}
                Some((child, stage @ Stage::Asked)) => {
                    child.abort.abort();
                    *stage = Stage::Aborted;
                    deadlines.extend(at.checked_add(LEAK_LIMIT).map(|leak| (leak, number)));
                }
                Some((child, Stage::Aborted)) => {
                    let child = child.clone();
                    leaving.remove(&number);
                    self.aborted(&child, None);
                    self.roster.stopped(number);
                }
            }
        }
    }

    fn leaving(&self, number: u64) -> Option<Leaving> {
        let entry = self.roster.get(number)?;
        let run = entry.run()?;
        Some(Leaving {
            line: Arc::clone(&run.line),
            abort: run.task.abort_handle(),
            shutdown: entry.child.spec.shutdown,
        })
    }

    /// A child ended while it was asked to stop.
    fn left(&mut self, child: &Leaving, exit: Exit) {
        let (supervisor, id) = (self.spec.name(), child.line.id());
        if exit.is_normal() {
            tracing::debug!(supervisor, child = id, "a child stopped");
            self.ended(&child.line, Exit::Shutdown);
        } else {
            tracing::warn!(supervisor, child = id, reason = %exit, "a child failed while it was stopped");
            self.ended(&child.line, exit);
        }
    }

    /// A child was aborted, and is gone or not.
    fn aborted(&mut self, child: &Leaving, gone: Option<Exit>) {
        let (supervisor, id, shutdown) = (self.spec.name(), child.line.id(), child.shutdown);
        match (&gone, shutdown) {
            (None, _) => self.tell_of_leak(id),
            (Some(_), Shutdown::BrutalKill) => tracing::debug!(supervisor, child = id, "a child was killed"),
            (Some(_), _) => {
                tracing::warn!(supervisor, child = id, "a child did not stop within {shutdown} and was aborted");
            }
        }
        let exit = gone.filter(|exit| matches!(exit, Exit::Panic(_))).unwrap_or(Exit::Killed);
        self.ended(&child.line, exit);
    }

    fn tell_of_leak(&self, id: &str) {
        tracing::error!(
            supervisor = self.spec.name(),
            child = id,
            "a child is leaked: it was aborted and goes on without an await; it is left behind"
        );
    }

    /// Waits for the end of one start of a child. Other ends are kept for later.
    async fn gone_within(&mut self, line: &Arc<Line>, limit: Option<Duration>) -> Option<Exit> {
        if let Some(at) = self.gone.iter().position(|gone| Arc::ptr_eq(&gone.line, line)) {
            return self.gone.remove(at).map(|gone| gone.exit);
        }
        let deadline = limit.and_then(|limit| self.clock.instant().checked_add(limit));
        loop {
            let gone = self.next_gone(deadline).await?;
            if Arc::ptr_eq(&gone.line, line) {
                return Some(gone.exit);
            }
            self.gone.push_back(gone);
        }
    }

    /// The next end of any child. None where the deadline comes first.
    async fn next_gone(&mut self, deadline: Option<Instant>) -> Option<Gone> {
        let timer = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(gone) = self.ends.recv() => Some(gone),
            () = timer => None,
        }
    }
}
