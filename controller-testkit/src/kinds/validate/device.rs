//! Devices: their classes, and the claims on them.

use serde_json::{Value, json};

use super::at::{At, Faults};
use super::classes::caseless_name;
use super::storage::template_metadata;
use super::texts::c_identifier;
use crate::cel::{self, Expression, Wanted};
use crate::field::{Cause, name};
use crate::schema::Structural;

/// How many of anything a claim or a class may list.
const MOST: usize = 32;

pub(super) fn class(new: &At<'_>, f: &mut Faults) {
    let spec = new.field("spec");
    selectors(&spec.field("selectors"), f);
    let configs = spec.field("config");
    f.at_most(&configs, MOST);
    configs.items().iter().for_each(|config| self::config(config, f));
    let resource = spec.field("extendedResourceName");
    if resource.is_set() {
        if !resource.text().contains('/') {
            f.invalid(&resource, "a name must be a domain-prefixed path, such as 'example.com/my-prop'");
        }
        f.follows(&resource, name::qualified);
    }
}

fn selectors(all: &At<'_>, f: &mut Faults) {
    if !f.at_most(all, MOST) {
        return;
    }
    for selector in all.items() {
        let cel = selector.field("cel");
        if !cel.is_set() {
            f.required(&cel, "");
            continue;
        }
        let expression = cel.field("expression");
        if !cel::IS_THERE {
            continue;
        }
        match Expression::compile(expression.text(), Wanted::Any, &[("device", Some(device()))]) {
            Ok(compiled) if !matches!(compiled.kind(), "" | "bool") => {
                let why = format!("must evaluate to bool or the unknown type, not {}", compiled.kind());
                f.invalid(&expression, why);
            }
            Ok(_) => {}
            Err(why) => f.invalid_as(&expression, expression.text(), why),
        }
    }
}

/// What an expression knows of a device.
fn device() -> &'static Structural {
    static DEVICE: std::sync::OnceLock<Structural> = std::sync::OnceLock::new();
    DEVICE.get_or_init(|| {
        let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        Structural::parse(&json!({ "type": "object", "properties": {
            "driver": { "type": "string" },
            "attributes": open,
            "capacity": open,
            "allowMultipleAllocations": { "type": "boolean" },
        }}))
    })
}

/// What a driver is told; only the driver knows what it means.
fn config(config: &At<'_>, f: &mut Faults) {
    let opaque = config.field("opaque");
    if !opaque.is_set() {
        return f.required(&opaque, "");
    }
    let parameters = opaque.field("parameters");
    match parameters.value {
        Value::Null => f.required(&parameters, ""),
        Value::Object(_) => {}
        _ => f.invalid_as(&parameters, "<value omitted>", "must be a valid JSON object"),
    }
    caseless_name(&opaque.field("driver"), f);
}

pub(super) fn claim(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    match old {
        Some(old) => f.fixed(&new.field("spec"), &old.field("spec")),
        None => claim_spec(&new.field("spec"), f),
    }
}

pub(super) fn template(new: &At<'_>, old: Option<&At<'_>>, f: &mut Faults) {
    template_metadata(&new.at("spec.metadata"), f);
    claim_spec(&new.at("spec.spec"), f);
    if let Some(old) = old {
        f.unchanged(&new.field("spec"), &old.field("spec"));
    }
}

fn claim_spec(spec: &At<'_>, f: &mut Faults) {
    let devices = spec.field("devices");
    let requests = devices.field("requests");
    let mut names: Vec<String> = Vec::new();
    if f.at_most(&requests, MOST) {
        for request in requests.items() {
            let name = request.field("name");
            if names.iter().any(|known| known == name.text()) {
                f.shown(Cause::Duplicate, &request, &request.of_client(), "");
            }
            names.push(name.text().to_owned());
            self::request(&request, f);
        }
    }
    let subs = requests.items().into_iter().flat_map(|request| {
        let name = request.field("name").text().to_owned();
        let parts = request.field("firstAvailable").items();
        parts.into_iter().map(move |part| format!("{name}/{}", part.field("name").text()))
    });
    names.extend(subs);
    let constraints = devices.field("constraints");
    if f.at_most(&constraints, MOST) {
        for constraint in constraints.items() {
            named(&constraint.field("requests"), &names, f);
            let attributes = ["matchAttribute", "distinctAttribute"].map(|member| constraint.field(member));
            if attributes.iter().filter(|attribute| attribute.is_set()).count() != 1 {
                let why = "exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields \
                           are set";
                f.required(&constraint, why);
            }
            attributes.iter().filter(|attribute| attribute.is_set()).for_each(|name| qualified(name, f));
        }
    }
    let configs = devices.field("config");
    if f.at_most(&configs, MOST) {
        for config in configs.items() {
            named(&config.field("requests"), &names, f);
            self::config(&config, f);
        }
    }
}

/// Requests by their names, each of which is there.
fn named(list: &At<'_>, names: &[String], f: &mut Faults) {
    let mut seen = Vec::new();
    for name in list.items() {
        if seen.contains(&name.text()) {
            f.duplicate(&name, name.text());
        }
        seen.push(name.text());
        known(&name, names, f);
    }
}

