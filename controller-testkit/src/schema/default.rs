//! Filling in what the schema has a default for.

use serde_json::Value;

use super::{Additional, Structural};

impl Structural {
    /// Sets every field that is missing and has a default, also inside of defaults that were just set.
    ///
    /// A null where the schema allows none counts as missing. A field inside of an object that is itself missing is
    /// not set, unless that object has a default of its own.
    pub(crate) fn fill_defaults(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, schema) in &self.properties {
                    let Some(default) = &schema.default else {
                        continue;
                    };
                    let missing = match fields.get(name) {
                        None => true,
                        Some(value) => value.is_null() && !schema.nullable,
                    };
                    if missing {
                        fields.insert(name.clone(), default.clone());
                    }
                }
                for (name, value) in fields.iter_mut() {
                    let schema = match (self.properties.get(name), &self.additional) {
                        (Some(schema), _) => schema,
                        (None, Additional::Schema(schema)) => {
                            schema.default_null(value);
                            schema
                        }
                        (None, Additional::Unsaid | Additional::Allowed(_)) => continue,
                    };
                    schema.fill_defaults(value);
                }
            }
            Value::Array(items) => {
                let Some(schema) = &self.items else {
                    return;
                };
                for item in items {
                    schema.default_null(item);
                    schema.fill_defaults(item);
                }
            }
            _ => {}
        }
    }

    fn default_null(&self, value: &mut Value) {
        if let (Value::Null, false, Some(default)) = (&*value, self.nullable, &self.default) {
            *value = default.clone();
        }
    }
}
