//! Protobuf, which every typed Go client sends for built-in kinds and would rather have as an answer: read into JSON,
//! and written from it.
//!
//! Neither knows a message of its own: what a field number means comes from the table of Go types. What is read becomes
//! the JSON that Go itself would write of the object. Unknown fields are skipped, as protobuf has it. A body that is cut
//! off, nests too deeply or claims lengths that it does not have is an error.

mod encode;
mod value;
mod wire;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::catalog::split_api_version;
use crate::kinds::{self, Type};
pub(crate) use encode::{encode, encode_event};
use wire::{Reader, Scalar};

/// What every protobuf body of the API starts with.
const MAGIC: &[u8] = b"k8s\0";

/// Deeper than any object that a person writes; schemas of definitions nest the most.
const MAX_DEPTH: usize = 128;

/// More values than a body of 3 MiB has any use for. It bounds what empty messages, which cost two bytes each, become.
const MAX_VALUES: usize = 500_000;

/// Why a body cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    NoMagic,
    #[error("unexpected end of the protobuf message")]
    Truncated,
    #[error("invalid protobuf message: {0}")]
    Malformed(&'static str),
    #[error("the protobuf message nests more than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("the protobuf message has more than {MAX_VALUES} values")]
    TooManyValues,
    #[error("the protobuf message names no kind; set apiVersion and kind")]
    NoKind,
    #[error("no kind {kind:?} is registered for version {api_version:?}")]
    UnknownKind { api_version: String, kind: String },
    #[error("unsupported encoding {0:?} within the protobuf envelope")]
    Encoding(String),
    #[error("the JSON within the protobuf message is invalid: {0}")]
    Json(String),
}

/// Reads a body: the object with its `apiVersion` and `kind`.
pub(crate) fn decode(body: &[u8]) -> Result<Value, Error> {
    decode_for(body, "", "")
}

/// Reads a body whose envelope may leave out its kind, as the options of a DELETE do on some paths.
pub(crate) fn decode_for(body: &[u8], api_version: &str, kind: &str) -> Result<Value, Error> {
    let envelope = Envelope::read(body.strip_prefix(MAGIC).ok_or(Error::NoMagic)?)?;
    if !envelope.encoding.is_empty() {
        return Err(Error::Encoding(envelope.encoding));
    }
    let named = |own: String, other: &str| if own.is_empty() { other.to_owned() } else { own };
    let (api_version, kind) = (named(envelope.api_version, api_version), named(envelope.kind, kind));
    if kind.is_empty() {
        return Err(Error::NoKind);
    }
    if envelope.content_type == "application/json" {
        return parse_json(envelope.raw);
    }
    let (group, version) = split_api_version(&api_version);
    // Options and Status exist in every group and are one type.
    let ty = match kind.as_str() {
        "DeleteOptions" | "Status" => kinds::of_kind("", "v1", &kind),
        _ => kinds::of_kind(group, version, &kind),
    };
    let Some(ty) = ty else { return Err(Error::UnknownKind { api_version, kind }) };
    let mut object = Decoder { values: 0, depth: 0 }.message(ty, envelope.raw)?;
    object.insert("apiVersion".into(), api_version.into());
    object.insert("kind".into(), kind.into());
    Ok(Value::Object(object))
}

/// `runtime.Unknown`: what the object is, and its bytes.
#[derive(Debug, Default)]
struct Envelope<'a> {
    api_version: String,
    kind: String,
    raw: &'a [u8],
    encoding: String,
    content_type: String,
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut envelope = Envelope::default();
        let mut reader = Reader::new(bytes);
        while let Some((number, scalar)) = reader.field()? {
            match (number, scalar) {
                (1, Scalar::Bytes(bytes)) => {
                    let mut reader = Reader::new(bytes);
                    while let Some((number, scalar)) = reader.field()? {
                        match number {
                            1 => envelope.api_version = value::text(scalar)?,
                            2 => envelope.kind = value::text(scalar)?,
                            _ => {}
                        }
                    }
                }
                (2, Scalar::Bytes(raw)) => envelope.raw = raw,
                (3, scalar) => envelope.encoding = value::text(scalar)?,
                (4, scalar) => envelope.content_type = value::text(scalar)?,
                _ => {}
            }
        }
        Ok(envelope)
    }
}

fn parse_json(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Json(error.to_string()))
}

/// Reads messages by their types, and counts what they become.
struct Decoder {
    values: usize,
    depth: usize,
}

impl Decoder {
    fn message(&mut self, ty: &Type, bytes: &[u8]) -> Result<Map<String, Value>, Error> {
        let mut fields = Map::new();
        self.fields(ty, bytes, &mut fields)?;
        kinds::complete(ty, &mut fields);
        self.count(fields.len())?;
        Ok(fields)
    }

    /// Adds a message's fields to an object; those of an embedded struct to the object around it.
    fn fields(&mut self, ty: &Type, bytes: &[u8], fields: &mut Map<String, Value>) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let mut reader = Reader::new(bytes);
        while let Some((number, scalar)) = reader.field()? {
            match ty.wire.get(&number) {
                Some(kinds::Wire::Embedded(inner)) => {
                    self.fields(inner.get(), value::bytes(scalar)?, fields)?;
                }
                Some(kinds::Wire::Field(at)) => {
                    if let Some(field) = ty.fields.get(*at) {
                        self.add(field, scalar, fields)?;
                    }
                }
                None => {}
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn count(&mut self, values: usize) -> Result<(), Error> {
        self.values += values;
        if self.values > MAX_VALUES { Err(Error::TooManyValues) } else { Ok(()) }
    }
}
