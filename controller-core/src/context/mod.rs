//! Owns what a callback may touch besides its object.
//!
//! A [`Context`] knows one run: its key, its cause, its attempt. Everything that reaches outside goes through
//! the port [`Reach`], which the engine implements for real runs and `testing` for calls by hand.

mod event;
mod operation;
mod read;
mod selector;
mod write;

use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use kube::Client;
use serde_json::Value;

pub use event::{Event, Severity};
pub use operation::Operation;
pub(crate) use read::{Cache, Decode, Query, Read, Typed};
pub use read::{List, Reads, Watchable};
pub(crate) use selector::Selector;
pub(crate) use write::{Target, WriteId, Written};
pub use write::{Writable, Writes, WrittenBy};

use crate::controller::{Controller, Decode as _};
use crate::error::Error;
use crate::key::Key;

/// Why a callback runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The object was there when the controller started.
    Start,
    /// The object appeared.
    Added,
    /// The object has a new resourceVersion.
    Modified,
    /// The object is gone.
    Deleted,
    /// The resync tick.
    Resync,
    /// A requeue that an earlier run of this key asked for.
    Requeue,
    /// The run before this one failed; the number counts the failures in a row.
    Retry(u32),
    /// Another run, or the program, asked for it.
    Manual,
}

/// The engine's side of a [`Context`]: everything that leaves the process of deciding.
pub(crate) trait Reach: Send + Sync {
    fn client(&self) -> Client;
    fn now(&self) -> Timestamp;
    /// Completes when the run should end early: at shutdown, or when its time is up.
    fn cancelled(&self) -> BoxFuture<'static, ()>;
    /// Keeps an event that is written once the run has ended. It stands outside the callback's future, so that a
    /// run that panics or is dropped loses none.
    fn event(&self, event: Event);
    /// Asks for a run of another key of the same controller.
    fn enqueue(&self, key: Key);
    /// The uid of the run's object.
    fn uid(&self) -> Option<String>;
    /// The cache of a kind that the controller reads.
    fn cache(&self, of: TypeId) -> Option<Arc<dyn Cache>>;
    /// The name under which fields are owned.
    fn manager(&self) -> String;
    /// A write is about to be sent. Until its end is told, it may or may not have taken place.
    fn begins(&self, target: Target) -> WriteId;
    fn ends(&self, write: WriteId, written: Written);
}

/// The facts of one run.
#[derive(Debug, Clone)]
pub(crate) struct RunFacts {
    pub(crate) key: Key,
    pub(crate) cause: Cause,
    pub(crate) attempt: u32,
    /// The bytes of the version that was delivered before this one, in `modify`.
    pub(crate) previous: Option<Bytes>,
}

/// What a callback may touch: the run it is in, the cluster, and the effects it leaves.
///
/// Effects ([`event`](Context::event)) are collected and written once after the callback, also when it failed.
///
/// ```
/// use controller_core::prelude::*;
/// use k8s_openapi::api::core::v1::Pod;
///
/// struct PodWatcher;
///
/// #[controller(api_version = "v1", kind = "Pod")]
/// impl PodWatcher {
///     async fn modify(&self, pod: &Pod, cx: &Context<Self>) -> Result {
///         let before = cx.previous().and_then(|pod| pod.metadata.resource_version);
///         tracing::info!(key = %cx.key(), attempt = cx.attempt(), ?before, now = ?pod.metadata.resource_version);
///         Ok(())
///     }
/// }
/// ```
pub struct Context<C> {
    facts: RunFacts,
    reach: Arc<dyn Reach>,
    controller: PhantomData<fn() -> C>,
}

impl<C> Context<C> {
    pub(crate) fn new(facts: RunFacts, reach: Arc<dyn Reach>) -> Self {
        Self { facts, reach, controller: PhantomData }
    }
}

impl<C: Controller> Context<C> {
    /// The object's namespace and name.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.facts.key
    }

    /// Why this run happens.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.facts.cause
    }

    /// 1 for the first try, one more for each failure in a row before this run.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.facts.attempt
    }

    /// In `modify`, the version that this controller was given before this one. None elsewhere, and where the
    /// older version does not decode into the object type.
    #[must_use]
    pub fn previous(&self) -> Option<C::Object> {
        let bytes = self.facts.previous.as_ref()?;
        C::Object::of_bytes(bytes)
            .inspect_err(|error| tracing::warn!(key = %self.facts.key, %error, "the previous version does not decode"))
            .ok()
    }

    /// The operator's client.
    ///
    /// What is written through it is not waited for: the next run may still see the object as it was before.
    /// Errors convert with `?` into a retry.
    #[must_use]
    pub fn client(&self) -> Client {
        self.reach.client()
    }

    /// The operator's clock: use it in place of the machine's, and the callback can be tested at any time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.reach.now()
    }

    /// Completes when the run should end: the operator stops, or the run's `timeout` is over.
    ///
    /// A callback that never awaits this is dropped at its next await once its time is up.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + use<C> {
        self.reach.cancelled()
    }

    /// Leaves a Kubernetes event on the object. It is written once the callback has ended.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # fn example<C: Controller>(cx: &Context<C>) {
    /// cx.event(Event::normal("Synced", "all replicas are up to date"));
    /// # }
    /// ```
    pub fn event(&self, event: Event) {
        self.reach.event(event);
    }

    /// Asks for a run of another object of this controller, as soon as a worker is free.
    pub fn enqueue(&self, key: Key) {
        self.reach.enqueue(key);
    }

    /// Runs one operation against the cluster and gives its answer as JSON.
    ///
    /// This is Datapio's `run_operation`.
    ///
    /// # Errors
    /// A temporary [`Error`] where the server could not be asked or refused; its source is kube's error.
    pub async fn run(&self, operation: Operation) -> Result<Value, Error> {
        operation.send(&self.reach.client()).await
    }

    /// Runs operations in order, one after the other. One that fails does not keep the rest from running.
    ///
    /// This is Datapio's `run_operations`; the answers stand in the order of the operations.
    pub async fn run_all(
        &self,
        operations: impl IntoIterator<Item = Operation, IntoIter: Send> + Send,
    ) -> Vec<Result<Value, Error>> {
        let client = self.reach.client();
        let mut answers = Vec::new();
        for operation in operations {
            answers.push(operation.send(&client).await);
        }
        answers
    }
}

impl<C> fmt::Debug for Context<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("facts", &self.facts).finish_non_exhaustive()
    }
}
