//! One webhook of a configuration: what it wants to see, and how its failures are met.

use serde_json::Value;

use super::condition::{conditions, hold};
use super::{Call, Host, Reach};
use crate::cel::{Authority, Bound};

/// Which of the two kinds of webhooks it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mutating,
    Validating,
}

impl Kind {
    /// The table of its configurations.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Mutating => "admissionregistration.k8s.io/mutatingwebhookconfigurations",
            Self::Validating => "admissionregistration.k8s.io/validatingwebhookconfigurations",
        }
    }
}

/// A webhook as it is stored.
#[derive(Clone, Copy)]
pub(crate) struct Hook<'a>(pub(crate) &'a Value);

impl<'a> Hook<'a> {
    /// The webhooks of a configuration, in order.
    pub(crate) fn all(configuration: &'a Value) -> impl Iterator<Item = Hook<'a>> {
        configuration.get("webhooks").and_then(Value::as_array).into_iter().flatten().map(Hook)
    }

    fn text(self, member: &str) -> &'a str {
        self.0.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn name(self) -> &'a str {
        self.text("name")
    }

    /// Whether a change goes on where the webhook can't be asked.
    pub(crate) fn ignores_failures(self) -> bool {
        self.text("failurePolicy") == "Ignore"
    }

    pub(crate) fn can_be_reinvoked(self) -> bool {
        self.text("reinvocationPolicy") == "IfNeeded"
    }

    /// Whether a dry run may ask it.
    pub(crate) fn is_free_of_effects(self) -> bool {
        matches!(self.text("sideEffects"), "None" | "NoneOnDryRun")
    }

    /// Which changes it wants to see.
    pub(crate) fn reach(self) -> Reach<'a> {
        Reach::of_webhook(self.0)
    }

    /// Whether its conditions hold; an error if that can't be told.
    pub(crate) fn conditions_hold(self, request: &Value, authority: &Authority<'_>) -> Result<bool, String> {
        let part = |member: &str| request.get(member).unwrap_or(&Value::Null);
        let names = [
            ("object", Bound::Value(part("object"), None)),
            ("oldObject", Bound::Value(part("oldObject"), None)),
            ("request", Bound::Value(request, None)),
            ("authorizer", Bound::Authorizer(authority)),
        ];
        hold(&conditions(self.0), &names)
    }

    /// The version of the review that it names first.
    pub(crate) fn spoken(self) -> String {
        let versions = self.0.get("admissionReviewVersions").and_then(Value::as_array).into_iter().flatten();
        let known = versions.filter_map(Value::as_str).find(|version| matches!(*version, "v1" | "v1beta1"));
        format!("admission.k8s.io/{}", known.unwrap_or("v1"))
    }

    /// The call that asks it.
    pub(crate) fn call(self, review: Value) -> Call {
        let client = self.0.get("clientConfig").unwrap_or(&Value::Null);
        let text = |pointer: &str| client.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let host = match (text("/url"), client.get("service")) {
            (url, _) if !url.is_empty() => Host::Url(url),
            (_, Some(service)) => Host::Service {
                namespace: text("/service/namespace"),
                name: text("/service/name"),
                port: service.get("port").and_then(Value::as_u64).unwrap_or(443),
                path: text("/service/path"),
            },
            _ => Host::Nowhere,
        };
        Call {
            host,
            authorities: Call::authorities(&text("/caBundle")),
            seconds: self.0.get("timeoutSeconds").and_then(Value::as_u64).unwrap_or(10),
            review,
        }
    }
}
