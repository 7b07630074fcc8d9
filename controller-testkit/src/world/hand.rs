//! The world's hand: reads the store and writes through the server as the cluster's own controllers do.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::author;
use super::event::{Names, Telling};
use super::object;
use super::queue::{Place, Work};
use super::waiting::Wanted;
use crate::catalog::{Resource, Shape};
use crate::server::{Answer, Server};
use crate::store::Range;

/// A built-in kind that the world works on.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    version: &'static str,
    pub(super) plural: &'static str,
    /// As in `apiVersion`.
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
}

/// The kinds that the world works on.
pub(super) mod kind {
    use super::Kind;

    macro_rules! kinds {
        ($($name:ident: $group:literal $version:literal $plural:literal $api_version:literal $kind:literal;)*) => {
            $(pub(in crate::world) const $name: Kind = Kind {
                group: $group,
                version: $version,
                plural: $plural,
                api_version: $api_version,
                kind: $kind,
            };)*
        };
    }
    kinds! {
        NAMESPACES: "" "v1" "namespaces" "v1" "Namespace";
        NODES: "" "v1" "nodes" "v1" "Node";
        PODS: "" "v1" "pods" "v1" "Pod";
        CONFIG_MAPS: "" "v1" "configmaps" "v1" "ConfigMap";
        SECRETS: "" "v1" "secrets" "v1" "Secret";
        SERVICES: "" "v1" "services" "v1" "Service";
        ENDPOINTS: "" "v1" "endpoints" "v1" "Endpoints";
        SLICES: "discovery.k8s.io" "v1" "endpointslices" "discovery.k8s.io/v1" "EndpointSlice";
        SERVICE_ACCOUNTS: "" "v1" "serviceaccounts" "v1" "ServiceAccount";
        EVENTS: "" "v1" "events" "v1" "Event";
        CLAIMS: "" "v1" "persistentvolumeclaims" "v1" "PersistentVolumeClaim";
        VOLUMES: "" "v1" "persistentvolumes" "v1" "PersistentVolume";
        STORAGE_CLASSES: "storage.k8s.io" "v1" "storageclasses" "storage.k8s.io/v1" "StorageClass";
        REPLICATION_CONTROLLERS: "" "v1" "replicationcontrollers" "v1" "ReplicationController";
        REPLICASETS: "apps" "v1" "replicasets" "apps/v1" "ReplicaSet";
        DEPLOYMENTS: "apps" "v1" "deployments" "apps/v1" "Deployment";
        STATEFULSETS: "apps" "v1" "statefulsets" "apps/v1" "StatefulSet";
        DAEMONSETS: "apps" "v1" "daemonsets" "apps/v1" "DaemonSet";
        REVISIONS: "apps" "v1" "controllerrevisions" "apps/v1" "ControllerRevision";
        JOBS: "batch" "v1" "jobs" "batch/v1" "Job";
        CRON_JOBS: "batch" "v1" "cronjobs" "batch/v1" "CronJob";
        QUOTAS: "" "v1" "resourcequotas" "v1" "ResourceQuota";
        BUDGETS: "policy" "v1" "poddisruptionbudgets" "policy/v1" "PodDisruptionBudget";
        DEFINITIONS: "apiextensions.k8s.io" "v1" "customresourcedefinitions" "apiextensions.k8s.io/v1"
            "CustomResourceDefinition";
        CLUSTER_ROLES: "rbac.authorization.k8s.io" "v1" "clusterroles" "rbac.authorization.k8s.io/v1" "ClusterRole";
    }
}

impl Kind {
    /// The store's table of this kind.
    pub(super) fn table(&self) -> Arc<str> {
        format!("{}/{}", self.group, self.plural).into()
    }

    /// Whether an object in that place is of this kind.
    pub(super) fn is(&self, place: &Place) -> bool {
        place.table.split_once('/') == Some((self.group, self.plural))
    }

    /// Where an object of that name is; cluster-wide kinds have an empty namespace.
    pub(super) fn place(&self, namespace: &str, name: &str) -> Place {
        let key = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
        Place { table: self.table(), key: key.into() }
    }

    fn path(&self, namespace: &str) -> String {
        path(self.group, self.version, namespace, self.plural)
    }
}

fn path(group: &str, version: &str, namespace: &str, plural: &str) -> String {
    let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    if namespace.is_empty() { format!("{root}/{plural}") } else { format!("{root}/namespaces/{namespace}/{plural}") }
}

/// Whose work a write is: the kubelet's is on the status of pods.
fn program(path: &str) -> &'static str {
    match path {
        _ if path.contains("/clusterroles/") => crate::auth::AGGREGATED,
        _ if path.contains("/pods/") && path.ends_with("/status") => "kubelet",
        _ => "kube-controller-manager",
    }
}

/// An object as it was when the hand looked.
#[derive(Clone)]
pub(super) struct Seen(Arc<Value>);

