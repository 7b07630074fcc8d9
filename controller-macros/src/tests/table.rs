//! The table of messages against the compile-fail cases of `tests/ui/fail`: no message without a case. The cases
//! themselves are compiled by the `tests` crate; here only the attribute runs, on their tokens.

use std::collections::BTreeSet;
use std::path::Path;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::message::Message;
use crate::path::Dependency;

/// What no case can show: messages about the user's Cargo.toml, of which the cases share one.
const WITHOUT_CASE: [&str; 2] = ["RenamedCrate", "MissingCrate"];

/// The attributes in some tokens, each with its options and its item.
fn attributes(tokens: TokenStream, found: &mut Vec<(TokenStream, TokenStream)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let TokenTree::Group(group) = token else { continue };
        let Some(options) = options(group) else {
            attributes(group.stream(), found);
            continue;
        };
        let ends = |token: &TokenTree| match token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            _ => false,
        };
        let length = tokens[at..].iter().position(ends).map_or(tokens.len() - at, |last| last + 1);
        found.push((options, tokens[at..at + length].iter().cloned().collect()));
        at += length;
    }
}

/// The options in `[controller(options)]`.
fn options(attribute: &Group) -> Option<TokenStream> {
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    match tokens.as_slice() {
        _ if attribute.delimiter() != Delimiter::Bracket => None,
        [.., TokenTree::Ident(name)] if name == "controller" => Some(TokenStream::new()),
        [.., TokenTree::Ident(name), TokenTree::Group(list)] if name == "controller" => Some(list.stream()),
        _ => None,
    }
}

#[test]
fn every_message_has_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ui/fail");
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the cases are there") {
        let path = entry.expect("a case can be listed").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a case can be read");
        let marked = text.matches("//~ mistake").count();
        assert!(marked > 0, "{}: mark each mistake with `//~ mistake`", path.display());
        let mut found = Vec::new();
        attributes(text.parse().expect("a case has tokens"), &mut found);
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
