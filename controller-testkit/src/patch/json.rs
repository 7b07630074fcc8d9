//! JSON patch as the real server applies it.
//!
//! It differs from RFC 6902 where its library does: `replace` of a missing member acts as `add`, `test` of an absent
//! member against null passes, and a negative index counts from a list's end.

use serde::Deserialize;
use serde_json::Value;

use super::Error;
use crate::store::{DEEPEST, is_deeper};

const MAX_OPERATIONS: usize = 10_000;
/// What the copies of one patch may come to: each may copy what the last one has made.
const MAX_COPIED: usize = 3 * 1024 * 1024;

/// A parsed list of operations.
#[derive(Clone, Debug)]
pub(crate) struct JsonPatch {
    operations: Vec<Operation>,
}

#[derive(Clone, Debug, Deserialize)]
struct Operation {
    #[serde(default)]
    op: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
}

/// Tells a `value` of null from a missing one.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl JsonPatch {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        let patch: Value =
            serde_json::from_slice(body).map_err(|_| Error::Malformed("invalid JSON patch".to_owned()))?;
        if !patch.is_array() {
            let kind = crate::field::kind_of(&patch);
            return Err(Error::Malformed(format!(
                "error decoding patch: json: cannot unmarshal {kind} into Go value of type []handlers.jsonPatchOp"
            )));
        }
        let operations: Vec<Operation> = serde_json::from_value(patch)
            .map_err(|fault| Error::Malformed(format!("error decoding patch: {fault}")))?;
        match operations.len() {
            got if got > MAX_OPERATIONS => Err(Error::TooManyOperations { limit: MAX_OPERATIONS, got }),
            _ => Ok(Self { operations }),
        }
    }

    /// The places that it names.
    pub(crate) fn pointers(&self) -> impl Iterator<Item = &str> {
        self.operations.iter().flat_map(|operation| [&operation.path, &operation.from]).filter_map(Option::as_deref)
    }

    /// Applies all operations, or none.
    pub(crate) fn apply(&self, original: &Value) -> Result<Value, Error> {
        let mut document = original.clone();
        let mut copied = 0;
        for operation in &self.operations {
            operation.apply(&mut document, &mut copied)?;
        }
        Ok(document)
    }
}

impl Operation {
    fn apply(&self, document: &mut Value, copied: &mut usize) -> Result<(), Error> {
        let path = self.path.as_deref().ok_or_else(|| refuse(&self.op, "", "operation has no path"))?;
        let missing = |what: &str| refuse(&self.op, path, what);
        let value = || self.value.clone().ok_or_else(|| missing("operation has no value"));
        match self.op.as_str() {
            "add" => add(document, path, value()?),
            "remove" => remove(document, path).map(drop),
            "replace" => replace(document, path, value()?),
            "test" => {
                let wanted = self.value.clone().unwrap_or(Value::Null);
                match get(document, path) {
                    Some(found) if *found == wanted => Ok(()),
                    None if wanted.is_null() => Ok(()),
                    _ => Err(Error::TestFailed(format!("testing value {path} failed: test failed"))),
                }
            }
            "move" => {
                let from = self.from.as_deref().ok_or_else(|| missing("operation has no from"))?;
                let value = remove(document, from)?;
                add(document, path, value)
            }
            "copy" => {
                let from = self.from.as_deref().ok_or_else(|| missing("operation has no from"))?;
                let value = get(document, from).ok_or_else(|| missing("there is nothing to copy"))?;
                *copied += size(value);
                if *copied > MAX_COPIED {
                    return Err(missing("the copies of this patch are too large"));
                }
                add(document, path, value.clone())
            }
            _ => Err(missing("unknown operation")),
        }
    }
}

fn refuse(operation: &str, path: &str, why: &str) -> Error {
    Error::DoesNotApply(format!("{operation} operation at {path:?}: {why}"))
}

