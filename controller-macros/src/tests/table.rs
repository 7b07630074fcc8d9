//! The table of messages against the compile-fail cases of `tests/ui/fail`: no message without a case. The cases
//! themselves are compiled by the `tests` crate; here only the attribute runs, on their tokens.

use std::collections::BTreeSet;

use super::cases;
use crate::message::Message;
use crate::path::Dependency;

/// What no case can show: messages about the user's Cargo.toml, of which the cases share one.
const WITHOUT_CASE: [&str; 2] = ["RenamedCrate", "MissingCrate"];

#[test]
fn every_message_has_a_case() {
    let mut seen = BTreeSet::new();
    for path in cases::files("fail") {
        let text = std::fs::read_to_string(&path).expect("a case can be read");
        let marked = text.matches("//~ mistake").count();
        let found = cases::attributes(&text);
        assert!(!found.is_empty(), "{}: no attribute", path.display());
        let mut told = 0;
        for (options, item) in found {
            let (_, errors) = crate::expansion(options, item, Dependency::Named);
            told += errors.messages().count();
            seen.extend(errors.messages().map(Message::name));
            seen.extend(errors.hints().iter().map(|hint| hint.message.name()));
        }
        assert!(told <= marked, "{}: {told} messages for {marked} mistakes", path.display());
    }
    let silent: Vec<&&str> =
        Message::NAMES.iter().filter(|name| !seen.contains(**name) && !WITHOUT_CASE.contains(name)).collect();
    assert!(silent.is_empty(), "no case in tests/ui/fail for {silent:?}");
}
