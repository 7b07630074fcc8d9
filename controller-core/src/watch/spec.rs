//! Owns what a watch is of: the identity by which it is shared.

use std::fmt;

use crate::descriptor::Content;

/// What becomes of `metadata.managedFields`, a third of most objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) enum ManagedFields {
    #[default]
    Cut,
    Kept,
}

/// A kind, a scope, selectors, and what is kept of each object. Two controllers that declare the same share one watch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
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
    pub(crate) content: Content,
    pub(crate) managed_fields: ManagedFields,
}

impl WatchSpec {
    /// Whether this watch shows all that the other one declares, so that it can serve both. The plural says nothing that
    /// the kind does not, and may not be known yet.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let same_kind = self.group == other.group && self.version == other.version && self.kind == other.kind;
        let same_bytes = self.content == other.content && self.managed_fields == other.managed_fields;
        let wider = |own: &Option<String>, other: &Option<String>| own.is_none() || own == other;
        let scope = wider(&self.namespace, &other.namespace) && wider(&self.labels, &other.labels);
        // A field selector may ask for what only the server knows of a kind.
        same_kind && same_bytes && scope && self.fields == other.fields
    }

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
        match self.content {
            Content::Whole => f.write_str(&self.resource())?,
            Content::Metadata => write!(f, "metadata of {}", self.resource())?,
        }
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
        if self.managed_fields == ManagedFields::Kept {
            f.write_str(" and their managedFields")?;
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
            ..WatchSpec::default()
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

    #[test]
    fn what_is_kept_is_part_of_the_identity() {
        let metadata = WatchSpec { content: Content::Metadata, ..spec("x.io", Some("a")) };
        assert_eq!(metadata.to_string(), "metadata of things.x.io in namespace a");
        let kept = WatchSpec { managed_fields: ManagedFields::Kept, ..spec("", None) };
        assert_eq!(kept.to_string(), "things in all namespaces and their managedFields");
        assert!(!spec("", None).covers(&kept) && !kept.covers(&spec("", None)));
    }

    #[test]
    fn a_wider_scope_covers_a_narrower_one() {
        let all = spec("", None);
        let a = spec("", Some("a"));
        let labelled = |spec: &WatchSpec| WatchSpec { labels: Some("a=b".into()), ..spec.clone() };
        let fields = |spec: &WatchSpec| WatchSpec { fields: Some("spec.x=1".into()), ..spec.clone() };
        let check = |wide: &WatchSpec, narrow: &WatchSpec, expect| {
            assert_eq!(wide.covers(narrow), expect, "{wide} covers {narrow}");
        };
        check(&all, &all, true);
        check(&all, &a, true);
        check(&a, &all, false);
        check(&a, &spec("", Some("b")), false);
        check(&all, &labelled(&a), true);
        check(&labelled(&all), &a, false);
        check(&labelled(&all), &labelled(&a), true);
        check(&all, &fields(&a), false);
        check(&fields(&all), &fields(&a), true);
        check(&all, &spec("x.io", None), false);
        check(&all, &WatchSpec { content: Content::Metadata, ..a.clone() }, false);
        check(&all, &WatchSpec { plural: String::new(), ..a }, true);
    }
}
