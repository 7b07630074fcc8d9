//! The roles and bindings in the store, and who holds which of their rules.

use std::ops::ControlFlow;

use serde_json::Value;

use super::rule::Rule;
use super::user::{User, account};
use crate::field::echo;
use crate::selector::LabelSelector;
use crate::store::{Range, Store};

const GROUP: &str = "rbac.authorization.k8s.io";

/// What the store holds of roles.
#[derive(Clone, Copy)]
pub(crate) struct Roles<'a>(pub(crate) &'a Store);

/// A role that a binding names and that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// As messages name it: `role` or `clusterrole`.
    pub(crate) kind: &'static str,
    pub(crate) name: String,
}

/// One rule, with the binding and the subject of it by which a user holds it; or a binding to nothing.
pub(crate) type Held<'a> = Result<(Rule<'a>, Source<'a>), Missing>;

/// By which binding a user holds a rule.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    binding: &'a Value,
    subject: &'a Value,
    namespace: &'a str,
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn items<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
}

impl std::fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, name) = (text(self.binding, "/roleRef/kind"), text(self.binding, "/roleRef/name"));
        let binding = text(self.binding, "/metadata/name");
        let (of, binding) = match self.namespace {
            "" => ("ClusterRoleBinding", binding.to_owned()),
            namespace => ("RoleBinding", format!("{binding}/{namespace}")),
        };
        write!(f, "{of} {} of {kind} {} to ", echo::quote(&binding), echo::quote(name))?;
        let subject = text(self.subject, "/name");
        match text(self.subject, "/kind") {
            "ServiceAccount" => {
                let namespace = Some(text(self.subject, "/namespace")).filter(|namespace| !namespace.is_empty());
                let subject = format!("{subject}/{}", namespace.unwrap_or(self.namespace));
                write!(f, "ServiceAccount {}", echo::quote(&subject))
            }
            kind => write!(f, "{kind} {}", echo::quote(subject)),
        }
    }
}

impl<'a> Roles<'a> {
    /// The rules of the role that a binding refers to.
    pub(crate) fn rules_of(
        self,
        role: &Value,
        namespace: &str,
    ) -> Result<impl Iterator<Item = Rule<'a>> + use<'a>, Missing> {
        let (kind, name) = (text(role, "/kind"), text(role, "/name"));
        let (kind, found) = match kind {
            "Role" => ("role", self.0.get(&format!("{GROUP}/roles"), &format!("{namespace}/{name}"))),
            _ => ("clusterrole", self.0.get(&format!("{GROUP}/clusterroles"), name)),
        };
        let found = found.ok_or_else(|| Missing { kind, name: name.to_owned() })?;
        Ok(items(found.kept_value(), "rules").map(Rule))
    }

    /// Visits every rule that a user holds in a namespace (none: in the whole cluster), until told to stop.
    pub(crate) fn visit<B>(
        self,
        user: &User,
        namespace: &str,
        mut visitor: impl FnMut(Held<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let all = Range { prefix: "", from: "" };
        for (_, binding) in self.0.scan(&format!("{GROUP}/clusterrolebindings"), all) {
            self.visit_binding(user, "", binding.kept_value(), &mut visitor)?;
        }
        if namespace.is_empty() {
            return ControlFlow::Continue(());
        }
        let prefix = format!("{namespace}/");
        let within = Range { prefix: &prefix, from: "" };
        for (_, binding) in self.0.scan(&format!("{GROUP}/rolebindings"), within) {
            let binding = binding.kept_value();
            self.visit_binding(user, text(binding, "/metadata/namespace"), binding, &mut visitor)?;
        }
        ControlFlow::Continue(())
    }

    fn visit_binding<B>(
        self,
        user: &User,
        namespace: &'a str,
        binding: &'a Value,
        visitor: &mut impl FnMut(Held<'a>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Some(subject) = items(binding, "subjects").find(|subject| is_meant(user, subject, namespace)) else {
            return ControlFlow::Continue(());
        };
        let source = Source { binding, subject, namespace };
        let role = binding.get("roleRef").unwrap_or(&Value::Null);
        match self.rules_of(role, namespace) {
            Ok(mut rules) => rules.try_for_each(|rule| visitor(Ok((rule, source)))),
            Err(missing) => visitor(Err(missing)),
        }
    }
}

/// Whether a binding's subject means this user.
fn is_meant(user: &User, subject: &Value, namespace: &str) -> bool {
    let name = text(subject, "/name");
    match text(subject, "/kind") {
        "User" => user.name == name,
        "Group" => user.groups.iter().any(|group| group == name),
        "ServiceAccount" => {
            let of = Some(text(subject, "/namespace")).filter(|of| !of.is_empty()).unwrap_or(namespace);
            !of.is_empty() && account(&user.name) == Some((of, name))
        }
        _ => false,
    }
}

/// The rules that an aggregating role gathers from the others, which come in the order of their names; none if it
/// gathers nothing.
pub(crate) fn aggregate<'a>(role: &Value, all: impl Iterator<Item = &'a Value> + Clone) -> Option<Value> {
    let selectors = role.pointer("/aggregationRule/clusterRoleSelectors")?.as_array()?;
    let mut rules: Vec<Value> = Vec::new();
    for selector in selectors {
        let selector = LabelSelector::of_object(selector);
        for other in all.clone().filter(|other| text(other, "/metadata/name") != text(role, "/metadata/name")) {
            let labels = other.pointer("/metadata/labels").and_then(Value::as_object);
            if selector.matches(labels) {
                for rule in items(other, "rules").filter(|rule| !rules.contains(rule)).collect::<Vec<_>>() {
                    rules.push(rule.clone());
                }
            }
        }
    }
    Some(Value::Array(rules))
}
