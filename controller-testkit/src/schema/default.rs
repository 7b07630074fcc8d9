//! Filling in what the schema has a default for.

use serde_json::Value;

use super::meta::{self, Malformed};
use super::{Additional, Structural};

impl Structural {
    /// The schema whose defaults have of the metadata of embedded resources what metadata has, and no more.
    pub(crate) fn with_true_metadata(mut self) -> Self {
        self.settle_defaults(&[]);
        self
    }

    /// `within` leads here from the object whose metadata this is a part of, if it is one.
    fn settle_defaults(&mut self, within: &[&str]) {
        if let Some(mut default) = self.default.take() {
            let kept = match within.split_first() {
                None => {
                    let _ = self.coerce_embedded(&mut default, Malformed::Drop);
                    Some(default)
                }
                Some(_) => {
                    let wrap =
                        |inner: Value, name: &&str| Value::Object([((*name).to_owned(), inner)].into_iter().collect());
                    let mut around = within.iter().rev().fold(default, wrap);
                    let _ = meta::coerce(&mut around, Malformed::Drop);
                    within.iter().try_fold(&mut around, |outer, name| outer.get_mut(*name)).map(Value::take)
                }
            };
            self.default = kept;
        }
        let is_embedded = self.embedded_resource;
        for (name, schema) in &mut self.properties {
            match within {
                [] if is_embedded && name == "metadata" => schema.settle_defaults(&["metadata"]),
                [] => schema.settle_defaults(&[]),
                within => schema.settle_defaults(&[within, &[name.as_str()]].concat()),
            }
        }
        if within.is_empty() {
            if let Additional::Schema(schema) = &mut self.additional {
                schema.settle_defaults(&[]);
            }
            if let Some(schema) = &mut self.items {
                schema.settle_defaults(&[]);
            }
        }
    }

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
