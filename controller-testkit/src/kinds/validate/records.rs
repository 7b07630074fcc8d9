//! Leases and Events: what programs write about themselves.

use super::at::{At, Faults};
use crate::field::name;

pub(super) fn lease(new: &At<'_>, f: &mut Faults) {
    let duration = new.at("spec.leaseDurationSeconds");
    if duration.is_set() && duration.number() <= 0 {
        f.invalid(&duration, "must be greater than 0");
    }
    f.not_negative(&new.at("spec.leaseTransitions"));
}

/// Both groups of events have one store; the fields go by their names in the one that was asked.
pub(super) fn event(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    let is_new_api = new.field("apiVersion").text() == "events.k8s.io/v1";
    let about = new.field(if is_new_api { "regarding" } else { "involvedObject" });
    let told = new.field("involvedObject");
    let namespace = about.field("namespace").told_as(told.field("namespace").path);
    let own = new.at("metadata.namespace").text();
    match namespace.text() {
        // What has no namespace is told of in this one.
        "" if own == "default" => {}
        named if named == own => {}
        named => f.invalid_as(&namespace, named, "does not match event.namespace"),
    }
    if !new.field("eventTime").is_set() || old.is_some() {
        return;
    }
    let component = new.field(if is_new_api { "reportingController" } else { "reportingComponent" });
    let component = component.told_as(new.field("reportingComponent").path);
    f.needs(&component);
    f.follows(&component, name::qualified);
    f.needs(&new.field("reportingInstance"));
    f.needs(&new.field("action"));
    f.needs(&new.field("reason"));
    let text = new.field(if is_new_api { "note" } else { "message" }).told_as(new.field("message").path);
    for (at, most) in
        [(new.field("reportingInstance"), 128), (new.field("action"), 128), (new.field("reason"), 128), (text, 1024)]
    {
        if at.text().len() > most {
            f.invalid_as(&at, "", format!("can have at most {most} characters"));
        }
    }
}
