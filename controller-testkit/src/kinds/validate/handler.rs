//! Probes and lifecycle hooks.

use super::at::{At, Faults};
use super::texts::port_or_name;

pub(super) fn probe(probe: &At<'_>, kind: &str, f: &mut Faults) {
    handler(probe, 0, f);
    for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        f.not_negative(&probe.field(field));
    }
    let grace = probe.field("terminationGracePeriodSeconds");
    if grace.is_set() {
        if grace.number() <= 0 {
            f.invalid(&grace, "must be greater than 0");
        }
        if kind == "readinessProbe" {
            f.invalid(&grace, "must not be set for readinessProbes");
        }
    }
    let successes = probe.field("successThreshold");
    if kind != "readinessProbe" && successes.is_set() && successes.number() != 1 {
        f.invalid(&successes, "must be 1");
    }
}

/// What is done: exactly one thing, within the time that the Pod has to end.
pub(super) fn handler(handler: &At<'_>, grace: i64, f: &mut Faults) {
    let mut is_given = false;
    for kind in ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] {
        let action = handler.field(kind);
        if !action.is_set() {
            continue;
        }
        if is_given {
            f.forbidden(&action, "may not specify more than 1 handler type");
            continue;
        }
        is_given = true;
        match kind {
            "exec" => {
                f.needs(&action.field("command"));
            }
            "httpGet" => http(&action, f),
            "tcpSocket" => port_or_name(&action.field("port"), f),
            "grpc" => f.port(&action.field("port")),
            _ => sleep(&action, grace, f),
        }
    }
    if !is_given {
        f.required(handler, "must specify a handler type");
    }
}

fn sleep(action: &At<'_>, grace: i64, f: &mut Faults) {
    let seconds = action.field("seconds").number();
    if seconds < 0 || seconds > grace {
        let why = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        f.invalid_as(action, &seconds, why);
    }
}

fn http(action: &At<'_>, f: &mut Faults) {
    f.needs(&action.field("path"));
    port_or_name(&action.field("port"), f);
    f.one_of(&action.field("scheme"), &["HTTP", "HTTPS"]);
    for header in action.field("httpHeaders").items() {
        let name = header.field("name");
        let is_good =
            !name.is_empty() && name.text().chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !is_good {
            let why = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex \
                       used for validation is '[-A-Za-z0-9]+')";
            f.invalid_as(&action.field("httpHeaders"), name.text(), why);
        }
    }
}
