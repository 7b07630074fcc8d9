//! What has become of a Job, by what its pods come to.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::spans::Spans;
use super::tally::Tally;
use super::{is_indexed, is_suspended, object};

/// What has become of a Job.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing yet; it is too late then.
    Open {
        until: Option<Timestamp>,
    },
    Complete(Why),
    Failed(Why),
}

/// As conditions have it.
#[derive(Debug)]
pub(super) struct Why {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

fn failed(reason: &'static str, message: &str) -> Verdict {
    Verdict::Failed(Why { reason, message: message.to_owned() })
}

/// Failures are looked for first, as a real controller does.
pub(super) fn of(job: &Value, tally: &Tally, now: Timestamp) -> Verdict {
    if let Some(message) = &tally.fatal {
        return failed("PodFailurePolicy", message);
    }
    let limit = object::number(job, "/spec/backoffLimit").unwrap_or(6);
    let restarts = object::text(job, "/spec/template/spec/restartPolicy") == "OnFailure" && tally.restarts > 0;
    if tally.failed > limit || restarts && tally.restarts >= limit {
        return failed("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    }
    let until = deadline(job).filter(|_| !is_suspended(job));
    if until.is_some_and(|until| until <= now) {
        return failed("DeadlineExceeded", "Job was active longer than specified deadline");
    }
    let completions = object::number(job, "/spec/completions");
    if is_indexed(job) {
        let lost = tally.indexes.failed().len();
        if object::number(job, "/spec/maxFailedIndexes").is_some_and(|most| lost > most) {
            let message = "Job has exceeded the specified maximal number of failed indexes";
            return failed("MaxFailedIndexesExceeded", message);
        }
        if lost > 0 && lost + tally.succeeded >= completions.unwrap_or(0) {
            return failed("FailedIndexes", "Job has failed indexes");
        }
        if let Some(at) = matched(job, tally, completions.unwrap_or(0)) {
            let message = format!("Matched rules at index {at}");
            return Verdict::Complete(Why { reason: "SuccessPolicy", message });
        }
    }
    // Without a number, one success is enough.
    if tally.succeeded >= completions.unwrap_or(1) && tally.active.is_empty() {
        let message = "Reached expected number of succeeded pods".to_owned();
        return Verdict::Complete(Why { reason: "CompletionsReached", message });
    }
    Verdict::Open { until }
}

fn deadline(job: &Value) -> Option<Timestamp> {
    let life = object::number(job, "/spec/activeDeadlineSeconds")?;
    let began: Timestamp = object::text(job, "/status/startTime").parse().ok()?;
    began.checked_add(SignedDuration::from_secs(life)).ok()
}

/// The rule of the success policy that the indexes meet.
fn matched(job: &Value, tally: &Tally, completions: i64) -> Option<usize> {
    let done = &tally.indexes.succeeded;
    object::items(job, "/spec/successPolicy/rules").iter().position(|rule| {
        let count = object::number(rule, "/succeededCount");
        match rule.get("succeededIndexes").and_then(Value::as_str) {
            Some(wanted) => {
                let wanted = Spans::read(wanted, completions);
                let there = wanted.common(done);
                there > 0 && there >= count.unwrap_or(wanted.len())
            }
            None => count.is_some_and(|count| count > 0 && done.len() >= count),
        }
    })
}
