//! Owns what a running supervisor answers to calls. The answers are OTP's.

use std::sync::Arc;

use super::child::{self, Child, Run};
use super::{End, Started, Tree};
use crate::supervisor::child_handle::ChildHandle;
use crate::supervisor::child_spec::{ChildKind, ChildSpec};
use crate::supervisor::error::SupervisorError;
use crate::supervisor::exit::Exit;
use crate::supervisor::handle::{Call, ChildCount, ChildInfo};
use crate::supervisor::line::Line;
use crate::supervisor::policy::{Children, Entry, Refusal};

impl Tree {
    pub(super) async fn answer(&mut self, call: Call) -> Result<(), End> {
        match call {
            Call::Start(spec, reply) => {
                let answer = self.start_child(*spec).await?;
                let _ = reply.send(answer);
            }
            Call::StartAlike(spec, reply) => {
                let answer = self.start_alike(*spec).await?;
                let _ = reply.send(answer);
            }
            Call::Terminate(id, reply) => {
                let answer = self.terminate_child(id).await;
                let _ = reply.send(answer);
            }
            Call::TerminateAlike(child, reply) => {
                let answer = self.terminate_alike(&child).await;
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
                let _ = reply.send(self.roster.entries().map(|(_, entry)| self.info(entry)).collect());
            }
            Call::WhichOne(id, reply) => {
                let found = self.roster.find(&id).and_then(|number| self.roster.get(number));
                let _ = reply.send(found.map(|entry| self.info(entry)));
            }
            Call::Count(reply) => {
                let _ = reply.send(self.count());
            }
            Call::Spec(id, reply) => {
                let found = self.roster.find(&id).and_then(|number| self.roster.get(number));
                let _ = reply.send(found.map(|entry| ChildSpec::clone(&entry.child.spec)));
            }
            Call::TryAgain(number) => self.try_again(number),
        }
        Ok(())
    }

    async fn start_child(&mut self, spec: ChildSpec) -> Result<Result<ChildHandle, SupervisorError>, End> {
        if self.roster.rules().children == Children::Alike {
            return Ok(Err(self.refused(Refusal::SimpleOneForOne, spec.id)));
        }
        if let Err(error) = self.spec.check_child(&spec) {
            return Ok(Err(error));
        }
        if let Err(refusal) = self.roster.may_start(&spec.id, spec.terms()) {
            return Ok(Err(self.refused(refusal, spec.id)));
        }
        let number = self.insert(Arc::new(spec));
        self.start_new(number).await
    }

    /// A child of the template. Its number makes its id its own.
    async fn start_alike(&mut self, mut spec: ChildSpec) -> Result<Result<ChildHandle, SupervisorError>, End> {
        if let Err(error) = self.spec.check_child(&spec) {
            return Ok(Err(error));
        }
        let number = self.spec.door().number();
        spec.id = format!("{}#{number}", spec.id);
        self.insert_as(number, Arc::new(spec));
        self.start_new(number).await
    }

    async fn start_new(&mut self, number: u64) -> Result<Result<ChildHandle, SupervisorError>, End> {
        let id = self.id(number).to_string();
        Ok(self.begin(number).await?.map_err(|exit| {
            self.roster.forget(number);
            SupervisorError::FailedToStart { id, exit }
        }))
    }

    /// Starts a child because a call asks for it. Of one that fails to start the caller decides what becomes of it.
    async fn begin(&mut self, number: u64) -> Result<Result<ChildHandle, Exit>, End> {
        Ok(match self.start(number).await {
            Started::Interrupted => return Err(End::Stopped),
            Started::Ready => Ok(self.handle_of(number)),
            Started::Ignored => {
                let handle = self.handle_of(number);
                self.roster.ignored(number);
                Ok(handle)
            }
            Started::Failed(exit) => Err(exit),
        })
    }

    async fn terminate_child(&mut self, id: String) -> Result<(), SupervisorError> {
        let number = self.roster.may_terminate(&id).map_err(|refusal| self.refused(refusal, id))?;
        self.terminate(number).await;
        Ok(())
    }

    async fn terminate_alike(&mut self, child: &ChildHandle) -> Result<(), SupervisorError> {
        if Arc::ptr_eq(&child.door, self.spec.door()) && self.roster.get(child.line.number()).is_some() {
            self.terminate(child.line.number()).await;
            return Ok(());
        }
        // As in OTP: who is dead already needs no supervisor to be terminated by.
        if child.is_running() { Err(self.refused(Refusal::NotFound, child.id().to_owned())) } else { Ok(()) }
    }

    async fn restart_child(&mut self, id: String) -> Result<Result<ChildHandle, SupervisorError>, End> {
        let number = match self.roster.at_rest(&id) {
            Ok(number) => number,
            Err(refusal) => return Ok(Err(self.refused(refusal, id))),
        };
        Ok(self.begin(number).await?.map_err(|exit| {
            self.roster.stopped(number);
            SupervisorError::FailedToStart { id, exit }
        }))
    }

    fn delete_child(&mut self, id: String) -> Result<(), SupervisorError> {
        let number = self.roster.at_rest(&id).map_err(|refusal| self.refused(refusal, id))?;
        self.roster.forget(number);
        Ok(())
    }

    fn count(&self) -> ChildCount {
        let mut count = ChildCount::default();
        for (_, entry) in self.roster.entries() {
            count.specs += 1;
            count.active += usize::from(entry.run().is_some());
            match entry.child.spec.kind() {
                ChildKind::Worker => count.workers += 1,
                ChildKind::Supervisor => count.supervisors += 1,
            }
        }
        if self.roster.rules().children == Children::Alike {
            count.specs = 1;
        }
        count
    }

    fn info(&self, entry: &Entry<Child, Run>) -> ChildInfo {
        child::info(entry, self.spec.door(), self.now())
    }

    /// The present run of a child. One that ran to its end within its start has a handle that says so.
    fn handle_of(&self, number: u64) -> ChildHandle {
        let line = match self.roster.get(number).and_then(Entry::run) {
            Some(run) => Arc::clone(&run.line),
            None => {
                let line = Line::new(number, self.id(number));
                line.say_exit(Exit::Normal);
                Arc::new(line)
            }
        };
        ChildHandle { line, door: Arc::clone(self.spec.door()) }
    }

    fn refused(&self, refusal: Refusal, id: String) -> SupervisorError {
        SupervisorError::refused(refusal, self.spec.name(), id)
    }
}
