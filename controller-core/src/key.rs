//! Owns the name of one object within its kind.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The namespace and name of an object. A cluster-scoped object has no namespace.
///
/// It prints as Kubernetes tools write it, and is cheap to clone.
///
/// ```
/// use controller_core::prelude::*;
/// assert_eq!(Key::namespaced("default", "web-1").to_string(), "default/web-1");
/// assert_eq!(Key::cluster("node-a").to_string(), "node-a");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// As it prints.
    text: Arc<str>,
    /// The length of the namespace, where there is one.
    namespace: Option<usize>,
}

impl Key {
    /// The key of a namespaced object.
    pub fn namespaced(namespace: impl AsRef<str>, name: impl AsRef<str>) -> Self {
        let (namespace, name) = (namespace.as_ref(), name.as_ref());
        let mut text = String::with_capacity(namespace.len() + 1 + name.len());
        text.push_str(namespace);
        text.push('/');
        text.push_str(name);
        Self { text: text.into(), namespace: Some(namespace.len()) }
    }

    /// The key of a cluster-scoped object.
    pub fn cluster(name: impl AsRef<str>) -> Self {
        Self { text: name.as_ref().into(), namespace: None }
    }

    /// The namespace, or none for a cluster-scoped object.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.text.get(..self.namespace?)
    }

    /// The object's name.
    #[must_use]
    pub fn name(&self) -> &str {
        let start = self.namespace.map_or(0, |length| length + 1);
        self.text.get(start..).unwrap_or_default()
    }
}

/// By namespace, then by name.
impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.namespace(), self.name()).cmp(&(other.namespace(), other.name()))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
