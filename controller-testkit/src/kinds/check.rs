//! Strict decoding: which fields of an object its Go type does not have, and whether a value is of a wrong type.

use std::num::IntErrorKind;

use serde_json::Value;

use super::{Form, Type};
use crate::field::echo;

/// Checks an object of a built-in kind. The answer lists the unknown fields by their paths
/// (`spec.containers[0].foo`); the error is the text with which Go refuses a value of a wrong type.
pub(crate) fn check(ty: &Type, object: &Value) -> Result<Vec<String>, String> {
    let mut checker = Checker { unknown: Vec::new(), path: String::new(), plain: String::new() };
    checker.fields(ty, object)?;
    match object.pointer("/metadata/annotations").and_then(|annotations| annotations.get(TEMPLATES)) {
        Some(Value::String(count)) if ty.name == "io.k8s.api.apps.v1.DaemonSet" => whole_number(count)?,
        _ => {}
    }
    Ok(checker.unknown)
}

/// The annotation in which a daemon set counts its templates, a field of the real server's own form.
pub(super) const TEMPLATES: &str = "deprecated.daemonset.template.generation";

fn whole_number(text: &str) -> Result<(), String> {
    let Err(fault) = text.parse::<i64>() else { return Ok(()) };
    let why = match fault.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    };
    Err(format!("strconv.ParseInt: parsing {}: {why}", echo::quote(text)))
}

struct Checker {
    unknown: Vec<String>,
    /// Where we are, with indexes: how unknown fields are named.
    path: String,
    /// Where we are without indexes: how Go names fields.
    plain: String,
}

/// Whose value is looked at, for the texts: `field TYPE.path of type …`, and what Go calls the value's type.
struct Owner<'a>(&'a Type, Option<&'a str>);

impl<'a> Owner<'a> {
    /// The same with the type of a list's items or a map's entries.
    fn element(&self) -> Self {
        let inner =
            self.1.and_then(|name| Some(name.strip_prefix('[').or(name.strip_prefix("map["))?.split_once(']')?.1));
        Owner(self.0, inner)
    }
}

impl Checker {
    fn fields(&mut self, ty: &Type, object: &Value) -> Result<(), String> {
        let Value::Object(fields) = object else { return Ok(()) };
        for (name, value) in fields {
            let (path, plain) = (self.path.len(), self.plain.len());
            for text in [&mut self.path, &mut self.plain] {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            match ty.field(name) {
                Some(field) => {
                    self.plain.insert_str(self.plain.len() - name.len(), &field.within);
                    self.value(&Owner(ty, field.go), &field.form, value)?;
                }
                None => self.unknown.push(self.path.clone()),
            }
            self.path.truncate(path);
            self.plain.truncate(plain);
        }
        Ok(())
    }

    fn value(&mut self, owner: &Owner<'_>, form: &Form, value: &Value) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        match (form, value) {
            (Form::String, Value::String(_))
            | (Form::Bool, Value::Bool(_))
            | (Form::Double, Value::Number(_))
            | (Form::Json | Form::Raw | Form::Fields, _) => Ok(()),
            (Form::Int32, Value::Number(number)) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => Ok(()),
            (Form::Int64, Value::Number(number)) if number.is_i64() => Ok(()),
            (Form::IntOrString, Value::String(_)) => Ok(()),
            (Form::IntOrString, _) => self.value(owner, &Form::Int32, value),
            (Form::Quantity, Value::String(text)) if is_quantity(text) => Ok(()),
            (Form::Quantity, Value::Number(_)) => Ok(()),
            (Form::Quantity, _) => {
                Err("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                    .to_owned())
            }
            (Form::Bytes, Value::String(text)) => bad_base64(text),
            (Form::Time, Value::String(text)) => time(text, "2006-01-02T15:04:05Z07:00"),
            (Form::MicroTime, Value::String(text)) => time(text, "2006-01-02T15:04:05.000000Z07:00"),
            (Form::Duration, Value::String(_)) => Ok(()),
            (Form::Struct(id), Value::Object(_)) => self.fields(id.get(), value),
            (Form::List(element) | Form::Items(element), Value::Array(items)) => {
                for (at, item) in items.iter().enumerate() {
                    let path = self.path.len();
                    self.path.push_str(&format!("[{at}]"));
                    self.value(&owner.element(), element, item)?;
                    self.path.truncate(path);
                }
                Ok(())
            }
            (Form::Map(element), Value::Object(entries)) => {
                for (key, item) in entries {
                    let path = self.path.len();
                    self.path.push('.');
                    self.path.push_str(key);
                    self.value(&owner.element(), element, item)?;
                    self.path.truncate(path);
                }
                Ok(())
            }
            (Form::SchemaOrBool, Value::Bool(_)) => Ok(()),
            (Form::SchemaOrArray, Value::Array(schemas)) => {
                schemas.iter().try_for_each(|schema| self.fields(super::schema_props().get(), schema))
            }
            (Form::SchemaOrStrings, Value::Array(_)) => Ok(()),
            (Form::SchemaOrBool | Form::SchemaOrArray | Form::SchemaOrStrings, Value::Object(_)) => {
                self.fields(super::schema_props().get(), value)
            }
            (Form::SchemaOrBool, _) => Err("boolean or JSON schema expected".to_owned()),
            // They take what is neither for nothing.
            (Form::SchemaOrArray | Form::SchemaOrStrings, _) => Ok(()),
            _ => Err(self.mismatch(owner, form, value)),
        }
    }

    fn mismatch(&self, owner: &Owner<'_>, form: &Form, value: &Value) -> String {
        let what = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            // Go shows a number where the wish was a number too.
            Value::Number(number) if matches!(form, Form::Int32 | Form::Int64) => format!("number {number}"),
            Value::Number(_) => "number".to_owned(),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        let wanted = owner.1.map_or_else(|| go_type(form), str::to_owned);
        let owner = owner.0.name.rsplit('.').next().unwrap_or_default();
        format!("json: cannot unmarshal {what} into Go struct field {owner}.{} of type {wanted}", self.plain)
    }
}

/// The name that Go has for a form.
fn go_type(form: &Form) -> String {
    match form {
        Form::String | Form::Time | Form::MicroTime | Form::Duration => "string".to_owned(),
        Form::Bool => "bool".to_owned(),
        Form::Int32 => "int32".to_owned(),
        Form::Int64 => "int64".to_owned(),
        Form::Double => "float64".to_owned(),
        Form::Bytes => "[]uint8".to_owned(),
        Form::Struct(id) => {
            let words: Vec<&str> = id.get().name.rsplitn(3, '.').take(2).collect();
            words.into_iter().rev().collect::<Vec<_>>().join(".")
        }
        Form::List(element) | Form::Items(element) => format!("[]{}", go_type(element)),
        Form::Map(element) => format!("map[string]{}", go_type(element)),
        Form::Quantity => "resource.Quantity".to_owned(),
        Form::IntOrString => "intstr.IntOrString".to_owned(),
        Form::Raw => "runtime.RawExtension".to_owned(),
        Form::Json | Form::Fields => "v1.JSON".to_owned(),
        Form::SchemaOrBool => "v1.JSONSchemaPropsOrBool".to_owned(),
        Form::SchemaOrArray => "v1.JSONSchemaPropsOrArray".to_owned(),
        Form::SchemaOrStrings => "v1.JSONSchemaPropsOrStringArray".to_owned(),
    }
}

/// Whether a text is a quantity: a decimal number with a suffix of the two systems, or an exponent.
pub(super) fn is_quantity(text: &str) -> bool {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(digits);
    let number_is_fine =
        number.bytes().filter(|byte| *byte == b'.').count() <= 1 && number.bytes().any(|byte| byte != b'.');
    let suffix_is_fine = match suffix {
        "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => true,
        _ => suffix.strip_prefix(['e', 'E']).is_some_and(|exponent| exponent.parse::<i32>().is_ok()),
    };
    number_is_fine && suffix_is_fine
}

fn bad_base64(text: &str) -> Result<(), String> {
    use base64::Engine as _;
    // Go skips line breaks within the text.
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let is_of_it = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    if let Some(at) = text.bytes().position(|byte| !is_of_it(byte)) {
        return Err(format!("illegal base64 data at input byte {at}"));
    }
    match base64::engine::general_purpose::STANDARD.decode(&text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                // What is left at the end is told by where it begins.
                _ => text.len() - text.len() % 4,
            };
            Err(format!("illegal base64 data at input byte {at}"))
        }
    }
}

