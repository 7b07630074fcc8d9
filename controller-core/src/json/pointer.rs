//! Owns the way to one field of an object in its bytes, without decoding the rest.

use std::borrow::Cow;

use super::cursor::{Cursor, Flaw};

/// A JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)), taken apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pointer(Vec<Box<str>>);

impl Pointer {
    /// None where the text is no pointer: it is empty for the whole, or each step begins with a slash.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        text.strip_prefix('/')?.split('/').map(unescape).collect::<Option<_>>().map(Self)
    }

    /// The way to a member whose keys are written as they are.
    pub(crate) fn of(steps: &[&str]) -> Self {
        Self(steps.iter().map(|step| (*step).into()).collect())
    }

    /// The field's text as it stands in the bytes. None where there is no such field. Where a key stands twice, which
    /// no API server writes, the first one is found.
    pub(crate) fn find<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let mut cursor = Cursor::new(bytes);
        for step in &self.0 {
            enter(&mut cursor, step).ok()?.then_some(())?;
        }
        cursor.peek().ok()?;
        let start = cursor.at();
        cursor.skip().ok()?;
        Some(cursor.slice(start, cursor.at()))
    }

    /// The field as a text: a string without its quotes and escapes, anything else as it is written.
    pub(crate) fn text(&self, bytes: &[u8]) -> Option<String> {
        let found = self.find(bytes)?;
        match Cursor::new(found).text() {
            Ok(Some(text)) => Some(text.into_owned()),
            _ => std::str::from_utf8(found).ok().map(str::to_owned),
        }
    }
}

/// The key and the value of a member.
type Member<'a> = (Cow<'a, [u8]>, &'a [u8]);

/// The members of an object, each with its key and its value as they are written. None where it is no object.
pub(crate) fn members(object: &[u8]) -> Option<Vec<Member<'_>>> {
    let mut members = Vec::new();
    let walked = Cursor::new(object).object(|cursor, member| {
        let start = cursor.at();
        cursor.skip()?;
        members.push((member.key, cursor.slice(start, cursor.at())));
        Ok(())
    });
    walked.ok().map(|()| members)
}

/// The elements of an array as they are written; none where it is no array.
pub(crate) fn elements(array: &[u8]) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    let walked = Cursor::new(array).array(|cursor| {
        let start = cursor.at();
        cursor.skip()?;
        elements.push(cursor.slice(start, cursor.at()));
        Ok(())
    });
    if walked.is_err() {
        elements.clear();
    }
    elements
}

/// Tildes begin an escape: `~0` is a tilde and `~1` a slash.
fn unescape(step: &str) -> Option<Box<str>> {
    let mut text = String::with_capacity(step.len());
    let mut rest = step.chars();
    while let Some(character) = rest.next() {
        text.push(match character {
            '~' => match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(text.into())
}

/// Goes before the value of this member or element. False where there is none.
fn enter(cursor: &mut Cursor<'_>, step: &str) -> Result<bool, Flaw> {
    match cursor.peek()? {
        b'{' => {
            cursor.step();
            if cursor.peek()? == b'}' {
                return Ok(false);
            }
            loop {
                cursor.peek()?;
                if *cursor.key()? == *step.as_bytes() {
                    return Ok(true);
                }
                if !next(cursor)? {
                    return Ok(false);
                }
            }
        }
        b'[' => {
            let canonical = step == "0" || !step.starts_with('0') && step.bytes().all(|byte| byte.is_ascii_digit());
            let Some(index) = step.parse::<usize>().ok().filter(|_| canonical) else { return Ok(false) };
            cursor.step();
            if cursor.peek()? == b']' {
                return Ok(false);
            }
            for _ in 0..index {
                if !next(cursor)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Goes over a value and the comma behind it. False where no comma follows.
fn next(cursor: &mut Cursor<'_>) -> Result<bool, Flaw> {
    cursor.skip()?;
    let more = cursor.peek()? == b',';
    if more {
        cursor.step();
    }
    Ok(more)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn check(pointer: &str, bytes: &str, expect: Option<&str>) {
        let found = Pointer::parse(pointer).and_then(|pointer| pointer.find(bytes.as_bytes()));
        assert_eq!(found.map(|found| std::str::from_utf8(found).expect("it is text")), expect, "{pointer} in {bytes}");
    }

    #[test]
    fn a_field_is_found_as_it_is_written() {
        let object = r#"{ "a" : {"b/c": [1, {"d~": "x}"} , [] ], "":7}, "e":null }"#;
        check("/a/b~1c/0", object, Some("1"));
        check("/a/b~1c/1/d~0", object, Some(r#""x}""#));
        check("/a/b~1c/2", object, Some("[]"));
        check("/a/", object, Some("7"));
        check("/e", object, Some("null"));
        for absent in ["/a/b~1c/3", "/a/b~1c/01", "/a/b~1c/-", "/a/b", "/e/f", "/a/b~1c/0/x", "x", "/~", "/~2"] {
            check(absent, object, None);
        }
        check("", "[1]", Some("[1]"));
        check("/a", "{", None);
        check("/a", r#"{"a":"#, None);
        check("/a", "", None);
    }

    #[test]
    fn a_text_is_read_without_its_quotes() {
        let check = |pointer: &str, expect: Option<&str>| {
            let text = Pointer::parse(pointer).and_then(|pointer| pointer.text(br#"{"a":"x\n","b":3,"c":[1]}"#));
            assert_eq!(text.as_deref(), expect);
        };
        check("/a", Some("x\n"));
        check("/b", Some("3"));
        check("/c", Some("[1]"));
        check("/d", None);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[a-c/~\"\\\\é]{0,3}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c/~\"é]{0,2}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_serde_json_finds(value in values(), pointer in "(/([a-c~\"é]|~0|~1|[0-2]){0,2}){0,4}") {
            let bytes = value.to_string();
            let ours = Pointer::parse(&pointer).and_then(|pointer| pointer.find(bytes.as_bytes()));
            let ours = ours.map(|found| serde_json::from_slice::<Value>(found).expect("it is JSON"));
            // serde_json takes a tilde that escapes nothing for a tilde.
            let well_formed = Pointer::parse(&pointer).is_some();
            prop_assert_eq!(ours, value.pointer(&pointer).filter(|_| well_formed).cloned());
        }
    }

    #[test]
    fn steps_are_taken_as_they_are() {
        let object = json!({"metadata": {"labels": {"a/b~": "c"}}}).to_string();
        let pointer = Pointer::of(&["metadata", "labels", "a/b~"]);
        assert_eq!(pointer.find(object.as_bytes()), Some(&b"\"c\""[..]));
    }
}
