//! Configurations of admission webhooks.

use std::collections::BTreeSet;

use super::at::{At, Faults};
use super::selector::selector;
use super::url;
use crate::cel::{self, Expression, Wanted};
use crate::field::{echo, name};
use crate::schema::Structural;

const EXACTLY_ONE: &str = "exactly one of url or service is required";

pub(super) fn configuration(new: &At<'_>, f: &mut Faults) {
    let mut names = BTreeSet::new();
    for hook in new.field("webhooks").items() {
        let name = hook.field("name");
        if f.needs(&name) {
            if name.text().split('.').count() < 3 {
                f.invalid(&name, "should be a domain with at least three segments separated by dots");
            } else {
                f.follows(&name, name::dns1123_subdomain);
            }
            if !names.insert(name.text()) {
                f.duplicate(&name, name.text());
            }
        }
        self::hook(&hook, f);
    }
}

fn hook(hook: &At<'_>, f: &mut Faults) {
    hook.field("rules").items().iter().for_each(|rule| self::rule(rule, f));
    f.one_of_if_set(&hook.field("failurePolicy"), &["Fail", "Ignore"]);
    f.one_of_if_set(&hook.field("matchPolicy"), &["Equivalent", "Exact"]);
    f.one_of_if_set(&hook.field("reinvocationPolicy"), &["IfNeeded", "Never"]);
    let effects = hook.field("sideEffects");
    match effects.text() {
        "" => f.required(&effects, "must specify one of None, NoneOnDryRun"),
        _ => {
            f.one_of(&effects, &["None", "NoneOnDryRun"]);
        }
    }
    let timeout = hook.field("timeoutSeconds");
    if timeout.is_set() && !(1..=30).contains(&timeout.number()) {
        f.invalid(&timeout, "the timeout value must be between 1 and 30 seconds");
    }
    for member in ["namespaceSelector", "objectSelector"] {
        selector(&hook.field(member), f);
    }
    client(&hook.field("clientConfig"), f);
    let versions = hook.field("admissionReviewVersions");
    if versions.is_empty() {
        f.required(&versions, "must specify one of v1, v1beta1");
        return;
    }
    let mut seen = Vec::new();
    for version in versions.items() {
        if seen.contains(&version.text()) {
            f.invalid(&version, "duplicate version");
        } else {
            f.follows(&version, name::dns1035_label);
        }
        seen.push(version.text());
    }
    if !seen.iter().any(|version| matches!(*version, "v1" | "v1beta1")) {
        f.invalid(&versions, "must include at least one of v1, v1beta1");
    }
    conditions(&hook.field("matchConditions"), f);
}

fn client(client: &At<'_>, f: &mut Faults) {
    let (url, service) = (client.field("url"), client.field("service"));
    if url.is_set() == service.is_set() {
        f.required(client, EXACTLY_ONE);
    } else if url.is_set() {
        self::address(&url, f);
    } else {
        f.needs(&service.field("name"));
        f.needs(&service.field("namespace"));
        let path = service.field("path");
        service_path(&path, f);
        let port = service.field("port");
        if port.is_set() && !(1..=65535).contains(&port.number()) {
            f.invalid(&port, "port is not valid: must be between 1 and 65535, inclusive");
        }
    }
}

/// The path at which a service is asked.
fn service_path(path: &At<'_>, f: &mut Faults) {
    if matches!(path.text(), "" | "/") {
        return;
    }
    if !path.text().starts_with('/') {
        f.invalid(path, "must start with a '/'");
    }
    let inner = path.text().get(1..).unwrap_or_default();
    let segments: Vec<&str> = inner.strip_suffix('/').unwrap_or(inner).split('/').collect();
    for (at, segment) in segments.iter().enumerate() {
        if segment.is_empty() {
            f.invalid(path, format!("segment[{at}] may not be empty"));
            continue;
        }
        for wrong in name::dns1123_subdomain(segment) {
            f.invalid(path, format!("segment[{at}]: {wrong}"));
        }
    }
}

