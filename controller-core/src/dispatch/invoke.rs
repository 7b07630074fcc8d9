//! Owns one call of one callback: what can go wrong in it stays in it.
//!
//! A panic ends this call alone. A call that exceeds its time is told so, polled once more, and dropped.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;

use super::counters::Counters;
use super::reach::RunReach;
use super::run::Ended;
use super::watchdog::Seat;
use crate::context::RunFacts;
use crate::descriptor::Callback;
use crate::env::{panic_report, polled_for};
use crate::erased::{Called, ErasedController};
use crate::json::place_of;
use crate::schema::Schema;

/// What a call needs besides its object.
pub(super) struct Invocation<'a> {
    pub(super) controller: &'a dyn ErasedController,
    pub(super) schema: Option<&'a Schema>,
    pub(super) counters: &'a Counters,
    pub(super) callback: Callback,
    pub(super) facts: RunFacts,
    pub(super) reach: Arc<RunReach>,
    /// Where the call is seen while it is polled.
    pub(super) seat: &'a Seat,
}

/// Checks the object and calls the callback with it.
pub(super) async fn invoke(invocation: Invocation<'_>, object: Bytes) -> Ended {
    let Invocation { controller, schema, counters, callback, facts, reach, seat } = invocation;
    if let Some(schema) = schema
        && let Err(report) = schema.check_bytes(&object)
    {
        return Ended::Invalid(report);
    }
    let key = facts.key.clone();
    let bytes = object.clone();
    let ended = |answer| ended(answer, &bytes);
    let mut call = controller.call(callback, object, facts, reach.clone());
    let tracer = reach.clone();
    let call = std::future::poll_fn(move |cx| {
        seat.polls();
        let answer = polled_for(tracer.clone(), || call.as_mut().poll(cx));
        seat.polled();
        answer
    });
    let call = AssertUnwindSafe(call).catch_unwind();
    let Some(limit) = controller.descriptor().time_limit() else { return ended(call.await) };
    let mut call = call;
    // No timer is set for a call that answers when it is first polled.
    tokio::select! {
        biased;
        answer = &mut call => return ended(answer),
        () = tokio::time::sleep(limit / 2) => {}
    }
    counters.slow.add_one();
    tracing::warn!(%key, callback = callback.name(), after = ?limit / 2, timeout = ?limit, "the callback is slow: half of its time is over");
    tokio::select! {
        biased;
        answer = &mut call => return ended(answer),
        () = tokio::time::sleep(limit.saturating_sub(limit / 2)) => {}
    }
    reach.cancel();
    // A callback that waits for `cancelled` may still answer.
    let last = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut call).poll(cx))).await;
    if let Poll::Ready(answer) = last {
        return ended(answer);
    }
    dropped(call, limit)
}

fn dropped(call: impl Future, limit: Duration) -> Ended {
    match catch_unwind(AssertUnwindSafe(move || drop(call))) {
        Ok(()) => Ended::TimedOut(limit),
        Err(payload) => Ended::Panicked(panic_report(&*payload)),
    }
}

fn ended(answer: std::thread::Result<Called>, object: &[u8]) -> Ended {
    match answer {
        Ok(Called::Answered(outcome)) => Ended::Answered(outcome),
        Ok(Called::Undecodable(error)) => Ended::Undecodable(match place_of(object, &error) {
            Some(place) if !place.is_empty() => format!("{place}: {error}"),
            _ => error.to_string(),
        }),
        Err(payload) => Ended::Panicked(panic_report(&*payload)),
    }
}
