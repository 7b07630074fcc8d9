//! Patches over HTTP: the patch language by its media type, and the patched object as the kind reads it.

use bytes::Bytes;
use http::Response;
use serde_json::Value;

use super::body::{self, Body, Language, media_type};
use super::part::Part;
use super::patched::{self, Touched};
use super::query::options;
use super::read::{is_builtin, subject};
use super::update::{Change, check_name};
use super::write::{Cx, Writing, strictness, yaml_faults};
use super::{Server, meta, owners, shape};
use crate::apply::{self, Managers, Node, Operation, Refused};
use crate::catalog::{Resource, Shape, split_api_version};
use crate::field::{FieldError, go, kind_of};
use crate::kinds;
use crate::patch::{self, JsonPatch};
use crate::status::{ApiError, Subject};

/// A patch that has been read but not applied.
pub(crate) enum Patch {
    Json(JsonPatch),
    Merge(Value),
    Strategic(Value),
    /// Server-side apply, and whether it takes over fields that others own.
    Apply {
        wanted: Value,
        force: bool,
    },
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
            "application/json-patch+json" => {
                let patch = JsonPatch::parse(writing.body)?;
                let duplicates = Body::json(writing.body).map(|body| body.duplicates).unwrap_or_default();
                Ok((Self::Json(patch), duplicates))
            }
            "application/merge-patch+json" => {
                let Body { value, duplicates, .. } = object(writing.body, "error decoding patch: ")?;
                Ok((Self::Merge(value), duplicates))
            }
            "application/strategic-merge-patch+json" if is_builtin(resource) => {
                let Body { value, duplicates, .. } = object(writing.body, "")?;
                Ok((Self::Strategic(value), duplicates))
            }
            "application/strategic-merge-patch+json" => Err(ApiError::unsupported_media_type(&[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/apply-patch+yaml",
            ])),
            "application/apply-patch+yaml" => {
                let force = query.flag("force").unwrap_or_default();
                let body = Body::parse(Language::Yaml, writing.body, ("", ""))
                    .map_err(|fault| ApiError::bad_request(format!("error decoding YAML: {fault}")))?;
                let duplicates = body.repeated_keys();
                let value = body.value;
                if !value.is_object() {
                    return Err(ApiError::bad_request(format!(
                        "error decoding patch: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} \
                         into Go value of type map[string]interface {{}}",
                        kind_of(&value)
                    )));
                }
                Ok((Self::Apply { wanted: value, force }, duplicates))
            }
            _ if applies => Err(ApiError::not_modelled_media_type("an apply patch in CBOR")),
            _ => Err(ApiError::unconsumed_media_type()),
        }
    }

    /// What a message about the patched object repeats: of a strategic patch, the patch.
    fn shown(&self, resource: &Resource, patched: &Value) -> String {
        let touched = match self {
            Self::Strategic(patch) => return go::printed(patch),
            Self::Merge(patch) => Touched::by_merge(patch),
            Self::Json(patch) => Touched::by_pointers(patch.pointers()),
            Self::Apply { .. } => return patched.to_string(),
        };
        match &resource.shape {
            Shape::Builtin(ty) => patched::printed(ty, patched, &touched),
            Shape::Custom(_) => patched.to_string(),
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
            (Self::Apply { .. }, _) => Err(ApiError::internal("an apply is not a patch of what is there")),
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
            Self::Apply { .. } => Err(ApiError::internal("an apply is not a patch of what is there")),
        }
    }
}

