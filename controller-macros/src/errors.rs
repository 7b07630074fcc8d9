//! The mistakes of one expansion, collected.
//!
//! Every stage reports here and goes on, so that one compile shows all mistakes. Each one becomes a `compile_error!`
//! on the tokens that the user has to change.

use proc_macro2::{Delimiter, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;

use crate::message::Message;

/// The mistakes found so far, in the order of their discovery.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    list: Vec<(TokenStream, Message)>,
    hints: Vec<Hint>,
}

/// What helps with a mistake that the compiler finds, under a condition that it knows: a warning beside its error.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    pub(crate) culprit: TokenStream,
    pub(crate) message: Message,
    /// The macro of k8s-openapi that keeps what is written in it where the hint is of use.
    pub(crate) only: Ident,
}

impl Errors {
    /// Reports `message` on `culprit`.
    pub(crate) fn push(&mut self, culprit: impl ToTokens, message: Message) {
        self.list.push((culprit.into_token_stream(), message));
    }

    /// Gives `message` on the way, where the compiler finds a mistake.
    pub(crate) fn hint(&mut self, hint: Hint) {
        self.hints.push(hint);
    }

    /// Whether there is no mistake. Hints are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn hints(&self) -> &[Hint] {
        &self.hints
    }

    /// The messages of the mistakes alone.
    #[cfg(test)]
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.list.iter().map(|(_, message)| message)
    }
}

impl ToTokens for Errors {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for (culprit, message) in &self.list {
            tokens.extend(syn::Error::new_spanned(culprit, message).into_compile_error());
        }
    }
}

/// The place of the user's words, with names that are ours: a macro of the user's may have written them.
pub(crate) fn ours(span: Span) -> Span {
    span.resolved_at(Span::call_site())
}

/// The tokens as their author would have typed them, for messages: `TokenStream`'s own text has a space everywhere.
pub(crate) fn written(tokens: impl ToTokens) -> String {
    let mut text = String::new();
    write(tokens.into_token_stream(), &mut text);
    text
}

fn write(tokens: TokenStream, text: &mut String) {
    let mut glued = true;
    for token in tokens {
        let starts_word = matches!(&token, TokenTree::Ident(_) | TokenTree::Literal(_));
        if starts_word && !glued && !text.ends_with(char::is_whitespace) && !text.is_empty() {
            text.push(' ');
        }
        glued = true;
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                ',' => text.push_str(", "),
                '=' | '+' | '|' if punct.spacing() == Spacing::Alone => {
                    text.push_str(if text.ends_with(['=', '-', '!', '<', '>']) { "" } else { " " });
                    text.push(punct.as_char());
                    text.push(' ');
                }
                '>' => {
                    let arrow = text.ends_with('-');
                    if arrow {
                        text.truncate(text.trim_end_matches('-').trim_end().len());
                    }
                    text.push_str(if arrow { " -> " } else { ">" });
                }
                ':' if punct.spacing() == Spacing::Alone && !text.ends_with(':') => text.push_str(": "),
                other => text.push(other),
            },
            word => {
                text.push_str(&word.to_string());
                glued = false;
            }
        }
    }
    if text.ends_with(' ') && !text.ends_with("{ ") {
        text.truncate(text.trim_end().len());
    }
}

#[cfg(test)]
mod tests {
    use super::written;

    fn check(source: &str) {
        let tokens: proc_macro2::TokenStream = source.parse().expect("the case has tokens");
        assert_eq!(written(tokens), source);
    }

    #[test]
    fn tokens_read_as_they_were_typed() {
        check("core::v1::Pod");
        check("&mut Pod");
        check("&'static Arc<Pod>");
        check("[\"a\", \"b\"]");
        check("impl Fn(Pod) -> bool");
        check("-5");
        check("dyn Any + Send");
        check("::sdk::core");
    }
}
