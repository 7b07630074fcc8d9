//! The patch languages on small documents.

use serde_json::{Value, json};

use super::{Error, JsonPatch, merge};

fn json_patch(document: &Value, patch: &Value) -> Result<Value, Error> {
    JsonPatch::parse(patch.to_string().as_bytes())?.apply(document)
}

#[test]
fn json_patches_apply_with_the_real_servers_leniency() {
    let document = json!({"a": 1, "list": ["x", "y"], "deep": {"k/e~y": true}});
    for (patch, expect) in [
        (json!([]), json!({"a": 1, "list": ["x", "y"], "deep": {"k/e~y": true}})),
        (
            json!([{"op": "replace", "path": "/b", "value": 2}, {"op": "remove", "path": "/list"}]),
            json!({"a": 1, "b": 2, "deep": {"k/e~y": true}}),
        ),
        (
            json!([{"op": "add", "path": "/list/-", "value": "z"}, {"op": "remove", "path": "/deep"}]),
            json!({"a": 1, "list": ["x", "y", "z"]}),
        ),
        (
            json!([{"op": "add", "path": "/list/0", "value": "w"}, {"op": "remove", "path": "/deep"}]),
            json!({"a": 1, "list": ["w", "x", "y"]}),
        ),
        (
            json!([{"op": "remove", "path": "/list/-1"}, {"op": "remove", "path": "/deep"}]),
            json!({"a": 1, "list": ["x"]}),
        ),
        (
            json!([{"op": "test", "path": "/gone", "value": null}, {"op": "move", "from": "/deep/k~1e~0y", "path": "/a"}]),
            json!({"a": true, "list": ["x", "y"], "deep": {}}),
        ),
        (
            json!([{"op": "copy", "from": "/a", "path": "/deep"}, {"op": "replace", "path": "/list/1", "value": null}]),
            json!({"a": 1, "list": ["x", null], "deep": 1}),
        ),
    ] {
        assert_eq!(json_patch(&document, &patch), Ok(expect), "{patch}");
    }
    let failed = json_patch(&document, &json!([{"op": "test", "path": "/a", "value": 2}]));
    assert!(matches!(failed, Err(Error::TestFailed(_))), "{failed:?}");
    for patch in [
        json!([{"op": "remove", "path": "/gone"}]),
        json!([{"op": "add", "path": "/gone/x", "value": 1}]),
        json!([{"op": "add", "path": "/list/7", "value": 1}]),
        json!([{"op": "replace", "path": "/list/2", "value": 1}]),
        json!([{"op": "copy", "from": "/gone", "path": "/b"}]),
        json!([{"op": "bless", "path": "/a"}]),
        json!([{"op": "add", "path": "a", "value": 1}]),
        json!([{"op": "add", "path": "/a"}]),
    ] {
        assert!(matches!(json_patch(&document, &patch), Err(Error::DoesNotApply(_))), "{patch}");
    }
    let many = Value::Array(vec![json!({"op": "test", "path": "/a", "value": 1}); 10_001]);
    assert_eq!(
        json_patch(&document, &many).expect_err("too many").to_string(),
        "The allowed maximum operations in a JSON patch is 10000, got 10001"
    );
    assert!(matches!(json_patch(&document, &json!({"op": "add"})), Err(Error::Malformed(_))));
}

#[test]
fn merge_patches_follow_the_rfc() {
    for (target, patch, expect) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
    ] {
        let mut merged = target.clone();
        merge(&mut merged, patch.clone());
        assert_eq!(merged, expect, "{target} + {patch}");
    }
}

#[test]
fn a_patch_can_not_build_what_is_too_deep_or_copy_without_end() {
    let refused = |patch: Value| match json_patch(&json!({"a": {}}), &patch) {
        Err(Error::DoesNotApply(why)) => why,
        other => panic!("{other:?}"),
    };
    let nest = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({"a": inner}));
    // Each operation adds to what the last one has made.
    let steps = (0..10).map(|step| json!({"op": "add", "path": "/a".repeat(1 + 40 * step), "value": nest(40)}));
    assert!(refused(Value::Array(steps.collect())).contains("exceeded max depth"));
    let doubling = (0..5000).map(|step| json!({"op": "copy", "from": "/a", "path": format!("/a/{step}")}));
    assert!(refused(Value::Array(doubling.collect())).contains("copies"));
    let flat = (0..40).map(|step| json!({"op": "copy", "from": "", "path": format!("/{step}")}));
    assert!(refused(Value::Array(flat.collect())).contains("copies"));
}
