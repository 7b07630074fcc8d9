//! Objects of one version as those of another, where a webhook knows how.
//!
//! A [`Converter`] remembers what the webhook said of each object, and what it has yet to be asked. It does not call:
//! the request that needs an answer waits for it, and is handled anew. Before an object is stored it is converted to the
//! version of its writer, and to those in which somebody watches, who finds the answer here: a watch can't wait. What
//! can't be converted for watchers is stored all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use super::{list, text, texts};
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
    /// What the request at hand can't do without.
    missing: Vec<(String, Value)>,
    /// What those who watch would like to see.
    wished: Vec<(String, Value)>,
    /// What was wished for in vain, as in `answers`.
    refused: BTreeSet<(String, String)>,
    /// The versions in which somebody has begun to watch.
    watched: BTreeSet<String>,
}

/// Who needs what the webhook is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The request, which fails without it.
    Request,
    /// Those who watch, who then see the object as it is.
    Watches,
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
        let watched = before.map(|before| before.known().watched.clone()).unwrap_or_default();
        let known = Mutex::new(Known { watched, ..Known::default() });
        let converter = Self { kind: kind.to_owned(), webhook: webhook.clone(), known };
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

    /// Somebody watches in this version.
    pub(crate) fn is_watched_in(&self, version: &str) {
        self.known().watched.insert(version.to_owned());
    }

    /// Notes that those who watch would like to see this object.
    pub(crate) fn wish(&self, object: &Value) {
        let bare = without_version(object);
        let text = bare.to_string();
        let known = &mut *self.known();
        for version in known.watched.iter().filter(|version| *version != self::text(object, "/apiVersion")) {
            let key = (version.clone(), text.clone());
            if !known.answers.contains_key(&key) && !known.refused.contains(&key) {
                known.wished.push((key.0, bare.clone()));
            }
        }
    }

    /// Whether the webhook is to be asked for anything.
    pub(crate) fn is_asking(&self) -> bool {
        let known = self.known();
        !known.missing.is_empty() || !known.wished.is_empty()
    }

    /// Forgets what is to be asked: somebody else did without it.
    pub(crate) fn forget(&self) {
        let mut known = self.known();
        known.missing.clear();
        known.wished.clear();
    }

    /// The call that asks for what is missing, if anything is, and who needs it.
    pub(crate) fn call(&self, uid: &str) -> Option<(Call, Need)> {
        let known = self.known();
        let (wanted, need) = match known.missing.is_empty() {
            true => (&known.wished, Need::Watches),
            false => (&known.missing, Need::Request),
        };
        let (version, _) = wanted.first()?;
        let mut objects: Vec<&Value> = Vec::new();
        for (_, object) in wanted.iter().filter(|(of, _)| of == version) {
            if !objects.contains(&object) {
                objects.push(object);
            }
        }
        let versions = texts(&self.webhook, "/conversionReviewVersions");
        let spoken = versions.iter().map(String::as_str).find(|version| ["v1", "v1beta1"].contains(version));
        let spoken = spoken.unwrap_or("v1");
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
        let call = Call {
            host,
            authorities: Call::authorities(&client("/caBundle")),
            seconds: 30,
            review: json!({
                "kind": "ConversionReview",
                "apiVersion": format!("apiextensions.k8s.io/{spoken}"),
                "request": {"uid": uid, "desiredAPIVersion": version, "objects": objects},
            }),
        };
        Some((call, need))
    }

    /// Asks no more for what that call asked for in vain.
    pub(crate) fn give_up(&self, call: &Call) {
        let version = text(&call.review, "/request/desiredAPIVersion");
        let mut known = self.known();
        if known.refused.len() > KEPT {
            known.refused.clear();
        }
        known.refused.extend(
            list(&call.review, "/request/objects").iter().map(|object| (version.to_owned(), object.to_string())),
        );
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
        // The older answers were not looked at for whose they are.
        if told != uid && !text(&call.review, "/apiVersion").ends_with("/v1beta1") {
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
