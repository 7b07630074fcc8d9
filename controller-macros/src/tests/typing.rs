//! Half-typed code, as editors hand it over at each key: everything but the place where the cursor is stays what it was.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::cases;
use crate::path::Dependency;

/// The accepted programs' attributes, each with its options and its item.
fn accepted() -> Vec<(TokenStream, TokenStream)> {
    let sources = cases::files("pass").into_iter().map(|path| std::fs::read_to_string(path).expect("a case"));
    sources.flat_map(|source| cases::attributes(&source)).collect()
}

fn expanded(options: &TokenStream, item: &TokenStream) -> (String, usize) {
    let (expansion, errors) = crate::expansion(options.clone(), item.clone(), Dependency::Named);
    (expansion.to_string(), errors.messages().count())
}

/// The item with another body in place of the one at this place among its methods'.
fn with_body(item: &TokenStream, at: usize, body: &Group) -> TokenStream {
    let mut tokens: Vec<TokenTree> = item.clone().into_iter().collect();
    let Some(TokenTree::Group(braces)) = tokens.pop() else { panic!("an impl ends with braces") };
    let mut members: Vec<TokenTree> = braces.stream().into_iter().collect();
    let mut bodies = members.iter_mut().filter(|token| is_body(token));
    *bodies.nth(at).expect("the item has the body") = TokenTree::Group(body.clone());
    tokens.push(TokenTree::Group(Group::new(Delimiter::Brace, members.into_iter().collect())));
    tokens.into_iter().collect()
}

fn is_body(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// The bodies of an item's methods.
fn bodies(item: &TokenStream) -> Vec<Group> {
    let Some(TokenTree::Group(braces)) = item.clone().into_iter().last() else { return Vec::new() };
    let groups = braces.stream().into_iter().filter(is_body).filter_map(|token| match token {
        TokenTree::Group(group) => Some(group),
        _ => None,
    });
    groups.collect()
}

#[test]
fn a_half_typed_body_changes_nothing_else() {
    let mut typed = 0;
    for (options, item) in accepted() {
        for (at, body) in bodies(&item).iter().enumerate() {
            let marked = |tokens: TokenStream| Group::new(Delimiter::Brace, tokens);
            let whole = expanded(&options, &with_body(&item, at, &marked("__HERE__".parse().expect("a word"))));
            let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
            for cursor in 0..=tokens.len() {
                let half = marked(tokens[..cursor].iter().cloned().collect());
                let (expansion, errors) = expanded(&options, &with_body(&item, at, &half));
                let expect = whole.0.replace("{ __HERE__ }", &half.to_string());
                assert_eq!((expansion, errors), (expect, whole.1), "{options}\n{item}");
                typed += 1;
            }
        }
    }
    assert!(typed > 500, "only {typed} bodies were typed");
}

#[test]
fn a_half_typed_signature_leaves_the_item_where_it_was() {
    let mut typed = 0;
    for (options, item) in accepted() {
        let mut tokens: Vec<TokenTree> = item.clone().into_iter().collect();
        let Some(TokenTree::Group(braces)) = tokens.pop() else { continue };
        let members: Vec<TokenTree> = braces.stream().into_iter().collect();
        for cursor in 0..members.len() {
            let half = Group::new(Delimiter::Brace, members[..cursor].iter().cloned().collect());
            let item: TokenStream = tokens.iter().cloned().chain([TokenTree::Group(half)]).collect();
            let broken = syn::parse2::<syn::ItemImpl>(item.clone()).is_err();
            let (expansion, errors) = expanded(&options, &item);
            // The compiler says what is missing; a second error would hide it, and a moved item the completion.
            if broken && expansion.starts_with(&item.to_string()) {
                assert_eq!(errors, 0, "{options}\n{item}");
                typed += 1;
            } else if broken {
                assert!(parses_by_itself(&item), "the item is moved:\n{item}\n{expansion}");
            }
        }
    }
    assert!(typed > 500, "only {typed} signatures were typed");
}

/// Whether the attribute reads what syn does not: it looks at heads and signatures alone.
fn parses_by_itself(item: &TokenStream) -> bool {
    matches!(crate::item::parse(item.clone()), crate::item::Target::Impl(_))
}
