//! Version 3, in which what is there and what is a reference to it are two fields of one message.

use serde_json::{Map, Value};

use super::{Message, members};

/// The whole document.
pub(crate) fn encoded(document: &Value) -> Vec<u8> {
    let mut out = Message::default();
    out.text(1, document.get("openapi"));
    out.filled(2, |info| {
        info.text(1, document.pointer("/info/title"));
        info.text(6, document.pointer("/info/version"));
    });
    out.filled(4, |paths| {
        for (path, item) in members(document.get("paths")) {
            paths.named(1, path, &path_item(item));
        }
    });
    if let Some(components) = document.get("components") {
        out.message(5, &self::components(components));
    }
    out.0
}

fn components(components: &Value) -> Message {
    let mut out = Message::default();
    if components.get("schemas").is_some() {
        out.message(1, &schemas(components.get("schemas")));
    }
    if components.get("securitySchemes").is_some() {
        out.filled(7, |schemes| {
            for (name, scheme) in members(components.get("securitySchemes")) {
                let mut told = Message::default();
                told.filled(1, |told| {
                    for (field, name) in [(1, "type"), (2, "description"), (3, "name"), (4, "in")] {
                        told.text(field, scheme.get(name));
                    }
                });
                schemes.named(1, name, &told);
            }
        });
    }
    out
}

fn path_item(item: &Value) -> Message {
    const METHODS: [(&str, u32); 7] =
        [("get", 4), ("put", 5), ("post", 6), ("delete", 7), ("options", 8), ("head", 9), ("patch", 10)];
    let mut out = Message::default();
    for (method, field) in METHODS {
        if let Some(Value::Object(found)) = item.get(method) {
            out.message(field, &operation(found));
        }
    }
    parameters(&mut out, 13, item.get("parameters"));
    out
}

fn operation(operation: &Map<String, Value>) -> Message {
    let mut out = Message::default();
    out.texts(1, operation.get("tags"));
    out.text(3, operation.get("description"));
    out.text(5, operation.get("operationId"));
    parameters(&mut out, 6, operation.get("parameters"));
    if let Some(body) = operation.get("requestBody") {
        out.filled(7, |either| {
            either.filled(1, |told| {
                content(told, 2, body);
                told.truth(3, body.get("required"));
            });
        });
    }
    out.filled(8, |responses| {
        for (code, response) in members(operation.get("responses")) {
            let mut either = Message::default();
            either.filled(1, |told| {
                told.text(1, response.get("description"));
                content(told, 3, response);
            });
            responses.named(2, code, &either);
        }
    });
    out.extensions(13, operation);
    out
}

/// What a body looks like in each of its forms.
fn content(out: &mut Message, field: u32, body: &Value) {
    if body.get("content").is_none() {
        return;
    }
    out.filled(field, |forms| {
        for (media, form) in members(body.get("content")) {
            let mut told = Message::default();
            if let Some(Value::Object(found)) = form.get("schema") {
                told.message(1, &schema_or_reference(found));
            }
            forms.named(1, media, &told);
        }
    });
}

fn parameters(out: &mut Message, field: u32, parameters: Option<&Value>) {
    for found in parameters.and_then(Value::as_array).into_iter().flatten() {
        out.filled(field, |either| {
            either.filled(1, |one| {
                for (field, name) in [(1, "name"), (2, "in"), (3, "description")] {
                    one.text(field, found.get(name));
                }
                one.truth(4, found.get("required"));
                if let Some(Value::Object(found)) = found.get("schema") {
                    one.message(10, &schema_or_reference(found));
                }
            });
        });
    }
}

fn schemas(named: Option<&Value>) -> Message {
    let mut out = Message::default();
    for (name, value) in members(named) {
        if let Value::Object(found) = value {
            out.named(1, name, &schema_or_reference(found));
        }
    }
    out
}

fn schema_or_reference(found: &Map<String, Value>) -> Message {
    let mut out = Message::default();
    match found.get("$ref") {
        None => out.message(1, &schema(found)),
        Some(target) => out.filled(2, |reference| {
            reference.text(1, Some(target));
            reference.text(3, found.get("description"));
        }),
    }
    out
}

fn schema(schema: &Map<String, Value>) -> Message {
    let mut out = Message::default();
    let of = |name: &str| schema.get(name);
    out.truth(1, of("nullable"));
    out.text(9, of("title"));
    out.number(10, of("multipleOf"));
    out.number(11, of("maximum"));
    out.truth(12, of("exclusiveMaximum"));
    out.number(13, of("minimum"));
    out.truth(14, of("exclusiveMinimum"));
    out.count(15, of("maxLength"));
    out.count(16, of("minLength"));
    out.text(17, of("pattern"));
    out.count(18, of("maxItems"));
    out.count(19, of("minItems"));
    out.truth(20, of("uniqueItems"));
    out.count(21, of("maxProperties"));
    out.count(22, of("minProperties"));
    out.texts(23, of("required"));
    for value in of("enum").and_then(Value::as_array).into_iter().flatten() {
        out.any(24, value);
    }
    out.text(25, of("type"));
    for (field, name) in [(26, "allOf"), (27, "oneOf"), (28, "anyOf")] {
        for found in of(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
            out.message(field, &schema_or_reference(found));
        }
    }
    if let Some(Value::Object(found)) = of("not") {
        out.message(29, &self::schema(found));
    }
    if let Some(Value::Object(found)) = of("items") {
        out.filled(30, |items| items.message(1, &schema_or_reference(found)));
    }
    if of("properties").is_some() {
        out.message(31, &schemas(of("properties")));
    }
    match of("additionalProperties") {
        Some(Value::Object(found)) => out.filled(32, |item| item.message(1, &schema_or_reference(found))),
        Some(Value::Bool(allowed)) => out.filled(32, |item| item.bit(2, *allowed)),
        _ => {}
    }
    if let Some(value) = of("default") {
        out.filled(33, |default| match value {
            Value::Bool(value) => default.bit(2, *value),
            Value::String(text) => default.bytes(3, text.as_bytes()),
            Value::Number(number) => default.double(1, number.as_f64().unwrap_or_default()),
            // It has no way to say what is no scalar.
            _ => {}
        });
    }
    out.text(34, of("description"));
    out.text(35, of("format"));
    out.extensions(36, schema);
    out
}
