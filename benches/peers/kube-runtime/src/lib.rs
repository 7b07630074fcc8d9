//! kube-runtime's `Controller`, doing what the bench's own subjects do: it counts its callbacks.
//!
//! `Store::wait_until_ready` is not awaited on a controller's store: in 5.0.0 it hangs there, as the second waiter.

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use lexopt::prelude::*;
use serde::de::DeserializeOwned;

#[path = "../../../src/tally.rs"]
mod tally;
#[path = "../../../src/template.rs"]
#[expect(dead_code, reason = "of the bench's template only its chance is used here")]
mod template;

use tally::Tally;

/// How it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuning {
    /// As it comes.
    Default,
    /// managedFields cleared, streaming lists, 16 workers.
    Tuned,
}

/// The words that the bench's own subjects take.
#[derive(Debug, Default)]
struct Options {
    server: String,
    configmaps: bool,
    resync: bool,
    concurrency: u16,
    sleep: Duration,
    lookups: u32,
    objects: u32,
}

/// What a callback has.
struct Surroundings<K: Resource<DynamicType = ()> + 'static> {
    tally: Arc<Tally>,
    options: Options,
    store: Store<K>,
    draws: AtomicU64,
}

/// Runs until standard input ends.
pub fn run(tuning: Tuning) -> anyhow::Result<()> {
    let options = options()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let _entered = runtime.enter();
    let mut config = kube::Config::new(options.server.parse()?);
    config.accept_invalid_certs = true;
    let client = Client::try_from(config)?;
    let tally = Arc::new(Tally::default());
    let counting = Arc::clone(&tally);
    tally.serve(|| {
        if options.configmaps {
            runtime.spawn(control::<ConfigMap>(client, tuning, options, counting));
        } else {
            runtime.spawn(control::<Pod>(client, tuning, options, counting));
        }
    })?;
    std::process::exit(0)
}

async fn control<K>(client: Client, tuning: Tuning, options: Options, tally: Arc<Tally>)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let api = Api::<K>::all(client);
    let mut config = Config::default();
    let controller = match tuning {
        Tuning::Default => Controller::new(api, watcher::Config::default()),
        Tuning::Tuned => {
            config = config.concurrency(16);
            let (reader, writer) = reflector::store();
            let objects = watcher(api, watcher::Config::default().streaming_lists())
                .default_backoff()
                .modify(|object: &mut K| object.managed_fields_mut().clear())
                .reflect(writer)
                .applied_objects();
            Controller::for_stream(objects, reader)
        }
    };
    if options.concurrency > 0 {
        config = config.concurrency(options.concurrency);
    }
    let store = controller.store();
    let surroundings = Surroundings { tally, options, store, draws: AtomicU64::new(0) };
    controller.with_config(config).run(reconcile, on_error, Arc::new(surroundings)).for_each(|_| async {}).await;
}

async fn reconcile<K>(object: Arc<K>, cx: Arc<Surroundings<K>>) -> Result<Action, Infallible>
where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
{
    if !cx.options.sleep.is_zero() {
        tokio::time::sleep(cx.options.sleep).await;
    }
    let mut draw = template::mixed(7, cx.draws.fetch_add(1, Ordering::Relaxed));
    for _ in 0..cx.options.lookups {
        draw = template::mixed(draw, 1);
        let other = format!("web-{:07}", draw % u64::from(cx.options.objects.max(1)));
        std::hint::black_box(cx.store.get(&ObjectRef::new(&other).within("default")));
    }
    let annotation = |key| object.annotations().get(key).map(String::as_str);
    cx.tally.note(annotation("bench/at"), annotation("bench/event"));
    Ok(if cx.options.resync { Action::requeue(Duration::from_secs(30)) } else { Action::await_change() })
}

fn on_error<K>(_: Arc<K>, never: &Infallible, _: Arc<Surroundings<K>>) -> Action
where
    K: Resource<DynamicType = ()> + 'static,
{
    match *never {}
}

fn options() -> Result<Options, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let mut options = Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("server") => options.server = parser.value()?.string()?,
            // The program is the mode.
            Long("mode") => drop(parser.value()?),
            Long("configmaps") => options.configmaps = true,
            Long("resync") => options.resync = true,
            Long("concurrency") => options.concurrency = parser.value()?.parse()?,
            Long("sleep-ms") => options.sleep = Duration::from_millis(parser.value()?.parse()?),
            Long("lookups") => options.lookups = parser.value()?.parse()?,
            Long("objects") => options.objects = parser.value()?.parse()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}
