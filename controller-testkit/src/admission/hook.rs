//! One webhook of a configuration: what it wants to see, and how its failures are met.

use serde_json::{Map, Value};

use super::review::Change;
use super::{Call, Host};
use crate::catalog::{Catalog, Resource};
use crate::cel::{Bound, Budget, Expression, Failure, Wanted};
use crate::selector::LabelSelector;

/// Which of the two kinds of webhooks it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mutating,
    Validating,
}

impl Kind {
    /// The table of its configurations.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Mutating => "admissionregistration.k8s.io/mutatingwebhookconfigurations",
            Self::Validating => "admissionregistration.k8s.io/validatingwebhookconfigurations",
        }
    }
}

/// A webhook as it is stored.
#[derive(Clone, Copy)]
pub(crate) struct Hook<'a>(pub(crate) &'a Value);

fn texts<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a str> {
    value.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn names(value: &Value, member: &str, text: &str) -> bool {
    texts(value, member).any(|one| one == "*" || one == text)
}

impl<'a> Hook<'a> {
    /// The webhooks of a configuration, in order.
    pub(crate) fn all(configuration: &'a Value) -> impl Iterator<Item = Hook<'a>> {
        configuration.get("webhooks").and_then(Value::as_array).into_iter().flatten().map(Hook)
    }

    fn text(self, member: &str) -> &'a str {
        self.0.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn name(self) -> &'a str {
        self.text("name")
    }

    /// Whether a change goes on where the webhook can't be asked.
    pub(crate) fn ignores_failures(self) -> bool {
        self.text("failurePolicy") == "Ignore"
    }

    pub(crate) fn can_be_reinvoked(self) -> bool {
        self.text("reinvocationPolicy") == "IfNeeded"
    }

    /// Whether a dry run may ask it.
    pub(crate) fn is_free_of_effects(self) -> bool {
        matches!(self.text("sideEffects"), "None" | "NoneOnDryRun")
    }

    /// The version of the resource in which the webhook wants to see the change; none if it does not want to.
    pub(crate) fn wants(self, change: &Change<'a>, catalog: &'a Catalog) -> Option<&'a Resource> {
        let rules = || self.0.get("rules").and_then(Value::as_array).into_iter().flatten();
        let meant = |resource: &Resource| rules().any(|rule| is_meant(rule, resource, change));
        if meant(change.resource) {
            return Some(change.resource);
        }
        if self.text("matchPolicy") == "Exact" {
            return None;
        }
        let group = catalog.group(&change.resource.group)?;
        let others = group.versions.iter().filter_map(|version| {
            catalog.get(&change.resource.group, version, &change.resource.plural).map(|other| &**other)
        });
        others.into_iter().find(|other| meant(other))
    }

    /// Whether the labels of the object and its namespace are those that it wants.
    pub(crate) fn selects(self, change: &Change<'_>, namespace: Option<&Map<String, Value>>) -> bool {
        let selector = |member: &str| self.0.get(member).map(LabelSelector::of_object).unwrap_or_default();
        let labels = |object: Option<&Value>| {
            object.and_then(|object| object.pointer("/metadata/labels")).and_then(Value::as_object).cloned()
        };
        let of_objects = selector("objectSelector");
        let is_selected = |object: Option<&Value>| object.is_some() && of_objects.matches(labels(object).as_ref());
        let by_namespace = match change.resource.namespaced || change.is_of_namespaces() {
            true => selector("namespaceSelector").matches(namespace),
            false => true,
        };
        by_namespace && (is_selected(change.new) || is_selected(change.old))
    }

    /// Whether its conditions hold; an error if that can't be told.
    pub(crate) fn conditions_hold(self, request: &Value) -> Result<bool, String> {
        let conditions = self.0.get("matchConditions").and_then(Value::as_array).into_iter().flatten();
        let part = |member: &str| request.get(member).unwrap_or(&Value::Null);
        let mut fault = None;
        for condition in conditions {
            let of = |member: &str| condition.get(member).and_then(Value::as_str).unwrap_or_default();
            let scope = [("object", None), ("oldObject", None), ("request", None)];
            let names = [
                ("object", Bound::Value(part("object"), None)),
                ("oldObject", Bound::Value(part("oldObject"), None)),
                ("request", Bound::Value(request, None)),
            ];
            let held = Expression::compile(of("expression"), Wanted::Bool, &scope).and_then(|condition| {
                condition.run(&names, &mut Budget::default()).map_err(|failure| match failure {
                    Failure::Spent => "the cost limit is exceeded".to_owned(),
                    Failure::Fault(fault) => fault,
                })
            });
            match held {
                // One that does not hold settles it, whatever the others say.
                Ok(Value::Bool(false)) => return Ok(false),
                Ok(_) => {}
                Err(why) => {
                    let told = format!("expression '{}' resulted in error: {why}", of("expression"));
                    fault.get_or_insert(told);
                }
            }
        }
        fault.map_or(Ok(true), Err)
    }

    /// The call that asks it.
    pub(crate) fn call(self, review: Value) -> Call {
        let client = self.0.get("clientConfig").unwrap_or(&Value::Null);
        let text = |pointer: &str| client.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let host = match (text("/url"), client.get("service")) {
            (url, _) if !url.is_empty() => Host::Url(url),
            (_, Some(service)) => Host::Service {
                namespace: text("/service/namespace"),
                name: text("/service/name"),
                port: service.get("port").and_then(Value::as_u64).unwrap_or(443),
                path: text("/service/path"),
            },
            _ => Host::Nowhere,
        };
        Call {
            host,
            authorities: Call::authorities(&text("/caBundle")),
            seconds: self.0.get("timeoutSeconds").and_then(Value::as_u64).unwrap_or(10),
            review,
        }
    }
}

fn is_meant(rule: &Value, resource: &Resource, change: &Change<'_>) -> bool {
    let scope = rule.get("scope").and_then(Value::as_str).unwrap_or("*");
    let in_scope = match scope {
        "Cluster" => !resource.namespaced,
        "Namespaced" => resource.namespaced,
        _ => true,
    };
    let resources = texts(rule, "resources").any(|text| {
        let (plural, part) = text.split_once('/').unwrap_or((text, ""));
        (plural == "*" || plural == resource.plural) && (part == "*" || part == change.part)
    });
    in_scope
        && resources
        && names(rule, "operations", change.operation.as_str())
        && names(rule, "apiGroups", &resource.group)
        && names(rule, "apiVersions", &resource.version)
}
