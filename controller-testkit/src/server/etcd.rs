//! What etcd takes: a real server keeps its objects there, and what is too large for it is refused in its words.
//!
//! Two limits are met, that of a message and that of a request. An object stands in either as it is stored, in protobuf
//! or JSON, beside its key and what is to be true before it is written, so it is their size that is reckoned here.

use serde_json::Value;

use super::meta;
use super::read::is_builtin;
use super::scope::table;
use crate::catalog::Resource;
use crate::protobuf;
use crate::status::ApiError;

/// The longest message that a client of etcd sends.
const MESSAGE: usize = 2 << 20;

/// The longest request that etcd takes, and what it adds to a request of so much: its own number of it.
const REQUEST: usize = 3 << 19;
const HEADER: usize = 17;

/// No value of less than this becomes an object that is too large.
const SMALL: usize = 1 << 19;

/// Whose the record of an object's owners is, which is not worth its refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owners {
    /// What is too large with it is tried without it.
    Spared,
    /// An apply is nothing without it.
    Needed,
}

/// The object as it can be kept under a key, in place of the version that it had before.
pub(super) fn fitted(
    resource: &Resource,
    key: &str,
    mut object: Value,
    previous: Option<u64>,
    owners: Owners,
) -> Result<Value, ApiError> {
    if size(&object) < SMALL || message(resource, key, &object, previous) + HEADER <= REQUEST {
        return Ok(object);
    }
    if owners == Owners::Spared {
        meta::of(&mut object).remove("managedFields");
    }
    match message(resource, key, &object, previous) {
        length if length > MESSAGE => Err(ApiError::unforeseen(format!(
            "rpc error: code = ResourceExhausted desc = trying to send message larger than max ({length} vs. {MESSAGE})"
        ))),
        length if length + HEADER > REQUEST => Err(ApiError::unforeseen("etcdserver: request is too large")),
        _ => Ok(object),
    }
}

/// How much there is of a value, counted faster than it could be written.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len(),
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(members) => 1 + members.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>(),
        _ => 1,
    }
}

/// How long the message is that writes an object if it is still of that version: 0 is that of none at all, which what
/// is created at once does without.
fn message(resource: &Resource, key: &str, object: &Value, previous: Option<u64>) -> usize {
    let key = place(resource, key).len();
    let is_of_version = 2 + field(key) + 1 + varint(previous.unwrap_or(0));
    let put = field(key) + field(stored(resource, object));
    // What has changed meanwhile is read again.
    let or_get = previous.map_or(0, |_| field(field(field(key))));
    field(is_of_version) + field(field(put)) + or_get
}

/// How long the object is that etcd keeps.
fn stored(resource: &Resource, object: &Value) -> usize {
    let mut object = object.clone();
    meta::of(&mut object).remove("resourceVersion");
    let encoded = if is_kept_as_json(resource) { None } else { protobuf::encode(&object) };
    encoded.map_or_else(|| object.to_string().len() + 1, |bytes| bytes.len())
}

/// Definitions and what they define are, and the kinds of the aggregator.
fn is_kept_as_json(resource: &Resource) -> bool {
    !is_builtin(resource) || matches!(resource.group.as_str(), "apiextensions.k8s.io" | "apiregistration.k8s.io")
}

/// Where etcd has it: some kinds by names of long ago.
fn place(resource: &Resource, key: &str) -> String {
    let plural = match (resource.group.as_str(), resource.plural.as_str()) {
        _ if is_kept_as_json(resource) => table(resource),
        ("", "endpoints") => "services/endpoints".to_owned(),
        ("", "services") => "services/specs".to_owned(),
        ("", "nodes") => "minions".to_owned(),
        ("", "replicationcontrollers") => "controllers".to_owned(),
        ("networking.k8s.io", "ingresses") => "ingress".to_owned(),
        (_, plural) => plural.to_owned(),
    };
    format!("/registry/{plural}/{key}")
}

/// A field of so many bytes, with its number and length.
fn field(length: usize) -> usize {
    1 + varint(length as u64) + length
}

fn varint(value: u64) -> usize {
    (value.max(1).ilog2() / 7 + 1) as usize
}
