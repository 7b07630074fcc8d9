//! Whether an object already is as the schema wants it, found out without touching it.
//!
//! A stored object is pruned and defaulted again whenever it is read, since its definition may have changed. It hardly
//! ever has, so this look saves the copy.

use serde_json::Value;

use super::{Additional, Structural, is_meta_field};

impl Structural {
    /// Whether pruning, dropping nulls and defaulting would leave the object as it is.
    ///
    /// It may answer no where nothing would change, never the other way round.
    pub(crate) fn is_settled(&self, object: &Value) -> bool {
        self.settled(object, true)
    }

    fn settled(&self, value: &Value, root: bool) -> bool {
        match value {
            Value::Object(fields) => {
                let whole = root || self.embedded_resource;
                self.properties.iter().all(|(name, schema)| {
                    schema.default.is_none()
                        || fields.get(name).is_some_and(|value| !value.is_null() || schema.nullable)
                }) && fields.iter().all(|(name, value)| match (self.properties.get(name), &self.additional) {
                    (Some(schema), _) => schema.settled_entry(value),
                    (None, Additional::Schema(schema)) => schema.settled_entry(value),
                    (None, Additional::Allowed(_)) => is_scalar(value),
                    (None, Additional::Unsaid) => self.preserve_unknown || (whole && is_meta_field(name)),
                })
            }
            Value::Array(items) => match &self.items {
                Some(schema) => {
                    items.iter().all(|item| (schema.nullable || !item.is_null()) && schema.settled(item, false))
                }
                None => self.preserve_unknown || items.iter().all(is_scalar),
            },
            _ => true,
        }
    }

    fn settled_entry(&self, value: &Value) -> bool {
        if value.is_null() {
            return self.nullable;
        }
        self.settled(value, false)
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}
