//! Refusals: what went wrong with a request, and the `Status` body that says so in the API server's own words.
//!
//! An [`ApiError`] is made where a rule is broken and is turned into JSON only at the edge. Which members a real
//! server leaves out is part of the contract: `details` is absent for some codes and an empty map for others.

mod text;

use serde_json::{Map, Value, json};

use crate::field::echo::quote;
use crate::field::{self, FieldError};

pub(crate) use text::{line, write};

/// A request that was refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    pub(crate) code: u16,
    /// The machine-readable reason; a real server leaves it empty for errors that it did not foresee.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) details: Option<Box<Details>>,
    /// The token with which a client can go on with an expired list.
    pub(crate) continue_token: Option<String>,
}

/// The `details` of a Status.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Details {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) uid: String,
    pub(crate) causes: Vec<Value>,
    pub(crate) retry_after: u32,
}

/// The name of something in messages: a group and a resource (or, for validation errors, a kind).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
}

impl std::fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.group {
            "" => f.write_str(self.resource),
            group => write!(f, "{}.{group}", self.resource),
        }
    }
}

impl Subject<'_> {
    fn details(self, name: &str) -> Details {
        Details {
            name: name.to_owned(),
            group: self.group.to_owned(),
            kind: self.resource.to_owned(),
            ..Details::default()
        }
    }
}

