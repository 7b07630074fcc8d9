//! The grammar of an option list: `name`, `name = value` or `name(list)`, with commas between them.
//!
//! Values are cut at commas as raw tokens, so that one odd value is one mistake and hides no other option. A list that
//! can't be cut at all is one mistake, and its options are then not looked at.

use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Lit;

use crate::duration;
use crate::errors::{Errors, written};
use crate::hint;
use crate::message::Message;
use crate::{name, options};

/// One option as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) form: Form,
}

/// What stands after an option's name.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    Bare,
    Value(Value),
    List(Group),
}

/// A value: a literal, a word or a list, and its tokens for the caret.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) tokens: TokenStream,
    pub(crate) kind: ValueKind,
}

#[derive(Clone, Debug)]
pub(crate) enum ValueKind {
    Text(String),
    Int(u64),
    Word(String),
    List(Vec<Value>),
    Other,
}

/// A checked value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) tokens: TokenStream,
}

impl<T> Spanned<T> {
    pub(crate) fn span(&self) -> Span {
        span_of(&self.tokens)
    }
}

/// Where the first of some tokens stands.
pub(crate) fn span_of(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}

impl<T> ToTokens for Spanned<T> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.tokens.to_tokens(tokens);
    }
}

/// Cuts a list into its options.
///
/// `example` is one of them as it is written.
pub(crate) fn parse(tokens: TokenStream, example: &str, errors: &mut Errors) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    for (part, comma) in cut(tokens) {
        match (entry(&part, example), comma) {
            (_, comma) if part.is_empty() => {
                errors.push(comma, Message::StrayComma {});
                return None;
            }
            (Ok(entry), _) => entries.push(entry),
            (Err(mistake), _) => {
                let (culprit, message) = *mistake;
                errors.push(culprit, message);
                return None;
            }
        }
    }
    Some(entries)
}

/// The parts between commas, each with the comma after it; nothing after the last comma.
pub(crate) fn cut(tokens: TokenStream) -> Vec<(Vec<TokenTree>, Option<TokenTree>)> {
    let mut parts = vec![(Vec::new(), None)];
    for token in tokens {
        let Some((part, comma)) = parts.last_mut() else { break };
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => {
                *comma = Some(token);
                parts.push((Vec::new(), None));
            }
            _ => part.push(token),
        }
    }
    parts.pop_if(|(part, _)| part.is_empty());
    parts
}

fn entry(part: &[TokenTree], usual: &str) -> Result<Entry, Box<(TokenTree, Message)>> {
    let Some((first, rest)) = part.split_first() else {
        return Err(Box::new((
            TokenTree::Group(Group::new(Delimiter::None, TokenStream::new())),
            Message::StrayComma {},
        )));
    };
    let TokenTree::Ident(key) = first else {
        let example = meant(first, rest).unwrap_or_else(|| usual.to_owned());
        return Err(Box::new((first.clone(), Message::NotAnOption { written: written(first), example })));
    };
    let option = key.to_string();
    let done = |form, after: &[TokenTree]| match after.first() {
        Some(next) => Err(Box::new((next.clone(), Message::MissingComma { next: written(next) }))),
        None => Ok(Entry { key: key.clone(), form }),
    };
    match rest {
        [] => done(Form::Bare, rest),
        [TokenTree::Group(group), after @ ..] if group.delimiter() == Delimiter::Parenthesis => {
            done(Form::List(group.clone()), after)
        }
        [TokenTree::Punct(first), TokenTree::Punct(second), ..]
            if first.as_char() == '=' && first.spacing() == Spacing::Joint && matches!(second.as_char(), '=' | '>') =>
        {
            let sign = format!(" ={}", second.as_char());
            Err(Box::new((rest[0].clone(), Message::OddEquals { option, sign })))
        }
        [TokenTree::Punct(dash), TokenTree::Ident(_), ..] if dash.as_char() == '-' => {
            let (written, meant) = dashed(part);
            Err(Box::new((first.clone(), Message::DashedOption { written, meant })))
        }
        [TokenTree::Punct(equals), value @ ..] if equals.as_char() == '=' => match next_option(value) {
            Some(next) => Err(Box::new((next.clone(), Message::MissingComma { next: written(next) }))),
            None if value.is_empty() => {
                Err(Box::new((rest[0].clone(), Message::NoValue { example: example(&option).into(), option })))
            }
            None => done(Form::Value(Value::new(value)), &[]),
        },
        [TokenTree::Punct(colon), ..] if colon.as_char() == ':' => {
            Err(Box::new((rest[0].clone(), Message::OddEquals { option, sign: ":".into() })))
        }
        [TokenTree::Ident(_) | TokenTree::Literal(_) | TokenTree::Group(_), after @ ..] if !matches!(after.first(), Some(TokenTree::Punct(equals)) if equals.as_char() == '=') => {
            Err(Box::new((rest[0].clone(), Message::NoEquals { option })))
        }
        [next, ..] => Err(Box::new((next.clone(), Message::MissingComma { next: written(next) }))),
    }
}

