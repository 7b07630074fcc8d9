//! Writes over HTTP: which verb with which body, and the answer when it is done.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::accept::Accepted;
use super::body::{self, Body, Language};
use super::connect::Way;
use super::part::Part;
use super::present::Look;
use super::query::{FieldValidation, Query, WriteOptions};
use super::read::{answer_one, is_builtin};
use super::route::Target;
use super::update::Change;
use super::{Server, meta, owners, reply, shape};
use crate::admission::{Calls, Pending};
use crate::apply::Managers;
use crate::auth::{Caller, User};
use crate::catalog::{Resource, split_api_version};
use crate::field::{FieldError, kind_of};
use crate::status::{ApiError, Subject};
use crate::store::Object;

/// A write as it came in.
pub(crate) struct Writing<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) body: &'a Bytes,
    pub(crate) query: &'a Query,
    pub(crate) target: &'a Target,
    pub(crate) accepted: Accepted,
    pub(crate) look: Look,
}

/// What every step of a write needs: time, chance, the client's options, and the warnings that it will be given.
pub(crate) struct Cx<'a> {
    pub(crate) now: Timestamp,
    pub(crate) rng: &'a mut fastrand::Rng,
    /// As whom.
    pub(crate) user: Arc<User>,
    pub(crate) dry_run: bool,
    /// The options as the client gave them.
    pub(crate) options: Map<String, Value>,
    pub(crate) validation: FieldValidation,
    pub(crate) warnings: Vec<String>,
    /// Who writes.
    pub(crate) manager: String,
    /// The subresource that it writes through, where that is a view of the whole object.
    pub(crate) through: Option<&'static str>,
    /// Who owns the fields of an object that is created by applying it.
    pub(crate) owners: Option<Managers>,
    /// The webhooks that were called for this request; none if nobody is asked.
    pub(crate) calls: Option<Calls>,
}

/// What came of a write.
pub(crate) enum Written {
    Answer(Response<Bytes>),
    /// Nothing yet: a webhook is to be called first.
    Call(Calls),
}

impl Writing<'_> {
    /// Reads the body, whatever its language.
    pub(crate) fn parse(&self, (version, kind): (&str, &str), protobuf: bool) -> Result<Body, ApiError> {
        body::check_size(self.body)?;
        let language = Language::of(&self.head.headers, protobuf)?;
        Body::parse(language, self.body, (version, kind)).map_err(|fault| {
            let what = if language == Language::Json { "couldn't get version/kind; json parse error: " } else { "" };
            ApiError::bad_request(format!(
                "the object provided is unrecognized (must be of type {kind}): {what}{fault} ({})",
                body::summary(self.body)
            ))
        })
    }

    /// Reads the body as an object of the resource.
    pub(crate) fn object(&self, server: &Server, cx: &mut Cx<'_>) -> Result<Value, ApiError> {
        let resource = &*self.target.resource;
        let body = self.parse((&resource.api_version(), &resource.kind), is_builtin(resource))?;
        let keys = body.repeated_keys();
        let Body { mut value, duplicates, .. } = body;
        if value.is_null() {
            value = Value::Object(Map::new());
        }
        if !value.is_object() {
            return Err(ApiError::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse \
                 error: json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \
                 \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }} ({})",
                resource.kind,
                kind_of(&value),
                body::summary(self.body)
            )));
        }
        let kindless = value.get("kind").and_then(Value::as_str).is_none_or(str::is_empty);
        if kindless && !is_builtin(resource) {
            return Err(ApiError::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): Object 'Kind' is missing in '{}' ({})",
                resource.kind,
                String::from_utf8_lossy(self.body),
                body::summary(self.body)
            )));
        }
        claim(server, resource, &mut value)?;
        let unknown = owners::kept(&mut value, |value| shape::decode(resource, value))
            .map_err(|fault| ApiError::bad_request(cannot_be_handled(resource, &fault)))?;
        // Go reads the document of a built-in kind from its beginning to its end; YAML it has sorted before.
        let is_read_in_order = is_builtin(resource) && unknown.len() + duplicates.len() > 1;
        let faults = match Language::of(&self.head.headers, is_builtin(resource)) {
            Ok(Language::Json) if is_read_in_order => body::in_order_of(self.body, &unknown, &duplicates),
            Ok(Language::Yaml) if !keys.is_empty() => {
                let said = yaml_faults(keys, cx);
                said.into_iter().chain(unknown.iter().map(body::unknown_field)).collect()
            }
            _ => faults(unknown, duplicates),
        };
        strictness(faults, cx).map_err(|fault| ApiError::bad_request(cannot_be_handled(resource, &fault)))?;
        Ok(value)
    }

    /// The answer that shows an object.
    pub(crate) fn shown(
        &self,
        object: &Object,
        status: StatusCode,
        now: Timestamp,
    ) -> Result<Response<Bytes>, ApiError> {
        answer_one(&self.target.resource, object, status, self.accepted, self.look, now)
    }
}

