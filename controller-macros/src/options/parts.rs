//! The options that name parts of objects, and kinds.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::Type;

use super::form::word;
use super::{Cache, Part, read, unknown};
use crate::entry::{self, Entry, Form, Spanned, Value};
use crate::errors::{Errors, written};
use crate::message::Message;
use crate::{name, selector};

/// `when(generation, label("k"), annotation("k"), field("/pointer"))`
pub(super) fn when(entry: &Entry, errors: &mut Errors) -> Option<Spanned<Vec<Part>>> {
    let list = entry.list(errors)?;
    let mut parts = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    let mut whole = true;
    for entry in entry::parse(list.stream(), entry::example(&entry.key.to_string()), errors)? {
        let option = match &entry.form {
            Form::List(list) => format!("{}({})", entry.key, written(list.stream())),
            Form::Bare | Form::Value(_) => entry.key.to_string(),
        };
        if seen.contains(&option) {
            errors.push(&entry.key, Message::OptionTwice { option });
            whole = false;
            continue;
        }
        seen.push(option);
        match part(&entry, errors) {
            Some(part) => parts.push(part),
            None => whole = false,
        }
    }
    whole.then(|| Spanned { value: parts, tokens: entry.key.to_token_stream() })
}

fn part(entry: &Entry, errors: &mut Errors) -> Option<Part> {
    match entry.key.to_string().as_str() {
        "generation" => word(entry, "when(generation)", errors).map(|_| Part::Generation),
        "label" => key(entry, errors).map(Part::Label),
        "annotation" => key(entry, errors).map(Part::Annotation),
        "field" => {
            let pointer = argument(entry, errors)?;
            if name::is_json_pointer(&pointer.value) {
                return Some(Part::Field(pointer));
            }
            errors.push(&pointer, Message::PointerGrammar { written: pointer.value.clone() });
            None
        }
        _ => {
            unknown(entry, &["generation", "label", "annotation", "field"], errors);
            None
        }
    }
}

/// The key of a label or an annotation, which have the same grammar.
fn key(entry: &Entry, errors: &mut Errors) -> Option<Spanned<String>> {
    let key = argument(entry, errors)?;
    if selector::is_key(&key.value) {
        return Some(key);
    }
    errors.push(&key, Message::PartKey { written: key.value.clone() });
    None
}

/// The one string of `label("k")`.
fn argument(entry: &Entry, errors: &mut Errors) -> Option<Spanned<String>> {
    let list = entry.list(errors)?;
    let option = entry.key.to_string();
    match entry::cut(list.stream()).as_slice() {
        [(part, _)] => Value::alone(part).text(&option, errors),
        _ => {
            let forms = format!("one string, and `{option}(..)` again for another");
            errors.push(list, Message::WrongValue { option, written: written(list.stream()), forms });
            None
        }
    }
}

/// `cache(metadata, managed_fields, compressed)`
pub(super) fn cache(entry: &Entry, errors: &mut Errors) -> Option<Cache> {
    let list = entry.list(errors)?;
    let mut cache = Cache::default();
    for entry in entry::parse(list.stream(), entry::example(&entry.key.to_string()), errors)? {
        let (place, example) = match entry.key.to_string().as_str() {
            "metadata" => (&mut cache.metadata, "cache(metadata)"),
            "managed_fields" => (&mut cache.managed_fields, "cache(managed_fields)"),
            "compressed" => (&mut cache.compressed, "cache(compressed)"),
            _ => {
                unknown(&entry, &["metadata", "managed_fields", "compressed"], errors);
                continue;
            }
        };
        read(place, &entry, errors, |entry, errors| word(entry, example, errors));
    }
    Some(cache)
}

/// `reads(ConfigMap, Secret)`, and the same of `writes`.
pub(super) fn kinds(entry: &Entry, errors: &mut Errors) -> Option<Vec<Type>> {
    let list = entry.list(errors)?;
    let option = || entry.key.to_string();
    let mut kinds: Vec<Type> = Vec::new();
    let mut whole = true;
    for (part, comma) in entry::cut(list.stream()) {
        if part.is_empty() {
            errors.push(comma, Message::StrayComma {});
            return None;
        }
        match kind(&part) {
            None => {
                let part: TokenStream = part.into_iter().collect();
                errors.push(&part, Message::KindsForm { option: option(), written: written(&part) });
                whole = false;
            }
            Some(kind) if kinds.iter().any(|other| written(other) == written(&kind)) => {
                errors.push(&kind, Message::KindTwice { option: option(), written: written(&kind) });
                whole = false;
            }
            Some(kind) => kinds.push(kind),
        }
    }
    whole.then_some(kinds)
}

/// A type with a name.
fn kind(part: &[TokenTree]) -> Option<Type> {
    syn::parse2::<syn::TypePath>(part.iter().cloned().collect()).ok().map(Type::Path)
}
