//! What a resource's kind says about its objects: one door to the built-in kinds and to custom definitions.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::part::Part;
use super::update::is_namespace;
use super::{meta, owners};
use crate::catalog::{Resource, Shape};
use crate::crd::{self, establish};
use crate::field::{FieldError, name};
use crate::kinds;
use crate::store::Object;

/// Reads a body into the kind's shape: drops what the kind does not know, and answers the paths of what was dropped.
/// The error is that of a value of a wrong type.
pub(crate) fn decode(resource: &Resource, object: &mut Value) -> Result<Vec<String>, String> {
    match &resource.shape {
        Shape::Builtin(ty) => {
            let unknown = kinds::check(ty, object)?;
            kinds::normalize(ty, object);
            Ok(unknown)
        }
        Shape::Custom(version) => version.decode(object),
    }
}

/// The same for what an apply makes of an object.
pub(crate) fn decode_applied(resource: &Resource, object: &mut Value) -> Result<Vec<String>, String> {
    match &resource.shape {
        Shape::Builtin(_) => decode(resource, object),
        Shape::Custom(version) => version.decode_applied(object),
    }
}

/// Fills in what the kind has for those who say nothing, before anybody else sees the object.
pub(crate) fn complete(resource: &Resource, object: &mut Value) {
    *object = owners::judged(resource, object).into_owned();
    if is_namespace(resource) {
        let status = meta::members(meta::entry(object, "status"));
        status.entry("phase").or_insert_with(|| "Active".into());
    }
}

/// Puts into fields what a new object says in annotations that came before them, and tells so whatever becomes of it.
pub(crate) fn renew(resource: &Resource, object: &mut Value, warnings: &mut Vec<String>) {
    if (resource.group.as_str(), resource.kind.as_str()) == ("", "Pod") {
        warnings.extend(kinds::sync_armour(object));
    }
}

/// Makes a new object ready to be stored, and answers what is wrong with it.
pub(crate) fn settle_new(
    resource: &Resource,
    object: &mut Value,
    now: Timestamp,
    warnings: &mut Vec<String>,
) -> Vec<FieldError> {
    if let Shape::Custom(version) = &resource.shape {
        let faults = version.prepare_create(object);
        warnings.extend(crd::finalizer_warnings(object, None));
        return faults;
    }
    if is_definition(resource) {
        crd::fill_defaults(object);
        establish::prepare_create(object);
        warnings.extend(crd::warnings(object, None));
        return crd::check(object, None);
    }
    if let Shape::Builtin(ty) = &resource.shape {
        kinds::prepare_create(resource, ty, object);
        kinds::stamp(resource, object, None, &meta::time(now));
    }
    let mut faults = Vec::new();
    if is_namespace(resource) {
        faults.extend(open_namespace(object));
    }
    faults.extend(wrong_base(resource, object));
    let name = meta::name(object);
    if !name.is_empty() {
        faults.extend(
            wrong_name(resource, object, name).iter().map(|fault| FieldError::invalid("metadata.name", name, fault)),
        );
    }
    if let Shape::Builtin(_) = &resource.shape {
        faults.extend(kinds::validate(resource, object, None));
        if faults.is_empty() && is_service(resource) {
            faults.extend(kinds::families(object, None));
        }
        if faults.is_empty() {
            warnings.extend(kinds::warnings(resource, object, None));
        }
    }
    faults
}

/// What is wrong with the beginning of the names that are drawn for an object.
fn wrong_base(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let base = meta::text(object, "generateName");
    // The newer rules, which are all that there are for these, know nothing of it.
    if base.is_empty() || resource.kind == "ReplicationController" {
        return Vec::new();
    }
    // What is appended to the base makes a dash at its end legal.
    let as_name = base.strip_suffix('-').map(|cut| format!("{cut}a"));
    let wrong = wrong_name(resource, object, as_name.as_deref().unwrap_or(base));
    wrong.into_iter().map(|fault| FieldError::invalid("metadata.generateName", base, fault)).collect()
}

/// Whether a kind looks at the names of its objects again when they are changed.
fn names_again(resource: &Resource) -> bool {
    match resource.group.as_str() {
        "" => matches!(
            resource.kind.as_str(),
            "ConfigMap"
                | "Endpoints"
                | "LimitRange"
                | "Node"
                | "PersistentVolume"
                | "PersistentVolumeClaim"
                | "Pod"
                | "Secret"
                | "ServiceAccount"
        ),
        "apps" => resource.kind == "ControllerRevision",
        "admissionregistration.k8s.io" | "discovery.k8s.io" | "rbac.authorization.k8s.io" => true,
        "node.k8s.io" => true,
        "networking.k8s.io" => matches!(resource.kind.as_str(), "Ingress" | "IngressClass"),
        "resource.k8s.io" => matches!(resource.kind.as_str(), "ResourceClaim" | "ResourceClaimTemplate"),
        "storage.k8s.io" => !matches!(resource.kind.as_str(), "CSIDriver" | "StorageClass"),
        _ => false,
    }
}

