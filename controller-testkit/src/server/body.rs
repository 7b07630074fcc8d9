//! Request bodies: JSON, YAML or protobuf, read into JSON together with the fields that occur twice.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::fault;
use crate::protobuf;
use crate::status::ApiError;
use crate::store::{DEEPEST, is_deeper};

/// The largest body that is read.
const LIMIT: usize = 3 * 1024 * 1024;

/// What a body held.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub(crate) value: Value,
    /// The paths of members that were given more than once; the last one counts.
    pub(crate) duplicates: Vec<String>,
    /// The line of the first of them in a YAML document.
    pub(crate) line: u64,
}

/// The languages of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Json,
    Yaml,
    Protobuf,
}

/// The media type of a body, without its parameters; JSON unless said otherwise.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match header.split(';').next().unwrap_or_default().trim() {
        "" => "application/json",
        media => media,
    }
}

impl Language {
    /// The language of a request's body, where protobuf is only for kinds that have it.
    pub(crate) fn of(headers: &HeaderMap, protobuf: bool) -> Result<Self, ApiError> {
        const ALL: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
        match media_type(headers).to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "application/yaml" => Ok(Self::Yaml),
            "application/vnd.kubernetes.protobuf" if protobuf => Ok(Self::Protobuf),
            _ => Err(ApiError::unsupported_media_type(&ALL)),
        }
    }
}

/// Refuses a body that is too large.
pub(crate) fn check_size(body: &[u8]) -> Result<(), ApiError> {
    match body.len() {
        length if length > LIMIT => Err(ApiError::too_large(format!("Request entity too large: limit is {LIMIT}"))),
        _ => Ok(()),
    }
}

impl Body {
    /// Reads a body; the fault is in the words of the parser. A protobuf body may leave out what it is: then it is of
    /// the version and kind that the path expects.
    pub(crate) fn parse(language: Language, bytes: &[u8], (version, kind): (&str, &str)) -> Result<Self, String> {
        let body = match language {
            Language::Json => Self::json(bytes),
            Language::Yaml => Self::yaml(bytes),
            Language::Protobuf => protobuf::decode_for(bytes, version, kind)
                .map(|value| Self { value, ..Self::default() })
                .map_err(|fault| fault.to_string()),
        };
        body.and_then(Self::not_too_deep)
    }

    fn not_too_deep(self) -> Result<Self, String> {
        match is_deeper(&self.value, DEEPEST) {
            true => Err("exceeded max depth".to_owned()),
            false => Ok(self),
        }
    }

    pub(crate) fn json(bytes: &[u8]) -> Result<Self, String> {
        let duplicates = RefCell::new(Vec::new());
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let seed = Seed { place: &Place::Root, duplicates: &duplicates };
        let value = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
        match value {
            Ok(value) => Self { value, duplicates: duplicates.into_inner(), line: 0 }.not_too_deep(),
            Err(error) => Err(fault::of(bytes).unwrap_or_else(|| error.to_string())),
        }
    }

    /// Reads YAML 1.1, in which a bare `y`, `n`, `on` or `off` is a boolean.
    fn yaml(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|fault| fault.to_string())?;
        let options = serde_saphyr::options! {
            duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
            strict_booleans: false,
        };
        let Read { value, duplicates } =
            serde_saphyr::from_str_with_options(text, options).map_err(|fault| fault.to_string())?;
        let mut line = 0;
        if !duplicates.is_empty() {
            let options = serde_saphyr::options! {
                duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
                strict_booleans: false,
            };
            let fault = serde_saphyr::from_str_with_options::<Value>(text, options).err();
            line = fault.and_then(|fault| fault.location()).map_or(0, |place| place.line());
        }
        Ok(Self { value, duplicates, line })
    }

    /// What the parser of YAML says of what was given twice: where it stands, and its name.
    pub(crate) fn repeated_keys(&self) -> Vec<String> {
        let name = |path: &String| path.rsplit('.').next().unwrap_or_default().to_owned();
        let say = |path: &String| format!("line {}: key {:?} already set in map", self.line, name(path));
        self.duplicates.iter().map(say).collect()
    }
}

