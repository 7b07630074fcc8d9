//! Jobs and CronJobs.

use serde_json::Value;

use super::at::{At, Faults};
use super::pod;
use super::selector::{picks, selector};
use crate::field::name;
use crate::kinds::Schedule;

/// The most Pods that an indexed Job runs at once.
const MOST_INDEXED: i64 = 100_000;

pub(super) fn job(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    job_spec(&spec, f);
    let own = spec.field("selector");
    let labels = spec.at("template.metadata.labels");
    if !own.is_set() {
        f.required(&own, "");
    } else {
        selector(&own, f);
    }
    if old.is_none() && !spec.field("manualSelector").is_true() {
        generated(new, &own, f);
    }
    if !picks(&own, &labels) {
        f.invalid(&labels, "`selector` does not match template `labels`");
    }
    if let Some(old) = old {
        job_change(&spec, &old.field("spec"), f);
    }
}

/// A selector that the server makes may have nothing of the client's beside it.
fn generated(new: &At<'_>, own: &At<'_>, f: &mut Faults) {
    let uid = new.at("metadata.uid").text();
    let is_own = own.field("matchLabels").entries().len() == 1 && own.field("matchExpressions").is_empty();
    let of_label = own.field("matchLabels").entry("batch.kubernetes.io/controller-uid").text();
    if !is_own || of_label != uid {
        f.invalid(own, "`selector` not auto-generated");
    }
}

