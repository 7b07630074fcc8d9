//! The rules that a controller keeps, a function each. They report what breaks them and change nothing.

mod kind;
mod signature;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericParam, Type};

use crate::callback::{self, Role};
use crate::errors::{Errors, written};
use crate::hint;
use crate::item::{Attr, Item};
use crate::message::Message;
use crate::model::{Model, object_type, type_name};
use crate::options::{Limit, Part};
use crate::selector;

/// Holds a controller to all rules.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    attributes(&model.item, errors);
    if let Some(name) = &model.item.head.trait_ {
        let ours = name.segments.last().is_some_and(|last| last.ident == "Controller");
        let self_ty = written(&model.item.head.self_ty);
        let instead = if ours {
            format!(
                "write `impl {self_ty} {{ .. }}` with the callbacks alone, the attribute implements `Controller` itself"
            )
        } else {
            format!("leave this as it is, and put the attribute on an `impl {self_ty} {{ .. }}` with the callbacks")
        };
        errors.push(name, Message::TraitImpl { name: written(name), instead });
        return;
    }
    named_type(model, errors);
    types(&model.item, errors);
    lifetimes(&model.item, errors);
    callbacks(model, errors);
    objects(model, errors);
    kind::check(model, errors);
    generic_object(model, errors);
    significance(model, errors);
    start(model, errors);
    resync(model, errors);
    filters(model, errors);
    kept(model, errors);
    namespaces(model, errors);
    limits(model, errors);
}

/// One `#[controller]` is enough, and `#[async_trait]` has nothing to do.
fn attributes(item: &Item, errors: &mut Errors) {
    for attr in &item.attrs {
        match attr.name().as_str() {
            "controller" => errors.push(attr, Message::SecondAttribute {}),
            "async_trait" => errors.push(attr, Message::AsyncTrait {}),
            _ => {}
        }
    }
}

/// A controller has a type, and its operator a name for it.
fn named_type(model: &Model, errors: &mut Errors) {
    let self_ty = &model.item.head.self_ty;
    if type_name(self_ty).is_none() {
        errors.push(self_ty, Message::NotANamedType { written: written(self_ty) });
    } else if model.name().is_none() && model.options.name.is_absent() {
        errors.push(self_ty, Message::UnnamedController { written: written(self_ty) });
    }
}