/// Whether the objects are Services, which are given what only the server knows to be free.
pub(crate) fn is_service(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "services"
}

/// Puts into a new namespace what each has, and answers what is wrong with its finalizers.
fn open_namespace(namespace: &mut Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let given = namespace.pointer("/spec/finalizers").and_then(Value::as_array).cloned();
    let mut finalizers = given.unwrap_or_default();
    for finalizer in finalizers.iter().filter_map(Value::as_str) {
        faults.extend(
            name::qualified(finalizer)
                .into_iter()
                .map(|fault| FieldError::invalid("spec.finalizers", finalizer, fault)),
        );
        if !finalizer.contains('/') && finalizer != "kubernetes" {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            faults.push(FieldError::invalid("spec.finalizers", finalizer, why));
        }
    }
    if !finalizers.iter().any(|finalizer| finalizer == "kubernetes") {
        finalizers.push("kubernetes".into());
    }
    let members = meta::members(namespace);
    members.insert("spec".into(), json!({ "finalizers": finalizers }));
    members.insert("status".into(), json!({"phase": "Active"}));
    name_namespace(namespace);
    faults
}

/// A namespace has its name as a label too, whatever its writer says.
pub(crate) fn name_namespace(namespace: &mut Value) {
    let name = meta::name(namespace).to_owned();
    let labels = meta::of(namespace).entry("labels").or_insert_with(|| json!({}));
    meta::members(labels).insert("kubernetes.io/metadata.name".into(), name.into());
}

fn namespace_faults(namespace: &Value) -> Vec<FieldError> {
    let phase = namespace.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    let fault = match (meta::is_deleting(namespace), phase) {
        (false, "Active" | "") | (true, "Terminating") => return Vec::new(),
        (false, _) => "may only be 'Active' if `deletionTimestamp` is empty",
        (true, _) => "may only be 'Terminating' if `deletionTimestamp` is not empty",
    };
    vec![FieldError::invalid("status.Phase", phase, fault)]
}

/// What is wrong with a name of this kind.
fn wrong_name(resource: &Resource, object: &Value, name: &str) -> Vec<String> {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "namespaces") => name::dns1123_label(name),
        // Nobody looks at the names of budgets.
        ("policy", _) => Vec::new(),
        ("", "services") | ("apps", "statefulsets") => name::dns1123_label(name),
        ("rbac.authorization.k8s.io", _) | ("", "events") => name::path_segment(name),
        ("certificates.k8s.io", "clustertrustbundles") => wrong_bundle_name(object, name),
        // Its kind judges it, by which it is an address.
        ("networking.k8s.io", "ipaddresses") => Vec::new(),
        _ => name::dns1123_subdomain(name),
    }
}

/// A bundle's name begins with that of the signer who vouches for it, if there is one.
fn wrong_bundle_name(bundle: &Value, name: &str) -> Vec<String> {
    let signer = bundle.pointer("/spec/signerName").and_then(Value::as_str).unwrap_or_default();
    let prefix = format!("{}:", signer.replace('/', ":"));
    match name.strip_prefix(&prefix) {
        _ if signer.is_empty() && name.contains(':') => {
            vec!["ClusterTrustBundle without signer name must not have \":\" in its name".to_owned()]
        }
        _ if signer.is_empty() => name::dns1123_subdomain(name),
        Some(rest) => name::dns1123_subdomain(rest),
        None => vec![format!("ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}")],
    }
}

