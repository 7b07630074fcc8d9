//! Configurations of admission webhooks.

use std::collections::BTreeSet;

use super::at::{At, Faults};
use super::selector::selector;
use crate::cel::{self, Expression, Wanted};
use crate::field::name;

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
    } else if !versions.items().iter().any(|version| matches!(version.text(), "v1" | "v1beta1")) {
        f.invalid(&versions, "must include at least one of v1, v1beta1");
    }
    conditions(&hook.field("matchConditions"), f);
}

fn client(client: &At<'_>, f: &mut Faults) {
    let (url, service) = (client.field("url"), client.field("service"));
    if url.is_set() == service.is_set() {
        f.required(client, EXACTLY_ONE);
    } else if url.is_set() {
        self::url(&url, f);
    } else {
        f.needs(&service.field("name"));
        f.needs(&service.field("namespace"));
        let path = service.field("path");
        if !matches!(path.text(), "" | "/") && !path.text().starts_with('/') {
            f.invalid(&path, "must start with a '/'");
        }
    }
}

fn url(at: &At<'_>, f: &mut Faults) {
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

fn rule(rule: &At<'_>, f: &mut Faults) {
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
    for resource in &items {
        f.needs(resource);
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

fn conditions(all: &At<'_>, f: &mut Faults) {
    let mut names = BTreeSet::new();
    for condition in all.items() {
        let (name, expression) = (condition.field("name"), condition.field("expression"));
        if f.needs(&expression) && cel::IS_THERE {
            let scope = ["object", "oldObject", "request", "authorizer"].map(|name| (name, None));
            if let Err(why) = Expression::compile(expression.text(), Wanted::Bool, &scope) {
                f.invalid(&expression, why.replace("cel expression must evaluate to a bool", "must evaluate to bool"));
            }
        }
        if f.needs(&name) {
            f.follows(&name, name::qualified);
            if !names.insert(name.text()) {
                f.duplicate(&name, name.text());
            }
        }
    }
}
