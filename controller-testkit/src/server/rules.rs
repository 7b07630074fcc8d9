//! The rules for metadata, which are the same for every kind.

use serde_json::{Map, Value};

use super::meta;
use crate::field::{Cause, FieldError, name};

/// The members that metadata has; anything else is not kept.
const KNOWN: [&str; 14] = [
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "selfLink",
];

/// Where something is found in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// In what was sent.
    Sent,
    /// In what came of it: of a patch, and of the webhooks.
    Made,
}

/// Leaves in metadata only what it has, and nothing that is empty; repeated owners are dropped, with a warning.
pub(crate) fn tidy(object: &mut Value, found: Found, warnings: &mut Vec<String>) {
    let metadata = meta::of(object);
    metadata.retain(|member, value| {
        let empty = match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        !empty && KNOWN.contains(&member.as_str())
    });
    if metadata.get("generation").and_then(Value::as_i64) == Some(0) {
        metadata.remove("generation");
    }
    single_owners(object, found, warnings);
}

/// Drops owners that are named again, with a warning.
pub(crate) fn single_owners(object: &mut Value, found: Found, warnings: &mut Vec<String>) {
    if let Some(Value::Array(owners)) = meta::of(object).get_mut("ownerReferences") {
        let mut seen: Vec<Value> = Vec::with_capacity(owners.len());
        let mut repeated: Vec<String> = Vec::new();
        for owner in owners.drain(..) {
            if !seen.contains(&owner) {
                seen.push(owner);
            } else if let Some(uid) = owner.get("uid").and_then(Value::as_str) {
                repeated.push(uid.to_owned());
            }
        }
        *owners = seen;
        if !repeated.is_empty() {
            let when = if found == Found::Made { " after mutating admission happens" } else { "" };
            let repeated = repeated.join(", ");
            warnings.push(format!("{TWICE}{when}; {DEDUPLICATED}; duplicate UID(s) observed: {repeated}"));
        }
    }
}

const TWICE: &str = ".metadata.ownerReferences contains duplicate entries";
const DEDUPLICATED: &str = "API server dedups owner references in 1.20+, and may reject such requests as early as \
                            1.24; please fix your requests";

/// The groups that are served by libraries of their own. Those do not know the rule that a finalizer without a slash
/// is one of Kubernetes itself; the server's own finalizer of definitions breaks it.
const LIBRARIES: [&str; 5] =
    ["apiextensions.k8s.io", "apiregistration.k8s.io", "coordination.k8s.io", "node.k8s.io", "policy"];

/// What is wrong with the metadata of an object of this group, the name apart, whose grammar is the kind's.
pub(crate) fn faults(group: &str, object: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let generation = meta::generation(object);
    if generation < 0 {
        let why = "must be greater than or equal to 0";
        faults.push(FieldError::invalid("metadata.generation", &generation, why));
    }
    for (key, value) in texts(object, "labels") {
        for fault in name::qualified(key) {
            faults.push(FieldError::invalid("metadata.labels", key, fault));
        }
        for fault in name::label_value(value.as_str().unwrap_or_default()) {
            faults.push(FieldError::invalid("metadata.labels", value, fault));
        }
    }
    let mut size = 0;
    for (key, value) in texts(object, "annotations") {
        for fault in name::qualified(&key.to_lowercase()) {
            faults.push(FieldError::invalid("metadata.annotations", key, fault));
        }
        size += key.len() + value.as_str().unwrap_or_default().len();
    }
    const LARGEST_ANNOTATIONS: usize = 256 * 1024;
    if size > LARGEST_ANNOTATIONS {
        faults.push(FieldError::too_long("metadata.annotations", LARGEST_ANNOTATIONS.try_into().unwrap_or(i64::MAX)));
    }
    owner_faults(object, &mut faults);
    for (index, finalizer) in meta::finalizers(object).into_iter().enumerate() {
        let field = format!("metadata.finalizers[{index}]");
        let wrong = name::qualified(finalizer);
        let standard = ["kubernetes", "orphan", "foregroundDeletion"].contains(&finalizer);
        faults.extend(wrong.into_iter().map(|fault| FieldError::invalid("metadata.finalizers", finalizer, fault)));
        if !standard && !finalizer.contains('/') && !LIBRARIES.contains(&group) {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            faults.push(FieldError::invalid(&field, finalizer, why));
        }
    }
    if meta::finalizers(object).contains(&"orphan") && meta::finalizers(object).contains(&"foregroundDeletion") {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        faults.push(FieldError::invalid("metadata.finalizers", &meta::finalizers(object), why));
    }
    faults
}

