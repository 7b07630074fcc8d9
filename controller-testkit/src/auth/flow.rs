//! Flow schemas: by which of them a request comes in, as the priority and fairness of a real server sorts requests.
//!
//! Nobody waits here and nobody is turned away: what is found is only told.

use std::ops::Deref;

use http::HeaderValue;
use serde_json::Value;

use super::rule::Rule;
use super::{Ask, User};

const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// A flow schema that leads to a level that there is.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    /// The uids of both, as an answer tells them.
    pub(crate) schema: HeaderValue,
    pub(crate) level: HeaderValue,
    /// Those are tried first whose number is smaller.
    precedence: (i64, String),
    rules: Vec<Value>,
    /// Whether all that its subjects ask for comes in by it, so that nothing else need be looked at.
    takes_all: bool,
}

impl Flow {
    /// The flows of these schemas, in the order in which they are tried.
    pub(crate) fn all<'a>(
        schemas: impl Iterator<Item = &'a Value>,
        level: impl Fn(&str) -> Option<HeaderValue>,
    ) -> Vec<Self> {
        let read = |schema: &Value| {
            let text = |pointer: &str| schema.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let rules = schema.pointer("/spec/rules").and_then(Value::as_array).cloned().unwrap_or_default();
            let precedence = schema.pointer("/spec/matchingPrecedence").and_then(Value::as_i64).unwrap_or(0);
            Some(Flow {
                schema: HeaderValue::from_str(text("/metadata/uid")).ok()?,
                level: level(text("/spec/priorityLevelConfiguration/name"))?,
                precedence: (precedence, text("/metadata/name").to_owned()),
                takes_all: rules.iter().all(takes_all),
                rules,
            })
        };
        let mut flows: Vec<Self> = schemas.filter_map(read).collect();
        flows.sort_by(|one, other| one.precedence.cmp(&other.precedence));
        flows
    }

    /// Whether a request comes in by it; what it asks is made out only if that matters.
    pub(crate) fn takes(&self, user: &User, ask: &dyn Deref<Target = Ask>) -> bool {
        let mut meant = self.rules.iter().filter(|rule| list(rule, "subjects").any(|subject| is_meant(subject, user)));
        match self.takes_all {
            true => meant.next().is_some(),
            false => meant.any(|rule| match ask.is_resource() {
                true => list(rule, "resourceRules").any(|rule| is_of_resources(Rule(rule), ask)),
                false => list(rule, "nonResourceRules").any(|rule| is_of_paths(Rule(rule), ask)),
            }),
        }
    }
}

fn list<'a>(of: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    of.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn takes_all(rule: &Value) -> bool {
    let all = |rule: &Value, members: &[&str]| members.iter().all(|member| Rule(rule).names(member, "*"));
    list(rule, "nonResourceRules").any(|rule| all(rule, &["verbs", "nonResourceURLs"]))
        && list(rule, "resourceRules").any(|rule| {
            rule.get("clusterScope") == Some(&Value::Bool(true))
                && all(rule, &["verbs", "apiGroups", "resources", "namespaces"])
        })
}

fn is_meant(subject: &Value, user: &User) -> bool {
    let text = |pointer: &str| subject.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match text("/kind") {
        "User" => matches!(text("/user/name"), name if name == "*" || name == user.name),
        "Group" => matches!(text("/group/name"), name if name == "*" || user.groups.iter().any(|group| group == name)),
        "ServiceAccount" => {
            let account = user.name.strip_prefix(SERVICE_ACCOUNT).and_then(|account| account.split_once(':'));
            account.is_some_and(|(namespace, name)| {
                let wanted = text("/serviceAccount/name");
                namespace == text("/serviceAccount/namespace") && (wanted == "*" || wanted == name)
            })
        }
        _ => false,
    }
}

fn is_of_resources(rule: Rule<'_>, ask: &Ask) -> bool {
    rule.names_or_all("verbs", &ask.verb)
        && rule.names_or_all("resources", &ask.combined())
        && rule.names_or_all("apiGroups", &ask.group)
        && match ask.namespace.as_str() {
            "" => rule.0.get("clusterScope") == Some(&Value::Bool(true)),
            namespace => rule.names_or_all("namespaces", namespace),
        }
}

