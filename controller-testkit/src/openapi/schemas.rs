//! The schemas of a document: every type that its resources lead to.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{list_schema_name, reference, schema_name};
use crate::catalog::{Resource, Shape};
use crate::kinds::{self, Field, Form, ListType, Type};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const RAW: &str = "io.k8s.apimachinery.pkg.runtime.RawExtension";
const EXTENSIONS: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";

/// What the real server writes beside the members that every object has, and `kubectl explain` prints.
pub(super) const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. \
    Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More \
    info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
pub(super) const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers \
    may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";
pub(super) const METADATA: &str = "Standard object's metadata. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// The schemas gathered so far, by name.
#[derive(Debug, Default)]
pub(super) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Adds what the paths of a resource refer to.
    pub(super) fn add_resource(&mut self, resource: &Resource) {
        match &resource.shape {
            Shape::Builtin(ty) => self.add_type(ty),
            Shape::Custom(custom) => {
                let schema = custom_schema(resource, &custom.spec);
                self.0.insert(schema_name(resource), schema);
                self.add_named(&format!("{META}.ObjectMeta"));
            }
        }
        if resource.verbs.contains(&"list") {
            self.0.insert(list_schema_name(resource), list_schema(resource));
            self.add_named(&format!("{META}.ListMeta"));
        }
        for subresource in &resource.subresources {
            if let Some(ty) = kinds::of_kind(&subresource.group, &subresource.version, &subresource.kind) {
                self.add_type(ty);
            }
        }
        self.add_named(&format!("{META}.DeleteOptions"));
        self.add_named(&format!("{META}.Status"));
        self.0.entry(format!("{META}.Patch")).or_insert_with(|| json!({ "type": "object" }));
    }

    /// Adds what a path refers to that is about no resource.
    pub(super) fn add_root(&mut self, name: &str) {
        match kinds::named(name) {
            Some(ty) => self.add_type(ty),
            None => drop(self.0.insert(name.to_owned(), version_info())),
        }
    }

    /// The schemas as they stand in a document.
    pub(super) fn finish(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }

    fn add_named(&mut self, name: &str) {
        if let Some(ty) = kinds::named(name) {
            self.add_type(ty);
        }
    }

    fn add_type(&mut self, ty: &Type) {
        if self.0.contains_key(&ty.name) {
            return;
        }
        // The entry stands before the fields are followed, since types may contain themselves.
        self.0.insert(ty.name.clone(), Value::Null);
        let schema = self.object(ty);
        self.0.insert(ty.name.clone(), schema);
    }

    fn object(&mut self, ty: &Type) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in &ty.fields {
            properties.insert(field.name.to_owned(), self.field(field));
            if field.required {
                required.push(field.name);
            }
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            required.sort_unstable();
            schema["required"] = json!(required);
        }
        if ty.atomic {
            schema["x-kubernetes-map-type"] = "atomic".into();
        }
        // The head of a list is a kind for decoding alone.
        if !ty.kinds.is_empty() && !ty.name.ends_with(".ListMeta") {
            let kinds: Vec<Value> = ty
                .kinds
                .iter()
                .map(|(group, version, kind)| json!({ "group": group, "version": version, "kind": kind }))
                .collect();
            schema["x-kubernetes-group-version-kind"] = Value::Array(kinds);
        }
        schema
    }

    fn field(&mut self, field: &Field) -> Value {
        let mut schema = self.form(&field.form);
        if schema.get("$ref").is_some() {
            // Nothing may stand beside a reference, so it is wrapped for the facts of this field.
            schema = json!({ "allOf": [schema] });
        }
        if let Some(default) = default(field) {
            schema["default"] = default;
        }
        match field.list {
            Some(ListType::Atomic) => schema["x-kubernetes-list-type"] = "atomic".into(),
            Some(ListType::Set) => schema["x-kubernetes-list-type"] = "set".into(),
            Some(ListType::Map) => {
                schema["x-kubernetes-list-type"] = "map".into();
                schema["x-kubernetes-list-map-keys"] = json!(field.keys);
            }
            None => {}
        }
        if field.atomic {
            schema["x-kubernetes-map-type"] = "atomic".into();
        }
        match (field.merges, field.retains_keys) {
            (true, true) => schema["x-kubernetes-patch-strategy"] = "merge,retainKeys".into(),
            (true, false) => schema["x-kubernetes-patch-strategy"] = "merge".into(),
            (false, true) => schema["x-kubernetes-patch-strategy"] = "retainKeys".into(),
            (false, false) => {}
        }
        if let Some(key) = field.merge_key {
            schema["x-kubernetes-patch-merge-key"] = key.into();
        }
        schema
    }

    fn form(&mut self, form: &Form) -> Value {
        match form {
            Form::String => json!({ "type": "string" }),
            Form::Bool => json!({ "type": "boolean" }),
            Form::Int32 => json!({ "type": "integer", "format": "int32" }),
            Form::Int64 => json!({ "type": "integer", "format": "int64" }),
            Form::Double => json!({ "type": "number", "format": "double" }),
            Form::Bytes => json!({ "type": "string", "format": "byte" }),
            Form::Time => self.fixed(&format!("{META}.Time"), json!({ "type": "string", "format": "date-time" })),
            Form::MicroTime => {
                self.fixed(&format!("{META}.MicroTime"), json!({ "type": "string", "format": "date-time" }))
            }
            Form::Duration => self.fixed(&format!("{META}.Duration"), json!({ "type": "string" })),
            Form::Fields => self.fixed(&format!("{META}.FieldsV1"), json!({ "type": "object" })),
            Form::Quantity => self.fixed(QUANTITY, json!({ "oneOf": [{ "type": "string" }, { "type": "number" }] })),
            Form::IntOrString => self.fixed(
                INT_OR_STRING,
                json!({ "oneOf": [{ "type": "integer" }, { "type": "string" }], "format": "int-or-string" }),
            ),
            Form::Raw => self.fixed(RAW, json!({ "type": "object" })),
            Form::Json => self.fixed(&format!("{EXTENSIONS}.JSON"), json!({})),
            Form::SchemaOrBool => self.fixed(&format!("{EXTENSIONS}.JSONSchemaPropsOrBool"), json!({})),
            Form::SchemaOrArray => self.fixed(&format!("{EXTENSIONS}.JSONSchemaPropsOrArray"), json!({})),
            Form::SchemaOrStrings => self.fixed(&format!("{EXTENSIONS}.JSONSchemaPropsOrStringArray"), json!({})),
            Form::Struct(id) => {
                self.add_type(id.get());
                reference(&id.get().name)
            }
            Form::List(element) | Form::Items(element) => json!({ "type": "array", "items": self.form(element) }),
            Form::Map(element) => json!({ "type": "object", "additionalProperties": self.form(element) }),
        }
    }

    fn fixed(&mut self, name: &str, schema: Value) -> Value {
        self.0.entry(name.to_owned()).or_insert(schema);
        reference(name)
    }
}

