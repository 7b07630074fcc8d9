//! Leases and Events: what programs write about themselves.

use serde_json::Value;

use super::at::{At, Faults};
use crate::field::name;

pub(super) fn lease(new: &At<'_>, f: &mut Faults) {
    let duration = new.at("spec.leaseDurationSeconds");
    if duration.is_set() && duration.number() <= 0 {
        f.invalid(&duration, "must be greater than 0");
    }
    f.not_negative(&new.at("spec.leaseTransitions"));
}

/// Events of the core group, of which old ones carry no `eventTime` and promise little.
pub(super) fn event(new: &At<'_>, f: &mut Faults) {
    let is_old_style = !new.field("eventTime").is_set();
    about(new, &new.at("involvedObject.namespace"), is_old_style, f);
    if !is_old_style {
        let component = new.field("reportingComponent");
        f.needs(&component);
        f.follows(&component, name::qualified);
        told(new, &new.field("message"), f);
    }
}

/// Events of the newer group. Messages call some fields by the names that the core group has for them.
pub(super) fn new_event(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    if let Some(old) = old {
        for (field, name) in [
            ("regarding", "involvedObject"),
            ("reason", "reason"),
            ("note", "message"),
            ("type", "type"),
            ("eventTime", "eventTime"),
            ("action", "action"),
            ("related", "related"),
            ("reportingController", "reportingController"),
            ("reportingInstance", "reportingInstance"),
        ] {
            f.unchanged(&new.field(field).told_as(new.field(name).path), &old.field(field));
        }
    }
    let series = new.field("series");
    if series.is_set() {
        if series.field("count").number() < 2 {
            f.invalid_as(&series.field("count"), "", "should be at least 2");
        }
        f.needs(&series.field("lastObservedTime"));
    }
    if old.is_some() {
        return;
    }
    let regarding = new.at("regarding.namespace").told_as(new.at("involvedObject.namespace").path);
    // Without a time it counts as one of the old ones, of which less is asked.
    let time = new.field("eventTime");
    about(new, &regarding, !time.is_set(), f);
    if f.needs(&time) {
        let controller = new.field("reportingController");
        f.needs(&controller);
        f.follows(&controller, name::qualified);
        told(new, &new.field("note").told_as(new.field("message").path), f);
    }
    let kind = new.field("type");
    if !matches!(kind.text(), "Normal" | "Warning") {
        f.invalid_as(&kind, "", format!("has invalid value: {}", kind.text()));
    }
    let outdated = [
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
        ("deprecatedSource", "source"),
    ];
    for (field, name) in outdated {
        let field = new.field(field);
        if !field.is_empty() && field.value != &Value::from(0) {
            f.invalid_as(&field.told_as(new.field(name).path), "", "needs to be unset");
        }
    }
}

/// An event is where its object is; what has no namespace is told of in `default`, and now in `kube-system` too.
fn about(new: &At<'_>, namespace: &At<'_>, is_strict: bool, f: &mut Faults) {
    let own = new.at("metadata.namespace").text();
    let fits = match namespace.text() {
        "" => own == "default" || !is_strict && own == "kube-system",
        named => named == own || !is_strict,
    };
    if !fits {
        f.invalid_as(namespace, namespace.text(), "does not match event.namespace");
    }
}

/// Who did what, and why.
fn told(new: &At<'_>, text: &At<'_>, f: &mut Faults) {
    for (at, most) in
        [(&new.field("reportingInstance"), 128), (&new.field("action"), 128), (&new.field("reason"), 128), (text, 1024)]
    {
        if most == 128 {
            f.needs(at);
        }
        if at.text().len() > most {
            f.invalid_as(at, "", format!("can have at most {most} characters"));
        }
    }
}