fn is_of_paths(rule: Rule<'_>, ask: &Ask) -> bool {
    let is_below = |path: &str| {
        let path = path.trim_end_matches('*');
        let below = ask.path.strip_prefix(path.trim_end_matches('/'));
        below.is_some_and(|below| below.starts_with('/'))
    };
    rule.names_or_all("verbs", &ask.verb)
        && rule.texts("nonResourceURLs").any(|path| path == "*" || path == ask.path || is_below(path))
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::super::Hints;
    use super::*;

    fn asked(path: &str) -> Ask {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        Ask::read(&Method::GET, path, &parts, Hints::default)
    }

    fn schema(name: &str, precedence: i64, level: &str, rule: Value) -> Value {
        json!({
            "metadata": {"name": name, "uid": name},
            "spec": {
                "matchingPrecedence": precedence,
                "priorityLevelConfiguration": {"name": level},
                "rules": [rule],
            },
        })
    }

    fn of(user: &User, path: &str) -> String {
        let people = json!([{"kind": "Group", "group": {"name": "people"}}]);
        let maps = json!([{
            "verbs": ["get"], "apiGroups": [""], "resources": ["configmaps", "pods/log"], "namespaces": ["default"],
        }]);
        let everyone = json!([{"kind": "User", "user": {"name": "*"}}]);
        let robots = json!([{"kind": "ServiceAccount", "serviceAccount": {"namespace": "a", "name": "*"}}]);
        let nodes = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true}]);
        let all = json!([{
            "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": true,
        }]);
        let paths = |path: &str| json!([{"verbs": ["*"], "nonResourceURLs": [path]}]);
        let schemas = [
            schema(
                "last",
                10_000,
                "l",
                json!({
                    "subjects": everyone, "resourceRules": all, "nonResourceRules": paths("*"),
                }),
            ),
            schema(
                "lost",
                1,
                "nowhere",
                json!({
                    "subjects": everyone, "resourceRules": all, "nonResourceRules": paths("*"),
                }),
            ),
            schema("b-maps", 5, "l", json!({"subjects": people, "resourceRules": maps})),
            schema("a-none", 5, "l", json!({"subjects": people})),
            schema("health", 5, "l", json!({"subjects": people, "nonResourceRules": paths("/healthz/*")})),
            schema("robots", 6, "l", json!({"subjects": robots, "resourceRules": nodes})),
        ];
        let level = |name: &str| (name == "l").then(|| HeaderValue::from_static("l"));
        let flows = Flow::all(schemas.iter(), level);
        let flow = flows.iter().find(|flow| flow.takes(user, &Box::new(asked(path))));
        flow.and_then(|flow| flow.schema.to_str().ok()).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_request_comes_in_by_the_first_schema_that_means_it() {
        let (bob, robot) = (User::new("bob").group("people"), User::service_account("a", "robot"));
        for (user, path, expect) in [
            (&bob, "/api/v1/namespaces/default/configmaps/a", "b-maps"),
            (&bob, "/api/v1/namespaces/default/pods/a/log", "b-maps"),
            (&bob, "/api/v1/namespaces/default/pods/a", "last"),
            (&bob, "/api/v1/namespaces/other/configmaps/a", "last"),
            (&bob, "/apis/apps/v1/namespaces/default/configmaps/a", "last"),
            (&bob, "/healthz", "last"),
            (&bob, "/healthz/etcd", "health"),
            (&bob, "/healthzy", "last"),
            (&robot, "/api/v1/nodes/a", "robots"),
            (&robot, "/api/v1/namespaces/default/pods/a", "last"),
            (&robot, "/healthz/etcd", "last"),
            (&User::service_account("ab", "robot"), "/api/v1/nodes/a", "last"),
            (&User::new("carl"), "/api/v1/nodes/a", "last"),
        ] {
            assert_eq!(of(user, path), expect, "{} {path}", user.name);
        }
    }
}
