//! Which changes a webhook, a policy or a binding means: by rules and by labels.

use serde_json::{Map, Value};

use super::review::Change;
use crate::catalog::{Catalog, Resource};
use crate::selector::LabelSelector;

/// Rules and selectors as they are stored.
#[derive(Clone, Copy)]
pub(crate) struct Reach<'a> {
    of: &'a Value,
    rules: &'static str,
}

fn texts<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a str> {
    value.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn names(value: &Value, member: &str, text: &str) -> bool {
    texts(value, member).any(|one| one == "*" || one == text)
}

impl<'a> Reach<'a> {
    pub(crate) fn of_webhook(webhook: &'a Value) -> Self {
        Self { of: webhook, rules: "rules" }
    }

    /// Of a policy's `matchConstraints` or a binding's `matchResources`.
    pub(crate) fn of_policy(matches: &'a Value) -> Self {
        Self { of: matches, rules: "resourceRules" }
    }

    /// The version of the resource in which the change is meant; none if it is not.
    pub(crate) fn wants(self, change: &Change<'a>, catalog: &'a Catalog) -> Option<&'a Resource> {
        if self.meant("excludeResourceRules", change, catalog).is_some() {
            return None;
        }
        // Who gives no rules to a policy's binding means whatever the policy means.
        if self.rules == "resourceRules" && rules_in(self.of, self.rules).next().is_none() {
            return Some(change.resource);
        }
        self.meant(self.rules, change, catalog)
    }

    fn meant(self, rules: &str, change: &Change<'a>, catalog: &'a Catalog) -> Option<&'a Resource> {
        let meant = |resource: &Resource| rules_in(self.of, rules).any(|rule| is_meant(rule, resource, change));
        if meant(change.resource) {
            return Some(change.resource);
        }
        if self.of.get("matchPolicy").and_then(Value::as_str) == Some("Exact") {
            return None;
        }
        let group = catalog.group(&change.resource.group)?;
        let others = group.versions.iter().filter_map(|version| {
            catalog.get(&change.resource.group, version, &change.resource.plural).map(|other| &**other)
        });
        let serves = |other: &&Resource| change.part.is_empty() || other.subresource(change.part).is_some();
        others.filter(serves).find(|other| meant(other))
    }

    /// Whether the labels of the object and its namespace are those that are meant.
    pub(crate) fn selects(self, change: &Change<'_>, namespace: Option<&Map<String, Value>>) -> bool {
        let selector = |member: &str| self.of.get(member).map(LabelSelector::of_object).unwrap_or_default();
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
}

fn rules_in<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
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
    let named =
        texts(rule, "resourceNames").next().is_none() || texts(rule, "resourceNames").any(|name| name == change.name);
    in_scope
        && resources
        && named
        && names(rule, "operations", change.operation.as_str())
        && names(rule, "apiGroups", &resource.group)
        && names(rule, "apiVersions", &resource.version)
}
