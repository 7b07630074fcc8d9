//! Requests that are answered and not stored: who a client is and what it may do, and tokens.
//!
//! What a user may do is decided where it is decided for requests, so that reviews tell the truth.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::part::Part;
use super::scope::key;
use super::write::{Cx, Writing};
use super::{Server, meta, owners, reply};
use crate::apply::{Managers, Operation};
use crate::auth::{Ask, Authorization, Decision, User};
use crate::catalog::{Resource, split_api_version};
use crate::field::FieldError;
use crate::status::{ApiError, Subject};

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

impl Server {
    /// A create of something that is only answered.
    pub(crate) fn review(&mut self, writing: &Writing<'_>, cx: &mut Cx<'_>) -> Result<Response<Bytes>, ApiError> {
        let resource = &*writing.target.resource;
        if resource.kind == "Binding" {
            return self.bind(writing, cx);
        }
        let mut review = writing.object(self, cx)?;
        if let Some(namespace) = &writing.target.namespace
            && meta::namespace(&review).is_empty()
        {
            meta::of(&mut review).insert("namespace".into(), namespace.as_str().into());
        }
        let spec = review.get("spec").cloned().unwrap_or_default();
        let answer = match resource.kind.as_str() {
            "SelfSubjectAccessReview" | "SubjectAccessReview" | "LocalSubjectAccessReview" => {
                let status = self.access(writing, &review, cx)?;
                answer(resource, review, status, cx)
            }
            "SelfSubjectRulesReview" => {
                let status = self.rules_review(&spec, cx)?;
                let (version, kind) = (resource.api_version(), &resource.kind);
                json!({"apiVersion": version, "kind": kind, "metadata": {}, "spec": {}, "status": status})
            }
            "TokenReview" => {
                let status = self.token_review(&spec, cx)?;
                answer(resource, review, status, cx)
            }
            "SelfSubjectReview" => {
                meta::of(&mut review).insert("creationTimestamp".into(), meta::time(cx.now));
                meta::members(&mut review).insert("status".into(), json!({"userInfo": cx.user.to_value()}));
                review
            }
            kind => return Err(ApiError::not_implemented(kind)),
        };
        Ok(reply::object(StatusCode::CREATED, &answer, writing.accepted.media))
    }

    /// Whether somebody may do something.
    fn access(&self, writing: &Writing<'_>, review: &Value, cx: &Cx<'_>) -> Result<Value, ApiError> {
        let resource = &*writing.target.resource;
        let spec = review.get("spec").unwrap_or(&Value::Null);
        let faults = access_faults(resource, review, spec);
        if !faults.is_empty() {
            return Err(ApiError::invalid(Subject { group: &resource.group, resource: "" }, "", &faults));
        }
        let place = writing.target.namespace.as_deref().unwrap_or_default();
        if resource.kind == "LocalSubjectAccessReview" && place != meta::namespace(review) {
            let why = format!("spec.resourceAttributes.namespace must match namespace: {place}");
            return Err(ApiError::bad_request(why));
        }
        let whom =
            if resource.kind == "SelfSubjectAccessReview" { cx.user.clone() } else { Arc::new(subject_of(spec)) };
        let Decision { allowed, reason, .. } = self.gate.decide(&self.store, &whom, &Ask::of_review(spec));
        let mut status = json!({"allowed": allowed});
        let members = meta::members(&mut status);
        meta::set(members, "reason", Some(reason).filter(|reason| !reason.is_empty()).map(Value::from));
        Ok(status)
    }

