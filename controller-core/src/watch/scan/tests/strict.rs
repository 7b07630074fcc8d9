//! Holds the scan to its contract, for tests and fuzzing: whatever a strict parser takes, it reads in the same way,
//! and what a strict parser refuses it takes only where the flaw lies in something that nobody looks at.

use serde_json::Value;

use crate::json::{Cursor, Flaw};
use crate::watch::scan::{self, Event, Object, TypeMeta, Unreadable};

/// What the engine must know of an object.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    namespace: Option<String>,
    name: String,
    uid: Option<String>,
    version: String,
    generation: Option<i64>,
    deleting: bool,
}

/// What a strict parser makes of an object: what there is to know, and what is kept of it. None if it is of no use.
pub(super) fn strict(mut value: Value) -> Option<(Head, Value)> {
    let object = value.as_object_mut()?;
    object.entry("apiVersion").or_insert("v1".into());
    object.entry("kind").or_insert("Pod".into());
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    metadata.remove("managedFields");
    let text = |key: &str| match metadata.get(key) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => None,
    };
    let deleting = match metadata.get("deletionTimestamp") {
        None | Some(Value::Null) => false,
        Some(Value::String(_)) => true,
        Some(_) => return None,
    };
    let generation = match metadata.get("generation") {
        None | Some(Value::Null) => None,
        Some(number) => Some(number.as_i64()?),
    };
    let (namespace, name, uid) = (text("namespace")?, text("name")??, text("uid")?);
    let version = text("resourceVersion")??;
    Some((Head { namespace, name, uid, version, generation, deleting }, value))
}

/// What the scan says there is to know.
pub(super) fn head(object: &Object<'_>) -> Head {
    let head = object.head.clone();
    Head {
        namespace: head.namespace.map(Into::into),
        name: head.name.into(),
        uid: head.uid.map(Into::into),
        version: head.version.into(),
        generation: head.generation,
        deleting: head.deleting,
    }
}

/// What the scan makes of an object that a strict parser takes.
pub(super) fn scanned(object: &Object<'_>) -> (Head, Value) {
    let type_meta = TypeMeta::new("v1", "Pod");
    let kept = object.draft(&type_meta).to_vec();
    (head(object), serde_json::from_slice(&kept).expect("the copy is JSON where the bytes are"))
}

/// managedFields that stand there more often than the scan counts.
pub(super) fn is_repeated<T>(found: &Result<T, Unreadable<'_>>) -> bool {
    matches!(found, Err(Unreadable { flaw: Flaw::Repeated { .. }, .. }))
}

/// Reads a line both ways. The error says where they part.
pub(super) fn agree(line: &[u8]) -> Result<(), String> {
    let found = scan::event(line);
    let Ok(value) = serde_json::from_slice::<Value>(line) else {
        return match &found {
            Ok(Event::Upsert(object) | Event::Delete(object)) => looked_at_is_strict(line, object),
            _ => Ok(()),
        };
    };
    let generation = value.pointer("/object/metadata/generation").and_then(Value::as_f64);
    // -0 is an integer for Go and for us, and none for serde_json.
    if is_repeated(&found) || generation.is_some_and(|generation| generation == 0.0 && generation.is_sign_negative()) {
        return Ok(());
    }
    let kind = value.get("type").and_then(Value::as_str);
    let object = value.get("object");
    let same = match (kind, object, &found) {
        (None, ..) | (_, None, _) => found.is_err(),
        (Some("ADDED" | "MODIFIED"), Some(object), Ok(Event::Upsert(found)))
        | (Some("DELETED"), Some(object), Ok(Event::Delete(found))) => strict(object.clone()) == Some(scanned(found)),
        (Some("ADDED" | "MODIFIED" | "DELETED"), Some(object), Err(_)) => strict(object.clone()).is_none(),
        (Some("BOOKMARK"), Some(object), found) => {
            let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
            match found {
                Ok(Event::Bookmark { version: found, .. }) => found == version && !version.is_empty(),
                found => found.is_err() && version.is_empty(),
            }
        }
        (Some("ERROR"), _, found) => matches!(found, Ok(Event::Error(_))),
        (Some(kind), _, found) => matches!(found, Ok(Event::Unknown(found)) if *found == kind),
    };
    if same { Ok(()) } else { Err(format!("{found:?} of {}", line.escape_ascii())) }
}

/// No strict parser takes the line, but the scan does: what it looked at must be strict.
fn looked_at_is_strict(line: &[u8], object: &Object<'_>) -> Result<(), String> {
    let mut looked_at = Vec::new();
    let walked = skeleton(&mut Cursor::new(line), &["object", "metadata"], &mut looked_at);
    let value: Option<Value> = walked.ok().and_then(|()| serde_json::from_slice(&looked_at).ok());
    let strictly = value.and_then(|value| strict(value.get("object")?.clone()));
    if strictly.is_some_and(|(strictly, _)| strictly == head(object)) {
        return Ok(());
    }
    let (line, looked_at) = (line.escape_ascii(), looked_at.escape_ascii());
    Err(format!("{:?} of {line}, of which it looked at {looked_at}", object.head))
}

/// The values that are looked at.
const LOOKED_AT: [&[u8]; 7] =
    [b"type", b"name", b"namespace", b"uid", b"resourceVersion", b"deletionTimestamp", b"generation"];

/// The object that stands at the cursor, with null for all that nobody looks at, and for what is no value.
fn skeleton(cursor: &mut Cursor<'_>, inside: &[&str], out: &mut Vec<u8>) -> Result<(), Flaw> {
    out.push(b'{');
    let mut first = true;
    cursor.object(|cursor, member| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        let entered = inside.split_first().filter(|(key, _)| key.as_bytes() == &*member.key);
        let known = entered.is_some() || LOOKED_AT.contains(&&*member.key);
        let key = if known { &*member.key } else { b"?" };
        out.extend_from_slice(format!("\"{}\":", String::from_utf8_lossy(key)).as_bytes());
        if let Some((_, inside)) = entered
            && cursor.peek()? == b'{'
        {
            let (mut inner, length) = (cursor.clone(), out.len());
            if skeleton(&mut inner, inside, out).is_ok() {
                *cursor = inner;
                return Ok(());
            }
            // Of two that bear the name only the last one is looked at.
            out.truncate(length);
        }
        cursor.peek()?;
        let start = cursor.at();
        cursor.skip_any()?;
        let value = cursor.slice(start, cursor.at());
        let is_value = known && serde_json::from_slice::<Value>(value).is_ok();
        out.extend_from_slice(if is_value { value } else { b"null" });
        Ok(())
    })?;
    out.push(b'}');
    Ok(())
}
