//! Owns reading of one store by callbacks: by key, by index, and typed.

use std::sync::Arc;

use parking_lot::Mutex;

use super::index::{By, Indexes, label};
use super::memo::Memo;
use super::store::Found;
use super::{Entry, Slot, View};
use crate::context::{Decode, Query, Typed};
use crate::error::Error;
use crate::json::{Pointer, place_of};
use crate::key::Key;

/// The objects of one store, as callbacks read them. Whoever follows the watch of the store tells it of each change.
pub(crate) struct Reader {
    view: View,
    decode: Decode,
    indexes: Mutex<Indexes>,
    memo: Mutex<Memo>,
}

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("\"{pointer}\" is no JSON pointer: write it as \"/spec/nodeName\"")]
    Pointer { pointer: String },
    #[error("{key} does not decode{}", place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default())]
    Undecodable {
        key: Key,
        place: Option<String>,
        #[source]
        source: serde_json::Error,
    },
}

impl Reader {
    pub(crate) fn new(view: View, decode: Decode) -> Self {
        Self { view, decode, indexes: Mutex::default(), memo: Mutex::default() }
    }

    /// An object changed, came or went.
    pub(crate) fn changed(&self, slot: Slot, before: Option<&Entry>, now: Option<&Entry>) {
        self.indexes.lock().changed(slot, before, now);
    }

    pub(crate) fn get(&self, key: &Key) -> Result<Option<Typed>, Error> {
        self.view.find(key).map(|found| self.typed(&found)).transpose()
    }

    /// The objects that a query asks for, in the order of their slots.
    pub(crate) fn find(&self, query: &Query) -> Result<Vec<Found>, Error> {
        let wanted = Wanted::of(query)?;
        let mut found = self.candidates(&wanted);
        found.retain(|(_, entry)| wanted.is(entry));
        Ok(found)
    }

    /// The object in the controller's type.
    pub(crate) fn typed(&self, (slot, entry): &Found) -> Result<Typed, Error> {
        if let Some(typed) = self.memo.lock().get(*slot, entry) {
            return Ok(typed);
        }
        let bytes = entry.bytes();
        let typed = (self.decode)(&bytes).map_err(|source| {
            let place = place_of(&bytes, &source).filter(|place| !place.is_empty());
            Error::temporary(ReadError::Undecodable { key: entry.key(), place, source })
        })?;
        self.memo.lock().put(*slot, entry, Arc::clone(&typed));
        Ok(typed)
    }

    /// What an index finds, or everything. An index may be a moment behind the store, so each candidate is looked at.
    fn candidates(&self, wanted: &Wanted<'_>) -> Vec<Found> {
        let Some((by, value)) = wanted.best() else { return self.view.snapshot() };
        let begun = self.indexes.lock().begin(&by);
        if begun {
            let snapshot = self.view.snapshot();
            // Reading the values takes a while, and the watch goes on meanwhile.
            let values: Vec<_> = snapshot.iter().map(|(slot, entry)| (*slot, by.values(entry))).collect();
            self.indexes.lock().complete(&by, values);
        }
        let slots = self.indexes.lock().find(&by, value);
        match slots {
            Some(slots) => slots.into_iter().filter_map(|slot| Some((slot, self.view.get(slot)?))).collect(),
            None => self.view.snapshot(),
        }
    }
}

/// A query, taken apart.
struct Wanted<'a> {
    query: &'a Query,
    fields: Vec<(Pointer, &'a str)>,
}

impl<'a> Wanted<'a> {
    fn of(query: &'a Query) -> Result<Self, Error> {
        let field = |(pointer, value): &'a (String, String)| {
            let wrong = || Error::permanent(ReadError::Pointer { pointer: pointer.clone() });
            Ok((Pointer::parse(pointer).ok_or_else(wrong)?, &**value))
        };
        Ok(Self { query, fields: query.fields.iter().map(field).collect::<Result<_, Error>>()? })
    }

    /// The index that is likely to find the fewest.
    fn best(&self) -> Option<(By, &str)> {
        let field = self.fields.first().map(|(pointer, value)| (By::Field(pointer.clone()), *value));
        let owner = || self.query.owner.as_deref().map(|uid| (By::Owner, uid));
        let label = || self.query.labels.equality().map(|(key, value)| (By::Label(key.to_owned()), value));
        let namespace = || self.query.namespace.as_deref().map(|namespace| (By::Namespace, namespace));
        owner().or(field).or_else(label).or_else(namespace)
    }

    fn is(&self, entry: &Entry) -> bool {
        let Query { namespace, owner, labels, .. } = self.query;
        let has = |by: By, value: &str| by.values(entry).iter().any(|found| found == value);
        namespace.as_ref().is_none_or(|namespace| entry.namespace() == Some(namespace))
            && owner.as_ref().is_none_or(|uid| has(By::Owner, uid))
            && labels.matches(|key| label(entry, key))
            && self.fields.iter().all(|(pointer, value)| pointer.text(&entry.json()).as_deref() == Some(*value))
    }
}

#[cfg(test)]
mod tests;
