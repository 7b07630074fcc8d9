//! What is said of good and bad objects, and of bad schemas.

use serde_json::json;

use super::*;

fn schema() -> Schema {
    let schema = json!({
        "type": "object",
        "required": ["spec"],
        "properties": {"spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 5},
                "names": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}},
                "a/b": {"type": "boolean"},
            },
        }},
    });
    Schema::compile(&schema).expect("it is a schema")
}

#[track_caller]
fn check(object: Value, expect: Option<&str>) {
    let found = schema().check_bytes(object.to_string().as_bytes()).err();
    assert_eq!(found.map(|report| report.to_string()).as_deref(), expect);
}

#[test]
fn a_report_names_the_place_the_rule_and_what_was_found() {
    check(json!({"spec": {"size": 3}}), None);
    check(
        json!({"spec": {"size": 9}}),
        Some(
            "/spec/size: the value is greater than the maximum of 5 (found 9) [rule /properties/spec/properties/size/maximum]",
        ),
    );
    check(json!({}), Some("the object: \"spec\" is a required property [rule /required]"));
    check(
        json!({"spec": {"size": 1, "a/b": 7}}),
        Some("/spec/a~1b: the value is not of type \"boolean\" (found 7) [rule /properties/spec/properties/a~1b/type]"),
    );
}

#[test]
fn a_report_stays_short() {
    let names: Vec<String> = (0..9).map(|at| format!("{at}").repeat(100)).collect();
    let report = schema().check(&json!({"spec": {"size": 1, "names": names}})).expect_err("digits are no letters");
    let text = report.to_string();
    assert!(text.ends_with("; and 4 more"), "{text}");
    assert!(text.len() < 1000, "{} bytes", text.len());
    assert!(text.starts_with("/spec/names/0: "), "{text}");
}

#[test]
fn what_is_not_json_is_invalid() {
    let report = schema().check_bytes(b"{\"spec\":").expect_err("it is cut off");
    assert!(report.to_string().starts_with("the object: the object is not JSON"), "{report}");
}

#[test]
fn rules_in_cel_are_not_evaluated() {
    let rules = json!([{"rule": "self.size < 3", "message": "too large"}]);
    let schema = json!({"properties": {"spec": {
        "properties": {"size": {"maximum": 5}},
        "x-kubernetes-validations": rules,
    }}});
    let schema = Schema::compile(&schema).expect("it is a schema");
    let check = |size: u32| schema.check_bytes(json!({"spec": {"size": size}}).to_string().as_bytes()).is_ok();
    assert_eq!([check(2), check(4), check(6)], [true, true, false], "what stands beside them is");
}

#[test]
fn a_verdict_is_remembered_and_the_oldest_makes_room() {
    let mut verdicts = Verdicts::with_room_for(2);
    let prints: Vec<_> = [&b"a"[..], b"b", b"c"].into_iter().map(fingerprint).collect();
    prints.iter().for_each(|print| verdicts.put(*print, Ok(())));
    assert_eq!(prints.iter().map(|print| verdicts.get(*print).is_some()).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_bad_schema_is_refused_with_its_place() {
    let text = |schema: &str| Schema::parse(schema).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(text("{"), Err("the schema is not JSON: mend the text given as `schema`".to_owned()));
    let error = text(r#"{"properties": {"a": {"type": "strnig"}}}"#).expect_err("there is no such type");
    assert!(error.contains("/properties/a/type") && error.contains("strnig"), "{error}");
    let error = text(r#"{"$ref": "https://example.com/x.json"}"#).expect_err("nothing is fetched");
    assert!(error.starts_with("the schema is not a JSON Schema"), "{error}");
    assert!(text(r#"{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}"#).is_ok());
}