/// The block holds no types: as a trait's it could.
fn types(item: &Item, errors: &mut Errors) {
    for member in &item.members {
        if let Some((keyword, name)) = member.associated_type() {
            errors.push(quote!(#keyword #name), Message::AssociatedType { name: name.to_string() });
        }
    }
}

/// A controller borrows nothing.
fn lifetimes(item: &Item, errors: &mut Errors) {
    let declared = item.head.generics.params.iter().find_map(|param| match param {
        GenericParam::Lifetime(lifetime) => Some(lifetime.lifetime.clone()),
        GenericParam::Type(_) | GenericParam::Const(_) => None,
    });
    if let Some(lifetime) = declared {
        errors.push(&lifetime, Message::ImplLifetime { lifetime: lifetime.to_string() });
    } else if let Some(elided) = elided_lifetime(item.head.self_ty.to_token_stream()) {
        errors.push(elided, Message::ImplLifetime { lifetime: "'_".into() });
    }
}

/// The tokens of a `'_`.
fn elided_lifetime(tokens: TokenStream) -> Option<TokenStream> {
    let mut quote = None;
    for token in tokens {
        match (&token, quote.take()) {
            (TokenTree::Ident(name), Some(quote)) if name == "_" => return Some([quote, token].into_iter().collect()),
            (TokenTree::Punct(punct), _) if punct.as_char() == '\'' => quote = Some(token),
            (TokenTree::Group(group), _) => {
                if let Some(found) = elided_lifetime(group.stream()) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

/// At least one callback, each spelt and shaped as it has to be.
fn callbacks(model: &Model, errors: &mut Errors) {
    let mut any = false;
    for (role, method) in model.roles.iter().zip(model.item.methods()) {
        let name = || method.sig.ident.to_string();
        any |= *role != Role::Helper;
        match role {
            Role::Callback(_) => signature::check(method, &model.item, errors),
            Role::Planned => errors.push(&method.sig.ident, Message::CallbackNotYet { name: name() }),
            Role::Misspelt(meant) => {
                let (written, meant) = (name(), (*meant).to_owned());
                let message = match callback::PLANNED.contains(&meant.as_str()) {
                    true => Message::MisspeltNotYet { written, meant },
                    false => Message::MisspeltCallback { written, meant },
                };
                errors.push(&method.sig.ident, message);
            }
            Role::Helper => {}
        }
    }
    if !any {
        let self_ty = &model.item.head.self_ty;
        errors.push(self_ty, Message::NoCallback { name: written(self_ty) });
    }
}

/// All callbacks take the same object. The types can't be resolved here, so their last names are compared. A callback
/// that may be compiled away is left to the compiler.
fn objects(model: &Model, errors: &mut Errors) {
    let taken: Vec<(String, Type, String)> = model
        .callbacks()
        .filter(|(_, method)| !method.attrs.iter().any(Attr::is_cfg))
        .filter_map(|(_, method)| {
            let object = object_type(method)?;
            Some((method.sig.ident.to_string(), object.clone(), last_name(&object)))
        })
        .collect();
    let count = |name: &str| taken.iter().filter(|(_, _, other)| other == name).count();
    // Of equally frequent types the first is the one meant.
    let Some((_, expected, usual)) = taken.iter().rev().max_by_key(|(_, _, name)| count(name)) else { return };
    for (name, object, last) in &taken {
        if last != usual {
            let message =
                Message::MixedObjects { name: name.clone(), written: written(object), expected: written(expected) };
            errors.push(object, message);
        }
    }
}

/// The last segment of a path with its arguments, or the whole of another type.
fn last_name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => path.path.segments.last().map_or_else(String::new, written),
        other => written(other),
    }
}

/// A kind that depends on a parameter has to be written.
fn generic_object(model: &Model, errors: &mut Errors) {
    let (Some(object), options) = (&model.object, &model.options) else { return };
    let is_written = !options.api_version.is_absent() && !options.kind.is_absent();
    if !is_written && model.object_is_generic() {
        errors.push(object, Message::GenericObject { written: written(object) });
    }
}

/// OTP's rule: a significant child is one that can end.
fn significance(model: &Model, errors: &mut Errors) {
    let options = &model.options;
    let permanent =
        options.restart.is_absent() || options.restart.good().is_some_and(|restart| restart.value == "permanent");
    if let (Some(significant), true) = (options.significant.good(), permanent) {
        errors.push(significant, Message::SignificantPermanent {});
    }
}

/// `on_start` names a callback that is there. Where callbacks are misspelt, that has been said.
fn start(model: &Model, errors: &mut Errors) {
    let Some(on_start) = model.options.on_start.good() else { return };
    let callback = match on_start.value {
        "add" => "Add",
        "reconcile" => "Reconcile",
        _ => return,
    };
    if !model.has(callback) && model.callbacks_are_known() {
        errors.push(on_start, Message::OnStartCallback { word: on_start.value.into() });
    }
}

/// The tick runs `reconcile`, and nothing else.
fn resync(model: &Model, errors: &mut Errors) {
    let Some(delay) = model.options.reconcile_delay.good() else { return };
    if delay.value != Limit::Off && !model.has("Reconcile") && model.callbacks_are_known() {
        errors.push(delay, Message::ResyncUnused {});
    }
}

/// Filters choose among changes, and somebody has to hear of those.
fn filters(model: &Model, errors: &mut Errors) {
    let Some(when) = model.options.when.good() else { return };
    if !model.has("Modify") && !model.has("Reconcile") && model.callbacks_are_known() {
        errors.push(when, Message::WhenUnused {});
    }
}

/// What is filtered by has to be kept.
fn kept(model: &Model, errors: &mut Errors) {
    let options = &model.options;
    let metadata = options.cache.good().is_some_and(|cache| cache.metadata.good().is_some());
    let parts = options.when.good().map(|when| when.value.as_slice()).unwrap_or_default();
    for part in parts.iter().filter(|_| metadata) {
        let Part::Field(pointer) = part else { continue };
        if pointer.value != "/metadata" && !pointer.value.starts_with("/metadata/") {
            errors.push(pointer, Message::WhenNotKept { pointer: pointer.value.clone() });
        }
    }
}

/// A selector of a namespace and the option for it say the same.
fn namespaces(model: &Model, errors: &mut Errors) {
    let (Some(fields), Some(namespaces)) = (model.options.fields.good(), model.options.namespaces.good()) else {
        return;
    };
    let (Some(asked), Some(names)) = (selector::namespace(&fields.value), &namespaces.value) else { return };
    if !names.iter().any(|name| name == asked) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = Message::FieldOfNamespace { written: asked.into(), namespaces: hint::list(&names) };
        errors.push(fields, message);
    }
}

/// A limit of each object is below that of all.
fn limits(model: &Model, errors: &mut Errors) {
    let (all, each) = (&model.options.rate_limit, &model.options.key_rate_limit);
    let (Some(all), Some(each)) = (all.good(), each.good()) else { return };
    let never_slower = u128::from(each.value.runs) * u128::from(all.value.per)
        >= u128::from(all.value.runs) * u128::from(each.value.per);
    if never_slower && each.value.burst >= all.value.burst {
        errors.push(each, Message::KeyLimitUnused {});
    }
}

impl Model {
    /// Whether the callbacks are what their author meant: there are some, and none is misspelt.
    fn callbacks_are_known(&self) -> bool {
        self.callbacks().next().is_some() && !self.roles.iter().any(|role| matches!(role, Role::Misspelt(_)))
    }
}