/// The object with what is applied to it, and who owns what then.
pub(super) fn apply_to(
    resource: &Resource,
    part: Part,
    live: &Value,
    wanted: &Value,
    force: bool,
    cx: &mut Cx<'_>,
) -> Result<(Value, Managers), ApiError> {
    if meta::member(wanted, "managedFields").is_some() {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let claimed = |member: &str| wanted.get(member).and_then(Value::as_str).unwrap_or_default();
    if is_builtin(resource) && claimed("kind") != resource.kind {
        let (group, version) = split_api_version(claimed("apiVersion"));
        let kind = claimed("kind");
        return Err(ApiError::bad_request(format!("invalid object type: {group}/{version}, Kind={kind}")));
    }
    if claimed("apiVersion") != resource.api_version() {
        return Err(ApiError::bad_request(format!(
            "Incorrect version specified in apply patch. Specified patch version: {}, expected: {}",
            claimed("apiVersion"),
            resource.api_version()
        )));
    }
    let kind = format!("{}/{}, Kind={}", resource.group, resource.version, claimed("kind"));
    let object = format!("{}/{}; {kind}", meta::namespace(wanted), meta::name(wanted));
    let misfit = |why: &str| ApiError::unforeseen(format!("failed to create typed patch object ({object}): {why}"));
    if claimed("kind") != resource.kind {
        return Err(misfit("the kind is not that of the path"));
    }
    let writer = cx.writer(resource, part, Operation::Apply);
    let applied = apply::applied(&Node::of(resource), live, wanted, Managers::of(live), &writer, force);
    let (mut new, managers) = applied.map_err(|refused| match refused {
        Refused::Misfit(why) => misfit(&why),
        Refused::Conflicts(conflicts) => ApiError::apply_conflict(&conflicts),
    })?;
    if writer.manager.name == "kubectl" {
        apply::keep_last_applied(&mut new, wanted);
    }
    let restored = match &resource.shape {
        Shape::Builtin(ty) => kinds::restore(ty, &mut new),
        Shape::Custom(_) => Ok(()),
    };
    let read = restored.and_then(|()| shape::decode_applied(resource, &mut new).map_err(|fault| inner_fault(&fault)));
    read.map_err(|fault| {
        ApiError::unforeseen(format!(
            "failed to convert new object ({object}) to proper version: unable to convert unstructured object to \
             {kind}: {fault}"
        ))
    })?;
    Ok((new, managers))
}

/// The fault of a value that reads itself: it does not know in which field it stands.
fn inner_fault(fault: &str) -> String {
    if fault.starts_with("illegal base64") {
        return format!("error decoding from json: {fault}");
    }
    match (fault.split_once(" Go struct field "), fault.rsplit_once(" of type ")) {
        (Some((what, _)), Some((_, wanted))) => format!("{what} Go value of type {wanted}"),
        _ => fault.to_owned(),
    }
}

impl Server {
    /// The object that applying to nothing makes; its owners wait in `cx` for it to be created.
    pub(super) fn apply_new(
        &self,
        resource: &Resource,
        name: &str,
        wanted: &Value,
        force: bool,
        cx: &mut Cx<'_>,
    ) -> Result<Value, ApiError> {
        let (mut new, managers) = apply_to(resource, Part::Main, &owners::nothing(resource), wanted, force, cx)?;
        let uid = meta::text(wanted, "uid");
        if !uid.is_empty() {
            let why =
                format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
            return Err(ApiError::conflict(subject(resource), name, &why));
        }
        check_name(&new, name)?;
        meta::of(&mut new).remove("resourceVersion");
        cx.owners = Some(managers);
        Ok(new)
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
        if let Patch::Apply { wanted, force } = patch {
            if let Err(fault) = strictness(yaml_faults(duplicates, cx), cx) {
                let fault = fault.trim_start_matches("strict decoding error: ");
                let why = format!("error strict decoding patch: error converting YAML to JSON: {fault}");
                return Err(ApiError::bad_request(why));
            }
            let part = Part::of(target.subresource.as_deref());
            let place = (resource, target.namespace.as_deref(), target.name.as_deref().unwrap_or_default());
            let (object, status) = self.update(place, part, Change::Apply { wanted, force }, cx)?;
            return writing.shown(&object, status, cx.now);
        }
        let amend = |old: &Value, cx: &mut Cx<'_>| {
            let new = patch.apply(resource, old)?;
            read_patched(resource, new, &patch, &duplicates, cx)
        };
        let part = Part::of(target.subresource.as_deref());
        let name = target.name.as_deref().unwrap_or_default();
        let place = (resource, target.namespace.as_deref(), name);
        let (object, status) = self.update(place, part, Change::Amend(&amend), cx)?;
        writing.shown(&object, status, cx.now)
    }
}

/// Reads a patch that is an object.
fn object(bytes: &[u8], prefix: &str) -> Result<Body, ApiError> {
    let body = Body::json(bytes).map_err(|_| ApiError::bad_request("invalid JSON patch"))?;
    match body.value {
        Value::Object(_) => Ok(body),
        Value::Null => Err(ApiError::bad_request("Invalid JSON Patch")),
        other => Err(ApiError::bad_request(format!(
            "{prefix}json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            kind_of(&other)
        ))),
    }
}

/// Reads a patched object as the body of a write would be read.
fn read_patched(
    resource: &Resource,
    mut new: Value,
    patch: &Patch,
    duplicates: &[String],
    cx: &mut Cx<'_>,
) -> Result<Value, ApiError> {
    let text = |member: &str| new.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, version) = (text("kind"), text("apiVersion"));
    // A strategic patch is shown itself, since the object is made of it without another text in between.
    let unreadable = |new: &Value, fault: String| {
        let fault = FieldError::invalid("patch", &patch.shown(resource, new), fault);
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
        // What is a kind at all is read as that before it is found to be another one.
        let (group, short) = split_api_version(&version);
        let misread = kinds::of_kind(group, short, &kind).and_then(|ty| kinds::check(ty, &new).err());
        let fault = misread.unwrap_or_else(|| {
            format!(
                "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/runtime/scheme.go:111\""
            )
        });
        return Err(unreadable(&new, fault));
    }
    let whole = new.clone();
    if let (Patch::Strategic(_), Shape::Builtin(ty)) = (patch, &resource.shape) {
        kinds::restore(ty, &mut new).map_err(|fault| unreadable(&whole, fault))?;
    }
    let unknown = owners::kept(&mut new, |new| shape::decode(resource, new));
    let unknown = unknown.map_err(|fault| match patch {
        Patch::Strategic(_) if fault.starts_with("illegal base64") => unreadable(&whole, inner_fault(&fault)),
        _ => unreadable(&whole, fault),
    })?;
    // What is wrong with the patch itself was found first.
    let json = if matches!(patch, Patch::Json(_)) { "json patch " } else { "" };
    let given_twice = duplicates.iter().map(|path| format!("{json}{}", body::duplicate_field(path)));
    let said = given_twice.chain(unknown.iter().map(body::unknown_field)).collect();
    strictness(said, cx).map_err(|fault| unreadable(&whole, fault))?;
    Ok(new)
}
