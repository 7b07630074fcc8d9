//! `/scale`: how many replicas an object wants and has, under names that every scaler knows.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::amend::Patch;
use super::body::Body;
use super::part::Part;
use super::present::Look;
use super::read::{is_builtin, subject};
use super::update::{Change, check_name};
use super::write::{Cx, Writing, faults, strictness};
use super::{Server, meta, reply};
use crate::apply::{self, Conflict, Managers, Node, Operation, Refused};
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

/// The Scale to which a patch applies, and which webhooks are shown; it may lack what the object lacks.
pub(crate) fn for_patch(resource: &Resource, object: &Value) -> Result<Value, ApiError> {
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

/// Gives an object the replicas of a Scale.
pub(crate) fn put(resource: &Resource, object: &mut Value, scale: &Value) -> Result<(), ApiError> {
    set_at(resource, object, scale.pointer("/spec/replicas").unwrap_or(&json!(0)))
}

/// Writes how many replicas are wanted, where the kind has it.
fn set_at(resource: &Resource, object: &mut Value, replicas: &Value) -> Result<(), ApiError> {
    if let Shape::Custom(version) = &resource.shape
        && let Some(paths) = &version.scale
    {
        return paths.set(object, &json!({"spec": {"replicas": replicas}})).map_err(ApiError::internal);
    }
    meta::members(meta::entry(object, "spec")).insert("replicas".into(), replicas.clone());
    Ok(())
}

/// The definition of a custom resource judges its own field.
fn check_replicas(resource: &Resource, name: &str, scale: &Value) -> Result<(), ApiError> {
    let replicas = scale.pointer("/spec/replicas").cloned().unwrap_or_default();
    if replicas.as_i64().is_some_and(|wanted| wanted < 0) && is_builtin(resource) {
        let fault = FieldError::invalid("spec.replicas", &replicas, "must be greater than or equal to 0");
        let kind = Subject { group: "autoscaling", resource: "Scale" };
        return Err(ApiError::invalid(kind, name, &[fault]));
    }
    Ok(())
}

/// What is applied must be a Scale, and no more than that.
fn check_applied(wanted: &Value) -> Result<(), ApiError> {
    if meta::member(wanted, "managedFields").is_some() {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let claimed = |member: &str| wanted.get(member).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = split_api_version(claimed("apiVersion"));
    let kind = claimed("kind");
    if (group, version, kind) != ("autoscaling", "v1", "Scale") {
        return Err(ApiError::bad_request(format!("invalid object type: {group}/{version}, Kind={kind}")));
    }
    match kinds::named(SCALE).map(|ty| apply::misfits(&Node::Struct(ty), wanted)) {
        Some(Err(why)) => Err(misfit(wanted, &why)),
        _ => Ok(()),
    }
}

fn misfit(wanted: &Value, why: &str) -> ApiError {
    ApiError::unforeseen(format!("failed to create typed patch object ({}): {why}", about(wanted)))
}

fn about(scale: &Value) -> String {
    format!("{}/{}; autoscaling/v1, Kind=Scale", meta::namespace(scale), meta::name(scale))
}

/// Whoever owns the field owns it as a scale's: of that kind, at that place.
fn as_of_scales(resource: &Resource, conflicts: Vec<Conflict>) -> Vec<Conflict> {
    let version = format!(" using {}", resource.api_version());
    let of_scale = |conflict: Conflict| Conflict {
        manager: match conflict.manager.strip_suffix(&version) {
            Some(manager) => format!("{manager} using autoscaling/v1"),
            None => conflict.manager,
        },
        field: ".spec.replicas".to_owned(),
    };
    conflicts.into_iter().map(of_scale).collect()
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
            if let Patch::Apply { wanted, force } = patch {
                return self.apply_scale(writing, &wanted, force, cx);
            }
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
            check_replicas(resource, name, &scale)?;
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
            put(resource, &mut new, &scale)?;
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

    /// Server-side apply of a scale: of the one field, in the name of the scale.
    fn apply_scale(
        &mut self,
        writing: &Writing<'_>,
        wanted: &Value,
        force: bool,
        cx: &mut Cx<'_>,
    ) -> Result<Response<Bytes>, ApiError> {
        let target = writing.target;
        let resource = &target.resource;
        let name = target.name.as_deref().unwrap_or_default();
        let own = |old: &Value, cx: &mut Cx<'_>| {
            check_applied(wanted)?;
            let mut applied = json!({"apiVersion": resource.api_version(), "kind": resource.kind});
            if let Some(replicas) = wanted.pointer("/spec/replicas") {
                set_at(resource, &mut applied, replicas)?;
            }
            let writer = cx.writer(resource, Part::Main, Operation::Apply);
            let merged = apply::applied(&Node::of(resource), old, &applied, Managers::of(old), &writer, force);
            let (mut new, managers) = merged.map_err(|refused| match refused {
                Refused::Misfit(why) => misfit(wanted, &why),
                Refused::Conflicts(conflicts) => ApiError::apply_conflict(&as_of_scales(resource, conflicts)),
            })?;
            if !is_builtin(resource) {
                // A real server takes the scale for one of the custom resources.
                return Err(ApiError::unforeseen(format!(
                    "failed to convert new object ({}) to proper version: request to convert CR to an invalid \
                     group/version: autoscaling/v1",
                    about(wanted)
                )));
            }
            if new.pointer("/spec/replicas").is_none() {
                set_at(resource, &mut new, &json!(0))?;
            }
            if !meta::name(wanted).is_empty() {
                check_name(wanted, name)?;
            }
            check_replicas(resource, name, wanted)?;
            let version = meta::member(wanted, "resourceVersion").cloned();
            meta::set(meta::of(&mut new), "resourceVersion", version);
            Ok((new, managers))
        };
        cx.through = Some("scale");
        let place = (resource, target.namespace.as_deref(), name);
        let (object, _) = self.update(place, Part::Main, Change::Own(&own), cx)?;
        Ok(reply::object(StatusCode::OK, &self.scale_of(resource, &object)?, writing.accepted.media))
    }

    pub(crate) fn scale_of(&self, resource: &Resource, object: &Object) -> Result<Value, ApiError> {
        of(resource, &Look::plain(self.catalog.generation()).value(resource, object))
    }
}
