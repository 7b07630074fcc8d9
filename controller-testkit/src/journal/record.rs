//! One line of the state file: a checksum, a blank, and what it says in JSON.
//!
//! Pure: what is broken is for the reader of the whole file to judge.

use serde_json::Value;

use crate::store::{Change, Object};

/// What a line says.
#[derive(Debug, PartialEq)]
pub(crate) enum Record {
    /// Everything up to this resourceVersion is told without its history.
    Base(u64),
    /// Something that is kept beside the objects.
    Note { name: String, value: Value },
    /// An object as it was at the base.
    Object { table: String, key: String, object: Value },
    /// A change after it; the object carries its resourceVersion.
    Event { change: Change, table: String, key: String, object: Value },
}

/// Adds the line that starts a history.
pub(crate) fn base(out: &mut Vec<u8>, rv: u64) {
    line(out, |out| out.extend_from_slice(format!("[\"base\",{rv}]").as_bytes()));
}

/// Adds the line of a note.
pub(crate) fn note(out: &mut Vec<u8>, name: &str, value: &Value) {
    line(out, |out| {
        out.extend_from_slice(Value::from(vec!["note".into(), name.into(), value.clone()]).to_string().as_bytes())
    });
}

/// Adds the line of an object as it was at the base.
pub(crate) fn object(out: &mut Vec<u8>, table: &str, key: &str, object: &Object) {
    placed(out, "object", table, key, object);
}

/// Adds the line of a change.
pub(crate) fn event(out: &mut Vec<u8>, change: Change, table: &str, key: &str, object: &Object) {
    placed(out, word(change), table, key, object);
}

fn placed(out: &mut Vec<u8>, word: &str, table: &str, key: &str, object: &Object) {
    line(out, |out| {
        let head = Value::from(vec![Value::from(word), table.into(), key.into()]).to_string();
        out.extend_from_slice(head.trim_end_matches(']').as_bytes());
        out.push(b',');
        out.extend_from_slice(object.text());
        out.push(b']');
    });
}

const fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Modified => "modified",
        Change::Deleted => "deleted",
    }
}

fn line(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(b"00000000 ");
    let text = out.len();
    write(out);
    let sum = format!("{:08x}", checksum(&out[text..]));
    out[start..start + sum.len()].copy_from_slice(sum.as_bytes());
    out.push(b'\n');
}

/// Reads a line without its end; none if it is broken.
pub(crate) fn read(line: &[u8]) -> Option<Record> {
    let (sum, text) = (line.get(..8)?, line.get(9..)?);
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    if line[8] != b' ' || checksum(text) != sum {
        return None;
    }
    let mut parts = serde_json::from_slice::<Vec<Value>>(text).ok()?.into_iter();
    let mut text = || match parts.next()? {
        Value::String(text) => Some(text),
        _ => None,
    };
    let word = text()?;
    let change = match word.as_str() {
        "base" => return parts.next()?.as_u64().map(Record::Base),
        "note" => return Some(Record::Note { name: text()?, value: parts.next()? }),
        "object" => return Some(Record::Object { table: text()?, key: text()?, object: parts.next()? }),
        "added" => Change::Added,
        "modified" => Change::Modified,
        "deleted" => Change::Deleted,
        _ => return None,
    };
    Some(Record::Event { change, table: text()?, key: text()?, object: parts.next()? })
}

/// CRC-32 as Ethernet and gzip have it.
fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}