/// Makes a changed object ready to replace the old one, and answers what is wrong with it.
pub(crate) fn settle_changed(
    resource: &Resource,
    part: Part,
    object: &mut Value,
    old: &Value,
    now: Timestamp,
    warnings: &mut Vec<String>,
) -> Vec<FieldError> {
    if resource.plural == "certificatesigningrequests" && matches!(part, Part::Approval | Part::Status) {
        stamp_conditions(object, old, now);
    }
    match (&resource.shape, part) {
        (Shape::Custom(version), Part::Status) => version.prepare_status(object, old, warnings),
        (Shape::Custom(version), _) => {
            warnings.extend(crd::finalizer_warnings(object, Some(old)));
            version.prepare_update(object, old, warnings)
        }
        (Shape::Builtin(_), Part::Status) if is_definition(resource) => {
            establish::prepare_status_update(object, old);
            Vec::new()
        }
        (Shape::Builtin(_), _) if is_definition(resource) => {
            crd::fill_defaults(object);
            establish::prepare_update(object, old);
            warnings.extend(crd::warnings(object, Some(old)));
            crd::check(object, Some(old))
        }
        (Shape::Builtin(_), _) if is_namespace(resource) => {
            name_namespace(object);
            namespace_faults(object)
        }
        (Shape::Builtin(ty), part) => {
            kinds::prepare_update(resource, ty, object, old);
            kinds::stamp(resource, object, Some(old), &meta::time(now));
            match part {
                Part::Main => {
                    let mut faults = Vec::new();
                    if is_service(resource) {
                        faults = kinds::families(object, Some(old));
                    }
                    if faults.is_empty() {
                        faults = kinds::validate(resource, object, Some(old));
                    }
                    if names_again(resource) {
                        faults.splice(0..0, wrong_base(resource, object));
                    }
                    if faults.is_empty() {
                        warnings.extend(kinds::warnings(resource, object, Some(old)));
                    }
                    faults
                }
                Part::Status => kinds::validate_status(resource, object, old),
                Part::EphemeralContainers => kinds::validate_ephemeral(object, old),
                Part::Resize => kinds::validate_resize(object, old),
                _ => Vec::new(),
            }
        }
    }
}

/// The object in the version in which it is kept.
pub(crate) fn stored(resource: &Resource, object: Value) -> Value {
    match &resource.shape {
        Shape::Custom(version) => version.encode(object),
        Shape::Builtin(_) => object,
    }
}

/// Whether readers of a new object find more in it than is kept.
pub(crate) fn is_unread(resource: &Resource, object: &Value) -> bool {
    matches!(&resource.shape, Shape::Custom(version) if version.lacks_status(object))
}

/// Writes an object as its kind always writes it, once its parts have been put together.
pub(crate) fn tidy(resource: &Resource, object: &mut Value) {
    if let Shape::Builtin(ty) = &resource.shape {
        kinds::normalize(ty, object);
        kinds::stored(ty, object);
    }
}

/// Whether an object is kept as it would be kept if it were written now.
pub(crate) fn is_kept_so(resource: &Resource, object: &Value, kept: &Object) -> bool {
    match &resource.shape {
        Shape::Custom(version) => version.encode(object.clone()) == *kept.value(),
        Shape::Builtin(_) => true,
    }
}

/// Whether the kind counts its own generations.
pub(crate) fn counts_generation(resource: &Resource) -> bool {
    matches!(resource.shape, Shape::Custom(_)) || is_definition(resource)
}

/// Whether the kind judges metadata itself.
pub(crate) fn judges_metadata(resource: &Resource) -> bool {
    matches!(resource.shape, Shape::Custom(_))
}

/// The warning that every request of a deprecated version is answered with.
pub(crate) fn deprecation(resource: &Arc<Resource>) -> Option<&str> {
    match &resource.shape {
        Shape::Custom(version) => version.deprecation.as_deref(),
        Shape::Builtin(_) => match (resource.group.as_str(), resource.plural.as_str()) {
            ("", "endpoints") => Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
            ("", "componentstatuses") => Some("v1 ComponentStatus is deprecated in v1.19+"),
            _ => None,
        },
    }
}

/// Whether the objects are CustomResourceDefinitions.
pub(crate) fn is_definition(resource: &Resource) -> bool {
    resource.group == "apiextensions.k8s.io" && resource.plural == "customresourcedefinitions"
}

/// Says since when the conditions of a request to sign hold, where their writer does not.
fn stamp_conditions(object: &mut Value, old: &Value, now: Timestamp) {
    let before = old.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(Value::Array(conditions)) = object.pointer_mut("/status/conditions") else { return };
    for condition in conditions {
        let same =
            |known: &&Value| ["type", "status"].iter().all(|member| known.get(*member) == condition.get(*member));
        let since = before.iter().find(same).and_then(|known| known.get("lastTransitionTime")).cloned();
        let since = since.filter(|since| !since.is_null()).unwrap_or_else(|| meta::time(now));
        let condition = meta::members(condition);
        for (member, time) in [("lastUpdateTime", meta::time(now)), ("lastTransitionTime", since)] {
            if condition.get(member).is_none_or(Value::is_null) {
                condition.insert(member.to_owned(), time);
            }
        }
    }
}
