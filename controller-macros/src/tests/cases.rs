//! The programs of `tests/ui` as tokens. The `tests` crate compiles them; here only the attribute runs.

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The programs of a folder, in the order of their names.
pub(super) fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ui").join(folder);
    let entries = std::fs::read_dir(folder).expect("the cases are there");
    let paths = entries.map(|entry| entry.expect("a case can be listed").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|kind| kind == "rs")).collect();
    files.sort();
    files
}

/// The attributes in a program, each with its options and its item.
pub(super) fn attributes(source: &str) -> Vec<(TokenStream, TokenStream)> {
    let mut found = Vec::new();
    collect(source.parse().expect("a case has tokens"), &mut found);
    found
}

fn collect(tokens: TokenStream, found: &mut Vec<(TokenStream, TokenStream)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let TokenTree::Group(group) = token else { continue };
        let Some(options) = options(group) else {
            collect(group.stream(), found);
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
