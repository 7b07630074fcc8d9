use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalog::api_version;
use crate::kinds::{Form, Wire};

/// Pairs of lines: what Go's typed client sends of an object in hexadecimal, and the JSON that Go writes of it.
const RECORDED: &str = include_str!("recorded.txt");

fn recorded() -> impl Iterator<Item = (Vec<u8>, Value)> {
    let mut lines = RECORDED.lines();
    std::iter::from_fn(move || {
        let body = unhex(lines.next()?);
        Some((body, serde_json::from_str(lines.next()?).expect("a line of JSON")))
    })
}

fn unhex(line: &str) -> Vec<u8> {
    line.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16).expect("two digits"))
        .collect()
}

#[test]
fn reads_what_go_writes() {
    assert!(recorded().count() > 15);
    for (body, json) in recorded() {
        assert_eq!(decode(&body), Ok(json.clone()), "{}", json["kind"]);
    }
}

#[test]
fn writes_what_go_writes() {
    for (body, json) in recorded() {
        // Who asks for options writes no version into them.
        assert_eq!(encode(&json).map(hex), Some(hex(body)), "{}", json["kind"]);
    }
}

fn hex(bytes: Vec<u8>) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Some value of a form as Go writes it in JSON, drawn from a seed.
fn some_value(form: &Form, rng: &mut fastrand::Rng, depth: u32) -> Value {
    let some = |rng: &mut fastrand::Rng| if depth > 5 { 0 } else { rng.usize(0..3) };
    let word = |rng: &mut fastrand::Rng| -> String { (0..rng.usize(0..4)).map(|_| rng.char('a'..'ф')).collect() };
    match form {
        Form::String => word(rng).into(),
        Form::Bool => rng.bool().into(),
        Form::Int32 => rng.i32(..).into(),
        Form::Int64 => rng.i64(..).into(),
        Form::Double => (f64::from(rng.i32(..)) + 0.5).into(),
        Form::Bytes => STANDARD.encode(word(rng)).into(),
        Form::Time => format!("20{:02}-01-02T03:04:05Z", rng.u8(10..99)).into(),
        Form::MicroTime => format!("2026-01-02T03:04:05.{:06}Z", rng.u32(..1_000_000)).into(),
        Form::Duration => ["0s", "1h2m3.5s", "-20ms", "1.5µs", "7ns"][rng.usize(..5)].into(),
        Form::Quantity => format!("{}Mi", rng.u16(1..)).into(),
        Form::IntOrString if rng.bool() => rng.i32(..).into(),
        Form::IntOrString => word(rng).into(),
        Form::Fields | Form::Raw => json!({ word(rng): [1.5, null, { "a": word(rng) }] }),
        Form::Json => [json!({}), json!([1, null]), json!(word(rng))][rng.usize(..3)].clone(),
        Form::SchemaOrBool if depth > 5 || rng.bool() => rng.bool().into(),
        Form::SchemaOrArray if depth < 5 && rng.bool() => {
            vec![some_object(kinds::schema_props().get(), rng, depth + 1)].into()
        }
        Form::SchemaOrStrings if depth > 5 || rng.bool() => vec![word(rng), word(rng)].into(),
        Form::SchemaOrBool | Form::SchemaOrArray | Form::SchemaOrStrings => {
            some_object(kinds::schema_props().get(), rng, depth + 1)
        }
        Form::Struct(id) => some_object(id.get(), rng, depth + 1),
        Form::List(element) => (0..some(rng)).map(|_| some_value(element, rng, depth + 1)).collect(),
        // A list with a message around it can be empty.
        Form::Items(element) => (0..some(rng)).map(|_| some_value(element, rng, depth + 1)).collect(),
        Form::Map(element) => {
            (0..some(rng)).map(|at| (format!("{at}{}", word(rng)), some_value(element, rng, depth + 1))).collect()
        }
    }
}

fn some_object(ty: &Type, rng: &mut fastrand::Rng, depth: u32) -> Value {
    let on_the_wire = on_the_wire(ty);
    let mut object = Map::new();
    for field in &ty.fields {
        // The deeper, the less: types contain themselves.
        if on_the_wire.contains(&field.name) && rng.u32(0..2 + depth) < 2 {
            let value = some_value(&field.form, rng, depth);
            // Lists and maps without elements are no lists and maps on the wire.
            let is_lost = match &field.form {
                Form::List(_) => value.as_array().is_some_and(Vec::is_empty),
                Form::Map(_) => value.as_object().is_some_and(Map::is_empty),
                _ => false,
            };
            if !is_lost {
                object.insert(field.name.to_owned(), value);
            }
        }
    }
    kinds::complete(ty, &mut object);
    Value::Object(object)
}

/// The fields that have a number, those of embedded structs among them.
fn on_the_wire(ty: &Type) -> Vec<&'static str> {
    let own = ty.wire.values().flat_map(|wire| match wire {
        Wire::Field(at) => vec![ty.fields[*at].name],
        Wire::Embedded(inner) => on_the_wire(inner.get()),
    });
    own.collect()
}

proptest! {
    // Each case is one object of every kind.
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// What is written is read as what it was, whatever the kind.
    #[test]
    fn reading_undoes_writing(seed in any::<u64>()) {
        let mut rng = fastrand::Rng::with_seed(seed);
        for ty in kinds::types() {
            let Some((group, version, kind)) = ty.kinds.first() else { continue };
            let mut object = some_object(ty, &mut rng, 0);
            object["apiVersion"] = api_version(group, version).into();
            object["kind"] = (*kind).into();
            let body = encode(&object).expect("a built-in kind can be written");
            prop_assert_eq!(decode(&body), Ok(object), "{}", kind);
        }
    }
}

