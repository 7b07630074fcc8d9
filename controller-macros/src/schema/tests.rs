use serde_json::{Value, json};

use super::{check, pattern};

fn faults(schema: &Value) -> Vec<(String, String)> {
    check(schema).into_iter().map(|fault| (fault.pointer, fault.expected)).collect()
}

#[test]
fn valid_schemas_have_no_fault() {
    for schema in [
        json!(true),
        json!({}),
        json!({ "type": ["object", "null"], "properties": { "a~b/c": { "type": "string" } }, "required": [] }),
        json!({ "$ref": "#/$defs/a%20b", "$defs": { "a b": { "minLength": 3, "maxLength": 3.0 } } }),
        json!({ "$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": true }),
        json!({ "exclusiveMinimum": 1, "multipleOf": 0.5, "enum": [1], "const": null, "default": 5 }),
        json!({ "items": [{}, true], "additionalItems": false, "dependencies": { "a": ["b"], "c": {} } }),
        json!({ "x-kubernetes-int-or-string": true, "nullable": true, "format": "int32" }),
        json!({ "$id": "https://example.com/a", "$ref": "other.json" }),
        json!({ "properties": { "type": { "type": "string" }, "required": { "type": "boolean" } } }),
    ] {
        assert_eq!(faults(&schema), [], "{schema}");
    }
}

#[test]
fn a_fault_is_named_by_its_pointer() {
    let check = |schema: Value, pointer: &str, expect: &str| {
        let found = faults(&schema);
        assert_eq!(found.len(), 1, "{schema}: {found:?}");
        assert_eq!(found[0].0, pointer, "{schema}");
        assert!(found[0].1.contains(expect), "{schema}: {}", found[0].1);
    };
    check(json!([]), "", "a schema");
    check(json!({ "type": "strin" }), "/type", "`string`; the types are");
    check(json!({ "type": "int" }), "/type", "`integer`; the types are");
    check(json!({ "type": [] }), "/type", "or a list of them");
    check(json!({ "type": ["string", "string"] }), "/type/1", "once");
    check(json!({ "type": ["string", 5] }), "/type/1", "one of");
    check(json!({ "properties": { "a/b": { "required": true } } }), "/properties/a~1b/required", "beside `properties`");
    check(json!({ "properties": { "a": 5 } }), "/properties/a", "a schema");
    check(json!({ "properties": [] }), "/properties", "for each name");
    check(json!({ "required": ["a", "a"] }), "/required/1", "once");
    check(json!({ "required": [5] }), "/required/0", "a name");
    check(json!({ "minLength": -1 }), "/minLength", "from 0");
    check(json!({ "minLength": "3" }), "/minLength", "from 0");
    check(json!({ "minimum": "3" }), "/minimum", "a number");
    check(json!({ "multipleOf": 0 }), "/multipleOf", "above 0");
    check(json!({ "exclusiveMinimum": true }), "/exclusiveMinimum", "in place of `minimum`");
    check(json!({ "exclusiveMaximum": "1" }), "/exclusiveMaximum", "a number");
    check(
        json!({ "$schema": "http://json-schema.org/draft-04/schema#", "exclusiveMinimum": 1 }),
        "/exclusiveMinimum",
        "draft 4",
    );
    check(json!({ "enum": [] }), "/enum", "at least one value");
    check(json!({ "anyOf": [] }), "/anyOf", "at least one schema");
    check(json!({ "anyOf": [{}, { "not": 3 }] }), "/anyOf/1/not", "a schema");
    check(json!({ "items": [] }), "/items", "at least one schema");
    check(json!({ "items": 3 }), "/items", "a schema");
    check(json!({ "uniqueItems": "yes" }), "/uniqueItems", "`true` or `false`");
    check(json!({ "title": 3 }), "/title", "a string");
    check(json!({ "pattern": "(a" }), "/pattern", "closed");
    check(json!({ "pattern": 3 }), "/pattern", "regular expression");
    check(json!({ "patternProperties": { "[a": {} } }), "/patternProperties/[a", "closed");
    check(json!({ "dependentRequired": { "a": "b" } }), "/dependentRequired/a", "list of names");
    check(json!({ "dependencies": { "a": 1 } }), "/dependencies/a", "a schema");
    check(json!({ "$ref": "#/$defs/none" }), "/$ref", "that is there");
    check(json!({ "$ref": "other.json" }), "/$ref", "into this document");
    check(json!({ "$ref": 3 }), "/$ref", "in a string");
}

#[test]
fn all_faults_are_found_and_depth_has_an_end() {
    let many = json!({ "type": "x", "properties": { "a": { "minLength": -1 } }, "required": "a" });
    assert_eq!(faults(&many).len(), 3);
    let deep = (0..200).fold(json!({}), |inner, _| json!({ "not": inner }));
    assert!(faults(&deep)[0].1.contains("levels deep"));
}

#[test]
fn patterns_are_balanced() {
    for good in [r"^[a-z]+$", r"a\(b", r"(?:a|b)*?", r"[]a]", r"[^]]", r"x{2,3}", "", r"[[:alpha:]]+", r"a|^b+", "a++"]
    {
        assert_eq!(pattern::check(good), Ok(()), "{good}");
    }
    for bad in ["(", ")", "(a))", "[a", "a\\", "*a", "(+a)", "a**b*|*", "[[:alpha:", "(?"] {
        assert!(pattern::check(bad).is_err(), "{bad}");
    }
}
