//! What plays scheduler and kubelet: the stages of a pod's life, as a table.
//!
//! A stage says which pods it is for, how many paces after the last change it comes, what it does and what it tells. The
//! first one that fits a pod is its next; a user's own come first, and one of the same name takes its place. A status that
//! somebody else has written fits no stage, so a test may play kubelet itself from any point on.
//!
//! A pod that no node takes, or that refers to what is not there, is stuck: it goes on once that has changed.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Clockwork;
use super::event::{Names, Telling, telling};
use super::furniture::NODE;
use super::hand::{Hand, Kind, kind};
use super::object;
use super::placement;
use super::queue::{Place, Work};
use super::references::{self, Missing};

/// One step in a pod's life.
struct Stage {
    name: &'static str,
    fits: fn(&Value) -> bool,
    paces: i32,
    act: fn(&Value, &Place, &mut Hand<'_>, u32) -> Outcome,
}

/// What comes of a stage.
enum Outcome {
    Done,
    /// Something is not as the pod needs it.
    Stuck(Why),
}

/// Why a pod is stuck, as it was last told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// The pod's status says so.
    Shown,
    Told(String),
}

/// What a container waits for that refers to what is not there.
const CONFIG_ERROR: &str = "CreateContainerConfigError";

const STARTED: [Telling; 3] = [telling::IMAGE_THERE, telling::CONTAINER_MADE, telling::CONTAINER_STARTED];

const LACKS: [Telling; 2] = [telling::IMAGE_THERE, telling::CONTAINER_LACKS];

/// Both lists of a pod's containers, and that of their statuses.
const LISTS: [(&str, &str); 2] = [("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")];

const STAGES: [Stage; 5] = [
    Stage { name: "pod-remove", fits: is_leaving, paces: 1, act: remove },
    Stage { name: "pod-schedule", fits: is_unscheduled, paces: 1, act: schedule },
    Stage { name: "pod-create", fits: is_bound, paces: 1, act: create_containers },
    Stage { name: "pod-start", fits: is_starting, paces: 1, act: start },
    Stage { name: "pod-complete", fits: comes_to_an_end, paces: 5, act: succeed },
];

impl Clockwork {
    /// When a pod's next stage is due, if it has one.
    pub(super) fn pods_next(&self, pod: &Value, place: &Place, now: Timestamp) -> Option<Timestamp> {
        let wait = self.pace.checked_mul(self.pods_stage(pod, place)?.paces).unwrap_or(SignedDuration::MAX);
        Some(now.checked_add(wait).unwrap_or(Timestamp::MAX))
    }

    fn pods_stage(&self, pod: &Value, place: &Place) -> Option<&'static Stage> {
        let goes_on =
            |stage: &Stage| stage.name == "pod-start" && self.stuck.contains_key(place) && is_half_started(pod);
        let fits = |stage: &&Stage| ((stage.fits)(pod) || goes_on(stage)) && !self.is_replaced(stage.name);
        STAGES.iter().find(fits).filter(|_| self.stage_of(pod).is_none())
    }

    /// Takes a pod through its next stage.
    pub(super) fn pod(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let found = hand.get(place).and_then(|pod| self.pods_stage(&pod, place).map(|stage| (pod, stage)));
        let Some((pod, stage)) = found else {
            self.stuck.remove(place);
            return;
        };
        self.addresses = self.addresses.wrapping_add(1);
        match (stage.act)(&pod, place, hand, self.addresses) {
            // It is done again once a webhook has answered.
            _ if hand.wanted.is_some() => {}
            Outcome::Done => drop(self.stuck.remove(place)),
            Outcome::Stuck(why) => {
                if let Why::Told(message) = &why
                    && self.stuck.get(place) != Some(&why)
                {
                    hand.tell(&telling::VOLUME_MISSING, &pod, &[("why", message)]);
                }
                self.stuck.insert(place.clone(), why);
            }
        }
    }

    /// Takes pods that are stuck further, where what they wait for may have come.
    pub(super) fn see_needs(&mut self, place: &Place, now: Timestamp) {
        const NEEDS: [&Kind; 6] =
            [&kind::NODES, &kind::CLAIMS, &kind::VOLUMES, &kind::STORAGE_CLASSES, &kind::CONFIG_MAPS, &kind::SECRETS];
        if self.stuck.is_empty() || !NEEDS.iter().any(|kind| kind.is(place)) {
            return;
        }
        let concerned = |pod: &&Place| place.namespace().is_none_or(|namespace| pod.namespace() == Some(namespace));
        for pod in self.stuck.keys().filter(concerned) {
            self.queue.add(Work::Pod(pod.clone()), now);
        }
    }

    /// Takes up a pod that an earlier life left half started.
    pub(super) fn resume_pod(&mut self, place: &Place, pod: &Value) {
        if is_half_started(pod) {
            self.stuck.insert(place.clone(), Why::Shown);
        }
    }
}

