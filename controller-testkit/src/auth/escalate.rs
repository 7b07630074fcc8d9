//! Handing on rights: nobody may put more into a role than they hold.

use std::collections::BTreeSet;

use super::rule::{Rule, covers_path};
use crate::field::echo;

/// The smallest right there is: one verb on one resource, one object or one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant<'a> {
    Resource { group: &'a str, resource: &'a str, name: Option<&'a str>, verb: &'a str },
    Path { path: &'a str, verb: &'a str },
}

impl<'a> Grant<'a> {
    /// Everything there is.
    pub(crate) const ALL: [Grant<'static>; 2] =
        [Grant::Resource { group: "*", resource: "*", name: None, verb: "*" }, Grant::Path { path: "*", verb: "*" }];

    /// Every right that a rule gives, as it is written.
    pub(crate) fn of_value(rule: &'a serde_json::Value) -> Vec<Self> {
        Self::of(Rule(rule))
    }

    /// Every right that a rule gives.
    pub(crate) fn of(rule: Rule<'a>) -> Vec<Self> {
        let mut grants = Vec::new();
        let named = !rule.is_empty("resourceNames");
        for group in rule.texts("apiGroups") {
            for resource in rule.texts("resources") {
                for verb in rule.texts("verbs") {
                    let one = |name| Self::Resource { group, resource, name, verb };
                    match named {
                        true => grants.extend(rule.texts("resourceNames").map(|name| one(Some(name)))),
                        false => grants.push(one(None)),
                    }
                }
            }
        }
        for path in rule.texts("nonResourceURLs") {
            grants.extend(rule.texts("verbs").map(|verb| Self::Path { path, verb }));
        }
        grants
    }

    /// Whether a rule gives its holder this right.
    fn is_covered_by(self, rule: Rule<'_>) -> bool {
        let has = |member: &str, text: &str| rule.names(member, "*") || rule.names(member, text);
        match self {
            Self::Resource { group, resource, name, verb } => {
                let part = resource.split_once('/').map(|(_, part)| format!("*/{part}"));
                has("verbs", verb)
                    && has("apiGroups", group)
                    && (has("resources", resource) || part.is_some_and(|part| rule.names("resources", &part)))
                    && (rule.is_empty("resourceNames") || name.is_some_and(|name| rule.names("resourceNames", name)))
            }
            Self::Path { path, verb } => {
                let covers = rule.texts("nonResourceURLs").any(|url| covers_path(url, path));
                has("verbs", verb) && covers && rule.is_empty("resourceNames")
            }
        }
    }

    /// Whether they differ by their verbs at most.
    fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Resource { .. }, Self::Resource { .. }) => self.with_verb("") == other.with_verb(""),
            _ => false,
        }
    }

    fn with_verb(self, verb: &'a str) -> Self {
        match self {
            Self::Resource { group, resource, name, .. } => Self::Resource { group, resource, name, verb },
            Self::Path { path, .. } => Self::Path { path, verb },
        }
    }

    fn verb(self) -> &'a str {
        match self {
            Self::Resource { verb, .. } | Self::Path { verb, .. } => verb,
        }
    }
}

/// The rights that none of these rules gives, in the words in which they are told: none if all are held.
pub(crate) fn not_held(grants: &[Grant<'_>], held: &[Rule<'_>]) -> Vec<String> {
    let missing = grants.iter().copied().filter(|grant| !held.iter().any(|rule| grant.is_covered_by(*rule)));
    let mut alike: Vec<(Grant<'_>, Vec<&str>)> = Vec::new();
    for grant in missing {
        match alike.iter_mut().find(|(one, _)| one.is_like(grant)) {
            Some((_, verbs)) => verbs.push(grant.verb()),
            None => alike.push((grant, vec![grant.verb()])),
        }
    }
    let told: BTreeSet<String> = alike.iter().map(|(grant, verbs)| described(*grant, verbs)).collect();
    told.into_iter().collect()
}

fn described(grant: Grant<'_>, verbs: &[&str]) -> String {
    let verbs = quoted(verbs);
    match grant {
        Grant::Path { path, .. } => format!("{{NonResourceURLs:{}, Verbs:{verbs}}}", quoted(&[path])),
        Grant::Resource { group, resource, name, .. } => {
            let names = name.map(|name| format!("ResourceNames:{}, ", quoted(&[name]))).unwrap_or_default();
            let (groups, resources) = (quoted(&[group]), quoted(&[resource]));
            format!("{{APIGroups:{groups}, Resources:{resources}, {names}Verbs:{verbs}}}")
        }
    }
}

/// Texts as Go prints a list of them.
pub(crate) fn quoted(texts: &[impl AsRef<str>]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| echo::quote(text.as_ref())).collect();
    format!("[{}]", texts.join(" "))
}
