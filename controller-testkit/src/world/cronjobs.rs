//! CronJobs: a Job at each time of a schedule.

use std::cmp::Reverse;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Clockwork;
use super::event::telling;
use super::hand::{Hand, Seen, kind};
use super::object;
use super::queue::{Place, Work};
use super::rollout::difference;
use crate::kinds::Schedule;

const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// Whoever has missed more times is told.
const MANY: i64 = 100;

/// What a CronJob's status says.
struct Status {
    active: Vec<Value>,
    last_schedule: Option<Timestamp>,
    last_success: Option<Timestamp>,
}

impl Status {
    fn of(cron: &Value) -> Self {
        Status {
            active: object::items(cron, "/status/active").to_vec(),
            last_schedule: time(cron, "/status/lastScheduleTime"),
            last_success: time(cron, "/status/lastSuccessfulTime"),
        }
    }

    fn has(&self, job: &Value) -> bool {
        self.active.iter().any(|active| active["uid"] == object::uid(job))
    }

    fn patch(self, cron: &Value) -> Option<Value> {
        let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| json!(object::time(at)));
        let active = if self.active.is_empty() { Value::Null } else { self.active.into() };
        let status = Map::from_iter([
            ("active".to_owned(), active),
            ("lastScheduleTime".to_owned(), time(self.last_schedule)),
            ("lastSuccessfulTime".to_owned(), time(self.last_success)),
        ]);
        difference(cron, status)
    }
}

impl Clockwork {
    pub(super) fn cron_job(&mut self, place: &Place, hand: &mut Hand<'_>) {
        let Some(cron) = hand.get(place) else { return };
        if object::is_deleting(&cron) {
            return;
        }
        let jobs: Vec<(Place, Seen)> = self
            .index
            .dependents_in(object::uid(&cron), &kind::JOBS.table())
            .into_iter()
            .filter_map(|place| hand.get(&place).map(|job| (place, job)))
            .filter(|(_, job)| object::controller(job) == Some(object::uid(&cron)))
            .collect();
        clean_up(&cron, &jobs, hand);
        let mut status = Status::of(&cron);
        take_stock(&cron, &jobs, &mut status, hand);
        let suspended = cron.pointer("/spec/suspend").is_some_and(|suspend| suspend == true);
        if !suspended && let Some(next) = start_what_is_due(&cron, place, &jobs, &mut status, hand) {
            self.queue.add(Work::CronJob(place.clone()), next);
        }
        if let Some(patch) = status.patch(&cron) {
            hand.patch_status(place, &patch);
        }
    }
}

/// Starts the Job of the last time that has come, if it was not started yet. Says when the next time comes.
fn start_what_is_due(
    cron: &Value,
    place: &Place,
    jobs: &[(Place, Seen)],
    status: &mut Status,
    hand: &mut Hand<'_>,
) -> Option<Timestamp> {
    let zone = match object::text(cron, "/spec/timeZone") {
        "" => TimeZone::UTC,
        name => TimeZone::get(name).ok()?,
    };
    let text = object::text(cron, "/spec/schedule");
    let schedule = Schedule::parse(text).ok()?;
    let next = schedule.next(hand.now(), &zone);
    if next.is_none() {
        hand.tell(&telling::CRON_NEVER, cron, &[("schedule", text)]);
        return None;
    }
    let mut earliest = status.last_schedule.or_else(|| time(cron, "/metadata/creationTimestamp"))?;
    // What is too late is as if it had never been due.
    if let Some(patience) = object::number(cron, "/spec/startingDeadlineSeconds") {
        earliest = earliest.max(hand.now().checked_sub(SignedDuration::from_secs(patience)).unwrap_or(earliest));
    }
    let Some(due) = schedule.last(earliest, hand.now(), &zone) else { return next };
    if is_far_behind(&schedule, earliest, &zone, hand.now()) {
        hand.tell(&telling::CRON_MISSED_MANY, cron, &[]);
    }
    match object::text(cron, "/spec/concurrencyPolicy") {
        "Forbid" if !status.active.is_empty() => {
            hand.tell(&telling::CRON_STILL_AT_WORK, cron, &[]);
            return next;
        }
        "Replace" => {
            for (job, seen) in jobs.iter().filter(|(_, job)| status.has(job)) {
                hand.delete(job, object::uid(seen), "Background");
                hand.tell(&telling::CRON_DELETED_JOB, cron, &[("job", job.name())]);
            }
            status.active.clear();
        }
        _ => {}
    }
    let name = format!("{}-{}", object::name(cron), due.as_second().div_euclid(60));
    let tellings = [&telling::CRON_MADE_JOB, &telling::CRON_MADE_NO_JOB];
    let kind = (&kind::JOBS, place.namespace().unwrap_or_default());
    let made = hand.create_for(cron, tellings, &[], kind, &job(cron, &name, due, &zone))?;
    let job = hand.get(&made)?;
    status.active.push(json!({
        "kind": kind::JOBS.kind,
        "apiVersion": kind::JOBS.api_version,
        "namespace": made.namespace(),
        "name": made.name(),
        "uid": object::uid(&job),
        "resourceVersion": object::text(&job, "/metadata/resourceVersion"),
    }));
    status.last_schedule = Some(due);
    next
}

