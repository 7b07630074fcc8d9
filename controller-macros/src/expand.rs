//! The expansion of a controller without mistakes: two impls, one of the user's code and one of data.
//!
//! Only what the module doc of `controller-core`'s `__private` lists is named, always by its path, and under one alias
//! that a user's type can't be hidden by.

mod descriptor;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{GenericParam, Type};

use self::descriptor::{descriptor, literal};
use crate::entry::{Spanned, span_of};
use crate::errors::{Hint, ours, written};
use crate::item::Attr;
use crate::model::Model;
use crate::options::Schema;

/// The expansion of `model`, which holds to all rules.
pub(crate) fn expand(model: &Model, object: &Type, hints: &[Hint]) -> TokenStream {
    let head = &model.item.head;
    let (root, self_ty, impl_token) = (&model.root, &head.self_ty, head.impl_of_ours());
    let (generics, _, where_clause) = head.generics.split_for_impl();
    let others = model.others();
    let attrs = Attrs::new(&model.item.attrs, !others.is_empty());
    let inner = Attrs::new(&model.item.inner_attrs, !others.is_empty());
    let (cfg, own, copied) = (&attrs.cfg, &attrs.own, &attrs.copied);

    let callbacks = model.callbacks().map(|(_, method)| {
        let mut method = method.clone();
        method.vis = TokenStream::new();
        method
    });
    let inner_own = inner.own.iter().map(as_inner);
    // What the compiler says about the object's type, it says at the place where the user wrote it.
    let object_type = quote_spanned!(object.span()=> type Object = #object;);
    let body = block(&model.item.braces, quote!(#(#inner_own)* #object_type #(#callbacks)*));
    let inherent = (!others.is_empty()).then(|| {
        let inner_copied = inner.copied.iter().map(as_inner);
        let body = block(&model.item.braces, quote!(#(#inner_copied)* #(#others)*));
        quote!(#(#copied)* impl #generics #self_ty #where_clause #body)
    });
    // Defaults of parameters mean nothing here, and the compiler says so: once.
    let (unsafety, as_written) = (&head.qualifiers, &head.generics);
    let data = data(model, object);
    let hints = hints.iter().map(hint);

    quote! {
        #(#cfg)*
        #[allow(unused_imports)]
        use #root::Controller as _;
        #(#own)*
        #[allow(refining_impl_trait, private_interfaces)]
        #unsafety #impl_token #as_written #root::Controller for #self_ty #where_clause #body
        #inherent
        #(#copied)*
        const _: () = { #data #(#hints)* };
    }
}

/// A warning: the compiler has an error of its own for what the hint explains.
fn hint(hint: &Hint) -> TokenStream {
    let (only, text) = (&hint.only, hint.message.to_string());
    let name = Ident::new("NOT_IN_THIS_VERSION", ours(span_of(&hint.culprit)));
    quote! {
        __private::k8s_openapi::#only! {
            #[deprecated(note = #text)]
            const #name: () = ();
            const _: () = #name;
        }
    }
}

/// The impl of `Described`, and the assertions about the object's type.
fn data(model: &Model, object: &Type) -> TokenStream {
    let head = &model.item.head;
    let (root, self_ty, impl_token) = (&model.root, &head.self_ty, head.impl_of_ours());
    let (generics, _, where_clause) = head.generics.split_for_impl();
    let descriptor = descriptor(model, object);
    let Declared { aliases, markers, declare } = declared(model);
    let assertions = (!model.object_is_generic()).then(|| assertions(model, object));
    let content = quote! {
        const DESCRIPTOR: __private::Descriptor = #descriptor;
        #declare
    };
    let body = head.braces_of_ours(content);
    quote! {
        use #root::__private::{self, ProbeFallback as _};
        #aliases
        #markers
        #impl_token #generics __private::Described for #self_ty #where_clause #body
        #assertions
    }
}

/// What is declared by code, since it depends on types.
struct Declared {
    /// A name for each type, so that one that does not exist is one error.
    aliases: TokenStream,
    markers: TokenStream,
    declare: Option<TokenStream>,
}

fn declared(model: &Model) -> Declared {
    let head = &model.item.head;
    let self_ty = &head.self_ty;
    let (generics, _, where_clause) = head.generics.split_for_impl();
    let it = local("__declare");
    let (mut aliases, mut markers, mut calls) = (TokenStream::new(), TokenStream::new(), TokenStream::new());
    if let Some(Schema::Derive(span)) = model.options.schema.good() {
        let span = ours(*span);
        calls.extend(quote_spanned!(span=> #it.schema_of_type();));
    }
    // Where the feature is missing, the compiler says so at the word.
    if let Some(word) = model.options.cache.good().and_then(|cache| cache.compressed.good()) {
        let span = ours(word.span());
        calls.extend(quote_spanned!(span=> #it.compress();));
    }
    // A kind that is read and written has one name.
    let mut named: Vec<String> = Vec::new();
    let options = &model.options;
    for (kinds, marker, method) in [(&options.reads, "Reads", "read"), (&options.writes, "Writes", "write")] {
        let (marker, method) = (format_ident!("{marker}"), format_ident!("{method}"));
        if !kinds.is_absent() {
            // Of a single impl the compiler would infer that every argument is of its kind, and say so in its own words.
            markers.extend(quote!(impl #generics __private::#marker<()> for #self_ty #where_clause {}));
        }
        for kind in kinds.good().into_iter().flatten() {
            let span = kind.span();
            let known = named.iter().position(|name| *name == written(kind));
            let name = if model.is_generic(kind) {
                kind.to_token_stream()
            } else {
                let alias = format_ident!("__Kind{}", known.unwrap_or(named.len()), span = span);
                if known.is_none() {
                    named.push(written(kind));
                    aliases.extend(quote!(type #alias = #kind;));
                }
                alias.to_token_stream()
            };
            markers
                .extend(quote_spanned!(span=> impl #generics __private::#marker<#name> for #self_ty #where_clause {}));
            // Of kube's type for the metadata of a kind, metadata alone is watched.
            let content = (marker == "Reads").then(|| match model.is_generic(kind) {
                true => quote_spanned!(span=> __private::Content::Whole),
                false => quote_spanned!(span=> __private::Probe::<#name>::CONTENT),
            });
            let span = ours(span);
            calls.extend(quote_spanned!(span=> #it.#method::<#name>(#content);));
        }
    }
    let declare = (!calls.is_empty()).then(|| quote!(fn declare(#it: &mut __private::Declare<Self>) { #calls }));
    Declared { aliases, markers, declare }
}

/// What was written agrees with what the type says; what was not written, the type says.
fn assertions(model: &Model, object: &Type) -> TokenStream {
    // `Self` has no meaning outside of the impls.
    let object = without_self(object.to_token_stream(), &model.item.head.self_ty);
    let (version, kind) = (model.options.api_version.good(), model.options.kind.good());
    let same = |function: &str, option: &Spanned<String>| {
        let (function, literal) = (format_ident!("{function}"), literal(option));
        quote_spanned!(option.span()=> __private::#function(#literal, __private::Probe::<#object>::GVK);)
    };
    let same_kind = kind.map(|kind| same("same_kind", kind));
    let same_version = version.map(|version| same("same_version", version));
    let is_resource = (kind.is_none() || version.is_none())
        .then(|| quote_spanned!(object.span()=> __private::is_resource::<#object>();));
    let metadata = model.options.cache.good().and_then(|cache| cache.metadata.good());
    let is_metadata = metadata.map(|word| {
        let probe = quote!(__private::Probe::<#object>);
        quote_spanned!(word.span()=> __private::is_metadata(#probe::CONTENT, #probe::RESOURCE);)
    });
    quote!(#same_kind #same_version #is_resource #is_metadata)
}

/// A variable that no variable of the user's is taken for; the underscores keep it apart from constants.
fn local(name: &str) -> Ident {
    Ident::new(name, proc_macro2::Span::mixed_site())
}

/// Braces at the place of the user's, so that editors find the members where they are.
fn block(braces: &Group, content: TokenStream) -> Group {
    let mut block = Group::new(Delimiter::Brace, content);
    block.set_span(braces.span());
    block
}

/// The attributes of an impl block, sorted by where they go.
struct Attrs {
    /// Onto the trait's impl: all of them.
    own: Vec<TokenStream>,
    /// Onto the other items: what switches code and lints on and off.
    copied: Vec<TokenStream>,
    cfg: Vec<TokenStream>,
}

impl Attrs {
    fn new(attrs: &[Attr], split: bool) -> Attrs {
        let mut sorted = Attrs { own: Vec::new(), copied: Vec::new(), cfg: Vec::new() };
        for attr in attrs {
            let tokens = attr.to_token_stream();
            match attr.name().as_str() {
                _ if attr.is_cfg() => {
                    sorted.cfg.push(tokens.clone());
                    sorted.copied.push(tokens.clone());
                    sorted.own.push(tokens);
                }
                "allow" | "warn" | "deny" | "forbid" => {
                    sorted.copied.push(tokens.clone());
                    sorted.own.push(tokens);
                }
                // An expectation is met in one of the two impls, and can't be known in which.
                "expect" if split => {
                    sorted.copied.push(attr.allowed());
                    sorted.own.push(attr.allowed());
                }
                _ => sorted.own.push(tokens),
            }
        }
        sorted
    }
}

/// `#[..]` as `#![..]`.
fn as_inner(attr: &TokenStream) -> TokenStream {
    let mut tokens = attr.clone().into_iter();
    let (pound, rest) = (tokens.next(), tokens);
    let bang = TokenTree::Punct(proc_macro2::Punct::new('!', proc_macro2::Spacing::Alone));
    pound.into_iter().chain([bang]).chain(rest).collect()
}

/// Type tokens with the type itself in place of `Self`.
fn without_self(tokens: TokenStream, self_ty: &Type) -> TokenStream {
    let mut out = TokenStream::new();
    for token in tokens {
        match token {
            TokenTree::Ident(word) if word == "Self" => out.extend(quote!(#self_ty)),
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_self(group.stream(), self_ty));
                inner.set_span(group.span());
                out.extend([TokenTree::Group(inner)]);
            }
            other => out.extend([other]),
        }
    }
    out
}

impl Model {
    /// Whether the object's type depends on a parameter of the impl block.
    pub(crate) fn object_is_generic(&self) -> bool {
        self.object.as_ref().is_some_and(|object| self.is_generic(object))
    }

    /// Whether a type depends on a parameter of the impl block.
    pub(crate) fn is_generic(&self, ty: &Type) -> bool {
        let name = |param: &GenericParam| match param {
            GenericParam::Type(param) => Some(param.ident.to_string()),
            GenericParam::Const(param) => Some(param.ident.to_string()),
            GenericParam::Lifetime(_) => None,
        };
        let params: Vec<String> = self.item.head.generics.params.iter().filter_map(name).collect();
        let uses_self = |word: &str| word == "Self" && !params.is_empty();
        mentions(ty.to_token_stream(), &|word| params.iter().any(|param| param == word) || uses_self(word))
    }
}

fn mentions(tokens: TokenStream, is_meant: &dyn Fn(&str) -> bool) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => is_meant(&word.to_string()),
        TokenTree::Group(group) => mentions(group.stream(), is_meant),
        _ => false,
    })
}
