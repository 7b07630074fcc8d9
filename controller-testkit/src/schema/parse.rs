//! From the JSON of a schema to the tree that is walked.

use serde_json::{Map, Value};

use super::{Additional, ListType, MAX_DEPTH, Pattern, Rules, Structural, Type, format, judge, pattern};

impl Structural {
    /// Reads a schema that [`check`](super::check) found nothing wrong with.
    ///
    /// A schema that was not checked is read as far as it goes: what cannot be understood says nothing. Levels below
    /// [`MAX_DEPTH`] are left out, and so preserve nothing and allow nothing.
    pub(crate) fn parse(schema: &Value) -> Self {
        node(schema, MAX_DEPTH)
    }
}

fn node(schema: &Value, levels: usize) -> Structural {
    let (Some(schema), Some(levels)) = (schema.as_object(), levels.checked_sub(1)) else {
        return Structural::default();
    };
    let int_or_string = flag(schema, "x-kubernetes-int-or-string");
    let kind = text(schema, "type").and_then(Type::parse);
    let mut parsed = Structural {
        validations: Vec::new(),
        kind,
        nullable: flag(schema, "nullable"),
        default: schema.get("default").filter(|value| !value.is_null()).cloned(),
        properties: schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.clone(), node(schema, levels)))
            .collect(),
        additional: match schema.get("additionalProperties") {
            None | Some(Value::Null) => Additional::Unsaid,
            Some(Value::Bool(allowed)) => Additional::Allowed(*allowed),
            Some(schema) => Additional::Schema(Box::new(node(schema, levels))),
        },
        items: schema.get("items").filter(|items| items.is_object()).map(|items| Box::new(node(items, levels))),
        int_or_string,
        preserve_unknown: flag(schema, "x-kubernetes-preserve-unknown-fields"),
        embedded_resource: flag(schema, "x-kubernetes-embedded-resource"),
        list: list_type(schema),
        atomic: text(schema, "x-kubernetes-map-type") == Some("atomic"),
        rules: rules(schema, kind, int_or_string, levels),
    };
    parsed.validations = judge::read(schema, &parsed);
    parsed
}

fn rules(schema: &Map<String, Value>, kind: Option<Type>, int_or_string: bool, levels: usize) -> Rules {
    let nodes = |keyword: &str| -> Vec<Structural> {
        list(schema, keyword).iter().map(|schema| node(schema, levels)).collect()
    };
    let number = |keyword: &str| match schema.get(keyword) {
        Some(Value::Number(number)) => Some(number.clone()),
        _ => None,
    };
    let count = |keyword: &str| schema.get(keyword).and_then(Value::as_i64);
    Rules {
        format: text(schema, "format")
            .filter(|name| format::is_checked(name, kind.filter(|_| !int_or_string)))
            .map(str::to_owned),
        maximum: number("maximum"),
        exclusive_maximum: flag(schema, "exclusiveMaximum"),
        minimum: number("minimum"),
        exclusive_minimum: flag(schema, "exclusiveMinimum"),
        multiple_of: number("multipleOf"),
        max_length: count("maxLength"),
        min_length: count("minLength"),
        pattern: text(schema, "pattern")
            .and_then(|source| Some(Pattern { source: source.to_owned(), regex: pattern::compile(source).ok()? })),
        max_items: count("maxItems"),
        min_items: count("minItems"),
        max_properties: count("maxProperties"),
        min_properties: count("minProperties"),
        required: texts(schema, "required"),
        allowed: list(schema, "enum").to_vec(),
        all_of: nodes("allOf"),
        any_of: nodes("anyOf"),
        one_of: nodes("oneOf"),
        not: schema.get("not").filter(|not| not.is_object()).map(|not| Box::new(node(not, levels))),
    }
}

fn list_type(schema: &Map<String, Value>) -> ListType {
    match text(schema, "x-kubernetes-list-type") {
        Some("set") => ListType::Set,
        Some("map") => ListType::Map(texts(schema, "x-kubernetes-list-map-keys")),
        _ => ListType::Atomic,
    }
}

/// A keyword's text; Go's zero value, the empty text, says nothing.
pub(super) fn text<'a>(schema: &'a Map<String, Value>, keyword: &str) -> Option<&'a str> {
    schema.get(keyword).and_then(Value::as_str).filter(|text| !text.is_empty())
}

pub(super) fn flag(schema: &Map<String, Value>, keyword: &str) -> bool {
    schema.get(keyword) == Some(&Value::Bool(true))
}

pub(super) fn list<'a>(schema: &'a Map<String, Value>, keyword: &str) -> &'a [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn texts(schema: &Map<String, Value>, keyword: &str) -> Vec<String> {
    list(schema, keyword).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
