use serde_json::{Value, json};

use super::*;

#[test]
fn messages_are_worded_as_kubernetes_words_them() {
    let path = Path::new("spec").child("size");
    for (error, expected) in [
        (
            FieldError::invalid(&path, &-1, "should be a non-negative integer"),
            "spec.size: Invalid value: -1: should be a non-negative integer",
        ),
        (FieldError::invalid(&path, "a\"b", "no quotes"), r#"spec.size: Invalid value: "a\"b": no quotes"#),
        (
            FieldError::invalid(&path, &json!({"b": [1, "<"], "a": null}), "no"),
            r#"spec.size: Invalid value: {"a":null,"b":[1,"\u003c"]}: no"#,
        ),
        (
            FieldError::type_invalid(&path, "integer", r#"spec.size in body must be of type string: "integer""#),
            r#"spec.size: Invalid value: "integer": spec.size in body must be of type string: "integer""#,
        ),
        (FieldError::required(&path, ""), "spec.size: Required value"),
        (FieldError::required(&path, "must be set"), "spec.size: Required value: must be set"),
        (
            FieldError::not_supported(&path, "x", ["a", "b"]),
            r#"spec.size: Unsupported value: "x": supported values: "a", "b""#,
        ),
        (FieldError::not_supported(&path, &Value::Null, Vec::<String>::new()), "spec.size: Unsupported value: null"),
        (FieldError::duplicate(&path, &json!({"name": "a"})), r#"spec.size: Duplicate value: {"name":"a"}"#),
        (FieldError::forbidden(&path, "may not change"), "spec.size: Forbidden: may not change"),
        (FieldError::too_long(&path, 5), "spec.size: Too long: may not be more than 5 bytes"),
        (FieldError::too_long(&path, 1), "spec.size: Too long: may not be more than 1 byte"),
        (FieldError::too_many(&path, 3, 2), "spec.size: Too many: 3: must have at most 2 items"),
        (FieldError::too_many(&path, 3, 1), "spec.size: Too many: 3: must have at most 1 item"),
        (FieldError::immutable(&path, &true), "spec.size: Invalid value: true: field is immutable"),
    ] {
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn paths_are_written_as_kubernetes_writes_them() {
    for (path, expected) in [
        (Path::root(), "<nil>"),
        (Path::root().child("kind"), "kind"),
        (Path::new("spec").child("containers").index(0).child("name"), "spec.containers[0].name"),
        (Path::new("metadata").child("labels").key("app.io/name"), "metadata.labels[app.io/name]"),
    ] {
        assert_eq!(path.to_string(), expected);
    }
}

#[test]
fn several_errors_make_one_line_without_repetition() {
    let a = FieldError::required("a", "");
    let b = FieldError::required("b", "");
    assert_eq!(aggregate(std::slice::from_ref(&a)), "a: Required value");
    assert_eq!(aggregate(&[a.clone(), b.clone(), a]), "[a: Required value, b: Required value]");
}

#[test]
fn values_are_shown_as_go_shows_them() {
    for (value, expected) in [
        (json!(1), "1"),
        (json!(true), "true"),
        (json!(1.5), "1.5"),
        (json!(100.0), "100"),
        (json!(100_000.0), "100000"),
        (json!(123_456_789.0), "1.23456789e+08"),
        (json!([1e20]), "[100000000000000000000]"),
        (json!(1e21), "1e+21"),
        (json!(0.0001), "0.0001"),
        (json!(0.00001), "1e-05"),
        (json!([0.0000001]), "[1e-7]"),
        (json!(18_446_744_073_709_551_615_u64), "1.8446744073709552e+19"),
        (json!(null), "null"),
        (json!("tab\t, bell\u{7}, del\u{7f}, é, 世, \u{200b}"), r#""tab\t, bell\a, del\x7f, é, 世, \u200b""#),
        (json!(["a&b"]), r#"["a\u0026b"]"#),
        (json!({}), "{}"),
    ] {
        assert_eq!(echo::value(&value), expected);
    }
}

#[test]
fn names_are_judged_by_their_grammar() {
    for (good, bad) in [("web", "Web"), ("a-1", "-a"), ("1a", "a-")] {
        assert_eq!(name::dns1123_label(good), Vec::<String>::new());
        assert_eq!(name::dns1123_label(bad).len(), 1, "{bad}");
    }
    assert_eq!(name::dns1123_label("a.b"), ["must not contain dots"]);
    assert_eq!(name::dns1123_label(&"a".repeat(64)), ["must be no more than 63 characters"]);
    assert!(name::dns1123_subdomain("a.b-c.1").is_empty());
    assert_eq!(
        name::dns1123_subdomain("a..b"),
        ["a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
          start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
          '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"]
    );
    assert!(name::dns1035_label("foos").is_empty());
    assert_eq!(
        name::dns1035_label("1foos"),
        ["a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
          character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
          validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"]
    );
    for good in ["app", "app.io/Name_1", "a.b/c"] {
        assert!(name::qualified(good).is_empty(), "{good}");
    }
    for (bad, count) in [("", 2), ("/a", 1), ("A/b/c", 1), ("-a", 1), ("UP.io/a", 1)] {
        assert_eq!(name::qualified(bad).len(), count, "{bad}");
    }
    assert!(name::label_value("").is_empty());
    assert_eq!(name::label_value("a b").len(), 1);
    assert_eq!(name::path_segment(".."), ["may not be '..'"]);
    assert_eq!(name::path_segment("a/b%"), ["may not contain '/'", "may not contain '%'"]);
}