/// The default of a field: what its Go type declares, else Go's zero value where the field is always written.
fn default(field: &Field) -> Option<Value> {
    if let Some(default) = field.default {
        return serde_json::from_str(default).ok();
    }
    if field.pointer {
        return None;
    }
    match field.form {
        Form::Struct(_) => Some(json!({})),
        Form::String if field.required => Some(json!("")),
        Form::Bool if field.required => Some(json!(false)),
        Form::Int32 | Form::Int64 | Form::Double if field.required => Some(json!(0)),
        _ => None,
    }
}

/// What `/version` answers, which is no object.
fn version_info() -> Value {
    let required =
        ["major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"];
    let others = ["emulationMajor", "emulationMinor", "minCompatibilityMajor", "minCompatibilityMinor"];
    let properties: Map<String, Value> = required
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "type": "string", "default": "" })))
        .chain(others.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))))
        .collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn list_schema(resource: &Resource) -> Value {
    let mut schema = json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "allOf": [reference(&format!("{META}.ListMeta"))] },
            "items": { "type": "array", "items": reference(&schema_name(resource)) },
        },
        "x-kubernetes-group-version-kind": [
            { "group": resource.group, "version": resource.version, "kind": resource.list_kind }
        ],
    });
    match &resource.shape {
        Shape::Builtin(_) => schema["properties"]["metadata"]["default"] = json!({}),
        Shape::Custom(custom) => {
            let more = "More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";
            let about = [
                ("apiVersion", API_VERSION.to_owned()),
                ("kind", KIND.to_owned()),
                ("metadata", format!("Standard list metadata. {more}#types-kinds")),
                ("items", format!("List of {}. {more}", resource.plural)),
            ];
            for (name, text) in about {
                schema["properties"][name]["description"] = text.into();
            }
            schema["description"] = format!("{} is a list of {}", resource.list_kind, resource.kind).into();
            add_selectable_fields(&mut schema, &custom.spec);
        }
    }
    schema
}

