//! What the API server itself puts into an empty cluster, beside the roles that `access` knows: the classes of priority
//! of the cluster's own pods, and how requests would be queued.
//!
//! They are those of a kube-apiserver v1.37.2 that has just been started, as this prints them:
//! `kubectl get priorityclasses,flowschemas,prioritylevelconfigurations -o json --show-managed-fields | jq -c '.items[]
//! | del(.metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp, .metadata.managedFields[].time,
//! .status.conditions[]?.lastTransitionTime)'`.

use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::Value;

use super::scope::{key, table};
use super::{Server, meta};
use crate::catalog::{Catalog, split_api_version};

static OBJECTS: &str = include_str!("first.jsonl");

/// An object of a fresh cluster with all but what differs between clusters: its table, its key, and itself.
pub(super) type Template = (String, String, Value);

pub(super) fn template(catalog: &Catalog, object: &Value) -> Option<Template> {
    let (group, version) = split_api_version(object.get("apiVersion")?.as_str()?);
    let resource = catalog.by_kind(group, version, object.get("kind")?.as_str()?)?;
    let namespace = Some(meta::namespace(object)).filter(|namespace| !namespace.is_empty());
    Some((table(resource), key(namespace, meta::name(object)), object.clone()))
}

fn templates(catalog: &Catalog) -> &'static [Template] {
    static MADE: OnceLock<Vec<Template>> = OnceLock::new();
    MADE.get_or_init(|| {
        let objects = OBJECTS.lines().map(serde_json::from_str);
        let objects: Vec<Value> =
            objects.collect::<Result<_, _>>().expect("the file in this folder holds an object in each line");
        objects.iter().filter_map(|object| template(catalog, object)).collect()
    })
}

impl Server {
    /// Puts what every cluster has into the store.
    pub(crate) fn furnish_classes(&mut self, now: Timestamp, rng: &mut fastrand::Rng) {
        self.furnish(templates(&self.catalog), now, rng);
    }

    /// What is there is from an older life, and its owner's: it stays.
    pub(super) fn furnish(&mut self, templates: &[Template], now: Timestamp, rng: &mut fastrand::Rng) {
        let generation = self.catalog.generation();
        for (table, key, object) in templates {
            if self.store.get(table, key).is_some() {
                continue;
            }
            let mut object = object.clone();
            let metadata = meta::of(&mut object);
            metadata.insert("uid".into(), meta::uid(rng).into());
            metadata.insert("creationTimestamp".into(), meta::time(now));
            let entries = metadata.get_mut("managedFields").and_then(Value::as_array_mut);
            for entry in entries.into_iter().flatten() {
                meta::members(entry).insert("time".into(), meta::time(now));
            }
            let conditions = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
            for condition in conditions.into_iter().flatten() {
                meta::members(condition).insert("lastTransitionTime".into(), meta::time(now));
            }
            self.store.put(table, key, object, generation);
        }
    }
}
