use super::*;
use crate::kinds;

/// Each line is a kind, an object, a patch, and what Kubernetes' own library makes of them: the result, or the error.
const RECORDED: &str = include_str!("recorded.jsonl");

#[test]
fn patches_as_kubernetes_own_library_does() {
    let mut wrong = Vec::new();
    for line in RECORDED.lines() {
        let case: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |name: &str| case[0][name].as_str().unwrap_or_default();
        let ty = kinds::of_kind(text("group"), text("version"), text("kind")).expect("a built-in kind");
        let ours = match (apply(&case[1], &case[2], ty), &case[3]) {
            (Ok(result), _) => result,
            // The texts of the library's errors are half Go syntax; that one fails is what counts.
            (Err(_), Value::String(_)) => continue,
            (Err(error), _) => error.to_string().into(),
        };
        if ours != case[3] {
            wrong.push(format!("{}\n + {}\n ours   {ours}\n theirs {}", case[1], case[2], case[3]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_missing_merge_key_is_named() {
    let ty = kinds::of_kind("", "v1", "Pod").expect("a built-in kind");
    let pod = serde_json::json!({ "spec": { "containers": [{ "name": "a" }] } });
    let patch = serde_json::json!({ "spec": { "containers": [{ "image": "x" }] } });
    assert_eq!(
        apply(&pod, &patch, ty),
        Err(Error::Unforeseen("map: map[image:x] does not contain declared merge key: name".into()))
    );
}
