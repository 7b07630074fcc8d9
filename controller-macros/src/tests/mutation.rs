//! Mutated tokens: whatever is typed, the attribute does not panic and gives the item back.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::path::Dependency;

/// What the mutations start from: each option and each shape of item.
const SEEDS: &[(&str, &str)] = &[
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

/// The words and literals of some tokens, which have to be found again after the expansion. Lifetimes are left out: a
/// controller that borrows falls back to one that doesn't.
fn leaves(tokens: TokenStream, found: &mut Vec<String>) {
    let mut is_lifetime = false;
    for token in tokens {
        let after_quote = std::mem::take(&mut is_lifetime);
        match token {
            TokenTree::Group(group) => leaves(group.stream(), found),
            TokenTree::Punct(punct) => is_lifetime = punct.as_char() == '\'',
            TokenTree::Ident(_) if after_quote => {}
            leaf => found.push(leaf.to_string()),
        }
    }
}

#[test]
fn mutated_tokens_never_panic_and_come_back() {
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    for round in 0..12_000 {
        let (options, item) = SEEDS[round % SEEDS.len()];
        let mut options: TokenStream = options.parse().expect("tokens");
        let mut item: TokenStream = item.parse().expect("tokens");
        for _ in 0..=dice.roll(3) {
            match dice.roll(2) {
                0 => options = mutate(options, &mut dice),
                _ => item = mutate(item, &mut dice),
            }
        }
        let (expansion, errors) = crate::expansion(options.clone(), item.clone(), Dependency::Named);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        leaves(item.clone(), &mut before);
        leaves(expansion, &mut after);
        for leaf in before {
            // What the attribute takes away on purpose: the visibility of callbacks.
            let dropped = ["pub", "crate"].contains(&leaf.as_str());
            assert!(dropped || after.contains(&leaf), "round {round}: {leaf} is lost\n{options}\n{item}\n{errors:?}");
        }
    }
}
