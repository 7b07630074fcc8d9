//! JSON Schemas, held to the rules of their meta-schema.
//!
//! A small walker instead of a validator, since it builds in no time and names the JSON pointer of each fault. It knows
//! the keywords of drafts 4 to 2020-12; words it doesn't know are annotations, as the standard says. Beyond the
//! meta-schema it finds two things that would fail only when the operator starts: patterns that are no regular
//! expressions, and references that lead nowhere.

mod pattern;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::hint;
use crate::json::escape;
use crate::message::Message;

/// A place in a schema that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The JSON pointer of the value.
    pub(crate) pointer: String,
    /// The value, shortened.
    pub(crate) written: String,
    /// What may stand there.
    pub(crate) expected: String,
}

impl Fault {
    /// The message for this fault. The whole document's pointer is empty, which reads badly in a sentence.
    pub(crate) fn message(&self) -> Message {
        Message::SchemaFault {
            pointer: if self.pointer.is_empty() { "/".into() } else { self.pointer.clone() },
            written: self.written.clone(),
            expected: self.expected.clone(),
        }
    }
}

/// How deep schemas may lie in each other: the check recurses.
const DEEPEST: usize = 100;

/// The values of `type`.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// All faults of a schema.
pub(crate) fn check(schema: &Value) -> Vec<Fault> {
    let draft = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let mut walker = Walker {
        root: schema,
        old_bounds: draft.contains("draft-04"),
        own_ids: has_own_ids(schema, DEEPEST),
        faults: Vec::new(),
    };
    walker.schema(schema, "", DEEPEST);
    walker.faults
}

/// What a keyword's value has to be.
#[derive(Clone, Copy)]
enum Rule {
    Schema,
    Schemas,
    SchemaList,
    SchemaOrList,
    SchemaOrNames,
    Type,
    Names,
    NamesByName,
    Enum,
    Count,
    Number,
    Positive,
    Bound,
    Flag,
    Text,
    Pattern,
    Patterns,
    Reference,
}

fn rule(keyword: &str) -> Option<Rule> {
    Some(match keyword {
        "not"
        | "if"
        | "then"
        | "else"
        | "contains"
        | "propertyNames"
        | "additionalProperties"
        | "additionalItems"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "contentSchema" => Rule::Schema,
        "properties" | "$defs" | "definitions" | "dependentSchemas" => Rule::Schemas,
        "patternProperties" => Rule::Patterns,
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Rule::SchemaList,
        "items" => Rule::SchemaOrList,
        "dependencies" => Rule::SchemaOrNames,
        "type" => Rule::Type,
        "required" => Rule::Names,
        "dependentRequired" => Rule::NamesByName,
        "enum" => Rule::Enum,
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minContains"
        | "maxContains" => Rule::Count,
        "minimum" | "maximum" => Rule::Number,
        "multipleOf" => Rule::Positive,
        "exclusiveMinimum" | "exclusiveMaximum" => Rule::Bound,
        "uniqueItems" | "readOnly" | "writeOnly" | "deprecated" => Rule::Flag,
        "format" | "title" | "description" | "$schema" | "$id" | "$anchor" | "$comment" | "contentEncoding"
        | "contentMediaType" => Rule::Text,
        "pattern" => Rule::Pattern,
        "$ref" | "$dynamicRef" => Rule::Reference,
        _ => return None,
    })
}

struct Walker<'a> {
    root: &'a Value,
    /// In draft 4 the exclusive bounds are flags beside the bounds.
    old_bounds: bool,
    /// Where parts have ids or anchors, references are left to the validator.
    own_ids: bool,
    faults: Vec<Fault>,
}

