//! Each kind of bad input as a line of a watch: it is told, or counted and named, and the watch lives on.

use super::super::super::frame::LONGEST;
use super::*;

/// What becomes of a line.
enum Fate {
    /// It is told, as a name and a version.
    Told(&'static str),
    /// It is skipped and counted, with a note that has these words.
    Noted(&'static str),
}

use Fate::{Noted, Told};

/// What was told and said.
#[derive(Default)]
struct Diary(Vec<String>, Vec<String>);

impl Listener for Diary {
    fn upsert(&mut self, _: Slot, entry: &Entry, _: Option<&Entry>) {
        self.0.push(format!("{}@{}", entry.name(), entry.version()));
    }

    fn remove(&mut self, _: Slot, entry: &Entry) {
        self.0.push(format!("-{}", entry.name()));
    }

    fn synced(&mut self) {}

    fn note(&mut self, note: Note<'_>) {
        self.1.extend(super::super::super::message::note(&note));
    }
}

fn line_of(kind: &str, object: &str) -> Vec<u8> {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n").into_bytes()
}

/// An object whose metadata has these members beside the namespace and the version.
fn with(metadata: &str, rest: &str) -> Vec<u8> {
    line_of("ADDED", &format!(r#"{{"metadata":{{{metadata},"namespace":"ns","resourceVersion":"8"}}{rest}}}"#))
}

fn replaced(mut line: Vec<u8>, what: u8, by: &[u8]) -> Vec<u8> {
    let at = line.iter().position(|byte| *byte == what).expect("it is there");
    line.splice(at..=at, by.iter().copied());
    line
}

/// The bytes come in chunks as a connection brings them.
#[track_caller]
fn check(name: &str, line: &[u8], expect: &Fate) {
    let (mut rig, mut diary) = (listed(true), Diary::default());
    for chunk in line.chunks(64 << 10) {
        rig.pump.chunk(rig.now, chunk, &mut diary);
    }
    let skipped = rig.pump.intake.tally.skipped.load(Ordering::Relaxed);
    match (expect, diary.0.as_slice(), diary.1.as_slice()) {
        (Told(expect), [told], []) => assert_eq!((told.as_str(), skipped), (*expect, 0), "{name}"),
        (Noted(expect), [], [said]) => assert!(said.contains(expect) && skipped == 1, "{name}: {said}"),
        (_, told, said) => panic!("{name}: told {told:?}, said {said:?}"),
    }
    assert!(rig.pump.task().is_none(), "{name}: the watch lives");
    rig.pump.chunk(rig.now, typed("ADDED", &object("next", "N", 9)).as_bytes(), &mut diary);
    assert_eq!(diary.0.last().map(String::as_str), Some("next@9"), "{name}: the next line is told");
}

#[test]
fn each_kind_of_bad_input_is_told_or_counted_and_named() {
    let annotation = "{\\\"[ü".repeat(1_500_000 / 6);
    let deep = |levels| format!(r#","x":{}{}"#, "[".repeat(levels), "]".repeat(levels));
    let cases: [(&str, Vec<u8>, Fate); 24] = [
        ("escapes in keys", line_of("ADDED", r#"{"met\u0061data":{"n\u0061me":"x","namespace":"ns","resource\u0056ersion":"8"}}"#), Told("x@8")),
        ("duplicate keys", with(r#""name":"no","name":"x""#, ""), Told("x@8")),
        ("duplicate members of the event", b"{\"type\":\"PARTY\",\"object\":7,\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"8\"}}}\n".to_vec(), Told("x@8")),
        ("braces in strings", with(r#""labels":{"a":"}]{[\\"},"name":"x""#, r#","spec":"}}}\"{{""#), Told("x@8")),
        ("metadata last", line_of("ADDED", r#"{"spec":{"metadata":{"name":"no"}},"metadata":{"name":"x","namespace":"ns","resourceVersion":"8"}}"#), Told("x@8")),
        ("an annotation of 1.5 MB", with(&format!(r#""annotations":{{"a":"{annotation}"}},"name":"x""#), ""), Told("x@8")),
        ("a number as name", with(r#""name":7"#, ""), Noted("skipped an object without a readable name: metadata.name is not a text")),
        ("an empty name", with(r#""name":"""#, ""), Noted("skipped an object without a readable name: metadata.name is missing")),
        ("a number as uid", with(r#""name":"x","uid":7"#, ""), Noted("skipped ns/x: metadata.uid is not a text")),
        ("a fraction as generation", with(r#""name":"x","generation":1.5"#, ""), Noted("skipped ns/x: metadata.generation is not an integer")),
        ("invalid UTF-8 in the name", replaced(with(r#""name":"@""#, ""), b'@', b"\xff"), Noted("skipped an object without a readable name: metadata.name is not a text")),
        ("invalid UTF-8 elsewhere", replaced(with(r#""name":"x""#, r#","spec":"@""#), b'@', b"\xff"), Told("x@8")),
        ("a truncated object", b"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\",\"namespace\":\"ns\"},\"spec\":{\n".to_vec(), Noted("skipped ns/x: the text ends too early")),
        ("a truncated type", b"{\"type\":\"ADD\n".to_vec(), Noted("skipped an object without a readable name: the text ends too early")),
        ("no JSON", b"<html>\n".to_vec(), Noted("skipped an object without a readable name: no JSON from byte 0 on")),
        ("two texts in a line", b"{\"type\":\"PARTY\",\"object\":{}}{}\n".to_vec(), Noted("skipped an object without a readable name: no JSON from byte 28 on")),
        ("a line beyond 16 MB", with(&format!(r#""a":"{}","name":"x""#, "y".repeat(LONGEST)), ""), Noted("no object is that large")),
        ("an object just within 16 MB", with(&format!(r#""a":"{}","name":"x""#, "y".repeat(LONGEST - 200)), ""), Told("x@8")),
        ("an unknown type", line_of("PARTY", "{}"), Noted("the unknown type PARTY")),
        ("no uid", with(r#""name":"x""#, ""), Told("x@8")),
        ("no name", with(r#""uid":"u""#, ""), Noted("skipped an object without a readable name: metadata.name is missing")),
        ("no resourceVersion", line_of("ADDED", r#"{"metadata":{"name":"x","namespace":"ns"}}"#), Noted("skipped ns/x: metadata.resourceVersion is missing")),
        ("nested too deep", with(r#""name":"x""#, &deep(200)), Noted("skipped ns/x: nested deeper than 128 levels")),
        ("a bookmark without version", line_of("BOOKMARK", "{}"), Noted("skipped an object without a readable name: metadata.resourceVersion is missing")),
    ];
    for (name, line, expect) in &cases {
        check(name, line, expect);
    }
}
