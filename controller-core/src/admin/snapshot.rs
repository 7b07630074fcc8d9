//! Owns one look at an operator: its tree with what each child does, and its watches. It is what `/children` answers
//! and what the page is drawn from.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use serde::{Serialize, Serializer};

use super::health::{Detail, Probe, verdict};
use super::window::Window;
use crate::dispatch::{Figures, Phase, UnderWay, WatchFigures};
use crate::env::Clock;
use crate::key::Key;
use crate::supervisor::{ChildInfo, ChildKind, SupervisorHandle, Verb};

/// A supervisor that starts or stops a child answers nobody meanwhile. It is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is seen of an operator at one moment.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Snapshot {
    pub(super) operator: String,
    pub(super) version: &'static str,
    pub(super) health: State,
    /// The operator's own supervisor.
    #[serde(flatten)]
    pub(super) root: Node,
    pub(super) watches: Vec<Watch>,
}

/// How the operator is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    Starting,
    NotReady,
    Ready,
    Stopping,
}

/// One child of a supervisor.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) state: String,
    pub(super) restarts: u64,
    pub(super) last_exit: Option<String>,
    #[serde(rename = "uptime_seconds", serialize_with = "seconds_if_any")]
    pub(super) uptime: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) controller: Option<Controller>,
    /// What it supervises. None for a worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) children: Option<Vec<Node>>,
    /// The supervisor did not say what it supervises: it starts or stops a child, which is named, or does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) silent: Option<String>,
}

/// What a controller does.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Controller {
    pub(super) name: &'static str,
    pub(super) phase: &'static str,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) waits_for: Option<String>,
    #[serde(flatten)]
    pub(super) work: Option<Work>,
}

/// The work of a controller that runs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Work {
    pub(super) concurrency: u16,
    /// Objects that are ready to run.
    pub(super) queue_depth: usize,
    pub(super) in_flight: Vec<Run>,
    /// The object that is ready longest.
    pub(super) oldest: Option<Waiting>,
    pub(super) retrying: usize,
    pub(super) paused: usize,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) watches: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Run {
    #[serde(serialize_with = "text")]
    pub(super) key: Key,
    pub(super) callback: &'static str,
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub(super) takes: Duration,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Waiting {
    #[serde(serialize_with = "text")]
    pub(super) key: Key,
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub(super) waits: Duration,
}

/// One watch, which several controllers may share.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Watch {
    pub(super) name: String,
    pub(super) state: &'static str,
    /// What is in its way.
    pub(super) why: Option<String>,
    #[serde(rename = "quiet_seconds", serialize_with = "seconds")]
    pub(super) quiet: Duration,
    pub(super) objects: usize,
    pub(super) skipped: u64,
    /// The controllers that it serves.
    pub(super) serves: Vec<&'static str>,
}

/// Looks at an operator. It takes no longer than its silent supervisors are waited for.
pub(super) async fn take(window: &Window) -> Snapshot {
    let figures: BTreeMap<&str, Figures> =
        window.live.figures().into_iter().map(|figures| (figures.name, figures)).collect();
    let phases: BTreeMap<&str, Phase> = window.live.phases().into_iter().collect();
    let mut root =
        Node { id: window.operator.to_string(), kind: "supervisor", uptime: Some(window.uptime()), ..Node::default() };
    let seen = Seen { figures: &figures, phases: &phases, clock: &window.clock };
    supervised(&mut root, window.tree.clone(), seen).await;
    root.state = if root.silent.as_deref() == Some(NOT_RUNNING) { "ended" } else { "running" }.to_owned();
    Snapshot {
        operator: window.operator.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        health: state(window),
        root,
        watches: watches(&figures),
    }
}

fn state(window: &Window) -> State {
    let vitals = window.vitals();
    if vitals.stopping {
        return State::Stopping;
    }
    if !vitals.started {
        return State::Starting;
    }
    let checks = Probe::Ready.checks(&vitals, window.stale_limit);
    if verdict(Probe::Ready, &checks, Detail::Terse).is_ok() { State::Ready } else { State::NotReady }
}

/// What controllers say of themselves, by name.
#[derive(Clone, Copy)]
struct Seen<'a> {
    figures: &'a BTreeMap<&'a str, Figures>,
    phases: &'a BTreeMap<&'a str, Phase>,
    clock: &'a Clock,
}

