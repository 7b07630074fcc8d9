//! Objects of one version as those of another, where a webhook knows how.
//!
//! A [`Converter`] remembers what the webhook said of each object, and what it has yet to be asked. It does not call:
//! the request that needs an answer waits for it, and is handled anew. An object is converted to all versions before
//! it is stored, so that whoever reads it later finds the answer here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use super::{text, texts};
use crate::admission::{Call, Host, Reply};

/// How many answers are kept; after that all are forgotten, and asked for anew.
const KEPT: usize = 20_000;

/// What a webhook has said, and what it is to be asked.
#[derive(Debug)]
pub(crate) struct Converter {
    kind: String,
    /// How the webhook is called, and in which versions of the review.
    webhook: Value,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By the version that was asked for, and the object as it was.
    answers: BTreeMap<(String, String), Value>,
    missing: Vec<(String, Value)>,
}

impl Converter {
    /// The converter of a definition, if it has a webhook for it; the one before if it is the same.
    pub(super) fn of(crd: &Value, before: Option<&std::sync::Arc<Self>>) -> Option<std::sync::Arc<Self>> {
        if text(crd, "/spec/conversion/strategy") != "Webhook" {
            return None;
        }
        let webhook = crd.pointer("/spec/conversion/webhook")?;
        let kind = text(crd, "/spec/names/kind");
        if let Some(before) = before.filter(|before| before.webhook == *webhook && before.kind == kind) {
            return Some(before.clone());
        }
        let converter = Self { kind: kind.to_owned(), webhook: webhook.clone(), known: Mutex::default() };
        Some(std::sync::Arc::new(converter))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // What a panic left is as good as it was: each answer is put in whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object in that version, if the webhook has been asked; else it is noted that it is to be.
    pub(super) fn converted(&self, object: &Value, version: &str) -> Option<Value> {
        let rv = object.pointer("/metadata/resourceVersion").cloned();
        let bare = without_version(object);
        let key = (version.to_owned(), bare.to_string());
        let mut known = self.known();
        match known.answers.get(&key) {
            Some(answer) => {
                let mut answer = answer.clone();
                if let (Some(rv), Some(Value::Object(metadata))) = (rv, answer.get_mut("metadata")) {
                    metadata.insert("resourceVersion".to_owned(), rv);
                }
                Some(answer)
            }
            None => {
                known.missing.push((key.0, bare));
                None
            }
        }
    }

    /// Forgets what is to be asked: somebody else did without it.
    pub(crate) fn forget(&self) {
        self.known().missing.clear();
    }

    /// The call that asks for what is missing, if anything is.
    pub(crate) fn call(&self, uid: &str) -> Option<Call> {
        let known = self.known();
        let (version, _) = known.missing.first()?;
        let mut objects: Vec<&Value> = Vec::new();
        for (_, object) in known.missing.iter().filter(|(of, _)| of == version) {
            if !objects.contains(&object) {
                objects.push(object);
            }
        }
        let versions = texts(&self.webhook, "/conversionReviewVersions");
        let spoken = if versions.iter().any(|version| version == "v1") { "v1" } else { "v1beta1" };
        let client = |pointer: &str| text(&self.webhook, &format!("/clientConfig{pointer}")).to_owned();
        let host = match client("/url") {
            url if !url.is_empty() => Host::Url(url),
            _ => Host::Service {
                namespace: client("/service/namespace"),
                name: client("/service/name"),
                port: self.webhook.pointer("/clientConfig/service/port").and_then(Value::as_u64).unwrap_or(443),
                path: client("/service/path"),
            },
        };
        Some(Call {
            host,
            authorities: Call::authorities(&client("/caBundle")),
            seconds: 30,
            review: json!({
                "kind": "ConversionReview",
                "apiVersion": format!("apiextensions.k8s.io/{spoken}"),
                "request": {"uid": uid, "desiredAPIVersion": version, "objects": objects},
            }),
        })
    }

    /// Remembers what the webhook answered, or says what is wrong with it.
    pub(crate) fn learn(&self, call: &Call, reply: &Reply) -> Result<(), String> {
        let request = |member: &str| call.review.pointer(&format!("/request/{member}"));
        let asked = request("objects").and_then(Value::as_array).cloned().unwrap_or_default();
        let version = request("desiredAPIVersion").and_then(Value::as_str).unwrap_or_default();
        let of = asked.first().map_or("", |object| text(object, "/apiVersion"));
        let about = format!("conversion webhook for {of}, Kind={}", self.kind);
        let answer = match reply {
            Reply::Failed(why) => return Err(format!("{about} failed: {why}")),
            Reply::Answer(answer) => answer,
        };
        let failed = |why: &str| Err(format!("{about} failed: {why}"));
        let Some(response) = answer.get("response").filter(|response| response.is_object()) else {
            return failed("no response provided");
        };
        let (uid, told) = (request("uid").and_then(Value::as_str).unwrap_or_default(), text(response, "/uid"));
        if told != uid {
            return failed(&format!("expected response.uid={uid:?}, got {told:?}"));
        }
        match (text(response, "/result/status"), text(response, "/result/message")) {
            ("Success", _) => {}
            (status, "") => {
                return failed(&format!("response.result.status was '{status}', not 'Success'"));
            }
            (_, message) => return failed(message),
        }
        let converted = response.get("convertedObjects").and_then(Value::as_array).cloned().unwrap_or_default();
        if converted.len() != asked.len() {
            return Err(format!("{about} returned {} objects, expected {}", converted.len(), asked.len()));
        }
        let mut known = self.known();
        if known.answers.len() + asked.len() > KEPT {
            known.answers.clear();
        }
        for (index, (asked, mut converted)) in asked.into_iter().zip(converted).enumerate() {
            let invalid =
                |why: String| Err(format!("{about} returned invalid converted object at index {index}: {why}"));
            let told = text(&converted, "/apiVersion");
            if told != version {
                return invalid(format!("invalid groupVersion (expected {version}, received {told})"));
            }
            let (expected, told) = (text(&asked, "/kind"), text(&converted, "/kind"));
            if told != expected {
                return invalid(format!("invalid kind (expected {expected}, received {told})"));
            }
            for member in ["name", "namespace", "uid"] {
                let pointer = format!("/metadata/{member}");
                let (told, expected) = (text(&converted, &pointer), text(&asked, &pointer));
                if told != expected {
                    let member = if member == "uid" { "UID" } else { member };
                    return invalid(format!("must have the same {member}: {told} != {expected}"));
                }
            }
            keep_metadata(&asked, &mut converted);
            known.answers.insert((version.to_owned(), asked.to_string()), converted);
        }
        Ok(())
    }
}

fn without_version(object: &Value) -> Value {
    let mut bare = object.clone();
    if let Some(Value::Object(metadata)) = bare.get_mut("metadata") {
        metadata.remove("resourceVersion");
    }
    bare
}

/// Of an object's metadata a webhook changes labels and annotations alone.
fn keep_metadata(asked: &Value, converted: &mut Value) {
    let theirs = converted.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut metadata: Map<String, Value> =
        asked.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default();
    for member in ["labels", "annotations"] {
        match theirs.get(member) {
            Some(value) => metadata.insert(member.to_owned(), value.clone()),
            None => metadata.remove(member),
        };
    }
    if let Value::Object(fields) = converted {
        fields.insert("metadata".to_owned(), Value::Object(metadata));
    }
}
