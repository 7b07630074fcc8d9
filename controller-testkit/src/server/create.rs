//! Creating an object.

use std::sync::Arc;

use serde_json::Value;

use super::definitions::DEFINITIONS;
use super::part::Part;
use super::read::{is_builtin, kind_of, subject};
use super::scope::{key, table};
use super::write::Cx;
use super::{Server, admit, etcd, meta, owners, rules, shape};
use crate::admission::{Change as Reviewed, Kind, Operation};
use crate::apply::Operation as Written;
use crate::catalog::Resource;
use crate::crd::establish;
use crate::field::{Cause, FieldError};
use crate::status::{ApiError, Subject};
use crate::store::{Change, Object};

/// How often a name is drawn for a `generateName`.
const TRIES: usize = 8;

/// The generation of the catalog of what is never shown as it is kept.
const UNREAD: u64 = u64::MAX;

const NAMESPACES: Subject<'static> = Subject { group: "", resource: "namespaces" };

impl Server {
    /// Creates an object; a dry run leaves no trace.
    pub(crate) fn create(
        &mut self,
        resource: &Arc<Resource>,
        namespace: Option<&str>,
        mut object: Value,
        cx: &mut Cx<'_>,
    ) -> Result<Arc<Object>, ApiError> {
        place(&mut object, namespace)?;
        let metadata = meta::of(&mut object);
        let claimed = metadata.get("resourceVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        for member in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"] {
            metadata.remove(member);
        }
        let (record, before) = match &cx.owners {
            Some(_) => (etcd::Owners::Needed, Some(0)),
            None => (etcd::Owners::Spared, None),
        };
        let managers = cx.owners.take().unwrap_or_else(|| {
            let writer = cx.writer(resource, Part::Main, Written::Update);
            let nothing = owners::nothing(resource);
            let said = owners::before("", &nothing, &object);
            owners::after_update(resource, &nothing, &object, said, &writer)
        });
        rules::tidy(&mut object, &mut cx.warnings);
        meta::of(&mut object).remove("selfLink");
        let asked = meta::name(&object).to_owned();
        self.open_definition(resource, &asked)?;
        if let Some(namespace) = namespace {
            self.open_namespace(resource, &asked, namespace)?;
        }
        let change = Reviewed {
            operation: Operation::Create,
            resource,
            part: "",
            namespace: namespace.unwrap_or_default(),
            name: &asked,
            new: None,
            old: None,
        };
        let is_asked = self.asks(Kind::Mutating, &change, cx);
        if is_asked {
            // What is seen is what the kind and the server make of the object by themselves.
            shape::complete(resource, &mut object);
        }
        self.admit_new(resource, namespace, &mut object, cx.rng)?;
        // Webhooks see whose fields they are; what they add is nobody's, unless they say whose it is.
        managers.put(&mut object);
        if is_asked && let Some(mutated) = self.mutate(&Reviewed { new: Some(&object), ..change }, cx)? {
            let is_changed = mutated != object;
            object = mutated;
            place(&mut object, namespace)?;
            owners::after_webhooks(&mut object, &managers, &mut cx.warnings);
            if is_changed {
                self.admit_new(resource, namespace, &mut object, cx.rng)?;
            }
        }
        self.no_escalation(resource, namespace, &object, None, &cx.user)?;
        let metadata = meta::of(&mut object);
        metadata.insert("uid".into(), meta::uid(cx.rng).into());
        metadata.insert("creationTimestamp".into(), meta::time(cx.now));
        // A driver of volumes has a generation once it was changed.
        if resource.manages_generation && resource.plural != "csidrivers" {
            metadata.insert("generation".into(), 1.into());
        }
        admit::sign(resource, &mut object, &cx.user);
        let table = table(resource);
        let name = self.free_name(resource, &table, namespace, &object, cx)?;
        if !name.is_empty() {
            meta::of(&mut object).insert("name".into(), name.as_str().into());
        }
        shape::renew(resource, &mut object, &mut cx.warnings);
        let told = cx.warnings.len();
        let faults = settle(resource, &name, &mut object, cx);
        let unmet = match faults.is_empty() {
            true => self.allot(resource, &mut object, None, cx.dry_run),
            false => Err(ApiError::invalid(kind_of(resource), &name, &faults)),
        };
        // Nothing is said of an object that is refused.
        unmet.inspect_err(|_| cx.warnings.truncate(told))?;
        shape::tidy(resource, &mut object);
        let change = Reviewed { name: &name, new: Some(&object), ..change };
        self.approve(&change, cx)?;
        self.charge(&change, cx)?;
        // Only the storage minds, which a dry run never gets to.
        if !cx.dry_run && claimed.parse::<u64>().is_ok_and(|version| version != 0) {
            return Err(ApiError::unforeseen("resourceVersion should not be set on objects to be created"));
        }
        let key = key(namespace, &name);
        if !cx.dry_run {
            object = etcd::fitted(resource, &key, object, before, record)?;
        }
        if let Some(existing) = self.store.get(&table, &key) {
            return Err(match existing.is_deleting() {
                true => ApiError::being_deleted(subject(resource), &name),
                false if asked.is_empty() => ApiError::generate_name(subject(resource), &name),
                false => ApiError::already_exists(subject(resource), &name),
            });
        }
        let written_under = match shape::is_unread(resource, &object) {
            true => UNREAD,
            false => self.catalog.generation(),
        };
        if cx.dry_run {
            if !claimed.is_empty() {
                meta::of(&mut object).insert("resourceVersion".into(), claimed.into());
            }
            return Ok(Arc::new(Object::new(object, 0, Change::Added, written_under)));
        }
        let object = shape::stored(resource, object);
        self.settled(resource, &object, cx)?;
        self.allocate(resource, &object, cx.now, cx.rng);
        let created = self.store.put(&table, &key, object, written_under);
        self.after_write(resource, &name, cx.now, cx.rng);
        Ok(created)
    }