/// Says, once, why no node takes the pod.
fn give_up_scheduling(pod: &Value, place: &Place, why: &str, hand: &mut Hand<'_>) {
    let is_said = |found: &Value| found["type"] == "PodScheduled" && found["message"] == why;
    if object::items(pod, "/status/conditions").iter().any(is_said) {
        return;
    }
    let mut condition = condition("PodScheduled", false, &object::time(hand.now()));
    condition["reason"] = json!("Unschedulable");
    condition["message"] = json!(why);
    hand.patch_status(place, &json!({"status": {"phase": "Pending", "conditions": [condition]}}));
    hand.tell(&telling::POD_HOMELESS, pod, &[("why", why)]);
}

/// Tells of a container.
fn tell_of(container: &Value, list: &str, tellings: &[Telling], names: Names<'_>, pod: &Value, hand: &mut Hand<'_>) {
    let (name, image) = (object::text(container, "/name"), object::text(container, "/image"));
    for telling in tellings {
        let names = [&[("container", name), ("image", image)], names].concat();
        hand.tell_of_part(telling, pod, &format!("spec.{list}{{{name}}}"), &names);
    }
}

fn is_pending(pod: &Value) -> bool {
    !object::is_deleting(pod) && matches!(object::text(pod, "/status/phase"), "" | "Pending")
}

fn is_leaving(pod: &Value) -> bool {
    object::is_deleting(pod) && object::number(pod, "/metadata/deletionGracePeriodSeconds").unwrap_or(0) > 0
}

fn is_unscheduled(pod: &Value) -> bool {
    let gated = !object::items(pod, "/spec/schedulingGates").is_empty();
    let ours = matches!(object::text(pod, "/spec/schedulerName"), "" | "default-scheduler");
    is_pending(pod) && object::text(pod, "/spec/nodeName").is_empty() && !gated && ours
}

fn is_bound(pod: &Value) -> bool {
    is_pending(pod)
        && object::text(pod, "/spec/nodeName") == NODE
        && object::items(pod, "/status/containerStatuses").is_empty()
}

fn is_starting(pod: &Value) -> bool {
    let waits = |status: &Value| status.pointer("/state/waiting/reason").is_some_and(|why| why == "ContainerCreating");
    let containers = object::items(pod, "/status/containerStatuses");
    is_pending(pod) && !containers.is_empty() && containers.iter().all(waits)
}

/// Whether some of its containers lack what they refer to.
fn is_half_started(pod: &Value) -> bool {
    let lacks = |status: &Value| status.pointer("/state/waiting/reason").is_some_and(|why| why == CONFIG_ERROR);
    let mut statuses = LISTS.iter().flat_map(|(_, list)| object::items(pod, &format!("/status/{list}")));
    is_pending(pod) && statuses.any(lacks)
}

/// What is not started again when it ends, such as a Job's pods, is taken to do its work and to end.
fn comes_to_an_end(pod: &Value) -> bool {
    let once = matches!(object::text(pod, "/spec/restartPolicy"), "Never" | "OnFailure");
    once && !object::is_deleting(pod) && object::text(pod, "/status/phase") == "Running"
}

/// A pod that works stops doing so before it goes: those who watch it see that.
fn remove(pod: &Value, place: &Place, hand: &mut Hand<'_>, _: u32) -> Outcome {
    let runs = |status: &Value| status.pointer("/state/running").is_some();
    if object::items(pod, "/status/containerStatuses").iter().any(runs) {
        let now = object::time(hand.now());
        let all: Vec<&str> = names(pod, "containers").collect();
        let status = json!({
            "conditions": conditions(pod, Progress::Stopped, &all, &now),
            "containerStatuses": statuses(pod, "containers", &ended(pod, &now)),
        });
        hand.patch_status(place, &json!({"status": status}));
    }
    hand.delete_now(place, object::uid(pod));
    // What has run its course is not stopped.
    for container in object::items(pod, "/spec/containers") {
        tell_of(container, "containers", &[telling::CONTAINER_STOPPED], &[], pod, hand);
    }
    Outcome::Done
}

