//! The metadata of objects whose kind has no Go type: custom resources, and resources embedded in them.
//!
//! Whatever a schema says, `metadata` is read as Kubernetes' ObjectMeta: fields of another type are refused in the words
//! of Go's JSON decoder, unknown ones are dropped, empty ones left out. A stored object is read more leniently than a
//! new one: what does not fit is dropped.

use serde_json::{Map, Value};

use super::{Additional, Structural};
use crate::field::{Cause, FieldError, Path, echo, kind_of, name};

/// The Go types of ObjectMeta's fields.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Int,
    Bool,
    Time,
    TextMap,
    TextList,
    Structs(&'static Struct),
    Free,
}

struct Struct {
    name: &'static str,
    /// How Go names a list of these.
    list: &'static str,
    fields: &'static [(&'static str, Shape)],
    /// The fields that are written even when they are empty.
    always: &'static [&'static str],
}

static OBJECT_META: Struct = Struct {
    name: "ObjectMeta",
    list: "[]v1.ObjectMeta",
    fields: &[
        ("annotations", Shape::TextMap),
        ("creationTimestamp", Shape::Time),
        ("deletionGracePeriodSeconds", Shape::Int),
        ("deletionTimestamp", Shape::Time),
        ("finalizers", Shape::TextList),
        ("generateName", Shape::Text),
        ("generation", Shape::Int),
        ("labels", Shape::TextMap),
        ("managedFields", Shape::Structs(&MANAGED_FIELDS)),
        ("name", Shape::Text),
        ("namespace", Shape::Text),
        ("ownerReferences", Shape::Structs(&OWNER_REFERENCE)),
        ("resourceVersion", Shape::Text),
        ("selfLink", Shape::Text),
        ("uid", Shape::Text),
    ],
    always: &[],
};

static OWNER_REFERENCE: Struct = Struct {
    name: "OwnerReference",
    list: "[]v1.OwnerReference",
    fields: &[
        ("apiVersion", Shape::Text),
        ("blockOwnerDeletion", Shape::Bool),
        ("controller", Shape::Bool),
        ("kind", Shape::Text),
        ("name", Shape::Text),
        ("uid", Shape::Text),
    ],
    always: &["apiVersion", "kind", "name", "uid"],
};

static MANAGED_FIELDS: Struct = Struct {
    name: "ManagedFieldsEntry",
    list: "[]v1.ManagedFieldsEntry",
    fields: &[
        ("apiVersion", Shape::Text),
        ("fieldsType", Shape::Text),
        ("fieldsV1", Shape::Free),
        ("manager", Shape::Text),
        ("operation", Shape::Text),
        ("subresource", Shape::Text),
        ("time", Shape::Time),
    ],
    always: &[],
};

/// What to do with a field of the wrong type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Refuse the object: it is being written.
    Refuse,
    /// Drop the field: the object is already stored.
    Drop,
}

/// Makes an object's metadata an ObjectMeta, and answers the paths of unknown fields, which are gone then.
///
/// The error is the text of Go's JSON decoder.
pub(crate) fn coerce(object: &mut Value, malformed: Malformed) -> Result<Vec<String>, String> {
    let mut unknown = Vec::new();
    let Some(metadata) = object.get_mut("metadata") else {
        return Ok(unknown);
    };
    match metadata {
        Value::Object(fields) => {
            read(fields, &OBJECT_META, "", "metadata", malformed, &mut unknown)?;
            // Absent in Go's struct, and so left out.
            if fields.get("creationTimestamp").is_some_and(Value::is_null) {
                fields.remove("creationTimestamp");
            }
        }
        Value::Null => *metadata = Value::Object(Map::new()),
        other if malformed == Malformed::Refuse => {
            return Err(format!("json: cannot unmarshal {} into Go value of type v1.ObjectMeta", kind_of(other)));
        }
        other => *other = Value::Object(Map::new()),
    }
    unknown.sort_unstable();
    Ok(unknown)
}

fn read(
    fields: &mut Map<String, Value>,
    ty: &Struct,
    go_path: &str,
    path: &str,
    malformed: Malformed,
    unknown: &mut Vec<String>,
) -> Result<(), String> {
    let mut error = None;
    fields.retain(|field, value| {
        let Some((_, shape)) = ty.fields.iter().find(|(known, _)| known == field) else {
            unknown.push(format!("{path}.{field}"));
            return false;
        };
        let place = Place { ty, go_path: &format!("{go_path}{field}"), path: &format!("{path}.{field}") };
        match place.read(value, *shape, malformed, unknown) {
            Ok(Presence::Set) => true,
            Ok(Presence::Empty) => ty.always.contains(&field.as_str()),
            Err(text) => {
                error.get_or_insert(text);
                false
            }
        }
    });
    match error {
        Some(error) if malformed == Malformed::Refuse => Err(error),
        _ => Ok(()),
    }
}

