//! The operator that is measured: it counts its callbacks and says on standard output what each phase used.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;
use serde::{Deserialize, Serialize};

use crate::meter;

/// Which decode the callback asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A projection of one annotation.
    Lazy,
    /// The whole `Pod`.
    Typed,
}

/// One line of the subject's output.
#[derive(Debug, Serialize, Deserialize)]
pub struct Line {
    /// The name of the phase that ended.
    pub phase: String,
    pub callbacks: usize,
    pub cpu_ns: u128,
    pub resident_bytes: u64,
    pub peak_bytes: u64,
    /// From the write of a change to its callback, in nanoseconds, sorted.
    pub latencies: Vec<u64>,
}

/// The pod that ends a phase: its annotation names it.
pub const MARKER: &str = "zz-marker";

#[derive(Default)]
struct Tally {
    callbacks: AtomicUsize,
    latencies: Mutex<Vec<u64>>,
}

impl Tally {
    fn note(&self, key: &Key, annotations: Option<&BTreeMap<String, String>>) {
        let at = annotations.and_then(|annotations| annotations.get("bench/at"));
        if key.name() == MARKER {
            let phase = annotations.and_then(|annotations| annotations.get("bench/phase"));
            self.end(phase.map_or("unnamed", String::as_str));
            return;
        }
        self.callbacks.fetch_add(1, Ordering::Relaxed);
        if let Some(written) = at.and_then(|at| at.parse::<u128>().ok()).filter(|written| *written > 0) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
            let passed = u64::try_from(now.saturating_sub(written)).unwrap_or(u64::MAX);
            self.latencies.lock().expect("no callback panics").push(passed);
        }
    }

    fn end(&self, phase: &str) {
        let used = meter::used().expect("/proc is there");
        let mut latencies = std::mem::take(&mut *self.latencies.lock().expect("no callback panics"));
        latencies.sort_unstable();
        let line = Line {
            phase: phase.to_owned(),
            callbacks: self.callbacks.swap(0, Ordering::Relaxed),
            cpu_ns: used.cpu.as_nanos(),
            resident_bytes: used.resident_bytes,
            peak_bytes: used.peak_bytes,
            latencies,
        };
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &line).expect("a line is plain data");
        writeln!(out).and_then(|()| out.flush()).expect("the parent reads");
    }
}

/// Only what the tally needs: everything else in a pod is skipped.
#[derive(Deserialize)]
struct Stamp {
    metadata: StampMeta,
}

#[derive(Deserialize)]
struct StampMeta {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Default)]
struct Lazy(Tally);

#[controller(api_version = "v1", kind = "Pod", plural = "pods", reconcile_delay = off)]
impl Lazy {
    async fn reconcile(&self, pod: &Stamp, cx: &Context<Self>) {
        self.0.note(cx.key(), Some(&pod.metadata.annotations));
    }
}

#[derive(Default)]
struct Typed(Tally);

#[controller(api_version = "v1", kind = "Pod", reconcile_delay = off)]
impl Typed {
    async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {
        self.0.note(cx.key(), pod.metadata.annotations.as_ref());
    }
}

/// Runs until the parent kills it.
pub async fn run(kind: Kind) -> Result<(), Box<dyn std::error::Error>> {
    Tally::default().end("start");
    let operator = Operator::new("bench");
    match kind {
        Kind::Lazy => operator.controller(Lazy::default()).run().await,
        Kind::Typed => operator.controller(Typed::default()).run().await,
    };
    Ok(())
}