fn known(name: &At<'_>, names: &[String], f: &mut Faults) {
    if !names.iter().any(|known| known == name.text()) {
        let why = "must be the name of a request in the claim or the name of a request and a subrequest separated by \
                   '/'";
        f.invalid(name, why);
    }
}

/// The name of an attribute behind the domain of its driver.
fn qualified(name: &At<'_>, f: &mut Faults) {
    let Some((domain, identifier)) = name.text().split_once('/') else {
        return f.invalid(name, "a fully qualified name must be a domain and a name separated by a slash");
    };
    for wrong in name::dns1123_subdomain(domain) {
        f.invalid_as(name, domain, format!("prefix: {wrong}"));
    }
    c_identifier(identifier).into_iter().for_each(|wrong| f.invalid_as(name, identifier, wrong));
}

fn request(request: &At<'_>, f: &mut Faults) {
    f.follows(&request.field("name"), name::dns1123_label);
    let (exactly, first) = (request.field("exactly"), request.field("firstAvailable"));
    match (exactly.is_set(), first.is_empty()) {
        (false, true) => f.required(request, "exactly one of `exactly` or `firstAvailable` is required"),
        (true, false) => {
            let why = "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set";
            f.shown(Cause::Invalid, request, "null", why);
            // The class is one of the newer rules, which are looked at in any case.
            for part in first.items() {
                f.needs(&part.field("deviceClassName"));
            }
        }
        (true, true) => device_request(&exactly, f),
        (false, false) => {
            if !f.at_most(&first, 8) {
                return;
            }
            let mut names: Vec<&str> = Vec::new();
            for part in first.items() {
                let name = part.field("name");
                if names.contains(&name.text()) {
                    f.shown(Cause::Duplicate, &part, &part.of_client(), "");
                }
                names.push(name.text());
                f.follows(&name, name::dns1123_label);
                device_request(&part, f);
            }
        }
    }
}

fn device_request(request: &At<'_>, f: &mut Faults) {
    let class = request.field("deviceClassName");
    if f.needs(&class) {
        f.follows(&class, name::dns1123_subdomain);
    }
    selectors(&request.field("selectors"), f);
    let (mode, count) = (request.field("allocationMode"), request.field("count"));
    match mode.text() {
        "ExactCount" if count.number() <= 0 => f.invalid(&count, "must be greater than zero"),
        "ExactCount" => {}
        "All" if count.number() != 0 => f.invalid(&count, "must not be specified when allocationMode is 'All'"),
        "All" => {}
        _ => f.unsupported(&mode, &["All", "ExactCount"]),
    }
    for toleration in request.field("tolerations").items() {
        f.follows_if_set(&toleration.field("key"), name::qualified);
        let (operator, value) = (toleration.field("operator"), toleration.field("value"));
        match operator.text() {
            "Exists" if !value.is_empty() => f.invalid(&value, "must be empty for operator `Exists`"),
            "Exists" | "" => {}
            "Equal" => f.follows(&value, name::label_value),
            _ => f.unsupported(&operator, &["Equal", "Exists"]),
        }
        let effect = toleration.field("effect");
        if !effect.is_empty() {
            f.one_of(&effect, &["NoExecute", "NoSchedule", "None"]);
        }
    }
}

/// What a claim got is of what it asked for.
pub(super) fn claim_status(new: &At<'_>, f: &mut Faults) {
    let mut names: Vec<String> = Vec::new();
    for request in new.at("spec.devices.requests").items() {
        let name = request.field("name").text();
        names.push(name.to_owned());
        let parts = request.field("firstAvailable").items();
        names.extend(parts.iter().map(|part| format!("{name}/{}", part.field("name").text())));
    }
    let (allocation, reserved) = (new.at("status.allocation"), new.at("status.reservedFor"));
    for result in allocation.at("devices.results").items() {
        known(&result.field("request"), &names, f);
        f.follows(&result.field("device"), name::dns1123_label);
        caseless_name(&result.field("driver"), f);
        pool(&result.field("pool"), f);
    }
    let mut uids = Vec::new();
    for consumer in reserved.items() {
        if uids.contains(&consumer.field("uid").text()) {
            f.shown(Cause::Duplicate, &consumer, &consumer.of_client(), "");
        }
        uids.push(consumer.field("uid").text());
        for member in ["resource", "name", "uid"] {
            f.needs(&consumer.field(member));
        }
    }
    if !reserved.is_empty() && !allocation.is_set() {
        f.forbidden(&reserved, "may not be specified when `allocated` is not set");
    }
}

/// The name of a pool: subdomains with slashes between them.
pub(super) fn pool(name: &At<'_>, f: &mut Faults) {
    if f.needs(name) {
        for part in name.text().split('/') {
            name::dns1123_subdomain(part).into_iter().for_each(|wrong| f.invalid_as(name, part, wrong));
        }
    }
}