impl Deref for Seen {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

/// Reads and writes at one moment, for one piece of work.
pub(super) struct Hand<'a> {
    server: &'a mut Server,
    now: Timestamp,
    rng: &'a mut fastrand::Rng,
    work: &'a Work,
    /// A write that has waited for a webhook, to go on where the work comes to it.
    answered: Option<Request<Bytes>>,
    /// The write that waits now: until it is answered nothing more is written.
    pub(super) wanted: Option<Wanted>,
    /// Events that wait: the work goes on without them.
    pub(super) events: Vec<Wanted>,
    /// Why the server refused the last write, if it did.
    pub(super) refusal: Option<String>,
    /// Why the work could not make what it wants: it is done again after a while.
    pub(super) failure: Option<String>,
    /// Whether that has been told: it has failed before.
    told: bool,
}

impl<'a> Hand<'a> {
    pub(super) fn new(
        server: &'a mut Server,
        now: Timestamp,
        rng: &'a mut fastrand::Rng,
        work: &'a Work,
        answered: Option<Request<Bytes>>,
        told: bool,
    ) -> Self {
        let (wanted, events, refusal, failure) = (None, Vec::new(), None, None);
        Hand { server, now, rng, work, answered, wanted, events, refusal, failure, told }
    }

    pub(super) fn server(&self) -> &Server {
        self.server
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// The time so much later.
    pub(super) fn after(&self, wait: SignedDuration) -> Timestamp {
        self.now.checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    /// The object in that place.
    pub(super) fn get(&self, place: &Place) -> Option<Seen> {
        self.server.store().get(&place.table, &place.key).map(|object| Seen(object.value()))
    }

    /// The role in that place, at which it looks often.
    pub(super) fn role(&self, place: &Place) -> Option<Seen> {
        self.server.store().get(&place.table, &place.key).map(|object| Seen(object.kept_value().clone()))
    }

    /// The places of all objects of a resource.
    pub(super) fn places(&self, group: &str, plural: &str) -> Vec<Place> {
        self.scan(&format!("{group}/{plural}"), "")
    }

    /// The places of all objects of a kind in a namespace.
    pub(super) fn places_of(&self, kind: &Kind, namespace: &str) -> Vec<Place> {
        self.scan(&kind.table(), &format!("{namespace}/"))
    }

    /// The places of all objects of a resource in a namespace.
    pub(super) fn places_within(&self, group: &str, plural: &str, namespace: &str) -> Vec<Place> {
        self.scan(&format!("{group}/{plural}"), &format!("{namespace}/"))
    }

    /// The places of all objects in a namespace, of whatever kind.
    pub(super) fn places_in(&self, namespace: &str) -> Vec<Place> {
        let prefix = format!("{namespace}/");
        let tables: Vec<Arc<str>> = self.server.store().tables().cloned().collect();
        tables.iter().flat_map(|table| self.scan(table, &prefix)).collect()
    }

    fn scan(&self, table: &str, prefix: &str) -> Vec<Place> {
        let table: Arc<str> = table.into();
        let range = Range { prefix, from: "" };
        let keys = self.server.store().scan(&table, range).map(|(key, _)| key.clone());
        keys.map(|key| Place { table: table.clone(), key }).collect()
    }

    /// How messages name the kind of an object: `pods.`, `deployments.apps`.
    pub(super) fn qualified(&self, place: &Place) -> String {
        let (group, plural) = place.table.split_once('/').unwrap_or(("", &place.table));
        format!("{plural}.{group}")
    }

    /// Creates an object, and says where it is; none if the server refuses it.
    pub(super) fn create(&mut self, kind: &Kind, namespace: &str, body: &Value) -> Option<Place> {
        let mut body = body.clone();
        body["apiVersion"] = json!(kind.api_version);
        body["kind"] = json!(kind.kind);
        let made = self.send(Method::POST, &kind.path(namespace), "application/json", &body)?;
        Some(kind.place(namespace, object::name(&made)))
    }

    /// Creates an object for its owner, and tells how that went. What can't be made is tried again.
    pub(super) fn create_for(
        &mut self,
        owner: &Value,
        [made, failed]: [&Telling; 2],
        names: Names<'_>,
        (kind, namespace): (&Kind, &str),
        body: &Value,
    ) -> Option<Place> {
        if let Some(place) = self.create(kind, namespace, body) {
            let name = place.name().to_owned();
            self.tell(made, owner, &[&[("made", name.as_str())], names].concat());
            return Some(place);
        }
        let why = self.refusal.take()?;
        self.tell_of_failure(failed, owner, &[&[("why", why.as_str())], names].concat(), &why);
        None
    }

    /// Tells why something can't be made, once however often it is tried.
    pub(super) fn tell_of_failure(&mut self, failed: &Telling, about: &Value, names: Names<'_>, why: &str) {
        if !self.told {
            self.tell(failed, about, names);
        }
        self.failure = Some(why.to_owned());
    }

    /// Merges a patch into an object.
    pub(super) fn patch(&mut self, place: &Place, patch: &Value) {
        self.merge(place, "", patch);
    }

    /// Writes an object anew, if nobody has written it since.
    pub(super) fn replace(&mut self, place: &Place, object: &Value) {
        if let Some(path) = self.path_of(place) {
            self.send(Method::PUT, &path, "application/json", object);
        }
    }

    /// Merges a patch into an object's status, which most kinds have apart from the rest.
    pub(super) fn patch_status(&mut self, place: &Place, patch: &Value) {
        self.merge(place, "/status", patch);
    }

    /// Whether the status of objects there is written apart from the rest.
    pub(super) fn has_status(&self, place: &Place) -> bool {
        let (group, plural) = place.table.split_once('/').unwrap_or(("", &place.table));
        let catalog = self.server.catalog();
        let versions = catalog.group(group).into_iter().flat_map(|group| &group.versions);
        versions.filter_map(|version| catalog.get(group, version, plural)).any(|resource| resource.has_status())
    }

    fn merge(&mut self, place: &Place, subresource: &str, patch: &Value) {
        if let Some(path) = self.path_of(place) {
            let path = format!("{path}{subresource}");
            self.send(Method::PATCH, &path, "application/merge-patch+json", patch);
        }
    }

    /// Deletes an object, if it is still the one with that uid where one is given.
    pub(super) fn delete(&mut self, place: &Place, uid: &str, propagation: &str) {
        self.delete_with(place, uid, json!({"propagationPolicy": propagation}));
    }

    /// Deletes a pod whose time to leave has come.
    pub(super) fn delete_now(&mut self, place: &Place, uid: &str) {
        self.delete_with(place, uid, json!({"gracePeriodSeconds": 0}));
    }

    fn delete_with(&mut self, place: &Place, uid: &str, mut options: Value) {
        options["apiVersion"] = json!("v1");
        options["kind"] = json!("DeleteOptions");
        if !uid.is_empty() {
            options["preconditions"] = json!({"uid": uid});
        }
        if let Some(path) = self.path_of(place) {
            self.send(Method::DELETE, &path, "application/json", &options);
        }
    }

    /// Puts a pod on a node.
    pub(super) fn bind(&mut self, place: &Place, uid: &str, node: &str) {
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": place.name(), "namespace": place.namespace(), "uid": uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        if let Some(path) = self.path_of(place) {
            self.send(Method::POST, &format!("{path}/binding"), "application/json", &binding);
        }
    }

    /// Writes a namespace's own finalizers.
    pub(super) fn finalize(&mut self, place: &Place, namespace: &Value) {
        if let Some(path) = self.path_of(place) {
            self.send(Method::PUT, &format!("{path}/finalize"), "application/json", namespace);
        }
    }

    /// The path of an object, in whichever version is served; none if its kind is served no more.
    fn path_of(&self, place: &Place) -> Option<String> {
        let (group, plural) = place.table.split_once('/')?;
        let catalog = self.server.catalog();
        let served = || catalog.group(group).into_iter().flat_map(|group| &group.versions);
        let resources = || served().filter_map(|version| Some((version, catalog.get(group, version, plural)?)));
        // In the version in which it is stored nothing is lost on the way.
        let is_stored = |resource: &Resource| match &resource.shape {
            Shape::Custom(version) => version.storage == version.name,
            Shape::Builtin(_) => true,
        };
        let stored = resources().find(|(_, resource)| is_stored(resource));
        let (version, _) = stored.or_else(|| resources().next())?;
        Some(format!("{}/{}", path(group, version, place.namespace().unwrap_or_default(), plural), place.name()))
    }

    /// Sends a request, and gives the object that it is answered with.
    fn send(&mut self, method: Method, path: &str, content_type: &str, body: &Value) -> Option<Value> {
        self.refusal = None;
        if self.wanted.is_some() {
            return None;
        }
        let is_it = |request: &mut Request<Bytes>| *request.method() == method && request.uri().path() == path;
        let request = match self.answered.take_if(is_it) {
            Some(request) => request,
            None => Request::builder()
                .method(&method)
                .uri(path)
                .header(CONTENT_TYPE, content_type)
                .header(USER_AGENT, program(path))
                .extension(author::of(self.work, path))
                .body(Bytes::from(body.to_string()))
                .ok()?,
        };
        let answer = match self.server.handle(request, self.now, self.rng) {
            Answer::Whole(response) => response,
            Answer::Call { call, request } => {
                let wanted = Wanted { call, request };
                match path.ends_with("/events") {
                    true => self.events.push(wanted),
                    false => self.wanted = Some(wanted),
                }
                return None;
            }
            Answer::Watch { .. } | Answer::Later { .. } => return None,
        };
        let is_done = answer.status().is_success();
        let answer: Value = serde_json::from_slice(answer.body()).ok()?;
        if is_done {
            return Some(answer);
        }
        // Who else writes decides what is left to do: what is refused is looked at again when something changes.
        let why = object::text(&answer, "/message");
        tracing::debug!(target: "controller_testkit::world", %method, path, why, "the server refused a controller");
        self.refusal = Some(why.to_owned());
        None
    }
}