/// Whether Go would write the field back.
enum Presence {
    Set,
    Empty,
}

struct Place<'a> {
    ty: &'a Struct,
    go_path: &'a str,
    path: &'a str,
}

impl Place<'_> {
    fn read(
        &self,
        value: &mut Value,
        shape: Shape,
        malformed: Malformed,
        unknown: &mut Vec<String>,
    ) -> Result<Presence, String> {
        let presence = |set: bool| if set { Presence::Set } else { Presence::Empty };
        match (shape, &mut *value) {
            (Shape::Free, _) => Ok(Presence::Set),
            (Shape::Text, Value::Null) => {
                *value = Value::String(String::new());
                Ok(Presence::Empty)
            }
            (_, Value::Null) => Ok(Presence::Empty),
            (Shape::Text, Value::String(text)) => Ok(presence(!text.is_empty())),
            (Shape::Int, Value::Number(number)) if number.is_i64() => {
                // A grace period of zero is a pointer in Go, and stays.
                Ok(presence(number.as_i64() != Some(0) || self.go_path == "deletionGracePeriodSeconds"))
            }
            (Shape::Int, Value::Number(number)) => Err(self.wrong(&format!("number {number}"), "int64")),
            (Shape::Bool, Value::Bool(_)) => Ok(Presence::Set),
            (Shape::Time, Value::String(text)) => match text.parse::<jiff::Timestamp>() {
                Ok(_) => Ok(Presence::Set),
                Err(_) => Err(format!(
                    "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\""
                )),
            },
            (Shape::TextMap, Value::Object(entries)) => {
                for entry in entries.values_mut() {
                    self.text(entry)?;
                }
                Ok(presence(!entries.is_empty()))
            }
            (Shape::TextList, Value::Array(items)) => {
                for item in items.iter_mut() {
                    self.text(item)?;
                }
                Ok(presence(!items.is_empty()))
            }
            (Shape::Structs(ty), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.item(item, ty, index, malformed, unknown)?;
                }
                Ok(presence(!items.is_empty()))
            }
            (shape, other) => Err(self.wrong(kind_of(other), go_type(shape))),
        }
    }

    fn text(&self, value: &mut Value) -> Result<(), String> {
        match value {
            Value::String(_) => Ok(()),
            Value::Null => {
                *value = Value::String(String::new());
                Ok(())
            }
            other => Err(self.wrong(kind_of(other), "string")),
        }
    }

    fn item(
        &self,
        item: &mut Value,
        ty: &'static Struct,
        index: usize,
        malformed: Malformed,
        unknown: &mut Vec<String>,
    ) -> Result<(), String> {
        if item.is_null() {
            *item = Value::Object(Map::new());
        }
        let Value::Object(fields) = item else {
            return Err(self.wrong(kind_of(item), &format!("v1.{}", ty.name)));
        };
        let go_path = format!("{}.", self.go_path);
        read(fields, ty, &go_path, &format!("{}[{index}]", self.path), malformed, unknown)?;
        for field in ty.always {
            fields.entry(*field).or_insert_with(|| Value::String(String::new()));
        }
        Ok(())
    }

    fn wrong(&self, found: &str, wanted: &str) -> String {
        format!(
            "json: cannot unmarshal {found} into Go struct field {}.{} of type {wanted}",
            self.ty.name, self.go_path
        )
    }
}

fn go_type(shape: Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::Time | Shape::Free => "string",
        Shape::Int => "int64",
        Shape::Bool => "bool",
        Shape::TextMap => "map[string]string",
        Shape::TextList => "[]string",
        Shape::Structs(ty) => ty.list,
    }
}

/// What a kind demands of the metadata of its objects.
#[derive(Clone, Copy)]
pub(crate) struct Demands {
    pub(crate) namespaced: bool,
    /// The grammar of names.
    pub(crate) name: fn(&str) -> Vec<String>,
}