/// What an option that starts with a literal was probably meant to be: its name in quotes, or the value alone.
fn meant(first: &TokenTree, rest: &[TokenTree]) -> Option<String> {
    let TokenTree::Literal(literal) = first else { return None };
    let Lit::Str(text) = Lit::new(literal.clone()) else { return None };
    match text.value() {
        name if options::NAMES.contains(&name.as_str()) => Some(example(&name).to_owned()),
        version if rest.is_empty() && name::is_api_version(&version) => Some(format!("api_version = \"{version}\"")),
        kind if rest.is_empty() && name::is_kind(&kind) => Some(format!("kind = \"{kind}\"")),
        _ => None,
    }
}

/// `reconcile-delay = ..` as it was written, and with underscores.
fn dashed(part: &[TokenTree]) -> (String, String) {
    let name = part.iter().take_while(|token| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == '-',
        _ => false,
    });
    let written: String = name.map(ToString::to_string).collect();
    let meant = written.replace('-', "_");
    (written, meant)
}

/// The token in a value at which the next option starts, where a comma was forgotten.
fn next_option(value: &[TokenTree]) -> Option<&TokenTree> {
    value.windows(2).find_map(|pair| match pair {
        [TokenTree::Literal(_) | TokenTree::Ident(_) | TokenTree::Group(_), next] => match next {
            TokenTree::Ident(_) | TokenTree::Literal(_) => Some(next),
            _ => None,
        },
        _ => None,
    })
}

