//! Deleting objects: at once, or after the finalizers that hold them back.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::body::{Body, Language};
use super::present::Look;
use super::query::{dry_run_fault, options};
use super::read::{Unread, answer_list, is_builtin, subject};
use super::scope::{Scope, key, name_in, table};
use super::update::{Place, is_namespace, is_released};
use super::write::{Cx, Writing};
use super::{Server, body, meta, reply, shape};
use crate::admission::{Change as Reviewed, Operation};
use crate::catalog::Resource;
use crate::crd::establish;
use crate::field::{FieldError, kind_of};
use crate::kinds;
use crate::status::{self, ApiError, Details, Subject};
use crate::store::{self, Object};

/// What becomes of an object's dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// How an object is to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeleteOptions {
    pub(crate) propagation: Option<Propagation>,
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    pub(crate) grace_seconds: Option<i64>,
    /// The client said so in the older way, which has an answer of its own.
    no_orphans: bool,
}

/// What a delete left behind.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// The object is gone; this is its last state.
    Gone(Arc<Object>),
    /// The object is marked and waits for its finalizers.
    Marked(Arc<Object>),
}

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";
const CHILD_PODS: &str = "child pods are preserved by default when jobs are deleted; set \
                          propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this \
                          warning";

impl DeleteOptions {
    fn read(writing: &Writing<'_>, cx: &mut Cx<'_>) -> Result<Self, ApiError> {
        let body = match writing.body.is_empty() {
            true => None,
            false => {
                body::check_size(writing.body)?;
                let language = Language::of(&writing.head.headers, true)?;
                let Body { value, .. } =
                    Body::parse(language, writing.body, ("v1", "DeleteOptions")).map_err(|fault| match language {
                        Language::Json => {
                            ApiError::bad_request(format!("couldn't get version/kind; json parse error: {fault}"))
                        }
                        _ => ApiError::bad_request(fault),
                    })?;
                if !matches!(value, Value::Object(_) | Value::Null) {
                    return Err(ApiError::bad_request(format!(
                        "couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go value of type \
                         struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \
                         \"json:\\\"kind,omitempty\\\"\" }}",
                        kind_of(&value)
                    )));
                }
                if let Some(ty) = kinds::named("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions") {
                    kinds::check(ty, &value).map_err(ApiError::bad_request)?;
                }
                match value.get("kind").and_then(Value::as_str).unwrap_or_default() {
                    "" | "DeleteOptions" => Some(value),
                    kind => {
                        let given = value.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
                        let version = if given.is_empty() { "meta.k8s.io/v1" } else { given };
                        return Err(ApiError::bad_request(format!(
                            "no kind \"{kind}\" is registered for version \"{version}\" in scheme \
                             \"pkg/runtime/scheme.go:111\""
                        )));
                    }
                }
            }
        };
        // A body speaks for all options; without one the query does.
        let options = match body {
            Some(options) => options,
            None => {
                let query = writing.query;
                let mut options = json!({"dryRun": query.all("dryRun").collect::<Vec<_>>()});
                let members = meta::members(&mut options);
                meta::set(members, "propagationPolicy", query.get("propagationPolicy").map(Value::from));
                meta::set(members, "orphanDependents", query.flag("orphanDependents").map(Value::from));
                meta::set(members, "gracePeriodSeconds", query.number("gracePeriodSeconds")?.map(Value::from));
                options
            }
        };
        let is_told = |name: &str, value: &Value| {
            !matches!(name, "kind" | "apiVersion")
                && !value.is_null()
                && value.as_array().is_none_or(|all| !all.is_empty())
        };
        cx.options = options.as_object().cloned().unwrap_or_default();
        cx.options.retain(|name, value| is_told(name, value));
        Self::check(&options, cx)
    }

