//! Owns one child of a running supervisor: its spec, its state, and the task of its present start.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::env::{self, Task};
use crate::supervisor::child_spec::{ChildSpec, Start};
use crate::supervisor::context::Line;
use crate::supervisor::exit::Exit;
use crate::supervisor::handle::{ChildInfo, ChildState};

pub(super) struct Child {
    pub(super) id: Arc<str>,
    pub(super) spec: ChildSpec,
    pub(super) state: State,
    pub(super) starts: u64,
    pub(super) restarts: u64,
    pub(super) last_exit: Option<Exit>,
}

pub(super) enum State {
    Up { line: Arc<Line>, abort: AbortHandle, since: Instant },
    Restarting,
    Down,
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

impl Child {
    pub(super) fn info(&self, now: Instant) -> ChildInfo {
        ChildInfo {
            id: self.spec.id.clone(),
            state: match self.state {
                State::Up { .. } => ChildState::Running,
                State::Restarting => ChildState::Restarting,
                State::Down => ChildState::Ended,
            },
            kind: self.spec.kind(),
            restarts: self.restarts,
            last_exit: self.last_exit.clone(),
            uptime: match self.state {
                State::Up { since, .. } => Some(now.saturating_duration_since(since)),
                State::Restarting | State::Down => None,
            },
            controller: self.spec.controller_facts().map(|facts| facts.descriptor.name()),
            supervisor: match self.spec.start() {
                Start::Supervisor(supervisor) => Some(supervisor.handle()),
                Start::Worker(_) => None,
            },
        }
    }
}
