//! Removing what the schema does not know, and the nulls that it does not allow.

use serde_json::Value;

use super::{Additional, MAX_DEPTH, Structural, is_meta_field};

impl Structural {
    /// Removes the fields of an object that the schema does not name, and answers their paths in order.
    ///
    /// The object is a whole one: `apiVersion`, `kind` and `metadata` stay as they are.
    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut pruner = Pruner::default();
        pruner.value(object, Some(self), Place::Root);
        pruner.pruned.sort_unstable();
        pruner.pruned
    }

    /// The same for a value that is not a whole object, such as a default.
    pub(super) fn prune_part(&self, value: &mut Value) -> Vec<String> {
        let mut pruner = Pruner::default();
        pruner.value(value, Some(self), Place::Inside);
        pruner.pruned.sort_unstable();
        pruner.pruned
    }

    /// Removes the nulls that the schema does not allow and for which it has no default.
    ///
    /// Nulls with a default stay: [`fill_defaults`](Structural::fill_defaults) replaces them.
    pub(crate) fn drop_nulls(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => fields.retain(|name, value| {
                let Some(schema) = self.field(name) else {
                    return true;
                };
                if value.is_null() && !schema.nullable && schema.default.is_none() {
                    return false;
                }
                schema.drop_nulls(value);
                true
            }),
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    items.iter_mut().for_each(|item| schema.drop_nulls(item));
                }
            }
            _ => {}
        }
    }
}

/// Where in the object a value stands, as far as the schema at hand does not say it.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// The object itself, whose `apiVersion`, `kind` and `metadata` are left alone.
    Root,
    Inside,
    /// An item of a list that preserves unknown fields, which its items inherit.
    Preserved,
}

#[derive(Default)]
struct Pruner {
    path: String,
    pruned: Vec<String>,
}

impl Pruner {
    fn value(&mut self, value: &mut Value, schema: Option<&Structural>, place: Place) {
        let Some(schema) = schema else {
            self.unknown(value, MAX_DEPTH);
            return;
        };
        let preserve = schema.preserve_unknown || place == Place::Preserved;
        match value {
            Value::Object(fields) => {
                let whole = schema.embedded_resource || place == Place::Root;
                fields.retain(|name, value| {
                    if whole && is_meta_field(name) {
                        return true;
                    }
                    let known = match (schema.properties.get(name), &schema.additional) {
                        (Some(property), _) => Some(property),
                        (None, Additional::Schema(schema)) => Some(&**schema),
                        // Their values have no schema, so that every field inside of them goes.
                        (None, Additional::Allowed(_)) => None,
                        (None, Additional::Unsaid) if preserve => return true,
                        (None, Additional::Unsaid) => {
                            self.record(name);
                            return false;
                        }
                    };
                    self.inside(Step::Field(name), |pruner| {
                        pruner.value(value, known, Place::Inside);
                    });
                    true
                });
            }
            Value::Array(_) if preserve && schema.items.is_none() => {}
            Value::Array(items) => {
                let place = if preserve { Place::Preserved } else { Place::Inside };
                for (index, item) in items.iter_mut().enumerate() {
                    self.inside(Step::Item(index), |pruner| {
                        pruner.value(item, schema.items.as_deref(), place);
                    });
                }
            }
            _ => {}
        }
    }

    /// A value without a schema keeps its shape as a list, and no field of an object.
    fn unknown(&mut self, value: &mut Value, levels: usize) {
        let Some(levels) = levels.checked_sub(1) else {
            *value = Value::Null;
            return;
        };
        match value {
            Value::Object(fields) => {
                for name in fields.keys() {
                    self.record(name);
                }
                fields.clear();
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.inside(Step::Item(index), |pruner| pruner.unknown(item, levels));
                }
            }
            _ => {}
        }
    }

    fn record(&mut self, name: &str) {
        self.inside(Step::Field(name), |pruner| {
            let path = pruner.path.clone();
            pruner.pruned.push(path);
        });
    }

    fn inside(&mut self, step: Step<'_>, run: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        match step {
            Step::Field(name) => {
                if length > 0 {
                    self.path.push('.');
                }
                self.path.push_str(name);
            }
            Step::Item(index) => {
                self.path.push('[');
                self.path.push_str(&index.to_string());
                self.path.push(']');
            }
        }
        run(self);
        self.path.truncate(length);
    }
}

enum Step<'a> {
    Field(&'a str),
    Item(usize),
}
