//! What comes out where there are mistakes: the user's item as it was written, and impls that keep everything which
//! uses the controller from failing too.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{FnArg, GenericParam, Generics, Lifetime, PathArguments, PathSegment, Type, parse_quote};

use crate::callback::{Role, role};
use crate::item::{Attr, Head, Item, Member};
use crate::model::{Model, type_name};

/// The item, less the attributes that can't stay, and the impls of a controller that does nothing.
pub(crate) fn of_model(model: &Model) -> TokenStream {
    let Item { attrs, head, inner_attrs, members, .. } = &model.item;
    let attrs: Vec<&Attr> =
        attrs.iter().filter(|attr| !matches!(attr.name().as_str(), "controller" | "async_trait")).collect();
    let inner_attrs = inner_attrs.iter().map(|attr| {
        let mut tokens = attr.to_token_stream().into_iter();
        let pound = tokens.next();
        quote!(#pound ! #(#tokens)*)
    });
    let cfg = attrs.iter().filter(|attr| attr.is_cfg());
    let object = model.object.as_ref();
    let members = members.iter().map(|member| {
        // A type, which can't be in a plain block, would be refused a second time.
        let guard = (head.trait_.is_none() && member.associated_type().is_some()).then(|| quote!(#[cfg(any())]));
        let member = repaired(member);
        quote!(#guard #member)
    });
    // An impl block that can't be, on a type without a name, would be refused a second time; one of our own trait,
    // written by hand, would be warned about.
    let guard = match (&head.trait_, &head.self_ty) {
        (Some(_), _) => Some(quote!(#[allow(refining_impl_trait)])),
        (None, self_ty) => type_name(self_ty).is_none().then(|| quote!(#[cfg(any())])),
    };
    let item = quote!(#guard #(#attrs)* #head { #(#inner_attrs)* #(#members)* });
    let impls = impls(&model.root, head, object, cfg);
    // The types of right lists stay in use, so that no import of theirs is warned about.
    let (reads, writes) = (model.options.reads.good(), model.options.writes.good());
    let kinds = reads.into_iter().chain(writes).flatten().filter(|kind| !model.is_generic(kind));
    let used = quote!(#(const _: ::core::marker::PhantomData<#kinds> = ::core::marker::PhantomData;)*);
    let all = quote!(#item #impls #used);
    if head.generics.lifetimes().next().is_some() || has_elided(head) { owned(all, head) } else { all }
}

/// A callback with `Context` in place of `Context<Self>`, as it was meant: the compiler would miss the parameter too.
fn repaired(member: &Member) -> Member {
    let Member::Method(method) = member else { return member.clone() };
    let Role::Callback(_) = role(method) else { return member.clone() };
    let mut method = method.clone();
    for input in &mut method.sig.inputs {
        let FnArg::Typed(typed) = input else { continue };
        if let Some(last) = context_segment(&mut typed.ty).filter(|last| last.arguments.is_none()) {
            last.arguments = PathArguments::AngleBracketed(parse_quote!(<Self>));
        }
    }
    Member::Method(method)
}

/// The `Context` of a context argument.
fn context_segment(ty: &mut Type) -> Option<&mut PathSegment> {
    match ty {
        Type::Reference(reference) => context_segment(&mut reference.elem),
        Type::Group(group) => context_segment(&mut group.elem),
        Type::Paren(paren) => context_segment(&mut paren.elem),
        Type::Path(path) => path.path.segments.last_mut().filter(|last| last.ident == "Context"),
        _ => None,
    }
}

/// The impls for a type whose methods can't be read.
pub(crate) fn of_head(root: &TokenStream, head: &Head) -> TokenStream {
    let impls = impls(root, head, None, std::iter::empty::<&Attr>());
    if head.generics.lifetimes().next().is_some() || has_elided(head) { owned(impls, head) } else { impls }
}

/// The impls for a type that has the attribute on its declaration.
pub(crate) fn of_type(root: &TokenStream, name: &Ident) -> TokenStream {
    of_head(root, &Head::of_type(name))
}

fn impls(
    root: &TokenStream,
    head: &Head,
    object: Option<&Type>,
    cfg: impl Iterator<Item = impl ToTokens>,
) -> TokenStream {
    let (self_ty, impl_token) = (&head.self_ty, head.impl_of_ours());
    if type_name(self_ty).is_none() && !matches!(self_ty, Type::Verbatim(_)) {
        return TokenStream::new();
    }
    let (generics, _, where_clause) = head.generics.split_for_impl();
    let cfg: Vec<TokenStream> = cfg.map(|attr| attr.to_token_stream()).collect();
    let object = object.map_or_else(|| quote!(()), ToTokens::to_token_stream);
    let has_controller =
        head.trait_.as_ref().and_then(|path| path.segments.last()).is_some_and(|last| last.ident == "Controller");
    let controller = (!has_controller).then(|| {
        let body = head.braces_of_ours(quote!(type Object = #object;));
        quote! {
            #(#cfg)*
            #[allow(private_interfaces)]
            #impl_token #generics #root::Controller for #self_ty #where_clause #body
        }
    });
    let mut with_kind = head.generics.clone();
    with_kind.params.push(parse_quote!(__Kind));
    let (generics_with_kind, _, _) = with_kind.split_for_impl();
    let described = head.braces_of_ours(quote! {
        const DESCRIPTOR: #root::__private::Descriptor = #root::__private::Descriptor::of_type("");
    });
    quote! {
        #controller
        #(#cfg)*
        impl #generics_with_kind #root::__private::Reads<__Kind> for #self_ty #where_clause {}
        #(#cfg)*
        impl #generics_with_kind #root::__private::Writes<__Kind> for #self_ty #where_clause {}
        #(#cfg)*
        #impl_token #generics #root::__private::Described for #self_ty #where_clause #described
    }
}

fn has_elided(head: &Head) -> bool {
    head.self_ty.to_token_stream().to_string().contains("'_")
}

/// The tokens with `'static` for every lifetime of the impl block, which a controller can't have.
fn owned(tokens: TokenStream, head: &Head) -> TokenStream {
    let names: Vec<String> = head.generics.lifetimes().map(|param| param.lifetime.ident.to_string()).collect();
    let mut out = TokenStream::new();
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let follows = matches!(rest.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == '<');
        let is_impl = matches!(&token, TokenTree::Ident(word) if word == "impl");
        out.extend([token]);
        if is_impl && follows {
            out.extend(without_lifetimes(parameters(&mut rest)));
        }
    }
    rename(out, &names)
}

/// Takes `<..>`.
fn parameters(tokens: &mut impl Iterator<Item = TokenTree>) -> TokenStream {
    let mut taken = TokenStream::new();
    let mut depth = 0_usize;
    let mut arrow = false;
    for token in tokens {
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' if !arrow => depth = depth.saturating_sub(1),
                _ => {}
            }
            arrow = punct.as_char() == '-';
        }
        taken.extend([token]);
        if depth == 0 {
            break;
        }
    }
    taken
}

/// Parameters less those that are lifetimes.
fn without_lifetimes(parameters: TokenStream) -> TokenStream {
    let Ok(generics) = syn::parse2::<Generics>(parameters.clone()) else { return parameters };
    let kept = generics.params.iter().filter(|param| !matches!(param, GenericParam::Lifetime(_)));
    quote!(<#(#kept),*>)
}

fn rename(tokens: TokenStream, names: &[String]) -> TokenStream {
    let mut out = TokenStream::new();
    let mut quote = false;
    for token in tokens {
        let token = match token {
            TokenTree::Ident(name) if quote && (names.iter().any(|known| name == known) || name == "_") => {
                TokenTree::Ident(Lifetime::new("'static", name.span()).ident)
            }
            TokenTree::Group(group) => {
                let mut inner = proc_macro2::Group::new(group.delimiter(), rename(group.stream(), names));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other,
        };
        quote = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
        out.extend([token]);
    }
    out
}