    /// What the asking user may do in a namespace.
    fn rules_review(&self, spec: &Value, cx: &Cx<'_>) -> Result<Value, ApiError> {
        let namespace = spec.get("namespace").and_then(Value::as_str).unwrap_or_default();
        if namespace.is_empty() {
            return Err(ApiError::bad_request("no namespace on request"));
        }
        let (held, missing) = self.gate.rules(&self.store, &cx.user, namespace);
        let of = |rule: &Value, members: &[&str]| {
            let kept = members.iter().filter_map(|member| Some(((*member).to_owned(), rule.get(*member)?.clone())));
            Value::Object(kept.filter(|(_, texts)| *texts != json!([])).collect())
        };
        let resources = held.iter().filter(|rule| !rule.is_empty("resources"));
        let resources = resources.map(|rule| of(rule.0, &["verbs", "apiGroups", "resources", "resourceNames"]));
        let paths = held.iter().filter(|rule| !rule.is_empty("nonResourceURLs"));
        let paths = paths.map(|rule| of(rule.0, &["verbs", "nonResourceURLs"]));
        let mut status = json!({
            "resourceRules": resources.collect::<Vec<_>>(),
            "nonResourceRules": paths.collect::<Vec<_>>(),
            "incomplete": false,
        });
        if self.gate.authorization == Authorization::AlwaysAllow {
            status["resourceRules"] = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]);
            status["nonResourceRules"] = json!([{"verbs": ["*"], "nonResourceURLs": ["*"]}]);
        }
        if !missing.is_empty() {
            let faults: Vec<String> = missing.iter().map(|name| format!("{name:?} not found")).collect();
            status["evaluationError"] = faults.join(", ").into();
        }
        Ok(status)
    }

    /// Whose token it is.
    fn token_review(&self, spec: &Value, cx: &Cx<'_>) -> Result<Value, ApiError> {
        let token = spec.get("token").and_then(Value::as_str).unwrap_or_default();
        if token.is_empty() {
            return Err(ApiError::bad_request("token is required for TokenReview in authentication"));
        }
        let known = self.gate.by_token(token, cx.now, |namespace, name| self.account(namespace, name));
        let wanted: Vec<&str> = match spec.get("audiences").and_then(Value::as_array) {
            Some(wanted) if !wanted.is_empty() => wanted.iter().filter_map(Value::as_str).collect(),
            _ => vec![ISSUER],
        };
        let invalid = || json!({"user": {}, "error": "invalid bearer token"});
        let Some((user, audiences)) = known else { return Ok(invalid()) };
        // A token that says nothing of its audiences is for all of them.
        let for_whom: Vec<&str> = match audiences.is_empty() {
            true => wanted,
            false => wanted.into_iter().filter(|wanted| audiences.iter().any(|one| one == wanted)).collect(),
        };
        if for_whom.is_empty() {
            return Ok(json!({"user": {}, "error": "[invalid bearer token, token audiences are invalid]"}));
        }
        Ok(json!({"authenticated": true, "user": user.to_value(), "audiences": for_whom}))
    }

    /// Gives a service account a token, by which it is known from then on.
    pub(crate) fn token(&mut self, writing: &Writing<'_>, cx: &mut Cx<'_>) -> Result<Response<Bytes>, ApiError> {
        const LEAST: i64 = 600;
        let target = writing.target;
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let account =
            self.find(&target.resource, target.namespace.as_deref(), target.name.as_deref().unwrap_or_default())?;
        let mut request = writing.parse(("authentication.k8s.io/v1", "TokenRequest"), true)?.value;
        let account = account.value();
        let (name, uid) = (meta::name(&account).to_owned(), meta::text(&account, "uid").to_owned());
        let seconds = request.pointer("/spec/expirationSeconds").and_then(Value::as_i64).unwrap_or(3600);
        if seconds < LEAST {
            let why = "may not specify a duration less than 10 minutes";
            let fault = FieldError::invalid("spec.expirationSeconds", &seconds, why);
            let kind = Subject { group: "authentication.k8s.io", resource: "TokenRequest" };
            return Err(ApiError::invalid(kind, "", &[fault]));
        }
        if let Some(bound) = request.pointer("/spec/boundObjectRef").filter(|bound| !bound.is_null()) {
            self.may_be_bound(namespace, &name, bound)?;
        }
        meta::members(meta::entry(&mut request, "spec")).insert("expirationSeconds".into(), seconds.into());
        let mut request = self.sent(writing, ("authentication.k8s.io/v1", "TokenRequest"), request, cx)?;
        let marks = marks_of_token_request(&request, cx);
        let audiences = match request.pointer("/spec/audiences") {
            Some(Value::Array(audiences)) if !audiences.is_empty() => Value::Array(audiences.clone()),
            _ => json!([ISSUER]),
        };
        let expires = cx.now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(cx.now);
        let claims = json!({
            "iss": ISSUER, "aud": audiences, "iat": cx.now.as_second(), "nbf": cx.now.as_second(),
            "exp": expires.as_second(), "jti": meta::uid(cx.rng),
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}},
        });
        let token = self.gate.seal.token(&claims);
        let members = meta::members(&mut request);
        members.insert("kind".into(), "TokenRequest".into());
        members.insert("apiVersion".into(), "authentication.k8s.io/v1".into());
        let metadata = members.entry("metadata").or_insert_with(|| json!({}));
        let metadata = meta::members(metadata);
        metadata.insert("name".into(), name.into());
        metadata.insert("namespace".into(), namespace.into());
        metadata.insert("uid".into(), uid.into());
        metadata.insert("creationTimestamp".into(), meta::time(cx.now));
        metadata.insert("managedFields".into(), marks);
        let spec = meta::members(meta::entry(&mut request, "spec"));
        spec.entry("boundObjectRef").or_insert(Value::Null);
        spec.insert("audiences".into(), audiences);
        let status = json!({"token": token, "expirationTimestamp": meta::time(expires)});
        meta::members(&mut request).insert("status".into(), status);
        Ok(reply::object(StatusCode::CREATED, &request, writing.accepted.media))
    }
}

