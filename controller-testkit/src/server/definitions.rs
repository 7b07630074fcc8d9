//! Custom resource definitions in the store, and what is served because of them.
//!
//! A definition is judged and established as soon as it is written; the answer to the write shows it as it was before,
//! as a real server's does, since there another controller is at work.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::{Server, meta, owners, shape};
use crate::catalog::Resource;
use crate::crd::{self, establish};

/// The table of definitions.
pub(crate) const DEFINITIONS: &str = "apiextensions.k8s.io/customresourcedefinitions";

impl Server {
    /// What follows from a change of a stored object within the server itself.
    pub(crate) fn after_write(&mut self, resource: &Resource, name: &str, now: Timestamp, rng: &mut fastrand::Rng) {
        if shape::is_definition(resource) {
            self.establish(name, now);
            let (_, group) = name.split_once('.').unwrap_or_default();
            self.register(group, now, rng);
        }
    }

    /// Serves what the definitions in a store from before define.
    pub(crate) fn take_stock(&mut self, now: Timestamp, rng: &mut fastrand::Rng) {
        let whole = crate::store::Range { prefix: "", from: "" };
        let names: Vec<Arc<str>> = self.store.scan(DEFINITIONS, whole).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.establish(&name, now);
            let (_, group) = name.split_once('.').unwrap_or_default();
            self.register(group, now, rng);
        }
    }

    /// Accepts or refuses a definition's names, and serves what it defines.
    fn establish(&mut self, name: &str, now: Timestamp) {
        let Some(definition) = self.store.get(DEFINITIONS, name).cloned() else {
            self.catalog.remove_custom(name);
            // Its names are free.
            return self.reconsider(name, now);
        };
        let accepted = self.accepted(name, definition.kept_value(), now);
        if let Some(accepted) = accepted {
            let generation = self.catalog.generation();
            let accepted = self.owned(definition.kept_value(), accepted, now);
            self.store.put(DEFINITIONS, name, accepted, generation);
            // Names that this definition had to wait for may be wanted by others, and the other way round.
            self.reconsider(name, now);
        }
        let definition = self.store.get(DEFINITIONS, name).cloned().unwrap_or(definition);
        let value = definition.kept_value();
        match establish::is_established(value) {
            true => self.serve(name, value),
            false => self.catalog.remove_custom(name),
        }
    }

    /// Serves what a definition defines, if that is not what it is served as.
    fn serve(&mut self, name: &str, definition: &Value) {
        let defined = crd::defined(definition);
        if self.catalog.is_defined_so(name, &defined) {
            return;
        }
        let before = self.catalog.converter(name);
        self.catalog.set_custom(name, crd::resources(definition, before.as_ref()), defined);
    }

    fn accepted(&self, name: &str, definition: &Value, now: Timestamp) -> Option<Value> {
        if meta::is_deleting(definition) {
            return None;
        }
        let group = definition.pointer("/spec/group");
        let others: Vec<Arc<_>> = self
            .store
            .scan(DEFINITIONS, crate::store::Range { prefix: "", from: "" })
            .filter(|(other, object)| &***other != name && object.kept_value().pointer("/spec/group") == group)
            .map(|(_, object)| object.clone())
            .collect();
        establish::accept(definition, others.iter().map(|other| &**other.kept_value()), now)
    }

    fn owned(&self, old: &Value, new: Value, now: Timestamp) -> Value {
        match self.catalog.by_kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition") {
            Some(resource) => owners::of_the_server(resource, old, new, now),
            None => new,
        }
    }

    /// Looks again at the group's definitions whose names were taken.
    fn reconsider(&mut self, changed: &str, now: Timestamp) {
        let waiting: Vec<Arc<str>> = self
            .store
            .scan(DEFINITIONS, crate::store::Range { prefix: "", from: "" })
            .filter(|(name, object)| &***name != changed && !establish::is_established(object.kept_value()))
            .map(|(name, _)| name.clone())
            .collect();
        for name in waiting {
            let Some(definition) = self.store.get(DEFINITIONS, &name).cloned() else { continue };
            if let Some(accepted) = self.accepted(&name, definition.kept_value(), now) {
                let generation = self.catalog.generation();
                let accepted = self.owned(definition.kept_value(), accepted, now);
                if establish::is_established(&accepted) {
                    self.serve(&name, &accepted);
                }
                self.store.put(DEFINITIONS, &name, accepted, generation);
            }
        }
    }
}