    /// Reads options that have been parsed.
    pub(crate) fn check(given: &Value, cx: &mut Cx<'_>) -> Result<Self, ApiError> {
        let policy = given.get("propagationPolicy").and_then(Value::as_str);
        let orphans = given.get("orphanDependents").and_then(Value::as_bool);
        let dry_run: Vec<&str> =
            given.get("dryRun").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut faults = Vec::new();
        if let (Some(policy), Some(_)) = (policy, orphans) {
            let why = "orphanDependents and deletionPropagation cannot be both set";
            faults.push(FieldError::invalid("propagationPolicy", policy, why));
        }
        let propagation = match (policy, orphans) {
            (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
            (None, None) => None,
            (Some(other), _) => {
                let known = ["Foreground", "Background", "Orphan", "nil"];
                faults.push(FieldError::not_supported("propagationPolicy", other, known));
                None
            }
        };
        faults.extend(dry_run_fault(&dry_run));
        if !faults.is_empty() {
            return Err(ApiError::invalid(options("DeleteOptions"), "", &faults));
        }
        cx.dry_run |= !dry_run.is_empty();
        let condition = |member: &str| {
            given.get("preconditions").and_then(|all| all.get(member)).and_then(Value::as_str).map(str::to_owned)
        };
        Ok(Self {
            propagation,
            uid: condition("uid"),
            resource_version: condition("resourceVersion"),
            grace_seconds: given.get("gracePeriodSeconds").and_then(Value::as_i64),
            no_orphans: orphans == Some(false),
        })
    }

    /// Refuses to delete another object than the one that is meant.
    fn precondition(&self, resource: &Resource, name: &str, object: &Object) -> Result<(), ApiError> {
        let kind = Subject { group: &resource.group, resource: &resource.kind };
        let value = object.value();
        let uid = meta::text(&value, "uid");
        if let Some(wanted) = self.uid.as_deref().filter(|wanted| *wanted != uid) {
            let why = format!(
                "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have \
                 been deleted and then recreated"
            );
            return Err(ApiError::conflict(kind, name, &why));
        }
        let rv = object.rv.to_string();
        if let Some(wanted) = self.resource_version.as_deref().filter(|wanted| *wanted != rv) {
            let why = format!(
                "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record \
                 ({rv}). The object might have been modified"
            );
            return Err(ApiError::conflict(kind, name, &why));
        }
        Ok(())
    }

    /// The finalizers that an object has once its deletion is asked for.
    fn finalizers(&self, resource: &Resource, object: &Value) -> Vec<String> {
        let present = meta::finalizers(object);
        let wants = |one: &str, policy: Propagation| match self.propagation {
            Some(propagation) => propagation == policy,
            None if present.contains(&ORPHAN) || present.contains(&FOREGROUND) => present.contains(&one),
            None => one == ORPHAN && orphans_by_itself(resource),
        };
        let (orphan, foreground) = (wants(ORPHAN, Propagation::Orphan), wants(FOREGROUND, Propagation::Foreground));
        let kept = present.iter().filter(|finalizer| **finalizer != ORPHAN && **finalizer != FOREGROUND);
        let mut finalizers: Vec<String> = kept.map(|finalizer| (*finalizer).to_owned()).collect();
        if orphan {
            finalizers.push(ORPHAN.to_owned());
        }
        if foreground {
            finalizers.push(FOREGROUND.to_owned());
        }
        let same = finalizers.len() == present.len() && finalizers.iter().all(|one| present.contains(&one.as_str()));
        if same { present.into_iter().map(str::to_owned).collect() } else { finalizers }
    }
}

impl Server {
    pub(crate) fn delete_by_request(
        &mut self,
        writing: &Writing<'_>,
        cx: &mut Cx<'_>,
    ) -> Result<Response<Bytes>, ApiError> {
        let target = writing.target;
        let resource = &target.resource;
        let options = DeleteOptions::read(writing, cx)?;
        let Some(name) = target.name.as_deref() else { return self.delete_collection(writing, &options, cx) };
        let says_what_becomes = options.propagation.is_some();
        if is_job(resource) && !says_what_becomes {
            cx.warnings.push(CHILD_PODS.to_owned());
        }
        let deleted = self.delete((resource, target.namespace.as_deref(), name), &options, cx)?;
        match deleted {
            Deleted::Gone(last) if !answers_object(resource) => {
                let details = Details {
                    name: name.to_owned(),
                    group: resource.group.clone(),
                    kind: resource.plural.clone(),
                    uid: meta::text(&last.value(), "uid").to_owned(),
                    ..Details::default()
                };
                Ok(reply::status(StatusCode::OK, &status::success(&details), writing.accepted.media))
            }
            Deleted::Gone(object) => writing.shown(&object, StatusCode::OK, cx.now),
            Deleted::Marked(object) => {
                let code = if options.no_orphans { StatusCode::ACCEPTED } else { StatusCode::OK };
                writing.shown(&object, code, cx.now)
            }
        }
    }

