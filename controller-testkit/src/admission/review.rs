//! What a webhook is asked, and what it answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Kind, Reply};
use crate::auth::User;
use crate::catalog::Resource;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
    /// Nothing is written: somebody wants to be led to a pod, a service or a node.
    Connect,
}

impl Operation {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// A change that webhooks are asked about.
#[derive(Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) operation: Operation,
    pub(crate) resource: &'a Resource,
    /// The subresource through which it is made.
    pub(crate) part: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) new: Option<&'a Value>,
    pub(crate) old: Option<&'a Value>,
}

impl Change<'_> {
    pub(crate) fn is_of_namespaces(&self) -> bool {
        self.resource.group.is_empty() && self.resource.plural == "namespaces"
    }
}

/// The kind of what is sent to a subresource, where that is not the object itself.
pub(crate) fn kind_of_part<'a>(change: &Change<'a>) -> Option<[&'a str; 3]> {
    match change.part {
        "scale" => Some(["autoscaling", "v1", "Scale"]),
        "binding" => Some(["", "v1", "Binding"]),
        "eviction" => Some(["policy", "v1", "Eviction"]),
        "token" => Some(["authentication.k8s.io", "v1", "TokenRequest"]),
        part if change.operation == Operation::Connect => {
            let part = change.resource.subresource(part)?;
            Some([&part.group, &part.version, &part.kind])
        }
        _ => None,
    }
}

/// The review that asks about a change, in the version of the resource that the webhook wants; `new` and `old` are of
/// that version.
pub(crate) fn review(
    change: &Change<'_>,
    shown: &Resource,
    (new, old): (Option<Value>, Option<Value>),
    user: &User,
    uid: &str,
    (dry_run, options): (bool, &Map<String, Value>),
) -> Value {
    let kind = |resource: &Resource| match kind_of_part(change) {
        Some([group, version, kind]) => json!({"group": group, "version": version, "kind": kind}),
        None => json!({"group": resource.group, "version": resource.version, "kind": resource.kind}),
    };
    let place = |resource: &Resource| json!({"group": resource.group, "version": resource.version, "resource": resource.plural});
    let of = match change.operation {
        Operation::Create => "CreateOptions",
        Operation::Update => "UpdateOptions",
        Operation::Delete => "DeleteOptions",
        Operation::Connect => "",
    };
    let named = [("kind", of), ("apiVersion", "meta.k8s.io/v1")].map(|(name, text)| (name.to_owned(), text.into()));
    let options = match of {
        "" => Value::Null,
        _ => options.clone().into_iter().chain(named).collect(),
    };
    let mut request = Map::new();
    let mut set = |member: &str, value: Value| drop(request.insert(member.to_owned(), value));
    set("uid", uid.into());
    set("kind", kind(shown));
    set("resource", place(shown));
    set("requestKind", kind(change.resource));
    set("requestResource", place(change.resource));
    if !change.part.is_empty() {
        set("subResource", change.part.into());
        set("requestSubResource", change.part.into());
    }
    for (member, text) in [("name", change.name), ("namespace", change.namespace)] {
        if !text.is_empty() {
            set(member, text.into());
        }
    }
    // A namespace is in itself, for the real server's eyes.
    if change.is_of_namespaces() && change.namespace.is_empty() && !change.name.is_empty() {
        set("namespace", change.name.into());
    }
    set("operation", change.operation.as_str().into());
    set("userInfo", user.to_value());
    set("object", new.unwrap_or_default());
    set("oldObject", old.unwrap_or_default());
    set("dryRun", dry_run.into());
    set("options", options);
    json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request})
}

/// What a webhook says of a change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It may go on, changed by this JSON patch if there is one.
    Allowed { patch: Option<Vec<u8>>, warnings: Vec<String> },
    /// It may not; the Status says why.
    Denied { status: Value, warnings: Vec<String> },
    /// The webhook could not be asked, or its answer makes no sense.
    Failed(String),
}

/// What a reply means.
pub(crate) fn verdict(kind: Kind, review: &Value, reply: &Reply) -> Verdict {
    let invalid = |why: &str| Verdict::Failed(format!("received invalid webhook response: {why}"));
    let answer = match reply {
        Reply::Failed(why) => return Verdict::Failed(format!("failed to call webhook: {why}")),
        Reply::Answer(answer) => answer,
    };
    let text = |value: &Value, member: &str| value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (version, of) = (text(answer, "apiVersion"), text(answer, "kind"));
    let is_old = version == "admission.k8s.io/v1beta1";
    let Some(response) = answer.get("response").filter(|response| response.is_object()) else {
        return invalid("webhook response was absent");
    };
    let uid = review.pointer("/request/uid").and_then(Value::as_str).unwrap_or_default();
    let told = text(response, "uid");
    if !is_old && told != uid {
        return invalid(&format!("expected response.uid={uid:?}, got {told:?}"));
    }
    if !is_old && (version != "admission.k8s.io/v1" || of != "AdmissionReview") {
        let (group, version) = version.split_once('/').unwrap_or(("", &version));
        return invalid(&format!(
            "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {group}/{version}, Kind={of}"
        ));
    }
    let (patch, patch_type) = (text(response, "patch"), text(response, "patchType"));
    match (kind, patch.is_empty(), patch_type.is_empty()) {
        (Kind::Validating, false, _) => return invalid("validating webhook may not return response.patch"),
        (Kind::Validating, _, false) => return invalid("validating webhook may not return response.patchType"),
        (Kind::Mutating, false, true) if !is_old => {
            return invalid("webhook returned response.patch but not response.patchType");
        }
        (Kind::Mutating, true, false) => {
            return invalid("webhook returned response.patchType but not response.patch");
        }
        _ => {}
    }
    let warnings = response.get("warnings").and_then(Value::as_array).into_iter().flatten();
    let warnings = warnings.filter_map(Value::as_str).map(str::to_owned).collect();
    if response.get("allowed") != Some(&Value::Bool(true)) {
        let status = response.get("status").or(response.get("result")).cloned().unwrap_or_else(|| json!({}));
        return Verdict::Denied { status, warnings };
    }
    if !patch.is_empty() && !matches!(patch_type.as_str(), "" | "JSONPatch") {
        return Verdict::Failed(format!("unsupported patch type {patch_type:?}"));
    }
    match STANDARD.decode(&patch) {
        Ok(bytes) => Verdict::Allowed { patch: (!bytes.is_empty()).then_some(bytes), warnings },
        Err(_) => Verdict::Failed("received undecodable patch in webhook response".to_owned()),
    }
}
