//! From a definition that was written to one that is served: defaults, accepted names, conditions.
//!
//! A new definition is answered with an empty status. Its names are then accepted or found to be in use, and when they
//! are accepted it is established, which is when its resources are served. The server asks [`accept`] after each write
//! of a definition in the group and stores what it answers; a definition whose names were in use is asked again when
//! another one of its group goes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value, json};

use super::{CLEANUP_FINALIZER, approval, list, object_at, storage_version, text, texts};
use crate::admission::Call;
use crate::field::echo;

/// Fills in what a definition may leave out: the singular and list names, and the conversion.
pub(crate) fn fill_defaults(crd: &mut Value) {
    let kind = text(crd, "/spec/names/kind").to_owned();
    let unset =
        |names: &Map<String, Value>, field: &str| names.get(field).and_then(Value::as_str).is_none_or(str::is_empty);
    let spec = object_at(crd, "spec");
    let mut names = spec.remove("names").unwrap_or_default();
    if let Value::Object(names) = &mut names {
        if unset(names, "singular") && !kind.is_empty() {
            names.insert("singular".to_owned(), json!(kind.to_lowercase()));
        }
        if unset(names, "listKind") && !kind.is_empty() {
            names.insert("listKind".to_owned(), json!(format!("{kind}List")));
        }
    }
    if !names.is_null() {
        spec.insert("names".to_owned(), names);
    }
    if spec.get("conversion").is_none_or(Value::is_null) {
        spec.insert("conversion".to_owned(), json!({ "strategy": "None" }));
    }
    if let Some(Value::Object(port)) =
        spec.get_mut("conversion").and_then(|c| c.pointer_mut("/webhook/clientConfig/service"))
    {
        port.entry("port").or_insert(json!(443));
    }
}

/// Gives a new definition the status that its writer is answered with.
pub(crate) fn prepare_create(crd: &mut Value) {
    let stored: Vec<String> = storage_version(crd).map(str::to_owned).into_iter().collect();
    crd["status"] = json!({
        "conditions": null,
        "acceptedNames": { "plural": "", "kind": "" },
        "storedVersions": stored,
    });
    object_at(crd, "metadata").insert("generation".to_owned(), json!(1));
}

/// Keeps the status of a definition whose specification is written, notes a new storage version, and counts the
/// generation.
pub(crate) fn prepare_update(crd: &mut Value, old: &Value) {
    if let Some(status) = old.get("status") {
        crd["status"] = status.clone();
    }
    let generation = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(1);
    let changed = i64::from(crd.get("spec") != old.get("spec"));
    object_at(crd, "metadata").insert("generation".to_owned(), json!(generation + changed));
    let Some(storage) = storage_version(crd).map(str::to_owned) else {
        return;
    };
    let status = object_at(crd, "status");
    let stored = status.entry("storedVersions").or_insert_with(|| json!([]));
    if let Value::Array(stored) = stored
        && !stored.iter().any(|version| version == storage.as_str())
    {
        stored.push(Value::String(storage));
    }
}

/// Keeps everything but the status of a definition whose `/status` is written.
pub(crate) fn prepare_status_update(crd: &mut Value, old: &Value) {
    let status = crd.get_mut("status").map(Value::take).unwrap_or_default();
    *crd = old.clone();
    crd["status"] = status;
}

/// The definition with its names accepted or refused, and established if they are; `None` where nothing changes.
///
/// `others` are the other definitions of the group.
pub(crate) fn accept<'a>(crd: &Value, others: impl Iterator<Item = &'a Value>, now: Timestamp) -> Option<Value> {
    let mut next = crd.clone();
    let (names, refusal) = accepted_names(crd, others);
    let accepted = match &refusal {
        None => ("True", "NoConflicts", "no conflicts found"),
        Some((reason, message)) => ("False", *reason, message.as_str()),
    };
    let established = match (is_true(crd, "Established"), &refusal) {
        (true, _) => None,
        (false, None) if has_bad_authority(crd) => {
            Some(("False", "InvalidCABundle", "The conversion webhook CABundle is invalid"))
        }
        (false, None) => Some(("True", "InitialNamesAccepted", "the initial names have been accepted")),
        (false, Some(_)) => Some(("False", "NotAccepted", "not all names are accepted")),
    };
    let status = object_at(&mut next, "status");
    status.insert("acceptedNames".to_owned(), names);
    if let Some((truth, reason, message)) = approval::conformance(crd) {
        set_condition(status, "KubernetesAPIApprovalPolicyConformant", (truth, reason, &message), now);
    }
    set_condition(status, "NamesAccepted", accepted, now);
    if let Some(established) = established {
        set_condition(status, "Established", established, now);
    }
    (next != *crd).then_some(next)
}

/// A definition whose deletion is asked for: it stays until its objects are gone, which its finalizer waits for.
pub(crate) fn mark_deleted(crd: &Value, now: Timestamp) -> Value {
    let mut marked = crd.clone();
    let metadata = object_at(&mut marked, "metadata");
    metadata.insert("deletionTimestamp".to_owned(), json!(time(now)));
    let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
    if let Value::Array(finalizers) = finalizers
        && !finalizers.iter().any(|finalizer| finalizer == CLEANUP_FINALIZER)
    {
        finalizers.push(json!(CLEANUP_FINALIZER));
    }
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    let condition = ("True", "InstanceDeletionPending", message);
    set_condition(object_at(&mut marked, "status"), "Terminating", condition, now);
    marked
}

