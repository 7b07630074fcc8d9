//! Reading and writing the metadata of objects that are plain JSON. Nothing here fails: what is not there is empty.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A text member of an object's metadata; empty if there is none.
pub(crate) fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object.get("metadata").and_then(|meta| meta.get(member)).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn name(object: &Value) -> &str {
    text(object, "name")
}

pub(crate) fn namespace(object: &Value) -> &str {
    text(object, "namespace")
}

pub(crate) fn labels(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata")?.get("labels")?.as_object()
}

pub(crate) fn generation(object: &Value) -> i64 {
    member(object, "generation").and_then(Value::as_i64).unwrap_or(0)
}

pub(crate) fn is_deleting(object: &Value) -> bool {
    member(object, "deletionTimestamp").is_some()
}

/// A member of the metadata that is neither missing nor null.
pub(crate) fn member<'a>(object: &'a Value, member: &str) -> Option<&'a Value> {
    object.get("metadata")?.get(member).filter(|value| !value.is_null())
}

pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    member(object, "finalizers").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The metadata to write to; made if it is missing or of a wrong type.
pub(crate) fn of(object: &mut Value) -> &mut Map<String, Value> {
    members(entry(object, "metadata"))
}

/// The member of that name as an object; made if it is missing or of a wrong type.
pub(crate) fn entry<'a>(object: &'a mut Value, member: &str) -> &'a mut Value {
    members(object).entry(member).or_insert(Value::Null)
}

pub(crate) fn members(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(members) => members,
        _ => unreachable!("the value was made an object above"),
    }
}

/// Puts a member there as it is elsewhere, or takes it away.
pub(crate) fn set(object: &mut Map<String, Value>, member: &str, value: Option<Value>) {
    match value {
        Some(value) => object.insert(member.to_owned(), value),
        None => object.remove(member),
    };
}

/// Replaces the finalizers; an empty list is left out.
pub(crate) fn set_finalizers(object: &mut Value, finalizers: &[String]) {
    let value = (!finalizers.is_empty()).then(|| finalizers.into());
    set(of(object), "finalizers", value);
}

/// A time as metadata carries it, in whole seconds.
pub(crate) fn time(now: Timestamp) -> Value {
    let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
    Value::String(whole.to_string())
}

/// A random uid, in the form of a version 4 UUID.
pub(crate) fn uid(rng: &mut fastrand::Rng) -> String {
    let bits = (rng.u128(..) & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// What the server appends to a `generateName`.
pub(crate) fn generated(base: &str, rng: &mut fastrand::Rng) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    const LONGEST_BASE: usize = 58;
    let base: String = base.chars().take(LONGEST_BASE).collect();
    let suffix: String = (0..5).map(|_| char::from(ALPHABET[rng.usize(..ALPHABET.len())])).collect();
    base + &suffix
}
