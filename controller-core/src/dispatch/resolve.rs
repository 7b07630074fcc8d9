//! Owns the way from the kind that a controller names to the collection that is watched.
//!
//! What the attribute and the object type leave open is asked of the API server. A kind that is not there is
//! waited for: it may come with a custom resource definition.

use kube::Client;
use serde::Deserialize;

use super::Scope;
use super::engine::PATIENCE;
use super::live::Start;
use crate::context::Read;
use crate::descriptor::{Descriptor, ResourceFacts, WatchedKind};
use crate::queue::Backoff;
use crate::watch::{ManagedFields, WatchSpec};

/// The kind of a controller as the API server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) plural: String,
    pub(super) namespaced: bool,
}

/// The parts of an `APIResourceList` that are needed.
#[derive(Debug, Deserialize)]
struct Listing {
    #[serde(default)]
    resources: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
    kind: String,
    #[serde(default)]
    namespaced: bool,
}

/// Why the kind is not known yet.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error(
        "the server has no kind {kind} in {api_version}: install its CustomResourceDefinition, or mend `kind` and `api_version`"
    )]
    NoKind { kind: String, api_version: String },
    #[error("the server could not be asked for the kinds of {api_version}: {error}")]
    Unanswered { api_version: String, error: String },
}

/// The collection of a kind. It waits, and says so, until the server has it.
pub(super) async fn resolve(
    controller: &str,
    kind: WatchedKind,
    must_know_scope: bool,
    scope: &Scope,
    start: &Start<'_>,
) -> Resource {
    let backoff = Backoff::new(PATIENCE);
    let mut rng = scope.chance.rng(&format!("{controller} discovery"));
    let mut said = String::new();
    let mut tries = 0;
    loop {
        if let (Some(plural), false) = (&kind.plural, kind.namespaced.is_none() && must_know_scope) {
            return resource(&kind, plural.clone(), kind.namespaced.unwrap_or(true));
        }
        match discover(&scope.client, &kind).await {
            Ok(listed) => return resource(&kind, listed.name, listed.namespaced),
            Err(reason) => {
                let reason = reason.to_string();
                if reason != said {
                    let url = scope.url.as_deref().unwrap_or("the configured API server");
                    tracing::warn!(controller, server = url, "{reason}; waiting for it");
                    start.waits(&reason);
                    said = reason;
                }
            }
        }
        tries += 1;
        tokio::time::sleep(backoff.delay(tries, &mut rng)).await;
    }
}

pub(super) fn resource(kind: &WatchedKind, plural: String, namespaced: bool) -> Resource {
    Resource {
        group: kind.group.clone(),
        version: kind.version.clone(),
        api_version: kind.api_version(),
        kind: kind.kind.clone(),
        plural,
        namespaced,
    }
}

async fn discover(client: &Client, kind: &WatchedKind) -> Result<Listed, NotYet> {
    let api_version = kind.api_version();
    let root = if kind.group.is_empty() { "api" } else { "apis" };
    let no_kind = || NotYet::NoKind { kind: kind.kind.clone(), api_version: api_version.clone() };
    let unanswered = |error: String| NotYet::Unanswered { api_version: api_version.clone(), error };
    let request = http::Request::get(format!("/{root}/{api_version}")).body(Vec::new());
    let request = request.map_err(|error| unanswered(error.to_string()))?;
    match client.request::<Listing>(request).await {
        Ok(listing) => pick(listing, kind).ok_or_else(no_kind),
        Err(kube::Error::Api(status)) if status.code == 404 => Err(no_kind()),
        Err(error) => Err(unanswered(crate::error::chain(&error))),
    }
}

/// The resource of a kind. Subresources stand in the same list under names with a slash.
fn pick(listing: Listing, kind: &WatchedKind) -> Option<Listed> {
    let wanted = |listed: &Listed| {
        listed.kind == kind.kind
            && !listed.name.contains('/')
            && kind.plural.as_ref().is_none_or(|plural| *plural == listed.name)
    };
    listing.resources.into_iter().find(wanted)
}

/// Why a controller can't watch what it asks for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("controller {controller}: {kind} is cluster-scoped, so it has no namespaces: remove `namespace`")]
pub(super) struct NotNamespaced {
    controller: &'static str,
    kind: String,
}

/// What a controller declares to watch and to read, as far as it is known before the server is asked. A kind whose
/// plural or scope only the server knows is taken for one with namespaces.
pub(crate) fn declared_watches(descriptor: &Descriptor, reads: &[Read], narrowed: Option<&[String]>) -> Vec<WatchSpec> {
    let found = |kind: WatchedKind| {
        let (plural, namespaced) = (kind.plural.clone().unwrap_or_default(), kind.namespaced.unwrap_or(true));
        resource(&kind, plural, namespaced)
    };
    // What can't be watched is refused when the controller starts, in full words.
    let own = descriptor.watched_kind().ok().and_then(|kind| watches(descriptor, &found(kind), narrowed).ok());
    let read =
        reads.iter().flat_map(|read| read_watches(descriptor, &found(WatchedKind::of(&read.facts)), read, narrowed));
    own.into_iter().flatten().chain(read).collect()
}

