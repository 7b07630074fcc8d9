//! The objects of a custom resource: what happens to one on its way into the store and out of it.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{Version, object_at, text};
use crate::field::{FieldError, Path, name};
use crate::schema::meta::{self, Demands, Malformed};
use crate::schema::{Structural, Target};

impl Version {
    /// Makes an object of this version of a body: unknown fields and forbidden nulls go, the metadata gets its types,
    /// defaults are filled in.
    ///
    /// Answers the paths of the fields that went, in order: for `fieldValidation=Strict` they refuse the request with
    /// `strict decoding error: unknown field "spec.x"`, for `Warn` each is a Warning header `unknown field "spec.x"`.
    /// The error is what follows `KIND in version "VERSION" cannot be handled as a KIND: ` in a 400.
    pub(crate) fn decode(&self, object: &mut Value) -> Result<Vec<String>, String> {
        self.decode_with(object, |object| self.schema.drop_nulls(object))
    }

    /// The same for what an apply makes of an object: a null that is applied, and not allowed, stays to be refused.
    pub(crate) fn decode_applied(&self, object: &mut Value) -> Result<Vec<String>, String> {
        self.decode_with(object, |_| {})
    }

    fn decode_with(&self, object: &mut Value, of_nulls: impl FnOnce(&mut Value)) -> Result<Vec<String>, String> {
        let mut unknown = meta::coerce(object, Malformed::Refuse)?;
        unknown.extend(self.schema.prune(object));
        of_nulls(object);
        let embedded = self.schema.coerce_embedded(object, Malformed::Refuse);
        unknown.extend(embedded.map_err(|error| error.to_string())?);
        self.schema.fill_defaults(object);
        Ok(unknown)
    }

    /// Whether whoever reads this new object finds a status in it, which was dropped and which the schema has filled in.
    pub(crate) fn lacks_status(&self, object: &Value) -> bool {
        let has_default = |status: &Structural| status.default.is_some();
        self.has_status
            && object.get("status").is_none()
            && self.schema.properties.get("status").is_some_and(has_default)
    }

    /// Makes a decoded object ready to be created, and answers what is wrong with it.
    ///
    /// The status is dropped if it is a subresource, and the generation is 1.
    pub(crate) fn prepare_create(&self, object: &mut Value) -> Vec<FieldError> {
        if self.has_status {
            remove(object, "status");
        }
        object_at(object, "metadata").insert("generation".to_owned(), json!(1));
        if let Some(errors) = self.wrong_type(object) {
            return errors;
        }
        let demands = Demands { namespaced: self.namespaced, name: name::dns1123_subdomain };
        let metadata = object.get("metadata").unwrap_or(&Value::Null);
        let mut errors = meta::validate(metadata, &Path::new("metadata"), demands);
        errors.extend(self.schema.validate(object, Target::Object));
        errors.extend(self.scale.iter().flat_map(|scale| scale.validate_spec(object)));
        errors.extend(self.scale.iter().flat_map(|scale| scale.validate_status(object)));
        errors.extend(self.schema.validate_embedded(object));
        errors.extend(self.schema.duplicates(object));
        errors.extend(self.schema.judge(object, None, &errors).errors);
        errors
    }

    /// Makes a decoded object ready to replace `old`, and answers what is wrong with it.
    ///
    /// The status stays the old one if it is a subresource. The generation rises if anything but the metadata changes.
    /// What was invalid before and is unchanged is let through. Whether the metadata may change so is the server's
    /// question: the rules are the same for all kinds.
    pub(crate) fn prepare_update(
        &self,
        object: &mut Value,
        old: &Value,
        warnings: &mut Vec<String>,
    ) -> Vec<FieldError> {
        if self.has_status {
            match old.get("status") {
                Some(status) => object["status"] = status.clone(),
                None => remove(object, "status"),
            }
        }
        let changed = without_metadata(object) != without_metadata(old);
        let generation = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(1);
        let generation = if changed { generation.saturating_add(1) } else { generation };
        object_at(object, "metadata").insert("generation".to_owned(), json!(generation));
        if let Some(errors) = self.wrong_type(object) {
            return errors;
        }
        let metadata = object.get("metadata").unwrap_or(&Value::Null);
        let mut errors = meta::validate_always(metadata, &Path::new("metadata"));
        errors.extend(self.schema.validate_update(object, old, Target::Object));
        errors.extend(self.scale.iter().flat_map(|scale| scale.validate_spec(object)));
        errors.extend(self.scale.iter().flat_map(|scale| scale.validate_status(object)));
        errors.extend(self.schema.validate_embedded(object));
        errors.extend(self.new_duplicates(object, old));
        self.judge(object, old, errors, warnings)
    }