impl Value {
    fn new(tokens: &[TokenTree]) -> Value {
        let kind = match tokens {
            [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => {
                // What a macro_rules fragment leaves around its tokens.
                return Value::new(&group.stream().into_iter().collect::<Vec<_>>());
            }
            [TokenTree::Group(group)] if group.delimiter() == Delimiter::Bracket => {
                ValueKind::List(cut(group.stream()).iter().map(|(part, _)| Value::new(part)).collect())
            }
            [TokenTree::Ident(word)] => ValueKind::Word(word.to_string()),
            [TokenTree::Literal(literal)] => match Lit::new(literal.clone()) {
                Lit::Str(text) if text.suffix().is_empty() => ValueKind::Text(text.value()),
                Lit::Int(int) if int.suffix().is_empty() => int.base10_parse().map_or(ValueKind::Other, ValueKind::Int),
                _ => ValueKind::Other,
            },
            _ => ValueKind::Other,
        };
        Value { tokens: tokens.iter().cloned().collect(), kind }
    }

    /// The value of a literal or list item given alone, as in `backoff("5ms", "60s")`.
    pub(crate) fn alone(part: &[TokenTree]) -> Value {
        Value::new(part)
    }

    fn spanned<T>(&self, value: T) -> Option<Spanned<T>> {
        Some(Spanned { value, tokens: self.tokens.clone() })
    }

    fn refuse<T>(&self, option: &str, errors: &mut Errors) -> Option<T> {
        let (option, example) = (option.to_owned(), example(option).to_owned());
        let empty = match &self.kind {
            ValueKind::Text(text) => text.trim().is_empty(),
            ValueKind::List(items) => items.is_empty(),
            _ => false,
        };
        let message = match empty {
            true => Message::EmptyOption { option, example },
            false => Message::WrongValue { option, written: written(&self.tokens), forms: format!("`{example}`") },
        };
        errors.push(&self.tokens, message);
        None
    }

    /// A string that is not empty.
    pub(crate) fn text(&self, option: &str, errors: &mut Errors) -> Option<Spanned<String>> {
        match &self.kind {
            ValueKind::Text(text) if !text.trim().is_empty() => self.spanned(text.clone()),
            _ => self.refuse(option, errors),
        }
    }

    /// A string or a word that is not empty.
    pub(crate) fn text_or_word(&self, option: &str, errors: &mut Errors) -> Option<Spanned<String>> {
        match &self.kind {
            ValueKind::Word(word) => self.spanned(word.clone()),
            _ => self.text(option, errors),
        }
    }

    /// One of some words, bare or quoted.
    pub(crate) fn one_of(
        &self,
        option: &str,
        words: &[&'static str],
        errors: &mut Errors,
    ) -> Option<Spanned<&'static str>> {
        self.one_of_or(option, words, "", errors)
    }

    /// One of some words, where the option takes other values, too.
    pub(crate) fn one_of_or(
        &self,
        option: &str,
        words: &[&'static str],
        others: &str,
        errors: &mut Errors,
    ) -> Option<Spanned<&'static str>> {
        let list = hint::list(words) + others;
        let (ValueKind::Text(word) | ValueKind::Word(word)) = &self.kind else {
            let message = Message::UnknownWord { option: option.into(), written: written(&self.tokens), list };
            errors.push(&self.tokens, message);
            return None;
        };
        if let Some(known) = words.iter().find(|known| *known == word) {
            return self.spanned(*known);
        }
        let option = option.to_owned();
        let message = match hint::nearest(word, words.iter().copied()) {
            Some(meant) => Message::MisspeltWord { option, written: word.clone(), meant: meant.into(), list },
            None => Message::UnknownWord { option, written: word.clone(), list },
        };
        errors.push(&self.tokens, message);
        None
    }

    /// Whether the value is this word, bare or quoted.
    pub(crate) fn is_word(&self, expect: &str) -> bool {
        matches!(&self.kind, ValueKind::Word(word) | ValueKind::Text(word) if word == expect)
    }

    /// A duration in milliseconds, from its string or a whole number, and never zero; `instead` is what zero might mean.
    pub(crate) fn duration(&self, option: &str, instead: &str, errors: &mut Errors) -> Option<Spanned<u64>> {
        let never = if instead.ends_with(" = off`") { ", or `off`" } else { "" }.to_owned();
        let (option, source) = (option.to_owned(), written(&self.tokens).trim_matches('"').to_owned());
        let parsed = match &self.kind {
            ValueKind::Text(text) if text.is_empty() => return self.refuse(&option, errors),
            ValueKind::Text(text) => duration::parse(text),
            ValueKind::Int(millis) => duration::whole(*millis),
            _ => Err(duration::Fault::Grammar),
        };
        let message = match parsed {
            Ok(0) => Message::DurationZero { option, instead: instead.into() },
            Ok(millis) => return self.spanned(millis),
            Err(duration::Fault::Grammar) => Message::DurationGrammar { option, written: source, never },
            Err(duration::Fault::TooLong) => Message::DurationTooLong { option, written: source },
        };
        errors.push(&self.tokens, message);
        None
    }
}

impl Entry {
    /// The value of `name = value`.
    pub(crate) fn value(&self, errors: &mut Errors) -> Option<&Value> {
        match &self.form {
            Form::Value(value) => Some(value),
            Form::Bare | Form::List(_) => {
                let option = self.key.to_string();
                errors.push(&self.key, Message::WantsValue { example: example(&option).into(), option });
                None
            }
        }
    }

