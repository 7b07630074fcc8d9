//! Owns the name, the help and the labels of every metric: docs/observability.md lists them.
//!
//! Names, labels and buckets are those that controller-runtime and client-go export, so that dashboards and alerts made
//! for them work; what they have no name for begins with `controller_rs_`. Figures are read when somebody asks.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::classic;
use super::process::Process;
use crate::dispatch::{Figures, Live, WatchFigures};
use crate::env::{Asked, Requests};

/// The priorities under which `workqueue_depth` shows events, what comes again, and what was found at start. The first
/// and the last are controller-runtime's.
const PRIORITIES: [&str; 3] = ["0", "-50", "-100"];

/// Every metric of an operator.
#[derive(Debug)]
pub(crate) struct Exposition {
    registry: Registry,
}

/// The format of an exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// OpenMetrics 1.0 text.
    Text,
    /// Prometheus' older text.
    Classic,
    /// Prometheus' protobuf, which alone carries native histograms.
    #[cfg(feature = "native-histograms")]
    Protobuf,
}

impl Kind {
    /// The best format that an `Accept` header asks for.
    pub(crate) fn of(accept: &str) -> Self {
        #[cfg(feature = "native-histograms")]
        if accept.contains("application/vnd.google.protobuf") {
            return Self::Protobuf;
        }
        if accept.contains("text/plain") && !accept.contains("application/openmetrics-text") {
            return Self::Classic;
        }
        Self::Text
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            #[cfg(feature = "native-histograms")]
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

impl Exposition {
    pub(crate) fn new(live: Arc<Live>) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Source { live }));
        Self { registry }
    }

    /// All figures as they are now.
    pub(crate) fn encode(&self, kind: Kind) -> Result<Vec<u8>, fmt::Error> {
        match kind {
            Kind::Text => Ok(self.text()?.into_bytes()),
            Kind::Classic => Ok(classic::from_open_metrics(&self.text()?).into_bytes()),
            #[cfg(feature = "native-histograms")]
            Kind::Protobuf => {
                prometheus_client::encoding::prometheus_protobuf::encode_to_vec(&self.registry).map_err(|_| fmt::Error)
            }
        }
    }
}

impl Exposition {
    fn text(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

/// Where the figures come from.
struct Source {
    live: Arc<Live>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

impl Collector for Source {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let figures = self.live.figures();
        let mut page = Page { encoder };
        page.reconciles(&figures)?;
        page.workqueues(&figures)?;
        page.requests(&self.live.requests())?;
        page.watches(&figures)?;
        page.own(&figures)?;
        match Process::read() {
            Some(process) => page.process(process),
            None => Ok(()),
        }
    }
}

/// One label of a metric.
type Label<'a> = (&'static str, &'a str);

/// A sample: its labels and its value.
type Sample<'a, V, const N: usize> = ([Label<'a>; N], V);

