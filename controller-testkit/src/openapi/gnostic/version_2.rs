//! Version 2.

use serde_json::{Map, Value};

use super::{Message, members};

/// The whole document.
pub(crate) fn encoded(document: &Value) -> Vec<u8> {
    let mut out = Message::default();
    out.text(1, document.get("swagger"));
    let mut info = Message::default();
    info.text(1, document.pointer("/info/title"));
    info.text(2, document.pointer("/info/version"));
    out.message(2, &info);
    let mut paths = Message::default();
    for (path, item) in members(document.get("paths")) {
        paths.named(2, path, &path_item(item));
    }
    out.message(8, &paths);
    out.message(9, &schemas(document.get("definitions")));
    out.0
}

fn path_item(item: &Value) -> Message {
    const METHODS: [(&str, u32); 7] =
        [("get", 2), ("put", 3), ("post", 4), ("delete", 5), ("options", 6), ("head", 7), ("patch", 8)];
    let mut out = Message::default();
    for (method, field) in METHODS {
        if let Some(Value::Object(found)) = item.get(method) {
            out.message(field, &operation(found));
        }
    }
    parameters(&mut out, 9, item.get("parameters"));
    out
}

fn operation(operation: &Map<String, Value>) -> Message {
    let mut out = Message::default();
    out.texts(6, operation.get("produces"));
    out.texts(7, operation.get("consumes"));
    parameters(&mut out, 8, operation.get("parameters"));
    let mut responses = Message::default();
    for (code, response) in members(operation.get("responses")) {
        let mut told = Message::default();
        told.text(1, response.get("description"));
        if let Some(Value::Object(found)) = response.get("schema") {
            let mut item = Message::default();
            item.message(1, &schema(found));
            told.message(2, &item);
        }
        let mut value = Message::default();
        value.message(1, &told);
        responses.named(1, code, &value);
    }
    out.message(9, &responses);
    out.extensions(13, operation);
    out
}

fn parameters(out: &mut Message, field: u32, parameters: Option<&Value>) {
    for found in parameters.and_then(Value::as_array).into_iter().flatten() {
        let (mut one, mut parameter, mut item) = (Message::default(), Message::default(), Message::default());
        match found.get("in").and_then(Value::as_str) {
            Some("body") => {
                one.text(2, found.get("name"));
                one.text(3, found.get("in"));
                one.truth(4, found.get("required"));
                if let Some(Value::Object(found)) = found.get("schema") {
                    one.message(5, &schema(found));
                }
                parameter.message(1, &one);
            }
            place => {
                one.truth(1, found.get("required"));
                one.text(2, found.get("in"));
                one.text(4, found.get("name"));
                // A path's has no way to be empty, so all that follows stands one further in a query's.
                let (kind, last) = if place == Some("query") { (3, 1) } else { (4, 0) };
                one.text(5 + last, found.get("type"));
                one.truth(19 + last, found.get("uniqueItems"));
                let mut other = Message::default();
                other.message(kind, &one);
                parameter.message(2, &other);
            }
        }
        item.message(1, &parameter);
        out.message(field, &item);
    }
}

fn schemas(named: Option<&Value>) -> Message {
    let mut out = Message::default();
    for (name, value) in members(named) {
        if let Value::Object(found) = value {
            out.named(1, name, &schema(found));
        }
    }
    out
}

fn schema(schema: &Map<String, Value>) -> Message {
    let mut out = Message::default();
    let of = |name: &str| schema.get(name);
    for (field, name) in [(1, "$ref"), (2, "format"), (3, "title"), (4, "description")] {
        out.text(field, of(name));
    }
    out.number(6, of("multipleOf"));
    out.number(7, of("maximum"));
    out.truth(8, of("exclusiveMaximum"));
    out.number(9, of("minimum"));
    out.truth(10, of("exclusiveMinimum"));
    out.count(11, of("maxLength"));
    out.count(12, of("minLength"));
    out.text(13, of("pattern"));
    out.count(14, of("maxItems"));
    out.count(15, of("minItems"));
    out.truth(16, of("uniqueItems"));
    out.count(17, of("maxProperties"));
    out.count(18, of("minProperties"));
    out.texts(19, of("required"));
    for value in of("enum").and_then(Value::as_array).into_iter().flatten() {
        out.any(20, value);
    }
    let inner = |found: &Map<String, Value>| {
        let mut item = Message::default();
        item.message(1, &self::schema(found));
        item
    };
    match of("additionalProperties") {
        Some(Value::Object(found)) => out.message(21, &inner(found)),
        Some(Value::Bool(true)) => {
            let mut item = Message::default();
            item.truth(2, Some(&Value::Bool(true)));
            out.message(21, &item);
        }
        _ => {}
    }
    if of("type").is_some() {
        let mut kind = Message::default();
        kind.text(1, of("type"));
        out.message(22, &kind);
    }
    if let Some(Value::Object(found)) = of("items") {
        out.message(23, &inner(found));
    }
    if of("properties").is_some() {
        out.message(25, &schemas(of("properties")));
    }
    out.extensions(31, schema);
    out
}
