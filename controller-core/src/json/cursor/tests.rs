use proptest::prelude::*;

use super::*;

fn behind(text: &str) -> Result<usize, Flaw> {
    let mut cursor = Cursor::new(text.as_bytes());
    cursor.skip().map(|()| cursor.at())
}

#[test]
fn a_value_is_skipped_to_its_end() {
    let check = |text: &str, rest: &str| {
        assert_eq!(behind(&format!("{text}{rest}")), Ok(text.len()), "{text}{rest}");
    };
    check(r#"{"a":{"b":[1,2,{"c":"}]"}]}}"#, r#","d":1}"#);
    check(r#""plain""#, ",");
    check(r#""quote \" inside""#, ",");
    check(r#""ends with a backslash \\""#, r#","x":"y""#);
    check(r#""\\\"""#, r#""more""#);
    check(r#"["\"]",[[]],{}]"#, "]");
    check("-1.5e+10", ",");
    check("true", "}");
    check(&format!("\"{}\"", "long ".repeat(50)), ",");
    check(&format!("{}{}", "[".repeat(128), "]".repeat(128)), ",");
}

#[test]
fn what_is_no_value_is_named() {
    let check = |text: &str, flaw: Flaw| assert_eq!(behind(text), Err(flaw), "{text}");
    check("", Flaw::Truncated);
    check("  ", Flaw::Truncated);
    check(r#"{"a":"#, Flaw::Truncated);
    check(r#""never ends"#, Flaw::Truncated);
    check(r#""never ends \""#, Flaw::Truncated);
    check("}", Flaw::Syntax { at: 0 });
    check(",", Flaw::Syntax { at: 0 });
    check("12@,", Flaw::Syntax { at: 2 });
    check(&"[".repeat(129), Flaw::Deep);
}

proptest! {
    #[test]
    fn any_text_is_found_again(text in any::<String>(), rest in any::<String>()) {
        let written = serde_json::to_string(&text).expect("a string is JSON");
        let bytes = format!("{written}{rest}");
        let mut cursor = Cursor::new(bytes.as_bytes());
        prop_assert_eq!(cursor.text(), Ok(Some(Cow::Owned(text))));
        prop_assert_eq!(cursor.at(), written.len());
    }

    #[test]
    fn any_array_of_texts_is_skipped_to_its_end(texts in proptest::collection::vec("[\\[\\]\"\\\\a{}]{0,30}", 0..20)) {
        let written = serde_json::to_string(&texts).expect("texts are JSON");
        prop_assert_eq!(behind(&format!("{written},[")), Ok(written.len()));
    }

    #[test]
    fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut cursor = Cursor::new(&bytes);
        if cursor.skip().is_ok() {
            prop_assert!(cursor.at() <= bytes.len());
        }
    }
}

/// Arrays are passed by in blocks: each place of a quote, a backslash and a bracket within a block is tried.
#[test]
fn a_long_array_ends_where_a_strict_parser_ends_it() {
    let awkward =
        [r#""\\""#, r#""\"""#, r#""]""#, r#""[""#, r#""\\\"]""#, r#"{"k:{\"a\":\"]\"}":{}}"#, "[]", r#"["]"]"#];
    for inside in awkward {
        for before in 0..130 {
            for after in [0, 1, 47, 48, 60] {
                let text = format!(r#"["{}",{inside},"{}",[1],{inside}]"#, "x".repeat(before), "y".repeat(after));
                assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
                assert_eq!(behind(&format!("{text}]")), Ok(text.len()), "{text}");
                assert_eq!(behind(text.get(..text.len() - 1).expect("ASCII")), Err(Flaw::Truncated), "{text}");
            }
        }
    }
}
