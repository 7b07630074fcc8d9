//! Where a schema comes from: a file, the attribute itself, or the object's type.

use std::path::Path;

use proc_macro2::{Delimiter, Literal, TokenTree};

use super::Schema;
use crate::entry::{self, Entry, Form, Spanned, Value, ValueKind};
use crate::errors::{Errors, written};
use crate::json::Inline;
use crate::message::Message;
use crate::schema;

pub(super) fn schema(entry: &Entry, errors: &mut Errors) -> Option<Schema> {
    let value = match &entry.form {
        Form::Value(value) => value,
        Form::Bare => {
            entry.value(errors)?;
            return None;
        }
        Form::List(_) => {
            let list = entry.list(errors)?;
            let is_object = matches!(
                list.stream().into_iter().next(),
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace
            );
            if !is_object {
                errors.push(list, Message::SchemaForm { written: written(list) });
                return None;
            }
            let inline = Inline::parse(list.stream(), list.span(), errors)?;
            let faults = schema::check(&inline.value);
            for fault in &faults {
                let mut culprit = Literal::string("");
                culprit.set_span(inline.span(&fault.pointer));
                errors.push(culprit, fault.message());
            }
            return faults.is_empty().then(|| Schema::Inline(inline.value.to_string()));
        }
    };
    if value.is_word("derive") {
        return Some(Schema::Derive(entry::span_of(&value.tokens)));
    }
    if let ValueKind::Text(path) = &value.kind
        && !path.trim().is_empty()
    {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        let path = Path::new(&folder).join(path);
        return schema_file(&path, value, errors);
    }
    errors.push(&value.tokens, Message::SchemaForm { written: written(&value.tokens) });
    None
}

fn schema_file(path: &Path, value: &Value, errors: &mut Errors) -> Option<Schema> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let cause = match error.kind() {
                std::io::ErrorKind::NotFound => String::from("it does not exist"),
                std::io::ErrorKind::InvalidData => String::from("it is not UTF-8"),
                _ => error.to_string(),
            };
            let path = path.display().to_string();
            errors.push(&value.tokens, Message::SchemaUnreadable { path, cause });
            return None;
        }
    };
    let document: serde_json::Value = match serde_json::from_str(&text) {
        Ok(document) => document,
        Err(error) => {
            errors.push(&value.tokens, Message::SchemaSyntax { cause: error.to_string() });
            return None;
        }
    };
    let faults = schema::check(&document);
    for fault in &faults {
        errors.push(&value.tokens, fault.message());
    }
    let path = path.to_str()?.to_owned();
    faults.is_empty().then(|| Schema::File(Spanned { value: path, tokens: value.tokens.clone() }))
}
