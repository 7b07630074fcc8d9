mod strict;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::cache::{Applied, Seen, Store};
use strict::{agree, is_repeated, scanned, strict};

fn read(text: &[u8]) -> Result<Object<'_>, Unreadable<'_>> {
    let mut cursor = Cursor::new(text);
    object(&mut cursor)
}

/// What is made of an object, once it is seen that the cache keeps it so, with its names.
fn kept(object: &Object<'_>) -> (strict::Head, Value) {
    let type_meta = TypeMeta::new("v1", "Pod");
    for draft in [object.draft(&type_meta), object.whole(&type_meta)] {
        let Applied::Upsert { entry, .. } = Store::new().upsert(&object.head, Seen::Listed, || draft) else {
            panic!("an empty store takes any object")
        };
        assert_eq!((&*entry.json(), &*entry.bytes()), (&*draft.to_vec(), &*draft.to_vec()));
        assert_eq!((entry.namespace(), entry.name()), (object.head.namespace.as_deref(), &*object.head.name));
    }
    scanned(object)
}

/// The scan and a strict parser say the same of the text.
#[track_caller]
fn same(text: &str) {
    let expect = serde_json::from_str(text).ok().and_then(strict);
    assert_eq!(read(text.as_bytes()).ok().map(|object| kept(&object)), expect, "{text}");
    for key in ["ADDED", "MODIFIED", "DELETED"] {
        for line in [
            format!(r#"{{"type":"{key}","object":{text}}}"#),
            format!(r#"{{"object":{text},"type":"{key}"}}"#),
            format!(r#" {{ "type" : "BOOKMARK" , "object" : {text} , "more" : [ {{}} ] , "type" : "{key}" }} "#),
        ] {
            let found = match event(line.as_bytes()) {
                Ok(Event::Upsert(object)) if key != "DELETED" => Some(kept(&object)),
                Ok(Event::Delete(object)) if key == "DELETED" => Some(kept(&object)),
                Ok(other) => panic!("{other:?} of {line}"),
                Err(_) => None,
            };
            assert_eq!(found, expect, "{line}");
        }
    }
}

#[test]
fn adversarial_objects_are_read_as_a_strict_parser_reads_them() {
    let texts = [
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"1"}}"#,
        r#"{"metadata":{"name":"a","resourceVersion":"1","generation":3,"deletionTimestamp":"2026-01-01T00:00:00Z"}}"#,
        // The metadata comes last, and others come before that look like it.
        r#"{"spec":{"metadata":{"name":"no"}},"status":{"x":"\"metadata\":{}"},"metadata":{"name":"a","resourceVersion":"1"}}"#,
        r#"{"metadata":{"labels":{"name":"no","metadata":"no"},"annotations":{"managedFields":"kept"},"name":"a","resourceVersion":"1"}}"#,
        // Escapes in keys and values, braces and quotes in strings, unicode.
        r#"{"meta\u0064ata":{"n\u0061me":"\u0061\ud83d\ude00","resource\u0056ersion":"1","managed\u0046ields":[1]}}"#,
        r#"{"a":"}}}{{{\"]","metadata":{"name":"a","x":"[{\\","resourceVersion":"1"},"b":"\\"}"#,
        r#"{"metadata":{"name":"über-größe","resourceVersion":"1"},"ключ":"значение"}"#,
        // The last one of two counts.
        r#"{"metadata":{"name":"no","name":"a","resourceVersion":"0","resourceVersion":"1"}}"#,
        r#"{"metadata":{"name":"no","uid":"no","resourceVersion":"0","managedFields":[1]},"metadata":{"name":"a","resourceVersion":"1"}}"#,
        r#"{"metadata":{"name":7,"name":"a","resourceVersion":"1"}}"#,
        r#"{"metadata":null,"metadata":{"name":"a","resourceVersion":"1"}}"#,
        // managedFields first, last, alone, twice, and with white space around.
        r#"{"metadata":{"managedFields":[{"f:a":{}}],"name":"a","resourceVersion":"1"}}"#,
        r#"{"metadata":{"name":"a","resourceVersion":"1","managedFields":[{"f:a":{}}]}}"#,
        r#"{"metadata":{"name":"a","managedFields":[{"f:a":{}}],"resourceVersion":"1"}}"#,
        r#"{"metadata":{"managedFields":[1],"managedFields":[2],"name":"a","resourceVersion":"1","managedFields":[3]}}"#,
        r#"{"metadata":{"name":"a","resourceVersion":"1","managedFields":[2],"managedFields":null}}"#,
        r#"{"metadata":{"managedFields":[1]}, "metadata":{"managedFields":[1],"managedFields":[2]}, "metadata":{"name":"a","resourceVersion":"1"}}"#,
        "{ \"metadata\" : {\n \"name\" : \"a\" ,\t\"managedFields\" : [ 1 ] , \"resourceVersion\" : \"1\" } }",
        // Wrong types and missing fields.
        r#"{"metadata":{"name":7,"resourceVersion":"1"}}"#,
        r#"{"metadata":{"name":"a","resourceVersion":1}}"#,
        r#"{"metadata":{"name":"a","resourceVersion":"1","generation":"3"}}"#,
        r#"{"metadata":{"name":"a","resourceVersion":"1","generation":3.5}}"#,
        r#"{"metadata":{"name":"a","resourceVersion":"1","generation":null,"deletionTimestamp":null,"namespace":null}}"#,
        r#"{"metadata":{"name":"a","resourceVersion":"1","deletionTimestamp":true}}"#,
        r#"{"metadata":{"name":"","resourceVersion":"1"}}"#,
        r#"{"metadata":{"name":null,"resourceVersion":"1"}}"#,
        r#"{"metadata":{"name":"a"}}"#,
        r#"{"metadata":[]}"#,
        r#"{"metadata":"x"}"#,
        r#"{}"#,
        r#"{"kind":"Pod","metadata":{"name":"a","resourceVersion":"1"}}"#,
        r#"{"metadata":{"name":"a","resourceVersion":"1"},"apiVersion":"v1"}"#,
    ];
    for text in texts {
        same(text);
    }
}

#[test]
fn an_object_that_is_of_no_use_is_named_with_the_reason() {
    let check = |text: &str, expect: &str| {
        let unreadable = read(text.as_bytes()).expect_err(text);
        let name = unreadable.name.as_deref().unwrap_or("?");
        let namespace = unreadable.namespace.as_deref().unwrap_or("-");
        assert_eq!(format!("{namespace}/{name}: {}", unreadable.flaw), expect, "{text}");
    };
    check(r#"{"metadata":{"name":7}}"#, "-/?: metadata.name is not a text");
    check(r#"{"metadata":{"resourceVersion":"1"}}"#, "-/?: metadata.name is missing");
    check(r#"{"metadata":{"name":"a"}}"#, "-/a: metadata.resourceVersion is missing");
    check(
        r#"{"metadata":{"name":"a","namespace":"n","resourceVersion":7}}"#,
        "n/a: metadata.resourceVersion is not a text",
    );
    check(
        r#"{"metadata":{"name":"a","resourceVersion":"1","generation":"x"}}"#,
        "-/a: metadata.generation is not an integer",
    );
    check(r#"{"metadata":{"name":"a","resourceVersion":"1"},"spec":"#, "-/a: the text ends too early");
    check(r#"{"metadata":7}"#, "-/?: metadata is not an object");
    check(r#"{"spec":{}}"#, "-/?: metadata is missing");
    check(
        &format!(
            r#"{{"metadata":{{"name":"a","resourceVersion":"1"}},"spec":{}{}}}"#,
            "[".repeat(200),
            "]".repeat(200)
        ),
        "-/a: nested deeper than 128 levels",
    );
    let mut invalid = br#"{"metadata":{"name":"a","resourceVersion":"1","uid":""#.to_vec();
    invalid.extend_from_slice(b"\xff\xfe\"}}");
    assert_eq!(read(&invalid).expect_err("no UTF-8").flaw.to_string(), "metadata.uid is not a text");
}

#[test]
fn a_truncated_line_is_no_event() {
    let line = r#"{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a","managedFields":[{"x":1}],"resourceVersion":"1"},"spec":{"n":12}}}"#;
    assert!(event(line.as_bytes()).is_ok());
    for end in 0..line.len() {
        assert!(event(line.get(..end).expect("ASCII").as_bytes()).is_err(), "cut at {end}");
    }
}

#[test]
fn other_events_are_read() {
    let check = |line: &str, expect: Event<'_>| assert_eq!(event(line.as_bytes()), Ok(expect), "{line}");
    let bookmark = |ends_list| Event::Bookmark { version: "9".into(), ends_list };
    check(
        r#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"9","creationTimestamp":null}}}"#,
        bookmark(false),
    );
    check(
        r#"{"type":"BOOKMARK","object":{"metadata":{"annotations":{"k8s.io/initial-events-end":"true"},"resourceVersion":"9"}}}"#,
        bookmark(true),
    );
    check(
        r#"{"object":{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"false"}}},"type":"BOOKMARK"}"#,
        bookmark(false),
    );
    check(
        r#"{"type":"ERROR","object":{"kind":"Status","status":"Failure","message":"too old resource version: 1 (5)","reason":"Expired","code":410}}"#,
        Event::Error(Refusal {
            code: 410,
            reason: "Expired".into(),
            message: "too old resource version: 1 (5)".into(),
            ..Refusal::default()
        }),
    );
    check(r#"{"type":"PARTY","object":{}}"#, Event::Unknown("PARTY".into()));
    for line in
        ["[]", "7", "null", "{}", r#"{"type":"ADDED"}"#, r#"{"object":{}}"#, r#"{"type":7,"object":{}}"#, "x", "{}}"]
    {
        assert!(event(line.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn a_status_tells_what_to_do_next() {
    let body = r#"{"kind":"Status","apiVersion":"v1","metadata":{"continue":"abc"},"status":"Failure","message":"m","reason":"Expired","details":{"retryAfterSeconds":3,"causes":[{"reason":"X"},{"reason":"ResourceVersionTooLarge"}]},"code":410}"#;
    let refusal = status(body.as_bytes()).expect("a status");
    assert_eq!((refusal.code, refusal.reason.as_str(), refusal.retry_after_seconds), (410, "Expired", Some(3)));
    assert_eq!((refusal.continue_token.as_deref(), refusal.version_too_large), (Some("abc"), true));
    assert_eq!(status(b"404 page not found\n"), None);
}

/// Texts of JSON values, with white space and keys that stand there twice.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i32>().prop_map(|number| number.to_string()),
        Just("1.5e3".to_owned()),
        text(),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            proptest::collection::vec((key(), inner), 0..4).prop_map(members),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z{}\\[\\]\",:\\\\]{0,12}".prop_map(|text| serde_json::to_string(&text).expect("a string is JSON")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).expect("a string is JSON")),
        Just(r#""""#.to_owned()),
    ]
}

/// Keys that matter and others, some written with escapes.
fn key() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(vec![
        "metadata",
        "managedFields",
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "deletionTimestamp",
        "apiVersion",
        "kind",
        "labels",
        "spec",
    ]);
    let written = (known, any::<bool>()).prop_map(|(key, escaped)| {
        if escaped {
            let units: String = key.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect();
            format!("\"{units}\"")
        } else {
            format!("\"{key}\"")
        }
    });
    prop_oneof![4 => written, 1 => text()]
}

fn members(members: Vec<(String, String)>) -> String {
    let members: Vec<String> = members.into_iter().map(|(key, value)| format!("{key} :{value}")).collect();
    format!("{{{}}}", members.join(" ,"))
}

fn any_object() -> impl Strategy<Value = String> {
    let required = Just(vec![
        (r#""name""#.to_owned(), r#""web-1""#.to_owned()),
        (r#""resourceVersion""#.to_owned(), r#""77""#.to_owned()),
        (r#""managedFields""#.to_owned(), r#"[{"f:x":{"name":"}"}}]"#.to_owned()),
    ]);
    let metadata = (required, proptest::collection::vec((key(), json()), 0..6)).prop_flat_map(|(mut all, more)| {
        all.extend(more);
        Just(all).prop_shuffle().prop_map(members)
    });
    (metadata, proptest::collection::vec((key(), json()), 0..4)).prop_flat_map(|(metadata, mut all)| {
        all.push((r#""metadata""#.to_owned(), metadata));
        Just(all).prop_shuffle().prop_map(members)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_object_is_read_as_a_strict_parser_reads_it(text in any_object()) {
        if !is_repeated(&read(text.as_bytes())) {
            same(&text);
        }
    }

    #[test]
    fn a_damaged_line_is_read_alike_or_refused_or_damaged_where_nobody_looks(
        text in any_object(),
        kind in proptest::sample::select(&["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "PARTY"][..]),
        damages in proptest::collection::vec(damage(), 0..4),
    ) {
        let mut line = format!(r#"{{"type":"{kind}","object":{text}}}"#).into_bytes();
        for damage in &damages {
            damage.inflict(&mut line);
        }
        let agreed = agree(&line);
        prop_assert!(agreed.is_ok(), "{}", agreed.unwrap_err());
    }
}

/// What can befall the bytes of a line.
#[derive(Debug, Clone)]
enum Damage {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    /// A stretch stands there twice.
    Repeat(prop::sample::Index, usize),
    CutOff(prop::sample::Index),
}

impl Damage {
    fn inflict(&self, line: &mut Vec<u8>) {
        if line.is_empty() {
            return;
        }
        match self {
            Self::Replace(at, byte) => {
                let at = at.index(line.len());
                line[at] = *byte;
            }
            Self::Insert(at, byte) => line.insert(at.index(line.len()), *byte),
            Self::Remove(at) => drop(line.remove(at.index(line.len()))),
            Self::Repeat(at, length) => {
                let at = at.index(line.len());
                let stretch = line[at..].iter().take(*length).copied().collect::<Vec<_>>();
                line.splice(at..at, stretch);
            }
            Self::CutOff(at) => line.truncate(at.index(line.len())),
        }
    }
}

#[test]
fn an_object_that_may_be_paused_is_known_by_its_annotations_alone() {
    let check = |metadata: &str, expect: bool| {
        let text = format!(r#"{{"metadata":{{"name":"a","resourceVersion":"1",{metadata}}}}}"#);
        let object = read(text.as_bytes()).expect("an object");
        assert_eq!(object.head.says_paused, expect, "{metadata}");
        same(&text);
    };
    check(r#""annotations":{"controller-rs.dev/paused":"true"}"#, true);
    check(r#""annotations":{"a":"b","controller-rs.dev/paused":""},"managedFields":[]"#, true);
    check(r#""labels":{"controller-rs.dev/paused":"true"}"#, false);
    check(r#""annotations":{"controller-rs.dev/pause":"true"}"#, false);
    check(r#""annotations":null"#, false);
    check(r#""annotations":{"controller-rs.dev/paused":"true"},"annotations":{}"#, false);
    check(r#""managedFields":[{"f:annotations":{"f:controller-rs.dev/paused":{}}}]"#, false);
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = || prop_oneof![4 => proptest::sample::select(&b"{}[]\",:\\ 0-.eun\n\0"[..]), 1 => any::<u8>()];
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), byte()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        4 => (at(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        3 => at().prop_map(Damage::Remove),
        2 => (at(), 1_usize..30).prop_map(|(at, length)| Damage::Repeat(at, length)),
        1 => at().prop_map(Damage::CutOff),
    ]
}
