//! How a value is shown in a message: the way in which Go prints it.
//!
//! Kubernetes' messages are made with Go's `%v`, `%q` and `encoding/json`, whose rules differ from Rust's in the
//! details that clients see: which characters are escaped, and when a number gets an exponent.

use std::fmt::Write;

use serde_json::{Number, Value};

/// A value in a field's error: a text quoted, a number or boolean plain, anything else as JSON.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Number(number) => self::number(number),
        other => json(other),
    }
}

/// A text in Go's `%q`.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if c < ' ' || c == '\u{7f}' => push(&mut out, format_args!("\\x{:02x}", u32::from(c))),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) < 0x1_0000 => push(&mut out, format_args!("\\u{:04x}", u32::from(c))),
            c => push(&mut out, format_args!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// A number in Go's `%v`.
pub(crate) fn number(number: &Number) -> String {
    match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => integer.to_string(),
        (None, Some(float)) => self::float(float, -4, 6),
        (None, None) => number.to_string(),
    }
}

/// A value as `encoding/json` writes it: keys in order, `<`, `>` and `&` escaped.
pub(crate) fn json(value: &Value) -> String {
    let mut out = String::new();
    write_json(&mut out, value);
    out
}

fn write_json(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (index, (name, field)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(out, name);
                out.push(':');
                write_json(out, field);
            }
            out.push('}');
        }
        Value::String(text) => write_text(out, text),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            // encoding/json writes a single digit of a negative exponent where %v writes two.
            (None, Some(float)) => out.push_str(&self::float(float, -6, 21).replace("e-0", "e-")),
            _ => push(out, format_args!("{number}")),
        },
        other => push(out, format_args!("{other}")),
    }
}

fn write_text(out: &mut String, text: &str) {
    let plain = Value::String(text.to_owned()).to_string();
    for c in plain.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                push(out, format_args!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
}

/// The shortest text that reads back as `value`, with an exponent below `low` and from `high` on.
fn float(value: f64, low: i32, high: i32) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && (exponent < low || exponent >= high) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{value}")
}

/// Go prints letters, marks, numbers, punctuation, symbols and the plain space; Rust's debug escape leaves the same set
/// alone, marks only where they follow something.
fn is_printable(c: char) -> bool {
    c == ' ' || !c.is_whitespace() && !format!("a{c}").escape_debug().to_string().contains("\\u")
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = out.write_fmt(text);
}
