//! The built-in kinds: what Kubernetes' own Go types say about each, as data.
//!
//! `resources.txt` lists the resources that a kube-apiserver serves. Nothing here knows HTTP or the store: the
//! catalog reads the resources, and the rooms that check, decode, patch and print objects ask for a [`Type`].

use std::sync::OnceLock;

/// The lines of `resources.txt`, from which the catalog makes its built-in part.
pub(crate) const RESOURCES: &str = include_str!("resources.txt");

/// A Go struct of the Kubernetes API.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Type {
    /// The name in OpenAPI documents, such as `io.k8s.api.core.v1.Pod`.
    pub(crate) name: String,
}

/// The type of a built-in kind.
pub(crate) fn of_kind(_group: &str, _version: &str, _kind: &str) -> Option<&'static Type> {
    static EMPTY: OnceLock<Type> = OnceLock::new();
    Some(EMPTY.get_or_init(|| Type {
        name: String::new(),
    }))
}
