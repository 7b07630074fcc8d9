//! Walks over JSON bytes without building anything: where a value ends, what a key is called, what a string says.
//!
//! It checks what it needs to find its way and no more. Whatever a strict parser takes, it reads in the same way; a
//! text that a strict parser refuses may pass where nobody looks at it, and fails when a callback asks for the object.

use std::borrow::Cow;

use super::brackets::{end_of_array, end_of_object};
use super::text::Raw;

/// As deep as serde_json follows: an object that is nested deeper could not be decoded anyway.
const DEEPEST: usize = 128;

/// What is wrong with some bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("the text ends too early")]
    Truncated,
    #[error("no JSON from byte {at} on")]
    Syntax { at: usize },
    #[error("nested deeper than {DEEPEST} levels")]
    Deep,
    #[error("{field} is missing")]
    Missing { field: &'static str },
    #[error("{field} is not {wanted}")]
    Wrong { field: &'static str, wanted: &'static str },
    #[error("metadata.managedFields stands there more than {most} times")]
    Repeated { most: usize },
}

/// A place in some bytes.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

/// One `key: value` of an object, the cursor standing before the value.
pub(crate) struct Member<'a> {
    pub(crate) key: Cow<'a, [u8]>,
    /// Where the key begins.
    pub(crate) start: usize,
    /// The comma before it.
    pub(crate) comma: Option<usize>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
    }

    /// The same bytes from another place on.
    pub(crate) fn from(&self, at: usize) -> Self {
        Self { at, ..self.clone() }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// The next byte that is no white space. It stays where it is.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<u8, Flaw> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte > b' ' => Ok(*byte),
            _ => self.peek_behind_space(),
        }
    }

    /// API servers write no white space.
    #[cold]
    fn peek_behind_space(&mut self) -> Result<u8, Flaw> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Flaw::Truncated),
            }
        }
    }

    pub(crate) fn step(&mut self) {
        self.at += 1;
    }

    #[inline]
    pub(crate) fn take(&mut self, byte: u8) -> Result<(), Flaw> {
        if self.peek()? != byte {
            return Err(self.syntax());
        }
        self.at += 1;
        Ok(())
    }

    pub(crate) fn syntax(&self) -> Flaw {
        Flaw::Syntax { at: self.at }
    }

    /// Nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), Flaw> {
        match self.peek() {
            Err(Flaw::Truncated) => Ok(()),
            _ => Err(self.syntax()),
        }
    }

    #[inline]
    fn string(&mut self) -> Result<Raw<'a>, Flaw> {
        self.take(b'"')?;
        let (raw, end) = Raw::at(self.bytes, self.at).ok_or(Flaw::Truncated)?;
        self.at = end + 1;
        Ok(raw)
    }

    /// A key without its escapes. Goes before its value.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<Cow<'a, [u8]>, Flaw> {
        let key = self.bytes.get(self.at..).and_then(Raw::short_key);
        if let Some(key) = key {
            self.at += key.len() + r#""":"#.len();
            return Ok(Cow::Borrowed(key));
        }
        self.any_key()
    }

    fn any_key(&mut self) -> Result<Cow<'a, [u8]>, Flaw> {
        let start = self.at;
        let key = self.string()?.bytes().ok_or(Flaw::Syntax { at: start })?;
        self.take(b':')?;
        self.peek()?;
        Ok(key)
    }

    /// Each member of an object in turn. `each` leaves the cursor behind the value.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Member<'a>) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        self.enter(b'{')?;
        let mut comma = None;
        if self.peek()? != b'}' {
            loop {
                self.peek()?;
                let start = self.at;
                let key = self.key()?;
                each(self, Member { key, start, comma })?;
                match self.peek()? {
                    b',' => comma = Some(self.at),
                    b'}' => break,
                    _ => return Err(self.syntax()),
                }
                self.at += 1;
            }
        }
        self.leave();
        Ok(())
    }

    /// Each element of an array in turn. `each` leaves the cursor behind the element.
    pub(crate) fn array(&mut self, mut each: impl FnMut(&mut Self) -> Result<(), Flaw>) -> Result<(), Flaw> {
        self.enter(b'[')?;
        if self.peek()? != b']' {
            loop {
                self.peek()?;
                each(self)?;
                match self.peek()? {
                    b',' => self.at += 1,
                    b']' => break,
                    _ => return Err(self.syntax()),
                }
            }
        }
        self.leave();
        Ok(())
    }

    /// Goes into an object or an array.
    #[inline]
    pub(crate) fn enter(&mut self, open: u8) -> Result<(), Flaw> {
        self.take(open)?;
        self.depth += 1;
        if self.depth > DEEPEST { Err(Flaw::Deep) } else { Ok(()) }
    }

    /// Goes behind the bracket that stands next.
    #[inline]
    pub(crate) fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Goes behind the value.
    pub(crate) fn skip(&mut self) -> Result<(), Flaw> {
        self.skip_within(DEEPEST.saturating_sub(self.depth))
    }

    /// Goes behind the value however deep it is: for what is going to be refused anyway.
    pub(crate) fn skip_any(&mut self) -> Result<(), Flaw> {
        self.skip_within(usize::MAX)
    }

    fn skip_within(&mut self, deepest: usize) -> Result<(), Flaw> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' => {
                self.at = end_of_object(self.bytes, self.at + 1, deepest)?;
                Ok(())
            }
            b'[' => {
                self.at = end_of_array(self.bytes, self.at + 1, deepest)?;
                Ok(())
            }
            _ => self.scalar().map(|_| ()),
        }
    }

    /// A number, `true`, `false` or `null` as it is written.
    pub(crate) fn scalar(&mut self) -> Result<&'a [u8], Flaw> {
        self.peek()?;
        let from = self.at;
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        while self.bytes.get(self.at).is_some_and(part) {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') if self.at > from => Ok(self.slice(from, self.at)),
            None if self.at > from && self.depth == 0 => Ok(self.slice(from, self.at)),
            None => Err(Flaw::Truncated),
            _ => Err(self.syntax()),
        }
    }

    /// A string as it is written, or none where the value is another one. Goes behind the value in both cases.
    #[inline]
    pub(crate) fn raw(&mut self) -> Result<Option<Raw<'a>>, Flaw> {
        if self.peek()? != b'"' {
            self.skip()?;
            return Ok(None);
        }
        self.string().map(Some)
    }

    /// The text of a string, or none where the value is another one. Goes behind the value in both cases.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Option<Cow<'a, str>>, Flaw> {
        Ok(self.raw()?.and_then(Raw::text))
    }

    /// Whether the value is an integer, and which. Goes behind the value in both cases.
    pub(crate) fn integer(&mut self) -> Result<Option<i64>, Flaw> {
        if !matches!(self.peek()?, b'-' | b'0'..=b'9') {
            self.skip()?;
            return Ok(None);
        }
        Ok(std::str::from_utf8(self.scalar()?).ok().and_then(|digits| digits.parse().ok()))
    }
}

