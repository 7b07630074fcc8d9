//! The item under the attribute, cut only as far as the attribute needs it.
//!
//! Signatures are parsed; attributes and bodies stay the tokens that they are. So a half-typed body is the compiler's to
//! report, and everything goes back to it with its own spans. Nothing is lost: the members of an item, put together
//! again, are the item.

#[cfg(test)]
mod tests;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Generics, LitStr, Path, Signature, Token, Type, Visibility};

use crate::errors::ours;

/// What the attribute was put on.
#[derive(Debug)]
pub(crate) enum Target {
    Impl(Box<Item>),
    /// An item that is no impl block: its keyword, and for a type its name where it has no parameters.
    Other {
        keyword: Ident,
        type_name: Option<Ident>,
    },
    /// Something that can't be read; the compiler says why.
    Broken {
        head: Option<Box<Head>>,
    },
}

/// `impl<T> Type<T> where ..`
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) qualifiers: TokenStream,
    impl_token: Token![impl],
    pub(crate) generics: Generics,
    pub(crate) trait_: Option<Path>,
    pub(crate) self_ty: Type,
}

/// An impl block.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) attrs: Vec<Attr>,
    pub(crate) head: Head,
    /// `#![..]` inside the braces.
    pub(crate) inner_attrs: Vec<Attr>,
    pub(crate) members: Vec<Member>,
    pub(crate) braces: Group,
}

#[derive(Clone, Debug)]
pub(crate) enum Member {
    Method(Box<Method>),
    /// A constant, a type, a macro.
    Other(TokenStream),
}

/// A function of the impl block.
#[derive(Clone, Debug)]
pub(crate) struct Method {
    pub(crate) attrs: Vec<Attr>,
    pub(crate) vis: TokenStream,
    pub(crate) sig: Signature,
    /// The braces, or the semicolon of a function without a body.
    pub(crate) body: TokenTree,
}

/// An attribute as tokens.
#[derive(Clone, Debug)]
pub(crate) struct Attr {
    tokens: TokenStream,
    content: Group,
}

impl Attr {
    /// The last segment of the attribute's path.
    pub(crate) fn name(&self) -> String {
        let mut name = String::new();
        for token in self.content.stream() {
            match token {
                TokenTree::Ident(ident) => name = ident.to_string(),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                _ => break,
            }
        }
        name
    }

    /// Whether the attribute can remove its item.
    pub(crate) fn is_cfg(&self) -> bool {
        match self.name().as_str() {
            "cfg" => true,
            "cfg_attr" => self.content.stream().into_iter().any(|token| match token {
                TokenTree::Group(group) => group
                    .stream()
                    .into_iter()
                    .skip(1)
                    .any(|token| matches!(token, TokenTree::Ident(word) if word == "cfg")),
                _ => false,
            }),
            _ => false,
        }
    }

    /// `#[expect(..)]` as `#[allow(..)]`, for a second place: an expectation is met in one only.
    pub(crate) fn allowed(&self) -> TokenStream {
        let content: TokenStream = self
            .content
            .stream()
            .into_iter()
            .map(|token| match token {
                TokenTree::Ident(word) if word == "expect" => TokenTree::Ident(Ident::new("allow", word.span())),
                other => other,
            })
            .collect();
        quote!(#[#content])
    }
}

impl ToTokens for Attr {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.tokens.to_tokens(tokens);
    }
}

impl Head {
    /// The head of `impl .. {}` for a type.
    pub(crate) fn of_type(name: &Ident) -> Head {
        Head {
            qualifiers: TokenStream::new(),
            impl_token: <Token![impl]>::default(),
            generics: Generics::default(),
            trait_: None,
            self_ty: Type::Verbatim(name.to_token_stream()),
        }
    }

    /// The user's `impl` for an impl of ours: what the compiler says about it, it says from there to the type.
    pub(crate) fn impl_of_ours(&self) -> Token![impl] {
        Token![impl](ours(self.impl_token.span))
    }

    /// The braces of an impl of ours, at its `impl`: an impl reaches from the one to the other.
    pub(crate) fn braces_of_ours(&self, content: TokenStream) -> Group {
        let mut braces = Group::new(Delimiter::Brace, content);
        braces.set_span(ours(self.impl_token.span));
        braces
    }
}

