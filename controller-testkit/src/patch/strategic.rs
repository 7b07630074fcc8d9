//! The strategic merge patch of built-in kinds: a merge patch that knows which lists are maps by a key.
//!
//! Which lists merge, and by which key, is a fact of the kind's Go type. Beside values a patch may hold directives:
//! `$patch` (`delete` or `replace`) in an object or a list's entry, `$setElementOrder/LIST`,
//! `$deleteFromPrimitiveList/LIST` and `$retainKeys`.

use serde_json::{Map, Value};

use super::Error;
use crate::field::go;
use crate::kinds::{Field, Form, Type};

#[cfg(test)]
mod tests;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// The object after the patch. What the result may look like is not judged here.
pub(crate) fn apply(original: &Value, patch: &Value, ty: &Type) -> Result<Value, Error> {
    match (original, patch) {
        (Value::Object(original), Value::Object(patch)) => {
            merge_maps(original.clone(), patch, Schema::Struct(ty)).map(Value::Object)
        }
        _ => Err(Error::Malformed("a strategic merge patch must be an object".to_owned())),
    }
}

/// What is known of an object's fields.
#[derive(Clone, Copy)]
enum Schema<'a> {
    Struct(&'a Type),
    /// A map whose values all have one form.
    Map(&'a Form),
    Unknown,
}

/// What is known of one field's value.
#[derive(Clone, Copy)]
struct Facts<'a> {
    form: Option<&'a Form>,
    field: Option<&'a Field>,
}

impl<'a> Schema<'a> {
    fn of_form(form: Option<&'a Form>) -> Self {
        match form {
            Some(Form::Struct(id)) => Schema::Struct(id.get()),
            Some(Form::Map(element)) => Schema::Map(element),
            _ => Schema::Unknown,
        }
    }

    fn facts(self, name: &str) -> Facts<'a> {
        match self {
            Schema::Struct(ty) => {
                let field = ty.field(name);
                Facts { form: field.map(|field| &field.form), field }
            }
            Schema::Map(element) => Facts { form: Some(element), field: None },
            Schema::Unknown => Facts { form: None, field: None },
        }
    }
}

impl<'a> Facts<'a> {
    fn merges(self) -> bool {
        self.field.is_some_and(|field| field.merges)
    }

    fn merge_key(self) -> Option<&'static str> {
        self.field.and_then(|field| field.merge_key)
    }

    /// What is known of the objects in a list.
    fn element(self) -> Schema<'a> {
        match self.form {
            Some(Form::List(element) | Form::Items(element)) => Schema::of_form(Some(element)),
            _ => Schema::Unknown,
        }
    }
}

fn merge_maps(
    mut original: Map<String, Value>,
    patch: &Map<String, Value>,
    schema: Schema<'_>,
) -> Result<Map<String, Value>, Error> {
    match patch.get(DIRECTIVE) {
        None => {}
        Some(Value::String(directive)) if directive == "replace" => return Ok(plain_map(patch)),
        Some(Value::String(directive)) if directive == "delete" => return Ok(Map::new()),
        Some(other) => return Err(bad_directive(other, patch)),
    }
    retain_keys(&mut original, patch)?;
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix(SET_ORDER) {
            order_list(&mut original, patch, list, value, schema)?;
        }
    }
    for (name, value) in patch {
        if name == RETAIN_KEYS || name.starts_with(SET_ORDER) || patch.contains_key(&format!("{SET_ORDER}{name}")) {
            continue;
        }
        if let Some(list) = name.strip_prefix(DELETE_FROM) {
            delete_primitives(&mut original, list, value)?;
            continue;
        }
        if value.is_null() {
            original.remove(name);
            continue;
        }
        let facts = schema.facts(name);
        let merged = match (original.remove(name), value) {
            // What takes the place of a whole is not looked at.
            (Some(Value::Object(_)), Value::Object(_)) if facts.field.is_some_and(|field| field.replaces) => {
                value.clone()
            }
            (Some(Value::Array(_)), Value::Array(_)) if !facts.merges() => value.clone(),
            (Some(Value::Object(old)), Value::Object(new)) => {
                Value::Object(merge_maps(old, new, Schema::of_form(facts.form))?)
            }
            (Some(Value::Array(old)), Value::Array(new)) => Value::Array(merge_lists(old, new, facts)?),
            (_, new) => match plain(new) {
                Some(new) => new,
                None => continue,
            },
        };
        original.insert(name.clone(), merged);
    }
    Ok(original)
}

