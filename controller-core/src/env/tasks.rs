//! Owns tasks: the one place that spawns, and the words for how a task ended.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::{AbortHandle, JoinHandle};

/// A running task. Dropping it aborts the task, so nothing outlives its owner.
#[derive(Debug)]
pub(crate) struct Task<T> {
    handle: JoinHandle<T>,
}

/// How a task ended.
#[derive(Debug)]
pub(crate) enum Ended<T> {
    /// It returned.
    Value(T),
    /// It panicked, with the panic's message.
    Panic(String),
    /// It was aborted.
    Aborted,
}

/// Runs `future` on the runtime of the caller.
#[expect(clippy::disallowed_methods, reason = "this room owns tasks")]
pub(crate) fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Task { handle: tokio::spawn(future) }
}

impl<T> Task<T> {
    /// Aborts the task from elsewhere, while its owner waits for it.
    pub(crate) fn abort_handle(&self) -> AbortHandle {
        self.handle.abort_handle()
    }
}

impl<T> Future for Task<T> {
    type Output = Ended<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx).map(|result| match result {
            Ok(value) => Ended::Value(value),
            Err(error) if error.is_panic() => Ended::Panic(panic_message(&*error.into_panic())),
            Err(_) => Ended::Aborted,
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// The text of a panic's payload.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic whose payload is no text".to_owned()
    }
}