/// The state of a container that has done its work.
fn ended(pod: &Value, now: &str) -> Value {
    let began = object::text(pod, "/status/startTime");
    json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": began, "finishedAt": now}})
}

fn schedule(pod: &Value, place: &Place, hand: &mut Hand<'_>, _: u32) -> Outcome {
    if let Some(why) = placement::hindrance(pod, hand) {
        give_up_scheduling(pod, place, &why, hand);
        return Outcome::Stuck(Why::Shown);
    }
    hand.bind(place, object::uid(pod), NODE);
    hand.tell(&telling::POD_BOUND, pod, &[("node", NODE)]);
    Outcome::Done
}

fn condition(kind: &str, status: bool, now: &str) -> Value {
    json!({
        "type": kind,
        "status": if status { "True" } else { "False" },
        "lastProbeTime": null,
        "lastTransitionTime": now,
    })
}

/// How far a pod has come, as its conditions tell it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Created,
    /// Not all of its first containers have run.
    Initializing,
    /// Not all of its containers run.
    Starting,
    Running,
    Stopped,
    Completed,
}

/// The conditions of a pod, whose transition times stay where the status does. `unready` are the containers that wait.
fn conditions(pod: &Value, progress: Progress, unready: &[&str], now: &str) -> Vec<Value> {
    let old = object::items(pod, "/status/conditions");
    let has_sandbox = matches!(progress, Progress::Initializing | Progress::Starting | Progress::Running);
    let ready = progress == Progress::Running;
    let facts = [
        ("PodReadyToStartContainers", has_sandbox),
        ("Initialized", progress != Progress::Initializing),
        ("Ready", ready),
        ("ContainersReady", ready),
        ("PodScheduled", true),
    ];
    let mut conditions: Vec<Value> = Vec::with_capacity(facts.len());
    for (kind, status) in facts {
        let mut new = condition(kind, status, now);
        match old.iter().find(|old| old["type"] == kind) {
            Some(old) if old["status"] == new["status"] => {
                new["lastTransitionTime"] = old["lastTransitionTime"].clone();
            }
            _ => {}
        }
        if !status && progress == Progress::Completed {
            new["reason"] = json!("PodCompleted");
        } else if !status && kind == "Initialized" {
            new["reason"] = json!("ContainersNotInitialized");
            let names: Vec<&str> = names(pod, "initContainers").filter(|name| unready.contains(name)).collect();
            new["message"] = json!(format!("containers with incomplete status: [{}]", names.join(" ")));
        } else if !status && matches!(kind, "Ready" | "ContainersReady") {
            new["reason"] = json!("ContainersNotReady");
            let names: Vec<&str> = names(pod, "containers").filter(|name| unready.contains(name)).collect();
            new["message"] = json!(format!("containers with unready status: [{}]", names.join(" ")));
        }
        conditions.push(new);
    }
    // Conditions of others, such as readiness gates, stay.
    let ours = |kind: &Value| facts.iter().any(|(known, _)| kind == known);
    conditions.extend(old.iter().filter(|old| !ours(&old["type"])).cloned());
    conditions
}

/// The names of a pod's containers.
fn names<'a>(pod: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
    object::items(pod, &format!("/spec/{list}")).iter().map(|container| object::text(container, "/name"))
}

/// The status of a container.
fn status(pod: &Value, container: &Value, state: &Value, ready: bool) -> Value {
    let uid = object::uid(pod);
    let name = object::text(container, "/name");
    let image = object::text(container, "/image");
    let begun = state.get("waiting").is_none();
    json!({
        "name": name,
        "image": image,
        "imageID": if begun { format!("testkit://{image}") } else { String::new() },
        "containerID": if begun { format!("testkit://{uid}/{name}") } else { String::new() },
        "lastState": {},
        "ready": ready,
        "resources": container.get("resources").filter(|_| begun).cloned().unwrap_or_default(),
        "restartCount": 0,
        "started": ready,
        "state": state,
    })
}

/// The statuses of containers, all in one state.
fn statuses(pod: &Value, list: &str, state: &Value) -> Vec<Value> {
    let containers = object::items(pod, &format!("/spec/{list}"));
    containers.iter().map(|container| status(pod, container, state, false)).collect()
}

fn waiting(reason: &str, message: &str) -> Value {
    match message {
        "" => json!({"waiting": {"reason": reason}}),
        _ => json!({"waiting": {"reason": reason, "message": message}}),
    }
}

