//! The note that definitions in Kubernetes' own groups carry: that their API was reviewed, or why it was not.

use serde_json::Value;

use super::text;
use crate::field::echo::quote;
use crate::field::{FieldError, Path};

const NOTE: &str = "api-approved.kubernetes.io";

/// What the note of a definition says.
#[derive(PartialEq)]
enum Approval<'a> {
    Missing,
    Given(&'a str),
    Bypassed(&'a str),
    Unreadable,
}

/// Refuses a definition whose note is missing or can't be read, unless it was as bad before.
pub(super) fn check(crd: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    if !is_protected(text(crd, "/spec/group")) {
        return;
    }
    let found = Approval::of(crd);
    if old.is_some_and(|old| std::mem::discriminant(&Approval::of(old)) == std::mem::discriminant(&found)) {
        return;
    }
    let path = Path::new("metadata").child("annotations").key(NOTE);
    match found {
        Approval::Given(_) | Approval::Bypassed(_) => {}
        Approval::Missing => errors.push(FieldError::required(path, found.message())),
        Approval::Unreadable => errors.push(FieldError::invalid(path, note(crd), found.message())),
    }
}

/// What the condition `KubernetesAPIApprovalPolicyConformant` says: status, reason and message. None for groups that
/// need no note.
pub(super) fn conformance(crd: &Value) -> Option<(&'static str, &'static str, String)> {
    if !is_protected(text(crd, "/spec/group")) {
        return None;
    }
    let approval = Approval::of(crd);
    let (status, reason) = match approval {
        Approval::Missing => ("False", "MissingAnnotation"),
        Approval::Given(_) => ("True", "ApprovedAnnotation"),
        Approval::Bypassed(_) => ("False", "UnapprovedAnnotation"),
        Approval::Unreadable => ("False", "InvalidAnnotation"),
    };
    Some((status, reason, approval.message()))
}

fn is_protected(group: &str) -> bool {
    ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|domain| group.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

fn note(crd: &Value) -> &str {
    let annotations = crd.pointer("/metadata/annotations");
    annotations.and_then(|annotations| annotations.get(NOTE)).and_then(Value::as_str).unwrap_or_default()
}

impl<'a> Approval<'a> {
    fn of(crd: &'a Value) -> Approval<'a> {
        let note = note(crd);
        let has_host = note
            .split_once("://")
            .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty() && !rest.starts_with('/'));
        match note {
            "" => Approval::Missing,
            note if note.starts_with("unapproved") => Approval::Bypassed(note),
            note if has_host => Approval::Given(note),
            _ => Approval::Unreadable,
        }
    }

    fn message(&self) -> String {
        let link = "see https://github.com/kubernetes/enhancements/pull/1111";
        let must = format!("protected groups must have approval annotation \"{NOTE}\"");
        match self {
            Approval::Missing => format!("{must}, {link}"),
            Approval::Given(note) => format!("approved in {note}"),
            Approval::Bypassed(note) => format!("not approved: {}", quote(note)),
            Approval::Unreadable => {
                format!("{must} with either a URL or a reason starting with \"unapproved\", {link}")
            }
        }
    }
}
