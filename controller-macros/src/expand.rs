//! The expansion of a controller without mistakes: two impls, one of the user's code and one of data.
//!
//! Only what the module doc of `controller-core`'s `__private` lists is named, always by its path, and under one alias
//! that a user's type can't be hidden by.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{GenericParam, LitStr, Type};

use crate::entry::Spanned;
use crate::errors::written;
use crate::item::Attr;
use crate::model::Model;
use crate::options::{Backoff, Escalation, Limit, Part, RateLimit, Schema, Shutdown};

/// The expansion of `model`, which holds to all rules.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let Some(object) = &model.object else { return TokenStream::new() };
    let head = &model.item.head;
    let (root, self_ty) = (&model.root, &head.self_ty);
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
    let unsafety = &head.qualifiers;
    let data = data(model, object);

    quote! {
        #(#cfg)*
        #[allow(unused_imports)]
        use #root::Controller as _;
        #(#own)*
        #[allow(refining_impl_trait, private_interfaces)]
        #unsafety impl #generics #root::Controller for #self_ty #where_clause #body
        #inherent
        #(#copied)*
        const _: () = { #data };
    }
}

/// The impl of `Described`, and the assertions about the object's type.
fn data(model: &Model, object: &Type) -> TokenStream {
    let head = &model.item.head;
    let (root, self_ty) = (&model.root, &head.self_ty);
    let (generics, _, where_clause) = head.generics.split_for_impl();
    let descriptor = descriptor(model, object);
    let Declared { aliases, markers, declare } = declared(model);
    let assertions = (!model.object_is_generic()).then(|| assertions(model, object));
    quote! {
        use #root::__private::{self, ProbeFallback as _};
        #aliases
        #markers
        impl #generics __private::Described for #self_ty #where_clause {
            const DESCRIPTOR: __private::Descriptor = #descriptor;
            #declare
        }
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
    let (mut aliases, mut markers, mut calls) = (TokenStream::new(), TokenStream::new(), TokenStream::new());
    if let Some(Schema::Derive(span)) = model.options.schema.good() {
        let span = ours(*span);
        calls.extend(quote_spanned!(span=> declare.schema_of_type();));
    }
    // Where the feature is missing, the compiler says so at the word.
    if let Some(word) = model.options.cache.good().and_then(|cache| cache.compressed.good()) {
        let span = ours(word.span());
        calls.extend(quote_spanned!(span=> declare.compress();));
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
            calls.extend(quote_spanned!(span=> declare.#method::<#name>(#content);));
        }
    }
    let declare = (!calls.is_empty()).then(|| quote!(fn declare(declare: &mut __private::Declare<Self>) { #calls }));
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

fn descriptor(model: &Model, object: &Type) -> TokenStream {
    let options = &model.options;
    let name = model.name().unwrap_or_else(|| String::from("controller"));
    let mut calls = Vec::new();
    let start = match (options.api_version.good().map(literal), options.kind.good().map(literal)) {
        (Some(version), Some(kind)) => quote!(__private::Descriptor::new(#name, #version, #kind)),
        (version, kind) => {
            calls.extend(version.map(|version| quote!(api_version(#version))));
            calls.extend(kind.map(|kind| quote!(kind(#kind))));
            quote!(__private::Descriptor::of_type(#name))
        }
    };
    calls.extend(options.plural.good().map(literal).map(|plural| quote!(plural(#plural))));
    if let Some(Spanned { value: Some(names), .. }) = options.namespaces.good() {
        calls.push(quote!(namespaces(&[#(#names),*])));
    }
    calls.extend(options.labels.good().map(literal).map(|labels| quote!(labels(#labels))));
    calls.extend(options.fields.good().map(literal).map(|fields| quote!(fields(#fields))));
    if let Some(when) = options.when.good() {
        let parts = when.value.iter().map(filter);
        calls.push(quote!(when(&[#(__private::Filter::#parts),*])));
    }
    if let Some(cache) = options.cache.good() {
        calls.extend(cache.metadata.good().map(|_| quote!(cache_metadata())));
        calls.extend(cache.managed_fields.good().map(|_| quote!(cache_managed_fields())));
    }

    let (always, sometimes): (Vec<_>, Vec<_>) =
        model.callbacks().partition(|(_, method)| !method.attrs.iter().any(Attr::is_cfg));
    calls.extend(always.iter().map(|(callback, _)| on(callback)));

    if let Some(delay) = options.reconcile_delay.good() {
        calls.push(match delay.value {
            Limit::Off => quote!(no_resync()),
            Limit::Millis(millis) => {
                let delay = duration(millis);
                quote!(reconcile_delay(#delay))
            }
        });
    }
    if let Some(on_start) = options.on_start.good() {
        let variant = variant(on_start.value);
        calls.push(quote!(on_start(__private::OnStart::#variant)));
    }
    if let Some(concurrency) = options.concurrency.good() {
        let workers = proc_macro2::Literal::u64_unsuffixed(concurrency.value);
        calls.push(quote!(concurrency(#workers)));
    }
    if let Some(timeout) = options.timeout.good() {
        calls.push(match timeout.value {
            Limit::Off => quote!(no_timeout()),
            Limit::Millis(millis) => {
                let limit = duration(millis);
                quote!(timeout(#limit))
            }
        });
    }
    if let Some(Backoff { min, max }) = options.backoff.good() {
        let (min, max) = (duration(min.value), duration(max.value));
        calls.push(quote!(backoff(#min, #max)));
    }
    if let Some(Escalation { panics, within }) = options.escalate.good() {
        let (panics, within) = (proc_macro2::Literal::u32_unsuffixed(*panics), duration(*within));
        calls.push(quote!(escalate(#panics, #within)));
    }
    for (setter, limit) in [("rate_limit", &options.rate_limit), ("key_rate_limit", &options.key_rate_limit)] {
        if let Some(RateLimit { runs, per, burst }) = limit.good() {
            let (setter, per) = (format_ident!("{setter}"), duration(*per));
            let [runs, burst] = [runs, burst].map(|count| proc_macro2::Literal::u32_unsuffixed(*count));
            calls.push(quote!(#setter(#runs, #per, #burst)));
        }
    }
    match options.schema.good() {
        Some(Schema::File(path)) => {
            let path = literal(path);
            calls.push(quote!(schema(::core::include_str!(#path))));
        }
        Some(Schema::Inline(text)) => calls.push(quote!(schema(#text))),
        Some(Schema::Derive(_)) | None => {}
    }
    if let Some(restart) = options.restart.good() {
        let variant = variant(restart.value);
        calls.push(quote!(restart(__private::Restart::#variant)));
    }
    if let Some(shutdown) = options.shutdown.good() {
        let shutdown = match shutdown {
            Shutdown::After(millis) => {
                let limit = duration(*millis);
                quote!(After(#limit))
            }
            Shutdown::BrutalKill => quote!(BrutalKill),
            Shutdown::Infinity => quote!(Infinity),
        };
        calls.push(quote!(shutdown(__private::Shutdown::#shutdown)));
    }
    calls.extend(options.significant.good().map(|_| quote!(significant())));
    if !model.object_is_generic() {
        calls.push(quote!(resource(__private::Probe::<#object>::RESOURCE)));
    }

    let descriptor = quote!(#start #(.#calls)*);
    if sometimes.is_empty() {
        return descriptor;
    }
    let sometimes = sometimes.iter().map(|(callback, method)| {
        let cfg = method.attrs.iter().filter(|attr| attr.is_cfg());
        let on = on(callback);
        quote!(#(#cfg)* let descriptor = descriptor.#on;)
    });
    quote!({ let descriptor = #descriptor; #(#sometimes)* descriptor })
}

/// The place of the user's words, with names that are ours: a macro of the user's may have written them.
fn ours(span: proc_macro2::Span) -> proc_macro2::Span {
    span.resolved_at(proc_macro2::Span::call_site())
}

fn filter(part: &Part) -> TokenStream {
    match part {
        Part::Generation => quote!(Generation),
        Part::Label(key) => {
            let key = literal(key);
            quote!(Label(#key))
        }
        Part::Annotation(key) => {
            let key = literal(key);
            quote!(Annotation(#key))
        }
        Part::Field(pointer) => {
            let pointer = literal(pointer);
            quote!(Field(#pointer))
        }
    }
}

fn on(callback: &str) -> TokenStream {
    let callback = format_ident!("{callback}");
    quote!(on(__private::Callback::#callback))
}

/// `brutal_kill` as `BrutalKill`.
fn variant(word: &str) -> proc_macro2::Ident {
    format_ident!("{}", crate::name::camel(word))
}

fn literal(text: &Spanned<String>) -> LitStr {
    LitStr::new(&text.value, text.span())
}

fn duration(millis: u64) -> TokenStream {
    let (function, count) = match millis % 1_000 {
        0 => ("secs", millis / 1_000),
        _ => ("millis", millis),
    };
    let (function, count) = (format_ident!("{function}"), proc_macro2::Literal::u64_unsuffixed(count));
    quote!(__private::#function(#count))
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
