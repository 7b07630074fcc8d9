//! One rule of a role: what it lets its holder do.

use serde_json::Value;

use super::Ask;

/// A rule as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule<'a>(pub(crate) &'a Value);

impl<'a> Rule<'a> {
    pub(crate) fn texts(self, member: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.get(member).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    pub(crate) fn names(self, member: &str, text: &str) -> bool {
        self.texts(member).any(|one| one == text)
    }

    pub(super) fn names_or_all(self, member: &str, text: &str) -> bool {
        self.texts(member).any(|one| one == "*" || one == text)
    }

    pub(crate) fn is_empty(self, member: &str) -> bool {
        self.texts(member).next().is_none()
    }

    /// Whether it lets its holder do that.
    pub(crate) fn allows(self, ask: &Ask) -> bool {
        if !self.names_or_all("verbs", &ask.verb) {
            return false;
        }
        if !ask.is_resource() {
            return self.texts("nonResourceURLs").any(|url| covers_path(url, &ask.path));
        }
        let combined = ask.combined();
        let of_part = |rule: &str| !ask.subresource.is_empty() && rule.strip_prefix("*/") == Some(&ask.subresource);
        self.names_or_all("apiGroups", &ask.group)
            && self.texts("resources").any(|rule| rule == "*" || rule == combined || of_part(rule))
            && (self.is_empty("resourceNames") || self.names("resourceNames", &ask.name))
    }
}

/// Whether a path is meant by one that may end in a star.
pub(crate) fn covers_path(rule: &str, path: &str) -> bool {
    rule == path || (rule.ends_with('*') && path.starts_with(rule.trim_end_matches('*')))
}