fn create_containers(pod: &Value, place: &Place, hand: &mut Hand<'_>, _: u32) -> Outcome {
    let now = object::time(hand.now());
    let waiting = waiting("ContainerCreating", "");
    let all: Vec<&str> = names(pod, "containers").collect();
    let mut status = json!({
        "phase": "Pending",
        "conditions": conditions(pod, Progress::Created, &all, &now),
        "hostIP": "192.168.0.1",
        "hostIPs": [{"ip": "192.168.0.1"}],
        "startTime": now,
        "observedGeneration": object::generation(pod),
    });
    for (list, shown) in LISTS {
        let containers = statuses(pod, list, &waiting);
        if !containers.is_empty() {
            status[shown] = json!(containers);
        }
    }
    hand.patch_status(place, &json!({"status": status}));
    Outcome::Done
}

/// Starts what can be started: the first containers one after another, then the others.
fn start(pod: &Value, place: &Place, hand: &mut Hand<'_>, number: u32) -> Outcome {
    match references::of_volumes(pod, hand) {
        Some(Missing::Told(why)) => return Outcome::Stuck(Why::Told(why)),
        Some(Missing::Claim) => return Outcome::Stuck(Why::Shown),
        None => {}
    }
    let now = object::time(hand.now());
    let mut shown = json!({"observedGeneration": object::generation(pod)});
    let mut progress = Progress::Running;
    let (mut unready, mut told) = (Vec::new(), Vec::new());
    for (list, member) in LISTS {
        let mut statuses = Vec::new();
        for container in object::items(pod, &format!("/spec/{list}")) {
            let name = object::text(container, "/name");
            let before = object::items(pod, &format!("/status/{member}")).iter().find(|status| status["name"] == name);
            let why = match progress {
                Progress::Initializing => Some((waiting("PodInitializing", ""), false)),
                _ => references::of_container(pod, container, hand).map(|why| {
                    let is_told = before.is_some_and(|before| object::text(before, "/state/waiting/message") == why);
                    if !is_told {
                        told.push((container, list, &LACKS[..], why.clone()));
                    }
                    (waiting(CONFIG_ERROR, &why), true)
                }),
            };
            let begun = before.filter(|before| before.pointer("/state/waiting").is_none());
            let runs_on = list == "containers" || object::text(container, "/restartPolicy") == "Always";
            statuses.push(match (begun, why) {
                (Some(begun), _) => begun.clone(),
                (None, Some((state, is_stuck))) => {
                    unready.push(name);
                    if is_stuck {
                        progress = if list == "containers" { Progress::Starting } else { Progress::Initializing };
                    }
                    status(pod, container, &state, false)
                }
                (None, None) => {
                    told.push((container, list, &STARTED[..], String::new()));
                    let running = json!({"running": {"startedAt": now}});
                    let ended = json!({"terminated": {
                        "exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now,
                    }});
                    status(pod, container, if runs_on { &running } else { &ended }, true)
                }
            });
        }
        if !statuses.is_empty() {
            shown[member] = json!(statuses);
        }
    }
    let mut conditions = conditions(pod, progress, &unready, &now);
    let gates = object::items(pod, "/spec/readinessGates");
    let ready = gates.iter().all(|gate| object::is_true(pod, object::text(gate, "/conditionType")));
    let runs = progress == Progress::Running;
    if runs
        && !ready
        && let Some(condition) = conditions.iter_mut().find(|condition| condition["type"] == "Ready")
    {
        condition["status"] = json!("False");
        condition["reason"] = json!("ReadinessGatesNotReady");
    }
    shown["conditions"] = json!(conditions);
    shown["phase"] = json!(if runs { "Running" } else { "Pending" });
    if object::text(pod, "/status/podIP").is_empty() {
        let address = format!("10.244.{}.{}", (number >> 8) & 0xff, number & 0xff);
        shown["podIP"] = json!(address);
        shown["podIPs"] = json!([{"ip": address}]);
    }
    hand.patch_status(place, &json!({"status": shown}));
    for (container, list, tellings, why) in told {
        tell_of(container, list, tellings, &[("why", &why)], pod, hand);
    }
    match runs {
        true => Outcome::Done,
        false => Outcome::Stuck(Why::Shown),
    }
}

fn succeed(pod: &Value, place: &Place, hand: &mut Hand<'_>, _: u32) -> Outcome {
    let now = object::time(hand.now());
    let status = json!({
        "phase": "Succeeded",
        "conditions": conditions(pod, Progress::Completed, &[], &now),
        "containerStatuses": statuses(pod, "containers", &ended(pod, &now)),
    });
    hand.patch_status(place, &json!({"status": status}));
    Outcome::Done
}