impl Server {
    /// Refuses to bind a token to what is not there, is not what was meant, or runs as somebody else.
    fn may_be_bound(&self, namespace: &str, account: &str, bound: &Value) -> Result<(), ApiError> {
        let text = |member: &str| bound.get(member).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = split_api_version(text("apiVersion"));
        let (kind, name) = (text("kind"), text("name"));
        let (resource, namespace) = match (group, kind) {
            ("", "Pod") => ("pods", Some(namespace)),
            ("", "Secret") => ("secrets", Some(namespace)),
            ("", "Node") => ("nodes", None),
            _ => {
                let what = format!("{group}/{version}, Kind={kind}");
                return Err(ApiError::bad_request(format!("cannot bind token to object of type {what}")));
            }
        };
        let found = self.store.get(&format!("/{resource}"), &key(namespace, name));
        let Some(found) = found else { return Err(ApiError::not_found(Subject { group: "", resource }, name)) };
        let found = found.value();
        let runs_as = found.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or_default();
        if kind == "Pod" && runs_as != account {
            return Err(ApiError::bad_request(format!(
                "cannot bind token for serviceaccount {account:?} to pod running with different serviceaccount name."
            )));
        }
        let uid = text("uid");
        if !uid.is_empty() && uid != meta::text(&found, "uid") {
            let why = format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have \
                 been deleted and then recreated"
            );
            return Err(ApiError::conflict(Subject { group: "", resource: kind }, name, &why));
        }
        Ok(())
    }
}

/// A review as it is answered: with its writer's mark, as everything that is created.
fn answer(resource: &Resource, mut review: Value, status: Value, cx: &Cx<'_>) -> Value {
    let writer = cx.writer(resource, Part::Main, Operation::Update);
    let managers = owners::after_update(resource, &owners::nothing(resource), &review, Managers::default(), &writer);
    meta::members(&mut review).entry("metadata").or_insert_with(|| json!({}));
    managers.put(&mut review);
    meta::members(&mut review).insert("status".into(), status);
    review
}

/// Its writer's mark on a request for a token, which is no object of the catalog.
fn marks_of_token_request(request: &Value, cx: &Cx<'_>) -> Value {
    let fields = |object: &Value| -> Map<String, Value> {
        let given = object.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        given.map(|(name, _)| (format!("f:{name}"), json!({}))).collect()
    };
    let spec = request.get("spec").unwrap_or(&Value::Null);
    let mut owned = fields(spec);
    if let Some(bound) = owned.get_mut("f:boundObjectRef") {
        let mut within = fields(&spec["boundObjectRef"]);
        within.insert(".".into(), json!({}));
        *bound = within.into();
    }
    json!([{
        "manager": cx.manager, "operation": "Update", "apiVersion": "authentication.k8s.io/v1",
        "time": meta::time(cx.now), "fieldsType": "FieldsV1", "subresource": "token", "fieldsV1": {"f:spec": owned},
    }])
}

/// What is wrong with an access review.
fn access_faults(resource: &Resource, review: &Value, spec: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let has = |member: &str| spec.get(member).is_some_and(|value| !value.is_null());
    let text = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    // As Go prints the attributes, by the names of its own fields.
    let path = || json!({"Path": text("/nonResourceAttributes/path"), "Verb": text("/nonResourceAttributes/verb")});
    if has("resourceAttributes") == has("nonResourceAttributes") {
        let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        let shown = if has("nonResourceAttributes") { path() } else { Value::Null };
        faults.push(FieldError::invalid("spec", &shown, why));
    }
    let is_self = resource.kind == "SelfSubjectAccessReview";
    let groups = spec.get("groups").and_then(Value::as_array).is_some_and(|groups| !groups.is_empty());
    if !is_self && text("/user").is_empty() && !groups {
        faults.push(FieldError::invalid("spec.user", "", "at least one of user or group must be specified"));
    }
    let is_local = resource.kind == "LocalSubjectAccessReview";
    let kept = |member: &str| member == "managedFields" || (is_local && member == "namespace");
    let metadata = review.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    if metadata.iter().any(|(member, value)| !kept(member) && !value.is_null() && value != "") {
        let why = if is_local { "must be empty except for namespace" } else { "must be empty" };
        faults.push(FieldError::invalid("metadata", &Value::Object(metadata), why));
    }
    if is_local {
        if has("resourceAttributes") && text("/resourceAttributes/namespace") != meta::namespace(review) {
            let namespace = text("/resourceAttributes/namespace");
            let field = "spec.resourceAttributes.namespace";
            faults.push(FieldError::invalid(field, namespace, "must match metadata.namespace"));
        }
        if has("nonResourceAttributes") {
            let why = "disallowed on this kind of request";
            faults.push(FieldError::invalid("spec.nonResourceAttributes", &path(), why));
        }
    }
    faults
}

/// The user that a review asks about.
fn subject_of(spec: &Value) -> User {
    let text = |member: &str| spec.get(member).and_then(Value::as_str).unwrap_or_default();
    let mut user = User::new(text("user")).uid(text("uid"));
    for group in spec.get("groups").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        user = user.group(group);
    }
    for (key, values) in spec.get("extra").and_then(Value::as_object).into_iter().flatten() {
        for value in values.as_array().into_iter().flatten().filter_map(Value::as_str) {
            user = user.extra(key, value);
        }
    }
    user
}
