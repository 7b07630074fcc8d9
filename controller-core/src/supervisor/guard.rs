//! Owns the wall around a child: a panic while it is made, run or dropped is its end, and nobody else's.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use futures::future::BoxFuture;

use super::exit::Exit;
use super::line::Line;
use crate::env;

/// Makes the child's future and runs it to its end.
///
/// Unwind safety: after a panic the future is only dropped, and what it shared is the child's own affair, as
/// it is with a thread that panicked.
pub(crate) async fn run<F>(line: Arc<Line>, make: F) -> Exit
where
    F: FnOnce() -> BoxFuture<'static, Exit>,
{
    let mut future = match watched(&line, make) {
        Ok(future) => future,
        Err(exit) => return exit,
    };
    let exit = poll_fn(|task| match watched(&line, || future.as_mut().poll(task)) {
        Ok(Poll::Ready(exit)) => Poll::Ready(exit),
        Ok(Poll::Pending) => {
            // A child that let go of its context can't say ready any more; its siblings must not wait for it.
            if line.is_forgotten() {
                line.say_ready();
            }
            Poll::Pending
        }
        Err(exit) => Poll::Ready(exit),
    })
    .await;
    match watched(&line, move || drop(future)) {
        Ok(()) => exit,
        Err(exit) => exit,
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
