//! The shape of a callback: `async fn name(&self, obj: &Object, cx: &Context<Self>)`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{FnArg, GenericArgument, GenericParam, Lifetime, PathArguments, ReceiverKind, ReturnType, Safety, Type};

use crate::callback::is_context;
use crate::errors::{Errors, written};
use crate::item::{Item, Method, ungroup};
use crate::message::Message;
use crate::model::{arguments, borrows, can_be_decoded, is_smart, type_name, unwrapped};

/// Holds one callback to the shape. Each part that is wrong is a mistake of its own.
pub(super) fn check(method: &Method, item: &Item, errors: &mut Errors) {
    qualifiers(method, errors);
    let generic = generics(method, errors);
    let has_receiver = receiver(method, item, generic, errors);
    let name = || method.sig.ident.to_string();
    let arguments = arguments(method);
    match arguments.as_slice() {
        [object, context] if is_context(&object.ty) && !is_context(&context.ty) => {
            errors.push(quote!(#object, #context), Message::ArgumentOrder { name: name() });
        }
        [object, context] => {
            check_object(method, &object.ty, errors);
            check_context(&context.ty, item, errors);
        }
        [] | [_] => {
            let message = Message::TooFewArguments { name: name(), count: count(arguments.len()) };
            errors.push(&method.sig.ident, message);
        }
        // Without a receiver the first of three is probably meant to be it.
        [_, _, _] if !has_receiver => {}
        [_, _, more @ ..] => {
            let message = Message::TooManyArguments { name: name(), count: count(arguments.len()) };
            errors.push(quote!(#(#more),*), message);
        }
    }
}

/// A number of arguments in words.
fn count(arguments: usize) -> String {
    match arguments {
        0 => "neither".into(),
        1 => "one argument".into(),
        many => format!("{many} arguments"),
    }
}

fn qualifiers(method: &Method, errors: &mut Errors) {
    let sig = &method.sig;
    let name = || sig.ident.to_string();
    // What is `const` can't be `async` beside it: one mistake.
    if sig.asyncness.is_none() && sig.constness.is_none() {
        let (fn_token, ident) = (&sig.fn_token, &sig.ident);
        let answer = promised(&sig.output).map_or_else(String::new, |answer| format!(" -> {}", written(answer)));
        errors.push(quote!(#fn_token #ident), Message::NotAsync { name: name(), answer });
    }
    let unsafety = match &sig.safety {
        Safety::Default => None,
        other => Some(other.to_token_stream()),
    };
    let found =
        [sig.constness.map(ToTokens::into_token_stream), unsafety, sig.abi.as_ref().map(ToTokens::to_token_stream)];
    for qualifier in found.into_iter().flatten() {
        let message = Message::CallbackQualifier { name: name(), qualifier: written(&qualifier) };
        errors.push(qualifier, message);
    }
}

/// The answer that a future in a signature promises: `impl Future<Output = Answer>`, boxed or not.
fn promised(output: &ReturnType) -> Option<TokenStream> {
    let ReturnType::Type(_, ty) = output else { return None };
    let mut tokens = ty.to_token_stream().into_iter().skip_while(|token| token.to_string() != "Output").skip(2);
    let mut depth = 0_usize;
    let mut answer = TokenStream::new();
    for token in tokens.by_ref() {
        match token.to_string().as_str() {
            "<" => depth += 1,
            ">" if depth == 0 => return Some(answer),
            ">" => depth -= 1,
            _ => {}
        }
        answer.extend([token]);
    }
    None
}

/// Reports parameters and bounds of a callback's own; whether there are any.
fn generics(method: &Method, errors: &mut Errors) -> bool {
    let generics = &method.sig.generics;
    // The lifetimes of a boxed future go with it.
    let boxed = method.sig.asyncness.is_none() && promised(&method.sig.output).is_some();
    if boxed && generics.params.iter().all(|param| matches!(param, GenericParam::Lifetime(_))) {
        return true;
    }
    let culprit = match &generics.where_clause {
        _ if !generics.params.is_empty() => generics.to_token_stream(),
        Some(clause) if !clause.predicates.is_empty() => clause.to_token_stream(),
        _ => return false,
    };
    let message = Message::CallbackGenerics { name: method.sig.ident.to_string(), written: written(&culprit) };
    errors.push(culprit, message);
    true
}

/// Reports a receiver other than `&self`; whether there is one at all.
fn receiver(method: &Method, item: &Item, generic: bool, errors: &mut Errors) -> bool {
    let name = method.sig.ident.to_string();
    let Some(FnArg::Receiver(receiver)) = method.sig.inputs.first() else {
        errors.push(&method.sig.ident, Message::NoReceiver { name });
        return false;
    };
    let is_shared = match &receiver.kind {
        ReceiverKind::Reference(_, lifetime, None) => generic || is_elided(lifetime.as_ref()),
        ReceiverKind::Typed(_, ty) => match ungroup((**ty).clone()) {
            Type::Reference(reference) => {
                let elem = ungroup((*reference.elem).clone());
                let is_self =
                    type_name(&elem).is_some_and(|name| name == "Self" || Some(name) == type_name(&item.head.self_ty));
                reference.mutability.is_none() && is_self && (generic || is_elided(reference.lifetime.as_ref()))
            }
            _ => false,
        },
        _ => false,
    };
    if !is_shared {
        errors.push(receiver, Message::WrongReceiver { name, written: written(receiver) });
    }
    true
}

fn is_elided(lifetime: Option<&Lifetime>) -> bool {
    lifetime.is_none_or(|lifetime| lifetime.ident == "_")
}

fn check_object(method: &Method, ty: &Type, errors: &mut Errors) {
    let name = method.sig.ident.to_string();
    let message = match ungroup(ty.clone()) {
        Type::Reference(reference) => match ungroup((*reference.elem).clone()) {
            // The compiler says that a signature leaves nothing to infer.
            Type::Infer(_) => return,
            Type::Reference(inner) => Message::OwnedObject { written: written(referred(*inner.elem)) },
            smart if is_smart(&smart) => Message::OwnedObject { written: written(unwrapped(smart)) },
            object if !can_be_decoded(&object) => Message::ObjectForm { name, written: written(object) },
            object if reference.mutability.is_some() => Message::MutableObject { written: written(object) },
            object if borrows(&object) => Message::BorrowedObject { written: written(object) },
            _ => return,
        },
        owned if !can_be_decoded(&owned) => Message::ObjectForm { name, written: written(owned) },
        owned => Message::OwnedObject { written: written(unwrapped(owned)) },
    };
    errors.push(ty, message);
}

/// What is behind references.
fn referred(ty: Type) -> Type {
    match ungroup(ty) {
        Type::Reference(reference) => referred(*reference.elem),
        other => other,
    }
}

fn check_context(ty: &Type, item: &Item, errors: &mut Errors) {
    if !is_context(ty) {
        // Another name for it, or another type altogether: the compiler knows.
        return;
    }
    let message = match ungroup(ty.clone()) {
        Type::Reference(reference) if reference.mutability.is_none() => {
            let elem = ungroup((*reference.elem).clone());
            if is_smart(&elem) {
                errors.push(ty, Message::OwnedContext { written: written(unwrapped(elem)) });
                return;
            }
            let Type::Path(path) = elem else { return };
            let Some(last) = path.path.segments.last() else { return };
            let PathArguments::AngleBracketed(list) = &last.arguments else {
                errors.push(ty, Message::BareContext {});
                return;
            };
            let of = list.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(of) => Some(of),
                _ => None,
            });
            let name = of.and_then(type_name);
            if name.is_none() || name.as_deref() == Some("Self") || name == type_name(&item.head.self_ty) {
                return;
            }
            Message::ForeignContext { written: of.map(written).unwrap_or_default() }
        }
        Type::Reference(reference) => Message::MutableContext { written: written(&reference.elem) },
        owned => Message::OwnedContext { written: written(unwrapped(owned)) },
    };
    errors.push(ty, message);
}