fn job_spec(spec: &At<'_>, f: &mut Faults) {
    let numbers = ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"];
    numbers.iter().for_each(|field| f.not_negative(&spec.field(field)));
    for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
        f.not_negative(&spec.field(field));
    }
    if spec.field("maxFailedIndexes").is_set() && !spec.field("backoffLimitPerIndex").is_set() {
        f.required(&spec.field("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
    }
    let mode = spec.field("completionMode");
    f.one_of_if_set(&mode, &["NonIndexed", "Indexed"]);
    let is_indexed = mode.text() == "Indexed";
    if is_indexed {
        let (count, width) = (spec.field("completions"), spec.field("parallelism"));
        if !count.is_set() {
            f.required(&count, "when completion mode is Indexed");
        }
        let policy = spec.field("successPolicy");
        if policy.is_set() {
            success(&policy, spec, f);
        }
        if width.number() > MOST_INDEXED {
            let why = format!("must be less than or equal to {MOST_INDEXED} when completion mode is Indexed");
            f.invalid(&width, why);
        }
    } else {
        for field in ["backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"] {
            if spec.field(field).is_set() {
                f.invalid(&spec.field(field), "requires indexed completion mode");
            }
        }
    }
    manager(&spec.field("managedBy"), f);
    failures(&spec.field("podFailurePolicy"), spec, f);
    let judges = spec.field("podFailurePolicy").is_set();
    let known: &[&str] = if judges { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    f.one_of_if_set(&spec.field("podReplacementPolicy"), known);
    let template = spec.field("template");
    pod::template(&template, f);
    let policy = template.at("spec.restartPolicy");
    match policy.text() {
        "" | "Always" => f.required(&policy, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if spec.field("podFailurePolicy").is_set() => {
            f.invalid(&policy, "only \"Never\" is supported when podFailurePolicy is specified");
        }
        "OnFailure" | "Never" => {}
        _ => {
            f.one_of(&policy, &["OnFailure", "Never"]);
        }
    }
}

fn manager(by: &At<'_>, f: &mut Faults) {
    if !by.is_set() {
        return;
    }
    match by.text().split_once('/') {
        Some((domain, path)) if !domain.is_empty() && !path.is_empty() => {
            name::dns1123_subdomain(domain).into_iter().for_each(|wrong| f.invalid_as(by, domain, wrong));
        }
        _ => f.invalid(by, "must be a domain-prefixed path (such as \"acme.io/foo\")"),
    }
    if by.text().len() > 63 {
        f.too_long(by, 63);
    }
}

fn failures(policy: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    for rule in policy.field("rules").items() {
        let action = rule.field("action");
        f.needs_one_of(&action, &["Count", "FailIndex", "FailJob", "Ignore"]);
        if action.text() == "FailIndex" && !spec.field("backoffLimitPerIndex").is_set() {
            f.invalid(&action, "requires the backoffLimitPerIndex to be set");
        }
        let (codes, conditions) = (rule.field("onExitCodes"), rule.field("onPodConditions"));
        match (codes.is_set(), !conditions.is_empty()) {
            (true, true) => f.invalid(&rule, "specifying both OnExitCodes and OnPodConditions is not supported"),
            (false, false) => f.unshown(&rule, "specifying one of OnExitCodes and OnPodConditions is required"),
            _ => {}
        }
        if codes.is_set() {
            let operator = codes.field("operator");
            f.needs_one_of(&operator, &["In", "NotIn"]);
            let values = codes.field("values");
            if values.is_empty() {
                f.invalid_as(&values, &[0_i64; 0], "at least one value is required");
            }
            let mut before: Vec<i64> = Vec::new();
            for value in values.items() {
                if operator.text() == "In" && value.number() == 0 {
                    f.invalid(&value, "must not be 0 for the In operator");
                } else if before.contains(&value.number()) {
                    f.duplicate(&value, &value.number());
                }
                before.push(value.number());
            }
            if !before.is_sorted() {
                f.invalid(&values, "must be ordered");
            }
            let name = codes.field("containerName");
            let all = ["containers", "initContainers"].map(|list| spec.at("template.spec").field(list).items());
            if name.is_set() && !all.iter().flatten().any(|own| own.field("name").text() == name.text()) {
                let why = "must be one of the container or initContainer names in the pod template";
                f.invalid(&name, why);
            }
        }
        for condition in conditions.items() {
            f.follows(&condition.field("type"), name::qualified);
            f.one_of(&condition.field("status"), &["False", "True", "Unknown"]);
        }
    }
}

/// When a Job has succeeded, before all of its Pods have.
fn success(policy: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    let rules = policy.field("rules");
    if rules.is_empty() {
        f.required(&rules, "at least one rules must be specified when the successPolicy is specified");
    }
    let whole = spec.field("completions").number();
    for rule in rules.items() {
        let (count, indexes) = (rule.field("succeededCount"), rule.field("succeededIndexes"));
        if !count.is_set() && !indexes.is_set() {
            f.required(&rule, "at least one of succeededCount or succeededIndexes must be specified");
        }
        let mut named = None;
        if indexes.is_set() {
            match self::indexes(indexes.text(), whole) {
                Ok(count) => named = Some(count),
                Err(why) => f.invalid(&indexes, format!("error parsing succeededIndexes: {why}")),
            }
        }
        if count.is_set() {
            f.not_negative(&count);
            if count.number() > whole {
                let why = format!("must be less than or equal to {whole} (the number of specified completions)");
                f.invalid(&count, why);
            }
            if let Some(named) = named.filter(|named| count.number() > *named) {
                let why = format!(
                    "must be less than or equal to {named} (the number of indexes in the specified succeededIndexes \
                     field)"
                );
                f.invalid(&count, why);
            }
        }
    }
}

/// How many indexes a text like `0,2-4` names.
fn indexes(text: &str, whole: i64) -> Result<i64, String> {
    let (mut count, mut last) = (0, None);
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let number = |text: &str| {
            let unreadable = || format!("cannot convert string to integer for index: {text:?}");
            let index = text.parse::<i64>().map_err(|_| unreadable())?;
            match index >= whole {
                true => Err(format!("too large index: {text:?}")),
                false => Ok(index),
            }
        };
        let ends: Vec<&str> = part.split('-').collect();
        let (low, high) = match ends.as_slice() {
            [one] => (number(one)?, number(one)?),
            [low, high] => (number(low)?, number(high)?),
            _ => {
                return Err(format!(
                    "the fragment {part:?} violates the requirement that an index interval can have at most two parts separated by '-'"
                ));
            }
        };
        if let Some(last) = last.filter(|last| low <= *last) {
            return Err(format!("non-increasing order, previous: {last}, current: {low}"));
        }
        if ends.len() == 2 && high <= low {
            return Err(format!("non-increasing order, previous: {low}, current: {high}"));
        }
        (count, last) = (count + high - low + 1, Some(high));
    }
    Ok(count)
}

/// The counts of a Job's status; Pods that have ended stay counted.
pub(super) fn counts(new: &At<'_>, old: &At<'_>, f: &mut Faults) {
    for field in ["succeeded", "failed"] {
        let count = new.field("status").field(field);
        if count.number() < old.field("status").field(field).number() {
            f.invalid_as(&count, &count.number(), format!("cannot decrease the {field} counter"));
        }
    }
    for field in ["active", "succeeded", "failed", "ready", "terminating"] {
        f.not_negative(&new.field("status").field(field));
    }
    finished(new, old, f);
}

/// What the status of a Job that has ended must and may not say; of what was so before, nothing is said.
fn finished(new: &At<'_>, old: &At<'_>, f: &mut Faults) {
    let is = |job: &At<'_>, word: &str| {
        let conditions = job.at("status.conditions").items();
        conditions.iter().any(|one| one.field("type").text() == word && one.field("status").text() == "True")
    };
    let comes = |word: &str| is(new, word) && !is(old, word);
    let status = new.field("status");
    let conditions = status.field("conditions");
    let (start, end) = (status.field("startTime"), status.field("completionTime"));
    if is(new, "Complete") && is(new, "Failed") && (comes("Complete") || comes("Failed")) {
        f.unshown(&conditions, "cannot set Complete=True and Failed=true conditions");
    }
    if is(new, "Complete") && is(new, "FailureTarget") && (comes("Complete") || comes("FailureTarget")) {
        f.unshown(&conditions, "cannot set Complete=True and FailureTarget=true conditions");
    }
    if end.is_set() && !is(new, "Complete") && end.value != old.at("status.completionTime").value {
        f.invalid(&end, "cannot set completionTime when there is no Complete=True condition");
    }
    if !end.is_set() && comes("Complete") {
        f.required(&end, "completionTime is required for Complete jobs");
    }
    if start.is_set() && end.is_set() && end.text() < start.text() {
        f.invalid(&end, "must be equal to or after `startTime`");
    }
    if comes("Failed") && !is(new, "FailureTarget") {
        f.unshown(&conditions, "cannot set Failed=True condition without the FailureTarget=true condition");
    }
    if comes("Complete") && !is(new, "SuccessCriteriaMet") {
        f.unshown(&conditions, "cannot set Complete=True condition without the SuccessCriteriaMet=true condition");
    }
    if comes("Complete") || comes("Failed") {
        if status.field("active").number() > 0 {
            f.invalid(&status.field("active"), "active>0 is invalid for finished job");
        }
        if !start.is_set() {
            f.required(&start, "startTime is required for finished job");
        }
    }
}

/// Which of a Job's fields stay as they are. A suspended Job may still change where its Pods run and what they need.
fn job_change(new: &At<'_>, old: &At<'_>, f: &mut Faults) {
    let (count, before) = (new.field("completions"), old.field("completions"));
    if count.value != before.value {
        match (old.field("completionMode").text(), count.is_set()) {
            // It has been told that it is missing.
            ("Indexed", false) if new.field("completionMode").text() == "Indexed" => {}
            ("Indexed", true) if count.value == new.field("parallelism").value => {}
            ("Indexed", true) => f.invalid(&count, "can only be modified in tandem with spec.parallelism"),
            _ => f.unchanged(&count, &before),
        }
    }
    f.unchanged(&new.field("selector"), &old.field("selector"));
    let (template, before) = (new.field("template"), old.field("template"));
    if !old.field("suspend").is_true() {
        f.unchanged(&template, &before);
    } else if settled(template.value) != settled(before.value) {
        f.unchanged(&template.field("spec"), &before.field("spec"));
    }
    let fixed = ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"];
    fixed.iter().for_each(|field| f.unchanged(&new.field(field), &old.field(field)));
}

/// A template without what may change while its Job is suspended.
fn settled(template: &Value) -> Value {
    let mut settled = template.get("spec").cloned().unwrap_or_default();
    if let Value::Object(spec) = &mut settled {
        for field in ["nodeSelector", "tolerations", "affinity", "schedulingGates"] {
            spec.remove(field);
        }
        for field in ["containers", "initContainers"] {
            let containers = spec.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten();
            for container in containers.filter_map(Value::as_object_mut) {
                container.remove("resources");
            }
        }
    }
    settled
}

pub(super) fn cron_job(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let spec = new.field("spec");
    let own = new.at("metadata.name");
    // The longest name that leaves room for the time in its Jobs' names.
    const LONGEST_NAME: usize = 52;
    if own.text().len() > LONGEST_NAME {
        f.invalid(&own, format!("must be no more than {LONGEST_NAME} characters"));
    }
    let times = spec.field("schedule");
    if !times.is_empty()
        && let Err(why) = Schedule::parse(times.text())
    {
        f.invalid(&times, why);
    }
    let zone = spec.field("timeZone");
    if zone.is_set() && old.is_none_or(|old| old.at("spec.timeZone").value != zone.value) {
        time_zone(&zone, f);
    }
    for field in ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        f.not_negative(&spec.field(field));
    }
    f.needs_one_of(&spec.field("concurrencyPolicy"), &["Allow", "Forbid", "Replace"]);
    let job = spec.at("jobTemplate.spec");
    job_spec(&job, f);
    if job.field("manualSelector").is_true() {
        f.not_supported(&job.field("manualSelector"), &true, &["nil", "false"]);
    }
    if job.field("selector").is_set() {
        f.invalid(&job.field("selector"), "`selector` will be auto-generated");
    }
    f.needs(&times);
}

/// The names of time zones that are known.
const ZONES: &str = include_str!("zones.txt");

fn time_zone(zone: &At<'_>, f: &mut Faults) {
    let text = zone.text();
    if text.is_empty() {
        return f.invalid(zone, "timeZone must be nil or non-empty string");
    }
    if text.eq_ignore_ascii_case("local") {
        let why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        f.invalid(zone, why);
    }
    let is_known = text == "Local" || ZONES.lines().skip(1).any(|known| known == text);
    if !is_known {
        f.invalid(zone, format!("unknown time zone {text}"));
    }
}
