//! JSON written as Rust tokens, for `schema({ .. })`.
//!
//! Each value keeps its span by its JSON pointer, so that what the schema's check finds lands on the value itself.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, Group, Literal, Span, TokenStream, TokenTree};
use serde_json::{Map, Number, Value};

use crate::errors::{Errors, written};
use crate::message::Message;

/// A JSON document and where each of its values was written.
#[derive(Debug)]
pub(crate) struct Inline {
    pub(crate) value: Value,
    spans: BTreeMap<String, Span>,
}

impl Inline {
    /// The document of `tokens`. A comma may follow the last member, and strings may be raw, which patterns like.
    pub(crate) fn parse(tokens: TokenStream, place: Span, errors: &mut Errors) -> Option<Inline> {
        let mut inline = Inline { value: Value::Null, spans: BTreeMap::new() };
        inline.value = inline.read(&tokens.into_iter().collect::<Vec<_>>(), "", place, errors)?;
        Some(inline)
    }

    /// The span of the value at `pointer`, or of the innermost value around it.
    pub(crate) fn span(&self, pointer: &str) -> Span {
        let mut pointer = pointer;
        loop {
            match (self.spans.get(pointer), pointer.rfind('/')) {
                (Some(span), _) => return *span,
                (None, Some(parent)) => pointer = &pointer[..parent],
                (None, None) => return Span::call_site(),
            }
        }
    }

    fn read(&mut self, tokens: &[TokenTree], pointer: &str, place: Span, errors: &mut Errors) -> Option<Value> {
        let fault = |errors: &mut Errors, culprit: &[TokenTree], expected: &str| {
            let tokens: TokenStream = culprit.iter().cloned().collect();
            let message = Message::InlineJson { written: format!("`{}`", written(&tokens)), expected: expected.into() };
            errors.push(tokens, message);
            None
        };
        let span = tokens.first().map_or(place, TokenTree::span);
        self.spans.insert(pointer.to_owned(), span);
        match tokens {
            [] => {
                let message = Message::InlineJson { written: "nothing".into(), expected: "a value".into() };
                errors.push(TokenTree::from(Literal::string("")).with_span(place), message);
                None
            }
            [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => {
                self.read(&group.stream().into_iter().collect::<Vec<_>>(), pointer, span, errors)
            }
            [TokenTree::Group(group)] if group.delimiter() == Delimiter::Brace => {
                self.object(group, pointer, errors).map(Value::Object)
            }
            [TokenTree::Group(group)] if group.delimiter() == Delimiter::Bracket => {
                self.array(group, pointer, errors).map(Value::Array)
            }
            [TokenTree::Ident(word)] if word == "null" => Some(Value::Null),
            [TokenTree::Ident(word)] if word == "true" || word == "false" => Some(Value::Bool(word == "true")),
            [TokenTree::Literal(literal)] => match scalar(literal, false) {
                Some(value) => Some(value),
                None => fault(errors, tokens, "a string, a number, `true`, `false` or `null`"),
            },
            [TokenTree::Punct(minus), TokenTree::Literal(literal)] if minus.as_char() == '-' => {
                match scalar(literal, true) {
                    Some(value) => Some(value),
                    None => fault(errors, tokens, "a number"),
                }
            }
            [TokenTree::Ident(_)] => fault(errors, tokens, "a value, and strings in quotes"),
            [first, second, ..] if is_value(first) && !is_punct(second) => {
                fault(errors, std::slice::from_ref(second), "a comma")
            }
            _ => fault(errors, tokens, "a value"),
        }
    }

    fn array(&mut self, group: &Group, pointer: &str, errors: &mut Errors) -> Option<Vec<Value>> {
        let mut values = Some(Vec::new());
        for (at, part) in parts(group.stream()).iter().enumerate() {
            let value = self.read(part, &format!("{pointer}/{at}"), group.span_close(), errors);
            values = values.zip(value).map(|(mut values, value)| {
                values.push(value);
                values
            });
        }
        values
    }

    fn object(&mut self, group: &Group, pointer: &str, errors: &mut Errors) -> Option<Map<String, Value>> {
        let mut members = Map::new();
        let mut whole = true;
        for part in parts(group.stream()) {
            let (key, value) = match part.as_slice() {
                [TokenTree::Literal(key), TokenTree::Punct(colon), value @ ..] if colon.as_char() == ':' => {
                    (key, value)
                }
                _ => {
                    let tokens: TokenStream = part.iter().take(1).cloned().collect();
                    let found = if tokens.is_empty() { "a comma".into() } else { format!("`{}`", written(&tokens)) };
                    let message = Message::InlineJson { written: found, expected: "`\"name\": value`".into() };
                    match part.first() {
                        Some(_) => errors.push(tokens, message),
                        None => errors.push(group, message),
                    }
                    whole = false;
                    continue;
                }
            };
            let Some(Value::String(name)) = scalar(key, false) else {
                let message =
                    Message::InlineJson { written: format!("`{key}`"), expected: "a member's name in quotes".into() };
                errors.push(key, message);
                whole = false;
                continue;
            };
            let pointer = format!("{pointer}/{}", escape(&name));
            match self.read(value, &pointer, key.span(), errors) {
                Some(_) if members.contains_key(&name) => {
                    let message = Message::InlineJson {
                        written: format!("`{name}` a second time"),
                        expected: "each member once".into(),
                    };
                    errors.push(key, message);
                    whole = false;
                }
                Some(value) => drop(members.insert(name, value)),
                None => whole = false,
            }
        }
        whole.then_some(members)
    }
}

/// A token moved to another place.
trait WithSpan {
    fn with_span(self, span: Span) -> Self;
}

impl WithSpan for TokenTree {
    fn with_span(mut self, span: Span) -> Self {
        self.set_span(span);
        self
    }
}

/// A member's name as a JSON pointer writes it.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn is_value(token: &TokenTree) -> bool {
    !is_punct(token)
}