fn texts<'a>(object: &'a Value, member: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    meta::member(object, member).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

fn owner_faults(object: &Value, faults: &mut Vec<FieldError>) {
    let Some(owners) = meta::member(object, "ownerReferences").and_then(Value::as_array) else { return };
    let mut controller: Option<String> = None;
    for (index, owner) in owners.iter().enumerate() {
        let text = |member: &str| owner.get(member).and_then(Value::as_str).unwrap_or_default();
        for member in ["apiVersion", "kind", "name", "uid"] {
            if text(member).is_empty() {
                let field = format!("metadata.ownerReferences[{index}].{member}");
                faults.push(FieldError::required(field, "must not be empty"));
            }
        }
        if text("apiVersion").split('/').count() > 2 {
            let field = format!("metadata.ownerReferences[{index}].apiVersion");
            faults.push(FieldError::invalid(field, text("apiVersion"), "must be <group>/<version> or <version>"));
        }
        if (text("apiVersion"), text("kind")) == ("v1", "Event") {
            let why = "/v1, Kind=Event is disallowed from being an owner";
            faults.push(FieldError::invalid(format!("metadata.ownerReferences[{index}]"), owner, why));
        }
        if owner.get("controller") == Some(&Value::Bool(true)) {
            let name = format!("{}/{}", text("kind"), text("name"));
            if let Some(first) = &controller {
                let why = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and \
                     {name}"
                );
                let shown: Vec<String> = owners.iter().map(shown_owner).collect();
                let why = format!("[{}]: {why}", shown.join(","));
                faults.push(FieldError::without_value(Cause::Invalid, "metadata.ownerReferences", why));
            } else {
                controller = Some(name);
            }
        }
    }
}

/// An owner as Go prints it: its members in the order of its type.
fn shown_owner(owner: &Value) -> String {
    let members = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
    let shown: Vec<String> =
        members.iter().filter_map(|member| owner.get(member).map(|value| format!("\"{member}\":{value}"))).collect();
    format!("{{{}}}", shown.join(","))
}

/// What is wrong with the beginning of drawn names, whatever the kind has to say of it.
pub(crate) fn base_faults(object: &Value) -> Vec<FieldError> {
    let base = meta::text(object, "generateName");
    let wrong = ['/', '%'].into_iter().filter(|letter| base.contains(*letter));
    let fault = |letter| FieldError::invalid("metadata.generateName", base, format!("may not contain '{letter}'"));
    wrong.map(fault).collect()
}

/// How often more a fault in the metadata of a changed custom resource is told: what may not change once, and what is
/// wrong in itself twice, but for names of finalizers.
pub(crate) fn told_again(fault: &FieldError) -> usize {
    let Some(member) = fault.field.as_str().strip_prefix("metadata.") else { return 0 };
    match member.split(['[', '.']).next().unwrap_or_default() {
        "finalizers" if fault.cause == Cause::Forbidden => 1,
        "uid" | "deletionTimestamp" | "deletionGracePeriodSeconds" => 1,
        "labels" | "annotations" | "ownerReferences" => 2,
        _ => 0,
    }
}

/// Carries over what a client cannot change, and says what it tried to.
pub(crate) fn carry_over(object: &mut Value, old: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let immutable =
        |member: &str, value: &Value| FieldError::invalid(format!("metadata.{member}"), value, "field is immutable");
    let keep = |member: &str| meta::member(old, member).cloned();
    if let Some(uid) = meta::member(object, "uid")
        && Some(uid) != meta::member(old, "uid")
    {
        faults.push(immutable("uid", uid));
    }
    for member in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
        match (meta::member(object, member), meta::member(old, member)) {
            (Some(new), None) => faults.push(immutable(member, new)),
            (Some(new), Some(old)) if member == "deletionGracePeriodSeconds" && new != old => {
                faults.push(immutable(member, new));
            }
            _ => {}
        }
    }
    if meta::is_deleting(old) {
        let known = meta::finalizers(old);
        let added: Vec<&str> =
            meta::finalizers(object).into_iter().filter(|finalizer| !known.contains(finalizer)).collect();
        if !added.is_empty() {
            let list: Vec<String> = added.iter().map(|finalizer| format!("{finalizer:?}")).collect();
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers \
                 []string{{{}}}",
                list.join(", ")
            );
            faults.push(FieldError::forbidden("metadata.finalizers", why));
        }
    }
    let carried = [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
    ];
    let metadata = meta::of(object);
    for member in carried {
        meta::set(metadata, member, keep(member));
    }
    faults
}
