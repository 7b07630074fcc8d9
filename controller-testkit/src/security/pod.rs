//! A pod as the checks look at it.

use std::collections::BTreeSet;

use serde_json::Value;

static NOTHING: Value = Value::Null;

const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// A pod, or a template of pods.
#[derive(Clone, Copy)]
pub(super) struct Pod<'a> {
    pub(super) metadata: &'a Value,
    pub(super) spec: &'a Value,
}

/// Who has something that they should not have, and what it is.
#[derive(Default)]
pub(super) struct Found<'a> {
    pub(super) pod: bool,
    pub(super) containers: Vec<&'a str>,
    pub(super) values: BTreeSet<String>,
}

/// The pods that an object of a kind asks for: the object itself, or its template; none for kinds that have none.
pub(crate) fn pod_in<'a>(group: &str, kind: &str, object: &'a Value) -> Option<&'a Value> {
    let place = match (group, kind) {
        ("", "Pod") => "",
        ("", "PodTemplate") => "/template",
        ("", "ReplicationController")
        | ("apps", "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job") => "/spec/template",
        ("batch", "CronJob") => "/spec/jobTemplate/spec/template",
        _ => return None,
    };
    object.pointer(place).filter(|pod| pod.is_object())
}

/// Whether a pod was changed in what may break a check: in its containers, or in the image of one.
pub(crate) fn matters(new: &Value, old: &Value) -> bool {
    let images = |pod: &Value, list: &str| -> Vec<Value> {
        let spec = pod.get("spec").unwrap_or(&NOTHING);
        items(spec, list).map(|container| container.get("image").cloned().unwrap_or_default()).collect()
    };
    let brief = |pod: &Value| -> Vec<(String, Value)> {
        let spec = pod.get("spec").unwrap_or(&NOTHING);
        let names = items(spec, "ephemeralContainers").map(|container| name(container).to_owned());
        names.zip(images(pod, "ephemeralContainers")).collect()
    };
    let before = brief(old);
    // Ephemeral containers only come, others are never more nor fewer.
    ["containers", "initContainers"].iter().any(|list| images(new, list) != images(old, list))
        || brief(new).iter().any(|container| !before.contains(container))
}

impl<'a> Pod<'a> {
    pub(super) fn of(pod: &'a Value) -> Self {
        let part = |name: &str| pod.get(name).unwrap_or(&NOTHING);
        Pod { metadata: part("metadata"), spec: part("spec") }
    }

    /// All of its containers, in the order in which they are told.
    pub(super) fn containers(self) -> impl Iterator<Item = &'a Value> {
        CONTAINERS.into_iter().flat_map(move |list| items(self.spec, list))
    }

    pub(super) fn annotations(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.metadata.get("annotations").and_then(Value::as_object).into_iter().flatten();
        all.filter_map(|(name, text)| Some((name.as_str(), text.as_str()?)))
    }

    pub(super) fn is_for_windows(self) -> bool {
        self.spec.pointer("/os/name").is_some_and(|name| name == "windows")
    }

    /// Whether its root is not the node's.
    pub(super) fn has_users_of_its_own(self) -> bool {
        self.spec.get("hostUsers") == Some(&Value::Bool(false))
    }

    /// Whether it says something for all of its containers.
    pub(super) fn has(self, member: &str) -> bool {
        context(self.spec, member).is_some()
    }

    /// Who sets that member of a security context to something that it may not be.
    pub(super) fn setters(self, member: &str, may_be: impl Fn(&Value) -> bool) -> Found<'a> {
        let mut found = Found::default();
        let mut is_bad = |of: &Value| {
            let bad = context(of, member).filter(|value| !may_be(value));
            found.values.extend(bad.and_then(Value::as_str).map(str::to_owned));
            bad.is_some()
        };
        let pod = is_bad(self.spec);
        let containers = self.containers().filter(|container| is_bad(container)).map(name).collect();
        Found { pod, containers, ..found }
    }

    /// The containers of which something holds.
    pub(super) fn those(self, holds: impl Fn(&'a Value) -> bool) -> Found<'a> {
        Found {
            containers: self.containers().filter(|container| holds(container)).map(name).collect(),
            ..Found::default()
        }
    }
}

impl Found<'_> {
    pub(super) fn is_nothing(&self) -> bool {
        !self.pod && self.containers.is_empty()
    }

    /// `pod and containers "a", "b"`.
    pub(super) fn who(&self) -> String {
        let pod = self.pod.then(|| "pod".to_owned());
        let containers = (!self.containers.is_empty()).then(|| self.containers_told());
        pod.into_iter().chain(containers).collect::<Vec<_>>().join(" and ")
    }

    /// `containers "a", "b"`.
    pub(super) fn containers_told(&self) -> String {
        format!("{} {}", plural("container", self.containers.len()), quoted(&self.containers))
    }
}

/// A member of a security context that is neither missing nor null.
pub(super) fn context<'a>(of: &'a Value, member: &str) -> Option<&'a Value> {
    of.get("securityContext")?.pointer(member).filter(|value| !value.is_null())
}

pub(super) fn name(of: &Value) -> &str {
    of.get("name").and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn items<'a>(of: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    of.get(list).and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn plural(one: &str, count: usize) -> String {
    if count == 1 { one.to_owned() } else { format!("{one}s") }
}

/// Words between quotes, as they are.
pub(super) fn quoted(words: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let words = words.into_iter().map(|word| format!("\"{}\"", word.as_ref()));
    words.collect::<Vec<_>>().join(", ")
}
