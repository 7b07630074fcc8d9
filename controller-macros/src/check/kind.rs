//! The rules about the kind that is watched, as far as its strings tell.

use quote::ToTokens;

use crate::errors::Errors;
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
