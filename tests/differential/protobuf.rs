//! Answers in protobuf as a tree that can be compared: whatever the bytes say, by the numbers of its fields.
//!
//! No message is known here but the envelope, a watch's event and the members of metadata that `normal` must find by
//! their names. Of bytes that could be a text or a message, those with control characters in them are the message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

const MAGIC: &[u8] = b"k8s\0";

/// The names of metadata's fields, an object's and a list's.
const OBJECT: &[(u64, &str)] =
    &[(1, "name"), (2, "generateName"), (3, "namespace"), (6, "resourceVersion"), (17, "managedFields")];
const LIST: &[(u64, &str)] = &[(2, "resourceVersion"), (3, "continue")];

/// An object in its envelope.
pub(crate) fn object(bytes: &[u8]) -> Option<Value> {
    let envelope = fields(bytes.strip_prefix(MAGIC)?)?;
    let (mut shown, mut raw) = (Map::new(), &[][..]);
    for (number, value) in envelope {
        match (number, value) {
            (1, Wire::Bytes(names)) => {
                for (number, value) in fields(names)? {
                    let name = if number == 1 { "apiVersion" } else { "kind" };
                    shown.insert(name.into(), shown_as(&value));
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            (3, value) => drop(shown.insert("contentEncoding".into(), shown_as(&value))),
            (4, value) => drop(shown.insert("contentType".into(), shown_as(&value))),
            _ => return None,
        }
    }
    let kind = shown.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_list = kind.ends_with("List");
    // The old list of metadata has its items first.
    let is_turned = is_list && shown.get("apiVersion").is_some_and(|version| version == "meta.k8s.io/v1beta1");
    for (number, value) in fields(raw)? {
        let place = if is_turned { 3 - number } else { number };
        match (place, &value) {
            (1, Wire::Bytes(bytes)) => {
                let names = if is_list || kind == "Status" { LIST } else { OBJECT };
                let told = message(bytes, names).filter(|_| !is_text(bytes));
                add(&mut shown, "metadata".into(), told.unwrap_or_else(|| shown_as(&value)));
            }
            (2, Wire::Bytes(bytes)) if is_list => {
                let mut item = Map::new();
                for (number, value) in fields(bytes)? {
                    match (number, &value) {
                        (1, Wire::Bytes(bytes)) if !is_text(bytes) => {
                            add(&mut item, "metadata".into(), message(bytes, OBJECT)?);
                        }
                        _ => add(&mut item, number.to_string(), shown_as(&value)),
                    }
                }
                let items = shown.entry("items").or_insert_with(|| Value::Array(Vec::new()));
                items.as_array_mut()?.push(Value::Object(item));
            }
            _ => add(&mut shown, number.to_string(), shown_as(&value)),
        }
    }
    Some(Value::Object(shown))
}

/// An event of a watch.
pub(crate) fn event(bytes: &[u8]) -> Option<Value> {
    let mut shown = Map::new();
    for (number, value) in fields(bytes)? {
        match (number, value) {
            (1, value) => drop(shown.insert("type".into(), shown_as(&value))),
            (2, Wire::Bytes(bytes)) => {
                let [(1, Wire::Bytes(raw))] = fields(bytes)?[..] else { return None };
                shown.insert("object".into(), object(raw)?);
            }
            _ => return None,
        }
    }
    Some(Value::Object(shown))
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, if it is one.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Wire<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let value = match tag & 7 {
            0 => Wire::Number(varint(&mut bytes)?),
            1 => {
                let (number, rest) = bytes.split_first_chunk()?;
                bytes = rest;
                Wire::Number(u64::from_le_bytes(*number))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Wire::Bytes(value)
            }
            _ => return None,
        };
        if tag >> 3 == 0 {
            return None;
        }
        found.push((tag >> 3, value));
    }
    Some(found)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn message(bytes: &[u8], names: &[(u64, &str)]) -> Option<Value> {
    let mut shown = Map::new();
    for (number, value) in fields(bytes)? {
        let name = names.iter().find(|(known, _)| *known == number).map(|(_, name)| (*name).to_owned());
        add(&mut shown, name.unwrap_or_else(|| number.to_string()), shown_as(&value));
    }
    Some(time(&shown).unwrap_or(Value::Object(shown)))
}

/// A message of seconds, and perhaps nanoseconds, is a time: `normal` knows what to do with it.
fn time(fields: &Map<String, Value>) -> Option<Value> {
    let seconds = fields.get("1")?.as_i64().filter(|seconds| (1_600_000_000..4_000_000_000).contains(seconds))?;
    let rest = fields.get("2").map_or(Some(0), Value::as_i64)?;
    if fields.len() > 2 || fields.keys().any(|name| name != "1" && name != "2") {
        return None;
    }
    let time = Timestamp::new(seconds, i32::try_from(rest).ok()?).ok()?;
    Some(if rest == 0 { time.to_string() } else { time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string() }.into())
}

fn is_text(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| text.bytes().all(|byte| byte >= b' '))
}

fn shown_as(value: &Wire<'_>) -> Value {
    match value {
        Wire::Number(number) => (*number).into(),
        Wire::Bytes(bytes) if is_text(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
        Wire::Bytes(bytes) => message(bytes, &[]).unwrap_or_else(|| match str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => STANDARD.encode(bytes).into(),
        }),
    }
}

/// A field that comes more than once is a list.
fn add(shown: &mut Map<String, Value>, name: String, value: Value) {
    // These are put in order before they are compared, so one alone is a list too.
    if name == "managedFields" && !shown.contains_key(&name) {
        shown.insert(name, Value::Array(vec![value]));
        return;
    }
    match shown.get_mut(&name) {
        None => drop(shown.insert(name, value)),
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}
