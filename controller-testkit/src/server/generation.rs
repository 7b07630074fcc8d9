//! The generations of objects: which changes are counted.

use serde_json::Value;

use super::part::Part;
use super::{meta, shape};
use crate::catalog::Resource;

/// Counts a change of the specification, where the server does so and not the kind itself.
pub(super) fn count(resource: &Resource, part: Part, old: &Value, new: &mut Value) {
    let counts_here = resource.manages_generation && !shape::counts_generation(resource);
    if part.is_of_spec() && counts_here && moves(resource, old, new) {
        meta::of(new).insert("generation".into(), meta::generation(old).wrapping_add(1).into());
    }
}

/// Whether a change is one of the specification: anything but metadata and status. Deployments count their
/// annotations too.
fn moves(resource: &Resource, old: &Value, new: &Value) -> bool {
    let annotations = |object: &Value| meta::member(object, "annotations").cloned();
    if resource.group == "apps" && resource.plural == "deployments" && annotations(old) != annotations(new) {
        return true;
    }
    let labels = |object: &Value| meta::member(object, "labels").cloned();
    if resource.plural == "endpointslices" && labels(old) != labels(new) {
        return true;
    }
    // A class's generation is that of its making.
    if resource.plural == "priorityclasses" {
        return false;
    }
    let counted = |member: &str| {
        let apart =
            matches!(member, "metadata" | "kind" | "apiVersion") || (member == "status" && resource.has_status());
        !apart
    };
    let spec = |object: &Value| -> Option<Vec<(String, Value)>> {
        let members = object.as_object()?.iter().filter(|(member, _)| counted(member));
        Some(members.map(|(member, value)| (member.clone(), value.clone())).collect())
    };
    spec(old) != spec(new)
}