fn time(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether a definition's resources are served.
pub(crate) fn is_established(crd: &Value) -> bool {
    is_true(crd, "Established")
}

/// Whether a definition waits for its objects to go, so that none may be created.
pub(crate) fn is_terminating(crd: &Value) -> bool {
    is_true(crd, "Terminating")
}

/// Whether the conversion's webhook is vouched for by something that is no certificate.
fn has_bad_authority(crd: &Value) -> bool {
    let bundle = text(crd, "/spec/conversion/webhook/clientConfig/caBundle");
    let certificates = Call::authorities(bundle);
    !bundle.is_empty() && !CertificateDer::pem_slice_iter(&certificates).any(|certificate| certificate.is_ok())
}

fn is_true(crd: &Value, condition: &str) -> bool {
    list(crd, "/status/conditions")
        .iter()
        .any(|found| text(found, "/type") == condition && text(found, "/status") == "True")
}

/// The names that the definition gets, and why it does not get all that it asks for.
fn accepted_names<'a>(crd: &Value, others: impl Iterator<Item = &'a Value>) -> (Value, Option<(&'static str, String)>) {
    let group = text(crd, "/spec/group");
    let name = text(crd, "/metadata/name");
    let mut resources: BTreeSet<String> = BTreeSet::new();
    let mut kinds: BTreeSet<String> = BTreeSet::new();
    for other in others.filter(|other| text(other, "/spec/group") == group && text(other, "/metadata/name") != name) {
        resources.extend(["plural", "singular"].map(|field| accepted(other, field).to_owned()));
        resources.extend(texts(other, "/status/acceptedNames/shortNames"));
        kinds.extend(["kind", "listKind"].map(|field| accepted(other, field).to_owned()));
    }
    let wanted = |field: &str| text(crd, &format!("/spec/names/{field}")).to_owned();
    let mut names = Map::new();
    let mut refusal = None;
    let in_use = |name: &str| format!("{} is already in use", echo::quote(name));
    let mut decide = |field: &str, reason: &'static str, used: &BTreeSet<String>, refusal: &mut Option<_>| {
        let (wanted, own) = (wanted(field), accepted(crd, field));
        if wanted != own && used.contains(&wanted) {
            *refusal = Some((reason, in_use(&wanted)));
            names.insert(field.to_owned(), json!(own));
        } else {
            names.insert(field.to_owned(), json!(wanted));
        }
    };
    decide("plural", "PluralConflict", &resources, &mut refusal);
    decide("singular", "SingularConflict", &resources, &mut refusal);
    let short = short_names(crd, &resources, &mut refusal);
    decide("kind", "KindConflict", &kinds, &mut refusal);
    decide("listKind", "ListKindConflict", &kinds, &mut refusal);
    // Go leaves these out where they are empty.
    for field in ["singular", "listKind"] {
        if names.get(field).is_some_and(|name| name == "") {
            names.remove(field);
        }
    }
    if !short.is_empty() {
        names.insert("shortNames".to_owned(), json!(short));
    }
    let categories = texts(crd, "/spec/names/categories");
    if !categories.is_empty() {
        names.insert("categories".to_owned(), json!(categories));
    }
    (Value::Object(names), refusal)
}

fn accepted<'a>(crd: &'a Value, field: &str) -> &'a str {
    text(crd, &format!("/status/acceptedNames/{field}"))
}

fn short_names(crd: &Value, used: &BTreeSet<String>, refusal: &mut Option<(&'static str, String)>) -> Vec<String> {
    let wanted = texts(crd, "/spec/names/shortNames");
    let own = texts(crd, "/status/acceptedNames/shortNames");
    let taken: Vec<String> = wanted
        .iter()
        .filter(|name| !own.contains(name) && used.contains(*name))
        .map(|name| format!("{} is already in use", echo::quote(name)))
        .collect();
    match taken.as_slice() {
        [] => return wanted,
        [single] => *refusal = Some(("ShortNamesConflict", single.clone())),
        several => *refusal = Some(("ShortNamesConflict", format!("[{}]", several.join(", ")))),
    }
    own
}

fn set_condition(status: &mut Map<String, Value>, kind: &str, state: (&str, &str, &str), now: Timestamp) {
    let (truth, reason, message) = state;
    let conditions = status.entry("conditions").or_insert(Value::Null);
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Value::Array(conditions) = conditions else {
        return;
    };
    let known = conditions.iter_mut().find(|condition| text(condition, "/type") == kind);
    let since = match &known {
        Some(condition)
            if text(condition, "/status") == truth && !text(condition, "/lastTransitionTime").is_empty() =>
        {
            text(condition, "/lastTransitionTime").to_owned()
        }
        _ => time(now),
    };
    let condition = json!({
        "type": kind,
        "status": truth,
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    });
    match known {
        Some(known) => *known = condition,
        None => conditions.push(condition),
    }
}
