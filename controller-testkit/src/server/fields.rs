//! Which fields a kind can be selected by, and how they are read.

use serde_json::Value;

use crate::catalog::{Resource, Shape};
use crate::field::echo;
use crate::selector::FieldSelector;
use crate::status::ApiError;

/// Parses a field selector and refuses fields that the kind does not know.
pub(crate) fn parse(resource: &Resource, text: &str) -> Result<FieldSelector, ApiError> {
    let selector = FieldSelector::parse(text).map_err(ApiError::bad_request)?;
    if let Some(unknown) = selector.fields().find(|field| !is_known(resource, field)) {
        return Err(ApiError::bad_request(refusal(resource, unknown)));
    }
    Ok(selector)
}

/// A field's value as selectors see it.
pub(crate) fn read(resource: &Resource, object: &Value, field: &str) -> String {
    let path = match (resource.group.as_str(), resource.plural.as_str(), field) {
        ("", "events", "source") => {
            let component = at(object, "source.component");
            return if component.is_empty() { at(object, "reportingComponent") } else { component };
        }
        ("", "pods", "status.podIPs") => {
            let ips = object.get("status").and_then(|status| status.get("podIPs")).and_then(Value::as_array);
            let ips = ips.into_iter().flatten().filter_map(|ip| ip.get("ip")?.as_str());
            return ips.collect::<Vec<_>>().join(",");
        }
        ("", "events", "reportingComponent") => "reportingComponent",
        ("", "pods", "spec.hostNetwork") | ("", "nodes", "spec.unschedulable") => {
            return match at(object, field) {
                set if set.is_empty() => "false".to_owned(),
                set => set,
            };
        }
        ("apps" | "", "replicasets" | "replicationcontrollers", "status.replicas")
        | ("batch", "jobs", "status.successful") => {
            let path = if field == "status.successful" { "status.succeeded" } else { field };
            return match at(object, path) {
                none if none.is_empty() => "0".to_owned(),
                some => some,
            };
        }
        (_, _, field) => field,
    };
    at(object, path)
}

fn at(object: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(object, |value, part| value.get(part));
    match found {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn is_known(resource: &Resource, field: &str) -> bool {
    field == "metadata.name"
        || field == "metadata.namespace"
        || extras(resource).contains(&field)
        || selectable(resource).any(|path| path == field)
}

/// The fields that a custom resource's definition names.
fn selectable(resource: &Resource) -> impl Iterator<Item = &str> {
    let paths = match &resource.shape {
        Shape::Custom(version) => version.selectable_fields.as_slice(),
        Shape::Builtin(_) => &[],
    };
    paths.iter().map(|path| path.trim_start_matches('.'))
}

fn extras(resource: &Resource) -> &'static [&'static str] {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "replicationcontrollers") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("certificates.k8s.io", "certificatesigningrequests" | "clustertrustbundles") => &["spec.signerName"],
        ("certificates.k8s.io", "podcertificaterequests") => &["spec.signerName", "spec.podName", "spec.nodeName"],
        ("resource.k8s.io", "resourceslices") => &["spec.nodeName", "spec.driver"],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "events") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        _ => &[],
    }
}

fn refusal(resource: &Resource, field: &str) -> String {
    match &resource.shape {
        Shape::Builtin(_) if extras(resource).is_empty() => format!(
            "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
            echo::quote(field)
        ),
        Shape::Builtin(_) if resource.kind == "Job" => {
            format!("field label {} not supported for Job", echo::quote(field))
        }
        _ => format!("field label not supported: {field}"),
    }
}
