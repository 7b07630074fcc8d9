//! Owns the life of one controller: what is checked before it starts, its loop, and its orderly end.

use std::future::Future;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::Scope;
use super::engine::Engine;
use super::filter::Filters;
use super::live::Start;
use super::reads::Found;
use super::resolve::{read_watches, resolve, resource, watches};
use crate::context::Read;
use crate::descriptor::{Descriptor, WatchedKind};
use crate::env::{Ended, spawn};
use crate::erased::ErasedController;
use crate::error::Failure;
use crate::schema::Schema;

/// Why a controller ended without being asked to.
#[derive(Debug)]
pub(crate) enum Broken {
    /// It can't do what it declares, or one of its workers broke.
    Failed(Failure),
    /// More callbacks panicked than it allows.
    Escalated(String),
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::Failed(Failure::from(error.into()))
    }
}

/// Runs one controller until `stopped`. It calls `ready` once its declaration has been found sound: waiting for a
/// kind, a permission or the API server is part of running.
///
/// Runs that are under way when it is stopped may end; whoever has no more patience drops the future.
pub(crate) async fn run_controller(
    controller: Arc<dyn ErasedController>,
    scope: Arc<Scope>,
    ready: impl FnOnce(),
    stopped: impl Future<Output = ()>,
) -> Result<(), Broken> {
    let descriptor = *controller.descriptor();
    let name = descriptor.name();
    let kind = descriptor.watched_kind()?;
    let schema = declared_schema(&*controller)?;
    let filters = Filters::of(descriptor.filters()).map_err(|error| format!("controller {name}: {error}"))?;
    let must_know_scope = scope.namespaces.is_some() && descriptor.namespaces_asked_for().is_empty();
    // Where the type says its scope, a namespace for a cluster-scoped kind is a failed start.
    if let (Some(plural), Some(namespaced)) = (&kind.plural, kind.namespaced) {
        let resource = resource(&kind, plural.clone(), namespaced);
        watches(&descriptor, &resource, None)?;
    }
    let start = scope.live.start(name);
    ready();
    let sound = Sound { controller, kind, schema, filters, must_know_scope };
    let outcome = live(sound, &scope, &start, stopped).await;
    if outcome.is_ok() {
        start.stopped();
    }
    outcome
}

/// A controller whose declaration has been found sound.
struct Sound {
    controller: Arc<dyn ErasedController>,
    kind: WatchedKind,
    schema: Option<Schema>,
    filters: Filters,
    must_know_scope: bool,
}

/// Finds what the controller watches and reads, then runs it until `stopped`.
async fn live(
    sound: Sound,
    scope: &Arc<Scope>,
    start: &Start<'_>,
    stopped: impl Future<Output = ()>,
) -> Result<(), Broken> {
    let Sound { controller, kind, schema, filters, must_know_scope } = sound;
    let descriptor = *controller.descriptor();
    tokio::pin!(stopped);
    let resource = tokio::select! {
        biased;
        () = &mut stopped => return Ok(()),
        resource = resolve(descriptor.name(), kind, must_know_scope, scope, start) => resource,
    };
    let specs = watches(&descriptor, &resource, scope.namespaces.as_deref())?;
    let reads = tokio::select! {
        biased;
        () = &mut stopped => return Ok(()),
        reads = find_reads(controller.reads(), &descriptor, scope, start) => reads,
    };
    let engine = Attached(Engine::new(controller, Arc::clone(scope), resource, schema, filters));
    scope.live.enter(start, &engine.0);
    engine.0.subscribe(specs, reads);
    serve(&engine.0, descriptor.workers(), stopped).await
}

/// The collections of the kinds that callbacks read. It waits for those that the server does not have yet.
async fn find_reads(reads: Vec<Read>, descriptor: &Descriptor, scope: &Scope, start: &Start<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for read in reads {
        let resource = resolve(descriptor.name(), WatchedKind::of(&read.facts), true, scope, start).await;
        let specs = read_watches(descriptor, &resource, &read, scope.namespaces.as_deref());
        found.push(Found { read, resource, specs });
    }
    found
}

/// Runs the workers and keeps the deadlines until `stopped`, then waits for the runs that are under way.
pub(super) async fn serve(engine: &Arc<Engine>, workers: u16, stopped: impl Future<Output = ()>) -> Result<(), Broken> {
    let mut workers: FuturesUnordered<_> = (0..workers.max(1)).map(|_| spawn(Arc::clone(engine).work())).collect();
    let mut questions = FuturesUnordered::new();
    tokio::pin!(stopped);
    let outcome = loop {
        questions.extend(engine.questions().into_iter().map(|question| engine.settle(question)));
        let deadline = engine.advance();
        let due = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = &mut stopped => break Ok(()),
            Some(ended) = workers.next() => break Err(worker_ended(engine.name(), ended)),
            () = engine.alarmed() => {
                if let Some(report) = engine.escalated() {
                    break Err(Broken::Escalated(report));
                }
            }
            Some(()) = questions.next() => {}
            () = due => {}
        }
    };
    engine.close();
    while workers.next().await.is_some() {}
    engine.sum_up();
    outcome
}

/// An engine that takes part in watches. It leaves them also where the future of the controller is dropped.
struct Attached(Arc<Engine>);

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.tell_of_aborted();
        self.0.unsubscribe();
    }
}

/// Workers end when they are told to, and only then.
fn worker_ended(controller: &str, ended: Ended<()>) -> Broken {
    let how = match ended {
        Ended::Panic(report) => format!("panicked: {report}"),
        Ended::Value(()) => "returned".to_owned(),
        Ended::Aborted => "was aborted".to_owned(),
    };
    Broken::from(format!("a worker of controller {controller} {how}"))
}

/// The schema that the controller declares: a text, or one made from its object type.
fn declared_schema(controller: &dyn ErasedController) -> Result<Option<Schema>, Broken> {
    let schema = match (controller.descriptor().schema_text(), controller.schema_of_type()) {
        (Some(text), _) => Schema::parse(text),
        (None, Some(value)) => Schema::compile(&value),
        (None, None) => return Ok(None),
    };
    let name = controller.descriptor().name();
    match schema {
        Ok(schema) => Ok(Some(schema)),
        Err(error) => Err(Broken::from(format!("controller {name}: {}", crate::error::chain(&error)))),
    }
}

#[cfg(test)]
mod tests;