impl ApiError {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, continue_token: None }
    }

    fn with(mut self, details: Details) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn not_found(subject: Subject<'_>, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{subject} {} not found", quote(name))).with(subject.details(name))
    }

    /// The answer for a resource that is not served.
    pub(crate) fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource").with(Details::default())
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
            .with(Details::default())
    }

    /// Whether nothing is there to take such a request at all.
    pub(crate) fn is_unrouted(&self) -> bool {
        self.code == 405 && self.details.as_ref().is_some_and(|details| details.kind.is_empty())
    }

    /// What can be listed and does not tell of changes.
    pub(crate) fn watch_not_supported(subject: Subject<'_>) -> Self {
        let message = format!("watch is not supported on resources of kind {:?}", subject.to_string());
        Self::new(405, "MethodNotAllowed", message).with(subject.details(""))
    }

    pub(crate) fn not_acceptable(accepted: &[&str]) -> Self {
        Self::wrong_form(format!("only the following media types are accepted: {}", accepted.join(", ")))
    }

    /// The route gives nothing of the kind that the client accepts.
    pub(crate) fn nothing_acceptable(available: &[&str]) -> Self {
        let message = format!("406: Not Acceptable\n\nAvailable representations: {}", available.join(", "));
        Self::wrong_form(message).with(Details::default())
    }

    /// An answer that cannot be given in the form that was asked for.
    pub(crate) fn wrong_form(message: String) -> Self {
        Self::new(406, "NotAcceptable", message)
    }

    /// A body of a type that the route does not read at all.
    pub(crate) fn unconsumed_media_type() -> Self {
        Self::new(415, "UnsupportedMediaType", "415: Unsupported Media Type").with(Details::default())
    }

    /// A body of a type that the route cannot read.
    pub(crate) fn unsupported_media_type(accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// Something that this server knows of but does not model yet.
    pub(crate) fn not_modelled_media_type(what: &str) -> Self {
        Self::new(415, "UnsupportedMediaType", format!("{what} is not available on the embedded API server yet"))
            .with(Details::default())
    }

    pub(crate) fn not_implemented(what: &str) -> Self {
        Self::new(501, "NotImplemented", format!("{what} is not available on the embedded API server yet"))
            .with(Details::default())
    }

    /// What is asked for is there, and can't be reached now.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    pub(crate) fn already_exists(subject: Subject<'_>, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{subject} {} already exists", quote(name))).with(subject.details(name))
    }

    /// A create that met an object which is on its way out.
    pub(crate) fn being_deleted(subject: Subject<'_>, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("object is being deleted: {subject} {} already exists", quote(name)))
            .with(subject.details(name))
    }

    pub(crate) fn conflict(subject: Subject<'_>, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {subject} {name:?}: {why}");
        Self::new(409, "Conflict", message).with(subject.details(name))
    }

    /// What others own and an apply would change.
    pub(crate) fn apply_conflict(conflicts: &[crate::apply::Conflict]) -> Self {
        let message = match conflicts {
            [one] => format!("Apply failed with 1 conflict: conflict with {}: {}", one.manager, one.field),
            many => {
                let mut lines = Vec::new();
                let mut last = None;
                for conflict in many {
                    if last != Some(&conflict.manager) {
                        lines.push(format!("conflicts with {}:", conflict.manager));
                        last = Some(&conflict.manager);
                    }
                    lines.push(format!("- {}", conflict.field));
                }
                format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n"))
            }
        };
        let cause = |conflict: &crate::apply::Conflict| {
            json!({
                "reason": "FieldManagerConflict",
                "message": format!("conflict with {}", conflict.manager),
                "field": conflict.field,
            })
        };
        conflicts.iter().fold(Self::new(409, "Conflict", message), |error, conflict| error.with_cause(cause(conflict)))
    }

    /// The conflict of an optimistic lock.
    pub(crate) fn stale(subject: Subject<'_>, name: &str) -> Self {
        Self::conflict(
            subject,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    pub(crate) fn forbidden(subject: Subject<'_>, name: &str, why: &str) -> Self {
        let message = match name {
            "" if subject.resource.is_empty() => format!("forbidden: {why}"),
            "" => format!("{subject} is forbidden: {why}"),
            name => format!("{subject} {name:?} is forbidden: {why}"),
        };
        Self::new(403, "Forbidden", message).with(subject.details(name))
    }

    /// Nobody knows who it is.
    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// A webhook refused a change, with this Status.
    pub(crate) fn denied(webhook: &str, status: &Value) -> Self {
        const REASONS: [&str; 14] = [
            "Unauthorized",
            "Forbidden",
            "NotFound",
            "AlreadyExists",
            "Conflict",
            "Gone",
            "Invalid",
            "ServerTimeout",
            "Timeout",
            "TooManyRequests",
            "BadRequest",
            "MethodNotAllowed",
            "InternalError",
            "ServiceUnavailable",
        ];
        let text = |pointer: &str| status.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let denied = format!("admission webhook {webhook:?} denied the request");
        let message = match (text("/message"), text("/reason")) {
            ("", "") => format!("{denied} without explanation"),
            ("", reason) => format!("{denied}: {reason}"),
            (message, _) => format!("{denied}: {message}"),
        };
        let code = status.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let code = code.filter(|code| (400..600).contains(code)).unwrap_or(400);
        let reason = REASONS.into_iter().find(|reason| *reason == text("/reason")).unwrap_or_default();
        let error = Self::new(code, reason, message);
        match status.get("details") {
            Some(Value::Object(details)) => error.with(Details {
                name: text("/details/name").to_owned(),
                group: text("/details/group").to_owned(),
                kind: text("/details/kind").to_owned(),
                uid: text("/details/uid").to_owned(),
                causes: details.get("causes").and_then(Value::as_array).cloned().unwrap_or_default(),
                retry_after: 0,
            }),
            _ => error,
        }
    }

    /// A policy refused a change.
    pub(crate) fn ruled_out(subject: Subject<'_>, name: &str, message: &str, reason: &str) -> Self {
        let (code, reason) = match reason {
            "Forbidden" => (403, "Forbidden"),
            "Unauthorized" => (401, "Unauthorized"),
            "RequestEntityTooLarge" => (413, "RequestEntityTooLarge"),
            _ => (422, "Invalid"),
        };
        Self { code, reason, ..Self::forbidden(subject, name, message) }.with_cause(json!({ "message": message }))
    }

    pub(crate) fn namespace_terminating(subject: Subject<'_>, name: &str, namespace: &str) -> Self {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut error = Self::forbidden(subject, name, &why);
        if let Some(details) = &mut error.details {
            details.causes.push(json!({
                "reason": "NamespaceTerminating",
                "message": format!("namespace {namespace} is being terminated"),
                "field": "metadata.namespace",
            }));
        }
        error
    }

    /// Broken validation rules; the subject's resource is the object's kind here.
    pub(crate) fn invalid(kind: Subject<'_>, name: &str, errors: &[FieldError]) -> Self {
        let mut details = kind.details(name);
        for error in errors {
            let cause = error.to_cause();
            // What is told twice in the same words is told once.
            if !details.causes.contains(&cause) {
                details.causes.push(cause);
            }
        }
        let message = match errors {
            [] => format!("{kind} {} is invalid", quote(name)),
            errors => format!("{kind} {} is invalid: {}", quote(name), field::aggregate(errors)),
        };
        Self::new(422, "Invalid", message).with(details)
    }

    /// A patch that parses but cannot be applied; the real server hides the reason here.
    pub(crate) fn rejected() -> Self {
        Self::new(422, "Invalid", "the server rejected our request due to an error in our request")
            .with(Details::default())
    }

    /// Something that may be done later, not now.
    pub(crate) fn too_many_requests(message: &str) -> Self {
        Self::new(429, "TooManyRequests", message).with(Details::default())
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// An error that the real server did not foresee: no reason, no details.
    pub(crate) fn unforeseen(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {message}"))
            .with(Details { causes: vec![json!({"message": message.to_string()})], ..Details::default() })
    }

    /// No free name was found for a `generateName`.
    pub(crate) fn generate_name(subject: Subject<'_>, name: &str) -> Self {
        let message = format!(
            "{subject} {name:?} already exists, the server was not able to generate a unique name for the object"
        );
        Self::new(409, "AlreadyExists", message).with(Details { retry_after: 1, ..subject.details(name) })
    }

    /// A resourceVersion that the server has not reached.
    pub(crate) fn too_new(wanted: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        Self::new(504, "Timeout", message).with(Details {
            causes: vec![json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"})],
            retry_after: 1,
            ..Details::default()
        })
    }

    /// A watch from before the oldest event that is kept.
    pub(crate) fn too_old(wanted: u64, oldest: u64) -> Self {
        Self::expired(format!("too old resource version: {wanted} ({oldest})"))
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// A page whose list is no longer kept; the token goes on with what there is now.
    pub(crate) fn expired_page(token: String) -> Self {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start \
                       a new list without the continue parameter, or use the continue token in this response to \
                       retrieve the remainder of the results. Continuing with the provided token results in an \
                       inconsistent list - objects that were created, modified, or deleted between the time the \
                       first chunk was returned and now may show up in the list.";
        Self { continue_token: Some(token), ..Self::expired(message) }
    }

    pub(crate) fn with_cause(mut self, cause: Value) -> Self {
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// The same, and the client should try again after so many seconds, if any.
    pub(crate) fn in_seconds(mut self, seconds: u32) -> Self {
        self.details.get_or_insert_default().retry_after = seconds;
        self
    }

    /// The seconds after which the client should try again, if the error says so.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        self.details.as_ref().map(|details| details.retry_after).filter(|seconds| *seconds > 0)
    }

    /// The Status body.
    pub(crate) fn to_value(&self) -> Value {
        let mut metadata = Map::new();
        if let Some(token) = &self.continue_token {
            metadata.insert("continue".into(), token.as_str().into());
        }
        let mut status = Map::new();
        status.insert("kind".into(), "Status".into());
        status.insert("apiVersion".into(), "v1".into());
        status.insert("metadata".into(), Value::Object(metadata));
        status.insert("status".into(), "Failure".into());
        status.insert("message".into(), self.message.as_str().into());
        if !self.reason.is_empty() {
            status.insert("reason".into(), self.reason.into());
        }
        if let Some(details) = &self.details {
            status.insert("details".into(), details.to_value());
        }
        status.insert("code".into(), self.code.into());
        Value::Object(status)
    }
}

impl Details {
    pub(crate) fn to_value(&self) -> Value {
        let mut details = Map::new();
        for (key, text) in [("name", &self.name), ("group", &self.group), ("kind", &self.kind), ("uid", &self.uid)] {
            if !text.is_empty() {
                details.insert(key.into(), text.as_str().into());
            }
        }
        if !self.causes.is_empty() {
            details.insert("causes".into(), Value::Array(self.causes.clone()));
        }
        if self.retry_after > 0 {
            details.insert("retryAfterSeconds".into(), self.retry_after.into());
        }
        Value::Object(details)
    }
}

/// The Status that answers a delete which took effect at once.
pub(crate) fn success(details: &Details) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details.to_value(),
    })
}