/// About how long a value's JSON is.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 3,
        Value::Array(items) => items.iter().map(size).sum::<usize>() + 2,
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + 4 + size(value)).sum::<usize>() + 2,
        _ => 4,
    }
}

/// Refuses to put a value so far down that the whole has too many levels.
fn check_depth(path: &str, value: &Value) -> Result<(), Error> {
    let above = path.matches('/').count();
    match above > DEEPEST || is_deeper(value, DEEPEST - above) {
        true => Err(refuse("add", "", "exceeded max depth")),
        false => Ok(()),
    }
}

/// The tokens of a pointer but the last, and the last.
fn split(path: &str) -> Option<(Vec<String>, String)> {
    let mut tokens: Vec<String> =
        path.strip_prefix('/')?.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    let last = tokens.pop()?;
    Some((tokens, last))
}

/// The place of an existing item: negative indexes count from the end.
fn index(token: &str, length: usize) -> Option<usize> {
    let at: i64 = token.parse().ok()?;
    let at = if at < 0 {
        usize::try_from(at.checked_add(i64::try_from(length).ok()?)?).ok()?
    } else {
        usize::try_from(at).ok()?
    };
    (at < length).then_some(at)
}

fn get<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(document);
    }
    let (parents, last) = split(path)?;
    parents.iter().chain(std::iter::once(&last)).try_fold(document, |value, token| match value {
        Value::Object(members) => members.get(token),
        Value::Array(items) => items.get(index(token, items.len())?),
        _ => None,
    })
}

fn parent<'a>(document: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let (parents, last) = split(path)?;
    let container = parents.iter().try_fold(document, |value, token| match value {
        Value::Object(members) => members.get_mut(token),
        Value::Array(items) => {
            let at = index(token, items.len())?;
            items.get_mut(at)
        }
        _ => None,
    })?;
    Some((container, last))
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), Error> {
    check_depth(path, &value)?;
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    match parent(document, path) {
        Some((Value::Object(members), key)) => {
            members.insert(key, value);
            Ok(())
        }
        Some((Value::Array(items), key)) if key == "-" => {
            items.push(value);
            Ok(())
        }
        Some((Value::Array(items), key)) => {
            // One past the end is a place to add at, and -1 means just that place.
            let at = index(&key, items.len() + 1).ok_or_else(|| refuse("add", path, "the index is out of bounds"))?;
            items.insert(at, value);
            Ok(())
        }
        _ => Err(no_parent("add", &format!("{path:?}"))),
    }
}

fn replace(document: &mut Value, path: &str, value: Value) -> Result<(), Error> {
    check_depth(path, &value)?;
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    match parent(document, path) {
        Some((Value::Object(members), key)) => {
            members.insert(key, value);
            Ok(())
        }
        Some((Value::Array(items), key)) => {
            let slot = index(&key, items.len()).and_then(|at| items.get_mut(at));
            *slot.ok_or_else(|| refuse("replace", path, "the index is out of bounds"))? = value;
            Ok(())
        }
        _ => Err(no_parent("replace", path)),
    }
}

fn remove(document: &mut Value, path: &str) -> Result<Value, Error> {
    let gone = |why: String| Error::DoesNotApply(format!("error in remove for path: '{path}': {why}"));
    match parent(document, path) {
        Some((Value::Object(members), key)) => {
            members.remove(&key).ok_or_else(|| gone(format!("Unable to remove nonexistent key: {key}: missing value")))
        }
        Some((Value::Array(items), key)) => match index(&key, items.len()) {
            Some(at) => Ok(items.remove(at)),
            None => Err(gone(format!("Unable to access invalid index: {key}: invalid index referenced"))),
        },
        _ => Err(no_parent("remove", &format!("{path:?}"))),
    }
}

fn no_parent(operation: &str, path: &str) -> Error {
    Error::DoesNotApply(format!("{operation} operation does not apply: doc is missing path: {path}: missing value"))
}
