//! Rules in CEL, as a kube-apiserver v1.37.2 answers.

use serde_json::{Value, json};

use super::{Got, Rig, text};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const RULES: &str = "/apis/cel.example.com/v1/namespaces/default/rules";

fn definition(plural: &str, kind: &str, schema: Value) -> Value {
    json!({
        "metadata": {"name": format!("{plural}.cel.example.com")},
        "spec": {
            "group": "cel.example.com", "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

fn rig(spec: Value) -> Rig {
    let mut rig = Rig::new();
    let schema = json!({
        "type": "object",
        "properties": {
            "spec": spec,
            "status": {"type": "object", "properties": {
                "n": {"type": "integer", "x-kubernetes-validations": [{"rule": "self < 5"}]},
            }},
        },
        "x-kubernetes-validations": [
            {"rule": "self.metadata.name != 'forbidden'", "message": "that name is not allowed"},
        ],
    });
    rig.post(DEFINITIONS, definition("rules", "Rule", schema)).is(201);
    rig
}

fn rule(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "cel.example.com/v1", "kind": "Rule", "metadata": {"name": name}, "spec": spec})
}

fn causes(got: &Got) -> Vec<String> {
    let causes = got.body["details"]["causes"].as_array().into_iter().flatten();
    causes.map(|cause| format!("{}: {}", text(&cause["field"]), text(&cause["message"]))).collect()
}

fn whole() -> Value {
    json!({
        "type": "object",
        "x-kubernetes-validations": [
            {"rule": "self.min <= self.max", "message": "min must not be above max"},
            {
                "rule": "!has(self.name) || self.name.startsWith('x')",
                "messageExpression": "'name ' + self.name + ' does not start with x'",
                "reason": "FieldValueForbidden", "fieldPath": ".name",
            },
        ],
        "properties": {
            "min": {"type": "integer", "default": 0},
            "max": {"type": "integer", "default": 10},
            "name": {"type": "string", "maxLength": 20},
            "fixed": {"type": "string", "maxLength": 20, "x-kubernetes-validations": [
                {"rule": "self == oldSelf", "message": "fixed is fixed"},
            ]},
            "grows": {"type": "integer", "x-kubernetes-validations": [{"rule": "self >= oldSelf"}]},
            "opt": {"type": "integer", "x-kubernetes-validations": [
                {"rule": "!oldSelf.hasValue() || self >= oldSelf.value()", "optionalOldSelf": true},
            ]},
            "list": {
                "type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 10},
                "x-kubernetes-validations": [{"rule": "self.all(x, x.size() > 1)", "message": "each is longer than one"}],
            },
            "map": {
                "type": "object", "maxProperties": 5, "additionalProperties": {"type": "string", "maxLength": 10},
                "x-kubernetes-validations": [{"rule": "self.all(k, k.matches('^[a-z]+$'))"}],
            },
            "keyed": {
                "type": "array", "maxItems": 5, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key"],
                "items": {
                    "type": "object", "required": ["key"],
                    "properties": {
                        "key": {"type": "string", "maxLength": 10},
                        "value": {"type": "integer", "x-kubernetes-validations": [{"rule": "self >= oldSelf"}]},
                    },
                },
            },
        },
    })
}

#[test]
fn rules_are_held_on_creates() {
    let mut rig = rig(whole());
    let mut check = |name: &str, spec: Value, expect: &[&str]| {
        let got = rig.post(RULES, rule(name, spec)).is(if expect.is_empty() { 201 } else { 422 });
        assert_eq!(causes(&got), expect, "{}", got.text);
    };
    check("a", json!({"fixed": "f", "grows": 3, "opt": 1}), &[]);
    check("forbidden", json!({}), &["<nil>: Invalid value: that name is not allowed"]);
    check("b", json!({"min": 5, "max": 4}), &["spec: Invalid value: min must not be above max"]);
    check("b", json!({"name": "yes"}), &["spec.name: Forbidden: name yes does not start with x"]);
    check("b", json!({"list": ["aa", "b"]}), &["spec.list: Invalid value: each is longer than one"]);
    check(
        "b",
        json!({"map": {"A": "b"}}),
        &["spec.map: Invalid value: failed rule: self.all(k, k.matches('^[a-z]+$'))"],
    );
    check(
        "b",
        json!({"min": "x"}),
        &[
            "spec.min: Invalid value: \"string\": spec.min in body must be of type integer: \"string\"",
            "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the \
         existing errors to complete validation",
        ],
    );
}

#[test]
fn rules_on_changes_see_the_old_value() {
    let mut rig = rig(whole());
    let keyed = json!([{"key": "a", "value": 2}, {"key": "b", "value": 5}]);
    rig.post(RULES, rule("a", json!({"fixed": "f", "grows": 3, "opt": 1, "keyed": keyed}))).is(201);
    let path = format!("{RULES}/a");
    let mut check = |spec: Value, expect: &[&str]| {
        let got = rig.patch(&path, json!({"spec": spec})).is(if expect.is_empty() { 200 } else { 422 });
        assert_eq!(causes(&got), expect, "{}", got.text);
    };
    check(json!({"fixed": "g"}), &["spec.fixed: Invalid value: \"g\": fixed is fixed"]);
    check(json!({"grows": 2}), &["spec.grows: Invalid value: 2: failed rule: self >= oldSelf"]);
    check(json!({"grows": 4, "opt": 2}), &[]);
    check(
        json!({"opt": 1}),
        &["spec.opt: Invalid value: 1: failed rule: !oldSelf.hasValue() || self >= oldSelf.value()"],
    );
    // Items are known again by their keys, wherever they stand.
    check(json!({"keyed": [{"key": "b", "value": 5}, {"key": "a", "value": 3}]}), &[]);
    check(
        json!({"keyed": [{"key": "b", "value": 4}]}),
        &["spec.keyed[0].value: Invalid value: 4: failed rule: self >= oldSelf"],
    );
    // What is gone has no old value.
    check(json!({"fixed": null}), &[]);
    check(json!({"fixed": "new"}), &[]);
    let got = rig.patch(&format!("{path}/status"), json!({"status": {"n": 7}})).is(422);
    assert_eq!(causes(&got), ["status.n: Invalid value: 7: failed rule: self < 5"]);
    rig.patch(&format!("{path}/status"), json!({"status": {"n": 2}})).is(200);
}

#[test]
fn what_was_broken_before_is_a_warning() {
    let mut rig = rig(json!({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}));
    rig.post(RULES, rule("old", json!({"a": 9, "b": 1}))).is(201);
    let mut strict = json!({"type": "object", "properties": {
        "a": {"type": "integer", "x-kubernetes-validations": [{"rule": "self < 5"}]},
        "b": {"type": "integer"},
    }});
    let mut body = rig.get(&format!("{DEFINITIONS}/rules.cel.example.com")).is(200).body;
    std::mem::swap(&mut body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"], &mut strict);
    rig.put(&format!("{DEFINITIONS}/rules.cel.example.com"), body).is(200);
    let got = rig.patch(&format!("{RULES}/old"), json!({"spec": {"b": 2}})).is(200);
    let warning = got.headers.get("warning").and_then(|value| value.to_str().ok());
    assert_eq!(warning, Some("299 - \"spec.a: Invalid value: 9: failed rule: self < 5\""));
    rig.patch(&format!("{RULES}/old"), json!({"spec": {"a": 8}})).is(422);
    rig.patch(&format!("{RULES}/old"), json!({"spec": {"a": 4}})).is(200);
}

#[test]
fn bad_rules_are_refused_with_their_definition() {
    let mut rig = Rig::new();
    let mut check = |x: Value, expect: &[&str]| {
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {"x": x}}}});
        let got = rig.post(DEFINITIONS, definition("bads", "Bad", schema)).is(422);
        let at = "spec.validation.openAPIV3Schema";
        let told: Vec<String> = causes(&got).iter().map(|cause| cause.replace(at, "@")).collect();
        for (told, expect) in told.iter().zip(expect) {
            assert!(
                told.starts_with(&expect.replace("@x", "@.properties[spec].properties[x].x-kubernetes-validations[0]")),
                "{told}\n{expect}"
            );
        }
        assert_eq!(told.len(), expect.len(), "{told:?}");
    };
    let rule = |kind: &str, rule: &str| json!({"type": kind, "x-kubernetes-validations": [{"rule": rule}]});
    let shown = |rule: &str| {
        format!(
            "Invalid value: {{\"Rule\":\"{rule}\",\"Message\":\"\",\"MessageExpression\":\"\",\"Reason\":null,\
             \"FieldPath\":\"\",\"OptionalOldSelf\":null}}"
        )
    };
    check(
        rule("string", "self +"),
        &[&format!(
            "@x.rule: {}: compilation failed: ERROR: <input>:1:7: Syntax error: mismatched input '<EOF>' expecting",
            shown("self +")
        )],
    );
    check(
        rule("string", "self.size()"),
        &[&format!("@x.rule: {}: cel expression must evaluate to a bool", shown("self.size()"))],
    );
    check(
        rule("string", "self == nope"),
        &[&format!(
            "@x.rule: {}: compilation failed: ERROR: <input>:1:9: undeclared reference to 'nope' (in container '')\n | self \
         == nope\n | ........^",
            shown("self == nope")
        )],
    );
    let nested = json!({
        "type": "array", "items": {"type": "array", "items": {"type": "string"}},
        "x-kubernetes-validations": [{"rule": "self.all(a, a.all(b, self.all(c, c.all(d, b != d))))"}],
    });
    let budget = "exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, \
                  and maxLength where arrays, maps, and strings are declared)";
    check(
        nested,
        &[
            &format!("@x.rule: Forbidden: estimated rule cost {budget}"),
            "@x.rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema",
            &format!(
                "@: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema {budget}"
            ),
        ],
    );
    let items = json!({"type": "array", "maxItems": 3, "items": rule("integer", "self >= oldSelf")});
    check(
        items,
        &[
            "@.properties[spec].properties[x].items.x-kubernetes-validations[0].rule: Invalid value: \"self >= oldSelf\": \
         oldSelf cannot be used on the uncorrelatable portion of the schema within @.properties[spec].properties[x]",
        ],
    );
    let optional =
        json!({"type": "integer", "x-kubernetes-validations": [{"rule": "self > 0", "optionalOldSelf": true}]});
    check(optional, &["@x.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"]);
    let message =
        json!({"type": "integer", "x-kubernetes-validations": [{"rule": "self > 0", "messageExpression": "1"}]});
    check(message, &["@x.messageExpression: Invalid value: {\"Rule\":\"self \\u003e 0\""]);
}
