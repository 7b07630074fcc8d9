//! A schema as a real server echoes it: the Go struct that it is kept in, with every field, in the struct's order.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::field::echo;

#[derive(Clone, Copy)]
enum Kind {
    /// The empty text where it is absent.
    Text,
    /// `false` where it is absent.
    Flag,
    /// `null` where it is absent, else its JSON.
    Any,
    /// `null` where it is absent or empty, else its JSON.
    List,
    Schema,
    Schemas,
    NamedSchemas,
    SchemaOrList,
    SchemaOrFlag,
    Rules,
}

const FIELDS: &[(&str, &str, Kind)] = &[
    ("ID", "id", Kind::Text),
    ("Schema", "$schema", Kind::Text),
    ("Ref", "$ref", Kind::Any),
    ("Description", "description", Kind::Text),
    ("Type", "type", Kind::Text),
    ("Nullable", "nullable", Kind::Flag),
    ("Format", "format", Kind::Text),
    ("Title", "title", Kind::Text),
    ("Default", "default", Kind::Any),
    ("Maximum", "maximum", Kind::Any),
    ("ExclusiveMaximum", "exclusiveMaximum", Kind::Flag),
    ("Minimum", "minimum", Kind::Any),
    ("ExclusiveMinimum", "exclusiveMinimum", Kind::Flag),
    ("MaxLength", "maxLength", Kind::Any),
    ("MinLength", "minLength", Kind::Any),
    ("Pattern", "pattern", Kind::Text),
    ("MaxItems", "maxItems", Kind::Any),
    ("MinItems", "minItems", Kind::Any),
    ("UniqueItems", "uniqueItems", Kind::Flag),
    ("MultipleOf", "multipleOf", Kind::Any),
    ("Enum", "enum", Kind::List),
    ("MaxProperties", "maxProperties", Kind::Any),
    ("MinProperties", "minProperties", Kind::Any),
    ("Required", "required", Kind::List),
    ("Items", "items", Kind::SchemaOrList),
    ("AllOf", "allOf", Kind::Schemas),
    ("OneOf", "oneOf", Kind::Schemas),
    ("AnyOf", "anyOf", Kind::Schemas),
    ("Not", "not", Kind::Schema),
    ("Properties", "properties", Kind::NamedSchemas),
    ("AdditionalProperties", "additionalProperties", Kind::SchemaOrFlag),
    ("PatternProperties", "patternProperties", Kind::NamedSchemas),
    ("Dependencies", "dependencies", Kind::Any),
    ("AdditionalItems", "additionalItems", Kind::SchemaOrFlag),
    ("Definitions", "definitions", Kind::NamedSchemas),
    ("ExternalDocs", "externalDocs", Kind::Any),
    ("Example", "example", Kind::Any),
    ("XPreserveUnknownFields", "x-kubernetes-preserve-unknown-fields", Kind::Any),
    ("XEmbeddedResource", "x-kubernetes-embedded-resource", Kind::Flag),
    ("XIntOrString", "x-kubernetes-int-or-string", Kind::Flag),
    ("XListMapKeys", "x-kubernetes-list-map-keys", Kind::List),
    ("XListType", "x-kubernetes-list-type", Kind::Any),
    ("XMapType", "x-kubernetes-map-type", Kind::Any),
    ("XValidations", "x-kubernetes-validations", Kind::Rules),
];

const RULE_FIELDS: &[(&str, &str, Kind)] = &[
    ("Rule", "rule", Kind::Text),
    ("Message", "message", Kind::Text),
    ("MessageExpression", "messageExpression", Kind::Text),
    ("Reason", "reason", Kind::Any),
    ("FieldPath", "fieldPath", Kind::Text),
    ("OptionalOldSelf", "optionalOldSelf", Kind::Any),
];

/// The schema's Go struct as JSON; `null` where there is none.
pub(crate) fn internal(schema: Option<&Value>) -> String {
    let mut out = String::new();
    write(&mut out, schema, Kind::Schema);
    out
}

fn write_struct(out: &mut String, fields: &[(&str, &str, Kind)], value: &Map<String, Value>) {
    for (index, (name, keyword, kind)) in fields.iter().enumerate() {
        let separator = if index == 0 { '{' } else { ',' };
        // Writing into a String cannot fail.
        let _ = write!(out, "{separator}{}:", echo::quote(name));
        write(out, value.get(*keyword), *kind);
    }
    out.push('}');
}

fn write(out: &mut String, value: Option<&Value>, kind: Kind) {
    match (kind, value.filter(|value| !value.is_null())) {
        (Kind::Text, None) => out.push_str("\"\""),
        (Kind::Flag, None) => out.push_str("false"),
        (_, None) => out.push_str("null"),
        (Kind::Schema, Some(Value::Object(schema))) => write_struct(out, FIELDS, schema),
        (Kind::Schemas, Some(Value::Array(schemas))) => write_list(out, schemas, FIELDS),
        (Kind::Rules, Some(Value::Array(rules))) => write_list(out, rules, RULE_FIELDS),
        (Kind::List, Some(Value::Array(items))) if items.is_empty() => out.push_str("null"),
        (Kind::NamedSchemas, Some(Value::Object(schemas))) if schemas.is_empty() => out.push_str("null"),
        (Kind::NamedSchemas, Some(Value::Object(schemas))) => {
            for (index, (name, schema)) in schemas.iter().enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                out.push_str(&echo::json(&Value::String(name.clone())));
                out.push(':');
                write(out, Some(schema), Kind::Schema);
            }
            out.push('}');
        }
        (Kind::SchemaOrList, Some(Value::Array(schemas))) => {
            out.push_str("{\"Schema\":null,\"JSONSchemas\":");
            write_list(out, schemas, FIELDS);
            out.push('}');
        }
        (Kind::SchemaOrList, Some(schema)) => {
            out.push_str("{\"Schema\":");
            write(out, Some(schema), Kind::Schema);
            out.push_str(",\"JSONSchemas\":null}");
        }
        (Kind::SchemaOrFlag, Some(Value::Bool(allows))) => {
            let _ = write!(out, "{{\"Allows\":{allows},\"Schema\":null}}");
        }
        (Kind::SchemaOrFlag, Some(schema)) => {
            out.push_str("{\"Allows\":true,\"Schema\":");
            write(out, Some(schema), Kind::Schema);
            out.push('}');
        }
        (_, Some(other)) => out.push_str(&echo::json(other)),
    }
}

fn write_list(out: &mut String, items: &[Value], fields: &[(&str, &str, Kind)]) {
    if items.is_empty() {
        out.push_str("null");
        return;
    }
    for (index, item) in items.iter().enumerate() {
        out.push(if index == 0 { '[' } else { ',' });
        match item {
            Value::Object(item) => write_struct(out, fields, item),
            other => out.push_str(&echo::json(other)),
        }
    }
    out.push(']');
}