/// One exposition that is being written.
struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Page<'_> {
    /// A counter. The format puts `_total` behind its name.
    fn counter<'s, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = Sample<'s, u64, N>>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
        }
        Ok(())
    }

    fn gauge<'s, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = Sample<'s, f64, N>>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn histogram<'s, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = Sample<'s, &'s Histogram, N>>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, histogram) in samples {
            EncodeMetric::encode(histogram, metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// What controller-runtime says of its controllers: `pkg/internal/controller/metrics/metrics.go` there.
    fn reconciles(&mut self, all: &[Figures]) -> fmt::Result {
        let results = all.iter().flat_map(|figures| {
            let counters = &figures.counters;
            let by_result = [
                ("success", counters.succeeded.get()),
                ("error", counters.failed.get()),
                ("requeue", 0),
                ("requeue_after", counters.requeued.get()),
            ];
            by_result.map(|(result, count)| ([("controller", figures.name), ("result", result)], count))
        });
        self.counter("controller_runtime_reconcile", "Total number of reconciliations per controller", results)?;
        let counted = |read: fn(&Figures) -> u64| all.iter().map(move |figures| (controller(figures), read(figures)));
        self.counter(
            "controller_runtime_reconcile_errors",
            "Total number of reconciliation errors per controller",
            counted(|figures| figures.counters.failed.get()),
        )?;
        self.counter(
            "controller_runtime_terminal_reconcile_errors",
            "Total number of terminal reconciliation errors per controller",
            counted(|figures| figures.counters.terminal.get()),
        )?;
        self.counter(
            "controller_runtime_reconcile_panics",
            "Total number of reconciliation panics per controller",
            counted(|figures| figures.counters.panics.get()),
        )?;
        self.counter(
            "controller_runtime_reconcile_timeouts",
            "Total number of reconciliation timeouts per controller",
            counted(|figures| figures.counters.timeouts.get()),
        )?;
        self.histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller",
            all.iter().map(|figures| (controller(figures), &figures.counters.reconcile_seconds)),
        )?;
        self.gauge(
            "controller_runtime_max_concurrent_reconciles",
            "Maximum number of concurrent reconciles per controller",
            all.iter().map(|figures| (controller(figures), f64::from(figures.workers))),
        )?;
        self.gauge(
            "controller_runtime_active_workers",
            "Number of currently used workers per controller",
            all.iter().map(|figures| (controller(figures), figures.depth.running as f64)),
        )
    }

    /// What client-go says of its queues: `pkg/internal/metrics/workqueue.go` of controller-runtime.
    fn workqueues(&mut self, all: &[Figures]) -> fmt::Result {
        let depths = all.iter().flat_map(|figures| {
            let named = move |(priority, depth): (&'static str, usize)| {
                ([("name", figures.name), ("controller", figures.name), ("priority", priority)], depth as f64)
            };
            PRIORITIES.into_iter().zip(figures.depth.ready).map(named)
        });
        self.gauge("workqueue_depth", "Current depth of workqueue by workqueue and priority", depths)?;
        self.counter(
            "workqueue_adds",
            "Total number of adds handled by workqueue",
            all.iter().map(|figures| (queue(figures), figures.adds)),
        )?;
        self.histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested",
            all.iter().map(|figures| (queue(figures), &figures.counters.queue_seconds)),
        )?;
        self.histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes",
            all.iter().map(|figures| (queue(figures), &figures.counters.work_seconds)),
        )?;
        self.gauge(
            "workqueue_unfinished_work_seconds",
            "How many seconds of work has been done that is in progress and has not been observed by work_duration",
            all.iter().map(|figures| (queue(figures), figures.unfinished().as_secs_f64())),
        )?;
        self.gauge(
            "workqueue_longest_running_processor_seconds",
            "How many seconds the longest running processor for workqueue has been running",
            all.iter().map(|figures| (queue(figures), figures.longest().as_secs_f64())),
        )?;
        self.counter(
            "workqueue_retries",
            "Total number of retries handled by workqueue",
            all.iter().map(|figures| (queue(figures), figures.delays)),
        )
    }

    fn requests(&mut self, requests: &Requests) -> fmt::Result {
        let host = requests.host();
        let counts = requests.counts();
        let samples = counts.iter().map(|(Asked { code, method }, count)| {
            ([("code", &**code), ("method", &**method), ("host", host)], *count)
        });
        let help = "Number of HTTP requests, partitioned by status code, method, and host";
        self.counter("rest_client_requests", help, samples)
    }

    /// What is watched. A watch that several controllers share is shown once.
    fn watches(&mut self, all: &[Figures]) -> fmt::Result {
        let watches = WatchFigures::each_once(all.iter().flat_map(|figures| &figures.watches));
        let named: Vec<(String, &WatchFigures)> = watches.map(|watch| (watch.spec.to_string(), watch)).collect();
        let states = named.iter().flat_map(|(name, watch)| {
            let is = |state| f64::from(u8::from(watch.state == state));
            ["syncing", "healthy", "stale"].map(|state| ([("watch", &**name), ("state", state)], is(state)))
        });
        self.gauge("controller_rs_watch_state", "1 for the state that the watch is in", states)?;
        self.gauge(
            "controller_rs_watch_objects",
            "Objects that the watch's cache holds",
            named.iter().map(|(name, watch)| ([("watch", &**name)], watch.objects as f64)),
        )?;
        let counted =
            |read: fn(&WatchFigures) -> u64| named.iter().map(move |(name, watch)| ([("watch", &**name)], read(watch)));
        self.counter(
            "controller_rs_watch_reports",
            "Objects that lists and events of the watch showed",
            counted(|watch| watch.reports),
        )?;
        self.counter(
            "controller_rs_watch_repeated",
            "Objects that the watch showed in a version that was known",
            counted(|watch| watch.repeated),
        )?;
        self.counter(
            "controller_rs_watch_skipped",
            "Objects and lines of the watch that could not be read",
            counted(|watch| watch.skipped),
        )?;
        self.counter("controller_rs_watch_relists", "Lists that had to be read again", counted(|watch| watch.relists))
    }

    /// What only this engine has.
    fn own(&mut self, all: &[Figures]) -> fmt::Result {
        let counted = |read: fn(&Figures) -> u64| all.iter().map(move |figures| (controller(figures), read(figures)));
        self.counter(
            "controller_rs_invalid_objects",
            "Runs whose object broke the schema, did not decode, or was called invalid",
            counted(|figures| figures.counters.invalid.get()),
        )?;
        let skipped = all.iter().flat_map(|figures| {
            let because = |reason: &'static str| [("controller", figures.name), ("reason", reason)];
            let skipped = figures.skipped;
            [
                (because("unheard"), skipped.unheard),
                (because("filtered"), skipped.filtered),
                (because("paused"), skipped.paused),
            ]
        });
        self.counter("controller_rs_skipped", "Events for which no callback ran, by the reason", skipped)?;
        self.counter(
            "controller_rs_stale_runs",
            "Runs that began before the caches showed what the run before wrote",
            counted(|figures| figures.counters.stale.get()),
        )?;
        self.counter(
            "controller_rs_slow_runs",
            "Runs past half of their timeout",
            counted(|figures| figures.counters.slow.get()),
        )?;
        self.counter(
            "controller_rs_blocked_runs",
            "Runs that did not yield their thread for a second",
            counted(|figures| figures.counters.blocked.get()),
        )?;
        self.counter(
            "controller_rs_unusual_runs",
            "Runs that took more than ten times the median of their callback",
            counted(|figures| figures.counters.unusual.get()),
        )?;
        self.counter(
            "controller_rs_rate_limited_runs",
            "Runs that waited because of a rate limit",
            counted(|figures| figures.limited),
        )?;
        let shown = |read: fn(&Figures) -> f64| all.iter().map(move |figures| (controller(figures), read(figures)));
        self.gauge(
            "controller_rs_oldest_ready_seconds",
            "How long the object that is ready to run longest has been so",
            shown(|figures| figures.oldest.as_secs_f64()),
        )?;
        self.counter(
            "controller_rs_hot_loops",
            "Objects that were found to be rewritten by their own runs without end",
            counted(|figures| figures.counters.hot_loops.get()),
        )?;
        self.gauge(
            "controller_rs_hot_keys",
            "Objects that are slowed because their runs rewrite them without end",
            shown(|figures| figures.hot as f64),
        )?;
        self.gauge(
            "controller_rs_paused_keys",
            "Objects that are paused by their annotation",
            shown(|figures| figures.depth.paused as f64),
        )?;
        self.gauge(
            "controller_rs_retrying_keys",
            "Objects that wait for a retry",
            shown(|figures| figures.depth.retrying as f64),
        )
    }

    fn process(&mut self, process: Process) -> fmt::Result {
        let help = "Total user and system CPU time spent in seconds.";
        let mut cpu = self.encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
        cpu.encode_counter::<NoLabelSet, _, f64>(&process.cpu_seconds, None)?;
        let one = |value: f64| [([], value)];
        self.gauge::<0>(
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            one(process.resident_bytes as f64),
        )?;
        self.gauge::<0>(
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            one(process.virtual_bytes as f64),
        )?;
        let help = "Start time of the process since unix epoch in seconds.";
        self.gauge::<0>("process_start_time_seconds", help, one(process.started))?;
        match process.open_files {
            Some(files) => self.gauge::<0>("process_open_fds", "Number of open file descriptors.", one(files as f64)),
            None => Ok(()),
        }
    }
}

fn controller(figures: &Figures) -> [Label<'static>; 1] {
    [("controller", figures.name)]
}

fn queue(figures: &Figures) -> [Label<'static>; 2] {
    [("name", figures.name), ("controller", figures.name)]
}