/// What is wrong with a new object's metadata, which [`coerce`] or the kind's decoder has given its types.
pub(crate) fn validate(metadata: &Value, path: &Path, demands: Demands) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).unwrap_or_default();
    let (name, prefix, namespace) = (text("name"), text("generateName"), text("namespace"));
    if !prefix.is_empty() {
        // A random end follows, so that a dash may stand last.
        let masked = prefix.strip_suffix('-').map_or_else(|| prefix.to_owned(), |front| format!("{front}a"));
        refuse(&mut errors, &path.child("generateName"), prefix, (demands.name)(&masked));
    }
    if name.is_empty() {
        errors.push(FieldError::required(path.child("name"), "name or generateName is required"));
    } else {
        refuse(&mut errors, &path.child("name"), name, (demands.name)(name));
    }
    let path_of_namespace = path.child("namespace");
    match (demands.namespaced, namespace.is_empty()) {
        (true, true) => errors.push(FieldError::required(path_of_namespace, "")),
        (true, false) => refuse(&mut errors, &path_of_namespace, namespace, name::dns1123_label(namespace)),
        (false, false) => errors.push(FieldError::forbidden(path_of_namespace, "not allowed on this type")),
        (false, true) => {}
    }
    errors.extend(validate_always(metadata, path));
    errors
}

fn refuse(errors: &mut Vec<FieldError>, path: &Path, value: &str, wrong: Vec<String>) {
    errors.extend(wrong.iter().map(|detail| FieldError::invalid(path, value, detail)));
}

/// The part of [`validate`] that holds for changed objects too.
pub(crate) fn validate_always(metadata: &Value, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(generation) = metadata.get("generation").and_then(Value::as_i64).filter(|value| *value < 0) {
        let detail = "must be greater than or equal to 0";
        errors.push(FieldError::invalid(path.child("generation"), &generation, detail));
    }
    let labels = path.child("labels");
    for (key, value) in entries(metadata, "labels") {
        refuse(&mut errors, &labels, key, name::qualified(key));
        refuse(&mut errors, &labels, value, name::label_value(value));
    }
    let annotations = path.child("annotations");
    let mut size = 0;
    for (key, value) in entries(metadata, "annotations") {
        refuse(&mut errors, &annotations, key, name::qualified(&key.to_lowercase()));
        size += key.len() + value.len();
    }
    if size > MAX_ANNOTATIONS {
        errors.push(FieldError::too_long(&annotations, 262_144));
    }
    owners(metadata, &path.child("ownerReferences"), &mut errors);
    finalizers(metadata, &path.child("finalizers"), &mut errors);
    errors
}

/// The bytes that all annotations of an object may have together.
const MAX_ANNOTATIONS: usize = 262_144;

fn entries<'a>(metadata: &'a Value, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    metadata
        .get(field)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
}

fn owners(metadata: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let Some(owners) = metadata.get("ownerReferences").and_then(Value::as_array) else {
        return;
    };
    let mut controller: Option<String> = None;
    for (index, owner) in owners.iter().enumerate() {
        let path_of_owner = path.index(index);
        let text = |field: &str| owner.get(field).and_then(Value::as_str).unwrap_or_default();
        let api_version = text("apiVersion");
        if !api_version.is_empty() && (api_version.matches('/').count() > 1 || api_version.ends_with('/')) {
            let detail = "must be <group>/<version> or <version>";
            errors.push(FieldError::invalid(path_of_owner.child("apiVersion"), api_version, detail));
        }
        for field in ["apiVersion", "kind", "name", "uid"] {
            if text(field).is_empty() {
                errors.push(FieldError::required(path_of_owner.child(field), "must not be empty"));
            }
        }
        if api_version == "v1" && text("kind") == "Event" {
            let detail = "/v1, Kind=Event is disallowed from being an owner";
            errors.push(FieldError::invalid(&path_of_owner, owner, detail));
        }
        if owner.get("controller") == Some(&Value::Bool(true)) {
            let name = format!("{}/{}", text("kind"), text("name"));
            match &controller {
                None => controller = Some(name),
                Some(first) => {
                    let detail = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} \
                         and {name}"
                    );
                    errors.push(FieldError {
                        cause: Cause::Invalid,
                        field: path.to_string(),
                        message: format!("Invalid value: {}: {detail}", internal_owners(owners)),
                    });
                }
            }
        }
    }
}

/// Owner references with their fields in the order of Go's struct.
fn internal_owners(owners: &[Value]) -> String {
    let texts: Vec<String> = owners
        .iter()
        .map(|owner| {
            let fields: Vec<String> = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"]
                .into_iter()
                .filter_map(|field| Some(format!("\"{field}\":{}", echo::json(owner.get(field)?))))
                .collect();
            format!("{{{}}}", fields.join(","))
        })
        .collect();
    format!("[{}]", texts.join(","))
}

fn finalizers(metadata: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let Some(finalizers) = metadata.get("finalizers").and_then(Value::as_array) else {
        return;
    };
    for finalizer in finalizers.iter().filter_map(Value::as_str) {
        refuse(errors, path, finalizer, name::qualified(finalizer));
    }
    let has = |wanted: &str| finalizers.iter().any(|finalizer| finalizer == wanted);
    if has("orphan") && has("foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(path, finalizers, detail));
    }
}

