//! The annotation in which kubectl's client-side apply keeps what it applied last.

use serde_json::Value;

const NAME: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// All annotations of an object together are no longer than this.
const LIMIT: usize = 256 * 1024;

/// What was applied on the client's side, as text.
pub(super) fn last_applied(object: &Value) -> Option<&str> {
    object.pointer("/metadata/annotations")?.get(NAME)?.as_str()
}

/// Writes down what kubectl has applied on the server's side, where it applied on its own side before: whoever goes back
/// to that finds it up to date. Nobody comes to own the annotation by this.
pub(crate) fn keep_last_applied(object: &mut Value, wanted: &Value) {
    if last_applied(object).is_none_or(str::is_empty) {
        return;
    }
    let mut kept = wanted.clone();
    if let Some(Value::Object(annotations)) = kept.pointer_mut("/metadata/annotations") {
        annotations.remove(NAME);
    }
    let Some(Value::Object(annotations)) = object.pointer_mut("/metadata/annotations") else { return };
    annotations.insert(NAME.to_owned(), format!("{kept}\n").into());
    let length = |(name, value): (&String, &Value)| name.len() + value.as_str().map_or(0, str::len);
    if annotations.iter().map(length).sum::<usize>() > LIMIT {
        annotations.remove(NAME);
    }
}