/// Names the kind and version that a body must have, or leaves out and then is given.
fn claim(server: &Server, resource: &Resource, value: &mut Value) -> Result<(), ApiError> {
    let text = |member: &str| value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, version) = (text("kind"), text("apiVersion"));
    let wanted = resource.api_version();
    if version.matches('/').count() > 1 {
        return Err(ApiError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): unexpected GroupVersion string: {version} ({})",
            resource.kind,
            body::summary(value.to_string().as_bytes())
        )));
    }
    let lenient = is_builtin(resource);
    let kind = if kind.is_empty() && lenient { resource.kind.clone() } else { kind };
    let version = if version.is_empty() && lenient { wanted.clone() } else { version };
    if kind != resource.kind || version != wanted {
        let (group, short) = split_api_version(&version);
        if !is_builtin(resource) {
            if version == wanted {
                let fault = FieldError::invalid("kind", &kind, format!("must be {}", resource.kind));
                let subject = Subject { group: &resource.group, resource: &kind };
                return Err(ApiError::invalid(subject, meta::name(value), &[fault]));
            }
            return Err(ApiError::bad_request(format!(
                "the API version in the data ({version}) does not match the expected API version ({wanted})"
            )));
        }
        let fault = match server.catalog().by_kind(group, short, &kind) {
            Some(_) => {
                format!("converting ({short}.{kind}) to ({}.{}): unknown conversion", internal(resource), resource.kind)
            }
            None => {
                format!(
                    "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/runtime/scheme.go:111\""
                )
            }
        };
        return Err(ApiError::bad_request(format!(
            "{kind} in version \"{short}\" cannot be handled as a {}: {fault}",
            resource.kind
        )));
    }
    let members = meta::members(value);
    members.insert("kind".into(), kind.into());
    members.insert("apiVersion".into(), version.into());
    Ok(())
}

/// The name of the Go package that holds a kind's inner form.
pub(crate) fn internal(resource: &Resource) -> &str {
    match resource.group.split('.').next() {
        None | Some("") => "core",
        Some(group) => group,
    }
}

fn cannot_be_handled(resource: &Resource, fault: &str) -> String {
    format!("{} in version \"{}\" cannot be handled as a {}: {fault}", resource.kind, resource.version, resource.kind)
}

/// What strict decoding says of unknown and duplicate fields.
pub(crate) fn faults(unknown: Vec<String>, duplicates: Vec<String>) -> Vec<String> {
    let unknown = unknown.into_iter().map(body::unknown_field);
    unknown.chain(duplicates.into_iter().map(body::duplicate_field)).collect()
}

/// Keys that a YAML document has twice, as the parser tells of them: in a refusal all at once.
pub(crate) fn yaml_faults(keys: Vec<String>, cx: &Cx<'_>) -> Vec<String> {
    match cx.validation {
        FieldValidation::Strict if !keys.is_empty() => {
            vec![format!("yaml: unmarshal errors:\n  {}", keys.join("\n  "))]
        }
        _ => keys,
    }
}