/// Drops what `$retainKeys` does not name: how a union's old member goes when another is set.
fn retain_keys(original: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), Error> {
    let Some(keys) = patch.get(RETAIN_KEYS) else { return Ok(()) };
    let Value::Array(keys) = keys else {
        return Err(Error::Malformed(format!("{RETAIN_KEYS} must be a list of field names")));
    };
    let retained = |name: &str| keys.iter().any(|key| key.as_str() == Some(name));
    let stray = patch.iter().find(|(name, value)| !value.is_null() && !name.starts_with('$') && !retained(name));
    if let Some((name, _)) = stray {
        return Err(Error::Malformed(format!("{RETAIN_KEYS} does not contain all fields of the patch: {name}")));
    }
    original.retain(|name, _| retained(name));
    Ok(())
}

fn delete_primitives(original: &mut Map<String, Value>, list: &str, values: &Value) -> Result<(), Error> {
    let Value::Array(values) = values else {
        return Err(Error::Malformed(format!("{DELETE_FROM}{list} must be a list")));
    };
    if let Some(Value::Array(items)) = original.get_mut(list) {
        items.retain(|item| !values.contains(item));
    }
    Ok(())
}

/// A value of the patch where the object has none to merge with: without nulls, and without what has a directive.
fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::Object(fields) if fields.contains_key(DIRECTIVE) => None,
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            Some(Value::Object(kept.filter_map(|(name, value)| Some((name.clone(), plain(value)?))).collect()))
        }
        Value::Array(items) => Some(items.iter().filter_map(plain).collect()),
        other => Some(other.clone()),
    }
}

