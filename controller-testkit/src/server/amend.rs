//! Patches over HTTP: the patch language by its media type, and the patched object as the kind reads it.

use bytes::Bytes;
use http::Response;
use serde_json::Value;

use super::body::{self, Body, media_type};
use super::query::options;
use super::read::is_builtin;
use super::update::{Change, Part};
use super::write::{Cx, Writing, strictness};
use super::{Server, shape};
use crate::catalog::{Resource, Shape};
use crate::field::FieldError;
use crate::patch::{self, JsonPatch};
use crate::status::{ApiError, Subject};

/// A patch that has been read but not applied.
pub(crate) enum Patch {
    Json(JsonPatch),
    Merge(Value),
    Strategic(Value),
}

impl Patch {
    /// Reads a patch; `resource` is what decides which languages there are.
    pub(crate) fn read(writing: &Writing<'_>, resource: &Resource) -> Result<(Self, Vec<String>), ApiError> {
        body::check_size(writing.body)?;
        let media = media_type(&writing.head.headers);
        let applies = matches!(media, "application/apply-patch+yaml" | "application/apply-patch+cbor");
        let query = writing.query;
        let fault = match applies {
            true if query.get("fieldManager").unwrap_or_default().is_empty() => {
                Some(FieldError::required("fieldManager", "is required for apply patch"))
            }
            false if query.get("force").is_some() => {
                Some(FieldError::forbidden("force", "may not be specified for non-apply patch"))
            }
            _ => None,
        };
        if let Some(fault) = fault {
            return Err(ApiError::invalid(options("PatchOptions"), "", &[fault]));
        }
        match media {
            "application/json-patch+json" => Ok((Self::Json(JsonPatch::parse(writing.body)?), Vec::new())),
            "application/merge-patch+json" => {
                let Body { value, duplicates } = object(writing.body)?;
                Ok((Self::Merge(value), duplicates))
            }
            "application/strategic-merge-patch+json" if is_builtin(resource) => {
                let Body { value, duplicates } = object(writing.body)?;
                Ok((Self::Strategic(value), duplicates))
            }
            "application/strategic-merge-patch+json" => Err(ApiError::unsupported_media_type(&[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/apply-patch+yaml",
            ])),
            _ if applies => Err(ApiError::not_modelled_media_type("server-side apply")),
            _ => Err(ApiError::unconsumed_media_type()),
        }
    }

    pub(crate) fn apply(&self, resource: &Resource, old: &Value) -> Result<Value, ApiError> {
        match (self, &resource.shape) {
            (Self::Json(patch), _) => Ok(patch.apply(old)?),
            (Self::Strategic(patch), Shape::Builtin(kind)) => Ok(patch::strategic::apply(old, patch, kind)?),
            (Self::Merge(patch) | Self::Strategic(patch), _) => {
                let mut new = old.clone();
                patch::merge(&mut new, patch.clone());
                Ok(new)
            }
        }
    }
}

impl Patch {
    /// Applies the patch to something of no kind in the catalog, to which a strategic patch is a merge.
    pub(crate) fn apply_plainly(&self, old: &Value) -> Result<Value, ApiError> {
        match self {
            Self::Json(patch) => Ok(patch.apply(old)?),
            Self::Merge(patch) | Self::Strategic(patch) => {
                let mut new = old.clone();
                patch::merge(&mut new, patch.clone());
                Ok(new)
            }
        }
    }
}

impl Server {
    pub(crate) fn patch_by_request(
        &mut self,
        writing: &Writing<'_>,
        cx: &mut Cx<'_>,
    ) -> Result<Response<Bytes>, ApiError> {
        let target = writing.target;
        let resource = &target.resource;
        let (patch, duplicates) = Patch::read(writing, resource)?;
        let amend = |old: &Value, cx: &mut Cx<'_>| {
            let new = patch.apply(resource, old)?;
            read_patched(resource, new, &duplicates, cx)
        };
        let part = Part::of(target.subresource.as_deref());
        let name = target.name.as_deref().unwrap_or_default();
        let place = (resource, target.namespace.as_deref(), name);
        let (object, status) = self.update(place, part, Change::Amend(&amend), cx)?;
        writing.shown(&object, status, cx.now)
    }
}

/// Reads a patch that is an object.
fn object(bytes: &[u8]) -> Result<Body, ApiError> {
    let body = Body::json(bytes).map_err(|_| ApiError::bad_request("invalid JSON patch"))?;
    match body.value {
        Value::Object(_) => Ok(body),
        Value::Null => Err(ApiError::bad_request("Invalid JSON Patch")),
        _ => Err(ApiError::bad_request(
            "error decoding patch: json: cannot unmarshal the patch into Go value of type map[string]interface {}",
        )),
    }
}

/// Reads a patched object as the body of a write would be read.
fn read_patched(
    resource: &Resource,
    mut new: Value,
    duplicates: &[String],
    cx: &mut Cx<'_>,
) -> Result<Value, ApiError> {
    let text = |member: &str| new.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, version) = (text("kind"), text("apiVersion"));
    let unreadable = |new: &Value, fault: String| {
        let fault = FieldError::invalid("patch", &new.to_string(), fault);
        ApiError::invalid(Subject { group: "", resource: "" }, "", &[fault])
    };
    if kind != resource.kind || version != resource.api_version() {
        if !is_builtin(resource) {
            let (field, found, wanted) = match kind == resource.kind {
                true => ("apiVersion", &version, resource.api_version()),
                false => ("kind", &kind, resource.kind.clone()),
            };
            let fault = FieldError::invalid(field, found, format!("must be {wanted}"));
            let subject = Subject { group: &resource.group, resource: &kind };
            return Err(ApiError::invalid(subject, super::meta::name(&new), &[fault]));
        }
        let fault = format!(
            "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/runtime/scheme.go:111\""
        );
        return Err(unreadable(&new, fault));
    }
    let whole = new.clone();
    let unknown = shape::decode(resource, &mut new).map_err(|fault| unreadable(&whole, fault))?;
    strictness(unknown, duplicates.to_vec(), cx).map_err(|fault| unreadable(&whole, fault))?;
    Ok(new)
}
