use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::meta::Malformed;
use super::*;
use crate::field::Path;

/// Any JSON, a few levels deep, with names that schemas use too.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ab0-9]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(names(), inner, 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("c".to_owned()),
        Just("metadata".to_owned()),
        Just("kind".to_owned()),
    ]
}

/// Schemas that a definition may have, and some that it may not.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({ "type": "string" })),
        Just(json!({ "type": "string", "default": "ab", "maxLength": 3 })),
        Just(json!({ "type": "string", "nullable": true, "pattern": "^a", "enum": ["a", "ab"] })),
        Just(json!({ "type": "integer", "minimum": -5, "maximum": 100, "multipleOf": 2, "format": "int32" })),
        Just(json!({ "type": "integer", "default": 4 })),
        Just(json!({ "type": "number", "exclusiveMinimum": true, "minimum": 0.5 })),
        Just(json!({ "type": "boolean", "default": true })),
        Just(json!({ "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer" }, { "type": "string" }] })),
        Just(json!({ "x-kubernetes-preserve-unknown-fields": true })),
        Just(json!({ "type": "object", "additionalProperties": true, "maxProperties": 2 })),
        Just(json!({ "type": "string", "format": "date", "oneOf": [{ "maxLength": 2 }, { "minLength": 2 }] })),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|items| json!({ "type": "array", "items": items, "maxItems": 3 })),
            inner.clone().prop_map(|items| json!({ "type": "array", "items": items, "x-kubernetes-list-type": "set" })),
            inner.clone().prop_map(|values| json!({ "type": "object", "additionalProperties": values })),
            (btree_map(names(), inner.clone(), 0..4), any::<bool>()).prop_map(|(properties, preserve)| {
                let mut schema = json!({ "type": "object", "properties": properties });
                if preserve {
                    schema["x-kubernetes-preserve-unknown-fields"] = json!(true);
                }
                schema
            }),
            btree_map(names(), inner, 0..4)
                .prop_map(|properties| json!({ "type": "object", "properties": properties, "default": {} })),
        ]
    })
}

/// A schema of a whole object.
fn roots() -> impl Strategy<Value = Value> {
    (schemas(), schemas()).prop_map(|(a, b)| json!({ "type": "object", "properties": { "a": a, "b": b } }))
}

fn settle(schema: &Structural, object: &mut Value) {
    schema.prune(object);
    schema.drop_nulls(object);
    schema.fill_defaults(object);
}

proptest! {
    // Few random schemas and objects fit each other: those that don't are drawn again.
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn pruning_twice_prunes_nothing_more(schema in roots(), mut object in values()) {
        let schema = Structural::parse(&schema);
        schema.prune(&mut object);
        let once = object.clone();
        prop_assert_eq!(schema.prune(&mut object), Vec::<String>::new());
        prop_assert_eq!(object, once);
    }

    #[test]
    fn defaulting_twice_sets_nothing_more(schema in roots(), mut object in values()) {
        let schema = Structural::parse(&schema);
        schema.fill_defaults(&mut object);
        let once = object.clone();
        schema.fill_defaults(&mut object);
        prop_assert_eq!(object, once);
    }

    #[test]
    fn a_valid_object_stays_valid_when_it_is_read_again(schema in roots(), mut object in values()) {
        let root = Root { path: Path::new("spec"), status: false };
        prop_assume!(check(&schema, &root).is_empty());
        let schema = Structural::parse(&schema);
        settle(&schema, &mut object);
        prop_assume!(schema.validate(&object, Target::Object).is_empty());
        settle(&schema, &mut object);
        prop_assert_eq!(schema.validate(&object, Target::Object), Vec::new());
    }

    #[test]
    fn a_settled_object_is_one_that_reading_leaves_alone(schema in roots(), mut object in values(), first in any::<bool>()) {
        let schema = Structural::parse(&schema);
        if first {
            settle(&schema, &mut object);
        }
        if schema.is_settled(&object) {
            let before = object.clone();
            settle(&schema, &mut object);
            prop_assert_eq!(object, before);
        }
    }

    #[test]
    fn nothing_panics(schema in values(), root in roots(), mut object in values(), old in values()) {
        let place = Root { path: Path::new("spec"), status: true };
        for schema in [schema, root] {
            check(&schema, &place);
            let schema = Structural::parse(&schema);
            schema.validate(&object, Target::Object);
            schema.validate_update(&object, &old, Target::Status);
            schema.duplicates(&object);
            schema.validate_embedded(&object);
            let _ = schema.coerce_embedded(&mut object, Malformed::Refuse);
            settle(&schema, &mut object);
        }
        let _ = meta::coerce(&mut object, Malformed::Refuse);
        let _ = meta::coerce(&mut object, Malformed::Drop);
    }

    #[test]
    fn unchanged_faults_are_let_through(schema in roots(), object in values()) {
        let schema = Structural::parse(&schema);
        prop_assert_eq!(schema.validate_update(&object, &object, Target::Object), Vec::new());
    }
}

#[test]
fn a_schema_without_end_is_refused_and_does_no_harm() {
    let nest = |levels: usize| {
        (0..levels).fold(json!({ "type": "string" }), |below, _| {
            let keywords = [("type".to_owned(), json!("array")), ("items".to_owned(), below)];
            Value::Object(keywords.into_iter().collect())
        })
    };
    let root = |schema: Value| json!({ "type": "object", "properties": { "a": schema } });
    let place = Root { path: Path::root(), status: false };
    assert!(check(&root(nest(90)), &place).is_empty());
    let errors = check(&root(nest(MAX_DEPTH)), &place);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].message.contains("at most 100 levels"), "{}", errors[0]);
    let schema = Structural::parse(&root(nest(400)));
    let mut object = json!({ "a": (0..400).fold(json!("x"), |below, _| Value::Array(vec![below])) });
    settle(&schema, &mut object);
    schema.validate(&object, Target::Object);
}

#[test]
fn every_keyword_has_its_type() {
    let place = Root { path: Path::new("s"), status: false };
    for (schema, expected) in [
        (json!("x"), "s: Invalid value: \"x\": must be an object"),
        (json!({ "type": 5 }), "s.type: Invalid value: \"integer\": must be of type string"),
        (
            json!({ "type": "object", "properties": { "a": { "type": "string", "maxLength": "3" } } }),
            "s.properties[a].maxLength: Invalid value: \"string\": must be of type integer",
        ),
        (
            json!({ "type": "object", "required": ["a", 1] }),
            "s.required[1]: Invalid value: \"integer\": must be of type string",
        ),
        (
            json!({ "type": "object", "properties": { "a": 1 } }),
            "s.properties[a]: Invalid value: \"integer\": must be of type object",
        ),
    ] {
        let errors: Vec<String> = check(&schema, &place).iter().map(ToString::to_string).collect();
        assert_eq!(errors, [expected]);
    }
}
