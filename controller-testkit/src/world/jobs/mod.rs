//! Jobs: pods until enough of them have succeeded, or too many have failed.
//!
//! `tally` counts a Job's pods, `policy` judges a failed one, `verdict` says what has become of the Job; here stands what
//! is done about it. What has ended stays counted where its pod is deleted, and one that fails is replaced at once.

mod indexes;
mod policy;
mod spans;
mod tally;
#[cfg(test)]
mod tests;
mod verdict;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Clockwork;
use super::event::telling;
use super::hand::{Hand, Seen, kind};
use super::object::{self, Condition, Stamps};
use super::queue::{Place, Work};
use super::rollout::{count, difference, pod, worth};
use tally::Tally;
use verdict::Verdict;

/// Where a pod of an indexed Job has its index, as an annotation and as a label.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How often a pod with that index has failed, where each index has a limit of its own.
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// A container's name for its index.
const VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// A name with five drawn letters after it is no longer than a label.
const LONGEST_BASE: usize = 58;
/// So many pods are made at once.
const AT_ONCE: i64 = 500;

impl Clockwork {
    pub(super) fn job(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(job) = hand.get(place) else { return };
        if object::is_deleting(&job) || is_managed_by_others(&job) {
            return;
        }
        if object::is_true(&job, "Complete") || object::is_true(&job, "Failed") {
            self.expire(&job, place, hand);
            return;
        }
        let tally = self.tally(&job, hand);
        let verdict = verdict::of(&job, &tally, hand.now());
        match &verdict {
            Verdict::Open { until } => {
                if let Some(until) = until {
                    self.queue.add(Work::Job(place.clone()), *until);
                }
                self.keep_going(&job, place, tally, hand);
            }
            Verdict::Complete(_) | Verdict::Failed(_) => drop_pods(&job, tally.active, hand),
        }
        self.take_in(hand.server(), hand.now());
        self.write_job_status(&job, place, &verdict, hand);
    }

    fn tally(&self, job: &Value, hand: &Hand<'_>) -> Tally {
        let places = self.index.dependents_in(object::uid(job), &kind::PODS.table());
        Tally::of(job, places.into_iter().filter_map(|place| hand.get(&place).map(|pod| (place, pod))))
    }

    /// Makes the pods that are missing, and deletes those that are too many.
    fn keep_going(&mut self, job: &Value, place: &Place, mut tally: Tally, hand: &mut Hand<'_>) {
        let active = tally.active.len() as i64;
        let parallel = object::number(job, "/spec/parallelism").unwrap_or(1).max(0);
        let wanted = match object::number(job, "/spec/completions") {
            _ if is_suspended(job) => 0,
            Some(completions) => (completions - tally.succeeded).clamp(0, parallel),
            // Without a number, nobody follows those that are there once one has succeeded.
            None if tally.succeeded > 0 => active,
            None => parallel,
        };
        if active > wanted {
            tally.active.sort_by_cached_key(|(_, pod)| worth(pod));
            let surplus = tally.active.into_iter().take((active - wanted) as usize).collect();
            return drop_pods(job, surplus, hand);
        }
        let missing = (wanted - active).min(AT_ONCE);
        let completions = object::number(job, "/spec/completions").unwrap_or(0);
        let indexes: Vec<Option<i64>> = match is_indexed(job) {
            true => tally.indexes.free(completions, missing as usize).into_iter().map(Some).collect(),
            false => vec![None; missing as usize],
        };
        for index in indexes.into_iter().map(|index| index.map(|index| (index, tally.indexes.failures(index)))) {
            // Where one can't be made, the next can't either.
            if make(job, place, index, hand).is_none() {
                break;
            }
        }
    }

