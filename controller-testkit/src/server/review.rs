//! Requests that are answered and not stored: who a client is and what it may do, and tokens.
//!
//! There is one client here, an administrator: every access is allowed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::write::{Cx, Writing};
use super::{Server, meta, reply};
use crate::field::FieldError;
use crate::status::{ApiError, Subject};

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

fn administrator() -> Value {
    json!({"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]})
}

impl Server {
    /// A create of something that is only answered.
    pub(crate) fn review(&mut self, writing: &Writing<'_>, cx: &mut Cx<'_>) -> Result<Response<Bytes>, ApiError> {
        let resource = &*writing.target.resource;
        if resource.kind == "Binding" {
            return self.bind(writing, cx);
        }
        let status = match resource.kind.as_str() {
            "SelfSubjectAccessReview" | "SubjectAccessReview" | "LocalSubjectAccessReview" => json!({"allowed": true}),
            "SelfSubjectRulesReview" => json!({
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                "incomplete": false,
            }),
            "TokenReview" => json!({"authenticated": true, "user": administrator(), "audiences": [ISSUER]}),
            "SelfSubjectReview" => json!({"userInfo": administrator()}),
            kind => return Err(ApiError::not_implemented(kind)),
        };
        let mut review = writing.object(self, cx)?;
        if resource.kind == "SelfSubjectAccessReview" || resource.kind == "SubjectAccessReview" {
            let has = |member: &str| review.get("spec").and_then(|spec| spec.get(member)).is_some();
            if has("resourceAttributes") == has("nonResourceAttributes") {
                let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
                let fault = FieldError::invalid("spec", &Value::Null, why);
                return Err(ApiError::invalid(Subject { group: &resource.group, resource: "" }, "", &[fault]));
            }
        }
        let members = meta::members(&mut review);
        members.entry("metadata").or_insert_with(|| json!({}));
        members.insert("status".into(), status);
        Ok(reply::object(StatusCode::CREATED, &review, writing.accepted.yaml))
    }

    /// Gives a service account a token. Nobody checks it: it has the shape that clients read.
    pub(crate) fn token(&mut self, writing: &Writing<'_>, cx: &mut Cx<'_>) -> Result<Response<Bytes>, ApiError> {
        const LEAST: i64 = 600;
        let target = writing.target;
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let account =
            self.find(&target.resource, target.namespace.as_deref(), target.name.as_deref().unwrap_or_default())?;
        let mut request = writing.parse(("authentication.k8s.io/v1", "TokenRequest"), true)?.value;
        let (name, uid) = (meta::name(&account.value).to_owned(), meta::text(&account.value, "uid").to_owned());
        let seconds = request.pointer("/spec/expirationSeconds").and_then(Value::as_i64).unwrap_or(3600).max(LEAST);
        let audiences = match request.pointer("/spec/audiences") {
            Some(Value::Array(audiences)) if !audiences.is_empty() => Value::Array(audiences.clone()),
            _ => json!([ISSUER]),
        };
        let expires = cx.now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(cx.now);
        let claims = json!({
            "iss": ISSUER, "aud": audiences, "iat": cx.now.as_second(), "nbf": cx.now.as_second(),
            "exp": expires.as_second(), "sub": format!("system:serviceaccount:{namespace}:{name}"),
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}},
        });
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        let token = format!(
            "{}.{}.{}",
            encode(json!({"alg": "RS256", "typ": "JWT"}).to_string()),
            encode(claims.to_string()),
            encode(meta::uid(cx.rng)),
        );
        let members = meta::members(&mut request);
        members.insert("kind".into(), "TokenRequest".into());
        members.insert("apiVersion".into(), "authentication.k8s.io/v1".into());
        let metadata = members.entry("metadata").or_insert_with(|| json!({}));
        let metadata = meta::members(metadata);
        metadata.insert("name".into(), name.into());
        metadata.insert("namespace".into(), namespace.into());
        metadata.insert("creationTimestamp".into(), meta::time(cx.now));
        let spec = meta::members(meta::entry(&mut request, "spec"));
        spec.insert("audiences".into(), audiences);
        spec.insert("expirationSeconds".into(), seconds.into());
        let status = json!({"token": token, "expirationTimestamp": meta::time(expires)});
        meta::members(&mut request).insert("status".into(), status);
        Ok(reply::object(StatusCode::CREATED, &request, writing.accepted.yaml))
    }
}
