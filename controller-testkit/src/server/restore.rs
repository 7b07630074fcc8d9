//! Putting an object back as a backup holds it.

use jiff::Timestamp;
use serde_json::Value;

use super::scope::{key, table};
use super::{Server, meta};

/// Why an object can't be put back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The kind is not served.
    #[error("no kind {kind} is served in {api_version:?}: install its definition first, or mend apiVersion and kind")]
    Kind {
        /// What the object says.
        api_version: String,
        /// What the object says.
        kind: String,
    },
    /// The object has no name, or no namespace though its kind lives in one, or a namespace though it does not.
    #[error("{kind} {name:?} can't be placed: write metadata.name, and metadata.namespace where the kind has one")]
    Place {
        /// What the object says.
        kind: String,
        /// What the object says.
        name: String,
    },
}

impl Server {
    /// Stores the object past every check, with its status and its managedFields. What a stored object always has
    /// (uid, creationTimestamp) is filled in.
    pub(crate) fn restore(
        &mut self,
        mut object: Value,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<(), RestoreError> {
        let text = |member: &str| object.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", &api_version));
        let Some(resource) = self.catalog.by_kind(group, version, &kind).cloned() else {
            return Err(RestoreError::Kind { api_version, kind });
        };
        let name = meta::name(&object).to_owned();
        let namespace = Some(meta::namespace(&object).to_owned()).filter(|namespace| !namespace.is_empty());
        if name.is_empty() || namespace.is_some() != resource.namespaced {
            return Err(RestoreError::Place { kind, name });
        }
        let metadata = meta::of(&mut object);
        metadata.entry("uid").or_insert_with(|| meta::uid(rng).into());
        metadata.entry("creationTimestamp").or_insert_with(|| meta::time(now));
        let generation = self.catalog.generation();
        self.allocate(&resource, &object, now, rng);
        self.store.put(&table(&resource), &key(namespace.as_deref(), &name), object, generation);
        self.after_write(&resource, &name, now, rng);
        Ok(())
    }
}