/// By which fields objects can be selected, as a version says.
fn add_selectable_fields(schema: &mut Value, version: &Value) {
    let fields = version.get("selectableFields").and_then(Value::as_array).into_iter().flatten();
    let fields: Vec<Value> = fields
        .filter_map(|field| field.get("jsonPath")?.as_str())
        .map(|path| json!({ "fieldPath": path.trim_start_matches('.') }))
        .collect();
    if !fields.is_empty() {
        schema["x-kubernetes-selectable-fields"] = fields.into();
    }
}

/// The schema of a custom resource, completed with what every object has.
fn custom_schema(resource: &Resource, version: &Value) -> Value {
    let mut schema = version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or(Value::Null);
    if !schema.is_object() {
        schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    }
    let mut schema = complete(schema);
    add_object_properties(&mut schema);
    schema["x-kubernetes-group-version-kind"] =
        json!([{ "group": resource.group, "version": resource.version, "kind": resource.kind }]);
    add_selectable_fields(&mut schema, version);
    schema
}

/// Writes out what a structural schema leaves implicit: the two types of int-or-string, the properties of embedded
/// objects. What only validation reads (rules in CEL) is left out, as the real server does.
fn complete(schema: Value) -> Value {
    let Value::Object(mut fields) = schema else { return schema };
    fields.remove("x-kubernetes-validations");
    let is_set = |fields: &Map<String, Value>, name: &str| fields.get(name) == Some(&Value::Bool(true));
    for name in ["properties", "patternProperties", "definitions"] {
        if let Some(Value::Object(inner)) = fields.get_mut(name) {
            for schema in inner.values_mut() {
                *schema = complete(schema.take());
            }
        }
    }
    for name in ["items", "additionalProperties", "not"] {
        if let Some(inner) = fields.get_mut(name) {
            *inner = complete(inner.take());
        }
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        if let Some(Value::Array(inner)) = fields.get_mut(name) {
            for schema in inner {
                *schema = complete(schema.take());
            }
        }
    }
    if is_set(&fields, "x-kubernetes-int-or-string") && !fields.contains_key("anyOf") && !fields.contains_key("allOf") {
        fields.insert("anyOf".into(), json!([{ "type": "integer" }, { "type": "string" }]));
    }
    if is_set(&fields, "x-kubernetes-embedded-resource") {
        let mut schema = Value::Object(fields);
        add_object_properties(&mut schema);
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let missing = ["kind", "apiVersion"].into_iter().map(Value::from).filter(|name| !required.contains(name));
        schema["required"] = required.iter().cloned().chain(missing).collect();
        return schema;
    }
    Value::Object(fields)
}

fn add_object_properties(schema: &mut Value) {
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    schema["properties"]["apiVersion"] = json!({ "type": "string", "description": API_VERSION });
    schema["properties"]["kind"] = json!({ "type": "string", "description": KIND });
    schema["properties"]["metadata"] =
        json!({ "allOf": [reference(&format!("{META}.ObjectMeta"))], "description": METADATA });
}
