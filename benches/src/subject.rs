//! Our engine as it is measured: controllers that count their callbacks, and do nothing else that costs.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::Context as _;
use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use crate::floor;
use crate::tally::Tally;

/// What is asked of a subject. The peers take the same words.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The URL of the API server.
    pub server: String,
    /// Which controller.
    pub mode: Mode,
    /// Configmaps, and not pods.
    pub configmaps: bool,
    /// Run each object again after 30 seconds.
    pub resync: bool,
    /// How many runs there are at once; 0 for what the subject does by itself.
    pub concurrency: u32,
    /// How long a callback sleeps.
    pub sleep: Duration,
    /// Only callbacks of rated changes sleep: one such change holds the only worker.
    pub hold: bool,
    /// How many other pods a callback reads from the cache, as `Pod`.
    pub lookups: u32,
    /// How many objects there are: where the lookups are drawn from.
    pub objects: u32,
}

/// What a callback gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// The two annotations of the bench.
    #[default]
    Lazy,
    /// The whole object.
    Typed,
    /// The first, over a cache that compresses what nobody asks for.
    Compressed,
    /// There is no callback: the bytes are read, and no more.
    Floor,
}

/// One tally for the process: the controllers below are types, and a process runs one of them.
static TALLY: LazyLock<Tally> = LazyLock::new(Tally::default);

/// The least that a callback can ask for and still tell a latency.
#[derive(Deserialize)]
struct Stamp {
    metadata: StampMeta,
}

#[derive(Deserialize)]
struct StampMeta {
    annotations: Option<StampAnnotations>,
}

#[derive(Deserialize)]
struct StampAnnotations {
    #[serde(rename = "bench/at")]
    at: Option<String>,
    #[serde(rename = "bench/event")]
    event: Option<String>,
}

/// An object that has the annotations of the bench: when it was changed, and by which change.
trait Stamped {
    fn stamps(&self) -> (Option<&str>, Option<&str>);

    fn is_rated(&self) -> bool {
        self.stamps().0.is_some_and(|at| at.bytes().any(|digit| digit != b'0'))
    }

    fn note(&self) {
        let (at, event) = self.stamps();
        TALLY.note(at, event);
    }
}

impl Stamped for Stamp {
    fn stamps(&self) -> (Option<&str>, Option<&str>) {
        let annotations = self.metadata.annotations.as_ref();
        (annotations.and_then(|a| a.at.as_deref()), annotations.and_then(|a| a.event.as_deref()))
    }
}

fn stamps_of(metadata: &ObjectMeta) -> (Option<&str>, Option<&str>) {
    let annotation = |key| metadata.annotations.as_ref()?.get(key).map(String::as_str);
    (annotation("bench/at"), annotation("bench/event"))
}

impl Stamped for Pod {
    fn stamps(&self) -> (Option<&str>, Option<&str>) {
        stamps_of(&self.metadata)
    }
}

impl Stamped for ConfigMap {
    fn stamps(&self) -> (Option<&str>, Option<&str>) {
        stamps_of(&self.metadata)
    }
}

/// Controllers that differ in their object and in one option.
macro_rules! counting {
    ($($name:ident($object:ty, $kind:tt, $plural:tt, $($option:tt)*);)*) => { $(
        struct $name(Arc<Options>);

        #[controller(api_version = "v1", kind = $kind, plural = $plural, $($option)*)]
        impl $name {
            async fn reconcile(&self, object: &$object, _cx: &Context<Self>) {
                if !self.0.sleep.is_zero() && (!self.0.hold || object.is_rated()) {
                    tokio::time::sleep(self.0.sleep).await;
                }
                object.note();
            }
        }
    )* };
}

counting! {
    Lazy(Stamp, "Pod", "pods", reconcile_delay = off);
    Typed(Pod, "Pod", "pods", reconcile_delay = off);
    LazyResync(Stamp, "Pod", "pods", reconcile_delay = "30s");
    TypedResync(Pod, "Pod", "pods", reconcile_delay = "30s");
    Compressed(Stamp, "Pod", "pods", reconcile_delay = off, cache(compressed));
    LazySettings(Stamp, "ConfigMap", "configmaps", reconcile_delay = off);
    TypedSettings(ConfigMap, "ConfigMap", "configmaps", reconcile_delay = off);
    Lazy16(Stamp, "Pod", "pods", reconcile_delay = off, concurrency = 16);
    Lazy256(Stamp, "Pod", "pods", reconcile_delay = off, concurrency = 256);
    Typed16(Pod, "Pod", "pods", reconcile_delay = off, concurrency = 16);
    Typed256(Pod, "Pod", "pods", reconcile_delay = off, concurrency = 256);
}

/// Reads other pods at each callback.
struct Lookups(Arc<Options>);

#[controller(api_version = "v1", kind = "Pod", reconcile_delay = off, reads(Pod))]
impl Lookups {
    async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result {
        let mut draw = crate::template::mixed(pod.metadata.name.as_ref().map_or(0, |name| name.len() as u64), draws());
        for _ in 0..self.0.lookups {
            draw = crate::template::mixed(draw, 1);
            let other = format!("web-{:07}", draw % u64::from(self.0.objects.max(1)));
            std::hint::black_box(cx.get::<Pod>(&other)?);
        }
        pod.note();
        Ok(())
    }
}

/// A number that grows with each call.
fn draws() -> u64 {
    static DRAWS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    DRAWS.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// Runs until standard input ends.
pub fn run(options: Options) -> anyhow::Result<()> {
    if options.mode == Mode::Floor {
        TALLY.serve(|| {
            std::thread::spawn(move || {
                if let Err(error) = floor::read(&options, &TALLY) {
                    eprintln!("{error:#}");
                }
            });
        })?;
        std::process::exit(0)
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let uri = options.server.parse().context("the server's URL is none")?;
    let _entered = runtime.enter();
    let mut config = kube::Config::new(uri);
    config.accept_invalid_certs = true;
    let operator = operator(Operator::new("bench").config(config), Arc::new(options))?;
    let mut running = None;
    TALLY.serve(|| running = Some(operator.spawn()))?;
    std::process::exit(0)
}

fn operator(operator: Operator, options: Arc<Options>) -> anyhow::Result<Operator> {
    let given = Arc::clone(&options);
    Ok(match (options.mode, options.configmaps, options.resync, options.concurrency) {
        (Mode::Typed, false, false, 0) if options.lookups > 0 => operator.controller(Lookups(given)),
        (Mode::Lazy, false, false, 0 | 1) => operator.controller(Lazy(given)),
        (Mode::Typed, false, false, 0 | 1) => operator.controller(Typed(given)),
        (Mode::Compressed, false, false, 0) => operator.controller(Compressed(given)),
        (Mode::Lazy, false, false, 16) => operator.controller(Lazy16(given)),
        (Mode::Typed, false, false, 16) => operator.controller(Typed16(given)),
        (Mode::Lazy, false, false, 256) => operator.controller(Lazy256(given)),
        (Mode::Typed, false, false, 256) => operator.controller(Typed256(given)),
        (Mode::Lazy, false, true, 0) => operator.controller(LazyResync(given)),
        (Mode::Typed, false, true, 0) => operator.controller(TypedResync(given)),
        (Mode::Lazy, true, false, 0) => operator.controller(LazySettings(given)),
        (Mode::Typed, true, false, 0) => operator.controller(TypedSettings(given)),
        _ => anyhow::bail!("no controller is compiled with {options:?}"),
    })
}