fn address(at: &At<'_>, f: &mut Faults) {
    if let Some(fault) = url::fault(at.text()) {
        let text = echo::quote(at.text());
        let why = format!("url must be a valid URL: parse {text}: {fault}; desired format: https://host[/path]");
        return f.required(at, &why);
    }
    let (scheme, rest) = at.text().split_once("://").unwrap_or(("", at.text()));
    if scheme != "https" {
        f.invalid_as(at, scheme, "'https' is the only allowed URL scheme; desired format: https://host[/path]");
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if host.is_empty() {
        f.invalid_as(at, host, "host must be specified; desired format: https://host[/path]");
    }
    for (part, what) in [(user, "user information is"), (fragment, "fragments are"), (query, "query parameters are")] {
        if !part.is_empty() {
            f.invalid_as(at, part, format!("{what} not permitted in the URL"));
        }
    }
}

pub(super) fn rule(rule: &At<'_>, f: &mut Faults) {
    let operations = rule.field("operations");
    f.needs(&operations);
    let is_all = |at: &At<'_>| at.items().len() > 1 && at.items().iter().any(|item| item.text() == "*");
    if is_all(&operations) {
        f.invalid(&operations, "if '*' is present, must not specify other operations");
    }
    for operation in operations.items() {
        f.one_of(&operation, &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]);
    }
    let groups = rule.field("apiGroups");
    f.needs(&groups);
    if is_all(&groups) {
        f.invalid(&groups, "if '*' is present, must not specify other API groups");
    }
    let versions = rule.field("apiVersions");
    f.needs(&versions);
    if is_all(&versions) {
        f.invalid(&versions, "if '*' is present, must not specify other API versions");
    }
    for version in versions.items() {
        f.needs(&version);
    }
    let resources = rule.field("resources");
    f.needs(&resources);
    let items = resources.items();
    for (at, resource) in items.iter().enumerate() {
        if !f.needs(resource) {
            continue;
        }
        let (name, part) = resource.text().split_once('/').unwrap_or((resource.text(), ""));
        let wider = [format!("{name}/*"), format!("*/{part}")];
        let before = items[..at].iter().chain(&items[at + 1..]).map(At::text);
        let covers = |known: &&str| wider.iter().any(|wider| wider == known) && *known != resource.text();
        if let Some(known) = before.into_iter().find(|known| !part.is_empty() && covers(known)) {
            f.invalid(resource, format!("if '{known}' is present, must not specify {}", resource.text()));
        }
    }
    let names = |text: &str| items.iter().any(|item| item.text() == text);
    if names("*/*") && items.len() > 1 {
        f.invalid(&resources, "if '*/*' is present, must not specify other resources");
    } else if names("*") && items.iter().any(|item| item.text() != "*" && !item.text().contains('/')) {
        let why = "if '*' is present, must not specify other resources without subresources";
        f.invalid(&resources, why);
    }
    f.one_of_if_set(&rule.field("scope"), &["*", "Cluster", "Namespaced"]);
}

/// Conditions in CEL, which may name these values.
pub(super) fn conditions(all: &At<'_>, f: &mut Faults) {
    const MOST: usize = 64;
    let mut names = BTreeSet::new();
    f.at_most(all, MOST);
    for condition in all.items() {
        let (name, expression) = (condition.field("name"), condition.field("expression"));
        if expression.text().trim().is_empty() {
            f.required(&expression, "");
        } else {
            let scope = ["object", "oldObject", "request", "authorizer"].map(|name| (name, None));
            compiled(&expression, &["bool"], &scope, f);
        }
        if f.needs(&name) {
            f.follows(&name, name::qualified);
            if !names.insert(name.text()) {
                f.duplicate(&name, name.text());
            }
        }
    }
}

/// An expression that can be read, and comes to one of these; answers what it comes to.
pub(super) fn compiled(
    at: &At<'_>,
    wanted: &[&str],
    scope: &[(&str, Option<&Structural>)],
    f: &mut Faults,
) -> &'static str {
    if !cel::IS_THERE {
        return "";
    }
    match Expression::compile(at.text(), Wanted::Any, scope) {
        Ok(expression) => {
            let kind = expression.kind();
            if !kind.is_empty() && !wanted.is_empty() && !wanted.contains(&kind) {
                let wanted = match wanted {
                    [one] => (*one).to_owned(),
                    several => format!("one of [{}]", several.join(" ")),
                };
                f.invalid(at, format!("must evaluate to {wanted} but got {kind}"));
            }
            kind
        }
        Err(why) => {
            f.invalid_as(at, at.text(), why);
            ""
        }
    }
}
