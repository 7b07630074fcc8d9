//! Owns one child of a running supervisor: its spec, its history, and the task of its present start.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::env::{self, Task};
use crate::supervisor::blocked::Polls;
use crate::supervisor::child_handle::ChildHandle;
use crate::supervisor::child_spec::{ChildSpec, Start};
use crate::supervisor::exit::Exit;
use crate::supervisor::handle::{ChildInfo, ChildState, Door};
use crate::supervisor::line::Line;
use crate::supervisor::policy::{Entry, State};

pub(super) struct Child {
    pub(super) spec: Arc<ChildSpec>,
    pub(super) starts: u64,
    pub(super) restarts: u64,
    pub(super) last_exit: Option<Exit>,
}

/// One start of one child, under way.
pub(super) struct Run {
    pub(super) line: Arc<Line>,
    pub(super) abort: AbortHandle,
}

impl Drop for Run {
    /// Whoever monitors a child hears of its end also where the supervisor itself is dropped.
    fn drop(&mut self) {
        self.line.say_exit(Exit::Killed);
    }
}

/// The end of one start of one child.
pub(super) struct Gone {
    pub(super) child: u64,
    pub(super) start: u64,
    pub(super) exit: Exit,
}

/// The task of one start of one child.
pub(super) struct Running {
    pub(super) child: u64,
    pub(super) start: u64,
    pub(super) task: Task<Exit>,
}

impl Future for Running {
    type Output = Gone;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Gone> {
        let ended = std::task::ready!(Pin::new(&mut self.task).poll(cx));
        let exit = match ended {
            env::Ended::Value(exit) => exit,
            env::Ended::Panic(message) => Exit::Panic(message.into()),
            env::Ended::Aborted => Exit::Killed,
        };
        Poll::Ready(Gone { child: self.child, start: self.start, exit })
    }
}

/// What `which_children` tells of a child at `now`.
pub(super) fn info(number: u64, entry: &Entry<Child, Run>, door: &Arc<Door>, now: Duration) -> ChildInfo {
    let child = &entry.child;
    let line = entry.run().map(|run| &run.line);
    ChildInfo {
        id: entry.id.to_string(),
        state: match entry.state() {
            State::Up(_) => ChildState::Running,
            State::Restarting(_) => ChildState::Restarting,
            State::Down => ChildState::Ended,
        },
        kind: child.spec.kind(),
        restarts: child.restarts,
        last_exit: child.last_exit.clone(),
        uptime: line.map(|_| now.saturating_sub(entry.up_since())),
        blocked: line.and_then(|line| line.polls()).map_or(0, Polls::found),
        handle: line.map(|line| ChildHandle { number, line: Arc::clone(line), door: Arc::clone(door) }),
        controller: child.spec.controller_facts().map(|facts| facts.descriptor.name()),
        supervisor: match child.spec.start() {
            Start::Supervisor(supervisor) => Some(supervisor.handle()),
            Start::Worker(_) => None,
        },
    }
}
