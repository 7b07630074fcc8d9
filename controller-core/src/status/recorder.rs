//! Owns the writing of Kubernetes events.
//!
//! They are core/v1 events with `count` and `lastTimestamp`, which every version of `kubectl describe` and
//! `kubectl get events` shows. An event that can't be written is logged and never fails the run that left it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::core::Request;
use kube::core::params::{Patch, PatchParams, PostParams};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::account::{Account, Entry, Words};
use crate::context::Event;
use crate::env::Clock;
use crate::key::Key;

/// The API server refuses longer messages.
const MESSAGE: usize = 1024;

/// An event that is not written within this time is given up: a worker waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often another name is tried where one is taken.
const RENAMES: u32 = 3;

/// The longest name of an object.
const NAME: usize = 253;

/// The object that an event is about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) key: Key,
    pub(crate) uid: Option<String>,
    pub(crate) version: String,
}

/// Writes the events of one controller.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// The name under which the events are reported.
    reporter: Arc<str>,
    /// Which process reports.
    instance: Arc<str>,
    clock: Clock,
    account: Mutex<Account>,
}

impl Recorder {
    pub(crate) fn new(reporter: Arc<str>, instance: Arc<str>, clock: Clock) -> Self {
        Self { reporter, instance, clock, account: Mutex::default() }
    }

    /// Writes one event. `doing` is the action where the event names none.
    pub(crate) async fn record(&self, client: &Client, subject: &Subject, event: &Event, doing: &str) {
        let words = Words {
            object: subject.uid.clone().unwrap_or_else(|| format!("{} {}", subject.kind, subject.key)),
            severity: event.severity().as_str(),
            reason: event.reason().to_owned(),
            message: shortened(event.message()),
        };
        let now = self.clock.now();
        let entry = self.account.lock().enter(&words, now.as_duration().as_secs_f64());
        let written = match entry {
            Entry::HeldBack => {
                tracing::debug!(key = %subject.key, reason = event.reason(), "the object has too many events: held back");
                return;
            }
            Entry::Again { name, count } => match self.send(client, count_up(subject, &name, count, now)).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {
                    self.account.lock().forgotten(&words);
                    self.create(client, subject, event, doing, words, now).await
                }
                written => written,
            },
            Entry::New => self.create(client, subject, event, doing, words, now).await,
        };
        if let Err(error) = written {
            let namespace = namespace_of(subject);
            tracing::warn!(
                key = %subject.key,
                reason = event.reason(),
                error = %crate::error::chain(&error),
                "an event could not be written: allow create and patch on events in namespace {namespace}, or look at the API server"
            );
        }
    }

    async fn create(
        &self,
        client: &Client,
        subject: &Subject,
        event: &Event,
        doing: &str,
        words: Words,
        now: Timestamp,
    ) -> Result<(), kube::Error> {
        let mut tries = 0;
        loop {
            let name = name_of(subject, self.account.lock().stamp(now.as_nanosecond()));
            let body = self.body(subject, event, doing, &words, &name, now).to_string().into_bytes();
            let request = Request::new(path(subject)).create(&PostParams::default(), body);
            match self.send(client, request).await {
                // Another controller wrote an event on the same object in the same moment.
                Err(kube::Error::Api(status)) if status.code == 409 && tries < RENAMES => tries += 1,
                Err(error) => return Err(error),
                Ok(()) => {
                    self.account.lock().created(words, name);
                    return Ok(());
                }
            }
        }
    }

    fn body(&self, subject: &Subject, event: &Event, doing: &str, words: &Words, name: &str, now: Timestamp) -> Value {
        let time = seconds(now);
        let mut involved = json!({
            "apiVersion": subject.api_version,
            "kind": subject.kind,
            "name": subject.key.name(),
            "resourceVersion": subject.version,
        });
        if let Some(namespace) = subject.key.namespace() {
            involved["namespace"] = namespace.into();
        }
        if let Some(uid) = &subject.uid {
            involved["uid"] = uid.as_str().into();
        }
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace_of(subject)},
            "involvedObject": involved,
            "type": words.severity,
            "reason": words.reason,
            "message": words.message,
            "action": event.action_word().unwrap_or(doing),
            "count": 1,
            "firstTimestamp": time,
            "lastTimestamp": time,
            "source": {"component": &*self.reporter},
            "reportingComponent": &*self.reporter,
            "reportingInstance": &*self.instance,
        })
    }

    async fn send(
        &self,
        client: &Client,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<(), kube::Error> {
        let request = request.map_err(kube::Error::BuildRequest)?;
        match tokio::time::timeout(PATIENCE, client.request::<Value>(request)).await {
            Ok(answer) => answer.map(|_| ()),
            Err(_) => Err(kube::Error::Service("the API server did not answer in time".into())),
        }
    }
}

