//! What plays scheduler and kubelet: the stages of a pod's life, as a table.
//!
//! A stage says which pods it is for, how many paces after the last change it comes, what it does and what it tells. The
//! first one that fits a pod is its next; a user's own come first, and one of the same name takes its place. A status that
//! somebody else has written fits no stage, so a test may play kubelet itself from any point on.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Clockwork;
use super::event::{Telling, telling};
use super::furniture::NODE;
use super::hand::{Hand, kind};
use super::object;
use super::queue::{Place, Work};

/// One step in a pod's life.
struct Stage {
    name: &'static str,
    fits: fn(&Value) -> bool,
    paces: i32,
    act: fn(&Value, &Place, &mut Hand<'_>, u32),
    events: Events,
}

/// The events that a stage leaves.
enum Events {
    None,
    Pod(&'static Telling),
    /// For each container, in the order in which they start.
    Containers(&'static [Telling]),
}

const STARTED: [Telling; 3] = [telling::IMAGE_THERE, telling::CONTAINER_MADE, telling::CONTAINER_STARTED];

const STOPPED: [Telling; 1] = [telling::CONTAINER_STOPPED];

const STAGES: [Stage; 5] = [
    Stage { name: "pod-remove", fits: is_leaving, paces: 1, act: remove, events: Events::Containers(&STOPPED) },
    Stage {
        name: "pod-schedule",
        fits: is_unscheduled,
        paces: 1,
        act: schedule,
        events: Events::Pod(&telling::POD_BOUND),
    },
    Stage { name: "pod-create", fits: is_bound, paces: 1, act: create_containers, events: Events::None },
    Stage { name: "pod-start", fits: is_starting, paces: 1, act: start, events: Events::Containers(&STARTED) },
    Stage { name: "pod-complete", fits: comes_to_an_end, paces: 5, act: succeed, events: Events::None },
];

impl Events {
    fn leave(&self, pod: &Value, hand: &mut Hand<'_>) {
        match self {
            Events::None => {}
            Events::Pod(telling) => hand.tell(telling, pod, &[("node", NODE)]),
            Events::Containers(tellings) => {
                for list in ["initContainers", "containers"] {
                    // What has run its course is not stopped.
                    let started_here = list == "containers" || tellings.len() > 1;
                    for container in object::items(pod, &format!("/spec/{list}")).iter().filter(|_| started_here) {
                        let (name, image) = (object::text(container, "/name"), object::text(container, "/image"));
                        for telling in *tellings {
                            let names = [("container", name), ("image", image)];
                            hand.tell_of_part(telling, pod, &format!("spec.{list}{{{name}}}"), &names);
                        }
                    }
                }
            }
        }
    }
}

impl Clockwork {
    /// When a pod's next stage is due, if it has one.
    pub(super) fn pods_next(&self, pod: &Value, now: Timestamp) -> Option<Timestamp> {
        let wait = self.pace.checked_mul(self.pods_stage(pod)?.paces).unwrap_or(SignedDuration::MAX);
        Some(now.checked_add(wait).unwrap_or(Timestamp::MAX))
    }

    fn pods_stage(&self, pod: &Value) -> Option<&'static Stage> {
        let fits = |stage: &&Stage| (stage.fits)(pod) && !self.is_replaced(stage.name);
        STAGES.iter().find(fits).filter(|_| self.stage_of(pod).is_none())
    }

    /// Takes a pod through its next stage.
    pub(super) fn pod(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(pod) = hand.get(place) else { return };
        let Some(stage) = self.pods_stage(&pod) else { return };
        if is_unscheduled(&pod) && !takes_pods(hand) {
            give_up_scheduling(&pod, place, hand);
            self.queue.add(Work::Pod(place.clone()), hand.after(RETRY));
        } else {
            self.addresses = self.addresses.wrapping_add(1);
            (stage.act)(&pod, place, hand, self.addresses);
            stage.events.leave(&pod, hand);
        }
    }
}

/// How soon a pod that found no node looks for one again.
const RETRY: SignedDuration = SignedDuration::from_secs(1);

/// Whether the node is there and not cordoned.
fn takes_pods(hand: &Hand<'_>) -> bool {
    let node = hand.get(&kind::NODES.place("", NODE));
    node.is_some_and(|node| node.pointer("/spec/unschedulable").is_none_or(|cordoned| cordoned != true))
}

/// Says, once, that no node takes the pod.
fn give_up_scheduling(pod: &Value, place: &Place, hand: &mut Hand<'_>) {
    if object::items(pod, "/status/conditions").iter().any(|found| found["reason"] == "Unschedulable") {
        return;
    }
    let mut condition = condition("PodScheduled", false, &object::time(hand.now()));
    condition["reason"] = json!("Unschedulable");
    condition["message"] = json!("0/1 nodes are available: 1 node(s) were unschedulable.");
    hand.patch_status(place, &json!({"status": {"phase": "Pending", "conditions": [condition]}}));
    hand.tell(&telling::POD_HOMELESS, pod, &[]);
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

/// What is not started again when it ends, such as a Job's pods, is taken to do its work and to end.
fn comes_to_an_end(pod: &Value) -> bool {
    let once = matches!(object::text(pod, "/spec/restartPolicy"), "Never" | "OnFailure");
    once && !object::is_deleting(pod) && object::text(pod, "/status/phase") == "Running"
}

/// A pod that works stops doing so before it goes: those who watch it see that.
fn remove(pod: &Value, place: &Place, hand: &mut Hand<'_>, _: u32) {
    let runs = |status: &Value| status.pointer("/state/running").is_some();
    if object::items(pod, "/status/containerStatuses").iter().any(runs) {
        let now = object::time(hand.now());
        let status = json!({
            "conditions": conditions(pod, false, false, &now),
            "containerStatuses": containers(pod, "/spec/containers", &ended(pod, &now), false),
        });
        hand.patch_status(place, &json!({"status": status}));
    }
    hand.delete_now(place, object::uid(pod));
}

/// The state of a container that has done its work.
fn ended(pod: &Value, now: &str) -> Value {
    let began = object::text(pod, "/status/startTime");
    json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": began, "finishedAt": now}})
}

fn schedule(pod: &Value, place: &Place, hand: &mut Hand<'_>, _: u32) {
    hand.bind(place, object::uid(pod), NODE);
}

fn condition(kind: &str, status: bool, now: &str) -> Value {
    json!({
        "type": kind,
        "status": if status { "True" } else { "False" },
        "lastProbeTime": null,
        "lastTransitionTime": now,
    })
}

/// The conditions of a pod, whose transition times stay where the status does.
fn conditions(pod: &Value, ready: bool, over: bool, now: &str) -> Vec<Value> {
    let old = object::items(pod, "/status/conditions");
    let started = ready || over;
    let facts = [
        ("PodReadyToStartContainers", started && !over),
        ("Initialized", true),
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
        if !status && over {
            new["reason"] = json!("PodCompleted");
        } else if !status && matches!(kind, "Ready" | "ContainersReady") {
            new["reason"] = json!("ContainersNotReady");
            let names: Vec<&str> =
                object::items(pod, "/spec/containers").iter().map(|c| object::text(c, "/name")).collect();
            new["message"] = json!(format!("containers with unready status: [{}]", names.join(" ")));
        }
        conditions.push(new);
    }
    // Conditions of others, such as readiness gates, stay.
    let ours = |kind: &Value| facts.iter().any(|(known, _)| kind == known);
    conditions.extend(old.iter().filter(|old| !ours(&old["type"])).cloned());
    conditions
}

/// The statuses of containers, all in one state.
fn containers(pod: &Value, list: &str, state: &Value, ready: bool) -> Vec<Value> {
    let uid = object::uid(pod);
    let of = |container: &Value| {
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
    };
    object::items(pod, list).iter().map(of).collect()
}

fn create_containers(pod: &Value, place: &Place, hand: &mut Hand<'_>, _: u32) {
    let now = object::time(hand.now());
    let waiting = json!({"waiting": {"reason": "ContainerCreating"}});
    let mut status = json!({
        "phase": "Pending",
        "conditions": conditions(pod, false, false, &now),
        "containerStatuses": containers(pod, "/spec/containers", &waiting, false),
        "hostIP": "192.168.0.1",
        "hostIPs": [{"ip": "192.168.0.1"}],
        "startTime": now,
        "observedGeneration": object::generation(pod),
    });
    let first = containers(pod, "/spec/initContainers", &waiting, false);
    if !first.is_empty() {
        status["initContainerStatuses"] = json!(first);
    }
    hand.patch_status(place, &json!({"status": status}));
}

fn start(pod: &Value, place: &Place, hand: &mut Hand<'_>, number: u32) {
    let now = object::time(hand.now());
    let address = format!("10.244.{}.{}", (number >> 8) & 0xff, number & 0xff);
    let running = json!({"running": {"startedAt": now}});
    let gates = object::items(pod, "/spec/readinessGates");
    let ready = gates.iter().all(|gate| object::is_true(pod, object::text(gate, "/conditionType")));
    let mut conditions = conditions(pod, true, false, &now);
    if !ready && let Some(condition) = conditions.iter_mut().find(|condition| condition["type"] == "Ready") {
        condition["status"] = json!("False");
        condition["reason"] = json!("ReadinessGatesNotReady");
    }
    let mut status = json!({
        "phase": "Running",
        "conditions": conditions,
        "containerStatuses": containers(pod, "/spec/containers", &running, true),
        "podIP": address,
        "podIPs": [{"ip": address}],
        "observedGeneration": object::generation(pod),
    });
    let ended = json!({"terminated": {
        "exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now,
    }});
    let first = containers(pod, "/spec/initContainers", &ended, true);
    if !first.is_empty() {
        status["initContainerStatuses"] = json!(first);
    }
    hand.patch_status(place, &json!({"status": status}));
}

fn succeed(pod: &Value, place: &Place, hand: &mut Hand<'_>, _: u32) {
    let now = object::time(hand.now());
    let status = json!({
        "phase": "Succeeded",
        "conditions": conditions(pod, false, true, &now),
        "containerStatuses": containers(pod, "/spec/containers", &ended(pod, &now), false),
    });
    hand.patch_status(place, &json!({"status": status}));
}
