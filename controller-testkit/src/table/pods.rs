//! The cells of a Pod: how many of its containers are ready, and the one word that says how it is.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;
use super::cells::{condition, integer, items, string};

/// What a Pod's containers add up to.
struct Summary {
    ready: usize,
    total: usize,
    word: String,
    restarts: i64,
    last_restart: Option<String>,
}

/// `1/2`.
pub(super) fn ready(pod: &Value) -> String {
    let summary = summarize(pod);
    format!("{}/{}", summary.ready, summary.total)
}

/// `Running`, `Completed`, `CrashLoopBackOff`, `Init:0/1`, …
pub(super) fn status(pod: &Value) -> String {
    summarize(pod).word
}

/// `3 (5m ago)`.
pub(super) fn restarts(pod: &Value, now: Timestamp) -> String {
    let summary = summarize(pod);
    match summary.last_restart {
        Some(last) if summary.restarts != 0 => {
            format!("{} ({} ago)", summary.restarts, age::since(Some(&last), now, "<unknown>"))
        }
        _ => summary.restarts.to_string(),
    }
}

/// `1/2` of the readiness gates' conditions.
pub(super) fn gates(pod: &Value) -> String {
    let gates = items(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let met = gates.iter().filter(|gate| condition(pod, string(gate, "/conditionType")) == Some("True")).count();
    format!("{met}/{}", gates.len())
}

/// The condition that a finished Pod's row carries, by which kubectl knows what it may leave out.
pub(super) fn finished(pod: &Value) -> Option<Value> {
    let (reason, message) = match string(pod, "/status/phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!({ "type": "Completed", "status": "True", "reason": reason, "message": message }))
}

fn summarize(pod: &Value) -> Summary {
    let phase = string(pod, "/status/phase");
    let status_reason = string(pod, "/status/reason");
    let mut word = if status_reason.is_empty() { phase } else { status_reason }.to_owned();
    let gated = items(pod, "/status/conditions").iter().any(|condition| {
        string(condition, "/type") == "PodScheduled" && string(condition, "/reason") == "SchedulingGated"
    });
    if gated {
        word = "SchedulingGated".to_owned();
    }
    let init_containers = items(pod, "/spec/initContainers");
    let sidecar = |name: &str| {
        init_containers
            .iter()
            .any(|container| string(container, "/name") == name && string(container, "/restartPolicy") == "Always")
    };
    let sidecars = init_containers.iter().filter(|container| sidecar(string(container, "/name"))).count();
    let mut summary = Summary {
        ready: 0,
        total: items(pod, "/spec/containers").len() + sidecars,
        word,
        restarts: 0,
        last_restart: None,
    };
    let mut sidecar_restarts = (0, None);
    let initializing = summarize_init(pod, &mut summary, &mut sidecar_restarts, init_containers.len(), &sidecar);
    if !initializing || condition(pod, "Initialized") == Some("True") {
        (summary.restarts, summary.last_restart) = sidecar_restarts;
        summarize_main(pod, &mut summary);
    }
    if pod.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) {
        if status_reason == "NodeLost" {
            summary.word = "Unknown".to_owned();
        } else if !matches!(phase, "Succeeded" | "Failed") {
            summary.word = "Terminating".to_owned();
        }
    }
    summary
}

/// Adds the init containers; whether one of them is not done yet.
fn summarize_init(
    pod: &Value,
    summary: &mut Summary,
    sidecar_restarts: &mut (i64, Option<String>),
    count: usize,
    sidecar: &impl Fn(&str) -> bool,
) -> bool {
    for (at, container) in items(pod, "/status/initContainerStatuses").iter().enumerate() {
        let is_sidecar = sidecar(string(container, "/name"));
        summary.restarts += integer(container, "/restartCount");
        later(&mut summary.last_restart, container);
        if is_sidecar {
            sidecar_restarts.0 += integer(container, "/restartCount");
            later(&mut sidecar_restarts.1, container);
        }
        let terminated = container.pointer("/state/terminated").filter(|state| state.is_object());
        let waiting = string(container, "/state/waiting/reason");
        match terminated {
            Some(state) if integer(state, "/exitCode") == 0 => continue,
            _ if is_sidecar && container.get("started") == Some(&Value::Bool(true)) => {
                summary.ready += usize::from(container.get("ready") == Some(&Value::Bool(true)));
                continue;
            }
            Some(state) => summary.word = format!("Init:{}", exit_word(state)),
            None if !waiting.is_empty() && waiting != "PodInitializing" => {
                summary.word = format!("Init:{waiting}");
            }
            None => summary.word = format!("Init:{at}/{count}"),
        }
        return true;
    }
    false
}

fn summarize_main(pod: &Value, summary: &mut Summary) {
    let mut running = false;
    let mut failure = None;
    for container in items(pod, "/status/containerStatuses").iter().rev() {
        summary.restarts += integer(container, "/restartCount");
        later(&mut summary.last_restart, container);
        let waiting = string(container, "/state/waiting/reason");
        if !waiting.is_empty() {
            summary.word = waiting.to_owned();
        } else if let Some(state) = container.pointer("/state/terminated").filter(|state| state.is_object()) {
            summary.word = exit_word(state);
            if integer(state, "/exitCode") != 0 {
                failure = Some(summary.word.clone());
            }
        } else if container.get("ready") == Some(&Value::Bool(true))
            && container.pointer("/state/running").is_some_and(Value::is_object)
        {
            running = true;
            summary.ready += 1;
        }
    }
    if summary.word == "Completed" {
        // One finished container does not make a Pod complete while others run.
        if running && condition(pod, "Ready") == Some("True") {
            summary.word = "Running".to_owned();
        } else if let Some(failure) = failure {
            summary.word = failure;
        } else if running {
            summary.word = "NotReady".to_owned();
        }
    }
}

/// Why a container ended: its reason, else its signal, else its exit code.
fn exit_word(state: &Value) -> String {
    match (string(state, "/reason"), integer(state, "/signal")) {
        ("", 0) => format!("ExitCode:{}", integer(state, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// Keeps the later of two restarts. The timestamps are UTC in whole seconds, so that their texts compare as they do.
fn later(last: &mut Option<String>, container: &Value) {
    let finished = string(container, "/lastState/terminated/finishedAt");
    if !finished.is_empty() && last.as_deref().is_none_or(|last| last < finished) {
        *last = Some(finished.to_owned());
    }
}
