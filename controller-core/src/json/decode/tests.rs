use std::collections::BTreeMap;
use std::fmt::Debug;

use k8s_openapi::api::core::v1::Pod;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;

/// All that a type can ask for.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Asks {
    name: String,
    count: Option<i32>,
    ratio: Option<f64>,
    big: Option<u128>,
    is_set: Option<bool>,
    letter: Option<char>,
    choice: Option<Choice>,
    tagged: Option<Tagged>,
    pair: Option<(u8, String)>,
    wrapped: Option<Wrapped>,
    unit: Option<()>,
    list: Vec<Asks>,
    map: BTreeMap<String, Value>,
    by_number: BTreeMap<u8, String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Wrapped(i64);

#[derive(Debug, PartialEq, Deserialize)]
enum Choice {
    Plain,
    Tuple(u8, u8),
    Struct { a: u8 },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    One { a: u8 },
    Two,
}

/// What a callback that needs little asks for.
#[derive(Debug, PartialEq, Deserialize)]
struct Few {
    metadata: FewMeta,
}

#[derive(Debug, PartialEq, Deserialize)]
struct FewMeta {
    name: String,
    labels: Option<BTreeMap<String, String>>,
}

/// The type is decoded as serde_json decodes it, and if it is, then without its help.
#[track_caller]
fn same<T: DeserializeOwned + PartialEq + Debug>(text: &str) {
    let ours = decode::<T>(text.as_bytes()).map_err(|error| error.to_string());
    let theirs = serde_json::from_slice::<T>(text.as_bytes()).map_err(|error| error.to_string());
    assert_eq!(ours, theirs, "{text}");
    if let (Ok(straight), Ok(theirs)) = (straight::<T>(text.as_bytes()), theirs) {
        assert_eq!(straight, theirs, "{text}");
    }
}

#[test]
fn types_are_decoded_as_serde_json_decodes_them() {
    let texts = [
        r#"{"name":"a","count":-3,"ratio":1.5e3,"big":340282366920938463463374607431768211455,"isSet":true,"letter":"ü"}"#,
        r#"{"choice":"Plain"}"#,
        r#"{"choice":{"Tuple":[1,2]}}"#,
        r#"{"choice":{"Struct":{"a":1,"b":2}}}"#,
        r#"{"tagged":{"a":1,"type":"One"}} "#,
        r#"{"tagged":{"type":"Two"},"pair":[1,"x"],"wrapped":7,"unit":null}"#,
        r#"{"pair":[1,"x",3]}"#,
        r#"{"pair":[1]}"#,
        r#"{"list":[{"name":"x"},{"list":[{}]}],"map":{"a":[1,{"b":null}],"\u0062":"\n"},"byNumber":{"7":"x"}}"#,
        r#"{"byNumber":{"x":"x"}}"#,
        r#"{"more":{"a":1},"some":[true,false,null,0.5,-0,1e400]}"#,
        r#"{"more":{"a":1},"some":[true,false,null,0.5,-0,18446744073709551616]}"#,
        r#"{"name":"a","name":"b"}"#,
        r#"{"name":7}"#,
        r#"{"name":"a",}"#,
        r#"{"name":"a"}x"#,
        r#"{"name":"a" "count":1}"#,
        r#"{"count":01}"#,
        r#"["a",1]"#,
        "{",
        "",
    ];
    for text in texts {
        same::<Asks>(text);
        same::<Value>(text);
    }
    let raw: BTreeMap<String, Box<RawValue>> = decode(br#"{"a":[1, 2],"b":"x"}"#).expect("it is JSON");
    assert_eq!(raw.values().map(|raw| raw.get()).collect::<Vec<_>>(), ["[1, 2]", "\"x\""]);
}

#[test]
fn what_the_type_does_not_name_is_not_looked_at() {
    let few: Few =
        straight(br#"{"spec":{"a":[1,2,{"b":"]}"}]},"metadata":{"x":"\\","name":"a"}}"#).expect("it is there");
    assert_eq!(few, Few { metadata: FewMeta { name: "a".into(), labels: None } });
    // Not even whether it is JSON: it would pass by the cache as well.
    assert!(decode::<Few>(br#"{"spec":{"a":+},"metadata":{"name":"a"}}"#).is_ok());
    assert!(decode::<Few>(b"{\"spec\":\"\xff\",\"metadata\":{\"name\":\"a\"}}").is_ok());
    assert!(decode::<Few>(b"{\"spec\":\"\",\"metadata\":{\"name\":\"\xff\"}}").is_err());
    assert!(decode::<Few>(br#"{"spec":{"a":"#).is_err());
}

#[test]
fn a_pod_is_decoded_straight() {
    let text = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"a":"b"}},
        "spec":{"containers":[{"name":"x","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"1"}},"livenessProbe":{"httpGet":{"port":"http"}}}]},
        "status":{"podIP":"10.0.0.1","conditions":[{"type":"Ready","status":"True","lastProbeTime":null}]}}"#;
    let pod: Pod = straight(text.as_bytes()).expect("nothing of it is unusual");
    assert_eq!(pod, serde_json::from_str(text).expect("a pod"));
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c\"\\\\é\n]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let key = proptest::sample::select(
            &["name", "count", "list", "map", "choice", "a", "type", "rest\"é", "metadata", "labels"][..],
        );
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key.prop_map(str::to_owned), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_value_is_decoded_as_serde_json_decodes_it(value in values(), pretty in any::<bool>()) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        same::<Value>(&text);
        same::<Asks>(&text);
        same::<Few>(&text);
        prop_assert!(straight::<Value>(text.as_bytes()).is_ok());
    }

    /// A value names all that there is, so nothing of it is passed over.
    #[test]
    fn a_damaged_value_is_refused_as_serde_json_refuses_it(value in values(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = value.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let ours = decode::<Value>(&bytes).map_err(|error| error.to_string());
        prop_assert_eq!(ours, serde_json::from_slice::<Value>(&bytes).map_err(|error| error.to_string()));
    }
}