impl ToTokens for Head {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Head { qualifiers, impl_token, generics, trait_, self_ty } = self;
        let trait_ = trait_.as_ref().map(|path| quote!(#path for));
        let where_clause = &generics.where_clause;
        tokens.extend(quote!(#qualifiers #impl_token #generics #trait_ #self_ty #where_clause));
    }
}

impl ToTokens for Method {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Method { attrs, vis, sig, body } = self;
        tokens.extend(quote!(#(#attrs)* #vis #sig #body));
    }
}

impl ToTokens for Member {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Member::Method(method) => method.to_tokens(tokens),
            Member::Other(other) => other.to_tokens(tokens),
        }
    }
}

impl Member {
    /// The keyword and the name of `type Name = ..;`.
    pub(crate) fn associated_type(&self) -> Option<(Ident, Ident)> {
        let Member::Other(tokens) = self else { return None };
        let mut words = tokens.clone().into_iter().skip_while(|token| !matches!(token, TokenTree::Ident(_)));
        let (Some(TokenTree::Ident(keyword)), Some(TokenTree::Ident(name))) = (words.next(), words.next()) else {
            return None;
        };
        (keyword == "type").then_some((keyword, name))
    }
}

impl Item {
    pub(crate) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.members.iter().filter_map(|member| match member {
            Member::Method(method) => Some(&**method),
            Member::Other(_) => None,
        })
    }
}

/// Reads the item.
pub(crate) fn parse(tokens: TokenStream) -> Target {
    match parse_impl.parse2(tokens.clone()) {
        Ok(item) => Target::Impl(Box::new(item)),
        Err(_) => match parse_other.parse2(tokens.clone()) {
            Ok(other) => other,
            Err(_) => Target::Broken { head: parse_broken.parse2(tokens).ok().map(Box::new) },
        },
    }
}

fn parse_impl(input: ParseStream<'_>) -> syn::Result<Item> {
    let attrs = parse_attrs(input)?;
    let head: Head = input.parse()?;
    let braces = parse_group(input, Delimiter::Brace)?;
    let (inner_attrs, members) = parse_members.parse2(braces.stream())?;
    Ok(Item { attrs, head, inner_attrs, members, braces })
}

impl Parse for Head {
    fn parse(input: ParseStream<'_>) -> syn::Result<Head> {
        let unsafety: Option<Token![unsafe]> = input.parse()?;
        let impl_token: Token![impl] = input.parse()?;
        let has_generics = input.peek(Token![<])
            && (input.peek2(Token![>])
                || input.peek2(syn::Lifetime)
                || input.peek2(Token![#])
                || input.peek2(Token![const])
                || (input.peek2(syn::Ident)
                    && (input.peek3(Token![:])
                        || input.peek3(Token![,])
                        || input.peek3(Token![>])
                        || input.peek3(Token![=]))));
        let mut generics: Generics = if has_generics { input.parse()? } else { Generics::default() };
        let first: Type = input.parse()?;
        let (trait_, self_ty) = match (input.parse::<Option<Token![for]>>()?, ungroup(first)) {
            (Some(_), Type::Path(path)) => (Some(path.path), input.parse()?),
            (Some(for_), _) => return Err(syn::Error::new_spanned(for_, "a path before it")),
            (None, first) => (None, first),
        };
        generics.where_clause = input.parse()?;
        Ok(Head { qualifiers: unsafety.into_token_stream(), impl_token, generics, trait_, self_ty })
    }
}

/// A type without the invisible group that a macro_rules fragment leaves around it, and without parentheses.
pub(crate) fn ungroup(ty: Type) -> Type {
    match ty {
        Type::Group(group) => ungroup(*group.elem),
        Type::Paren(paren) => ungroup(*paren.elem),
        other => other,
    }
}

fn parse_members(input: ParseStream<'_>) -> syn::Result<(Vec<Attr>, Vec<Member>)> {
    let inner_attrs = parse_inner_attrs(input)?;
    let mut members = Vec::new();
    while !input.is_empty() {
        members.push(parse_member(input)?);
    }
    Ok((inner_attrs, members))
}

fn parse_member(input: ParseStream<'_>) -> syn::Result<Member> {
    let attrs = parse_attrs(input)?;
    let ahead = input.fork();
    let vis: Visibility = ahead.parse()?;
    let after_vis = ahead.fork();
    while ahead.peek(Token![const])
        || ahead.peek(Token![async])
        || ahead.peek(Token![unsafe])
        || ahead.peek(Token![extern])
    {
        let qualifier: TokenTree = ahead.parse()?;
        if qualifier.to_string() == "extern" {
            ahead.parse::<Option<LitStr>>()?;
        }
    }
    if ahead.peek(Token![fn]) {
        syn::parse::discouraged::Speculative::advance_to(input, &after_vis);
        let sig = input.parse()?;
        // A function without a body is the compiler's to report, on its own semicolon.
        let body = match input.peek(Token![;]) {
            true => input.parse()?,
            false => TokenTree::Group(parse_group(input, Delimiter::Brace)?),
        };
        return Ok(Member::Method(Box::new(Method { attrs, vis: vis.into_token_stream(), sig, body })));
    }
    let mut tokens = quote!(#(#attrs)*);
    let mut bang = false;
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let ends = match &token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => bang && group.delimiter() == Delimiter::Brace,
            _ => false,
        };
        bang = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '!');
        tokens.extend([token]);
        if ends {
            break;
        }
    }
    Ok(Member::Other(tokens))
}

fn parse_attrs(input: ParseStream<'_>) -> syn::Result<Vec<Attr>> {
    let mut attrs = Vec::new();
    while input.peek(Token![#]) && !input.peek2(Token![!]) {
        let pound: TokenTree = input.parse()?;
        let content = parse_group(input, Delimiter::Bracket)?;
        attrs.push(Attr { tokens: quote!(#pound #content), content });
    }
    Ok(attrs)
}

fn parse_inner_attrs(input: ParseStream<'_>) -> syn::Result<Vec<Attr>> {
    let mut attrs = Vec::new();
    while input.peek(Token![#]) && input.peek2(Token![!]) {
        let pound: TokenTree = input.parse()?;
        input.parse::<Token![!]>()?;
        let content = parse_group(input, Delimiter::Bracket)?;
        attrs.push(Attr { tokens: quote!(#pound #content), content });
    }
    Ok(attrs)
}

fn parse_group(input: ParseStream<'_>, delimiter: Delimiter) -> syn::Result<Group> {
    match input.parse::<TokenTree>()? {
        TokenTree::Group(group) if group.delimiter() == delimiter => Ok(group),
        other => Err(syn::Error::new(other.span(), "not the group that is due")),
    }
}

/// The keyword of an item that is no impl block.
fn parse_other(input: ParseStream<'_>) -> syn::Result<Target> {
    parse_attrs(input)?;
    input.parse::<Visibility>()?;
    while !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let TokenTree::Ident(keyword) = token else { continue };
        let is_type = keyword == "struct" || keyword == "enum" || keyword == "union";
        if keyword == "impl" {
            break;
        }
        if is_type {
            let name: Ident = input.parse()?;
            return Ok(Target::Other { keyword, type_name: (!input.peek(Token![<])).then_some(name) })
                .inspect(|_| drain(input));
        }
        if ["fn", "trait", "mod", "type", "static", "use", "macro_rules", "extern"].iter().any(|word| keyword == word)
            || keyword == "const"
                && !input.peek(Token![fn])
                && !input.peek(Token![async])
                && !input.peek(Token![unsafe])
        {
            drain(input);
            return Ok(Target::Other { keyword, type_name: None });
        }
    }
    Err(input.error("no item"))
}

/// The head of an impl block whose members can't be read.
fn parse_broken(input: ParseStream<'_>) -> syn::Result<Head> {
    parse_attrs(input)?;
    let head = input.parse()?;
    drain(input);
    Ok(head)
}

/// Reads what is left: `parse2` wants its input used up.
fn drain(input: ParseStream<'_>) {
    while input.parse::<TokenTree>().is_ok() {}
}
