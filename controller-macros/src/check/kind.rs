//! The rules about the kind that is watched, as far as its strings tell.

use quote::{ToTokens, format_ident};
use syn::Type;

use crate::errors::{Errors, Hint};
use crate::kinds;
use crate::message::Message;
use crate::model::Model;

/// The kind exists, its plural is right, and it has namespaces where some are asked for. One mistake at most: a kind
/// that is not the one meant has nothing more to say.
pub(super) fn check(model: &Model, errors: &mut Errors) {
    let options = &model.options;
    let (version, kind) = (options.api_version.good(), options.kind.good());
    if let Some((culprit, message)) = unknown(version, kind) {
        errors.push(culprit, message);
        return;
    }
    let (Some(version), Some(kind)) = (version, kind) else { return };
    let Some(builtin) = kinds::find(&version.value, &kind.value) else { return };
    if let Some(plural) = options.plural.good().filter(|plural| plural.value != builtin.plural) {
        let message = Message::PluralMismatch {
            written: plural.value.clone(),
            kind: kind.value.clone(),
            meant: builtin.plural.into(),
        };
        errors.push(plural, message);
    }
    if let Some(namespaces) =
        options.namespaces.good().filter(|namespaces| namespaces.value.is_some() && !builtin.namespaced)
    {
        errors.push(namespaces, Message::ClusterScoped { kind: kind.value.clone() });
    }
    if model.object.as_ref().is_some_and(|object| is_of_k8s_openapi(object, &kind.value)) {
        let below = builtin.first().map(|first| format_ident!("k8s_if_le_1_{}", first - 1));
        let above = builtin.last().map(|last| format_ident!("k8s_if_ge_1_{}", last + 1));
        for only in below.into_iter().chain(above) {
            let message = Message::KindOfOtherFeatures {
                kind: kind.value.clone(),
                api_version: version.value.clone(),
                features: builtin.features(),
            };
            errors.hint(Hint { culprit: kind.to_token_stream(), message, only });
        }
    }
}

/// Whether an object's type is probably k8s-openapi's own: it can't be looked up where the crate lacks it.
fn is_of_k8s_openapi(object: &Type, kind: &str) -> bool {
    let Type::Path(path) = object else { return false };
    let mut segments = path.path.segments.iter();
    segments.clone().any(|segment| segment.ident == "k8s_openapi")
        || segments.next_back().is_some_and(|last| last.ident == kind && last.arguments.is_none())
}

type Text = crate::entry::Spanned<String>;

/// What is wrong with a version and a kind that are probably meant to be built-in ones.
fn unknown(version: Option<&Text>, kind: Option<&Text>) -> Option<(proc_macro2::TokenStream, Message)> {
    let version = version?;
    let api_version = version.value.clone();
    if let Some(kind) = kind {
        if kinds::find(&api_version, &kind.value).is_some() {
            return None;
        }
        let name = kind.value.clone();
        if let Some(home) = kinds::elsewhere(&api_version, &name) {
            let message = Message::KindElsewhere { kind: name, api_version, meant: home.api_version.into() };
            return Some((version.to_token_stream(), message));
        }
        if let Some(near) = kinds::near_kind(&api_version, &name) {
            let message = Message::UnknownKind { kind: name, api_version, meant: near.kind.into() };
            return Some((kind.to_token_stream(), message));
        }
    }
    let meant = kinds::near_group(&api_version, kind.map(|kind| kind.value.as_str()))?;
    let group = api_version.split_once('/').map_or(api_version.as_str(), |(group, _)| group);
    let message = Message::UnknownGroup { group: group.into(), meant: meant.into() };
    Some((version.to_token_stream(), message))
}
