//! Decodes a text into a type: what the type names is read, and what it does not name is passed over, many bytes at
//! once. A struct of the few fields that a callback needs costs what these fields cost, however large the object is.
//!
//! What is read is read as serde_json reads it, numbers and enums by serde_json itself. Where anything is unusual
//! the way is given up, and serde_json decodes the whole: its answer counts, and errors are always its own.

use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::cursor::{Cursor, Flaw};

/// Decodes the text.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    straight(bytes).or_else(|GivenUp| serde_json::from_slice(bytes))
}

/// The way that is given up where anything is unusual.
fn straight<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, GivenUp> {
    let mut source = Source { bytes, cursor: Cursor::new(bytes), strings: 0, whole: None };
    let value = T::deserialize(Decoder(&mut source))?;
    source.cursor.end()?;
    Ok(value)
}

/// It says nothing: serde_json will.
#[derive(Debug)]
struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("given up")
    }
}

impl std::error::Error for GivenUp {}

impl de::Error for GivenUp {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl From<Flaw> for GivenUp {
    fn from(_: Flaw) -> Self {
        Self
    }
}

/// A type that reads more strings is one that reads most of the object.
const FEW: u32 = 64;

/// The bytes, and how far they are read.
struct Source<'de> {
    bytes: &'de [u8],
    cursor: Cursor<'de>,
    /// How many strings were read.
    strings: u32,
    /// All of it, once it is known to be text.
    whole: Option<&'de str>,
}

impl<'de> Source<'de> {
    /// Few strings are looked at one by one; of many it is cheaper to look at the whole once.
    fn text(&mut self, from: usize, to: usize) -> Result<&'de str, GivenUp> {
        if self.whole.is_none() {
            self.strings += 1;
            if self.strings <= FEW {
                return std::str::from_utf8(self.cursor.slice(from, to)).map_err(|_| GivenUp);
            }
            self.whole = Some(std::str::from_utf8(self.bytes).map_err(|_| GivenUp)?);
        }
        self.whole.and_then(|whole| whole.get(from..to)).ok_or(GivenUp)
    }
}

/// One value, before which the cursor stands.
struct Decoder<'a, 'de>(&'a mut Source<'de>);

/// A string as it is written where it has no escapes, else without them.
enum Text<'de> {
    Borrowed(&'de str),
    Owned(String),
}

impl<'de> Decoder<'_, 'de> {
    fn text(&mut self) -> Result<Text<'de>, GivenUp> {
        let cursor = &mut self.0.cursor;
        if cursor.peek()? != b'"' {
            return Err(GivenUp);
        }
        let start = cursor.at() + 1;
        let raw = cursor.raw()?.ok_or(GivenUp)?;
        if raw.is_plain() {
            let end = cursor.at() - 1;
            return self.0.text(start, end).map(Text::Borrowed);
        }
        raw.text().map(|text| Text::Owned(text.into_owned())).ok_or(GivenUp)
    }

    /// What serde_json makes of this value.
    fn by_serde_json<T>(
        self,
        read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::SliceRead<'de>>) -> serde_json::Result<T>,
    ) -> Result<T, GivenUp> {
        let cursor = &mut self.0.cursor;
        cursor.peek()?;
        let start = cursor.at();
        cursor.skip()?;
        let mut inner = serde_json::Deserializer::from_slice(cursor.slice(start, cursor.at()));
        let read = read(&mut inner).map_err(|_| GivenUp)?;
        inner.end().map_err(|_| GivenUp)?;
        Ok(read)
    }

    fn is_null(&mut self) -> Result<bool, GivenUp> {
        Ok(self.0.cursor.peek()? == b'n')
    }

    fn null(&mut self) -> Result<(), GivenUp> {
        if self.0.cursor.scalar()? == b"null" { Ok(()) } else { Err(GivenUp) }
    }

    /// Goes through what is within brackets, and sees that the visitor went through all of it.
    fn within<T>(self, open: u8, visit: impl FnOnce(&mut Within<'_, 'de>) -> Result<T, GivenUp>) -> Result<T, GivenUp> {
        self.0.cursor.enter(open)?;
        let mut within = Within { source: self.0, is_first: true, is_done: false };
        let value = visit(&mut within)?;
        // The one that counts its elements does not ask whether there is another.
        if within.is_done || !within.goes_on(open + 2)? { Ok(value) } else { Err(GivenUp) }
    }
}

macro_rules! by_serde_json {
    ($($name:ident)*) => { $(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
            self.by_serde_json(|inner| inner.$name(visitor))
        }
    )* };
}

impl<'de> Deserializer<'de> for Decoder<'_, 'de> {
    type Error = GivenUp;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        match self.0.cursor.peek()? {
            b'{' => self.deserialize_map(visitor),
            b'[' => self.deserialize_seq(visitor),
            b'"' => self.deserialize_str(visitor),
            _ => self.by_serde_json(|inner| inner.deserialize_any(visitor)),
        }
    }

    by_serde_json! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_bytes deserialize_byte_buf
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, GivenUp> {
        match self.text()? {
            Text::Borrowed(text) => visitor.visit_borrowed_str(text),
            Text::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, GivenUp> {
        if self.is_null()? {
            self.null()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, GivenUp> {
        self.null()?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, GivenUp> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, GivenUp> {
        // A `RawValue` is a thing between serde_json and itself.
        if name.starts_with("$serde_json") {
            return self.by_serde_json(|inner| inner.deserialize_newtype_struct(name, visitor));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        self.within(b'[', |within| visitor.visit_seq(within))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, GivenUp> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, GivenUp> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        self.within(b'{', |within| visitor.visit_map(within))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, GivenUp> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, GivenUp> {
        self.by_serde_json(|inner| inner.deserialize_enum(name, variants, visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GivenUp> {
        self.0.cursor.skip()?;
        visitor.visit_unit()
    }
}

/// The inside of an object or an array.
struct Within<'a, 'de> {
    source: &'a mut Source<'de>,
    is_first: bool,
    is_done: bool,
}

impl<'de> Within<'_, 'de> {
    /// Goes before the next element or key, or behind the bracket.
    fn goes_on(&mut self, close: u8) -> Result<bool, GivenUp> {
        let cursor = &mut self.source.cursor;
        if cursor.peek()? == close {
            cursor.leave();
            self.is_done = true;
            return Ok(false);
        }
        if !std::mem::take(&mut self.is_first) {
            cursor.take(b',')?;
        }
        Ok(true)
    }

    fn value(&mut self) -> Decoder<'_, 'de> {
        Decoder(self.source)
    }
}

impl<'de> MapAccess<'de> for &mut Within<'_, 'de> {
    type Error = GivenUp;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, GivenUp> {
        if !self.goes_on(b'}')? {
            return Ok(None);
        }
        let key = match self.value().text()? {
            Text::Borrowed(key) => seed.deserialize(BorrowedStrDeserializer::new(key)),
            Text::Owned(key) => seed.deserialize(StringDeserializer::new(key)),
        };
        key.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, GivenUp> {
        self.source.cursor.take(b':')?;
        seed.deserialize(self.value())
    }
}

impl<'de> SeqAccess<'de> for &mut Within<'_, 'de> {
    type Error = GivenUp;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, GivenUp> {
        if !self.goes_on(b']')? {
            return Ok(None);
        }
        seed.deserialize(self.value()).map(Some)
    }
}

#[cfg(test)]
mod tests;
