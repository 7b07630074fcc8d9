//! The table of messages against the refused programs of `tests/ui`: no message without a case, no case without a
//! message or words of the compiler's, and each of them mended by what it says.

use std::collections::BTreeSet;

use super::cases;
use crate::message::Message;

#[test]
fn every_message_has_a_case() {
    let mut seen = BTreeSet::new();
    for case in cases::refused() {
        let marked = case.source.matches("//~ mistake").count();
        let told = case.mistakes.len();
        assert!(told <= marked, "{}: {told} messages for {marked} mistakes", case.name);
        seen.extend(case.mistakes.iter().chain(&case.hints).map(Message::name));
    }
    let silent: Vec<&&str> = Message::NAMES.iter().filter(|name| !seen.contains(**name)).collect();
    assert!(silent.is_empty(), "no case in tests/ui/fail for {silent:?}");
}

#[test]
fn what_the_cases_say_to_write_is_right() {
    for case in cases::refused() {
        assert_ne!(case.mended(), case.source, "{}: say what to write with `//~ right: ..`", case.name);
        for errors in cases::expanded(&case.mended()) {
            // Paths start at the folder of the crate that is compiled, which is another one here.
            let left = errors.messages().filter(|message| message.name() != "SchemaUnreadable");
            let left: Vec<String> = left.map(ToString::to_string).collect();
            assert!(left.is_empty(), "{} is not mended: {left:?}\n{}", case.name, case.mended());
        }
    }
}