impl Structural {
    /// Gives the metadata of embedded resources its types, as [`coerce`] does for the object's own, and answers the
    /// paths of their unknown fields.
    pub(crate) fn coerce_embedded(&self, object: &mut Value, malformed: Malformed) -> Result<Vec<String>, FieldError> {
        let mut unknown = Vec::new();
        self.coerce_below(object, &Path::root(), malformed, &mut unknown)?;
        unknown.sort_unstable();
        Ok(unknown)
    }

    fn coerce_below(
        &self,
        value: &mut Value,
        path: &Path,
        malformed: Malformed,
        unknown: &mut Vec<String>,
    ) -> Result<(), FieldError> {
        if self.embedded_resource && value.is_object() {
            coerce_embedded_resource(value, path, malformed, unknown)?;
        }
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (self.properties.get(name), &self.additional) {
                        (Some(schema), _) => schema.coerce_below(value, &path.child(name), malformed, unknown)?,
                        (None, Additional::Schema(schema)) => {
                            schema.coerce_below(value, &path.key(name), malformed, unknown)?;
                        }
                        (None, Additional::Unsaid | Additional::Allowed(_)) => {}
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    for (index, item) in items.iter_mut().enumerate() {
                        schema.coerce_below(item, &path.index(index), malformed, unknown)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What is wrong with the types and metadata of resources embedded in an object.
    pub(crate) fn validate_embedded(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        self.validate_below(object, &Path::root(), &mut errors);
        errors
    }

    /// The same for a default that stands at `path` of a definition.
    pub(super) fn validate_below(&self, value: &Value, path: &Path, errors: &mut Vec<FieldError>) {
        if self.embedded_resource && value.is_object() {
            validate_embedded_resource(value, path, errors);
        }
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (self.properties.get(name), &self.additional) {
                        (Some(schema), _) => schema.validate_below(value, &path.child(name), errors),
                        (None, Additional::Schema(schema)) => schema.validate_below(value, &path.key(name), errors),
                        (None, Additional::Unsaid | Additional::Allowed(_)) => {}
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    for (index, item) in items.iter().enumerate() {
                        schema.validate_below(item, &path.index(index), errors);
                    }
                }
            }
            _ => {}
        }
    }
}

fn coerce_embedded_resource(
    value: &mut Value,
    path: &Path,
    malformed: Malformed,
    unknown: &mut Vec<String>,
) -> Result<(), FieldError> {
    if let Value::Object(fields) = value {
        for field in ["apiVersion", "kind"] {
            match fields.get(field) {
                None | Some(Value::String(_)) => {}
                Some(_) if malformed == Malformed::Drop => {
                    fields.remove(field);
                }
                Some(other) => return Err(FieldError::invalid(path.child(field), other, "must be a string")),
            }
        }
    }
    let before = value.get("metadata").cloned().unwrap_or_default();
    match coerce(value, malformed) {
        Ok(found) => {
            unknown.extend(found.iter().map(|field| path.child(field).to_string()));
            Ok(())
        }
        Err(text) => Err(FieldError::invalid(path.child("metadata"), &before, text)),
    }
}

fn validate_embedded_resource(value: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for field in ["apiVersion", "kind"] {
        let path = path.child(field);
        match value.get(field) {
            None => errors.push(FieldError::required(&path, "")),
            Some(Value::String(text)) if text.is_empty() => {
                errors.push(FieldError::invalid(&path, text, "must not be empty"));
            }
            Some(Value::String(text)) if field == "apiVersion" => {
                if text.matches('/').count() > 1 {
                    let detail = format!("unexpected GroupVersion string: {text}");
                    errors.push(FieldError::invalid(&path, text, detail));
                }
            }
            Some(Value::String(text)) => {
                let wrong = name::dns1035_label(&text.to_lowercase());
                if !wrong.is_empty() {
                    let detail = format!("may have mixed case, but should otherwise match: {}", wrong.join(","));
                    errors.push(FieldError::invalid(&path, text, detail));
                }
            }
            Some(other) => errors.push(FieldError::invalid(&path, other, "must be a string")),
        }
    }
    let Some(metadata) = value.get("metadata") else {
        return;
    };
    // An embedded resource may lack a name, and has a namespace if it says so.
    let mut named = metadata.clone();
    if let Value::Object(fields) = &mut named
        && fields.get("name").and_then(Value::as_str).is_none_or(str::is_empty)
    {
        fields.insert("name".to_owned(), Value::String("unnamed".to_owned()));
    }
    let namespaced = metadata.get("namespace").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let demands = Demands { namespaced, name: name::path_segment };
    errors.extend(validate(&named, &path.child("metadata"), demands));
}