    fn write_job_status(&mut self, job: &Value, place: &Place, verdict: &Verdict, hand: &mut Hand<'_>) {
        let tally = self.tally(job, hand);
        let now = object::time(hand.now());
        let (suspended, was_suspended) = (is_suspended(job), object::is_true(job, "Suspended"));
        let mut conditions = object::items(job, "/status/conditions").to_vec();
        let mut set = |kind, status, reason: &str, message: &str| {
            let condition = Condition { kind, status, reason, message };
            object::set_condition(&mut conditions, condition, Stamps::TransitionAndProbe, hand.now());
        };
        match verdict {
            Verdict::Complete(why) => {
                set("SuccessCriteriaMet", "True", why.reason, &why.message);
                set("Complete", "True", why.reason, &why.message);
            }
            Verdict::Failed(why) => {
                set("FailureTarget", "True", why.reason, &why.message);
                set("Failed", "True", why.reason, &why.message);
            }
            Verdict::Open { .. } if suspended => set("Suspended", "True", "JobSuspended", "Job suspended"),
            Verdict::Open { .. } if was_suspended => set("Suspended", "False", "JobResumed", "Job resumed"),
            Verdict::Open { .. } => {}
        }
        let is_open = matches!(verdict, Verdict::Open { .. });
        let mut status = Map::from_iter([
            ("active".to_owned(), count(if is_open { tally.active.len() as i64 } else { 0 })),
            ("ready".to_owned(), json!(if is_open { tally.ready } else { 0 })),
            ("succeeded".to_owned(), count(tally.succeeded)),
            ("failed".to_owned(), count(tally.failed)),
            ("terminating".to_owned(), json!(tally.terminating)),
            ("uncountedTerminatedPods".to_owned(), json!({})),
        ]);
        if is_indexed(job) {
            let done = tally.indexes.succeeded.to_string();
            status.insert("completedIndexes".to_owned(), if done.is_empty() { Value::Null } else { json!(done) });
        }
        if object::number(job, "/spec/backoffLimitPerIndex").is_some() {
            status.insert("failedIndexes".to_owned(), json!(tally.indexes.failed().to_string()));
        }
        if !conditions.is_empty() {
            status.insert("conditions".to_owned(), json!(conditions));
        }
        // Who goes on begins anew.
        if suspended {
            status.insert("startTime".to_owned(), Value::Null);
        } else if object::text(job, "/status/startTime").is_empty() {
            status.insert("startTime".to_owned(), json!(now));
        }
        if matches!(verdict, Verdict::Complete(_)) {
            status.insert("completionTime".to_owned(), json!(now));
        }
        if let Some(patch) = difference(job, status) {
            hand.patch_status(place, &patch);
        }
        match verdict {
            Verdict::Complete(_) => hand.tell(&telling::JOB_COMPLETE, job, &[]),
            Verdict::Failed(why) => hand.tell_because(&telling::JOB_FAILED, job, why.reason, &why.message),
            Verdict::Open { .. } if suspended && !was_suspended => hand.tell(&telling::JOB_SUSPENDED, job, &[]),
            Verdict::Open { .. } if !suspended && was_suspended => hand.tell(&telling::JOB_RESUMED, job, &[]),
            Verdict::Open { .. } => {}
        }
    }

    /// Deletes a finished job when its time to live is over.
    fn expire(&mut self, job: &Value, place: &Place, hand: &mut Hand<'_>) {
        let Some(life) = object::number(job, "/spec/ttlSecondsAfterFinished") else { return };
        let conditions = object::items(job, "/status/conditions");
        let ended = conditions
            .iter()
            .find(|condition| condition["type"] == "Complete" || condition["type"] == "Failed")
            .and_then(|condition| condition["lastTransitionTime"].as_str())
            .and_then(|time| time.parse::<Timestamp>().ok());
        let Some(end) = ended.and_then(|ended| ended.checked_add(SignedDuration::from_secs(life)).ok()) else { return };
        if end <= hand.now() {
            hand.delete(place, object::uid(job), "Foreground");
        } else {
            self.queue.add(Work::Job(place.clone()), end);
        }
    }
}

fn is_suspended(job: &Value) -> bool {
    job.pointer("/spec/suspend").is_some_and(|suspend| suspend == true)
}

fn is_indexed(job: &Value) -> bool {
    object::text(job, "/spec/completionMode") == "Indexed"
}

fn is_managed_by_others(job: &Value) -> bool {
    !matches!(object::text(job, "/spec/managedBy"), "" | "kubernetes.io/job-controller")
}

fn drop_pods(job: &Value, pods: Vec<(Place, Seen)>, hand: &mut Hand<'_>) {
    for (place, pod) in pods {
        hand.delete(&place, object::uid(&pod), "Background");
        hand.tell(&telling::JOB_DELETED_POD, job, &[("pod", place.name())]);
    }
}

/// Makes a pod; one of an indexed Job has an index, with which others may have failed before.
fn make(job: &Value, place: &Place, index: Option<(i64, i64)>, hand: &mut Hand<'_>) -> Option<Place> {
    let (name, uid) = (object::name(job), object::uid(job));
    let labels = [
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
        ("controller-uid", uid),
        ("job-name", name),
    ];
    let mut new = pod(job, &kind::JOBS, &labels);
    let tail = index.map_or_else(|| "-".to_owned(), |(index, _)| format!("-{index}-"));
    let base = name.get(..LONGEST_BASE.saturating_sub(tail.len())).unwrap_or(name);
    new["metadata"]["generateName"] = json!(format!("{base}{tail}"));
    if let Some((index, failures)) = index {
        let index = index.to_string();
        new["metadata"]["labels"][INDEX] = json!(index);
        new["metadata"]["annotations"][INDEX] = json!(index);
        if object::number(job, "/spec/backoffLimitPerIndex").is_some() {
            new["metadata"]["annotations"][FAILURES] = json!(failures.to_string());
        }
        new["spec"]["hostname"] = json!(format!("{name}-{index}"));
        for list in ["/spec/initContainers", "/spec/containers"] {
            let containers = new.pointer_mut(list).and_then(Value::as_array_mut);
            containers.into_iter().flatten().for_each(tell_index);
        }
    }
    let tellings = [&telling::JOB_MADE_POD, &telling::JOB_MADE_NO_POD];
    hand.create_for(job, tellings, &[], (&kind::PODS, place.namespace().unwrap_or_default()), &new)
}

/// Lets a container know its index, unless it has its own way.
fn tell_index(container: &mut Value) {
    let mut env = object::items(container, "/env").to_vec();
    if env.iter().all(|variable| variable["name"] != VARIABLE) {
        let path = format!("metadata.labels['{INDEX}']");
        env.push(json!({"name": VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": path}}}));
        container["env"] = json!(env);
    }
}
