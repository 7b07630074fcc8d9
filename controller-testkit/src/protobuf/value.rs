//! From a field's wire value to JSON, by the form that the Go type gives it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::wire::{Reader, Scalar};
use super::{Decoder, Error, parse_json};
use crate::kinds::{self, Field, Form};

impl Decoder {
    /// Adds one occurrence of a field: lists and maps grow, anything else is replaced.
    pub(super) fn add(
        &mut self,
        field: &Field,
        scalar: Scalar<'_>,
        fields: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        self.count(1)?;
        match &field.form {
            Form::List(element) => {
                let list = fields.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
                let Value::Array(items) = list else { return Ok(()) };
                match (element.as_ref(), scalar) {
                    (Form::Int32 | Form::Int64 | Form::Bool, Scalar::Bytes(packed)) => {
                        let mut reader = Reader::new(packed);
                        while let Some(varint) = reader.packed()? {
                            self.count(1)?;
                            items.push(self.value(element, Scalar::Varint(varint))?);
                        }
                    }
                    (element, scalar) => items.push(self.value(element, scalar)?),
                }
            }
            Form::Map(element) => {
                let (key, value) = self.entry(element, bytes(scalar)?)?;
                let map = fields.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(entries) = map {
                    entries.insert(key, value);
                }
            }
            form => {
                let value = self.value(form, scalar)?;
                fields.insert(field.name.to_owned(), value);
            }
        }
        Ok(())
    }

    fn entry(&mut self, element: &Form, bytes: &[u8]) -> Result<(String, Value), Error> {
        let mut key = String::new();
        let mut value = None;
        let mut reader = Reader::new(bytes);
        while let Some((number, scalar)) = reader.field()? {
            match number {
                1 => key = text(scalar)?,
                2 => value = Some(self.value(element, scalar)?),
                _ => {}
            }
        }
        Ok((key, value.unwrap_or_else(|| kinds::zero(element))))
    }

    fn value(&mut self, form: &Form, scalar: Scalar<'_>) -> Result<Value, Error> {
        Ok(match form {
            Form::String => text(scalar)?.into(),
            Form::Bool => (varint(scalar)? != 0).into(),
            // Negative numbers of 32 bits take ten bytes on the wire, of which Go keeps the lower half.
            Form::Int32 => (varint(scalar)? as i32).into(),
            Form::Int64 => (varint(scalar)? as i64).into(),
            Form::Double => match scalar {
                Scalar::Fixed64(bits) => double(f64::from_bits(bits)),
                _ => return Err(Error::Malformed("a number is not of eight bytes")),
            },
            Form::Bytes => STANDARD.encode(bytes(scalar)?).into(),
            Form::Time => time(scalar, "%Y-%m-%dT%H:%M:%SZ")?,
            Form::MicroTime => time(scalar, "%Y-%m-%dT%H:%M:%S.%6fZ")?,
            Form::Duration => duration(numbers(scalar)?[0]).into(),
            Form::Quantity => match text(first(scalar)?)? {
                empty if empty.is_empty() => "0".into(),
                quantity => quantity.into(),
            },
            Form::IntOrString => int_or_string(scalar)?,
            Form::Fields | Form::Json => match bytes(first(scalar)?)? {
                [] => Value::Null,
                raw => parse_json(raw)?,
            },
            Form::Raw => match bytes(first(scalar)?)? {
                [] => Value::Null,
                raw if raw.starts_with(super::MAGIC) => {
                    // An object within an object has an envelope of its own.
                    self.depth += 8;
                    if self.depth > super::MAX_DEPTH {
                        return Err(Error::TooDeep);
                    }
                    let inner = super::decode(raw)?;
                    self.depth -= 8;
                    inner
                }
                raw => parse_json(raw)?,
            },
            Form::Struct(id) => Value::Object(self.message(id.get(), bytes(scalar)?)?),
            Form::Items(element) => self.items(element, bytes(scalar)?)?,
            Form::SchemaOrBool => self.schema_or(scalar, |decoder, number, scalar| match number {
                1 => Ok(Some(decoder.value(&Form::Bool, scalar)?)),
                _ => Ok(None),
            })?,
            Form::SchemaOrArray => self.schema_or(scalar, |decoder, number, scalar| match number {
                2 => Ok(Some(Value::Array(vec![decoder.schema(scalar)?]))),
                _ => Ok(None),
            })?,
            Form::SchemaOrStrings => self.schema_or(scalar, |_, number, scalar| match number {
                2 => Ok(Some(Value::Array(vec![text(scalar)?.into()]))),
                _ => Ok(None),
            })?,
            // Lists of lists and maps of lists have wrappers in the API's messages, which are forms of their own.
            Form::List(_) | Form::Map(_) => return Err(Error::Malformed("a list stands where none can")),
        })
    }

    fn items(&mut self, element: &Form, bytes: &[u8]) -> Result<Value, Error> {
        let mut items = Vec::new();
        let mut reader = Reader::new(bytes);
        while let Some((number, scalar)) = reader.field()? {
            if number == 1 {
                self.count(1)?;
                items.push(self.value(element, scalar)?);
            }
        }
        Ok(Value::Array(items))
    }

    fn schema(&mut self, scalar: Scalar<'_>) -> Result<Value, Error> {
        self.count(1)?;
        Ok(Value::Object(self.message(kinds::schema_props().get(), bytes(scalar)?)?))
    }

