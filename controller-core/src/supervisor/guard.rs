//! Owns the wall around a child: a panic while it is made, run or dropped is its end, and nobody else's. However it
//! ends, its supervisor hears of it once.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tokio::sync::mpsc;

use super::exit::Exit;
use super::line::Line;
use crate::env;

/// The end of one start of one child, as it is told to the supervisor: OTP's `{'EXIT', Pid, Reason}`.
pub(super) struct Gone {
    pub(super) line: Arc<Line>,
    pub(super) exit: Exit,
}

/// Makes the child's future and runs it to its end. It is written out because there may be very many, and what a compiler
/// makes of an `async fn` is three times as large.
///
/// Unwind safety: after a panic the future is only dropped, and what it shared is the child's own affair, as
/// it is with a thread that panicked.
pub(super) struct Guarded<F> {
    line: Arc<Line>,
    ends: mpsc::UnboundedSender<Gone>,
    stage: Stage<F>,
}

enum Stage<F> {
    Made(F),
    Runs(BoxFuture<'static, Exit>),
    Over,
}

impl<F> Guarded<F>
where
    F: FnOnce() -> BoxFuture<'static, Exit> + Unpin,
{
    /// `make` makes the child's future, in its own task. The end is told to `ends`.
    pub(super) fn new(line: Arc<Line>, ends: mpsc::UnboundedSender<Gone>, make: F) -> Self {
        Self { line, ends, stage: Stage::Made(make) }
    }
}

impl<F> Guarded<F> {
    fn tell(&self, exit: Exit) {
        // Nobody hears it where the supervisor itself is gone.
        let _ = self.ends.send(Gone { line: Arc::clone(&self.line), exit });
    }
}

impl<F> Guarded<F>
where
    F: FnOnce() -> BoxFuture<'static, Exit> + Unpin,
{
    fn run(&mut self, task: &mut Context<'_>) -> Poll<Exit> {
        let mut future = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Made(make) => match watched(&self.line, make) {
                Ok(future) => future,
                Err(exit) => return Poll::Ready(exit),
            },
            Stage::Runs(future) => future,
            Stage::Over => return Poll::Pending,
        };
        let exit = match watched(&self.line, || future.as_mut().poll(task)) {
            Ok(Poll::Ready(exit)) | Err(exit) => exit,
            Ok(Poll::Pending) => {
                // A child that let go of its context can't say ready any more; its siblings must not wait for it.
                if self.line.is_forgotten() {
                    self.line.say_ready();
                }
                self.stage = Stage::Runs(future);
                return Poll::Pending;
            }
        };
        match watched(&self.line, move || drop(future)) {
            Ok(()) => Poll::Ready(exit),
            Err(exit) => Poll::Ready(exit),
        }
    }
}

impl<F> Future for Guarded<F>
where
    F: FnOnce() -> BoxFuture<'static, Exit> + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let exit = std::task::ready!(self.run(task));
        self.tell(exit);
        Poll::Ready(())
    }
}

impl<F> Drop for Guarded<F> {
    /// A child that is dropped before its end was aborted.
    fn drop(&mut self) {
        let exit = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Made(make) => watched(&self.line, move || drop(make)),
            Stage::Runs(future) => watched(&self.line, move || drop(future)),
            Stage::Over => return,
        };
        self.tell(exit.map_or_else(|panic| panic, |()| Exit::Killed));
    }
}

/// Calls the child's code. A panic there is its end.
fn watched<T>(line: &Line, act: impl FnOnce() -> T) -> Result<T, Exit> {
    if let Some(polls) = line.polls() {
        polls.begin();
    }
    let done = catch_unwind(AssertUnwindSafe(act));
    if let Some(polls) = line.polls() {
        polls.end();
    }
    done.map_err(|payload| Exit::Panic(env::panic_report(&*payload).into()))
}
