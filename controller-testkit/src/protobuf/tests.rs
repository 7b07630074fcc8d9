use proptest::prelude::*;
use serde_json::json;

use super::*;

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