fn is_punct(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(_))
}

/// The tokens between commas; nothing after the last comma.
fn parts(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    for token in tokens {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => parts.push(Vec::new()),
            _ => parts.last_mut().into_iter().for_each(|part| part.push(token.clone())),
        }
    }
    parts.pop_if(|part| part.is_empty());
    parts
}

/// The value of a literal that JSON has too.
fn scalar(literal: &Literal, negative: bool) -> Option<Value> {
    match syn::Lit::new(literal.clone()) {
        syn::Lit::Str(text) if !negative && text.suffix().is_empty() => Some(Value::String(text.value())),
        syn::Lit::Int(int) if int.suffix().is_empty() => {
            let number: u64 = int.base10_parse().ok()?;
            match negative {
                false => Some(Value::Number(number.into())),
                true => i64::try_from(number).ok().map(|number| Value::Number((-number).into())),
            }
        }
        syn::Lit::Float(float) if float.suffix().is_empty() => {
            let number: f64 = float.base10_parse().ok()?;
            Number::from_f64(if negative { -number } else { number }).map(Value::Number)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(source: &str) -> Result<Value, Vec<String>> {
        let mut errors = Errors::default();
        let tokens = source.parse().expect("the case has tokens");
        let inline = Inline::parse(tokens, Span::call_site(), &mut errors);
        inline.map(|inline| inline.value).ok_or_else(|| errors.messages().map(ToString::to_string).collect())
    }

    #[test]
    fn json_is_read_from_tokens() {
        let expect = json!({ "type": "object", "a": [1, -2, 1.5, -0.5, true, false, null, {}], "p": "^\\d+$" });
        let source = r##"{ "type": "object", "a": [1, -2, 1.5, -0.5, true, false, null, {},], "p": r"^\d+$", }"##;
        assert_eq!(parse(source), Ok(expect));
        assert_eq!(parse("true"), Ok(json!(true)));
    }

    #[test]
    fn every_fault_is_named() {
        let check = |source: &str, expect: &[&str]| {
            let found = parse(source).expect_err(source);
            assert_eq!(found.len(), expect.len(), "{source}: {found:?}");
            for (found, expect) in found.iter().zip(expect) {
                assert!(found.contains(expect), "{source}: {found}");
            }
        };
        check("{ type: \"object\" }", &["found `type`"]);
        check("{ \"type\": object }", &["strings in quotes"]);
        check("{ \"type\" \"object\" }", &["`\"name\": value`"]);
        check("{ \"a\": 1 \"b\": 2 }", &["expected a comma"]);
        check("{ \"a\": , \"b\": 'x' }", &["found nothing", "found `'x'`"]);
        check("{ \"a\": 1, \"a\": 2 }", &["a second time"]);
        check("{ 1: 2 }", &["name in quotes"]);
        check("[1, , 2]", &["found nothing"]);
        check("", &["found nothing"]);
        check("{ \"a\": 1u8, , }", &["found `1u8`", "found a comma"]);
        check("-\"x\"", &["expected a number"]);
    }
}