/// Meets the faults of strict decoding as the client wants them met.
pub(crate) fn strictness(faults: Vec<String>, cx: &mut Cx<'_>) -> Result<(), String> {
    match cx.validation {
        FieldValidation::Strict if !faults.is_empty() => Err(format!("strict decoding error: {}", faults.join(", "))),
        FieldValidation::Warn => {
            cx.warnings.extend(faults);
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Server {
    /// Carries out a write.
    pub(crate) fn write(
        &mut self,
        writing: &Writing<'_>,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Written, ApiError> {
        let verb = writing.head.method.as_str();
        let way = Way::of(writing.target);
        let WriteOptions { dry_run, validation } = match verb {
            _ if way.is_some() => WriteOptions { dry_run: false, validation: FieldValidation::Ignore },
            "POST" => writing.query.write_options("CreateOptions")?,
            "PUT" => writing.query.write_options("UpdateOptions")?,
            "PATCH" => writing.query.write_options("PatchOptions")?,
            // A delete has options of its own, which may stand in its body.
            _ => WriteOptions { dry_run: false, validation: FieldValidation::Ignore },
        };
        let manager = owners::name_of(writing.head, writing.query);
        let user = writing.head.extensions.get::<Arc<User>>().cloned().unwrap_or_else(User::insider);
        let is_own = matches!(writing.head.extensions.get(), Some(Caller::Inside));
        let calls = (!is_own).then(|| match writing.head.extensions.get::<Pending>() {
            Some(pending) => pending.calls.clone(),
            None => Calls::default(),
        });
        let mut cx = Cx {
            calls,
            now,
            rng,
            user,
            dry_run,
            options: writing.query.given_options(),
            validation,
            warnings: Vec::new(),
            manager,
            through: None,
            owners: None,
        };
        let done = match verb {
            _ if way.is_some() => self.connect(writing, &mut cx),
            "DELETE" => self.delete_by_request(writing, &mut cx),
            _ if writing.target.subresource.as_deref().is_some_and(|part| part != "status") => {
                self.write_subresource(writing, &mut cx)
            }
            "POST" => self.create_by_request(writing, &mut cx),
            "PUT" => self.replace_by_request(writing, &mut cx),
            _ => self.patch_by_request(writing, &mut cx),
        };
        if let Some(calls) = cx.calls.filter(|calls| calls.wanted().is_some()) {
            return Ok(Written::Call(calls));
        }
        let warnings = cx.warnings;
        let mut answer = done.or_else(|error| match warnings.is_empty() {
            true => Err(error),
            false => Ok(reply::error(&error, writing.accepted.media)),
        })?;
        reply::warn(answer.headers_mut(), &warnings);
        Ok(Written::Answer(answer))
    }

    fn create_by_request(&mut self, writing: &Writing<'_>, cx: &mut Cx<'_>) -> Result<Response<Bytes>, ApiError> {
        let target = writing.target;
        if !target.resource.is_stored() {
            return self.review(writing, cx);
        }
        let object = writing.object(self, cx)?;
        let created = self.create(&target.resource, target.namespace.as_deref(), object, cx)?;
        writing.shown(&created, StatusCode::CREATED, cx.now)
    }

    pub(crate) fn replace_by_request(
        &mut self,
        writing: &Writing<'_>,
        cx: &mut Cx<'_>,
    ) -> Result<Response<Bytes>, ApiError> {
        let target = writing.target;
        let object = writing.object(self, cx)?;
        let name = target.name.as_deref().unwrap_or_default();
        let part = Part::of(target.subresource.as_deref());
        let place = (&target.resource, target.namespace.as_deref(), name);
        let (object, status) = self.update(place, part, Change::Replace(object), cx)?;
        writing.shown(&object, status, cx.now)
    }
}