/// Strict decoding's faults of a JSON document in the order in which it has them.
pub(crate) fn in_order_of(bytes: &[u8], unknown: &[String], duplicates: &[String]) -> Vec<String> {
    let told = RefCell::new(Vec::new());
    let seed = Walk { place: &Place::Root, unknown, duplicates, told: &told };
    // What can't be read to its end has been refused before.
    let _ = seed.deserialize(&mut serde_json::Deserializer::from_slice(bytes));
    told.into_inner()
}

/// How messages name a field that is not known, and one that is given twice.
pub(crate) fn unknown_field(path: impl fmt::Display) -> String {
    format!("unknown field \"{path}\"")
}

pub(crate) fn duplicate_field(path: impl fmt::Display) -> String {
    format!("duplicate field \"{path}\"")
}

/// The start of a body, for messages about what could not be read.
pub(crate) fn summary(bytes: &[u8]) -> String {
    const LONGEST: usize = 30;
    let cut = &bytes[..bytes.len().min(LONGEST)];
    let more = if bytes.len() > LONGEST { " ..." } else { "" };
    match bytes.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(cut)),
        Some(_) => format!("{}{more}", cut.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

/// What is read where no seed can be given.
struct Read {
    value: Value,
    duplicates: Vec<String>,
}

impl<'de> de::Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let duplicates = RefCell::new(Vec::new());
        let value = Seed { place: &Place::Root, duplicates: &duplicates }.deserialize(deserializer)?;
        Ok(Self { value, duplicates: duplicates.into_inner() })
    }
}

/// Where in the document a value stands; a chain on the stack, written out only for a duplicate.
enum Place<'a> {
    Root,
    Member(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Self::Root, name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    place: &'a Place<'a>,
    duplicates: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The name of a member, which a YAML document may write as something else than a text.
struct Name(String);

impl<'de> de::Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let duplicates = RefCell::new(Vec::new());
        let name = Seed { place: &Place::Root, duplicates: &duplicates }.deserialize(deserializer)?;
        match name {
            Value::String(name) => Ok(Self(name)),
            Value::Bool(_) | Value::Number(_) | Value::Null => Ok(Self(name.to_string())),
            _ => Err(de::Error::custom("a member's name is a text")),
        }
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            let place = Place::Item(self.place, values.len());
            match items.next_element_seed(Seed { place: &place, duplicates: self.duplicates })? {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(Name(name)) = members.next_key()? {
            let place = Place::Member(self.place, &name);
            let value = members.next_value_seed(Seed { place: &place, duplicates: self.duplicates })?;
            if values.contains_key(&name) {
                let path = place.to_string();
                let mut duplicates = self.duplicates.borrow_mut();
                if !duplicates.contains(&path) {
                    duplicates.push(path);
                }
            }
            values.insert(name, value);
        }
        Ok(Value::Object(values))
    }
}

/// Goes through a document for the fields that are at fault.
#[derive(Clone, Copy)]
struct Walk<'a> {
    place: &'a Place<'a>,
    unknown: &'a [String],
    duplicates: &'a [String],
    told: &'a RefCell<Vec<String>>,
}

impl Walk<'_> {
    fn tell(&self, fault: String) {
        let mut told = self.told.borrow_mut();
        if !told.contains(&fault) {
            told.push(fault);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        while items.next_element_seed(Walk { place: &Place::Item(self.place, index), ..self })?.is_some() {
            index += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            let place = Place::Member(self.place, &name);
            let path = place.to_string();
            if self.unknown.contains(&path) {
                self.tell(unknown_field(&path));
            }
            if !seen.insert(name.clone()) && self.duplicates.contains(&path) {
                self.tell(duplicate_field(&path));
            }
            members.next_value_seed(Walk { place: &place, ..self })?;
        }
        Ok(())
    }
}