    fn delete_collection(
        &mut self,
        writing: &Writing<'_>,
        options: &DeleteOptions,
        cx: &mut Cx<'_>,
    ) -> Result<Response<Bytes>, ApiError> {
        let target = writing.target;
        let resource = &target.resource;
        let list = writing.query.list_options(false)?;
        let scope = Scope::new(target, &list)?;
        let (at, from) = self.place(&scope, &list).map_err(|unread| match unread {
            Unread::Refused(error) => error,
            Unread::Future(rv) => ApiError::too_new(rv, self.store.current_rv()),
        })?;
        let (head, doomed) = self.selected(&scope, &list, at, &from);
        let doomed: Vec<(Arc<str>, Arc<Object>)> =
            doomed.into_iter().map(|(key, object)| (key.clone(), object.clone())).collect();
        // None of them goes before it is known what is seen of all.
        for (_, object) in doomed.iter().filter(|_| resource.converter().is_some()) {
            let (Marking::Held(last) | Marking::Released(last)) = mark(resource, options, object, cx.now);
            let _ = self.settled(resource, &last, cx);
            let _ = writing.look.converted(resource, object);
        }
        if resource.converter().is_some_and(|converter| converter.is_asking()) {
            return Err(ApiError::internal("a webhook is to be called first"));
        }
        for (key, _) in &doomed {
            match self.delete_of((resource, target.namespace.as_deref(), name_in(key)), "", options, cx) {
                Ok(_) => {}
                Err(error) if error.code == 404 => {}
                Err(error) => return Err(error),
            }
        }
        let items: Vec<&Arc<Object>> = doomed.iter().map(|(_, object)| object).collect();
        Ok(answer_list(resource, head, &items, writing.accepted, writing.look, cx.now))
    }

    /// Deletes an object, or marks it if something holds it back.
    pub(crate) fn delete(
        &mut self,
        place: Place<'_>,
        options: &DeleteOptions,
        cx: &mut Cx<'_>,
    ) -> Result<Deleted, ApiError> {
        self.delete_of(place, place.2, options, cx)
    }

