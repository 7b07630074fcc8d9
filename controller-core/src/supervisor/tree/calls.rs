//! Owns what a running supervisor answers to calls. The answers are OTP's.

use super::{End, Started, State, Tree};
use crate::supervisor::child_spec::{ChildKind, ChildSpec};
use crate::supervisor::error::SupervisorError;
use crate::supervisor::handle::{Call, ChildCount};
use crate::supervisor::rule::Restart;

impl Tree {
    pub(super) async fn answer(&mut self, call: Call) -> Result<(), End> {
        match call {
            Call::Start(spec, reply) => {
                let answer = self.start_child(*spec).await?;
                let _ = reply.send(answer);
            }
            Call::Terminate(id, reply) => {
                let answer = self.terminate_child(id).await;
                let _ = reply.send(answer);
            }
            Call::Restart(id, reply) => {
                let answer = self.restart_child(id).await?;
                let _ = reply.send(answer);
            }
            Call::Delete(id, reply) => {
                let answer = self.delete_child(id);
                let _ = reply.send(answer);
            }
            Call::Which(reply) => {
                let now = self.clock.instant();
                let _ = reply.send(self.children.values().map(|child| child.info(now)).collect());
            }
            Call::Count(reply) => {
                let _ = reply.send(self.count());
            }
            Call::Spec(id, reply) => {
                let spec = self.find(&id).and_then(|number| self.children.get(&number)).map(|child| child.spec.clone());
                let _ = reply.send(spec);
            }
            Call::TryAgain(number) => {
                let Some(child) = self.children.get(&number) else { return Ok(()) };
                let (true, Some(exit)) = (matches!(child.state, State::Restarting), child.last_exit.clone()) else {
                    return Ok(());
                };
                self.restart(number, exit).await?;
            }
        }
        Ok(())
    }

    async fn start_child(&mut self, spec: ChildSpec) -> Result<Result<(), SupervisorError>, End> {
        if let Err(error) = self.spec.check_child(&spec) {
            return Ok(Err(error));
        }
        if let Some(child) = self.find(&spec.id).and_then(|number| self.children.get(&number)) {
            return Ok(Err(match child.state {
                State::Up { .. } => SupervisorError::AlreadyStarted { id: spec.id },
                State::Restarting | State::Down => SupervisorError::AlreadyPresent { id: spec.id },
            }));
        }
        let id = spec.id.clone();
        let number = self.insert(spec);
        match self.start(number).await {
            Started::Ready => Ok(Ok(())),
            Started::Interrupted => Err(End::Stopped),
            Started::Failed(exit) => {
                self.forget(number);
                Ok(Err(SupervisorError::FailedToStart { id, exit }))
            }
        }
    }

    async fn terminate_child(&mut self, id: String) -> Result<(), SupervisorError> {
        let Some(number) = self.find(&id) else { return Err(self.not_found(id)) };
        self.terminate(number).await;
        if let Some(child) = self.children.get_mut(&number) {
            child.state = State::Down;
            if child.spec.restart == Restart::Temporary {
                self.forget(number);
            }
        }
        Ok(())
    }

    async fn restart_child(&mut self, id: String) -> Result<Result<(), SupervisorError>, End> {
        let Some((number, child)) = self.find(&id).and_then(|number| Some((number, self.children.get(&number)?)))
        else {
            return Ok(Err(self.not_found(id)));
        };
        match child.state {
            State::Up { .. } => return Ok(Err(SupervisorError::Running { id })),
            State::Restarting => return Ok(Err(SupervisorError::Restarting { id })),
            State::Down => {}
        }
        match self.start(number).await {
            Started::Ready => Ok(Ok(())),
            Started::Interrupted => Err(End::Stopped),
            Started::Failed(exit) => Ok(Err(SupervisorError::FailedToStart { id, exit })),
        }
    }

    fn delete_child(&mut self, id: String) -> Result<(), SupervisorError> {
        let Some((number, child)) = self.find(&id).and_then(|number| Some((number, self.children.get(&number)?)))
        else {
            return Err(self.not_found(id));
        };
        match child.state {
            State::Up { .. } => Err(SupervisorError::Running { id }),
            State::Restarting => Err(SupervisorError::Restarting { id }),
            State::Down => {
                self.forget(number);
                Ok(())
            }
        }
    }

    fn count(&self) -> ChildCount {
        let mut count = ChildCount { specs: self.children.len(), ..ChildCount::default() };
        for child in self.children.values() {
            count.active += usize::from(matches!(child.state, State::Up { .. }));
            match child.spec.kind() {
                ChildKind::Worker => count.workers += 1,
                ChildKind::Supervisor => count.supervisors += 1,
            }
        }
        count
    }
}