    /// The list of `name(list)`, which has to have something in it.
    pub(crate) fn list(&self, errors: &mut Errors) -> Option<&Group> {
        let option = self.key.to_string();
        let example = example(&option).to_owned();
        match &self.form {
            Form::List(list) if !list.stream().is_empty() => return Some(list),
            Form::List(list) => errors.push(list, Message::EmptyOption { option, example }),
            Form::Bare | Form::Value(_) => errors.push(&self.key, Message::WantsList { option, example }),
        }
        None
    }
}

/// A well-formed use of an option, for messages.
pub(crate) fn example(option: &str) -> &'static str {
    match option {
        "api_version" => "api_version = \"apps/v1\"",
        "kind" => "kind = \"Pod\"",
        "plural" => "plural = \"pods\"",
        "name" => "name = \"pod-watcher\"",
        "namespace" => "namespace = \"default\"",
        "labels" => "labels = \"app=web\"",
        "fields" => "fields = \"status.phase=Running\"",
        "when" => "when(generation, label(\"app\"))",
        "cache" => "cache(metadata)",
        "label" => "label(\"app\")",
        "annotation" => "annotation(\"example.com/size\")",
        "field" => "field(\"/spec/nodeName\")",
        "reads" => "reads(ConfigMap, Secret)",
        "writes" => "writes(ConfigMap, Secret)",
        "reconcile_delay" => "reconcile_delay = \"30s\"",
        "on_start" => "on_start = reconcile",
        "concurrency" => "concurrency = 4",
        "timeout" => "timeout = \"5m\"",
        "backoff" => "backoff(\"5ms\", \"60s\")",
        "escalate" => "escalate(panics = 3, within = \"1m\")",
        "panics" => "panics = 3",
        "within" => "within = \"1m\"",
        "rate_limit" => "rate_limit(runs = 10, per = \"1s\")",
        "key_rate_limit" => "key_rate_limit(runs = 1, per = \"1m\")",
        "runs" => "runs = 10",
        "per" => "per = \"1s\"",
        "burst" => "burst = 20",
        "schema" => "schema = \"schema.json\"",
        "supervisor" => "supervisor(restart = transient, shutdown = \"5s\")",
        "restart" => "restart = transient",
        "shutdown" => "shutdown = \"5s\"",
        "min" => "min = \"5ms\"",
        "max" => "max = \"60s\"",
        "crate" => "crate = ::controller_core",
        _ => "kind = \"Pod\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_at_its_commas() {
        let mut errors = Errors::default();
        let tokens = "a, b = \"x\", c([1, 2], d), e = [f, g], crate = ::a::b,".parse().expect("tokens");
        let entries = parse(tokens, "a = 1", &mut errors).expect("a list");
        let keys: Vec<String> = entries.iter().map(|entry| entry.key.to_string()).collect();
        assert_eq!(keys, ["a", "b", "c", "e", "crate"]);
        assert!(errors.is_empty());
    }

    #[test]
    fn a_list_that_cannot_be_cut_is_one_mistake() {
        let check = |source: &str, expect: &str| {
            let mut errors = Errors::default();
            assert!(parse(source.parse().expect("tokens"), "a = 1", &mut errors).is_none(), "{source}");
            assert_eq!(errors.messages().map(Message::name).collect::<Vec<_>>(), [expect], "{source}");
        };
        check("a = 1,, b = 2", "StrayComma");
        check(", a = 1", "StrayComma");
        check("\"v1\"", "NotAnOption");
        check("a: \"v1\", b: 2", "OddEquals");
        check("a => \"v1\"", "OddEquals");
        check("a == \"v1\"", "OddEquals");
        check("a-b = 2", "DashedOption");
        check("a-b", "DashedOption");
        check("kind \"Pod\"", "NoEquals");
        check("kind Pod", "NoEquals");
        check("kind [Pod]", "NoEquals");
        check("kind =", "NoValue");
        check("a = \"v1\" b = 2", "MissingComma");
        check("a = b c = 2", "MissingComma");
        check("a = [b] c(2)", "MissingComma");
        check("a(b) c", "MissingComma");
        check("a b = 2", "MissingComma");
    }
}
