//! `/scale`: how many replicas an object wants and has, under names that every scaler knows.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::amend::Patch;
use super::body::Body;
use super::present::Look;
use super::read::{is_builtin, subject};
use super::update::{Change, Part};
use super::write::{Cx, Writing, faults, strictness};
use super::{Server, meta, reply};
use crate::catalog::{Resource, Shape, split_api_version};
use crate::field::FieldError;
use crate::kinds;
use crate::status::{ApiError, Subject};
use crate::store::Object;

const SCALE: &str = "io.k8s.api.autoscaling.v1.Scale";

/// The Scale of an object.
pub(crate) fn of(resource: &Resource, object: &Value) -> Result<Value, ApiError> {
    match &resource.shape {
        Shape::Custom(version) => match &version.scale {
            Some(scale) => scale.get(object).map_err(ApiError::internal),
            None => Err(ApiError::no_such_resource()),
        },
        Shape::Builtin(_) => Ok(of_workload(object)),
    }
}

/// The Scale to which a patch applies, which may lack what the patch brings.
fn for_patch(resource: &Resource, object: &Value) -> Result<Value, ApiError> {
    match &resource.shape {
        Shape::Custom(version) => match &version.scale {
            Some(scale) => scale.get_for_patch(object).map_err(ApiError::internal),
            None => Err(ApiError::no_such_resource()),
        },
        Shape::Builtin(_) => Ok(of_workload(object)),
    }
}

fn of_workload(object: &Value) -> Value {
    let mut metadata = Map::new();
    for member in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        meta::set(&mut metadata, member, meta::member(object, member).cloned());
    }
    let count = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {}, "status": {"replicas": count("/status/replicas")},
    });
    // Go leaves a zero out of the specification.
    if count("/spec/replicas") != 0 {
        scale["spec"]["replicas"] = count("/spec/replicas").into();
    }
    let selector = selector_text(object.pointer("/spec/selector").unwrap_or(&Value::Null));
    if !selector.is_empty() {
        scale["status"]["selector"] = selector.into();
    }
    scale
}

/// A label selector of an object as clients write it in queries; a plain map of labels is one too.
pub(crate) fn selector_text(selector: &Value) -> String {
    let texts = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let structured = selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some();
    let labels = if structured { selector.get("matchLabels") } else { Some(selector) };
    let labels = labels.and_then(Value::as_object).into_iter().flatten();
    let mut parts: Vec<String> =
        labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    for rule in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = rule.get("key").and_then(Value::as_str).unwrap_or_default();
        let values = texts(rule.get("values")).join(",");
        parts.push(match rule.get("operator").and_then(Value::as_str).unwrap_or_default() {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.join(",")
}

fn set(resource: &Resource, object: &mut Value, scale: &Value) -> Result<(), ApiError> {
    if let Shape::Custom(version) = &resource.shape
        && let Some(paths) = &version.scale
    {
        return paths.set(object, scale).map_err(ApiError::internal);
    }
    let wanted = scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
    meta::members(meta::entry(object, "spec")).insert("replicas".into(), wanted.into());
    Ok(())
}

/// From an object to the Scale that a client wants of it.
type Wanted<'a> = Box<dyn Fn(&Value) -> Result<Value, ApiError> + 'a>;

impl Server {
    pub(crate) fn write_scale(&mut self, writing: &Writing<'_>, cx: &mut Cx<'_>) -> Result<Response<Bytes>, ApiError> {
        let target = writing.target;
        let resource = &target.resource;
        let name = target.name.as_deref().unwrap_or_default();
        let mut given_twice = Vec::new();
        let patches = writing.head.method == http::Method::PATCH;
        let wanted: Wanted<'_> = if patches {
            let (patch, duplicates) = Patch::read(writing, resource)?;
            given_twice = duplicates;
            Box::new(move |old: &Value| patch.apply_plainly(&for_patch(resource, old)?))
        } else {
            let Body { value: body, duplicates, .. } = writing.parse(("autoscaling/v1", "Scale"), true)?;
            given_twice.extend(duplicates);
            let claimed = |member: &str| body.get(member).and_then(Value::as_str).unwrap_or_default();
            if !matches!((claimed("apiVersion"), claimed("kind")), ("autoscaling/v1" | "", "Scale" | "")) {
                let (_, version) = split_api_version(claimed("apiVersion"));
                let kind = claimed("kind");
                return Err(ApiError::bad_request(format!(
                    "{kind} in version \"{version}\" cannot be handled as a Scale: converting ({version}.{kind}) to \
                     (autoscaling.Scale): unknown conversion"
                )));
            }
            Box::new(move |_: &Value| Ok(body.clone()))
        };
        let amend = |old: &Value, cx: &mut Cx<'_>| {
            let scale = wanted(old)?;
            let unreadable = |fault: String| match patches {
                true => {
                    let fault = FieldError::invalid("patch", &scale.to_string(), fault);
                    ApiError::invalid(Subject { group: "", resource: "" }, "", &[fault])
                }
                false => {
                    ApiError::bad_request(format!("Scale in version \"v1\" cannot be handled as a Scale: {fault}"))
                }
            };
            if let Some(ty) = kinds::of_kind("autoscaling", "v1", "Scale").or_else(|| kinds::named(SCALE)) {
                let unknown = kinds::check(ty, &scale).map_err(unreadable)?;
                strictness(faults(unknown, given_twice.clone()), cx).map_err(unreadable)?;
            }
            let claimed = meta::name(&scale);
            if !claimed.is_empty() && claimed != name {
                return Err(ApiError::bad_request(format!(
                    "the name of the object ({claimed}) does not match the name on the URL ({name})"
                )));
            }
            let replicas = scale.pointer("/spec/replicas").cloned().unwrap_or_default();
            // The definition of a custom resource judges its own field.
            if replicas.as_i64().is_some_and(|wanted| wanted < 0) && is_builtin(resource) {
                let fault = FieldError::invalid("spec.replicas", &replicas, "must be greater than or equal to 0");
                let kind = Subject { group: "autoscaling", resource: "Scale" };
                return Err(ApiError::invalid(kind, name, &[fault]));
            }
            let uid = meta::text(&scale, "uid");
            if !uid.is_empty() && uid != meta::text(old, "uid") {
                let why = format!(
                    "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                    meta::text(old, "uid")
                );
                return Err(ApiError::conflict(subject(resource), name, &why));
            }
            let mut new = old.clone();
            let version = meta::member(&scale, "resourceVersion").cloned();
            meta::set(meta::of(&mut new), "resourceVersion", version);
            set(resource, &mut new, &scale)?;
            Ok(new)
        };
        cx.through = Some("scale");
        let place = (resource, target.namespace.as_deref(), name);
        let (object, status) = self.update(place, Part::Main, Change::Amend(&amend), cx)?;
        let shown = self.scale_of(resource, &object)?;
        Ok(reply::object(
            if status == StatusCode::CREATED { status } else { StatusCode::OK },
            &shown,
            writing.accepted.media,
        ))
    }

    pub(crate) fn scale_of(&self, resource: &Resource, object: &Object) -> Result<Value, ApiError> {
        of(resource, &Look::plain(self.catalog.generation()).value(resource, object))
    }
}
