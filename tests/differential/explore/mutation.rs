//! Changes of an object: one field or two, by chance.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::schema::{Schema, Schemas};

/// A place in an object that its schema knows of, and what is there.
pub(crate) struct Site {
    pub(crate) pointer: String,
    pub(crate) schema: Schema,
    pub(crate) value: Option<Value>,
}

impl Site {
    pub(crate) fn depth(&self) -> usize {
        self.pointer.matches('/').count()
    }

    pub(crate) fn name(&self) -> &str {
        let mut steps = self.pointer.rsplit('/');
        steps.find(|step| step.parse::<usize>().is_err()).unwrap_or_default()
    }
}

/// How deep a schema that holds itself is followed.
const DEPTH: usize = 16;

/// Every place in an object, and those where something may stand and does not.
pub(crate) fn sites(schemas: &Schemas, schema: &Schema, object: &Value) -> Vec<Site> {
    let mut found = Vec::new();
    walk(schemas, schema, object, "", &mut found);
    let untouched = ["/apiVersion", "/kind", "/metadata/managedFields", "/metadata/namespace"];
    found.retain(|site| !site.pointer.is_empty() && !untouched.iter().any(|own| site.pointer.starts_with(own)));
    found
}

fn walk(schemas: &Schemas, schema: &Schema, value: &Value, pointer: &str, found: &mut Vec<Site>) {
    found.push(Site { pointer: pointer.to_owned(), schema: schema.clone(), value: Some(value.clone()) });
    if pointer.matches('/').count() > DEPTH {
        return;
    }
    let step = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(members) => {
            for (name, field) in schemas.fields(schema) {
                match members.get(&name) {
                    Some(value) => walk(schemas, &field, value, &step(&name), found),
                    None => found.push(Site { pointer: step(&name), schema: field, value: None }),
                }
            }
            if let Some(entry) = schemas.entries(schema) {
                members.iter().for_each(|(name, value)| walk(schemas, &entry, value, &step(name), found));
            }
        }
        Value::Array(items) => {
            if let Some(element) = schemas.elements(schema) {
                items.iter().enumerate().for_each(|(at, value)| {
                    walk(schemas, &element, value, &step(&at.to_string()), found);
                });
            }
        }
        _ => {}
    }
}

/// Puts a value somewhere. A list grows by one at most.
pub(crate) fn set(object: &mut Value, pointer: &str, value: Value) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.insert(last, value)),
        Some(Value::Array(items)) => match last.parse::<usize>() {
            Ok(at) if at < items.len() => items[at] = value,
            _ => items.push(value),
        },
        _ => {}
    }
}

pub(crate) fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&last)),
        Some(Value::Array(items)) => {
            if let Some(at) = last.parse().ok().filter(|at| *at < items.len()) {
                items.remove(at);
            }
        }
        _ => {}
    }
}

/// The values that fields of a name have somewhere.
pub(crate) struct Pool(BTreeMap<String, Vec<Value>>);