fn count_up(
    subject: &Subject,
    name: &str,
    count: u32,
    now: Timestamp,
) -> Result<http::Request<Vec<u8>>, kube::core::request::Error> {
    let patch = Patch::Merge(json!({"count": count, "lastTimestamp": seconds(now)}));
    Request::new(path(subject)).patch(name, &PatchParams::default(), &patch)
}

/// The object's name and a number, as client-go names events.
fn name_of(subject: &Subject, stamp: i128) -> String {
    let number = format!("{stamp:x}");
    let name: String = subject.key.name().chars().take(NAME - 1 - number.len()).collect();
    // Names of a few built-in kinds have characters that names of events have not.
    let name = name.replace(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'), "-").to_ascii_lowercase();
    format!("{}.{number}", name.trim_matches(['.', '-']))
}

fn path(subject: &Subject) -> String {
    format!("/api/v1/namespaces/{}/events", namespace_of(subject))
}

/// Events of objects without a namespace stand in `default`, where kubectl looks for them.
fn namespace_of(subject: &Subject) -> &str {
    subject.key.namespace().unwrap_or("default")
}

/// Kubernetes' times of events have whole seconds.
fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn shortened(message: &str) -> String {
    if message.len() <= MESSAGE {
        return message.to_owned();
    }
    let mut end = MESSAGE - "…".len();
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &message[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(key: Key) -> Subject {
        Subject {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            key,
            uid: Some("uid-1".into()),
            version: "7".into(),
        }
    }

    #[test]
    fn an_event_has_what_kubectl_describe_looks_for() {
        let clock = Clock::starting_at("2026-01-01T00:00:00Z".parse().expect("a time"));
        let recorder = Recorder::new("web".into(), "web-1".into(), clock);
        let words = Words { object: "uid-1".into(), severity: "Warning", reason: "R".into(), message: "m".into() };
        let now = "2026-01-01T00:00:00.5Z".parse().expect("a time");
        let body = |key| recorder.body(&subject(key), &Event::warning("R", "m"), "Reconcile", &words, "web.1", now);
        let expect = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "web.1", "namespace": "shop"},
            "involvedObject": {
                "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop",
                "uid": "uid-1", "resourceVersion": "7",
            },
            "type": "Warning", "reason": "R", "message": "m", "action": "Reconcile", "count": 1,
            "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z",
            "source": {"component": "web"}, "reportingComponent": "web", "reportingInstance": "web-1",
        });
        assert_eq!(body(Key::namespaced("shop", "web")), expect);
        assert_eq!(body(Key::cluster("node-a"))["metadata"]["namespace"], "default");
    }

    #[test]
    fn the_name_of_an_event_is_a_name() {
        let name = |name: &str| name_of(&subject(Key::cluster(name)), 255);
        assert_eq!(name("web"), "web.ff");
        assert_eq!(name("system:Node"), "system-node.ff");
        assert_eq!(name(&"x".repeat(253)).len(), 253);
    }

    #[test]
    fn a_message_is_cut_where_the_server_would_refuse_it() {
        assert_eq!(shortened("short"), "short");
        let cut = shortened(&"ü".repeat(2000));
        assert!(cut.len() <= MESSAGE && cut.ends_with("ü…"), "{} bytes", cut.len());
    }
}