    /// Makes a decoded object, written through `/status`, ready to replace `old`: only its status counts.
    pub(crate) fn prepare_status(
        &self,
        object: &mut Value,
        old: &Value,
        warnings: &mut Vec<String>,
    ) -> Vec<FieldError> {
        let status = match object {
            Value::Object(fields) => fields.remove("status"),
            _ => None,
        };
        let wrong_type = self.wrong_type(object);
        *object = old.clone();
        match status {
            Some(status) => object["status"] = status,
            None => remove(object, "status"),
        }
        if let Some(errors) = wrong_type {
            return errors;
        }
        let mut errors = Vec::new();
        if let (Some(status), Some(schema)) = (object.get("status"), self.schema.at(["status"])) {
            let old = old.get("status").unwrap_or(&Value::Null);
            errors.extend(schema.validate_update(status, old, Target::Status));
        }
        errors.extend(self.scale.iter().flat_map(|scale| scale.validate_status(object)));
        errors.extend(self.new_duplicates(object, old));
        self.judge(object, old, errors, warnings)
    }

    /// The faults that were found, with what rules in CEL add.
    fn judge(
        &self,
        object: &Value,
        old: &Value,
        mut errors: Vec<FieldError>,
        warnings: &mut Vec<String>,
    ) -> Vec<FieldError> {
        let judged = self.schema.judge(object, Some(old), &errors);
        warnings.extend(judged.warnings);
        errors.extend(judged.errors);
        errors
    }

    /// The object as it is stored: of the storage version, without the fields that this version does not know.
    pub(crate) fn encode(&self, mut object: Value) -> Value {
        write_whole_numbers(&mut object);
        let written = text(&object, "/apiVersion").to_owned();
        self.convert(&mut object, &self.storage);
        if written != text(&object, "/apiVersion")
            && let Some(schema) = self.schemas.get(&self.storage)
        {
            // What the version of the writer does not have, every reader of this one finds filled in.
            schema.fill_defaults(&mut object);
        }
        object
    }

    /// A stored object as one of this version, which it already is most of the time.
    ///
    /// Defaults that came into the schema after the object was stored are filled in, fields that left it go. From
    /// another version the object takes what both versions know, and no defaults of this one.
    pub(crate) fn read<'a>(&self, stored: &'a Value) -> Cow<'a, Value> {
        let version = text(stored, "/apiVersion").rsplit('/').next().unwrap_or_default();
        let schema = self.schemas.get(version);
        if version == self.name && schema.is_none_or(|schema| schema.is_settled(stored)) {
            return Cow::Borrowed(stored);
        }
        let mut object = stored.clone();
        if let Some(schema) = schema {
            schema.prune(&mut object);
            schema.drop_nulls(&mut object);
            // Refusals are for new objects alone: what is stored loses what does not fit.
            let _ = meta::coerce(&mut object, Malformed::Drop);
            let _ = schema.coerce_embedded(&mut object, Malformed::Drop);
            schema.fill_defaults(&mut object);
        }
        self.convert(&mut object, &self.name);
        Cow::Owned(object)
    }

    fn convert(&self, object: &mut Value, version: &str) {
        let api_version = format!("{}/{version}", self.group);
        if text(object, "/apiVersion") == api_version {
            return;
        }
        match self.converter.as_ref().and_then(|converter| converter.converted(object, &api_version)) {
            Some(converted) => *object = converted,
            None => object["apiVersion"] = Value::String(api_version),
        }
        if let Some(schema) = self.schemas.get(version) {
            schema.prune(object);
            schema.drop_nulls(object);
        }
    }

    /// Whether an object can be stored, as nothing of what is seen of it then is to be asked for.
    pub(crate) fn is_foreseen(&self, stored: &Value) -> bool {
        let Some(converter) = &self.converter else { return true };
        if converter.is_asking() {
            // It is made of what is yet to be converted.
            return false;
        }
        if text(stored, "/apiVersion") != self.api_version() {
            converter.converted(stored, &self.api_version());
        }
        converter.wish(stored);
        !converter.is_asking()
    }

    fn wrong_type(&self, object: &Value) -> Option<Vec<FieldError>> {
        let mut errors = Vec::new();
        for (field, wanted) in [("kind", self.kind.clone()), ("apiVersion", self.api_version())] {
            let found = object.get(field).and_then(Value::as_str).unwrap_or_default();
            if found != wanted {
                errors.push(FieldError::invalid(field, found, format!("must be {wanted}")));
            }
        }
        (!errors.is_empty()).then_some(errors)
    }

    /// The items that are there twice, if none was before.
    fn new_duplicates(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        let errors = self.schema.duplicates(object);
        if errors.is_empty() || !self.schema.duplicates(old).is_empty() {
            return Vec::new();
        }
        errors
    }
}

/// Writes a fraction that is none as Go does: `2.0` as `2`.
fn write_whole_numbers(value: &mut Value) {
    /// Up to here each whole number has a float of its own.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => {
            let float =
                number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() <= LARGEST);
            if let Some(whole) = float.and_then(|float| format!("{float:.0}").parse::<i64>().ok()) {
                *number = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(write_whole_numbers),
        Value::Object(members) => members.values_mut().for_each(write_whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn remove(object: &mut Value, field: &str) {
    if let Value::Object(fields) = object {
        fields.remove(field);
    }
}

fn without_metadata(object: &Value) -> Vec<(&String, &Value)> {
    object.as_object().into_iter().flat_map(Map::iter).filter(|(name, _)| *name != "metadata").collect()
}