const NOT_RUNNING: &str = "it does not run";

/// Asks a supervisor for its children, and theirs.
async fn supervised(node: &mut Node, handle: SupervisorHandle, seen: Seen<'_>) {
    match tokio::time::timeout(PATIENCE, handle.which_children()).await {
        Ok(Ok(children)) => {
            node.children = Some(join_all(children.into_iter().map(|child| child_node(child, seen))).await);
        }
        Ok(Err(_)) => node.silent = Some(NOT_RUNNING.to_owned()),
        Err(_) => node.silent = Some(errand(&handle, seen.clock)),
    }
}

/// What keeps a supervisor from answering.
fn errand(handle: &SupervisorHandle, clock: &Clock) -> String {
    let Some(errand) = handle.errand() else { return "it starts or stops children".to_owned() };
    let (child, errand) = errand.innermost();
    let takes = clock.instant().saturating_duration_since(errand.since).as_secs();
    match errand.verb {
        Verb::Starts => format!("it waits until {child} is ready: {takes} s by now"),
        Verb::Stops => format!("it waits until {child} has stopped: {takes} s by now"),
    }
}

fn child_node(child: ChildInfo, seen: Seen<'_>) -> BoxFuture<'_, Node> {
    async move {
        let mut node = Node {
            id: child.id,
            kind: match child.kind {
                ChildKind::Worker if child.controller.is_some() => "controller",
                ChildKind::Worker => "worker",
                ChildKind::Supervisor => "supervisor",
            },
            state: format!("{:?}", child.state).to_lowercase(),
            restarts: child.restarts,
            last_exit: child.last_exit.map(|exit| exit.to_string()),
            uptime: child.uptime,
            controller: child.controller.map(|name| controller(name, seen)),
            ..Node::default()
        };
        if let Some(supervisor) = child.supervisor {
            supervised(&mut node, supervisor, seen).await;
        }
        node
    }
    .boxed()
}

fn controller(name: &'static str, seen: Seen<'_>) -> Controller {
    let (phase, waits_for) = match seen.phases.get(name) {
        None | Some(Phase::Expected) => ("expected", None),
        Some(Phase::Waits(what_for)) => ("waits", what_for.as_ref().map(ToString::to_string)),
        Some(Phase::Runs) => ("runs", None),
        Some(Phase::Stopped) => ("stopped", None),
        Some(Phase::Failed) => ("failed", None),
    };
    Controller { name, phase, waits_for, work: seen.figures.get(name).map(Work::of) }
}

impl Work {
    fn of(figures: &Figures) -> Self {
        let run = |run: &UnderWay| Run { key: run.key.clone(), callback: run.callback, takes: run.takes };
        Self {
            concurrency: figures.workers,
            queue_depth: figures.depth.ready.iter().sum(),
            in_flight: figures.under_way.iter().map(run).collect(),
            oldest: figures.oldest_key.clone().map(|key| Waiting { key, waits: figures.oldest }),
            retrying: figures.depth.retrying,
            paused: figures.depth.paused,
            succeeded: figures.counters.succeeded.get() + figures.counters.requeued.get(),
            failed: figures.counters.failed.get(),
            watches: figures.watches.iter().map(|watch| watch.spec.to_string()).collect(),
        }
    }
}

fn watches(figures: &BTreeMap<&str, Figures>) -> Vec<Watch> {
    let each = WatchFigures::each_once(figures.values().flat_map(|figures| &figures.watches));
    let watch = |watch: &WatchFigures| {
        let serves = |figures: &&Figures| figures.watches.iter().any(|other| other.spec == watch.spec);
        Watch {
            name: watch.spec.to_string(),
            state: watch.state,
            why: watch.why.as_ref().map(ToString::to_string),
            quiet: watch.quiet,
            objects: watch.objects,
            skipped: watch.skipped,
            serves: figures.values().filter(serves).map(|figures| figures.name).collect(),
        }
    };
    each.map(watch).collect()
}

/// Thousandths are enough for whoever looks.
fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1_000.0).round() / 1_000.0)
}

#[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
fn seconds_if_any<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => seconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}

fn text<S: Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}
