//! The items of sets and maps, each of which may be there once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Additional, ListType, Structural};
use crate::field::{FieldError, Path};

impl Structural {
    /// The items that occur a second time in lists of type set or map.
    pub(crate) fn duplicates(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        self.find_duplicates(object, &Path::root(), &mut errors);
        errors
    }

    fn find_duplicates(&self, value: &Value, path: &Path, errors: &mut Vec<FieldError>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Some(schema) = self.properties.get(name) {
                        schema.find_duplicates(value, &path.child(name), errors);
                    }
                    if let Additional::Schema(schema) = &self.additional {
                        schema.find_duplicates(value, &path.key(name), errors);
                    }
                }
            }
            Value::Array(items) => {
                self.duplicate_items(items, path, errors);
                if let Some(schema) = &self.items {
                    for (index, item) in items.iter().enumerate() {
                        schema.find_duplicates(item, &path.index(index), errors);
                    }
                }
            }
            _ => {}
        }
    }

    fn duplicate_items(&self, items: &[Value], path: &Path, errors: &mut Vec<FieldError>) {
        match &self.list {
            ListType::Atomic => {}
            ListType::Set => {
                for index in second_occurrences(items.iter()) {
                    if let Some(item) = items.get(index) {
                        errors.push(FieldError::duplicate(path.index(index), item));
                    }
                }
            }
            ListType::Map(keys) => {
                if let Some((index, item)) =
                    items.iter().enumerate().find(|(_, item)| !item.is_null() && !item.is_object())
                {
                    errors.push(FieldError::invalid(
                        path.index(index),
                        item,
                        "must be an object for an array of list-type map",
                    ));
                    return;
                }
                let found: Vec<Value> = items.iter().map(|item| key_of(item, keys)).collect();
                for index in second_occurrences(found.iter()) {
                    if let Some(key) = found.get(index) {
                        errors.push(FieldError::duplicate(path.index(index), key));
                    }
                }
            }
        }
    }
}

/// The fields of an item of a map that tell it from the others, as an object.
pub(super) fn key_of(item: &Value, keys: &[String]) -> Value {
    let fields: Map<String, Value> =
        keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone()))).collect();
    Value::Object(fields)
}

/// The places at which a value is seen for the second time; later ones are not told again.
fn second_occurrences<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<usize> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut places = Vec::new();
    for (index, value) in values.enumerate() {
        let times = seen.entry(value.to_string()).or_default();
        *times += 1;
        if *times == 2 {
            places.push(index);
        }
    }
    places
}