/// The JSON pointer of the innermost value that holds the byte at `wanted`. None where the way to it is no JSON.
pub(crate) fn pointer_at(bytes: &[u8], wanted: usize) -> Option<String> {
    let mut pointer = String::new();
    let mut cursor = Cursor::new(bytes);
    while let Some(step) = step_towards(&mut cursor, wanted).ok()? {
        pointer.push('/');
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
    }
    Some(pointer)
}

/// Goes before the member or element that holds the byte, and says its name. None if the value itself does.
fn step_towards(cursor: &mut Cursor<'_>, wanted: usize) -> Result<Option<String>, Flaw> {
    let mut found = None;
    cursor.peek()?;
    // A decoder that dislikes a value before it reads it stands at what precedes the value.
    let mut from = cursor.at + 1;
    let mut hold = |cursor: &mut Cursor<'_>, name: &dyn Fn() -> String| {
        let start = cursor.at;
        let skipped = cursor.skip();
        if (from..cursor.at).contains(&wanted) {
            found = Some((start, name()));
        }
        from = cursor.at;
        skipped
    };
    let mut index = 0_usize;
    let walked = match cursor.peek()? {
        b'{' => cursor.object(|cursor, member| hold(cursor, &|| String::from_utf8_lossy(&member.key).into_owned())),
        b'[' => cursor.array(|cursor| {
            index += 1;
            hold(cursor, &|| (index - 1).to_string())
        }),
        _ => Ok(()),
    };
    walked?;
    Ok(found.map(|(start, name)| {
        (cursor.at, cursor.depth) = (start, 0);
        name
    }))
}

#[cfg(test)]
mod tests;