fn plain_map(patch: &Map<String, Value>) -> Map<String, Value> {
    let directives = [DIRECTIVE, RETAIN_KEYS];
    patch
        .iter()
        .filter(|(name, value)| {
            !value.is_null()
                && !directives.contains(&name.as_str())
                && !name.starts_with(SET_ORDER)
                && !name.starts_with(DELETE_FROM)
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Merges a list whose type says so, in the order of the patch for what both have.
fn merge_lists(original: Vec<Value>, patch: &[Value], facts: Facts<'_>) -> Result<Vec<Value>, Error> {
    let (merged, named) = merge_items(original.clone(), patch, facts)?;
    Ok(match named {
        Some(named) => arrange(merged, &named, &original, facts.merge_key()),
        None => merged,
    })
}

/// Merges a list's entries; also the entries of the patch that give the order, unless the patch replaces the list.
fn merge_items(
    mut original: Vec<Value>,
    patch: &[Value],
    facts: Facts<'_>,
) -> Result<(Vec<Value>, Option<Vec<Value>>), Error> {
    let mut all = original.iter().chain(patch);
    let first = all.next().map(go::kind);
    if all.any(|item| Some(go::kind(item)) != first) {
        let (original, patch) = (go::printed_list(&original), go::printed_list(patch));
        return Err(Error::Unforeseen(format!("list element types are not identical: [{original} {patch}]")));
    }
    if first != Some("map") {
        for value in patch {
            if !original.contains(value) {
                original.push(value.clone());
            }
        }
        return Ok((original, Some(patch.to_vec())));
    }
    let Some(key) = facts.merge_key() else {
        return Err(Error::Unforeseen("cannot merge lists without a merge key".to_owned()));
    };
    let mut replaces = false;
    let mut plain_entries = Vec::new();
    for entry in patch {
        let Value::Object(fields) = entry else { continue };
        match fields.get(DIRECTIVE).map(|directive| (directive, directive.as_str())) {
            None => plain_entries.push(fields),
            Some((_, Some("replace"))) => replaces = true,
            Some((_, Some("delete"))) => {
                let value = fields.get(key).ok_or_else(|| no_key(fields, key))?;
                original.retain(|item| item.get(key) != Some(value));
            }
            Some((_, Some("merge"))) => {
                return Err(Error::Unforeseen("merging lists cannot yet be specified in the patch".to_owned()));
            }
            Some((other, _)) => return Err(bad_directive(other, fields)),
        }
    }
    if replaces {
        let entries = plain_entries.into_iter().map(|fields| Value::Object(plain_map(fields))).collect();
        return Ok((entries, None));
    }
    let mut named = Vec::new();
    for fields in plain_entries {
        let value = fields.get(key).ok_or_else(|| no_key(fields, key))?;
        named.push(Value::Object(fields.clone()));
        let at = original.iter().position(|item| item.get(key) == Some(value));
        match at.and_then(|at| original.get_mut(at)) {
            Some(Value::Object(old)) => *old = merge_maps(std::mem::take(old), fields, facts.element())?,
            _ => original.push(Value::Object(fields.clone())),
        }
    }
    Ok((original, Some(named)))
}

/// Merges the list that a `$setElementOrder` speaks of and puts it in that order.
fn order_list(
    original: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    name: &str,
    order: &Value,
    schema: Schema<'_>,
) -> Result<(), Error> {
    let Value::Array(order) = order else {
        return Err(Error::Malformed(format!("{SET_ORDER}{name} must be a list")));
    };
    let facts = schema.facts(name);
    let old = match original.remove(name) {
        Some(Value::Array(old)) => old,
        Some(other) if !other.is_null() => {
            return Err(Error::Malformed(format!("{SET_ORDER}{name} speaks of something that is no list: {other}")));
        }
        _ => Vec::new(),
    };
    let merged = match patch.get(name) {
        Some(Value::Array(new)) => {
            check_order(new, order, name, facts.merge_key())?;
            merge_items(old.clone(), new, facts)?.0
        }
        Some(Value::Null) => return Ok(()),
        Some(other) => {
            return Err(Error::Malformed(format!("{SET_ORDER}{name} speaks of something that is no list: {other}")));
        }
        None if old.is_empty() => return Ok(()),
        None => old.clone(),
    };
    original.insert(name.to_owned(), Value::Array(arrange(merged, order, &old, facts.merge_key())));
    Ok(())
}

/// The entries of the patch must stand in the order that the directive gives.
fn check_order(entries: &[Value], order: &[Value], name: &str, key: Option<&str>) -> Result<(), Error> {
    let mut rest = order.iter();
    for entry in entries.iter().filter(|entry| entry.get(DIRECTIVE).is_none()) {
        if !rest.any(|ordered| same(ordered, entry, key)) {
            let (entries, order) = (go::printed_list(entries), go::printed_list(order));
            return Err(Error::Malformed(format!(
                "The order in patch list:\n{entries}\n doesn't match {SET_ORDER}{name} list:\n{order}\n"
            )));
        }
    }
    Ok(())
}

/// Sorts the entries that `order` names by it, and lays those that only the server has between them as they were.
fn arrange(merged: Vec<Value>, order: &[Value], live: &[Value], key: Option<&str>) -> Vec<Value> {
    let place = |list: &[Value], item: &Value| list.iter().position(|listed| same(listed, item, key));
    let (mut named, mut others): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|item| place(order, item).is_some());
    named.sort_by_key(|item| place(order, item));
    others.sort_by_key(|item| place(live, item));
    let mut arranged = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for item in named {
        let at = place(live, &item);
        while let Some(other) =
            others.next_if(|other| at.is_some() && place(live, other).is_some_and(|of| Some(of) < at))
        {
            arranged.push(other);
        }
        arranged.push(item);
    }
    arranged.extend(others);
    arranged
}

/// Whether two entries of a list are the same one: by their key, or as values.
fn same(one: &Value, other: &Value, key: Option<&str>) -> bool {
    match key.map(|key| (one.get(key), other.get(key))) {
        Some((Some(one), Some(other))) => one == other,
        _ => one == other,
    }
}

fn no_key(entry: &Map<String, Value>, key: &str) -> Error {
    Error::Unforeseen(format!("map: {} does not contain declared merge key: {key}", go::printed_map(entry)))
}

fn bad_directive(directive: &Value, entry: &Map<String, Value>) -> Error {
    Error::Unforeseen(format!("unknown patch type: {} in map: {}", go::printed(directive), go::printed_map(entry)))
}