impl Pool {
    pub(crate) fn of(bodies: &[Value]) -> Self {
        fn learn(pool: &mut BTreeMap<String, Vec<Value>>, value: &Value) {
            match value {
                Value::Object(members) => {
                    for (name, value) in members {
                        let known = pool.entry(name.clone()).or_default();
                        if !known.contains(value) && value.to_string().len() < 2_000 {
                            known.push(value.clone());
                        }
                        learn(pool, value);
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| learn(pool, item)),
                _ => {}
            }
        }
        let mut pool = BTreeMap::new();
        bodies.iter().for_each(|body| learn(&mut pool, body));
        Pool(pool)
    }

    /// A value that a place may well have.
    pub(crate) fn plausible(&self, schemas: &Schemas, schema: &Schema, name: &str, rng: &mut Rng) -> Option<Value> {
        self.value(schemas, schema, name, rng, 0)
    }

    fn value(&self, schemas: &Schemas, schema: &Schema, name: &str, rng: &mut Rng, depth: usize) -> Option<Value> {
        if depth > 6 {
            return None;
        }
        if let Some(known) = schema.node["enum"].as_array() {
            return rng.choice(known).cloned();
        }
        let fits = |value: &&Value| match schema.text("type") {
            "string" => value.is_string(),
            "integer" | "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.as_array().is_some_and(|items| !items.is_empty()),
            "object" => value.as_object().is_some_and(|members| !members.is_empty()),
            _ => true,
        };
        let known: Vec<&Value> = self.0.get(name).into_iter().flatten().filter(fits).collect();
        if !known.is_empty() && rng.u8(..10) < 7 {
            return rng.choice(known).cloned();
        }
        let text = |text: &str| Some(json!(text));
        match (schema.text("type"), schema.text("format")) {
            ("string", "date-time") => text(["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000001Z"][rng.usize(..2)]),
            ("string", "byte") => text("YQ=="),
            ("string", _) => text(["a", "b.example.com", "1", "x/y", "Abc"][rng.usize(..5)]),
            ("integer" | "number", _) => Some(json!([1, 2, 0, 80, 3600][rng.usize(..5)])),
            ("boolean", _) => Some(json!(rng.bool())),
            ("array", _) => {
                let element = schemas.elements(schema)?;
                Some(json!([self.value(schemas, &element, name.trim_end_matches('s'), rng, depth + 1)?]))
            }
            ("object", _) => {
                let mut members = Map::new();
                for (name, field) in schemas.fields(schema) {
                    if schema.requires(&name) || rng.u8(..10) < 3 {
                        let Some(value) = self.value(schemas, &field, &name, rng, depth + 1) else { continue };
                        members.insert(name, value);
                    }
                }
                if let Some(entry) = schemas.entries(schema) {
                    members.insert("a".into(), self.value(schemas, &entry, name, rng, depth + 1)?);
                }
                Some(Value::Object(members))
            }
            _ => Some([json!("1"), json!(1), json!("50%")][rng.usize(..3)].clone()),
        }
    }
}

const TEXTS: [&str; 24] = [
    "",
    "UPPER",
    "Mixed",
    "@x64",
    "@x254",
    "@x300",
    "a_b",
    "a b",
    " a",
    "ünï",
    "-a",
    "a-",
    "a/b",
    "a/b/c",
    "a.b",
    "a..b",
    "../x",
    "*",
    "1.2.3.4",
    "::1",
    "a=b",
    "1",
    "a\nb",
    "http://x/y",
];

/// A change as steps of a JSON patch: a field is removed, spoilt, doubled or added.
pub(crate) fn draw(schemas: &Schemas, pool: &Pool, sites: &[Site], rng: &mut Rng) -> Option<Vec<Value>> {
    let there: Vec<&Site> = sites.iter().filter(|site| site.value.is_some() == (rng.u8(..10) < 6)).collect();
    let site = rng.choice(there)?;
    let pointer = &site.pointer;
    let put = |pointer: &str, value: Value, is_there: bool| {
        Some(vec![json!({"op": if is_there { "replace" } else { "add" }, "path": pointer, "value": value})])
    };
    let Some(value) = &site.value else {
        if rng.u8(..10) < 6 {
            return put(pointer, pool.plausible(schemas, &site.schema, site.name(), rng)?, false);
        }
        return put(pointer, spoilt(&site.schema, rng), false);
    };
    match rng.u8(..20) {
        0..=2 => Some(vec![json!({"op": "remove", "path": pointer})]),
        3 => put(pointer, Value::Null, true),
        4..=6 => put(pointer, pool.plausible(schemas, &site.schema, site.name(), rng)?, true),
        7 => put(pointer, wrong(value, rng), true),
        _ => match value {
            Value::Array(items) => {
                let mut items = items.clone();
                match rng.u8(..5) {
                    0 => items.clear(),
                    1 => items.push(json!({})),
                    2 => items.push(Value::Null),
                    _ => {
                        let mut twin = items.first().cloned()?;
                        // Sometimes only what tells them apart is the same.
                        if let Value::Object(members) = &mut twin
                            && rng.bool()
                            && let Some(name) = rng.choice(members.keys().cloned().collect::<Vec<_>>())
                        {
                            members.remove(&name);
                        }
                        items.push(twin);
                    }
                }
                put(pointer, items.into(), true)
            }
            Value::Object(members) => match rng.u8(..4) {
                0 => put(pointer, json!({}), true),
                1 => put(&format!("{pointer}/unknown"), json!("x"), false),
                _ => match schemas.entries(&site.schema) {
                    Some(_) => {
                        let odd = TEXTS[rng.usize(..TEXTS.len())];
                        let value = members.values().next().cloned().unwrap_or(json!("x"));
                        put(&format!("{pointer}/{}", odd.replace('/', "~1")), value, false)
                    }
                    None => put(&format!("{pointer}/unknown"), json!({"a": 1}), false),
                },
            },
            _ => put(pointer, spoilt(&site.schema, rng), true),
        },
    }
}

/// A change to something that a field may well be, or the end of it.
pub(crate) fn gentle(schemas: &Schemas, pool: &Pool, sites: &[Site], rng: &mut Rng) -> Option<Vec<Value>> {
    let there: Vec<&Site> = sites.iter().filter(|site| site.value.is_some() == (rng.u8(..10) < 6)).collect();
    let site = rng.choice(there)?;
    let path = &site.pointer;
    if site.value.is_some() && rng.u8(..4) == 0 {
        return Some(vec![json!({"op": "remove", "path": path})]);
    }
    let value = pool.plausible(schemas, &site.schema, site.name(), rng)?;
    Some(vec![json!({"op": if site.value.is_some() { "replace" } else { "add" }, "path": path, "value": value})])
}

/// A value of the right type that is odd.
fn spoilt(schema: &Schema, rng: &mut Rng) -> Value {
    match schema.text("type") {
        "string" if schema.node.get("enum").is_some() => json!(["Unknown", "", "lower"][rng.usize(..3)]),
        "string" => json!(TEXTS[rng.usize(..TEXTS.len())]),
        "integer" => json!(
            [
                json!(0),
                json!(-1),
                json!(2_147_483_648_i64),
                json!(9_223_372_036_854_775_807_i64),
                json!(1.5),
                json!(65536),
                json!(1e20),
                json!(2_147_483_647)
            ][rng.usize(..8)]
        ),
        "boolean" => json!(rng.bool()),
        "array" => [json!([]), json!([{}]), json!([""]), json!([null])][rng.usize(..4)].clone(),
        "object" => json!({}),
        _ => [json!(0), json!(-1), json!("-1"), json!("x"), json!(""), json!("101%"), json!("1.5"), json!("1Ki")]
            [rng.usize(..8)]
        .clone(),
    }
}

/// A value of another type.
fn wrong(value: &Value, rng: &mut Rng) -> Value {
    let others = [json!("x"), json!(1), json!(1.5), json!(true), json!([]), json!({}), json!({"a": 1}), json!(["x"])];
    let of_another_type: Vec<&Value> =
        others.iter().filter(|other| std::mem::discriminant(*other) != std::mem::discriminant(value)).collect();
    of_another_type[rng.usize(..of_another_type.len())].clone()
}