/// Whether about a hundred times have been missed: as many as fit between the first one and now at the distance of the
/// first two.
fn is_far_behind(schedule: &Schedule, earliest: Timestamp, zone: &TimeZone, now: Timestamp) -> bool {
    let Some(first) = schedule.next(earliest, zone) else { return false };
    let Some(second) = schedule.next(first, zone) else { return false };
    let distance = second.duration_since(first).as_secs().max(1);
    second <= now && now.duration_since(first).as_secs() / distance + 1 > MANY
}

fn job(cron: &Value, name: &str, due: Timestamp, zone: &TimeZone) -> Value {
    let mut annotations = object::map(cron, "/spec/jobTemplate/metadata/annotations");
    let local = due.to_zoned(zone.clone());
    let format = if local.offset().is_zero() { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%:z" };
    annotations.insert(SCHEDULED.to_owned(), json!(local.strftime(format).to_string()));
    json!({
        "metadata": {
            "name": name,
            "labels": object::map(cron, "/spec/jobTemplate/metadata/labels"),
            "annotations": annotations,
            "ownerReferences": object::controlled_by(cron, kind::CRON_JOBS.api_version, kind::CRON_JOBS.kind),
        },
        "spec": cron.pointer("/spec/jobTemplate/spec"),
    })
}

/// Notes which Jobs have ended.
fn take_stock(cron: &Value, jobs: &[(Place, Seen)], status: &mut Status, hand: &mut Hand<'_>) {
    for (place, job) in jobs {
        let Some(condition) = end_of(job) else { continue };
        if status.has(job) {
            status.active.retain(|active| active["uid"] != object::uid(job));
            hand.tell(&telling::CRON_SAW_JOB, cron, &[("job", place.name()), ("condition", condition)]);
        }
        if condition == "Complete" {
            status.last_success = status.last_success.max(time(job, "/status/completionTime"));
        }
    }
    let is_there = |active: &Value| jobs.iter().any(|(_, job)| active["uid"] == object::uid(job));
    let (there, missing): (Vec<Value>, Vec<Value>) = std::mem::take(&mut status.active).into_iter().partition(is_there);
    for active in missing {
        hand.tell(&telling::CRON_MISSES_JOB, cron, &[("job", object::text(&active, "/name"))]);
    }
    status.active = there;
}

/// Deletes the oldest Jobs of those that have ended.
fn clean_up(cron: &Value, jobs: &[(Place, Seen)], hand: &mut Hand<'_>) {
    for (end, limit, usual) in
        [("Complete", "/spec/successfulJobsHistoryLimit", 3), ("Failed", "/spec/failedJobsHistoryLimit", 1)]
    {
        let kept = usize::try_from(object::number(cron, limit).unwrap_or(usual)).unwrap_or(0);
        let mut ended: Vec<&(Place, Seen)> =
            jobs.iter().filter(|(_, job)| end_of(job) == Some(end) && !object::is_deleting(job)).collect();
        ended.sort_by_key(|(place, job)| Reverse((time(job, "/status/startTime"), place.clone())));
        for (place, job) in ended.into_iter().skip(kept) {
            hand.delete(place, object::uid(job), "Background");
            hand.tell(&telling::CRON_DELETED_JOB, cron, &[("job", place.name())]);
        }
    }
}

fn end_of(job: &Value) -> Option<&'static str> {
    ["Complete", "Failed"].into_iter().find(|end| object::is_true(job, end))
}

fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    object::text(object, pointer).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::tests::{Hand, pass};
    use crate::{Cluster, World};

    const CRONS: &str = "/apis/batch/v1/namespaces/default/cronjobs";
    const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";

    fn cron(schedule: &str, more: Value) -> Value {
        let containers = json!([{"name": "main", "image": "busybox"}]);
        let job = json!({"template": {"spec": {"restartPolicy": "Never", "containers": containers}}});
        let mut spec =
            json!({"schedule": schedule, "jobTemplate": {"metadata": {"labels": {"of": "cron"}}, "spec": job}});
        more.as_object().into_iter().flatten().for_each(|(name, value)| spec[name] = value.clone());
        json!({"metadata": {"name": "tick"}, "spec": spec})
    }

    fn cluster(pace: u64) -> Hand {
        let world = World::full().pace(std::time::Duration::from_secs(pace));
        Hand(
            Cluster::builder()
                .world(world)
                .started_at("2026-02-27T09:59:30Z".parse().expect("a moment"))
                .build()
                .client(),
        )
    }

    async fn status(hand: &Hand) -> Value {
        hand.get(&format!("{CRONS}/tick")).await["status"].clone()
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_is_made_at_each_time_of_the_schedule() {
        let hand = cluster(1);
        hand.create(CRONS, cron("*/5 * * * *", json!({"timeZone": "Europe/Berlin"}))).await;
        pass(20).await;
        assert_eq!((hand.names(JOBS).await, status(&hand).await), (vec![], json!({})));
        pass(15).await;
        // The minutes since 1970.
        assert_eq!(hand.names(JOBS).await, ["tick-29536440"]);
        let job = hand.get(&format!("{JOBS}/tick-29536440")).await;
        assert_eq!(job["metadata"]["annotations"][SCHEDULED], "2026-02-27T11:00:00+01:00");
        assert_eq!(
            (&job["metadata"]["labels"]["of"], &job["metadata"]["ownerReferences"][0]["name"]),
            (&json!("cron"), &json!("tick"))
        );
        let begun = status(&hand).await;
        assert_eq!(
            (&begun["lastScheduleTime"], &begun["active"][0]["name"]),
            (&json!("2026-02-27T10:00:00Z"), &json!("tick-29536440"))
        );
        pass(25 * 60 + 10).await;
        assert_eq!(hand.names(JOBS).await, ["tick-29536455", "tick-29536460", "tick-29536465"], "three are kept");
        let now = status(&hand).await;
        assert_eq!((&now["active"], &now["lastScheduleTime"]), (&Value::Null, &json!("2026-02-27T10:25:00Z")));
        assert!(now["lastSuccessfulTime"].as_str().is_some_and(|at| at.starts_with("2026-02-27T10:25:")), "{now}");
        hand.patch(&format!("{CRONS}/tick"), json!({"spec": {"suspend": true}})).await;
        pass(3600).await;
        assert_eq!(status(&hand).await["lastScheduleTime"], "2026-02-27T10:25:00Z");
        // Of those that were missed the last one is made up for.
        hand.patch(&format!("{CRONS}/tick"), json!({"spec": {"suspend": false}})).await;
        pass(1).await;
        assert_eq!(status(&hand).await["lastScheduleTime"], "2026-02-27T11:25:00Z");
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_that_still_run_are_left_replaced_or_joined() {
        for (policy, active) in [("Allow", 3), ("Forbid", 1), ("Replace", 1)] {
            // Pods take long to come.
            let hand = cluster(3600);
            hand.create(CRONS, cron("* * * * *", json!({"concurrencyPolicy": policy}))).await;
            pass(160).await;
            let names = hand.names(JOBS).await;
            assert_eq!(names.len(), active, "{policy}: {names:?}");
            let newest = if policy == "Forbid" { "tick-29536440" } else { "tick-29536442" };
            assert_eq!(names.last().map(String::as_str), Some(newest), "{policy}");
            assert_eq!(status(&hand).await["active"].as_array().map(Vec::len), Some(active), "{policy}");
        }
    }

    async fn told(hand: &Hand) -> Vec<(String, i64)> {
        let events = hand.get("/api/v1/namespaces/default/events").await;
        let of_cron = |event: &&Value| event["involvedObject"]["kind"] == "CronJob";
        let text = |event: &Value| format!("{}: {}", object::text(event, "/reason"), object::text(event, "/message"));
        let items = events["items"].as_array().into_iter().flatten().filter(of_cron);
        items.map(|event| (text(event), object::number(event, "/count").unwrap_or(0))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_schedule_that_never_comes_is_told() {
        let hand = cluster(1);
        hand.create(CRONS, cron("59 23 31 2 *", json!({}))).await;
        pass(600).await;
        let why = "invalid schedule: 59 23 31 2 * : time difference between two schedules is less than 1 second";
        assert_eq!(told(&hand).await, [(format!("InvalidSchedule: {why}"), 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_late_is_forgotten_and_what_is_missed_too_often_is_told() {
        for (patience, late) in [(Some(60), false), (Some(1000), true), (None, true)] {
            let hand = cluster(1);
            let more = json!({"suspend": true, "startingDeadlineSeconds": patience});
            hand.create(CRONS, cron("*/5 * * * *", more)).await;
            // Ten hours and ten minutes, and two minutes more.
            pass(36_600 + 120).await;
            hand.patch(&format!("{CRONS}/tick"), json!({"spec": {"suspend": false}})).await;
            pass(1).await;
            let started = if late { json!("2026-02-27T20:10:00Z") } else { Value::Null };
            assert_eq!(status(&hand).await["lastScheduleTime"], started, "{patience:?}");
            let many = told(&hand).await.iter().any(|(text, _)| text.starts_with("TooManyMissedTimes: too many"));
            assert_eq!(many, patience.is_none(), "{patience:?}: {:?}", told(&hand).await);
        }
    }
}