#[test]
fn lists_and_metadata_are_written_too() {
    let check = |object: Value, expect: &[u8]| {
        let body = encode(&object).expect("it can be written");
        let envelope = Envelope::read(body.strip_prefix(MAGIC).expect("its first bytes")).expect("an envelope");
        assert_eq!(envelope.kind, object["kind"]);
        assert_eq!(envelope.raw, expect, "{object}");
    };
    let metadata = || json!({"name": "a"});
    let written = {
        let body = encode(&json!({"kind": "Namespace", "apiVersion": "v1", "metadata": metadata()})).expect("a kind");
        let envelope = Envelope::read(&body[MAGIC.len()..]).expect("an envelope");
        let Ok(Some((1, Scalar::Bytes(metadata)))) = Reader::new(envelope.raw).field() else { panic!("its metadata") };
        metadata.to_vec()
    };
    let head = field(1, &[field(1, b""), field(2, b"7"), field(3, b"")].concat());
    let turned = field(2, &head[2..]);
    let item = field(1, &written);
    let list = |kind: &str, version: &str| json!({"kind": kind, "apiVersion": version, "metadata": {"resourceVersion": "7"}, "items": [{"metadata": metadata()}]});
    check(list("ConfigMapList", "v1"), &[head.clone(), field(2, &item)].concat());
    check(list("PartialObjectMetadataList", "meta.k8s.io/v1"), &[head, field(2, &item)].concat());
    check(list("PartialObjectMetadataList", "meta.k8s.io/v1beta1"), &[field(1, &item), turned].concat());
    let one = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata()});
    check(one, &item);
}

#[test]
fn what_the_table_does_not_know_is_not_written() {
    let check =
        |api_version: &str, kind: &str| assert_eq!(encode(&json!({"apiVersion": api_version, "kind": kind})), None);
    check("example.com/v1", "Widget");
    check("example.com/v1", "WidgetList");
    check("meta.k8s.io/v1", "Table");
    check("v1", "List");
}

#[test]
fn a_body_cut_anywhere_is_an_error_or_a_shorter_object() {
    for (body, _) in recorded() {
        for end in 0..body.len() {
            let _ = decode(&body[..end]);
        }
        assert_eq!(decode(&body[..3]), Err(Error::NoMagic));
        assert!(decode(&body[..body.len() - 1]).is_err());
    }
}

/// An envelope around a message of a kind.
fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let named = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), field(1, &named), field(2, raw)].concat()
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

#[test]
fn refuses_what_is_hostile() {
    let check = |body: Vec<u8>, expect: Error| assert_eq!(decode(&body), Err(expect));
    check(b"{}".to_vec(), Error::NoMagic);
    check(MAGIC.to_vec(), Error::NoKind);
    let unknown = Error::UnknownKind { api_version: "v1".into(), kind: "Nope".into() };
    check(body("v1", "Nope", &[]), unknown);
    // A length of 2^63 with nothing behind it.
    check(body("v1", "Pod", &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), Error::Truncated);
    check(body("v1", "Pod", &[0x08; 1]), Error::Truncated);
    check(body("v1", "Pod", &[0xff; 11]), Error::Malformed("a varint has more than ten bytes"));
    check(body("v1", "Pod", &[0x0b]), Error::Malformed("groups are not supported"));
    check(body("v1", "Pod", &[0x08, 0x01]), Error::Malformed("a number stands where a message or text is expected"));
    // A schema within a schema (`not`, field 20 of JSONSchemaProps), a thousand deep.
    let mut schema = Vec::new();
    for _ in 0..1000 {
        schema = [vec![0xe2], field(0, &schema)[1..].to_vec()].concat();
        schema.insert(1, 0x01);
    }
    let version = field(4, &field(1, &schema));
    let crd = field(2, &field(7, &version));
    check(body("apiextensions.k8s.io/v1", "CustomResourceDefinition", &crd), Error::TooDeep);
    // Empty containers cost two bytes each and become many values.
    let containers = field(2, &[0x12, 0x00].repeat(400_000));
    check(body("v1", "Pod", &containers), Error::TooManyValues);
}

#[test]
fn skips_unknown_fields() {
    let raw = [field(1, &field(1, b"a")), vec![0xf8, 0x07, 0x01], field(15, b"later")].concat();
    assert_eq!(
        decode(&body("v1", "ConfigMap", &raw)).map(|object| object["metadata"].clone()),
        Ok(json!({ "name": "a" }))
    );
}

#[test]
fn options_are_one_type_in_every_group() {
    let object = decode(&body("apps/v1", "DeleteOptions", &[0x08, 0x05])).expect("options");
    assert_eq!(object, json!({ "apiVersion": "apps/v1", "kind": "DeleteOptions", "gracePeriodSeconds": 5 }));
    let unnamed = [MAGIC.to_vec(), field(2, &[0x08, 0x05])].concat();
    assert_eq!(
        decode_for(&unnamed, "v1", "DeleteOptions").map(|object| object["kind"].clone()),
        Ok(json!("DeleteOptions"))
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..4) {
        let (api_version, kind) = [
            ("v1", "Pod"),
            ("apps/v1", "Deployment"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            ("v1", "Event"),
        ][at];
        let _ = decode(&body(api_version, kind, &raw));
        let _ = decode(&[MAGIC, &raw].concat());
    }

    #[test]
    fn a_flipped_byte_never_panics(at in any::<prop::sample::Index>(), value in any::<u8>()) {
        for (mut body, _) in recorded() {
            let at = at.index(body.len());
            body[at] = value;
            let _ = decode(&body);
        }
    }
}
