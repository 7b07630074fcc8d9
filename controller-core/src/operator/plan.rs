//! Owns what is checked of an operator before it starts, and the report of what will run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::admin::{ControllerLine, SchemaLine, SchemaOrigin};
use crate::dispatch::{declared_watches, declared_writes};
use crate::supervisor::{ChildSpec, ControllerFacts, Supervisor, SupervisorError};
use crate::watch::WatchSpec;

/// The kubelet's `terminationGracePeriodSeconds` where a pod says nothing.
const CUSTOMARY_GRACE: Duration = Duration::from_secs(30);

/// A tree that may start.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) root: Supervisor,
    /// What the controllers watch and read, each kind and scope as far as it is known before the server is asked.
    pub(crate) declared: Vec<WatchSpec>,
    /// Where they write.
    pub(crate) writes: Vec<WatchSpec>,
    /// Its controllers, by name.
    pub(crate) names: Vec<&'static str>,
    pub(crate) controllers: Vec<ControllerLine>,
    pub(crate) warnings: Vec<String>,
}

/// Why an operator does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("two controllers are named {name}: {first} and {second}; give one of them another with `name = \"..\"`")]
    SameName { name: &'static str, first: &'static str, second: &'static str },
    #[error("`namespaces([])` leaves nothing to watch: name a namespace, or leave the call out to watch all")]
    NoNamespaces,
    #[error(
        "`namespaces` has \"{name}\", which is no name of a namespace: a-z, 0-9 and -, at most 63, a letter or digit at both ends"
    )]
    BadNamespace { name: String },
    #[error(transparent)]
    Tree(#[from] SupervisorError),
}

impl Plan {
    pub(crate) fn check(root: Supervisor, narrowed: Option<&[String]>) -> Result<Self, PlanError> {
        if let Some(narrowed) = narrowed {
            if narrowed.is_empty() {
                return Err(PlanError::NoNamespaces);
            }
            if let Some(name) = narrowed.iter().find(|name| !is_dns_label(name)) {
                return Err(PlanError::BadNamespace { name: name.clone() });
            }
        }
        let (mut controllers, mut declared, mut writes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut names, mut same) = (BTreeMap::new(), None);
        root.each_worker(&mut |child: &ChildSpec| {
            let Some(facts) = child.controller_facts() else { return };
            controllers.push(line(facts, narrowed));
            declared.extend(declared_watches(&facts.descriptor, &facts.reads, narrowed));
            writes.extend(declared_writes(&facts.descriptor, &facts.writes, narrowed));
            if let Some(first) = names.insert(facts.descriptor.name(), facts.type_name) {
                same.get_or_insert((facts.descriptor.name(), first, facts.type_name));
            }
        });
        if let Some((name, first, second)) = same {
            return Err(PlanError::SameName { name, first, second });
        }
        root.check_childspecs()?;
        let mut warnings = Vec::new();
        if root.children().next().is_none() {
            warnings.push("the operator has no controllers: give it one with `.controller(..)`".to_owned());
        }
        match root.longest_stop() {
            Some(longest) if longest > CUSTOMARY_GRACE => warnings.push(format!(
                "stopping can take {longest:?}: set terminationGracePeriodSeconds above that, or shorten `shutdown`; the default is {CUSTOMARY_GRACE:?}"
            )),
            None => warnings.push(
                "stopping can take for ever: a worker has `shutdown = infinity`, and the kubelet kills the pod after terminationGracePeriodSeconds".to_owned(),
            ),
            Some(_) => {}
        }
        if cfg!(panic = "abort") {
            warnings.push("built with `panic = \"abort\"`: a panic in a callback ends the process".to_owned());
        }
        Ok(Self { root, declared, writes, names: names.into_keys().collect(), controllers, warnings })
    }
}

/// One controller of the start report: its kind, scope and schema.
fn line(facts: &ControllerFacts, narrowed: Option<&[String]>) -> ControllerLine {
    let descriptor = &facts.descriptor;
    let (api_version, kind, namespaced) = match descriptor.watched_kind() {
        Ok(kind) => (kind.api_version(), kind.kind, kind.namespaced),
        // The controller refuses it at its start, in full words.
        Err(_) => (String::new(), String::new(), None),
    };
    let own = descriptor.namespaces_asked_for();
    let scope = match (own, narrowed) {
        _ if namespaced == Some(false) => "cluster-scoped".to_owned(),
        ([], None) => "all namespaces".to_owned(),
        ([], Some(narrowed)) => namespaces(narrowed.iter().map(String::as_str)),
        (own, _) => namespaces(own.iter().copied()),
    };
    let schema = match (descriptor.schema_text(), facts.schema_of_type) {
        (Some(text), _) => SchemaLine::new(SchemaOrigin::Written, serde_json::from_str(text).ok().as_ref()),
        (None, Some(schema)) => SchemaLine::new(SchemaOrigin::Type, Some(&schema())),
        (None, None) => SchemaLine::new(SchemaOrigin::None, None),
    };
    ControllerLine { name: descriptor.name(), api_version, kind, scope, schema }
}

/// RFC 1123, as the API server checks names of namespaces.
fn is_dns_label(name: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends = bytes.first().zip(bytes.last()).is_some_and(|(first, last)| inside(*first) && inside(*last));
    ends && bytes.len() <= 63 && bytes.iter().all(|byte| inside(*byte) || *byte == b'-')
}

fn namespaces<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    match names.as_slice() {
        [one] => format!("namespace {one}"),
        many => format!("namespaces {}", many.join(", ")),
    }
}

#[cfg(test)]
mod tests;