    /// The same for a request that names this object, or none of many.
    fn delete_of(
        &mut self,
        (resource, namespace, name): Place<'_>,
        named: &str,
        options: &DeleteOptions,
        cx: &mut Cx<'_>,
    ) -> Result<Deleted, ApiError> {
        let (table, key) = (table(resource), key(namespace, name));
        let found = self.store.warmed(&table, &key);
        let object = found.ok_or_else(|| ApiError::not_found(subject(resource), name))?;
        if is_namespace(resource) && matches!(name, "default" | "kube-system" | "kube-public" | "kube-node-lease") {
            return Err(ApiError::forbidden(subject(resource), name, "this namespace may not be deleted"));
        }
        options.precondition(resource, name, &object)?;
        let old = Look::plain(self.catalog.generation()).value(resource, &object);
        let change = Reviewed {
            operation: Operation::Delete,
            resource,
            part: "",
            namespace: namespace.unwrap_or_default(),
            name: named,
            new: None,
            old: Some(&old),
        };
        self.mutate(&change, cx)?;
        self.approve(&change, cx)?;
        let marked = match mark(resource, options, &object, cx.now) {
            Marking::Held(marked) => marked,
            Marking::Released(last) => {
                self.settled(resource, &last, cx)?;
                let shown = Object::new(last.clone(), object.rv, store::Change::Deleted, object.written_under);
                if cx.dry_run {
                    return Ok(Deleted::Gone(Arc::new(shown)));
                }
                let gone = self.store.delete_as(&table, &key, last).unwrap_or_else(|| Arc::new(shown));
                self.release(resource, &old, &Value::Null);
                self.after_write(resource, name, cx.now, cx.rng);
                return Ok(Deleted::Gone(gone));
            }
        };
        if marked == *object.value() {
            return Ok(Deleted::Marked(object));
        }
        self.settled(resource, &marked, cx)?;
        if cx.dry_run {
            let shown = Object::new(marked, object.rv, store::Change::Modified, object.written_under);
            return Ok(Deleted::Marked(Arc::new(shown)));
        }
        let changed = self.store.put(&table, &key, marked, object.written_under);
        self.after_write(resource, name, cx.now, cx.rng);
        Ok(Deleted::Marked(changed))
    }
}

/// What asking for its deletion makes of an object.
enum Marking {
    /// Something holds it back, and this is how it waits.
    Held(Value),
    /// Nothing does; this is its last state.
    Released(Value),
}

fn mark(resource: &Resource, options: &DeleteOptions, object: &Object, now: Timestamp) -> Marking {
    let value = object.value();
    let mut marked = (*value).clone();
    if is_namespace(resource) {
        return marked_namespace(resource, marked, now);
    }
    if shape::is_definition(resource) && !meta::is_deleting(&marked) {
        // A definition outlives its objects; whoever removes them takes the finalizer away.
        return Marking::Held(establish::mark_deleted(&marked, now));
    }
    let finalizers = options.finalizers(resource, &marked);
    meta::set_finalizers(&mut marked, &finalizers);
    let grace = grace(resource, options, &value);
    let generation = meta::generation(&marked);
    let before = meta::member(&marked, "deletionGracePeriodSeconds").and_then(Value::as_i64);
    let deleting = meta::is_deleting(&marked);
    let metadata = meta::of(&mut marked);
    if !deleting && generation > 0 {
        // A client may have written the greatest of all.
        metadata.insert("generation".into(), generation.wrapping_add(1).into());
    }
    if !deleting || before.is_some_and(|before| grace < before) {
        let at = now.checked_add(SignedDuration::from_secs(grace)).unwrap_or(now);
        metadata.insert("deletionTimestamp".into(), meta::time(at));
        metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
    }
    match is_released(resource, &marked) {
        false => Marking::Held(marked),
        // Only pods tell in their last state that they were to go.
        true if is_pod(resource) => Marking::Released(marked),
        true => Marking::Released(Arc::unwrap_or_clone(value)),
    }
}

/// A namespace goes through a phase of its own, until its content is gone and its finalizers are removed.
fn marked_namespace(resource: &Resource, mut marked: Value, now: Timestamp) -> Marking {
    if !meta::is_deleting(&marked) {
        meta::of(&mut marked).insert("deletionTimestamp".into(), meta::time(now));
        meta::members(meta::entry(&mut marked, "status")).insert("phase".into(), "Terminating".into());
    }
    match is_released(resource, &marked) {
        true => Marking::Released(marked),
        false => Marking::Held(marked),
    }
}

/// How long an object is given to end by itself: only a pod on a node that has not ended yet is given any time.
fn grace(resource: &Resource, options: &DeleteOptions, object: &Value) -> i64 {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if !is_pod(resource) || text("/spec/nodeName").is_empty() || matches!(text("/status/phase"), "Succeeded" | "Failed")
    {
        return 0;
    }
    // Asked again without a number, the time that was given before stands.
    let before = meta::member(object, "deletionGracePeriodSeconds").and_then(Value::as_i64);
    let usual = object.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(30);
    options.grace_seconds.or(before).unwrap_or(usual).max(0)
}

/// Jobs and replication controllers leave their pods alone unless they are told otherwise.
fn orphans_by_itself(resource: &Resource) -> bool {
    is_job(resource) || resource.group.is_empty() && resource.plural == "replicationcontrollers"
}

fn is_job(resource: &Resource) -> bool {
    resource.group == "batch" && resource.plural == "jobs"
}

fn is_pod(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "pods"
}

/// Whether a delete answers the object's last state and not a Status.
fn answers_object(resource: &Resource) -> bool {
    const ANSWER: [&str; 8] = [
        "pods",
        "services",
        "podtemplates",
        "persistentvolumes",
        "persistentvolumeclaims",
        "serviceaccounts",
        "resourcequotas",
        "namespaces",
    ];
    const STORAGE: [&str; 5] =
        ["csidrivers", "csinodes", "storageclasses", "volumeattachments", "volumeattributesclasses"];
    const DEVICES: [&str; 4] = ["deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices"];
    let plural = resource.plural.as_str();
    is_builtin(resource)
        && match resource.group.as_str() {
            "" => ANSWER.contains(&plural),
            "storage.k8s.io" => STORAGE.contains(&plural),
            "resource.k8s.io" => DEVICES.contains(&plural),
            _ => false,
        }
}