    /// One of the types that are a schema or something else. `other` reads the something else; a schema wins over a
    /// boolean, and lists grow.
    fn schema_or(
        &mut self,
        scalar: Scalar<'_>,
        other: impl Fn(&mut Self, u32, Scalar<'_>) -> Result<Option<Value>, Error>,
    ) -> Result<Value, Error> {
        let (mut schema, mut rest) = (None, Value::Null);
        let mut reader = Reader::new(bytes(scalar)?);
        while let Some((number, scalar)) = reader.field()? {
            match other(self, number, scalar)? {
                Some(Value::Array(mut more)) => match &mut rest {
                    Value::Array(items) => items.append(&mut more),
                    rest => *rest = Value::Array(more),
                },
                Some(value) => rest = value,
                // The schema has number 1, or 2 beside a boolean.
                None if matches!(number, 1 | 2) => schema = Some(self.schema(scalar)?),
                None => {}
            }
        }
        Ok(match (schema, rest) {
            (_, Value::Array(items)) => Value::Array(items),
            (Some(schema), _) => schema,
            (None, rest) => rest,
        })
    }
}

pub(super) fn bytes(scalar: Scalar<'_>) -> Result<&[u8], Error> {
    match scalar {
        Scalar::Bytes(bytes) => Ok(bytes),
        _ => Err(Error::Malformed("a number stands where a message or text is expected")),
    }
}

pub(super) fn text(scalar: Scalar<'_>) -> Result<String, Error> {
    let bytes = bytes(scalar)?;
    // Go takes any bytes for a string and JSON then replaces what is no UTF-8.
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn varint(scalar: Scalar<'_>) -> Result<u64, Error> {
    match scalar {
        Scalar::Varint(value) => Ok(value),
        _ => Err(Error::Malformed("something else stands where a number is expected")),
    }
}

/// The first field of a message that has only one, or nothing.
fn first(scalar: Scalar<'_>) -> Result<Scalar<'_>, Error> {
    let mut found = Scalar::Bytes(&[]);
    let mut reader = Reader::new(bytes(scalar)?);
    while let Some((number, scalar)) = reader.field()? {
        if number == 1 {
            found = scalar;
        }
    }
    Ok(found)
}

/// The numbers of the fields 1 and 2.
fn numbers(scalar: Scalar<'_>) -> Result<[i64; 2], Error> {
    let mut found = [0, 0];
    let mut reader = Reader::new(bytes(scalar)?);
    while let Some((number, scalar)) = reader.field()? {
        match number {
            1 => found[0] = varint(scalar)? as i64,
            2 => found[1] = varint(scalar)? as i64,
            _ => {}
        }
    }
    Ok(found)
}

/// A number as Go writes it: without a fraction where it has none.
fn double(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT { (value as i64).into() } else { value.into() }
}

fn time(scalar: Scalar<'_>, format: &str) -> Result<Value, Error> {
    if bytes(scalar)?.is_empty() {
        return Ok(Value::Null);
    }
    let [seconds, nanoseconds] = numbers(scalar)?;
    let nanoseconds = i32::try_from(nanoseconds).map_err(|_| Error::Malformed("a timestamp is out of range"))?;
    let timestamp =
        Timestamp::new(seconds, nanoseconds).map_err(|_| Error::Malformed("a timestamp is out of range"))?;
    Ok(timestamp.strftime(format).to_string().into())
}

fn int_or_string(scalar: Scalar<'_>) -> Result<Value, Error> {
    let (mut is_text, mut number_value, mut text_value) = (false, 0_i32, String::new());
    let mut reader = Reader::new(bytes(scalar)?);
    while let Some((number, scalar)) = reader.field()? {
        match number {
            1 => is_text = varint(scalar)? == 1,
            2 => number_value = varint(scalar)? as i32,
            3 => text_value = text(scalar)?,
            _ => {}
        }
    }
    Ok(if is_text { text_value.into() } else { number_value.into() })
}

/// A duration in nanoseconds as Go prints it: `1h0m5s`, `1.5s`, `20ms`.
fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let fraction = |unit: u64| {
        let digits = unit.ilog10() as usize;
        let rest = format!("{:0digits$}", total % unit);
        let rest = rest.trim_end_matches('0');
        if rest.is_empty() { String::new() } else { format!(".{rest}") }
    };
    if total == 0 {
        return "0s".to_owned();
    }
    let text = match total {
        0..1_000 => format!("{total}ns"),
        1_000..1_000_000 => format!("{}{}µs", total / 1_000, fraction(1_000)),
        1_000_000..1_000_000_000 => format!("{}{}ms", total / 1_000_000, fraction(1_000_000)),
        _ => {
            let seconds = total / 1_000_000_000;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let rest = format!("{}{}s", seconds % 60, fraction(1_000_000_000));
            match (hours, minutes) {
                (0, 0) => rest,
                (0, _) => format!("{minutes}m{rest}"),
                _ => format!("{hours}h{minutes}m{rest}"),
            }
        }
    };
    format!("{sign}{text}")
}

/// The nanoseconds of such a text; what is none takes no time.
pub(super) fn nanoseconds(text: &str) -> i64 {
    const UNITS: [(&str, f64); 6] = [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut total = 0;
    while let Some(end) = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.') {
        let Ok(count) = rest[..end].parse::<f64>() else { break };
        let word = &rest[end..];
        let letters = word.find(|letter: char| letter.is_ascii_digit()).unwrap_or(word.len());
        let Some((_, unit)) = UNITS.iter().find(|(name, _)| *name == &word[..letters]) else { break };
        total += (count * unit).round() as i64;
        rest = &word[letters..];
    }
    sign * total
}