/// Why a text is no time, as a query may have it.
pub(crate) fn check_time(text: &str) -> Result<(), String> {
    time(text, "2006-01-02T15:04:05Z07:00")
}

fn time(text: &str, layout: &str) -> Result<(), String> {
    let has_six_digits = text.split_once('.').is_some_and(|(_, rest)| {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        digits == 6
    });
    let is_micro = layout.contains('.');
    let is_timestamp = text.contains('T') && text.parse::<jiff::Timestamp>().is_ok();
    if is_timestamp && (!is_micro || has_six_digits) {
        return Ok(());
    }
    if !is_micro || !is_timestamp {
        return Err(misfit(text, layout));
    }
    let rest = text.split_once('.').map_or(text.get(19..).unwrap_or_default(), |(before, _)| &text[before.len()..]);
    Err(cannot_parse(text, layout, rest, ".000000"))
}

fn cannot_parse(text: &str, layout: &str, rest: &str, wanted: &str) -> String {
    format!("parsing time {} as {layout:?}: cannot parse {} as {wanted:?}", quoted_time(text), quoted_time(rest))
}

/// The first part of Go's layout that a text does not fit.
fn misfit(text: &str, layout: &str) -> String {
    let parts = [
        ("", "2006", 0..=9999, ""),
        ("-", "01", 1..=12, "month"),
        ("-", "02", 0..=99, ""),
        ("T", "15", 0..=23, "hour"),
        (":", "04", 0..=59, "minute"),
        (":", "05", 0..=59, "second"),
    ];
    let mut rest = text;
    for (before, part, range, what) in parts {
        let Some(at) = rest.strip_prefix(before) else { return cannot_parse(text, layout, rest, before) };
        let number = at.get(..part.len()).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        let Some(number) = number else { return cannot_parse(text, layout, at, part) };
        rest = &at[part.len()..];
        if number.parse().is_ok_and(|number: u32| !range.contains(&number)) {
            return format!("parsing time {}: {what} out of range", quoted_time(text));
        }
    }
    let digits = rest.strip_prefix(['.', ',']).filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()));
    let fraction = digits.map(|digits| digits.trim_start_matches(|c: char| c.is_ascii_digit()));
    let zone = fraction.unwrap_or(rest);
    match zone.strip_prefix('Z') {
        None => cannot_parse(text, layout, zone, "Z07:00"),
        // All of it fits, and still there is no such day.
        Some("") => format!("parsing time {}: day out of range", quoted_time(text)),
        Some(more) => format!("parsing time {}: extra text: {}", quoted_time(text), quoted_time(more)),
    }
}

/// A text as Go's package of times quotes it: byte by byte.
fn quoted_time(text: &str) -> String {
    let mut quoted = String::from('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' | 0x7f => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}
