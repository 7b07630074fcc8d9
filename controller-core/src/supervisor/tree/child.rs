//! Owns one child of a running supervisor: its spec, its history, and the task of its present start.

use std::sync::Arc;
use std::time::Duration;

use crate::env::Task;
use crate::supervisor::blocked::Polls;
use crate::supervisor::child_handle::ChildHandle;
use crate::supervisor::child_spec::{ChildSpec, Start};
use crate::supervisor::exit::Exit;
use crate::supervisor::handle::{ChildInfo, ChildState, Door};
use crate::supervisor::line::Line;
use crate::supervisor::policy::{Entry, State};

pub(super) struct Child {
    pub(super) spec: Arc<ChildSpec>,
    pub(super) restarts: u64,
    pub(super) last_exit: Option<Exit>,
}

/// One start of one child, under way.
pub(super) struct Run {
    pub(super) line: Arc<Line>,
    pub(super) task: Task<()>,
}

impl Drop for Run {
    /// Whoever monitors a child hears of its end also where the supervisor itself is dropped.
    fn drop(&mut self) {
        self.line.say_exit(Exit::Killed);
    }
}

/// What `which_children` tells of a child at `now`.
pub(super) fn info(entry: &Entry<Child, Run>, door: &Arc<Door>, now: Duration) -> ChildInfo {
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
        handle: line.map(|line| ChildHandle { line: Arc::clone(line), door: Arc::clone(door) }),
        controller: child.spec.controller_facts().map(|facts| facts.descriptor.name()),
        supervisor: match child.spec.start() {
            Start::Supervisor(supervisor) => Some(supervisor.handle()),
            Start::Worker(_) => None,
        },
    }
}