impl Walker<'_> {
    fn fault(&mut self, pointer: &str, value: &Value, expected: impl Into<String>) {
        self.faults.push(Fault { pointer: pointer.to_owned(), written: print(value), expected: expected.into() });
    }

    fn schema(&mut self, schema: &Value, pointer: &str, depth: usize) {
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(_) => return,
            other => return self.fault(pointer, other, "a schema: an object, `true` or `false`"),
        };
        let Some(depth) = depth.checked_sub(1) else {
            return self.fault(pointer, schema, format!("schemas at most {DEEPEST} levels deep"));
        };
        for (keyword, value) in members {
            if let Some(rule) = rule(keyword) {
                self.keyword(rule, keyword, value, &format!("{pointer}/{}", escape(keyword)), depth);
            }
        }
    }

    fn keyword(&mut self, rule: Rule, keyword: &str, value: &Value, at: &str, depth: usize) {
        match rule {
            Rule::Schema => self.schema(value, at, depth),
            Rule::Schemas | Rule::Patterns => {
                let Value::Object(schemas) = value else {
                    return self.fault(at, value, "an object with a schema for each name");
                };
                for (name, schema) in schemas {
                    let at = format!("{at}/{}", escape(name));
                    if let (Rule::Patterns, Err(expected)) = (rule, pattern::check(name)) {
                        self.fault(&at, &Value::String(name.clone()), expected);
                    }
                    self.schema(schema, &at, depth);
                }
            }
            Rule::SchemaOrList if !value.is_array() => self.schema(value, at, depth),
            Rule::SchemaList | Rule::SchemaOrList => match value {
                Value::Array(schemas) if !schemas.is_empty() => {
                    for (index, schema) in schemas.iter().enumerate() {
                        self.schema(schema, &format!("{at}/{index}"), depth);
                    }
                }
                other => self.fault(at, other, "a list of at least one schema"),
            },
            Rule::SchemaOrNames => {
                let Value::Object(members) = value else {
                    return self.fault(at, value, "an object with a schema or a list of names for each name");
                };
                for (name, member) in members {
                    let at = format!("{at}/{}", escape(name));
                    if member.is_array() { self.names(member, &at) } else { self.schema(member, &at, depth) }
                }
            }
            Rule::Type => self.types(value, at),
            Rule::Names => self.names(value, at),
            Rule::NamesByName => {
                let Value::Object(members) = value else {
                    return self.fault(at, value, "an object with a list of names for each name");
                };
                for (name, names) in members {
                    self.names(names, &format!("{at}/{}", escape(name)));
                }
            }
            Rule::Enum if value.as_array().is_none_or(Vec::is_empty) => {
                self.fault(at, value, "a list of at least one value");
            }
            Rule::Count if !value.is_u64() && !value.as_f64().is_some_and(|n| n >= 0.0 && n.fract() == 0.0) => {
                self.fault(at, value, "a whole number from 0");
            }
            Rule::Number if !value.is_number() => self.fault(at, value, "a number"),
            Rule::Positive if !value.as_f64().is_some_and(|number| number > 0.0) => {
                self.fault(at, value, "a number above 0");
            }
            Rule::Bound if self.old_bounds && !value.is_boolean() => {
                self.fault(at, value, "`true` or `false`, as in draft 4");
            }
            Rule::Bound if !self.old_bounds && value.is_boolean() => {
                let bound = if keyword == "exclusiveMinimum" { "minimum" } else { "maximum" };
                self.fault(at, value, format!("the bound itself, in place of `{bound}` (a flag was draft 4's form)"));
            }
            Rule::Bound if !self.old_bounds && !value.is_number() => self.fault(at, value, "a number"),
            Rule::Flag if !value.is_boolean() => self.fault(at, value, "`true` or `false`"),
            Rule::Text if !value.is_string() => self.fault(at, value, "a string"),
            Rule::Pattern => match value.as_str().map(pattern::check) {
                Some(Ok(())) => {}
                Some(Err(expected)) => self.fault(at, value, expected),
                None => self.fault(at, value, "a regular expression in a string"),
            },
            Rule::Reference => self.reference(value, at),
            Rule::Enum | Rule::Count | Rule::Number | Rule::Positive | Rule::Bound | Rule::Flag | Rule::Text => {}
        }
    }

    fn types(&mut self, value: &Value, at: &str) {
        match value {
            Value::String(name) => self.type_name(name, value, at),
            Value::Array(names) if !names.is_empty() => {
                for (index, name) in names.iter().enumerate() {
                    let at = format!("{at}/{index}");
                    match name.as_str() {
                        Some(_) if names[..index].contains(name) => self.fault(&at, name, "each type once"),
                        Some(text) => self.type_name(text, name, &at),
                        None => self.fault(&at, name, format!("one of {}", hint::list(&TYPES))),
                    }
                }
            }
            other => self.fault(at, other, format!("one of {}, or a list of them", hint::list(&TYPES))),
        }
    }

    fn type_name(&mut self, name: &str, value: &Value, at: &str) {
        if !TYPES.contains(&name) {
            let meant = match name {
                "int" | "long" => Some("integer"),
                "float" | "double" => Some("number"),
                "map" => Some("object"),
                "list" => Some("array"),
                "str" => Some("string"),
                _ => hint::nearest(name, TYPES),
            };
            let types = hint::list(&TYPES);
            let expected =
                meant.map_or_else(|| format!("one of {types}"), |meant| format!("`{meant}`; the types are {types}"));
            self.fault(at, value, expected);
        }
    }

    fn names(&mut self, value: &Value, at: &str) {
        let Value::Array(names) = value else {
            return self.fault(at, value, "a list of names, which stands beside `properties`");
        };
        for (index, name) in names.iter().enumerate() {
            if !name.is_string() {
                self.fault(&format!("{at}/{index}"), name, "a name");
            } else if names[..index].contains(name) {
                self.fault(&format!("{at}/{index}"), name, "each name once");
            }
        }
    }

    fn reference(&mut self, value: &Value, at: &str) {
        let Some(target) = value.as_str() else {
            return self.fault(at, value, "a reference in a string, as in `#/$defs/name`");
        };
        if self.own_ids {
            return;
        }
        match target.strip_prefix('#') {
            None if target.contains("json-schema.org/") => {}
            None => self.fault(at, value, "a reference into this document, as in `#/$defs/name`"),
            Some(pointer) if self.root.pointer(&unescape(pointer)).is_none() => {
                self.fault(at, value, "a reference to something that is there");
            }
            Some(_) => {}
        }
    }
}

/// Whether any part of the document names itself, other than the whole.
fn has_own_ids(schema: &Value, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return true };
    match schema {
        Value::Object(members) => members.iter().any(|(name, value)| {
            matches!(name.as_str(), "$id" | "id" | "$anchor" | "$dynamicAnchor") && value.is_string()
                || has_own_ids(value, depth)
        }),
        Value::Array(values) => values.iter().any(|value| has_own_ids(value, depth)),
        _ => false,
    }
}

/// The pointer of a URI fragment.
fn unescape(fragment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = fragment.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A value for a message: JSON, cut where it is long.
fn print(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".into(),
        Value::Array(values) if values.is_empty() => "an empty list".into(),
        Value::Array(_) => "a list".into(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(60) {
                Some((at, _)) => format!("`{}..`", &text[..at]),
                None => format!("`{text}`"),
            }
        }
    }
}