    /// The name that was asked for, or a drawn one that is free if there is one.
    fn free_name(
        &self,
        resource: &Resource,
        table: &str,
        namespace: Option<&str>,
        object: &Value,
        cx: &mut Cx<'_>,
    ) -> Result<String, ApiError> {
        let name = meta::name(object);
        let base = meta::text(object, "generateName");
        if name.is_empty() && base.is_empty() && (resource.group.as_str(), resource.kind.as_str()) == ("", "LimitRange")
        {
            // They need no names.
            return Ok(meta::uid(cx.rng));
        }
        if !name.is_empty() || base.is_empty() {
            return Ok(name.to_owned());
        }
        let mut drawn = String::new();
        for _ in 0..TRIES {
            drawn = meta::generated(base, cx.rng);
            if self.store.get(table, &key(namespace, &drawn)).is_none() {
                return Ok(drawn);
            }
        }
        Err(ApiError::generate_name(subject(resource), &drawn))
    }

    /// Refuses new objects in a namespace that does not exist or is on its way out.
    fn open_namespace(&self, resource: &Resource, name: &str, namespace: &str) -> Result<(), ApiError> {
        let found = self.store.get("/namespaces", namespace);
        match found {
            None => Err(ApiError::not_found(NAMESPACES, namespace)),
            Some(found) if found.is_deleting() => {
                Err(ApiError::namespace_terminating(subject(resource), name, namespace))
            }
            Some(_) => Ok(()),
        }
    }
}

impl Server {
    /// Refuses new objects of a definition that is on its way out.
    fn open_definition(&self, resource: &Resource, name: &str) -> Result<(), ApiError> {
        if is_builtin(resource) {
            return Ok(());
        }
        let definition = format!("{}.{}", resource.plural, resource.group);
        match self.store.get(DEFINITIONS, &definition) {
            Some(definition) if definition.is_deleting() || establish::is_terminating(definition.kept_value()) => {
                let why = "create not allowed while custom resource definition is terminating";
                Err(ApiError::forbidden(subject(resource), name, why))
            }
            _ => Ok(()),
        }
    }
}

/// Makes of a new object what its kind makes of it. Gives its faults, in the order in which they are told.
fn settle(resource: &Resource, name: &str, object: &mut Value, cx: &mut Cx<'_>) -> Vec<FieldError> {
    // What the kind adds to metadata is judged with the rest of it.
    let of_kind = shape::settle_new(resource, object, cx.now, &mut cx.warnings);
    let mut of_metadata = Vec::new();
    if !shape::judges_metadata(resource) {
        if name.is_empty() {
            of_metadata.push(FieldError::required("metadata.name", "name or generateName is required"));
        }
        of_metadata.extend(rules::faults(&resource.group, object));
    }
    // Of metadata, the name is judged first.
    let is_name = |fault: &FieldError| {
        fault.cause == Cause::Invalid && matches!(fault.field.as_str(), "metadata.name" | "metadata.generateName")
    };
    let (of_name, of_kind): (Vec<_>, Vec<_>) = of_kind.into_iter().partition(is_name);
    let faults = [of_name, of_metadata, of_kind].concat();
    match faults.is_empty() {
        // Not every kind looks at it.
        true => rules::base_faults(object),
        false => faults,
    }
}

/// Puts the object into the namespace of the request.
pub(crate) fn place(object: &mut Value, namespace: Option<&str>) -> Result<(), ApiError> {
    let claimed = meta::namespace(object);
    match namespace {
        Some(namespace) if claimed.is_empty() || claimed == namespace => {
            meta::of(object).insert("namespace".into(), namespace.into());
            Ok(())
        }
        Some(_) => Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        )),
        None => {
            meta::of(object).remove("namespace");
            Ok(())
        }
    }
}
