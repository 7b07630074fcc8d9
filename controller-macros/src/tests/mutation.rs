//! Mutated tokens: whatever is typed, the attribute does not panic and gives the item back.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::cases;
use crate::path::Dependency;

/// Shapes that no program of `tests/ui` has, beside which the mutations start from each attribute there.
const ODD: &[(&str, &str)] = &[
    (
        "api_version = \"v1\", kind = \"Pod\", plural = \"pods\", name = \"a-b\", namespace = [\"a\", \"b\"]",
        "impl A { async fn add(&self, pod: &Pod, cx: &Context<Self>) -> Result { Ok(()) } }",
    ),
    (
        "labels = \"app in (a, b)\", fields = \"a.b=c\", reconcile_delay = \"30s\", on_start = add, concurrency = 4",
        "#[cfg(x)] #[allow(y)] impl<T: Send> m::A<T> where T: Sync { pub async fn delete(self: &Self, _: &m::P<T>, cx: &Context<A<T>>) {} fn x() {} }",
    ),
    (
        "timeout = off, backoff(min = \"5ms\", max = 7000), schema({ \"type\": [\"object\"], \"not\": { \"minimum\": -1 } })",
        "impl<'a> A<'a> { #![allow(x)] const X: [u8; 2] = [1; 2]; #[cfg(a)] async fn reconcile<'b>(&'b self, (pod): &Pod) {} }",
    ),
    (
        "supervisor(restart = transient, shutdown = 500, significant), crate = ::a::b, schema = derive, timeout = 1.5",
        "impl Show<u8> for A { fn add(&mut self, pod: impl Into<Pod>, cx: Context, more: u8); mac! { a b c } type X = u8; }",
    ),
    ("backoff(5, 10), namespace = all, when(x), schema = \"none.json\"", "#[derive(A)] pub(crate) struct A<T>(T);"),
    ("kind = Pod, schema({ \"$ref\": \"#/a\", \"a\": null })", "unsafe extern \"C\" fn add() {}"),
];

/// A sequence of numbers that is the same everywhere (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).unwrap_or(0)
    }
}

/// Drops, doubles or swaps one token, at any depth.
fn mutate(tokens: TokenStream, dice: &mut Dice) -> TokenStream {
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    if tokens.is_empty() {
        return TokenStream::new();
    }
    let at = dice.roll(tokens.len());
    if let (TokenTree::Group(group), true) = (&tokens[at], dice.roll(4) > 0) {
        let delimiter = match dice.roll(20) {
            0 => Delimiter::Parenthesis,
            1 => Delimiter::Brace,
            2 => Delimiter::Bracket,
            3 => Delimiter::None,
            _ => group.delimiter(),
        };
        tokens[at] = TokenTree::Group(Group::new(delimiter, mutate(group.stream(), dice)));
        return tokens.into_iter().collect();
    }
    match dice.roll(3) {
        0 => drop(tokens.remove(at)),
        1 => tokens.insert(at, tokens[at].clone()),
        _ => {
            let other = dice.roll(tokens.len());
            tokens.swap(at, other);
        }
    }
    tokens.into_iter().collect()
}

/// What the mutations start from.
fn seeds() -> Vec<(TokenStream, TokenStream)> {
    let tokens = |source: &str| source.parse::<TokenStream>().expect("a seed has tokens");
    let mut seeds: Vec<_> = ODD.iter().map(|(options, item)| (tokens(options), tokens(item))).collect();
    for path in cases::files("pass").into_iter().chain(cases::files("fail")) {
        seeds.extend(cases::attributes(&std::fs::read_to_string(path).expect("a case can be read")));
    }
    seeds
}

/// Counts the words and literals of some tokens, which have to be found again after the expansion, less what the
/// attribute takes away on purpose: itself and `#[async_trait]`, the visibility of callbacks, expectations that become
/// allowances, a `where` that may have no bounds, and lifetimes, since a controller that borrows falls back to one that
/// doesn't.
fn count(tokens: TokenStream, found: &mut BTreeMap<String, usize>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match (&token, tokens.peek()) {
            (TokenTree::Punct(punct), Some(TokenTree::Ident(_))) if punct.as_char() == '\'' => drop(tokens.next()),
            (TokenTree::Punct(punct), Some(TokenTree::Group(attribute))) if punct.as_char() == '#' => {
                let path = attribute.stream().into_iter().take_while(|token| !matches!(token, TokenTree::Group(_)));
                let name = path.filter(|token| matches!(token, TokenTree::Ident(_))).last();
                if name.is_some_and(|name| ["controller", "async_trait"].contains(&name.to_string().as_str())) {
                    tokens.next();
                }
            }
            (TokenTree::Ident(word), next) if word == "pub" => {
                if matches!(next, Some(TokenTree::Group(place)) if place.delimiter() == Delimiter::Parenthesis) {
                    tokens.next();
                }
            }
            (TokenTree::Ident(word), _) if word == "expect" || word == "where" => {}
            (TokenTree::Punct(_), _) => {}
            (TokenTree::Group(group), _) => count(group.stream(), found),
            (leaf, _) => *found.entry(leaf.to_string()).or_default() += 1,
        }
    }
}

/// Puts a number of mutants to the attribute, each from one of the seeds in turn.
fn mutants(start: u64, number: usize) {
    let mut dice = Dice(start);
    let seeds = seeds();
    assert!(seeds.len() >= 50, "{} seeds", seeds.len());
    for round in 0..number {
        let (mut options, mut item) = seeds[round % seeds.len()].clone();
        for _ in 0..=dice.roll(3) {
            match dice.roll(2) {
                0 => options = mutate(options, &mut dice),
                _ => item = mutate(item, &mut dice),
            }
        }
        let (expansion, errors) = crate::expansion(options.clone(), item.clone(), Dependency::Named);
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        count(item.clone(), &mut before);
        count(expansion, &mut after);
        for (leaf, times) in before {
            let left = after.get(&leaf).copied().unwrap_or_default();
            assert!(left >= times, "round {round}: `{leaf}` {times} times, {left} left\n{options}\n{item}\n{errors:?}");
        }
    }
}

/// Four tests, since the harness runs them side by side.
macro_rules! mutated_tokens_never_panic_and_come_back {
    ($($name:ident $start:literal,)*) => {
        $(#[test] fn $name() { mutants($start, 25_000); })*
    };
}

mutated_tokens_never_panic_and_come_back! {
    a_first_quarter_of_mutants_comes_back 0x2545_F491_4F6C_DD1D,
    a_second_quarter_of_mutants_comes_back 0x9E37_79B9_7F4A_7C15,
    a_third_quarter_of_mutants_comes_back 0xD1B5_4A32_D192_ED03,
    a_last_quarter_of_mutants_comes_back 0x8CB9_2BA7_2F3D_8DD7,
}
