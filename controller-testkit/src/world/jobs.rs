//! Jobs: pods until enough of them have succeeded.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Clockwork;
use super::event::telling;
use super::hand::{Hand, Seen, kind};
use super::object::{self, Condition, Stamps};
use super::queue::{Place, Work};
use super::rollout::{count, difference, pod};

impl Clockwork {
    pub(super) fn job(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(job) = hand.get(place) else { return };
        if object::is_deleting(&job) {
            return;
        }
        if object::is_true(&job, "Complete") || object::is_true(&job, "Failed") {
            self.expire(&job, place, hand);
            return;
        }
        let tally = self.tally(&job, hand);
        let parallel = object::number(&job, "/spec/parallelism").unwrap_or(1).max(0);
        // Without a number, one success is enough.
        let completions = object::number(&job, "/spec/completions");
        let limit = object::number(&job, "/spec/backoffLimit").unwrap_or(6);
        let suspended = job.pointer("/spec/suspend").is_some_and(|suspend| suspend == true);
        let done = match completions {
            Some(completions) => tally.succeeded >= completions,
            None => tally.succeeded > 0 && tally.active.is_empty(),
        };
        let failed = !done && tally.failed > limit;
        if !done && !failed {
            let missing = match completions {
                _ if suspended => 0,
                Some(completions) => (completions - tally.succeeded).min(parallel) - tally.active.len() as i64,
                None if tally.succeeded > 0 => 0,
                None => parallel - tally.active.len() as i64,
            };
            for _ in 0..missing.clamp(0, 500) {
                make(&job, place, hand);
            }
        }
        if suspended || failed {
            for (place, pod) in &tally.active {
                hand.delete(place, object::uid(pod), "Background");
                hand.tell(&telling::JOB_DELETED_POD, &job, &[("pod", place.name())]);
            }
        }
        self.take_in(hand.server(), hand.now());
        let outcome = if done {
            Outcome::Complete
        } else if failed {
            Outcome::Failed
        } else {
            Outcome::Open
        };
        self.write_job_status(&job, place, &outcome, suspended, hand);
    }

    fn tally(&self, job: &Value, hand: &Hand<'_>) -> Tally {
        let mut tally = Tally { active: Vec::new(), ready: 0, succeeded: 0, failed: 0 };
        for place in self.index.dependents_in(object::uid(job), &kind::PODS.table()) {
            let Some(pod) = hand.get(&place) else { continue };
            match object::text(&pod, "/status/phase") {
                "Succeeded" => tally.succeeded += 1,
                "Failed" => tally.failed += 1,
                _ if object::is_deleting(&pod) => {}
                _ => {
                    tally.ready += i64::from(object::is_ready(&pod));
                    tally.active.push((place, pod));
                }
            }
        }
        tally
    }

    fn write_job_status(
        &mut self,
        job: &Value,
        place: &Place,
        outcome: &Outcome,
        suspended: bool,
        hand: &mut Hand<'_>,
    ) {
        let tally = self.tally(job, hand);
        let now = object::time(hand.now());
        let mut conditions = object::items(job, "/status/conditions").to_vec();
        let mut set = |kind, status, reason, message| {
            let condition = Condition { kind, status, reason, message };
            object::set_condition(&mut conditions, condition, Stamps::Transition, hand.now());
        };
        match outcome {
            Outcome::Complete => {
                let message = "Reached expected number of succeeded pods";
                set("SuccessCriteriaMet", "True", "CompletionsReached", message);
                set("Complete", "True", "CompletionsReached", message);
            }
            Outcome::Failed => {
                let message = "Job has reached the specified backoff limit";
                set("FailureTarget", "True", "BackoffLimitExceeded", message);
                set("Failed", "True", "BackoffLimitExceeded", message);
            }
            Outcome::Open if suspended => set("Suspended", "True", "JobSuspended", "Job suspended"),
            Outcome::Open if object::is_true(job, "Suspended") => {
                set("Suspended", "False", "JobResumed", "Job resumed");
            }
            Outcome::Open => {}
        }
        let over = !matches!(outcome, Outcome::Open);
        let active = if over { 0 } else { tally.active.len() as i64 };
        let mut status = Map::from_iter([
            ("active".to_owned(), count(active)),
            ("ready".to_owned(), json!(if over { 0 } else { tally.ready })),
            ("succeeded".to_owned(), count(tally.succeeded)),
            ("failed".to_owned(), count(tally.failed)),
            ("terminating".to_owned(), json!(0)),
            ("uncountedTerminatedPods".to_owned(), json!({})),
        ]);
        if !conditions.is_empty() {
            status.insert("conditions".to_owned(), json!(conditions));
        }
        if !suspended && object::text(job, "/status/startTime").is_empty() {
            status.insert("startTime".to_owned(), json!(now));
        }
        if matches!(outcome, Outcome::Complete) {
            status.insert("completionTime".to_owned(), json!(now));
        }
        if let Some(patch) = difference(job, status) {
            hand.patch_status(place, &patch);
        }
        let was_suspended = object::is_true(job, "Suspended");
        match outcome {
            Outcome::Complete => hand.tell(&telling::JOB_COMPLETE, job, &[]),
            Outcome::Failed => hand.tell(&telling::JOB_FAILED, job, &[]),
            Outcome::Open if suspended && !was_suspended => hand.tell(&telling::JOB_SUSPENDED, job, &[]),
            Outcome::Open if !suspended && was_suspended => hand.tell(&telling::JOB_RESUMED, job, &[]),
            Outcome::Open => {}
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

struct Tally {
    active: Vec<(Place, Seen)>,
    ready: i64,
    succeeded: i64,
    failed: i64,
}

enum Outcome {
    Open,
    Complete,
    Failed,
}

fn make(job: &Value, place: &Place, hand: &mut Hand<'_>) {
    let (name, uid) = (object::name(job), object::uid(job));
    let labels = [
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
        ("controller-uid", uid),
        ("job-name", name),
    ];
    let mut new = pod(job, &kind::JOBS, &labels);
    new["metadata"]["generateName"] = json!(format!("{name}-"));
    if let Some(made) = hand.create(&kind::PODS, place.namespace().unwrap_or_default(), &new) {
        hand.tell(&telling::JOB_MADE_POD, job, &[("pod", made.name())]);
    }
}
