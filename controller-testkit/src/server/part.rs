//! The parts of an object, each of which is written through a path of its own.

use serde_json::Value;

use super::meta;
use super::read::is_builtin;
use super::update::{has_spec_finalizers, is_namespace};
use crate::catalog::Resource;

/// The part of an object that a write may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All but the status, where that is a part of its own.
    Main,
    Status,
    /// A namespace's `spec.finalizers`.
    Finalizers,
    /// The conditions of a certificate signing request.
    Approval,
    EphemeralContainers,
    /// The resources of a pod's containers.
    Resize,
}

impl Part {
    /// The subresource's name; empty for the object itself.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Status => "status",
            Self::Finalizers => "finalize",
            Self::Approval => "approval",
            Self::EphemeralContainers => "ephemeralcontainers",
            Self::Resize => "resize",
        }
    }

    /// Whether it is of the specification, whose changes are counted.
    pub(super) fn is_of_spec(self) -> bool {
        matches!(self, Self::Main | Self::EphemeralContainers | Self::Resize)
    }

    /// The part behind a subresource's name; anything unknown has been refused before.
    pub(crate) fn of(subresource: Option<&str>) -> Self {
        match subresource {
            Some("status") => Self::Status,
            Some("finalize") => Self::Finalizers,
            Some("approval") => Self::Approval,
            Some("ephemeralcontainers") => Self::EphemeralContainers,
            Some("resize") => Self::Resize,
            _ => Self::Main,
        }
    }

    /// The stored object with this part of the wanted one.
    pub(super) fn blend(self, resource: &Resource, old: &Value, new: Value) -> Value {
        match self {
            // A custom resource knows its own parts.
            Self::Main | Self::Status if !is_builtin(resource) => new,
            Self::Main if is_namespace(resource) => with_members(&new, old, &[&["spec", "finalizers"], &["status"]]),
            Self::Main if resource.has_status() => {
                let mut blended = new;
                let status = old.get("status").cloned();
                meta::set(meta::members(&mut blended), "status", status);
                blended
            }
            Self::Main => new,
            Self::Status => {
                // The built-in kinds let a status write carry metadata along; a deployment keeps its labels.
                let metadata: [&[&str]; 3] =
                    [&["metadata", "annotations"], &["metadata", "finalizers"], &["metadata", "labels"]];
                let kept = if resource.plural == "deployments" { 1 } else { 0 };
                let blended = with_members(old, &new, &metadata[..metadata.len() - kept]);
                with_members(&blended, &new, &[&["status"]])
            }
            Self::Finalizers => {
                let mut blended = with_members(&new, old, &[&["status"]]);
                if !has_spec_finalizers(&blended) {
                    meta::members(meta::entry(&mut blended, "spec")).remove("finalizers");
                }
                blended
            }
            Self::Approval => {
                let mut blended = with_members(&new, old, &[&["spec"]]);
                meta::set(meta::members(&mut blended), "status", old.get("status").cloned());
                with_members(&blended, &new, &[&["status", "conditions"]])
            }
            Self::EphemeralContainers => with_members(old, &new, &[&["spec", "ephemeralContainers"]]),
            Self::Resize => resized(old, new),
        }
    }
}

/// A pod with what the containers of another one need, if they are the same containers.
fn resized(old: &Value, new: Value) -> Value {
    let mut resized = with_members(old, &new, &[&["spec", "resources"]]);
    for list in ["containers", "initContainers"] {
        let pointer = format!("/spec/{list}");
        let wanted = new.pointer(&pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(Value::Array(present)) = resized.pointer_mut(&pointer) else { continue };
        let name = |container: &Value| container.get("name").cloned();
        if wanted.len() != present.len() || wanted.iter().zip(present.iter()).any(|(a, b)| name(a) != name(b)) {
            return with_members(old, &new, &[&["spec", "containers"], &["spec", "initContainers"]]);
        }
        for (present, wanted) in present.iter_mut().zip(&wanted) {
            for member in ["resources", "resizePolicy"] {
                meta::set(meta::members(present), member, wanted.get(member).cloned());
            }
        }
    }
    resized
}

/// A copy of `old` with some members taken from `new`, or left out where `new` has none.
fn with_members(old: &Value, new: &Value, paths: &[&[&str]]) -> Value {
    let mut blended = old.clone();
    for path in paths {
        let Some((last, parents)) = path.split_last() else { continue };
        let value = path.iter().try_fold(new, |value, member| value.get(member)).cloned();
        let parent = parents.iter().fold(&mut blended, |value, member| meta::entry(value, member));
        meta::set(meta::members(parent), last, value);
    }
    blended
}
