//! Owns what a watch is of: the identity by which it is shared.

use std::fmt;

/// A kind, a scope and selectors. Two controllers that declare the same share one watch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WatchSpec {
    /// Empty for the core group.
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    /// None for all namespaces, and for a cluster-scoped kind.
    pub(crate) namespace: Option<String>,
    pub(crate) labels: Option<String>,
    pub(crate) fields: Option<String>,
}

impl WatchSpec {
    /// As objects write it: `v1`, `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The path of the collection on the API server.
    pub(crate) fn path(&self) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let api_version = self.api_version();
        match &self.namespace {
            Some(namespace) => format!("{root}/{api_version}/namespaces/{namespace}/{}", self.plural),
            None => format!("{root}/{api_version}/{}", self.plural),
        }
    }

    /// The resource as RBAC and kubectl write it: `pods`, `deployments.apps`.
    pub(crate) fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }
}

impl fmt::Display for WatchSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource())?;
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}")?,
            None => f.write_str(" in all namespaces")?,
        }
        if let Some(labels) = &self.labels {
            write!(f, " with labels {labels}")?;
        }
        if let Some(fields) = &self.fields {
            write!(f, " with fields {fields}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(group: &str, namespace: Option<&str>) -> WatchSpec {
        WatchSpec {
            group: group.into(),
            version: "v1".into(),
            kind: "Thing".into(),
            plural: "things".into(),
            namespace: namespace.map(Into::into),
            labels: None,
            fields: None,
        }
    }

    #[test]
    fn a_path_follows_the_group_and_the_namespace() {
        let check = |group, namespace, path, text| {
            assert_eq!(spec(group, namespace).path(), path);
            assert_eq!(spec(group, namespace).to_string(), text);
        };
        check("", None, "/api/v1/things", "things in all namespaces");
        check("", Some("a"), "/api/v1/namespaces/a/things", "things in namespace a");
        check("x.io", None, "/apis/x.io/v1/things", "things.x.io in all namespaces");
        check("x.io", Some("a"), "/apis/x.io/v1/namespaces/a/things", "things.x.io in namespace a");
    }

    #[test]
    fn selectors_are_part_of_the_identity() {
        let chosen = WatchSpec { labels: Some("a=b".into()), ..spec("", None) };
        assert_ne!(chosen, spec("", None));
        assert_eq!(chosen.to_string(), "things in all namespaces with labels a=b");
    }
}