/// Where a controller writes what it declares to write, as places that could be watched: in its own namespaces.
pub(crate) fn declared_writes(
    descriptor: &Descriptor,
    writes: &[ResourceFacts],
    narrowed: Option<&[String]>,
) -> Vec<WatchSpec> {
    let places = |facts: &ResourceFacts| {
        let kind = WatchedKind::of(facts);
        let resource = resource(&kind, facts.plural.clone(), facts.namespaced.unwrap_or(true));
        in_namespaces(descriptor, &resource, narrowed)
    };
    writes.iter().flat_map(places).collect()
}

/// The watches of a controller: one for each namespace, or one for all.
pub(super) fn watches(
    descriptor: &Descriptor,
    resource: &Resource,
    narrowed: Option<&[String]>,
) -> Result<Vec<WatchSpec>, NotNamespaced> {
    let asked_for = descriptor.namespaces_asked_for();
    if !resource.namespaced && !asked_for.is_empty() {
        return Err(NotNamespaced { controller: descriptor.name(), kind: resource.kind.clone() });
    }
    let chosen = |spec| WatchSpec {
        labels: descriptor.label_selector().map(str::to_owned),
        fields: descriptor.field_selector().map(str::to_owned),
        content: descriptor.cached().content,
        managed_fields: if descriptor.cached().managed_fields { ManagedFields::Kept } else { ManagedFields::Cut },
        ..spec
    };
    Ok(in_namespaces(descriptor, resource, narrowed).into_iter().map(chosen).collect())
}

/// The watches of a kind that a controller reads: in its own namespaces, and without its selectors.
pub(super) fn read_watches(
    descriptor: &Descriptor,
    resource: &Resource,
    read: &Read,
    narrowed: Option<&[String]>,
) -> Vec<WatchSpec> {
    let specs = in_namespaces(descriptor, resource, narrowed).into_iter();
    specs.map(|spec| WatchSpec { content: read.content, ..spec }).collect()
}

/// One watch for each of the controller's namespaces, or one for all.
fn in_namespaces(descriptor: &Descriptor, resource: &Resource, narrowed: Option<&[String]>) -> Vec<WatchSpec> {
    let asked_for = descriptor.namespaces_asked_for();
    let mut namespaces: Vec<Option<String>> = match narrowed {
        _ if !resource.namespaced => Vec::new(),
        _ if !asked_for.is_empty() => asked_for.iter().map(|namespace| Some((*namespace).to_owned())).collect(),
        Some(narrowed) => narrowed.iter().cloned().map(Some).collect(),
        None => Vec::new(),
    };
    namespaces.sort();
    namespaces.dedup();
    if namespaces.is_empty() {
        namespaces.push(None);
    }
    let spec = |namespace| WatchSpec {
        group: resource.group.clone(),
        version: resource.version.clone(),
        kind: resource.kind.clone(),
        plural: resource.plural.clone(),
        namespace,
        ..WatchSpec::default()
    };
    namespaces.into_iter().map(spec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(namespaced: bool) -> Resource {
        Resource {
            group: String::new(),
            version: "v1".into(),
            api_version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
            namespaced,
        }
    }

    #[test]
    fn a_watch_for_each_namespace_or_one_for_all() {
        let plain = Descriptor::new("c", "v1", "Pod");
        let two = plain.namespaces(&["b", "a", "b"]);
        let check = |descriptor: &Descriptor, namespaced, narrowed: Option<&[&str]>, expect: Option<&[&str]>| {
            let narrowed = narrowed.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            let found = watches(descriptor, &pods(namespaced), narrowed.as_deref()).ok();
            let found = found.map(|specs| specs.iter().map(WatchSpec::path).collect::<Vec<_>>());
            let expect = expect.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>());
            assert_eq!(found, expect);
        };
        let all = Some(&["/api/v1/pods"][..]);
        let of_a = Some(&["/api/v1/namespaces/a/pods"][..]);
        let of_both = Some(&["/api/v1/namespaces/a/pods", "/api/v1/namespaces/b/pods"][..]);
        check(&plain, true, None, all);
        check(&plain, true, Some(&["a"]), of_a);
        check(&two, true, None, of_both);
        check(&two, true, Some(&["c"]), of_both);
        check(&plain, false, Some(&["a"]), all);
        check(&two, false, None, None);
    }

    #[test]
    fn a_kind_is_found_among_resources_and_subresources() {
        let listing = r#"{"resources": [
            {"name": "pods/status", "kind": "Pod", "namespaced": true},
            {"name": "bindings", "kind": "Binding", "namespaced": true},
            {"name": "pods", "kind": "Pod", "namespaced": true, "verbs": ["list"]}
        ]}"#;
        let pick = |kind: &'static str| {
            let wanted = Descriptor::new("c", "v1", kind).watched_kind().expect("both are written");
            pick(serde_json::from_str(listing).expect("it is a list"), &wanted).map(|listed| listed.name)
        };
        assert_eq!(pick("Pod").as_deref(), Some("pods"));
        assert_eq!(pick("Node"), None);
    }
}
