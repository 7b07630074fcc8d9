//! What a request asks to do, read from its method and path alone: whether there is such a thing is asked later.
//!
//! After <https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/endpoints/request/requestinfo.go>.

use http::Method;
use serde_json::Value;

use crate::field::echo;
use crate::status::{ApiError, Subject};

/// One thing to do to one resource or path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) verb: String,
    /// Empty where the whole cluster is meant.
    pub(crate) namespace: String,
    pub(crate) group: String,
    pub(crate) version: String,
    /// Empty for what is no resource, which has a path only.
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) name: String,
    pub(crate) path: String,
}

/// What the query adds to the path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hints {
    pub(crate) watch: bool,
    /// The one name that a field selector leaves.
    pub(crate) name: Option<String>,
}

impl Ask {
    /// Reads a path that has been taken apart.
    pub(crate) fn read(method: &Method, path: &str, parts: &[&str], hints: impl FnOnce() -> Hints) -> Self {
        let plain = || Self { verb: method.as_str().to_ascii_lowercase(), path: path.to_owned(), ..Self::default() };
        let (group, version, rest) = match parts {
            ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
            _ => return plain(),
        };
        let verb = match *method {
            Method::POST => "create",
            Method::GET | Method::HEAD => "get",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "",
        };
        let (verb, by_path, rest) = match rest {
            [special @ ("watch" | "proxy"), rest @ ..] if !rest.is_empty() => (*special, true, rest),
            rest => (verb, false, rest),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace] => (*namespace, rest),
            ["namespaces", namespace, "status" | "finalize", ..] => (*namespace, rest),
            ["namespaces", namespace, inner @ ..] if !inner.is_empty() => (*namespace, inner),
            rest => ("", rest),
        };
        let part = |at: usize| rest.get(at).copied().unwrap_or_default().to_owned();
        let mut ask = Self {
            verb: verb.to_owned(),
            namespace: namespace.to_owned(),
            group: group.to_owned(),
            version: version.to_owned(),
            resource: part(0),
            subresource: if verb == "proxy" { String::new() } else { part(2) },
            name: part(1),
            path: path.to_owned(),
        };
        if ask.name.is_empty() && matches!(ask.verb.as_str(), "get" | "watch") {
            let hints = hints();
            if !by_path {
                ask.verb = if hints.watch { "watch" } else { "list" }.to_owned();
            }
            ask.name = hints.name.unwrap_or_default();
        }
        if ask.name.is_empty() && ask.verb == "delete" {
            ask.verb = "deletecollection".to_owned();
        }
        ask
    }

    /// Reads the attributes of an access review.
    pub(crate) fn of_review(spec: &Value) -> Self {
        let text = |part: &str, member: &str| {
            spec.get(part).and_then(|part| part.get(member)).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        match spec.get("resourceAttributes") {
            Some(Value::Object(_)) => {
                let of = |member: &str| text("resourceAttributes", member);
                Self {
                    verb: of("verb"),
                    namespace: of("namespace"),
                    group: of("group"),
                    version: of("version"),
                    resource: of("resource"),
                    subresource: of("subresource"),
                    name: of("name"),
                    path: String::new(),
                }
            }
            _ => {
                let of = |member: &str| text("nonResourceAttributes", member);
                Self { verb: of("verb"), path: of("path"), ..Self::default() }
            }
        }
    }

    pub(crate) fn is_resource(&self) -> bool {
        !self.resource.is_empty()
    }

    /// The resource, with its subresource where there is one.
    pub(crate) fn combined(&self) -> String {
        match self.subresource.as_str() {
            "" => self.resource.clone(),
            part => format!("{}/{part}", self.resource),
        }
    }

    /// Why a user is not let do it.
    pub(crate) fn refusal(&self, user: &str, reason: &str) -> ApiError {
        let user = echo::quote(user);
        let mut why = match self.is_resource() {
            false => format!("User {user} cannot {} path {}", self.verb, echo::quote(&self.path)),
            true => {
                let (verb, resource, group) = (&self.verb, echo::quote(&self.combined()), echo::quote(&self.group));
                let place = match self.namespace.as_str() {
                    "" => "at the cluster scope".to_owned(),
                    namespace => format!("in the namespace {}", echo::quote(namespace)),
                };
                format!("User {user} cannot {verb} resource {resource} in API group {group} {place}")
            }
        };
        // As the real server, which fears to be read as HTML.
        why = why.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        if !reason.is_empty() {
            why = format!("{why}: {reason}");
        }
        ApiError::forbidden(Subject { group: &self.group, resource: &self.resource }, &self.name, &why)
    }
}
